"""The tour itself: where the operator stands in it, and the line that says the next step."""

import json
from collections import Counter
from pathlib import Path

from textual.app import App
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from archive_tui.session import Session
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.tour.steps import Situation, steps

SKIP_KEYS = "f9,ctrl+t"
"""The keys that skip a step; after the last they end the tour."""

_SHORTEST = 12
"""Rows of a terminal that has room for the line."""


class TourLine(Widget):
    """One step, between the top line and what it speaks of: as many rows as it needs, none without a step."""

    DEFAULT_CSS = """
    TourLine { height: auto; width: 100%; padding: 0 1; background: $cursor; color: $foreground; }
    TourLine:ansi { background: $background; text-style: reverse; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = Content("")
        self.display = False

    def say(self, text: Content) -> None:
        """Say this from now on; nothing takes the line away."""
        if not text.is_same(self._text):
            self._text = text
            self.refresh(layout=True)
        self.display = bool(text.plain) and self.app.size.height >= _SHORTEST

    def render(self) -> Content:
        return self._text


class Tour:
    """Follows what the operator does, and says what to try next. Asks the server nothing, and changes nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._steps = list(steps(read_only=session.read_only))
        self._count = len(self._steps)
        self._audit = _Audit(session.audit.file)

    def skip(self) -> None:
        """Go on to the next step; behind the last there is none."""
        del self._steps[:1]

    def look(self, app: App[None]) -> None:
        """Go on where a step was done, and say the next on the screen that is open."""
        now = self._situation(app)
        if now is None:
            return
        screen, situation = now
        while self._steps and self._steps[0].done(situation):
            self.skip()
        for line in screen.query(TourLine):
            line.say(self._text(situation))

    def _text(self, now: Situation) -> Content:
        if not self._steps:
            return Content("")
        step = self._steps[0]
        number = self._count - len(self._steps) + 1
        away = "" if not step.screens or now.screen in step.screens else f"({commands.Back} goes back) "
        last = len(self._steps) == 1
        return Content.assemble(
            (f"Tour {number}/{self._count}  ", "bold $text-accent"),
            away + step.text,
            (f"  f9 {'ends the tour' if last else 'skips'}", "$text-muted"),
        )

    def _situation(self, app: App[None]) -> tuple[CommandScreen, Situation] | None:
        screens = [screen for screen in app.screen_stack if isinstance(screen, CommandScreen)]
        if not screens:
            return None
        focused = app.focused
        around = {type(one).__name__ for one in focused.ancestors_with_self} if focused is not None else set()
        dialog = type(app.screen).__name__ if isinstance(app.screen, ModalScreen) else ""
        scanned = any(summary is not None for summary in self._session.scans.values())
        return screens[-1], Situation(type(screens[-1]).__name__, dialog, around, self._audit.ended(), scanned)


class _Audit:
    """The changes that have ended, read from the audit as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._ended: Counter[str] = Counter()

    def ended(self) -> Counter[str]:
        """How many have ended, by their action."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                lines = file.read().splitlines(keepends=True)
        except OSError:
            return self._ended  # nothing was confirmed yet
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self._read += len(line)
            facts = json.loads(line)
            if facts.get("event") == "ended":
                self._ended[facts.get("action")] += 1
        return self._ended
