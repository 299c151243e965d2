"""The search of a task's screen, or of a comparison: one walk through its documents, from match to match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from archive_tui.payloads.rendering import Shown
from archive_tui.payloads.search import Matches
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.outline import OutlineView


class Searched(Protocol):
    """Documents of a screen through which one search goes."""

    @property
    def views(self) -> Sequence[DocumentView | OutlineView]:
        """What shows the documents, in their order."""

    @property
    def boxes_searched(self) -> Sequence[str]:
        """Their names."""

    @property
    def current(self) -> str:
        """The name of the one that keys go to."""

    @property
    def alone(self) -> bool:
        """Whether no other is to be seen beside it."""

    def go_to(self, box: str, *, focus: bool = True) -> None:
        """Make one the current one; without `focus`, keys stay where they go."""


@dataclass(slots=True)
class _Wanted:
    """What is looked for."""

    needle: str
    """As it was typed."""

    start: tuple[int, Any]
    """Box and place in it from which the first match is taken, on past the end; None: from its beginning."""

    steps: int = 0
    """Matches to go on, or back, from there."""

    called_off: bool = False
    """Whether nobody wants to know any more."""

    answered: bool = False
    """Whether what was found is shown, or nothing could be looked for."""


class TaskSearch(Part):
    """Looks off the UI loop for what is typed, and lights it. Steps taken before the answer is there count from it."""

    def __init__(
        self,
        screen: CommandScreen,
        boxes: Searched,
        bar: FilterBar,
        others: Callable[[], Sequence[tuple[str, Callable[[], Shown]]]] = tuple,
    ) -> None:
        """`others` makes the views of the payload that are not shown, each with its name."""
        super().__init__(screen)
        self._boxes, self._bar = boxes, bar
        self._others = others
        self._wanted = _Wanted("", (0, None))
        self._elsewhere = ""
        self._found: tuple[Matches, ...] = ()
        self._at: int | None = None
        self._before: tuple[str, list[tuple[DocumentView | OutlineView, object]]] | None = None
        """The box and the places that were in view when somebody began to type; None once they have chosen a match."""

    @property
    def count(self) -> int:
        """How many matches there are."""
        return sum(map(len, self._found))

    @property
    def reading(self) -> bool:
        return bool(self._wanted.needle) and not self._wanted.answered

    @runs(commands.Search)
    def search(self) -> None:
        """Type what to look for."""
        self._before = self._boxes.current, [(view, view.bookmark) for view in self._boxes.views]
        self._bar.open()

    def submitted(self) -> None:
        """Take note that somebody is through with the text: what they have found stays in view."""
        if self._at is not None:
            self._before = None

    def _go_back(self) -> None:
        """Show what was in view before the search: there is nothing to show instead."""
        if self._before is not None:
            box, places = self._before
            if self._boxes.current != box:
                self._boxes.go_to(box, focus=False)
            for view, bookmark in places:
                view.return_to(bookmark)

    def text_changed(self) -> None:
        """Look for what is typed by now."""
        needle = self._bar.text
        if needle != self._wanted.needle:
            self._begin(_Wanted(needle, self._wanted.start if self._wanted.needle else self._here()))

    def documents_changed(self) -> None:
        """Look through what the boxes show by now."""
        self._before = None
        self._begin(_Wanted(self._bar.text, (0, None)))

    def _begin(self, wanted: _Wanted) -> None:
        self._wanted.called_off = True
        self._wanted = wanted
        self._found, self._at, self._elsewhere = (), None, ""
        if wanted.needle:
            self._bar.note("…")
            shown = [view.document for view in self._boxes.views]
            self._find(wanted, [one for one in shown if one is not None], self._others())
        else:
            self._light()

    @background("search")
    def _find(self, wanted: _Wanted, shown: Sequence[Shown], others: Sequence[tuple[str, Callable[[], Shown]]]) -> None:
        found: list[Matches] = []
        for one in shown:
            matches = one.matches(wanted.needle, lambda: wanted.called_off)
            if matches is None:
                return
            found.append(matches)
        self.screen.app.call_from_thread(self._arrived, wanted, tuple(found))
        if any(found):
            return
        for name, make in others:
            matches = None if wanted.called_off else make().matches(wanted.needle, lambda: wanted.called_off)
            if matches is None:
                return
            if matches:
                self.screen.app.call_from_thread(self._arrived_elsewhere, wanted, f"{len(matches):,} in {name}")
                return

    def background_failed(self, group: str, error: Exception) -> None:
        self._wanted.answered = True
        super().background_failed(group, error)

    def _arrived(self, wanted: _Wanted, found: tuple[Matches, ...]) -> None:
        if wanted is not self._wanted or not self.screen.is_mounted:
            return
        self._wanted.answered, self._found = True, found
        if self.count:
            self._at = (self._first(*wanted.start) + wanted.steps) % self.count
        self._light()

    def _arrived_elsewhere(self, wanted: _Wanted, where: str) -> None:
        """Say that another view of the payload has matches."""
        if wanted is self._wanted and self.screen.is_mounted:
            self._elsewhere = f", {where}: {commands.NextView}"
            self._light()

    def _first(self, box: int, place: Any) -> int:
        """The match to show first: from where the operator looks on the first that is written as what is looked for,
        else the first of all.
        """
        before = [sum(map(len, self._found[:number])) for number in range(len(self._found))]
        for step in range(len(self._found) + 1):
            number = (box + step) % len(self._found)
            at = self._found[number].exact_after(None if step else place)
            if at is not None:
                return before[number] + at
        return before[box] + (self._found[box].after(place) if place is not None else 0)

    def _here(self) -> tuple[int, Any]:
        """Where the operator looks: the place in view of a box in which somebody has moved, else the beginning."""
        for number, (box, view) in enumerate(zip(self._boxes.boxes_searched, self._boxes.views, strict=True)):
            if box == self._boxes.current and view.place is not None:
                return number, view.place
        return 0, None

    # From match to match

    def why_not_step(self) -> str | None:
        """Why there is no other match."""
        return None if self._bar.text else "nothing is looked for: / searches"

    @runs(commands.SearchNext, unless=why_not_step)
    def next(self) -> None:
        """Go to the next match."""
        self._step(1)

    @runs(commands.SearchPrevious, unless=why_not_step)
    def previous(self) -> None:
        """Go to the match before."""
        self._step(-1)

    def _step(self, direction: int) -> None:
        self.text_changed()  # keys that come in one piece are here before the bar has said so
        if self._at is None:
            self._wanted.steps += direction
        else:
            self._at = (self._at + direction) % self.count
            self._light()

    def show_again(self) -> None:
        """Bring the current match into view where the boxes are laid out in another way."""
        if self._at is not None:
            self._light()

    def _light(self) -> None:
        """Light what was found, and bring the current match into view."""
        below = self._at
        if below is None:
            self._go_back()
        elif not self._bar.typing:
            self._before = None
        for number, view in enumerate(self._boxes.views):
            matches = self._found[number] if self._found else None
            here = below is not None and matches is not None and 0 <= below < len(matches)
            if here and self._boxes.alone:
                self._boxes.go_to(self._boxes.boxes_searched[number], focus=False)
            view.light(matches, below if here else None)
            below = below - len(matches) if below is not None and matches is not None else None
        if not self._wanted.needle:
            self._bar.note("")
        elif self._at is None:
            self._bar.note(f"no match here{self._elsewhere}" if self._elsewhere else "no match", wrong=True)
        else:
            self._bar.note(f"{self._at + 1:,} of {self.count:,}")
