"""Reading a journal back, also one that a crash has torn: everything up to the last complete batch."""

import json
import re
import stat
import zlib
from binascii import a2b_base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from archive_tui.asynq.outcomes import EDIT, RUN
from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import JournalError, NotFoundError
from archive_tui.journal import format
from archive_tui.journal.outcomes import UNKNOWN, command_of, is_back, may_be_gone, merged
from archive_tui.settings.model import Settings
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, place, why_not
from archive_tui.text import line

_GZIP = 31
_MAGIC = b"\x1f\x8b\x08"
_READ_AT_ONCE = 256 * 1024
_MADE_AT_ONCE = 1024 * 1024
_TAIL = 64 * 1024
_LONGEST_HEADER = 1024 * 1024
_TASK = b'{"queue":'
_HEADER = b'{"archive_tui":'
_BATCH = b'\n{"batch":'
_LONGEST_BATCH = 100
"""Bytes of a line that ends a batch."""
_LONG_VALUE = re.compile(rb'"[A-Za-z0-9+/]{100000,}={0,2}"')
_INSTEAD = b"long value "  # with a space, so it is no base64


EXPORT = "export"
"""The command in the header of an export."""


@dataclass(frozen=True, slots=True)
class Header:
    """Who, where, when and why. All of it is foreign text: the file may come from anywhere."""

    command: str = ""
    """The change that was made, with its repairs after a colon; `EXPORT` for an export."""

    server: str = ""
    """The address of the server, without secrets."""

    queues: tuple[str, ...] = ()
    """The queues of the plan."""

    user: str = ""
    """The account that ran it; empty where the system did not tell."""

    host: str = ""
    """The machine on which it ran."""

    created_at: float | None = None
    """Unix seconds when it began; None where the header does not say."""

    reason: str = ""
    """The reason that was given; empty for none."""

    planned: int | None = None
    """Tasks of the plan; None where nobody knew beforehand."""

    continues: str = ""
    """The name of the journal whose change it resumes; empty where it resumes none."""

    namespace: str = DEFAULT_NAMESPACE
    """The namespace of all that it holds."""

    watchers: tuple[str, ...] = ()
    """The addresses of the Sentinels that named the server; empty where it was reached without."""

    nodes: tuple[str, ...] = ()
    """The names that the nodes of the cluster had for themselves; empty for a single server."""

    def is_of(self, settings: Settings, nodes: Collection[str]) -> bool:
        """Whether it was written for the server to which these settings lead, which has these `nodes` if it is a
        cluster.
        """
        return settings.is_same_server(self.server, self.watchers, self.nodes, nodes)

    @property
    def place(self) -> str:
        """The server with the namespace, where that is not Asynq's own; empty where the header names no server."""
        return place(self.server, self.namespace) if self.server else ""

    @property
    def is_export(self) -> bool:
        """Whether it is an export: nothing of what it holds was deleted."""
        return self.command == EXPORT

    @property
    def is_run(self) -> bool:
        """Whether it is of a run or an edit: what it holds is in Redis still, or has run."""
        return command_of(self.command) in (RUN.base, EDIT.base)

    @property
    def is_edit(self) -> bool:
        """Whether it is of an edit: what it holds has another message, or had before it ran."""
        return command_of(self.command) == EDIT.base


@dataclass(frozen=True, slots=True)
class Ending:
    """The last line of a run."""

    state: str = ""
    """The state in which its job ended: done, stopped or failed."""

    ended_at: float | None = None
    """Unix seconds; None where the line does not say."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """How many tasks had each outcome, by the outcome's name."""


