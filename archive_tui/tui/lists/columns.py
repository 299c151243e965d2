"""The columns that every table of tasks has."""

from collections.abc import Callable

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.view import GONE
from archive_tui.text import line
from archive_tui.tui.widgets.columns import Cell, Column
from archive_tui.wording.people import UNKNOWN, age, exact, size

_AGE_WIDTH = 8
_ERROR_WIDTH = 40
"""Cells of an error that are worth more than the rest of an id."""
_LEAST_ERROR = 16
"""Cells in which an error can be told from another."""
_SHORT_ID = 9
"""Cells of a UUID's first group, and an ellipsis."""
_WHOLE_ID = 36
"""Cells of a UUID."""
_SHOWN = 400
"""Characters of foreign text that a cell passes on; no screen is wider."""


def id_cell(row: TaskRow) -> str | Cell:
    """The id of a task."""
    return line(row.id[:_SHOWN])


def type_cell(row: TaskRow) -> str | Cell:
    """The type of a task, or why there is none."""
    if row.readable:
        return line(row.type[:_SHOWN])
    if row is GONE:
        return ""
    return Cell("no task data" if row.state is None and not row.fingerprint else "unreadable", "bad")


def error_cell(row: TaskRow) -> str:
    """The error of a task, on one line; before it what is wrong with what is no orphan: here is room everywhere."""
    error = line(row.error[:_SHOWN])
    if row.kind in (None, Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED):
        return error
    return f"{kind_cell(row)}: {error}" if error else kind_cell(row)


def size_cell(row: TaskRow) -> str:
    """The size of the payload."""
    return size(row.payload_bytes) if row is not GONE else ""


def kind_cell(row: TaskRow) -> str:
    """What is wrong, with the index in which it stands, and the state of what is lost or stands in a wrong one."""
    if row.kind is None:
        return ""
    state = row.state.value if row.state is not None else "no state"
    if row.kind is Kind.LOST:
        return f"lost, {state}"
    if row.kind is Kind.MISMATCH:
        return f"mismatch, {state} in {line(row.index_name)}"
    return f"{row.kind.label} in {line(row.index_name)}" if row.index_name else row.kind.label


def tries_cell(row: TaskRow) -> str:
    """How many retries were used of those allowed."""
    return f"{row.retried}/{row.retry}" if row.readable else UNKNOWN if row is not GONE else ""


def common_columns(
    now: Callable[[], float], died: str, moment: Callable[[TaskRow], int | None], meaning: str
) -> list[Column[TaskRow]]:
    """The columns that every list of tasks has: when, what and why come first, the id is for telling tasks apart.

    `died` is the title of the column of which `moment` gives the time, and `meaning` says what that is.
    """

    def died_cell(row: TaskRow) -> str:
        return age(moment(row), now()) if row is not GONE else ""

    def moment_cell(row: TaskRow) -> str:
        return exact(moment(row)) if row is not GONE else ""

    return [
        Column("died", died, died_cell, max(_AGE_WIDTH, len(died)), "right", exact=moment_cell, help=meaning),
        Column("type", "Type", type_cell, 12, enough=16, grow=1, most=30,
               help="the type by which workers know what to do"),
        Column("tries", "Tries", tries_cell, 6, "right", priority=2,
               help="retries used, of those that the task may have"),
        Column("error", "Error", error_cell, 28, least=_LEAST_ERROR, enough=_ERROR_WIDTH, grow=4,
               help="the error of the last attempt; in a scan, before it, what is wrong with the task"),
        Column("size", "Size", size_cell, 9, "right", priority=3, help="bytes of the payload"),
        Column("id", "Id", id_cell, _SHORT_ID, whole=_WHOLE_ID, yields=True,
               help="the id of the task: its beginning, whole where there is room"),
    ]  # fmt: skip
