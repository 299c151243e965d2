"""The footer: the keys of this screen, as many as fit; help and the way out always do."""

from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from archive_tui.tui.commands import Command

_ROOMY = 100
"""Cells from which on the keys stand farther apart."""


class KeyBar(Widget):
    """One line of keys, derived from commands. `show` replaces it."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; color: $text-muted; }
    """

    class Pressed(Message):
        """A command was clicked (`--mouse`)."""

        def __init__(self, command: type[Command]) -> None:
            super().__init__()
            self.command = command

    def __init__(self) -> None:
        super().__init__()
        self._commands: tuple[type[Command], ...] = ()
        self._always: tuple[type[Command], ...] = ()

    def show(self, commands: Sequence[type[Command]], always: Sequence[type[Command]]) -> None:
        """Show `commands` in their order, which is that of their worth, as many as fit, and then all of `always`."""
        shown = (tuple(commands), tuple(always))
        if shown != (self._commands, self._always):
            self._commands, self._always = shown
            self.refresh()

    def on_click(self, event: Click) -> None:
        """Run the command under the mouse."""
        start = 1
        for command in self._shown():
            end = start + _width(command) + self._gap
            if start <= event.x < end:
                self.post_message(self.Pressed(command))
                return
            start = end

    def render(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = [" "]
        for command in self._shown():
            tone = "$text-error" if command.danger else "$text-accent"
            parts += [(command.keys()[0], f"bold {tone}"), f" {command.title}{' ' * self._gap}"]
        return Content.assemble(*parts)

    def _shown(self) -> list[type[Command]]:
        """The commands for which there is room, in their order."""
        room = self.size.width - 1 + self._gap  # behind the last there may be none
        used = sum(_width(command) + self._gap for command in self._always)
        chosen: list[type[Command]] = []
        for command in self._commands:
            width = _width(command) + self._gap
            if used + width <= room:
                used += width
                chosen.append(command)
        return [*chosen, *self._always]

    @property
    def _gap(self) -> int:
        """Cells between two commands."""
        return 3 if self.size.width >= _ROOMY else 2


def _width(command: type[Command]) -> int:
    return len(command.keys()[0]) + 1 + len(command.title)
