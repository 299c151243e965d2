"""Fold text: what differs only in case, or in how accents are composed, compares equal. Filters and searches agree."""

import unicodedata
from collections.abc import Iterator


def folded(value: str) -> str:
    """Fold case and composition: equal results look alike (Unicode's canonical caseless matching, composed)."""
    if value.isascii():
        return value.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", value).casefold())


def places(line: str, needle: str) -> list[tuple[int, int]]:
    """Find every place where a line holds `needle` (folded already), as first and last-but-one position in the line.

    Places do not overlap. One that ends within a character, as `s` does in `ß`, takes all of it.
    """
    text = folded(line)
    first = text.find(needle) if needle else -1
    if first < 0:
        return []
    ends = _ends(line, text)
    found: list[tuple[int, int]] = []
    at = first
    while at >= 0:
        last = at + len(needle) - 1
        place = (at, last + 1) if ends is None else (ends[at][0], ends[last][1])
        if not found or place != found[-1]:
            found.append(place)
        at = text.find(needle, last + 1)
    return found


def _ends(line: str, text: str) -> list[tuple[int, int]] | None:
    """Begin and end in `line` of the character behind each one of the folded `text`; None: they stand alike in both."""
    if line.isascii():
        return None
    ends: list[tuple[int, int]] = []
    for start, end in _characters(line):
        ends += [(start, end)] * len(folded(line[start:end]))
    # Were a character folded otherwise by itself than among others, the whole line would be the place
    return ends if len(ends) == len(text) else [(0, len(line))] * len(text)


def _characters(line: str) -> Iterator[tuple[int, int]]:
    """The parts of a line that are folded independently of each other: a letter with its accents, a syllable."""
    start = 0
    for index in range(1, len(line)):
        if not _joins(line[index]):
            yield start, index
            start = index
    yield start, len(line)


def _joins(character: str) -> bool:
    """Whether a character may be composed with the one before it: accents, vowel signs, the rest of a syllable."""
    if character.isascii():
        return False
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"
