"""The footer: the keys of this screen, as many as fit; help and the way out always do."""

from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from archive_tui.tui.commands import Command


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
        """Show `commands` in their order, as many as fit, and then all of `always`."""
        shown = (tuple(commands), tuple(always))
        if shown != (self._commands, self._always):
            self._commands, self._always = shown
            self.refresh()

    def on_click(self, event: Click) -> None:
        """Run the command under the mouse."""
        start = 1
        for command in self._shown():
            if start <= event.x < start + _width(command):
                self.post_message(self.Pressed(command))
                return
            start += _width(command)

    def render(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = [" "]
        for command in self._shown():
            tone = "$text-error" if command.danger else "$text-accent"
            parts += [(command.keys()[0], f"bold {tone}"), f" {command.title}   "]
        return Content.assemble(*parts)

    def _shown(self) -> list[type[Command]]:
        """The commands for which there is room, in their order."""
        room = self.size.width - 1
        used = sum(_width(command) for command in self._always)
        chosen: list[type[Command]] = []
        for command in self._commands:
            if used + _width(command) > room:
                break
            used += _width(command)
            chosen.append(command)
        return [*chosen, *self._always]


def _width(command: type[Command]) -> int:
    return len(command.keys()[0]) + len(command.title) + 4
