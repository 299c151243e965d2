"""The head of a dump file (RDB): what the file says of itself before it is loaded.

RDB begins with `REDIS` or `VALKEY` (Valkey 9) and its version, followed by auxiliary fields: the version of the server
that wrote it, the second at which it was begun, and the memory in use then. It ends with the byte 0xFF and a checksum
of eight bytes. Seen in files of Redis 6.2.5, 7.0.15 and 8.2.3 and of Valkey 8.1.8 and 9.1.2.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from archive_tui.errors import ConnectError, NotFoundError
from archive_tui.settings.model import Snapshot
from archive_tui.text import line

_HEAD_SIZE = 4096
"""Bytes that are read of the beginning: the fields that we want take a hundred."""

_SIGNATURE = re.compile(rb"REDIS\d{4}|VALKEY\d{3}")
_AUXILIARY, _END = 0xFA, 0xFF
_CHECKSUM = 8
"""Bytes behind the end."""

_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\x04\x22\x4d\x18": ("LZ4", "unlz4"),
    b"PK\x03\x04": ("zip", "unzip"),
}
"""How compressed files begin, what that is called, and what unpacks it."""


def read_head(path: Path) -> Snapshot:
    """Read what a dump file says of itself. Raises NotFoundError where there is no file, and ConnectError for one that
    cannot be a whole dump.
    """
    shown = line(str(path))
    try:
        # Not blocking: a pipe that nobody writes to would hang
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConnectError(f"{shown} is no regular file: a dump is read more than once, so copy it to one")
            head = file.read(_HEAD_SIZE)
            file.seek(max(status.st_size - _CHECKSUM - 1, 0))
            tail = file.read()
    except FileNotFoundError:
        raise NotFoundError(f"no file {shown}") from None
    except OSError as error:
        raise ConnectError(f"{shown} cannot be read: {error.strerror}") from None
    if reason := _why_no_dump(head, tail):
        raise ConnectError(f"{shown} {reason}")
    facts = _auxiliary(head)
    product = next((name for name in ("valkey", "redict") if f"{name}-ver" in facts), "redis")
    return Snapshot(
        path,
        taken_at=_number(facts.get("ctime")) or status.st_mtime,
        product=product,
        version=line(facts.get(f"{product}-ver", "")),
        size=status.st_size,
        memory=_number(facts.get("used-mem")),
    )


def _why_no_dump(head: bytes, tail: bytes) -> str | None:
    """Say why a file cannot be a whole dump, by its first and its last bytes; None where it may be one."""
    if not head:
        return "is empty"
    for signature, (name, unpack) in _COMPRESSED.items():
        if head.startswith(signature):
            return f"is compressed ({name}): unpack it first, with {unpack}"
    if head.startswith(b"*"):
        return "is an append-only file (AOF), not a dump (RDB)"
    if not _SIGNATURE.match(head):
        return "is no dump file of Redis or Valkey (RDB)"
    if len(tail) <= _CHECKSUM or tail[0] != _END:
        return "is not whole: the end of the dump is missing, or something stands behind it; copy it again"
    return None


def _auxiliary(head: bytes) -> Mapping[str, str]:
    """The auxiliary fields at the beginning of a dump, by name."""
    facts: dict[str, str] = {}
    at = 9  # both signatures have nine bytes
    try:
        while head[at] == _AUXILIARY:
            name, at = _string(head, at + 1)
            facts[name], at = _string(head, at)
    except (IndexError, ValueError):
        pass  # cut off by the end of what we have read, or of a form that no auxiliary field has
    return facts


def _string(data: bytes, at: int) -> tuple[str, int]:
    """A string, or a number that is written as one, and where it ends. Raises IndexError or ValueError."""
    first = data[at]
    form, low = first >> 6, first & 0x3F
    if form == 3:
        if low > 2:
            raise ValueError("a compressed string")
        end = at + 1 + (1 << low)
        return str(int.from_bytes(data[at + 1 : end], "little", signed=True)), end
    if form == 2:
        start, length = at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
    elif form == 1:
        start, length = at + 2, low << 8 | data[at + 1]
    else:
        start, length = at + 1, low
    if start + length > len(data):
        raise IndexError(at)
    return data[start : start + length].decode("utf-8", "replace"), start + length


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdigit() else None
