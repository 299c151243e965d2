"""The help of a screen: what is under the cursor, the keys in groups, and what the screen says beside them."""

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from archive_tui.tui import commands
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.key_sheet import group_of, in_groups
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.fitted import FittedText, hang

_KEYS, _KEYS_NARROW = 18, 12
"""Cells of the column with the keys, and where there are fewer than `_NARROW` in all."""
_NARROW = 60
_LEAST = 20
"""Cells of the column with the sentences, however narrow the terminal is."""

Pages = Mapping[str, Sequence[tuple[str, str]]]
"""Titles, and below each what is written with what it means."""


class HelpDialog(Dialog[None]):
    """What can be done, and what is written on the screen."""

    DEFAULT_CSS = """
    HelpDialog > Vertical { width: 84; }
    HelpDialog VerticalScroll { height: auto; max-height: 100%; scrollbar-gutter: stable; }
    """
    COMMANDS_HERE = (commands.CloseHelp, commands.SearchHelp)
    TITLE_IN_HELP = "Help"

    def __init__(
        self, title: str, listed: Sequence[type[Command]], pages: Pages | None = None, topic: Pages | None = None
    ) -> None:
        """`topic` is about what stands under the cursor, and comes first; `pages` come after the keys."""
        super().__init__()
        self._title = title
        self._commands = listed
        self._pages = pages or {}
        self._topic = topic or {}

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Keys: {self._title}"
            box.border_subtitle = f"{commands.SearchHelp} searches · {commands.CloseDialog} closes"
            with VerticalScroll(can_focus=True):
                yield FittedText(self._written)
            yield FilterBar("words to look for", anew=True, give_back=self._to_the_text)

    def on_mount(self) -> None:
        self._to_the_text()

    @runs(commands.SearchHelp)
    def search(self) -> None:
        """Type words that keys, titles or sentences hold."""
        self.query_one(FilterBar).open()

    @runs(commands.CloseHelp)
    def close(self) -> None:
        self.action_answer_nothing()

    def action_answer_nothing(self) -> None:
        """Forget what was looked for; with nothing, close."""
        if not self.query_one(FilterBar).clear():
            super().action_answer_nothing()

    @on(FilterBar.Changed)
    def _searched(self) -> None:
        self.query_one(FittedText).write(self._written)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def _to_the_text(self) -> None:
        self.set_focus(self.query_one(VerticalScroll))

    def _sections(self) -> dict[str, list[tuple[str, str, str]]]:
        """What is written, by titles: keys, sentence, and the tone of the keys."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for title, entries in self._topic.items():
            found[title] = [(written, meaning, "$text-accent") for written, meaning in entries]
        for title, members in _of_this_screen_first(self._commands).items():
            found[title] = [
                (" ".join(one.keys()), one.help, "$text-error" if one.danger else "$text-accent") for one in members
            ]
        for title, entries in self._pages.items():
            found[title] = [(written, meaning, "$text-accent") for written, meaning in entries]
        return found

    def _written(self, width: int) -> Content:
        """Everything that holds the words that are looked for, on lines of this many cells."""
        indent = _KEYS if width >= _NARROW else _KEYS_NARROW
        room = max(width - indent, _LEAST)
        words = self.query_one(FilterBar).text.casefold().split()
        parts: list[str | tuple[str, str]] = []
        for title, entries in self._sections().items():
            shown = [one for one in entries if all(word in f"{title} {one[0]} {one[1]}".casefold() for word in words)]
            if shown:
                parts += ["\n" if parts else "", (f"{' ' * indent}{title}\n", "bold")]
            for written, meaning, tone in shown:
                between = "  " if len(written) <= indent - 2 else f"\n{' ' * indent}"  # too long to stand beside
                parts += [(f"{written:>{indent - 2}}", f"bold {tone}"), f"{between}{hang(meaning, room, indent)}\n"]
        if not parts:
            nothing = f"Nothing here holds these words: {commands.CloseDialog} shows all."
            parts += [" " * indent, hang(nothing, room, indent)]
        return Content.assemble(*parts).rstrip()


def _of_this_screen_first(listed: Sequence[type[Command]]) -> dict[str, list[type[Command]]]:
    """Commands in groups: first those that are this screen's, and last those that every screen has."""
    groups = in_groups(listed)
    shared = [title for title in in_groups([*commands.MOVES, *commands.QUITS]) if title in groups]
    # What is there for a job that runs stands in front of the footer, but is not what a screen is for
    by_appearance = dict.fromkeys(group_of(command) for command in listed if not command.transient)
    order = [title for title in by_appearance if title not in shared]
    return {title: groups[title] for title in dict.fromkeys((*order, *shared, *groups))}
