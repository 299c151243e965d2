"""The search of a task's screen, or of a comparison: one walk through its documents, from match to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archive_tui.payloads.rendering import Document
from archive_tui.payloads.search import Matches
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.filterbar import FilterBar


class Searched(Protocol):
    """Documents of a screen through which one search goes."""

    @property
    def documents(self) -> Sequence[DocumentView]:
        """The documents, in their order."""

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

    start: tuple[int, int]
    """Box and line from which the first match is taken, on past the end."""

    steps: int = 0
    """Matches to go on, or back, from there."""

    called_off: bool = False
    """Whether nobody wants to know any more."""

    answered: bool = False
    """Whether what was found is shown, or nothing could be looked for."""


class TaskSearch(Part):
    """Looks off the UI loop for what is typed, and lights it. Steps taken before the answer is there count from it."""

    def __init__(self, screen: CommandScreen, boxes: Searched, bar: FilterBar) -> None:
        super().__init__(screen)
        self._boxes, self._bar = boxes, bar
        self._wanted = _Wanted("", (0, 0))
        self._found: tuple[Matches, ...] = ()
        self._at: int | None = None

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
        self._bar.open()

    def text_changed(self) -> None:
        """Look for what is typed by now."""
        needle = self._bar.text
        if needle != self._wanted.needle:
            self._begin(_Wanted(needle, self._wanted.start if self._wanted.needle else self._here()))

    def documents_changed(self) -> None:
        """Look through what the boxes show by now."""
        self._begin(_Wanted(self._bar.text, (0, 0)))

    def _begin(self, wanted: _Wanted) -> None:
        self._wanted.called_off = True
        self._wanted = wanted
        self._found, self._at = (), None
        if wanted.needle:
            self._bar.note("…")
            self._find(wanted, [view.document for view in self._boxes.documents])
        else:
            self._light()

    @background("search")
    def _find(self, wanted: _Wanted, documents: list[Document]) -> None:
        found: list[Matches] = []
        for document in documents:
            matches = document.matches(wanted.needle, lambda: wanted.called_off)
            if matches is None:
                return
            found.append(matches)
        self.screen.app.call_from_thread(self._arrived, wanted, tuple(found))

    def background_failed(self, group: str, error: Exception) -> None:
        self._wanted.answered = True
        super().background_failed(group, error)

    def _arrived(self, wanted: _Wanted, found: tuple[Matches, ...]) -> None:
        if wanted is not self._wanted or not self.screen.is_mounted:
            return
        self._wanted.answered, self._found = True, found
        if self.count:
            box, line = wanted.start
            first = sum(map(len, found[:box])) + found[box].after(line)
            self._at = (first + wanted.steps) % self.count
        self._light()

    def _here(self) -> tuple[int, int]:
        """Where the operator looks: the first line in view of a box that was scrolled, else the beginning."""
        for number, (box, view) in enumerate(zip(self._boxes.boxes_searched, self._boxes.documents, strict=True)):
            if box == self._boxes.current and view.top_line:
                return number, view.top_line
        return 0, 0

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
        for number, view in enumerate(self._boxes.documents):
            matches = self._found[number] if self._found else None
            here = below is not None and matches is not None and 0 <= below < len(matches)
            if here and self._boxes.alone:
                self._boxes.go_to(self._boxes.boxes_searched[number], focus=False)
            view.light(matches, below if here else None)
            below = below - len(matches) if below is not None and matches is not None else None
        if not self._wanted.needle:
            self._bar.note("")
        elif self._at is None:
            self._bar.note("no match", wrong=True)
        else:
            self._bar.note(f"{self._at + 1:,} of {self.count:,}")
