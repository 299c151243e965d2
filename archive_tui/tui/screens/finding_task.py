"""The task of one finding: what the list of the scan can do with a finding, for exactly the one that is shown."""

from __future__ import annotations

from typing import Any

from archive_tui.catalog.marks import Marks
from archive_tui.tui import commands
from archive_tui.tui.lists.finding_changes import FindingChanges
from archive_tui.tui.screens.task import TaskScreen


class FindingTaskScreen(TaskScreen):
    """A task with which something is wrong. Opening its screen is pointing at it."""

    TITLE_IN_HELP = "Finding"
    COMMANDS_HERE = (
        *TaskScreen.CHANGES_HERE,
        commands.Repair,
        commands.Delete,
        commands.Explain,
        *TaskScreen.COMMANDS_HERE,
    )
    PARTS = (*TaskScreen.PARTS, FindingChanges)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.findings = FindingChanges(
            self,
            self.flow,
            self.targets,
            picked=self._picked,
            pointed_at=lambda: self.row,
            why_not=self.why_not_change,
        )
        self.parts = (*self.parts, self.findings)

    def _picked(self) -> Marks:
        marks, _ = self.targets().find()
        return marks