@dataclass(slots=True)
class Outline:
    """A journal without the tasks themselves. Batches are known by their number."""

    header: Header
    """The first line."""

    offsets: dict[int, int] = field(default_factory=dict)
    """For each batch, the byte at which its gzip member begins."""

    tasks: dict[int, int] = field(default_factory=dict)
    """For each batch, how many tasks it has."""

    outcomes: dict[int, str] = field(default_factory=dict)
    """For each batch, the codes of what became of its tasks; missing where the journal never said it."""

    restored: dict[int, str] = field(default_factory=dict)
    """For each batch, the codes of what was restored of it; missing for nothing."""

    ending: Ending | None = None
    """The last line; None where the run did not end by itself."""

    good_bytes: int = 0
    """The length up to which the file is whole."""

    torn: bool = False
    """Whether the file goes on behind that, and cannot be read."""

    @property
    def count(self) -> int:
        """Tasks that the journal holds."""
        return sum(self.tasks.values())

    def restorable(self, batch: int, *, again: bool = False) -> list[bool]:
        """Which tasks of a batch may be restored: those that the run deleted, or may have deleted, and that were not
        restored before; with `again` also those that were.
        """
        count = self.tasks[batch]
        outcomes = self.outcomes.get(batch, "").ljust(count, UNKNOWN)
        restored = ("" if again else self.restored.get(batch, "")).ljust(count, UNKNOWN)
        return [
            may_be_gone(outcome) and not is_back(back)
            for outcome, back in zip(outcomes[:count], restored[:count], strict=True)
        ]


