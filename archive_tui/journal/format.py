"""Lines of a journal: newline-delimited JSON (docs/journal.md).

    {"archive_tui": "journal", "version": 2, …}                      the header, once; with "namespace" for another
                                                                     than asynq
    {"queue", "id", "index", "score", "lock", "until_ms", "field_until_ms", "fields": {name: b64}}
                                                                     a task, before it is deleted; what belongs to no
                                                                     queue has null in its place
    {"batch": 7, "tasks": 500}                                       ends batch 7 of 500 tasks; it is safe on disk
    {"done": 7, "outcomes": "1101…"}                                 what became of batch 7, a sign for each task
    {"restored": 7, "at": …, "outcomes": "…"}                        what was written back of it, and when
    {"end": …, "state": "done", "counts": {…}}                       the run has ended

Each batch is a gzip member of its own, so what a crash leaves behind is readable up to the last complete batch.
"""

import base64
import json
import re
from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.text import decode, encode, readable

VERSION = 2
RUN_VERSION = 3
"""The version of the journals of runs. The lines are those of version 2, but the tasks are still in Redis, elsewhere:
restored as deleted ones, those that have run would be there once more. An older build refuses the number.
"""
NAMESPACE_VERSION = 4
"""The version of the journals of other namespaces than Asynq's own, which their header names. The lines are those of
version 2. An older build would restore them into the namespace `asynq`, and refuses the number.
"""
EDIT_VERSION = 5
"""The version of the journals of edits, of every namespace. A task's line may have `edited` as well, the SHA-1 of the
message that was written in the place of its own: by that a restore knows it again. The tasks are still in Redis, as
those of a run are. An older build refuses the number.
"""
READABLE = (1, 2, 3, 4, 5)
"""The versions that we read. Version 1 knew no times to live, and had a list in `fields` where a name was not UTF-8 or
a value long.
"""

LONG = 1024 * 1024
"""Bytes of a value above which it is written piece by piece."""

_PIECE = 3 * 128 * 1024
_SHA1 = re.compile(r"[0-9a-f]{40}")
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")
_BASE64 = "base64:"
"""Stands before the name of a field in base64: one that is not UTF-8, or begins with this itself."""

_INDEXES = {None: b"null"} | {state: b'"%b"' % state.value.encode() for state in State}


