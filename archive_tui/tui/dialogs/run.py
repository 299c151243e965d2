"""The question how archived tasks are to be run; the plan follows."""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from archive_tui.asynq.runs import RunMode
from archive_tui.catalog.filter.quantities import future_of, span_of
from archive_tui.errors import UsageError
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry
from archive_tui.tui.widgets.options import Options
from archive_tui.wording.people import plural

_ONCE, _AFRESH, _STAYING = "once", "afresh", "staying"
_TITLES = {
    _ONCE: "once, as Asynq's own Run: the count of retries stays",
    _AFRESH: "with retries reset: may fail as often as a new task",
    _STAYING: "not at all: edited, and kept in the archive",
}
_FASTEST = 100_000.0
_DATE = re.compile(r"[0-9]{4}-")


class HowToRun(NamedTuple):
    """How archived tasks run."""

    mode: RunMode

    stays: bool = False
    """Whether they do not run at all, and stay in the archive."""


class RunDialog(Dialog[HowToRun]):
    """Answers how to run. It runs nothing: the plan follows, and must be confirmed."""

    DEFAULT_CSS = """
    RunDialog > Vertical { width: 66; }
    RunDialog OptionList { height: auto; border: none; background: $surface; padding: 0; margin-bottom: 1; }
    RunDialog OptionList:focus { border: none; }
    RunDialog .field { height: 1; }
    RunDialog .field Label { width: 14; }
    RunDialog Input { border: none; height: 1; width: 1fr; background: $panel; padding: 0 1; }
    RunDialog #wrong { color: $text-error; height: auto; margin-top: 1; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Run"

    def __init__(
        self, count: int, clock: Callable[[], float], *, title: str = "", may_stay: bool = False
    ) -> None:  # fmt: skip
        """`clock` gives unix seconds. `title` is that of the box, where the tasks do not run as they are; `may_stay`
        says whether they may also stay in the archive.
        """
        super().__init__()
        self._ways = [way for way in _TITLES if may_stay or way != _STAYING]
        self._title = title or f"Run {plural(count, 'archived task')} again"
        self._clock = clock

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            yield Options(*[Option(Content(_TITLES[way]), id=way) for way in self._ways], id="how")
            with Horizontal(classes="field"):
                yield Label("Begin")
                placeholder = "now; or 2h, or 2026-12-01T06:00"
                yield Entry(placeholder=placeholder, id="begin", compact=True)
            with Horizontal(classes="field"):
                yield Label("Per second")
                placeholder = "all of them; or a rate, such as 20"
                yield Entry(placeholder=placeholder, id="rate", compact=True)
            yield Static(self._explanation(), id="wrong")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Plan…", id="plan", compact=True)

    def on_mount(self) -> None:
        how = self.query_one(OptionList)
        how.highlighted = 0
        how.focus()

    def _explanation(self) -> Content:
        return Content.styled("enter shows the plan; tab goes to the lines", "$text-muted")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#wrong", Static).update(self._explanation())

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    @on(Button.Pressed, "#plan")
    def _plan(self, event: OptionList.OptionSelected | Input.Submitted | Button.Pressed) -> None:
        event.stop()
        begin, rate = (self.query_one(name, Input).value.strip() for name in ("#begin", "#rate"))
        way = self._ways[self.query_one(OptionList).highlighted or 0]
        try:
            if way == _STAYING and (begin or rate):
                raise UsageError("what stays in the archive does not run: empty both lines")
            mode = mode_of(begin, rate, self._clock(), afresh=way == _AFRESH)
            self.dismiss(HowToRun(mode, way == _STAYING))
        except UsageError as error:
            self.query_one("#wrong", Static).update(Content(str(error)))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)


def mode_of(begin: str, rate: str, now: float, *, afresh: bool) -> RunMode:
    """Read what was typed: a length of time or a moment in UTC, and a rate; empty for none. `now` is unix seconds.
    Raises UsageError.
    """
    begin = re.sub(r"^(?:in|at)\s+", "", begin)
    at = future_of(begin, now) if _DATE.match(begin) else None
    delay = span_of(begin) if begin and at is None else None
    return RunMode(afresh, delay, at, _rate(rate) if rate else None)


def _rate(text: str) -> float:
    try:
        rate = float(text.replace(",", ""))
    except ValueError:
        rate = math.nan
    if not 1 / _FASTEST <= rate <= _FASTEST:
        raise UsageError(f"“{clip(text, 20)}” is no rate: write how many are to begin in a second, such as 20 or 0.5")
    return rate
