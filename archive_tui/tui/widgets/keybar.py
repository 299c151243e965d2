"""The footer: the keys of this screen, as many as fit; the last ones, help and quit, always do."""

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from archive_tui.tui.commands import Command

_LAST = 2


class KeyBar(Widget):
    """One line of keys, derived from commands. `show` replaces it."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._commands: Sequence[type[Command]] = ()

    def show(self, commands: Sequence[type[Command]]) -> None:
        """Show these commands, in their order."""
        if tuple(commands) != tuple(self._commands):
            self._commands = tuple(commands)
            self.refresh()

    def render(self) -> Content:
        room = self.size.width - 1
        last = self._commands[-_LAST:]
        used = sum(_width(command) for command in last)
        chosen: list[type[Command]] = []
        for command in self._commands[:-_LAST]:
            if used + _width(command) > room:
                break
            used += _width(command)
            chosen.append(command)
        parts: list[Content | str | tuple[str, str]] = [" "]
        for command in (*chosen, *last):
            tone = "$text-error" if command.danger else "$text-accent"
            parts += [(command.keys()[0], f"bold {tone}"), f" {command.title}   "]
        return Content.assemble(*parts)


def _width(command: type[Command]) -> int:
    return len(command.keys()[0]) + len(command.title) + 4