class Journal:
    """A journal file. Raises NotFoundError where there is none, and JournalError where it is none that we can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            first = next(iter(_pieces(file)), None)
        if first is None:
            raise JournalError(f"{line(str(path))} is no journal: it begins with neither a gzip member nor its header")
        self.header = _header(path, first.content)

    def ending(self) -> Ending | None:
        """How the run ended, read from the end of the file, where notes of restores may follow it; None where it did
        not, or where very many follow. An export, which is one piece, is read whole for it.
        """
        if self.header.is_export:
            return self.outline().ending
        with self._open() as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            tail = file.read()
        at = tail.rfind(_MAGIC)
        while at >= 0:
            try:
                found = _values(zlib.decompress(tail[at:], _GZIP))
            except zlib.error:
                found = []
            for value in found:
                if "end" in value:
                    return _ending(value)
                if "restored" not in value:
                    return None
            at = tail.rfind(_MAGIC, 0, at)
        return None

    def outline(self) -> Outline:
        """Everything but the tasks; reads the whole file."""
        outline = Outline(self.header)
        with self._open() as file:
            size = file.seek(0, 2)
            file.seek(0)
            for piece in _pieces(file):
                for value in _values(piece.content):
                    _note(outline, value, piece.offset)
                outline.good_bytes = piece.end or outline.good_bytes
        outline.torn = outline.good_bytes < size
        return outline

    def tasks(self, outline: Outline, batch: int) -> list[Copy]:
        """The tasks of one batch, in their order. Of an export, all that stands before them is read as well."""
        with self._open() as file:
            file.seek(outline.offsets[batch])
            for piece in _pieces(file):
                if _batch_in(piece.content) == batch:
                    return self._tasks_in(piece.content, outline.tasks[batch])
        raise self._damaged()

    def batches(self, outline: Outline) -> Iterator[tuple[int, list[Copy]]]:
        """Every batch with its tasks, in order; reads the file once."""
        with self._open() as file:
            for piece in _pieces(file):
                batch = _batch_in(piece.content)
                if batch is not None and batch in outline.tasks:
                    tasks = self._tasks_in(piece.content, outline.tasks[batch])
                    del piece  # it may be large
                    yield batch, tasks
                    del tasks

    def _tasks_in(self, content: bytearray, count: int) -> list[Copy]:
        """The tasks of a batch that has so many. Raises JournalError."""
        copies: list[Copy] = []
        try:
            for start, end in _lines(content):
                if content.startswith(_TASK, start):
                    copies.append(_task(content, start, end))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._damaged() from None
        if len(copies) != count:
            raise self._damaged()
        return copies

    def find(self, outline: Outline, queue: str, task_id: bytes) -> Copy | None:
        """One task. Decompresses up to where it stands, and decodes only lines that may be it."""
        wanted = format.packed(task_id)
        with self._open() as file:
            for piece in _pieces(file):
                content = piece.content
                if piece.offset > max(outline.offsets.values(), default=0):
                    break
                at = content.find(wanted)
                while at >= 0:
                    start = content.rfind(b"\n", 0, at) + 1
                    end = content.find(b"\n", at)
                    at = content.find(wanted, end)
                    if content.startswith(_TASK, start):
                        try:
                            copy = _task(content, start, end)
                        except (ValueError, KeyError, TypeError, AttributeError):
                            continue
                        if (copy.queue, copy.id) == (queue, task_id):
                            return copy
        return None

    def _open(self) -> BinaryIO:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would keep us waiting, a device never end
                raise JournalError(f"{line(str(self.path))} is no journal: it is not a file")
            return self.path.open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"no journal {line(str(self.path))}: `archive-tui journal` lists them") from None
        except OSError as error:
            raise JournalError(f"the journal {line(str(self.path))} cannot be read: {error.strerror}") from None

    def _damaged(self) -> JournalError:
        return JournalError(f"the journal {line(str(self.path))} is damaged: a batch is not what it says")


class _Piece(NamedTuple):
    """A part of a journal: the lines up to the end of a batch, or to the end of a gzip member."""

    offset: int
    """The byte at which its gzip member begins; in a plain file, at which it begins itself."""

    content: bytearray

    end: int | None
    """The byte behind it, where the file is whole up to there; None inside a gzip member."""


def _pieces(file: BinaryIO) -> Iterator[_Piece]:
    """The parts of a journal from here on, up to what is not whole; nothing where none begins here. A message may be
    very large: its content is in memory once, and nobody below copies it.
    """
    beginning = file.read(len(_HEADER))
    file.seek(-len(beginning), 1)
    if beginning.startswith(_MAGIC):
        yield from _compressed_pieces(file)
    elif beginning.startswith(_HEADER if file.tell() == 0 else b"{"):
        yield from _plain_pieces(file)


def _compressed_pieces(file: BinaryIO) -> Iterator[_Piece]:
    """Those of gzip members. A batch that a member does not end with is cut off when more of that member follows."""
    start = file.tell()
    left = b""
    while True:
        decompressor = zlib.decompressobj(_GZIP)
        content = bytearray()
        while not decompressor.eof:
            data = left or file.read(_READ_AT_ONCE)
            left = b""
            if not data:
                return
            try:
                while data and not decompressor.eof:  # what compresses well would come in one huge piece
                    searched = len(content)
                    content += decompressor.decompress(data, _MADE_AT_ONCE)
                    data = decompressor.unconsumed_tail
                    while (cut := _cut(content, searched)) is not None:
                        rest = content[cut:]
                        del content[cut:]
                        ready = [_Piece(start, content, None)]
                        content, searched = rest, 0
                        yield ready.pop()  # it may be large, and we do not hold it while it is read
            except zlib.error:
                return
        left = decompressor.unused_data
        end = file.tell() - len(left)
        ready = [_Piece(start, content, end)]
        content, start = bytearray(), end
        yield ready.pop()


def _plain_pieces(file: BinaryIO) -> Iterator[_Piece]:
    """Those of a plain file; a last line without its end is not whole."""
    start = file.tell()
    content = bytearray()
    while data := file.read(_READ_AT_ONCE):
        searched = len(content)
        content += data
        while (cut := _cut(content, searched)) is not None:
            rest = content[cut:]
            del content[cut:]
            ready = [_Piece(start, content, start + cut)]
            start, content, searched = start + cut, rest, 0
            yield ready.pop()
    whole = content.rfind(b"\n") + 1
    del content[whole:]
    if content:
        yield _Piece(start, content, start + whole)


def _cut(content: bytearray, searched: int) -> int | None:
    """Where the header or the first batch of some lines ends, if more follows there; None where it does not. What was
    `searched` before has no end.
    """
    if content.startswith(_HEADER):
        at = 0
    else:
        at = content.find(_BATCH, max(0, searched - len(_BATCH) - _LONGEST_BATCH))
        at = at + 1 if at >= 0 else at
        if content.startswith(_BATCH[1:]):
            at = 0
    end = content.find(b"\n", at) + 1 if at >= 0 else 0
    return end if 0 < end < len(content) else None


def _batch_in(content: bytearray) -> int | None:
    """The number of the batch that a piece ends with; None where it ends with none."""
    start = content.rfind(_BATCH) + 1
    if start <= 0 and not content.startswith(_BATCH[1:]):
        return None
    end = content.find(b"\n", start)
    try:
        value = json.loads(content[start : end if end >= 0 else len(content)])
    except ValueError:
        return None
    batch = value.get("batch") if isinstance(value, dict) else None
    return batch if isinstance(batch, int) else None


def _lines(content: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends; empty ones are left out."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = end if end >= 0 else len(content)
        if end > start:
            yield start, end
        start = end + 1


def _task(content: bytearray, start: int, end: int) -> Copy:
    """The task of a line. Raises ValueError, KeyError or TypeError where it is none.

    A long value is decoded where it stands: as a part of the JSON it would be in memory five times.
    """
    if end - start <= format.LONG:
        return format.task_of(json.loads(content[start:end]))
    values: list[bytes] = []
    parts: list[bytes | bytearray] = []
    with memoryview(content) as view:
        for long in _LONG_VALUE.finditer(content, start, end):
            with view[long.start() + 1 : long.end() - 1] as encoded:
                values.append(a2b_base64(encoded, strict_mode=True))
            parts += (content[start : long.start()], b'"%b%d"' % (_INSTEAD, len(values) - 1))
            start = long.end()
    parts.append(content[start:end])
    value = json.loads(b"".join(parts))
    fields: Any = value["fields"]
    if isinstance(fields, dict):
        fields = {name: _put_in(one, values) for name, one in fields.items()}
    else:  # version 1
        fields = [(name, _put_in(one, values)) for name, one in fields]
    return format.task_of(value | {"fields": fields})


def _put_in(value: str, values: list[bytes]) -> str | bytes:
    """What stood in the place of a sign; anything else is returned as it is."""
    sign = _INSTEAD.decode()
    return values[int(value.removeprefix(sign))] if value.startswith(sign) else value


def _values(content: bytes | bytearray) -> list[dict[str, Any]]:
    """The lines that are no tasks."""
    found = []
    for start, end in _lines(content):
        if not content.startswith(_TASK, start):
            try:
                value = json.loads(content[start:end])
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
    return found


def _note(outline: Outline, value: Mapping[str, Any], offset: int) -> None:
    match value:
        case {"batch": int(batch), "tasks": int(tasks)}:
            outline.offsets[batch], outline.tasks[batch] = offset, tasks
        case {"done": int(batch), "outcomes": str(outcomes)}:
            outline.outcomes[batch] = outcomes
        case {"restored": int(batch), "outcomes": str(outcomes)}:
            before = outline.restored.get(batch, "")
            outline.restored[batch] = merged(before, outcomes)
        case {"end": _}:
            outline.ending = _ending(value)


def _header(path: Path, content: bytearray) -> Header:
    first = content[:_LONGEST_HEADER].split(b"\n", 1)[0]
    try:
        value = json.loads(first)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("archive_tui") != "journal":
        raise JournalError(f"{line(str(path))} is no journal of archive-tui")
    if value.get("version") not in format.READABLE:
        raise JournalError(
            f"{line(str(path))} was written in format {line(str(value.get('version')))}: a newer archive-tui reads it"
        )

    def text(name: str) -> str:
        found = value.get(name)
        return found if isinstance(found, str) else ""

    namespace = value.get("namespace", DEFAULT_NAMESPACE)
    if not isinstance(namespace, str) or why_not(namespace):
        raise JournalError(f"{line(str(path))} is damaged: it names no namespace that there can be")
    queues = value.get("queues")
    planned = value.get("planned")
    return Header(
        text("command"),
        text("server"),
        tuple(_queue_names(queues)) if isinstance(queues, list) else (),
        text("user"),
        text("host"),
        _seconds(value.get("created")),
        text("reason"),
        planned if isinstance(planned, int) else None,
        text("continues"),
        namespace,
        _texts(value.get("sentinels")),
        _texts(value.get("nodes")),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _queue_names(values: list[Any]) -> Iterator[str]:
    for value in values:
        try:
            yield format.queue_of(value)
        except ValueError:
            continue


def _ending(value: Mapping[str, Any]) -> Ending:
    counts = value.get("counts")
    state = value.get("state")
    return Ending(
        state if isinstance(state, str) else "",
        _seconds(value.get("end")),
        {str(name): count for name, count in counts.items() if isinstance(count, int)}
        if isinstance(counts, dict)
        else {},
    )


def _seconds(value: object) -> float | None:
    """Unix seconds of an RFC 3339 time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
