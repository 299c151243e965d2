"""How lists of tasks, and single tasks, look in this run: columns and their order, how times are written, facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archive_tui.errors import UsageError

if TYPE_CHECKING:
    from archive_tui.asynq.rows import TaskRow
    from archive_tui.catalog.message_values import MessageValue
    from archive_tui.tui.widgets.columns import Column

ARCHIVE, ALL_ARCHIVES, SCAN, JOURNAL = "archive", "all-archives", "scan", "journal"
LISTS = (ARCHIVE, ALL_ARCHIVES, SCAN, JOURNAL)
"""The kinds of lists, by the names that the profile file has for them. Behind one and a colon may stand a queue, as in
`archive:orders`: then it is the list of that queue alone.
"""

COLUMNS = ("died", "type", "tries", "error", "queue", "kind", "size", "id")
"""The names of all columns; not every list has them all."""

MOMENT_WIDTH = 21
"""Cells of a time that is written out: 2026-11-18 11:03:20 Z."""


def kept_as(kind: str, names: Sequence[str]) -> str:
    """The kind of lists for which these columns are chosen: where some are read from messages, that of the queue alone,
    for the payloads of others are others.
    """
    return kind.partition(":")[0] if set(names) <= set(COLUMNS) else kind


def _is_in_messages(name: str, place: str) -> bool:
    """Whether a name is a place in messages, such as `payload.user.id`. Raises UsageError where it begins like one."""
    if not name.startswith(("payload.", "payload[", "header.")):
        return False
    from archive_tui.catalog.message_values import MessageValue

    try:
        return MessageValue.parse(name).name == name
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


class ListAppearance:
    """What the operator has chosen. It holds for every list of the run, and changes `version` when it changes."""

    def __init__(self, columns: Mapping[str, Sequence[str]] | None = None, place: str = "columns") -> None:
        """`columns` names the columns of some kinds of lists; `place` is where they are written, for errors. Raises
        UsageError.
        """
        self.exact_times = False
        """Whether lists write times out, and not as ages."""
        self.facts: bool | None = None
        """Whether the screen of a task shows all facts; None: nobody has said."""
        self.view = ""
        """The view of payloads that was chosen on the screen of a task, by its name; empty: the best of each."""
        self.version = 0
        self._chosen: dict[str, tuple[str, ...]] = {}
        for kind, names in (columns or {}).items():
            if kind.partition(":")[0] not in LISTS:
                raise UsageError(f"{place}: there is no list {kind!r} (lists: {', '.join(LISTS)})")
            unknown = [name for name in names if name not in COLUMNS and not _is_in_messages(name, place)]
            if unknown:
                raise UsageError(f"{place}: {kind} has no column {unknown[0]!r} (columns: {', '.join(COLUMNS)})")
            if not names or len(set(names)) < len(names):
                raise UsageError(f"{place}: {kind} needs at least one column, and each only once")
            self._chosen[kind] = tuple(names)

    def chosen(self, kind: str, columns: Sequence[Column[TaskRow]]) -> tuple[str, ...]:
        """The names of the columns that a list shows, in their order, of those that it can show."""
        names = [column.name for column in columns]
        known = tuple(name for name in self._names(kind) if name in names)
        return known or tuple(name for name in names if name in COLUMNS)

    def values(self, kind: str) -> list[MessageValue]:
        """The columns of a list that are read from messages."""
        from archive_tui.catalog.message_values import MessageValue

        return [MessageValue.parse(name) for name in self._names(kind) if name not in COLUMNS]

    def _names(self, kind: str) -> tuple[str, ...]:
        """The names of columns that were chosen for a list; those of its queue come before those of all queues."""
        return self._chosen.get(kind) or self._chosen.get(kind.partition(":")[0], ())

    def choose(self, kind: str, names: Sequence[str]) -> None:
        """Show these columns in lists of this kind."""
        self._chosen.pop(kind, None)
        self._chosen[kept_as(kind, names)] = tuple(names)
        self.version += 1

    def toggle_times(self) -> None:
        """Write times out, or as ages again."""
        self.exact_times = not self.exact_times
        self.version += 1

    def arrange(self, kind: str, columns: Sequence[Column[TaskRow]]) -> list[Column[TaskRow]]:
        """The columns that a list shows now."""
        by_name = {column.name: column for column in columns}
        return [self._written(by_name[name]) for name in self.chosen(kind, columns)]

    def _written(self, column: Column[TaskRow]) -> Column[TaskRow]:
        if column.exact is None or not self.exact_times:
            return column
        return replace(column, cell=column.exact, width=MOMENT_WIDTH, least=MOMENT_WIDTH)
