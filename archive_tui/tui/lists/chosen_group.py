"""The tasks that a table of groups stands for: what is marked in the list, else the group under the cursor."""

from __future__ import annotations

from collections.abc import Callable

from archive_tui.catalog.query import Query
from archive_tui.tui.lists.marks import MARKING
from archive_tui.tui.lists.targets import MarkedRows, MatchingRows, Targets
from archive_tui.tui.lists.triage import Triaged


class ChosenGroup:
    """What changes and exports take on a screen of counts above a list."""

    def __init__(
        self,
        triaged: Triaged,
        where: str,
        terms: Callable[[], str],
        query: Callable[[], Query],
        why_not_choose: Callable[[], str | None],
    ) -> None:
        """`where` names the screen, for the audit. `terms` shows the group under the cursor alone, in the filter
        language, and `query` finds it; `why_not_choose` is the reason why there is none.
        """
        self._triaged = triaged
        self._where = where
        self._terms = terms
        self._why_not_choose = why_not_choose
        self._query = query

    def targets(self) -> Targets:
        """What is chosen now."""
        tasks, marks, read_at = self._triaged.tasks, self._triaged.marks, self._triaged.read_at()
        if len(marks.marked):
            return MarkedRows(tasks.catalog, marks.marked.copy(), tasks.view.seqs, tasks.choice("by hand"), read_at)
        text = self._triaged.groups.query_of(self._terms()).text
        return MatchingRows(tasks.catalog, self._query(), f"{self._where}, filter {text}", read_at)

    def why_not_change(self) -> str | None:
        """Why nothing can be changed now."""
        return self._why_not_take(self._triaged.why_not_change)

    def why_not_export(self) -> str | None:
        """Why nothing can be exported now."""
        return self._why_not_take(self._triaged.why_not_export)

    def _why_not_take(self, why_not: Callable[[], str | None]) -> str | None:
        marks = self._triaged.marks
        if marks.marking:
            return MARKING
        return why_not() or (None if len(marks.marked) else self._why_not_choose())
