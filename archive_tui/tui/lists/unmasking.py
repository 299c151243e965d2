"""What is masked of the rows of a list, until the operator asks for it: errors, and the columns from payloads."""

from __future__ import annotations

from collections.abc import Callable

from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.task_list import TaskList


class Unmasking(Part):
    """Shows what is masked in a list, for as long as the list is open; its triage view and its groups follow.

    Signatures stay masked: marks, filters and groups go by them. So do exports, which are for others.
    """

    def __init__(
        self,
        screen: CommandScreen,
        tasks: TaskList,
        *,
        mask_when_left: bool = True,
        why_not: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`mask_when_left` is False on a screen above the list. `why_not` is a reason of the screen's own."""
        super().__init__(screen)
        self._tasks = tasks
        self._why_not = why_not
        self._mask_when_left = mask_when_left

    @property
    def unmasked(self) -> bool:
        return self._tasks.unmasked

    def left(self) -> None:
        if self._mask_when_left and self.unmasked:
            self._tasks.unmask(False)

    def why_not_show(self) -> str | None:
        """Why there is nothing to show or to mask."""
        return self._why_not() if self.screen.session.redaction.on else "nothing is masked in this session"

    @runs(commands.ShowSecrets, unless=why_not_show)
    def show(self) -> None:
        """Show what is masked in the list, or mask it again."""
        self._tasks.unmask(not self.unmasked)
        self.screen.look()
        if self.unmasked:
            said = f"everything is shown, but signatures and exports: {commands.ShowSecrets} masks it again"
            self.screen.say(said, warning=True)
        else:
            self.screen.say("masked again")
