"""Tasks as other programs read them: a line of JSON each, or the cells of a table of columns.

Neither can be restored: for that there is the form of a journal (`jobs.export`).
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import written
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.catalog.fields import field_name
from archive_tui.catalog.message_values import MessageValue
from archive_tui.catalog.signatures import signature
from archive_tui.errors import UsageError
from archive_tui.payloads.content import Content
from archive_tui.payloads.exact_json import decoded, exact_json
from archive_tui.payloads.redaction import RedactedReading, Redaction
from archive_tui.text import block, clip, encode, readable
from archive_tui.wording.programs import moment

_SCORE_NAMES = {
    State.ARCHIVED: "archived_at",
    State.SCHEDULED: "runs_at",
    State.RETRY: "runs_at",
    State.COMPLETED: "expires_at",
}
"""What the score of a task says, by its state."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A task that is to be written, as it may be shown."""

    row: TaskRow
    """The task as it was listed or found; where its message was read, as that says now. Its error is masked."""

    redaction: Redaction
    """What masks payload and headers."""

    content: Content | None = None
    """Payload and headers; None: they were not read, or there are none to read."""

    @classmethod
    def of(
        cls, row: TaskRow, redaction: Redaction, message: TaskMessage | None = None, content: Content | None = None
    ) -> "Taken":
        """A task of a list; with its message and the content of that, where these were read."""
        if message is not None:
            row = row._replace(
                type=message.type, error=message.error_msg, retried=message.retried, retry=message.retry,
                last_failed_at=message.last_failed_at or None, payload_bytes=len(message.payload), readable=True,
            )  # fmt: skip
        return cls(row._replace(error=redaction.text(row.error)), redaction, content)

    @property
    def headers(self) -> dict[str, str] | None:
        """The headers; None: they were not read."""
        return self.redaction.headers(self.content.headers) if self.content is not None else None

    @property
    def reading(self) -> RedactedReading | None:
        """The best reading of the payload; None: it was not read."""
        return self.redaction.reading(self.content.reading) if self.content is not None else None

    def values(self, place: MessageValue) -> list[Any]:
        """What stands at a place of the message."""
        return list(place.values(self.content)) if self.content is not None else []


def died(row: TaskRow) -> int | None:
    """When a task died, or last failed, as the filter `died` takes it; unix seconds."""
    archived_ghost = row.kind is Kind.GHOST and row.index_name == State.ARCHIVED.value
    by_score = row.kind is None or archived_ghost
    return row.scored_at if by_score and row.scored_at is not None else row.last_failed_at


# Records


def row_facts(row: TaskRow) -> dict[str, Any]:
    """What JSON says first of every task or finding."""
    return {
        "queue": written(row.queue),
        "id": readable(row.id),
        "kind": row.kind.value if row.kind is not None else None,
        "state": row.state.value if row.state is not None else None,
        "type": row.type if row.readable else None,
        "error": row.error if row.readable else None,
        "signature": signature(row.error) if row.readable else None,
    }


