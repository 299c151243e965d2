"""Asks which columns a list shows, and in which order."""

import json
from collections.abc import Callable, Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from archive_tui.catalog.message_values import MessageValue
from archive_tui.settings.file import default_settings_file
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.dialogs.path import PathDialog
from archive_tui.tui.lists.appearance import COLUMNS, kept_as
from archive_tui.tui.widgets.options import Options


class ColumnsDialog(Dialog[Sequence[str]]):
    """Answers the names of the columns that are to be shown, in their order: at least one."""

    DEFAULT_CSS = """
    ColumnsDialog > Vertical { width: 60; }
    ColumnsDialog OptionList { height: auto; max-height: 10; border: none; background: $surface; padding: 0; }
    ColumnsDialog OptionList:focus { border: none; }
    ColumnsDialog #keys { color: $text-muted; height: auto; }
    ColumnsDialog #keep { color: $text-muted; height: auto; margin-top: 1; }
    """
    COMMANDS_HERE = (
        commands.ToggleColumn,
        commands.ColumnUp,
        commands.ColumnDown,
        commands.AddColumn,
        commands.ResetColumns,
        commands.NextColumn,
        commands.PreviousColumn,
    )
    FIXED_HERE = (commands.CloseDialog, commands.Answer)
    TITLE_IN_HELP = "Columns"

    def __init__(
        self,
        kind: str,
        titles: Mapping[str, str],
        shown: Sequence[str],
        seen: Callable[[], Sequence[str]],
    ) -> None:
        """`titles` has all columns that the list can show, in the usual order; `shown` those that it shows now; `seen`
        gives places in its messages that may become columns.
        """
        super().__init__()
        self._seen = seen
        self._kind = kind
        self._titles = dict(titles)
        self._shown = set(shown)
        self._order = [*shown, *(name for name in titles if name not in shown)]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Columns of this list ({line(self._kind.partition(':')[0])})"
            yield Options()
            yield Static(self._explanation(), id="keys")
            yield Static(id="keep")

    @staticmethod
    def _explanation() -> Content:
        return Content(_keys())

    def on_mount(self) -> None:
        self._draw(0)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def _answer(self) -> list[str]:
        return [name for name in self._order if name in self._shown]

    def _draw(self, at: int) -> None:
        """Draw the columns, with the cursor on one of them."""
        marks = {True: "● ", False: "  "}
        options = [Option(Content(f"{marks[name in self._shown]}{line(self._titles[name])}")) for name in self._order]
        self._list.set_options(options)
        self._list.highlighted = at
        names = ", ".join(map(_quoted, self._answer))
        kept_for = kept_as(self._kind, self._answer)
        section = _quoted(kept_for) if ":" in kept_for else kept_for
        kept_in = default_settings_file().name
        self.query_one("#keep", Static).update(
            Content(f"Kept for this run. For good, in {kept_in}:\n[columns]\n{section} = [{names}]")
        )

    @runs(commands.NextColumn)
    def next_column(self) -> None:
        self._step(1)

    @runs(commands.PreviousColumn)
    def previous_column(self) -> None:
        self._step(-1)

    def _step(self, direction: int) -> None:
        self._list.highlighted = ((self._list.highlighted or 0) + direction) % len(self._order)

    @runs(commands.ToggleColumn)
    def show_or_hide(self) -> None:
        """Show the column under the cursor, or hide it; one has to stay."""
        at = self._list.highlighted or 0
        name = self._order[at]
        if self._shown == {name}:
            self.query_one("#keys", Static).update(Content.styled("one column has to stay", "$text-warning"))
            return
        self._shown ^= {name}
        self._draw(at)

    @runs(commands.ColumnUp)
    def carry_up(self) -> None:
        self._carry(-1)

    @runs(commands.ColumnDown)
    def carry_down(self) -> None:
        self._carry(1)

    def _carry(self, direction: int) -> None:
        at = self._list.highlighted or 0
        to = at + direction
        if 0 <= to < len(self._order):
            self._order[at], self._order[to] = self._order[to], self._order[at]
            self._draw(to)

    @runs(commands.AddColumn)
    def add(self) -> None:
        """Ask for a place in messages, and show it as a column."""
        self.app.push_screen(PathDialog(self._seen), self._added)

    def _added(self, value: MessageValue | None) -> None:
        if value is None:
            return
        if value.name not in self._titles:
            self._titles[value.name] = value.name
            self._order.insert((self._list.highlighted or 0) + 1, value.name)
        self._shown.add(value.name)
        self._draw(self._order.index(value.name))

    @runs(commands.ResetColumns)
    def reset(self) -> None:
        """Show all columns in the usual order, and none of payloads."""
        self._titles = {name: title for name, title in self._titles.items() if name in COLUMNS}
        self._order, self._shown = list(self._titles), set(self._titles)
        self._draw(0)

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.dismiss(self._answer)


def _quoted(text: str) -> str:
    """Write a text as TOML does, which for these is as JSON does."""
    return line(json.dumps(text, ensure_ascii=False))


def _keys() -> str:
    """The keys of this dialog; those to move a column by the ones that are letters, which take less room."""
    up, down = commands.ColumnUp.keys()[-1], commands.ColumnDown.keys()[-1]
    add, reset = commands.AddColumn, commands.ResetColumns
    ways = f"{commands.ToggleColumn} shows or hides · {down} {up} move · {add} adds a payload path"
    return f"{ways}\n{reset} as usual · {commands.Answer} takes them · {commands.CloseDialog} keeps the old ones"
