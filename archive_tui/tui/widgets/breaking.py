"""Measure texts in cells, and break them at the edge of the screen: between words where they have any."""

from rich.cells import cell_len, chop_cells

_MEASURED = 100_000
"""Characters of a text above which it is not measured, but taken to be of signs two cells wide."""

_READ = 20_000
"""Characters of a text above which nobody reads it word by word: it is cut at the edge."""

_MOST_A_CELL = 4
"""Characters that a cell is taken to hold at most, accents and all."""


def cells(text: str) -> int:
    """Count the cells that a text takes."""
    if text.isascii():
        return len(text)
    return cell_len(text) if len(text) <= _MEASURED else 2 * len(text)


def cut(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most `width` cells; what is ASCII by counting, what is not by measuring."""
    width = max(width, 1)
    if not text.isascii() and len(text) <= _MEASURED:
        pieces = chop_cells(text, max(width, 2))
        if "".join(pieces) == text:  # Rich (15) drops an accent that stands on nothing
            return pieces or [""]
    step = width if text.isascii() else max(width // 2, 1)
    return [text[at : at + step] for at in range(0, len(text), step)] or [""]


def broken(text: str, width: int) -> list[str]:
    """Break a text into pieces of at most `width` cells, between words. A word that no line could hold is cut.

    Joined they are the text. The space between two lines belongs to the first, also beyond its width, where nothing of
    it is seen.
    """
    if len(text) > _READ or " " not in text:
        return cut(text, width)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        end = _end(text, at, width)
        pieces.append(text[at:end])
        at = end
    return pieces or [""]


def _end(text: str, at: int, width: int) -> int:
    """Where the piece of a text that begins at `at` ends."""
    edge = at + len(cut(text[at : at + _MOST_A_CELL * max(width, 2)], width)[0])
    if edge >= len(text):
        return edge
    if text[edge] == " ":
        return edge + 1
    word = text.rfind(" ", at, edge) + 1
    if word <= at or not text[at:word].strip():  # one word, as far as can be seen, perhaps indented
        return edge
    rest = text[word : word + width + 1]
    return word if cells(rest.partition(" ")[0]) <= width else edge