def record(task: Taken, *, payload: bool, namespace: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A task as JSON has it; with its `payload` also headers, and what was decoded (null where it was not read)."""
    row = task.row
    scored = {_SCORE_NAMES[row.state]: moment(row.scored_at)} if row.state in _SCORE_NAMES and row.kind is None else {}
    facts = {
        **(namespace or {}),
        **row_facts(row),
        "retried": row.retried if row.readable else None,
        "retry": row.retry if row.readable else None,
        **scored,
        "last_failed_at": moment(row.last_failed_at),
        "payload_bytes": row.payload_bytes,
        "bytes": row.stored_bytes,
    }
    if payload:
        reading = task.reading
        facts["headers"] = task.headers
        facts["decoded"] = decoded(reading) if reading is not None else None
    return facts


# Columns


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """A column of a table of tasks."""

    name: str
    """Its head."""

    value: Callable[[Taken], Any]
    """Its value: text, a number, a tree, or None for none."""

    number: bool = False
    """Whether it holds numbers, which stand flush right."""

    in_message: bool = False
    """Whether messages are read for it."""


def _if_readable(value: Callable[[TaskRow], Any]) -> Callable[[Taken], Any]:
    return lambda task: value(task.row) if task.row.readable else None


def _whole(task: Taken) -> Any:
    """The payload in one cell: what was decoded, else its text."""
    reading = task.reading
    if reading is None:
        return None
    found = decoded(reading)
    return found["problem"] or next(
        (found[name] for name in ("value", "text", "base64") if found[name] is not None), ""
    )


def _path(task: Taken) -> str | None:
    return task.content.reading.name if task.content is not None else None


_COLUMNS = {
    one.name: one
    for one in (
        RecordColumn("queue", lambda task: task.row.queue),
        RecordColumn("id", lambda task: task.row.id.decode("utf-8", "surrogateescape")),
        RecordColumn("state", lambda task: task.row.state.value if task.row.state is not None else None),
        RecordColumn("kind", lambda task: task.row.kind.value if task.row.kind is not None else None),
        RecordColumn("type", _if_readable(lambda row: row.type)),
        RecordColumn("error", _if_readable(lambda row: row.error)),
        RecordColumn("signature", _if_readable(lambda row: signature(row.error))),
        RecordColumn("died", lambda task: moment(died(task.row))),
        RecordColumn("failed", lambda task: moment(task.row.last_failed_at)),
        RecordColumn("retried", _if_readable(lambda row: row.retried), number=True),
        RecordColumn("retry", _if_readable(lambda row: row.retry), number=True),
        RecordColumn("size", lambda task: task.row.payload_bytes, number=True),
        RecordColumn("memory", lambda task: task.row.stored_bytes, number=True),
        RecordColumn("payload", _whole, in_message=True),
        RecordColumn("decoder", _path, in_message=True),
    )
}

COLUMN_NAMES = (*_COLUMNS, "payload.PATH", "header.NAME")
"""The columns that there are, for help and errors."""

USUAL = ("queue", "id", "type", "died", "failed", "retried", "retry", "size", "error")
"""The columns of a table for which nobody has chosen some."""


def columns_of(names: Sequence[str]) -> tuple[RecordColumn, ...]:
    """Find columns by their names; beside those of rows there are `payload.user.id` and `header.trace-id`.

    Raises UsageError.
    """
    columns = []
    for name in names:
        known = _COLUMNS.get(field_name(name))
        if known is None and not name.startswith(("payload.", "payload[", "header.")):
            raise UsageError(f"there is no column “{clip(name, 40)}”: choose from {', '.join(COLUMN_NAMES)}")
        columns.append(known or _in_message(MessageValue.parse(name)))
    if not columns:
        raise UsageError(f"name at least one column: {', '.join(COLUMN_NAMES)}")
    return tuple(columns)


def columns_for(shown: Sequence[str]) -> tuple[RecordColumn, ...]:
    """The columns for those that a list shows: what is no column of a file is left out, and queue and id stand first
    where the list does not show them.
    """
    names = [
        name for name in dict.fromkeys(shown) if field_name(name) in _COLUMNS or name.startswith(("payload", "header"))
    ]
    return columns_of([*(name for name in ("queue", "id") if name not in names), *names])


def split_names(text: str) -> list[str]:
    """Split names at commas, but not at those inside double quotes: a path may hold one."""
    parts = re.findall(r'((?:[^,"]|"(?:[^"\\]|\\.)*"?)+)', text)
    return [part.strip() for part in parts if part.strip()]


def _in_message(place: MessageValue) -> RecordColumn:
    def value(task: Taken) -> Any:
        values = task.values(place)
        return values[0] if len(values) == 1 else values or None

    return RecordColumn(place.name, value, in_message=True)


def cell(value: Any) -> str:
    """A value as one cell, safe to show: text passes the text door, numbers keep every digit, what holds others is
    JSON, and bytes are base64.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return block(value)
    if isinstance(value, bytes):
        shown = readable(value)
        return block(shown) if isinstance(shown, str) else shown["base64"]
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return block(exact_json(value, ascii_only=False))
    return str(value)


# Forms


class RecordForm(Protocol):
    """Writes tasks one after the other."""

    @property
    def in_message(self) -> bool:
        """Whether it needs the messages of tasks."""

    def head(self) -> bytes:
        """What stands before the first."""

    def line(self, task: Taken) -> bytes:
        """One task."""

    def tail(self) -> bytes:
        """What stands behind the last."""


class JsonForm:
    """One JSON object a task: a line each, or in one `array`."""

    def __init__(self, *, payload: bool, array: bool = False, namespace: Mapping[str, str] | None = None) -> None:
        self.in_message = payload
        self._array = array
        self._namespace = namespace
        self._first = True

    def head(self) -> bytes:
        return b"[" if self._array else b""

    def line(self, task: Taken) -> bytes:
        text = exact_json(record(task, payload=self.in_message, namespace=self._namespace))
        if not self._array:
            return f"{text}\n".encode()
        before, self._first = "\n" if self._first else ",\n", False
        return f"{before}{text}".encode()

    def tail(self) -> bytes:
        if not self._array:
            return b""
        return b"]\n" if self._first else b"\n]\n"


_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(?:\d[\d.]*|\.\d+)(?:[eE][+-]?\d+)?")


class CsvForm:
    """Comma-separated columns with a line of heads, for spreadsheets.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; `defused` counts them.
    """

    def __init__(self, columns: Sequence[RecordColumn]) -> None:
        self._columns = columns
        self.in_message = any(column.in_message for column in columns)
        self.defused = 0
        """Cells that got an apostrophe."""

    def head(self) -> bytes:
        return self._row([self._harmless(column.name) for column in self._columns])

    def line(self, task: Taken) -> bytes:
        return self._row([self._shown(column.value(task)) for column in self._columns])

    def tail(self) -> bytes:
        return b""

    def _shown(self, value: Any) -> str:
        shown = cell(value)
        is_number = isinstance(value, int | Decimal | float) and not isinstance(value, bool)
        return shown if is_number else self._harmless(shown)

    def _harmless(self, text: str) -> str:
        if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            self.defused += 1
            return f"'{text}"
        return text

    def _row(self, cells: Sequence[str]) -> bytes:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        return encode(line.getvalue())
