"""A dump file in the place of a server: loaded into a private server for as long as it is looked at.

The original is never written, and never copied: the server gets a link to it, reads it once, and is killed in the end.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from archive_tui.errors import ConnectError, UsageError
from archive_tui.settings.model import Settings, Snapshot
from archive_tui.settings.url import parse_url
from archive_tui.text import line
from archive_tui.wording.people import plural, size
from archive_tui.wording.programs import moment

_KEEPS_EXPIRED = (8, 1)
"""The Valkey that has an import mode."""

_SHORT_LIVED = "locks, and what servers and schedulers say of themselves"
"""The keys of Asynq that have a time to live."""

_VERSION = re.compile(r"(\w+) server v=(\d+)\.(\d+)")


@contextmanager
def served(settings: Settings, say: Callable[[str], None], progress: Callable[[str], None]) -> Iterator[Settings]:
    """Load the dump file that settings name, and yield settings that lead to it; others are yielded as they are.

    `say` gets a line about what is loaded and what is missing of it, `progress` the percentage that is loaded. Raises
    UsageError where there is no server to load it, ConnectError where it cannot be loaded.
    """
    snapshot = settings.snapshot
    if snapshot is None:
        yield settings
        return
    from archive_tui.embedded.server import EmbeddedServer, LoadError, Loading

    say(_announcement(snapshot, free_memory()))
    keeps_expired = snapshot.loader is None or _keeps_expired(snapshot.loader)
    loader = str(snapshot.loader.absolute()) if snapshot.loader is not None else None
    server = EmbeddedServer(Loading(snapshot.file, loader, keeps_expired, progress))
    try:
        server.__enter__()
    except UsageError as error:
        raise UsageError(f"{error}; or name a redis-server or valkey-server of your own: --server PROGRAM") from None
    except LoadError as error:
        raise ConnectError(_why_not_loaded(snapshot, str(error))) from None
    try:
        missing = 0 if keeps_expired else server.dropped
        if missing is None:
            say(f"keys that had expired since are missing: {_SHORT_LIVED}")
        elif missing:
            say(f"{plural(missing, 'key')} that had expired since are missing: {_SHORT_LIVED}")
        yield replace(settings, socket=parse_url(server.url).socket, snapshot=replace(snapshot, missing=missing))
    finally:
        server.__exit__(None, None, None)


def _announcement(snapshot: Snapshot, free: int | None) -> str:
    """The line before the loading. Raises ConnectError where memory does not suffice."""
    name = line(str(snapshot.file))
    made = f"{name}: {size(snapshot.size)}, snapshot of {moment(int(snapshot.taken_at))}"
    if snapshot.version:
        made += f" by {snapshot.product.capitalize()} {snapshot.version}"
    if snapshot.memory is None:
        return f"loading {made}"
    needed = f"about {size(snapshot.memory)} of memory"
    if free is None:
        return f"loading {made}; needs {needed}"
    if snapshot.memory > free:
        raise ConnectError(f"{name} needs {needed} to be loaded, and {size(free)} are free here: use a larger machine")
    return f"loading {made}; needs {needed}, {size(free)} are free"


def free_memory() -> int | None:
    """Bytes of memory and swap that programs can have without others losing any; None where the system (all but Linux)
    does not say.
    """
    try:
        facts = dict(one.split(":", 1) for one in Path("/proc/meminfo").read_text().splitlines())
        return sum(int(facts[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree"))
    except (OSError, KeyError, ValueError):
        return None


def _keeps_expired(loader: Path) -> bool:
    """Ask a server program for its version. Raises UsageError where it is none."""
    try:
        asked = subprocess.run(
            [loader.absolute(), "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not answer"
        raise UsageError(f"--server {line(str(loader))} cannot be run: {reason}") from None
    found = _VERSION.search(asked.stdout)
    if found is None:
        raise UsageError(f"--server {line(str(loader))} is no server of Redis, Redict or Valkey")
    product, major, minor = found.groups()
    return product.lower() == "valkey" and (int(major), int(minor)) >= _KEEPS_EXPIRED


_REASONS = (
    (r"Can't handle foreign type or opcode|(?i:unknown (RDB encoding )?type|unknown RDB)",
     "holds a type that is its own server's, as fields with a time to live are those of Redis 7.4 and newer"),
    (r"Can't handle RDB format version|Wrong signature", "has a format that this server does not know"),
    (r"[Nn]o matching module|module '|AUX module data", "holds data of a module that this server does not have"),
    (r"configured to handle more than", "holds a database with a number above 1,023"),
    (r"[Cc]hecksum|CRC error", "is damaged: its checksum does not fit; copy it again"),
    (r"Short read|Unexpected EOF|[Uu]nexpected end of file", "is damaged: it ends in the middle; copy it again"),
    (r"Internal error in RDB", "is damaged: copy it again"),
    (r"[Oo]ut [Oo]f [Mm]emory", "does not fit into the memory of this machine"),
)  # fmt: skip
"""Words of a server's log (Redis 6.2 to 8.2, Valkey 8.1 and 9.1), and what they mean for the file. The first that fits
counts.
"""

_OTHER_LOADER = 3
"""So many of the first reasons go away with another server."""


def _why_not_loaded(snapshot: Snapshot, log: str) -> str:
    """Put the end of a server that loaded a dump into one line."""
    name = line(str(snapshot.file))
    for number, (pattern, meaning) in enumerate(_REASONS):
        if re.search(pattern, log):
            if number >= _OTHER_LOADER:
                return f"{name} {meaning}"
            wrote = f"{snapshot.product.capitalize()} {snapshot.version}".strip()
            return f"{name} {meaning}: name a server like the one that wrote it ({wrote}) with --server PROGRAM"
    said = [one for one in log.splitlines() if one and not one.startswith("[offset")]
    return f"{name} cannot be loaded: {line(said[-1]) if said else 'the server was killed; memory may have run out'}"
