"""The picture on the terminal, cell by cell, so that only what differs is sent.

Textual 8.2.8 sends every line that a widget asked to draw, with every style in full, whether or not it shows the same
as before: an idle screen under a dialog sends 60,000 bytes a second. Here its updates are read into a grid, and what
leaves are the cells that the terminal does not show yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[(?:(\d+);(\d+)H|([\d;]*)m)|(\n)|([^\x00-\x1f\x7f-\x9f]+)|(.)", re.DOTALL)
_BEGINNING = re.compile(r"(?:\x1b\[[\d;]*m)*\x1b\[\d+;\d+H")

_ERASED = 6
"""Blank cells at the end of a line from which on erasing is shorter."""

_ERASED_WITHIN = 12
"""The same within a line, where the cursor has to be moved across them as well."""

_SCROLLED_FROM = 300
"""Bytes of an update from which on it is worth looking whether the lines have only moved."""

_FARTHEST = 3
"""Lines by which a list that is held at its end moves between two pictures."""

_LEAST_LINES = 3

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""The code that ends each attribute. Others are ended by a reset."""

_SHOWS_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that a space shows, too."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """The shortcuts that a terminal knows. Repeating a sign (REP) is not among them: many that call themselves xterm do
    not know it, and tmux before 2024 repeats something else where the sign is a line.
    """

    erases_in_colour: bool = False
    """Whether it fills what it erases with the background of the moment."""
    erases_within: bool = False
    """Whether it erases a number of cells within a line."""
    scrolls: bool = False
    """Whether it scrolls some of its lines while the others stand still."""


@dataclass(frozen=True, slots=True)
class _Scroll:
    """Lines that move, while all others stand still."""

    top: int
    bottom: int
    """The first and the last line of those that move, and of those that they move over."""
    up: int
    """How many lines they move up; negative where they move down."""

    @property
    def uncovered(self) -> range:
        """The lines that must be drawn anew."""
        return range(self.bottom - self.up + 1, self.bottom + 1) if self.up > 0 else range(self.top, self.top - self.up)


@dataclass(frozen=True, slots=True)
class _Pen:
    """The style of a cell, from an SGR sequence."""

    attributes: frozenset[str]
    """Codes such as `1` for bold."""
    front: str
    """The code of the colour of the text, such as `38;5;120`; empty for the terminal's own."""
    back: str
    """The code of the background; empty for the terminal's own."""


_PLAIN = _Pen(frozenset(), "", "")


@lru_cache(4096)
def _pen(sequence: str) -> _Pen:
    """Read the parameters of an SGR sequence that begins from a reset, as Textual writes them."""
    attributes: set[str] = set()
    front = back = ""
    codes = iter(sequence.split(";"))
    for code in codes:
        number = int(code or "0")
        if number in (38, 48):
            kind = next(codes, "5")
            rest = [next(codes, "0") for _ in range(3 if kind == "2" else 1)]
            colour = ";".join([code, kind, *rest])
            front, back = (colour, back) if number == 38 else (front, colour)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            front = code
        elif 40 <= number <= 47 or 100 <= number <= 107:
            back = code
        elif number == 39:
            front = ""
        elif number == 49:
            back = ""
        elif number == 0:
            attributes, front, back = set(), "", ""
        else:
            attributes.add(code)
    return _Pen(frozenset(attributes), front, back)


@lru_cache(4096)
def _on_blanks(pen: _Pen) -> _Pen:
    """What of a style can be seen on a space."""
    seen = pen.attributes & _SHOWS_ON_BLANKS
    return pen if seen else _Pen(frozenset(), "", pen.back)


@lru_cache(8192)
def _for_blanks(before: _Pen, blank: _Pen) -> _Pen:
    """The style nearest to `before` that shows a space as `blank` does."""
    if _on_blanks(before) == blank:
        return before
    if blank.attributes or before.attributes & _SHOWS_ON_BLANKS:
        return blank
    return _Pen(before.attributes, before.front, blank.back)


@lru_cache(8192)
def _change(before: _Pen, after: _Pen) -> str:
    """The shortest SGR sequence from one style to another."""
    if before == after:
        return ""
    whole = [code for code in (*sorted(after.attributes), after.front, after.back) if code]
    sequence = f"\x1b[0;{';'.join(whole)}m" if whole else "\x1b[m"
    ended = before.attributes - after.attributes
    if all(code in _OFF for code in ended):
        offs = {_OFF[code] for code in ended}
        begun = after.attributes - before.attributes
        if "22" in offs:  # it ends bold and dim alike
            begun |= after.attributes & {"1", "2"}
        parts = [*sorted(offs), *sorted(begun)]
        if before.front != after.front:
            parts.append(after.front or "39")
        if before.back != after.back:
            parts.append(after.back or "49")
        step = f"\x1b[{';'.join(parts)}m"
        if len(step) < len(sequence):
            return step
    return sequence


