"""One archived task: what the list of the archive can do with a task, for exactly the one that is shown."""

from __future__ import annotations

from typing import Any

from archive_tui.tui import commands
from archive_tui.tui.lists.archive_changes import ArchiveChanges
from archive_tui.tui.lists.archive_edits import ArchiveEdits
from archive_tui.tui.screens.task import TaskScreen


class ArchivedTaskScreen(TaskScreen):
    """A task of an archive."""

    TITLE_IN_HELP = "Archived task"
    COMMANDS_HERE = (*TaskScreen.CHANGES_HERE, commands.Delete, commands.Run, commands.Edit, *TaskScreen.COMMANDS_HERE)
    PARTS = (*TaskScreen.PARTS, ArchiveChanges, ArchiveEdits)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changes, self.edits = (
            part(
                self,
                self.flow,
                self.targets,
                queue=lambda: self.row.queue if self.row is not None else None,
                why_not=self.why_not_change,
            )
            for part in (ArchiveChanges, ArchiveEdits)
        )
        self.parts = (*self.parts, self.changes, self.edits)
