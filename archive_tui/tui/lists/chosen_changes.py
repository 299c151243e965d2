"""What parts of a screen have in common that plan changes of the archived tasks that are chosen there."""

from __future__ import annotations

from collections.abc import Callable

from archive_tui.asynq.actions import Action
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.lists.change_flow import ChangeFlow
from archive_tui.tui.lists.targets import Targets


class ChosenChanges(Part):
    """The screen says which tasks are chosen, and the flow of the screen confirms the plans and starts them."""

    def __init__(
        self,
        screen: CommandScreen,
        flow: ChangeFlow,
        targets: Callable[[], Targets],
        *,
        queue: Callable[[], str | None],
        why_not: Callable[[], str | None],
    ) -> None:
        """`targets` gives what is chosen now. `queue` names the queue whose rights count before there is a plan, None
        for none; the rights in every queue of a plan are checked once more when it starts. `why_not` is a reason of the
        screen's own why nothing can be changed now: it must give one where there is nothing to choose, unless the flow
        has marks.
        """
        super().__init__(screen)
        self._flow = flow
        self._targets = targets
        self._queue = queue
        self._why_not = why_not

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    def _refusal(self, action: Action) -> str | None:
        """Why this cannot be done to what is chosen."""
        queue = self._queue()
        return self._why_not() or (self.screen.session.why_not(action, queue) if queue is not None else None)