def _right(cells: int) -> str:
    """Move the cursor to the right."""
    return f"\x1b[{cells}C" if cells > 1 else "\x1b[C"


@lru_cache(4096)
def _steady(character: str) -> bool:
    """Whether all terminals give a character one cell: letters, lines, blocks and arrows. Behind any other the cursor
    is put where it belongs.
    """
    if len(character) != 1:
        return False
    code = ord(character)
    return (
        code < 0x300 or 0x370 <= code < 0x530 or 0x2010 <= code < 0x2028 or 0x2190 <= code < 0x2200
        or 0x2400 <= code < 0x2427 or 0x2500 <= code < 0x2600 or 0x2800 <= code < 0x2900
    )  # fmt: skip


def _cells(text: str) -> list[str]:
    """One string a cell: a wide character is followed by an empty one, and accents stand with their letter."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for character in text:
        width = 1 if _steady(character) else cell_len(character)
        if width:
            cells += [character, *[""] * (width - 1)]
        else:
            last = next((at for at in range(len(cells) - 1, -1, -1) if cells[at]), None)
            if last is not None:
                cells[last] += character
    if len(cells) != (whole := cell_len(text)):  # signs that are measured together stay together
        cells = [text, *[""] * (whole - 1)] if whole else []
    return cells


class _Line:
    """One line: a string and a style for each cell."""

    __slots__ = ("cells", "pens")

    def __init__(self) -> None:
        self.cells: list[str | None] = []
        self.pens: list[_Pen] = []

    def put(self, x: int, cells: list[str], pen: _Pen) -> None:
        """Write cells from column `x` on."""
        if len(self.cells) < x + len(cells):
            more = x + len(cells) - len(self.cells)
            self.cells += [None] * more
            self.pens += [_PLAIN] * more
        end = x + len(cells)
        if self.cells[x] == "":  # half of a wide sign is written over: the other half goes as well
            self._blank(x - 1, -1)
        if end < len(self.cells) and self.cells[end] == "":
            self._blank(end, 1)
        self.cells[x : x + len(cells)] = cells
        blank = _on_blanks(pen)
        self.pens[x : x + len(cells)] = [blank if cell == " " else pen for cell in cells]

    def _blank(self, x: int, step: int) -> None:
        """Blank what is left of a wide sign, from column `x` on."""
        while 0 <= x < len(self.cells):
            rest, self.cells[x] = self.cells[x], " "
            self.pens[x] = _on_blanks(self.pens[x])
            x += step
            if step < 0 and rest:
                return
            if step > 0 and (x == len(self.cells) or self.cells[x] != ""):
                return

    def resembles(self, other: _Line) -> bool:
        """Whether most of the signs of both are the same."""
        alike = sum(mine == theirs for mine, theirs in zip(self.cells, other.cells, strict=False) if mine != " ")
        return alike * 2 > len(self.cells) - self.cells.count(" ")

    def same(self, other: _Line) -> bool:
        """Whether both show the same."""
        return self.cells == other.cells and self.pens == other.pens

    def copy(self) -> _Line:
        """Another line that shows the same."""
        line = _Line()
        line.cells, line.pens = self.cells.copy(), self.pens.copy()
        return line


class Picture:
    """What the terminal is to show, and what it shows already."""

    def __init__(self, abilities: Abilities | None = None) -> None:
        """`abilities` None: none that could be missing."""
        self._abilities = abilities or Abilities()
        self._wanted: dict[int, _Line] = {}
        self._shown: dict[int, _Line] = {}
        self._touched: set[int] = set()
        self._size = (0, 0)
        self._cursor = self._cursor_shown = (0, 0)

    def take(self, data: str) -> bool:
        """Take over an update: text, styles and positions. False where it is something else, which must be sent as it
        is.
        """
        if _BEGINNING.match(data) is None:
            return False
        tokens = _TOKEN.findall(data)
        if any(token[5] for token in tokens):
            return False
        x = y = 0
        pen = _PLAIN
        for row, column, style, newline, text, _ in tokens:
            if text:
                cells = _cells(text)
                line = self._wanted.get(y)
                if line is None:
                    line = self._wanted[y] = _Line()
                line.put(x, cells, pen)
                self._touched.add(y)
                x += len(cells)
            elif row:
                y, x = int(row) - 1, int(column) - 1
            elif newline:
                y, x = y + 1, 0
            else:
                pen = _pen(style)
        self._cursor = (x, y)
        return True

    def forget(self) -> None:
        """The terminal shows something else by now: all of it must be sent again."""
        self._shown.clear()
        self._touched.update(self._wanted)

    @property
    def changed(self) -> bool:
        """Whether something may have to be sent."""
        return bool(self._touched) or self._cursor != self._cursor_shown

    def changes(self, size: tuple[int, int]) -> str:
        """What makes a terminal of `size` (columns, lines) show what it is to show; empty where it does. From then on
        it counts as shown.
        """
        if size != self._size:
            self._size = size
            self.forget()
        columns, lines = size
        touched = sorted(y for y in self._touched if y < lines)
        drawing, shown = self._drawn(touched, self._shown, columns)
        if drawing.length > _SCROLLED_FROM and self._abilities.scrolls and (scroll := self._scroll(touched)):
            moved, shown_after = self._drawn(touched, self._shown, columns, scroll)
            if moved.length < drawing.length:
                drawing, shown = moved, shown_after
        self._shown = shown
        self._touched.clear()
        column, line = min(self._cursor[0], columns - 1), min(self._cursor[1], lines - 1)
        if drawing.parts or self._cursor != self._cursor_shown:
            drawing.end(max(column, 0), max(line, 0))
            self._cursor_shown = self._cursor
        return "".join(drawing.parts)

    def _drawn(
        self, touched: list[int], shown: dict[int, _Line], columns: int, scroll: _Scroll | None = None
    ) -> tuple[_Drawing, dict[int, _Line]]:
        """Draw the lines that were touched, after a scroll where there is one; and what the terminal shows then."""
        shown, drawing = dict(shown), _Drawing(columns, self._abilities)
        if scroll is not None:
            drawing.scroll(scroll)
            before = dict(shown)
            for y in range(scroll.top, scroll.bottom + 1):
                shown.pop(y, None)
                if y not in scroll.uncovered and (moved := before.get(y + scroll.up)) is not None:
                    shown[y] = moved
            touched = sorted({*touched, *range(scroll.top, scroll.bottom + 1)} & self._wanted.keys())
        for y in touched:
            wanted, before_it = self._wanted[y], shown.get(y)
            if before_it is None or not wanted.same(before_it):
                drawing.line(y, wanted, before_it or _Line())
                shown[y] = wanted.copy()
        return drawing, shown

    def _scroll(self, touched: list[int]) -> _Scroll | None:
        """How most of the lines that were touched have moved; None where they have not."""
        for up in (sign * lines for lines in range(1, _FARTHEST + 1) for sign in (1, -1)):
            moved = [y for y in touched if (old := self._shown.get(y + up)) and self._wanted[y].resembles(old)]
            if len(moved) >= _LEAST_LINES and len(moved) * 2 > moved[-1] - moved[0] + 1:
                return _Scroll(min(moved[0], moved[0] + up), max(moved[-1], moved[-1] + up), up)
        return None


class _Drawing:
    """The bytes that change some lines. It begins and ends with the terminal's own style."""

    def __init__(self, columns: int, abilities: Abilities) -> None:
        self.parts: list[str] = []
        self._columns = columns
        self._abilities = abilities
        self._pen = _PLAIN
        self._at: tuple[int, int] | None = None

    @property
    def length(self) -> int:
        """How much is sent, in bytes."""
        return sum(len(part.encode()) for part in self.parts)

    def scroll(self, scroll: _Scroll) -> None:
        """Move lines, at the edge that they move away from; the terminal puts its cursor somewhere else by that."""
        self._dip(_PLAIN)
        edge, step = (scroll.bottom, "\n") if scroll.up > 0 else (scroll.top, "\x1bM")
        self.parts.append(f"\x1b[{scroll.top + 1};{scroll.bottom + 1}r\x1b[{edge + 1}H{step * abs(scroll.up)}\x1b[r")
        self._at = None

    def line(self, y: int, wanted: _Line, shown: _Line) -> None:
        """Send the cells of a line that differ."""
        cells, pens = wanted.cells[: self._columns], wanted.pens
        before, pens_before = shown.cells, shown.pens
        known = len(before)
        differing = [
            x for x, cell in enumerate(cells)
            if cell is not None and (x >= known or cell != before[x] or pens[x] != pens_before[x])
        ]  # fmt: skip
        if not differing:
            return
        erased_from = self._blank_end(cells, pens) if self._abilities.erases_in_colour else len(cells)
        columns = [x for x in self._resent(differing, cells, pens, before) if x < erased_from]
        at = 0
        while at < len(columns):
            x, blanks = columns[at], self._blanks(columns, at, cells, pens)
            if blanks:
                self._move(x, y)
                self._dip(_for_blanks(self._pen, pens[x]))
                self.parts.append(f"\x1b[{blanks}X")
            else:
                self._cell(x, y, cells, pens)
            at += blanks or 1
        if differing[-1] >= erased_from:
            self._move(erased_from, y)
            self._dip(_for_blanks(self._pen, pens[erased_from]))
            self.parts.append("\x1b[K")

    def _blanks(self, columns: list[int], at: int, cells: list[str | None], pens: list[_Pen]) -> int:
        """How many of the columns from the one `at` on are blanks in a row that are worth erasing together; 0 where
        none are.
        """
        x = columns[at]
        able = self._abilities.erases_within and self._abilities.erases_in_colour
        if not able or cells[x] != " " or pens[x].attributes:
            return 0
        end = at
        while end < len(columns) and columns[end] - x == end - at:
            if cells[columns[end]] != " " or pens[columns[end]] != pens[x]:
                break
            end += 1
        return end - at if end - at >= _ERASED_WITHIN else 0

    def _blank_end(self, cells: list[str | None], pens: list[_Pen]) -> int:
        """Where the blank end of a line begins that is worth erasing; its length where there is none."""
        end = len(cells)
        if end < self._columns or not end or cells[-1] != " " or pens[end - 1].attributes:
            return end
        pen = pens[end - 1]
        start = end
        while start and cells[start - 1] == " " and pens[start - 1] == pen:
            start -= 1
        return start if end - start >= _ERASED else end

    def _resent(
        self, differing: list[int], cells: list[str | None], pens: list[_Pen], before: list[str | None]
    ) -> list[int]:
        """The columns to send: those that differ, short gaps between them, and what an unsteady sign may have hidden
        or pushed away.
        """
        columns = set(differing)
        for x in differing:
            old = before[x] if x < len(before) else " "
            if not _steady(cells[x] or "") or (old is not None and not _steady(old)):
                columns |= {x - 1, x + 1}
        chosen: list[int] = []
        for x in sorted(column for column in columns if 0 <= column < len(cells)):
            if chosen and self._shorter_than_moving(gap := range(chosen[-1] + 1, x), cells, pens):
                chosen += gap
            chosen.append(x)
        return chosen

    def _shorter_than_moving(self, gap: range, cells: list[str | None], pens: list[_Pen]) -> bool:
        """Whether it takes fewer bytes to send the cells of a gap again than to move the cursor across it."""
        if not gap or len(gap) > 5 or any(pens[x] != pens[gap.start - 1] for x in gap if cells[x] != " "):
            return False
        if any(_on_blanks(pens[x]) != _on_blanks(pens[gap.start - 1]) for x in gap):
            return False
        return all(cells[x] for x in gap) and sum(len((cells[x] or "").encode()) for x in gap) <= len(_right(len(gap)))

    def _cell(self, x: int, y: int, cells: list[str | None], pens: list[_Pen]) -> None:
        """Send one cell. The second half of a wide sign comes with its first."""
        cell = cells[x]
        if not cell:
            return
        self._move(x, y)
        self._dip(_for_blanks(self._pen, pens[x]) if cell == " " else pens[x])
        self.parts.append(cell)
        self._at = (x + 1, y) if _steady(cell) and x + 1 < self._columns else None

    def _move(self, x: int, y: int) -> None:
        if self._at == (x, y):
            return
        if self._at is not None and self._at[1] == y and x > self._at[0]:
            self.parts.append(_right(x - self._at[0]))
        else:
            self.parts.append(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        self._at = (x, y)

    def _dip(self, pen: _Pen) -> None:
        self.parts.append(_change(self._pen, pen))
        self._pen = pen

    def end(self, x: int, y: int) -> None:
        """Leave the cursor where text is typed, where that is told, in the terminal's own style."""
        self._dip(_PLAIN)
        self._move(x, y)
