"""Reading a journal back, also one that a crash has torn: everything up to the last complete batch."""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from archive_tui.asynq.copy import Copy
from archive_tui.errors import JournalError, NotFoundError
from archive_tui.journal import lines
from archive_tui.text import decode, line

_GZIP = 31
_MAGIC = b"\x1f\x8b\x08"
_READ_AT_ONCE = 256 * 1024
_TAIL = 64 * 1024
_LONGEST_HEADER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """Who, where, when and why. `created_at` is unix seconds; `server` is the address without secrets; `planned` is
    how many tasks the plan had. All of it is foreign text: the file may come from anywhere.
    """

    command: str = ""
    server: str = ""
    queues: tuple[str, ...] = ()
    user: str = ""
    host: str = ""
    created_at: float | None = None
    reason: str = ""
    planned: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run ended: the state of its job, and how many tasks had which outcome."""

    state: str = ""
    ended_at: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Outline:
    """What a journal holds beside the tasks themselves. For each batch: where its member begins, how many tasks it has,
    and the digits that say what became of them and what was restored of them; `None` where that was never said.

    `good_bytes` is the length up to which the file is whole; `torn` says that there is more.
    """

    header: Header
    offsets: dict[int, int] = field(default_factory=dict)
    tasks: dict[int, int] = field(default_factory=dict)
    outcomes: dict[int, str] = field(default_factory=dict)
    restored: dict[int, str] = field(default_factory=dict)
    ending: Ending | None = None
    good_bytes: int = 0
    torn: bool = False

    @property
    def count(self) -> int:
        """How many tasks it holds."""
        return sum(self.tasks.values())


class Journal:
    """A journal file. Raises NotFoundError where there is none, and JournalError where it is none that we can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            first = next(iter(_members(file)), None)
        if first is None:
            raise JournalError(f"{line(str(path))} is no journal: it does not begin with a gzip member")
        self.header = _header(path, first[1])

    def ending(self) -> Ending | None:
        """How the run ended, read from the end of the file, where notes of restores may follow it; None where it did
        not, or where very many follow.
        """
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
            for offset, content, end in _members(file):
                for value in _values(content):
                    _note(outline, value, offset)
                outline.good_bytes = end
        outline.torn = outline.good_bytes < size
        return outline

    def tasks(self, outline: Outline, batch: int) -> list[Copy]:
        """The tasks of one batch, in their order."""
        with self._open() as file:
            file.seek(outline.offsets[batch])
            found = next(iter(_members(file)), None)
        if found is None:
            raise self._damaged()
        copies: list[Copy] = []
        try:
            for text in found[1].split(b"\n"):
                if text.startswith(b'{"queue":'):
                    copies.append(lines.task_of(json.loads(text)))
                elif text.startswith(b'{"batch":') and json.loads(text)["batch"] == batch:
                    break
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._damaged() from None
        if len(copies) != outline.tasks[batch]:
            raise self._damaged()
        return copies

    def batches(self, outline: Outline) -> Iterator[tuple[int, list[Copy]]]:
        """Every batch with its tasks, in order."""
        for batch in outline.offsets:
            yield batch, self.tasks(outline, batch)

    def find(self, outline: Outline, queue: str, task_id: bytes) -> Copy | None:
        """One task. Decompresses up to where it stands, and decodes only lines that may be it."""
        wanted = lines.packed(task_id)
        with self._open() as file:
            for offset, content, _ in _members(file):
                if offset > max(outline.offsets.values(), default=0):
                    break
                at = content.find(wanted)
                while at >= 0:
                    start = content.rfind(b"\n", 0, at) + 1
                    end = content.find(b"\n", at)
                    text = content[start:end]
                    at = content.find(wanted, end)
                    if text.startswith(b'{"queue":'):
                        try:
                            copy = lines.task_of(json.loads(text))
                        except (ValueError, KeyError, TypeError, AttributeError):
                            continue
                        if (copy.queue, copy.id) == (queue, task_id):
                            return copy
        return None

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"no journal {line(str(self.path))}: `archive-tui journal` lists them") from None
        except OSError as error:
            raise JournalError(f"the journal {line(str(self.path))} cannot be read: {error.strerror}") from None

    def _damaged(self) -> JournalError:
        return JournalError(f"the journal {line(str(self.path))} is damaged: a batch is not what it says")


def _members(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Each complete gzip member from here on: where it begins, its content, where it ends. Ends at the first that is
    not whole.
    """
    start = file.tell()
    left = b""
    while True:
        decompressor = zlib.decompressobj(_GZIP)
        parts: list[bytes] = []
        while not decompressor.eof:
            data = left or file.read(_READ_AT_ONCE)
            left = b""
            if not data:
                return
            try:
                parts.append(decompressor.decompress(data))
            except zlib.error:
                return
        left = decompressor.unused_data
        end = file.tell() - len(left)
        yield start, b"".join(parts), end
        start = end


def _values(content: bytes) -> list[dict[str, Any]]:
    """The lines that are no tasks."""
    found = []
    for text in content.split(b"\n"):
        if text and not text.startswith(b'{"queue":'):
            try:
                value = json.loads(text)
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


def merged(before: str, after: str) -> str:
    """What is known of a batch after one more restore: a digit stands for a task that it did."""
    width = max(len(before), len(after))
    pairs = zip(before.ljust(width, "-"), after.ljust(width, "-"), strict=True)
    return "".join(new if new != "-" else old for old, new in pairs)


def _header(path: Path, content: bytes) -> Header:
    first = content[:_LONGEST_HEADER].split(b"\n", 1)[0]
    try:
        value = json.loads(first)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("archive_tui") != "journal":
        raise JournalError(f"{line(str(path))} is no journal of archive-tui")
    if value.get("version") != lines.VERSION:
        raise JournalError(
            f"{line(str(path))} was written in format {line(str(value.get('version')))}: a newer archive-tui reads it"
        )

    def text(name: str) -> str:
        found = value.get(name)
        return found if isinstance(found, str) else ""

    queues = value.get("queues")
    planned = value.get("planned")
    return Header(
        text("command"),
        text("server"),
        tuple(_queue_names(queues)) if isinstance(queues, list) else (),
        text("user"),
        text("host"),
        moment(value.get("created")),
        text("reason"),
        planned if isinstance(planned, int) else None,
    )


def _queue_names(values: list[Any]) -> Iterator[str]:
    for value in values:
        try:
            yield decode(lines.raw_bytes(value))
        except ValueError:
            continue


def _ending(value: Mapping[str, Any]) -> Ending:
    counts = value.get("counts")
    state = value.get("state")
    return Ending(
        state if isinstance(state, str) else "",
        moment(value.get("end")),
        {str(name): count for name, count in counts.items() if isinstance(count, int)}
        if isinstance(counts, dict)
        else {},
    )


def moment(value: object) -> float | None:
    """Unix seconds of an RFC 3339 time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
