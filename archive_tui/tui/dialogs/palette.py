"""The palette: the commands of the screen below, searched by name."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.widgets import Input

from archive_tui.tui.command_screen import CommandScreen

_CHOOSING = {"enter", "up", "down", "pageup", "pagedown"}


class ScreenCommands(Provider):
    """The commands of the screen below, for the palette."""

    async def discover(self) -> Hits:
        for title, run, sentence in self._entries():
            yield DiscoveryHit(title, run, help=sentence)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, run, sentence in self._entries():
            score = matcher.match(f"{title} {sentence}")
            if score > 0:
                yield Hit(score, title, run, help=sentence)

    def _entries(self) -> Iterable[tuple[str, Any, str]]:
        screen = self.screen
        if not isinstance(screen, CommandScreen):
            return
        for command in screen.available():
            title = f"{command.title.rstrip('…').capitalize()}  ({command.keys()[0]})"
            yield title, partial(screen.run_command, command), command.help


class Palette(CommandPalette):
    """Textual's, whose list fails on page up and page down while it has no room on the terminal. Its cursor stands
    still, for each blink is sent.
    """

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False

    def catching_up(self, key: str) -> bool:
        """Whether a key that was typed ahead is to wait: one that chooses, while the search has not ended."""
        searching = any(worker.node is self and not worker.is_finished for worker in self.workers)
        return key in _CHOOSING and searching

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