def dumps(value: object) -> bytes:
    """Compact JSON in ASCII, as one line."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def raw_bytes(value: Any) -> bytes:
    """The bytes that `readable` was given. Raises ValueError."""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict) and isinstance(value.get("base64"), str):
        return base64.b64decode(value["base64"], validate=True)
    raise ValueError("neither text nor base64")


def packed(raw: bytes) -> bytes:
    """An id or a name as it stands in a line."""
    if _PLAIN.fullmatch(raw):
        return b'"%b"' % raw
    return json.dumps(readable(raw)).encode()


_NONE = b"null"


def _packed_queue(queue: str) -> bytes:
    """The name of a queue as it stands in a line."""
    return packed(encode(queue)) if queue != INSTALLATION else _NONE


_HEAD = b'{"queue":%b,"id":%b,"index":%b,"score":%b,"lock":%b,"place":%b,"until_ms":%b,"field_until_ms":%b,%b"fields":'


class _Names(dict[bytes, bytes]):
    """Field names as they stand before their values; there are few of them."""

    def __missing__(self, name: bytes) -> bytes:
        start = json.dumps(_name(name)).encode() + b':"'
        if len(self) < 100:
            self[name] = start
        return start


_NAMES = _Names()


def _name(name: bytes) -> str:
    """The name of a field as it stands in a line."""
    text = readable(name)
    if isinstance(text, str) and not text.startswith(_BASE64):
        return text
    return _BASE64 + base64.b64encode(name).decode()


def _name_in(text: str) -> bytes:
    """The name that `_name` was given. Raises ValueError."""
    if text.startswith(_BASE64):
        return base64.b64decode(text.removeprefix(_BASE64), validate=True)
    return text.encode()


def task_lines(copies: Sequence[Copy]) -> Iterator[bytes]:
    """The lines of some tasks, in pieces of any size; few tasks are worth more than one piece."""
    alike = _alike(copies)
    if alike is not None:
        yield alike
        return
    names = _NAMES
    queue, packed_queue = INSTALLATION, _NONE
    for one, task_id, fields, index, score, lock, lock_until, place, until, field_until, edited in copies:
        if one != queue:
            queue, packed_queue = one, _packed_queue(one)
        parts = []
        long = False
        for at in range(0, len(fields), 2):
            long = long or len(fields[at + 1]) > LONG
            parts.append(names[fields[at]] + b2a_base64(fields[at + 1], newline=False) if not long else b"")
        head = _HEAD % (
            packed_queue,
            packed(task_id),
            _INDEXES[index],
            b'"%b"' % score if score is not None else b"null",
            b"null" if lock is None else _lock(lock, lock_until),
            packed(encode(place)) if place else _NONE,
            _NONE if until is None else b"%d" % until,
            _NONE if not field_until else _ends(field_until),
            b"" if edited is None else b'"edited":"%b",' % edited.encode(),
        )
        if long:
            yield head
            yield from _long_fields(fields)
        else:
            yield head + b"{%b}}\n" % (b'",'.join(parts) + b'"' if parts else b"")


def _alike(copies: Sequence[Copy]) -> bytes | None:
    """The lines of tasks that are alike but for id, message and score, in a quarter of the time; None where any is out
    of the ordinary.
    """
    if not copies:
        return None
    queues, ids, fields, indexes, scores, locks, _, places, ends, field_ends, edits = zip(*copies, strict=True)
    try:
        names, messages, others, states = zip(*fields, strict=True)
    except ValueError:
        return None
    usual = (locks, places, ends, field_ends, edits)
    shared = (queues, indexes, names, others, states, *usual)
    if any(column.count(column[0]) != len(copies) for column in shared) or any(column[0] for column in usual):
        return None
    if not (names[0] == b"msg" and others[0] == b"state" and _PLAIN.fullmatch(b"".join(ids))):
        return None
    if max(map(len, messages)) > LONG or (None in scores and scores.count(None) != len(scores)):
        return None
    start = b'{"queue":%b,"id":"' % _packed_queue(queues[0])
    quote = b"" if scores[0] is None else b'"'
    before_score = b'","index":%b,"score":%b' % (_INDEXES[indexes[0]], quote)
    before_message = b'%b,"lock":null,"place":null,"until_ms":null,"field_until_ms":null,"fields":{"msg":"' % quote
    end = b'","state":"%b"}}\n' % b2a_base64(states[0], newline=False)
    encoded = [b2a_base64(message, newline=False) for message in messages]
    shown = repeat(b"null") if scores[0] is None else scores
    pieces = zip(repeat(start), ids, repeat(before_score), shown, repeat(before_message), encoded, repeat(end))
    return b"".join(chain.from_iterable(pieces))


def _lock(key: bytes, until: int | None) -> bytes:
    return dumps({"key": readable(key), "until_ms": until}).rstrip()


def _ends(field_until: Mapping[bytes, int]) -> bytes:
    return dumps({_name(name): until for name, until in field_until.items()}).rstrip()


def _long_fields(fields: Sequence[bytes]) -> Iterator[bytes]:
    """Fields of which one is long, in pieces."""
    start = b"{"
    for at in range(0, len(fields), 2):
        yield start + _NAMES[fields[at]]
        value = memoryview(fields[at + 1])
        for begin in range(0, len(value), _PIECE):
            yield b2a_base64(value[begin : begin + _PIECE], newline=False)
        yield b'"'
        start = b","
    yield b"}}\n"


def task_of(line: Mapping[str, Any]) -> Copy:
    """A task from its line, where values may be decoded already. Raises ValueError, KeyError or TypeError where it is
    none.
    """
    found = line["fields"]
    named = _name_in if "until_ms" in line else str.encode
    pairs = found.items() if isinstance(found, dict) else [(raw_bytes(name), value) for name, value in found]
    fields: list[bytes] = []
    for name, value in pairs:
        fields += (
            name if isinstance(name, bytes) else named(name),
            value if isinstance(value, bytes) else base64.b64decode(value, validate=True),
        )
    lock = line["lock"]
    ends = line.get("field_until_ms")
    return Copy(
        queue_of(line["queue"]),
        raw_bytes(line["id"]),
        fields,
        State(line["index"]) if line["index"] is not None else None,
        line["score"].encode() if line["score"] is not None else None,
        raw_bytes(lock["key"]) if lock is not None else None,
        _moment(lock["until_ms"]) if lock is not None else None,
        decode(raw_bytes(line["place"])) if line.get("place") is not None else "",
        _moment(line.get("until_ms")),
        {_name_in(name): until for name, end in ends.items() if (until := _moment(end)) is not None} if ends else None,
        _digest(line.get("edited")),
    )


def _digest(value: object) -> str | None:
    """A SHA-1 in hexadecimal. Raises ValueError."""
    if value is not None and not (isinstance(value, str) and _SHA1.fullmatch(value)):
        raise ValueError("a digest is none")
    return value


def queue_of(value: object) -> str:
    """The name of a queue that `installation.written` was given. Raises ValueError."""
    return decode(raw_bytes(value)) if value is not None else INSTALLATION


def _moment(value: object) -> int | None:
    """Unix milliseconds; None for never. Raises ValueError."""
    if value is not None and not isinstance(value, int):
        raise ValueError("a moment is no number")
    return value
