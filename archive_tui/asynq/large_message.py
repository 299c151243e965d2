"""Messages of many MiB: the payload is taken out of them before they are decoded.

The library copies a payload when it decodes a message, and once more for everybody who asks for it: 40 ms each for
50 MiB, in which nothing else of the process runs. Here it is copied once, in steps.
"""

import io

from archive_tui.asynq.message import TaskMessage, decode

LARGE = 1024 * 1024
"""Bytes of a message from which its payload is taken out."""

_PAYLOAD = 2
_STEP = 1024 * 1024
"""Bytes that are copied at once."""


def read(raw: bytes | None) -> tuple[TaskMessage | None, bytes | None]:
    """The message, None where it does not decode or is missing; and its payload where that is taken out of it."""
    if raw is None or len(raw) < LARGE:
        return (decode(raw) if raw is not None else None), None
    return apart(raw) or (None, None)


def apart(raw: bytes) -> tuple[TaskMessage, bytes] | None:
    """The message without its payload, and the payload; None where it does not decode.

    What is no message is for the library to say, as for `decode`.
    """
    rest: list[bytes] = []
    payload = (0, 0)
    at = 0
    try:
        while at < len(raw):
            begin = at
            tag, at = _varint(raw, at)
            start, at = _value(raw, tag & 7, at)
            if at > len(raw):
                return None
            if tag == _PAYLOAD << 3 | 2:
                payload = start, at
            else:
                rest.append(raw[begin:at])
    except _UnusualError:  # an old group, or what is no message at all
        whole = decode(raw)
        return (whole, whole.payload) if whole is not None else None
    message = decode(b"".join(rest))
    return (message, _copied(raw, *payload)) if message is not None else None


class _UnusualError(Exception):
    """Bytes that only the library may judge."""


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    number = 0
    for shift, byte in enumerate(raw[at : at + 10]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, at + shift + 1
    raise _UnusualError


def _value(raw: bytes, wire: int, at: int) -> tuple[int, int]:
    """Where the value of a field begins behind its length, and where it ends (protobuf.dev, "Encoding")."""
    if wire == 0:
        return at, _varint(raw, at)[1]
    if wire == 2:
        length, start = _varint(raw, at)
        return start, start + length
    if wire in (1, 5):
        return at, at + (8 if wire == 1 else 4)
    raise _UnusualError


def _copied(raw: bytes, start: int, end: int) -> bytes:
    """A part of many MiB, copied in steps: between them others of the process run."""
    whole, view = io.BytesIO(), memoryview(raw)
    for at in range(start, end, _STEP):
        whole.write(view[at : min(at + _STEP, end)])
    return whole.getvalue()
