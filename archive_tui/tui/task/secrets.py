"""What is masked of the task that is shown, until the operator asks for it: for this task alone."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.task.payload_export import Loaded
from archive_tui.tui.themes import BADGE
from archive_tui.tui.widgets.status import SECRETS_SHOWN


class MaskedValues(Part):
    """Masks what the profile says, or shows it: `redaction` is what everything on the screen goes through."""

    def __init__(
        self, screen: CommandScreen, loaded: Callable[[], Loaded | None], read_again: Callable[[], object]
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `read_again` reads and shows it anew."""
        super().__init__(screen)
        self._loaded = loaded
        self._read_again = read_again
        self._shown = False

    @property
    def redaction(self) -> Redaction:
        """What is masked now."""
        return SHOWN if self._shown else self.screen.session.redaction

    def begin(self) -> None:
        """Take note that another task is shown: masked again."""
        self._shown = False

    def badge(self) -> Content:
        """Says that nothing is masked; empty where something may be."""
        return Content.styled(f" {SECRETS_SHOWN} ", BADGE) if self._shown else Content("")

    def why_not_show(self) -> str | None:
        """Why there is nothing to show or to mask."""
        loaded = self._loaded()
        if not self.screen.session.redaction.on:
            return "nothing is masked in this session"
        if loaded is None:
            return "nothing was read"
        return None if self._shown or loaded.masked else "nothing is masked in this task"

    @runs(commands.ShowSecrets, unless=why_not_show)
    def show(self) -> None:
        """Show what is masked, or mask it again."""
        self._shown = not self._shown
        self._read_again()
        if self._shown:
            again = f"{commands.ShowSecrets}, or another task, masks it again"
            self.screen.say(f"everything of this task is shown, and copied: {again}", warning=True)
