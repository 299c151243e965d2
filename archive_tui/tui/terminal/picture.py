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

_SHORT_GAP = 4
"""Cells that are sent again rather than skipped: moving the cursor takes more bytes."""

_ERASED = 6
"""Blank cells at the end of a line from which on erasing is shorter."""

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""The code that ends each attribute. Others are ended by a reset."""

_SHOWS_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that a space shows, too."""


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

    def same(self, other: _Line) -> bool:
        """Whether both show the same."""
        return self.cells == other.cells and self.pens == other.pens

    def copy(self) -> _Line:
        """Another line that shows the same."""
        line = _Line()
        line.cells, line.pens = self.cells.copy(), self.pens.copy()
        return line


class Picture:
    """What the terminal is to show, and what it shows already. `erases` says that erasing fills with the background
    of the moment, as most terminals do.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self._erases = erases
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
        drawing = _Drawing(columns, erases=self._erases)
        for y in sorted(self._touched):
            if y >= lines:
                continue
            wanted, shown = self._wanted[y], self._shown.get(y)
            if shown is None:
                shown = _Line()
            elif wanted.same(shown):
                continue
            drawing.line(y, wanted, shown)
            self._shown[y] = wanted.copy()
        self._touched.clear()
        column, line = min(self._cursor[0], columns - 1), min(self._cursor[1], lines - 1)
        if drawing.parts or self._cursor != self._cursor_shown:
            drawing.end(max(column, 0), max(line, 0))
            self._cursor_shown = self._cursor
        return "".join(drawing.parts)


class _Drawing:
    """The bytes that change some lines. It begins and ends with the terminal's own style."""

    def __init__(self, columns: int, *, erases: bool) -> None:
        self.parts: list[str] = []
        self._columns = columns
        self._erases = erases
        self._pen = _PLAIN
        self._at: tuple[int, int] | None = None

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
        erased_from = self._blank_end(cells, pens) if self._erases else len(cells)
        for x in self._resent(differing, cells, before):
            if x < erased_from:
                self._cell(x, y, cells, pens)
        if differing[-1] >= erased_from:
            self._move(erased_from, y)
            self._dip(pens[erased_from])
            self.parts.append("\x1b[K")

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

    def _resent(self, differing: list[int], cells: list[str | None], before: list[str | None]) -> list[int]:
        """The columns to send: those that differ, short gaps between them, and what an unsteady sign may have hidden
        or pushed away.
        """
        columns = set(differing)
        for x in differing:
            old = before[x] if x < len(before) else " "
            if not _steady(cells[x] or "") or (old is not None and not _steady(old)):
                columns |= {x - 1, x + 1}
        chosen: list[int] = []
        for x in sorted(columns):
            if chosen and 1 < x - chosen[-1] <= _SHORT_GAP:
                chosen += range(chosen[-1] + 1, x)
            chosen.append(x)
        return [x for x in chosen if 0 <= x < len(cells)]

    def _cell(self, x: int, y: int, cells: list[str | None], pens: list[_Pen]) -> None:
        """Send one cell. The second half of a wide sign comes with its first."""
        cell = cells[x]
        if not cell:
            return
        self._move(x, y)
        if cell == " ":
            if _on_blanks(self._pen) != pens[x]:
                self._dip(pens[x])
        else:
            self._dip(pens[x])
        self.parts.append(cell)
        self._at = (x + 1, y) if _steady(cell) and x + 1 < self._columns else None

    def _move(self, x: int, y: int) -> None:
        if self._at == (x, y):
            return
        if self._at is not None and self._at[1] == y and x > self._at[0]:
            self.parts.append(f"\x1b[{x - self._at[0]}C" if x - self._at[0] > 1 else "\x1b[C")
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
