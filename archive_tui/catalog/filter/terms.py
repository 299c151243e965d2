"""Terms: writing one for a value, and adding it to a filter's text or taking it out again.

Whoever narrows a list with a key gets what they could have typed, and can go on typing.
"""

import re
from collections.abc import Iterator, Sequence

from archive_tui.catalog.filter.tokens import KEYWORDS, Role, Token, tokens
from archive_tui.payloads.content import text_of
from archive_tui.payloads.paths import Path
from archive_tui.payloads.tree import Pairs, Tree
from archive_tui.text import line

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]*")
"""Values that need no quotes."""


def exactly(field: str, value: str) -> str:
    """Write the term that shows the tasks whose field has this value, case and all."""
    return f"{field}=={written(value)}"


def written(value: str) -> str:
    """Write a value so that it is read as itself; what a terminal must not be sent becomes `\\u{…}`."""
    if _PLAIN.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if line(character) == character else f"\\u{{{ord(character):x}}}"


def at_path(path: Path, value: Tree) -> str:
    """Write the term that shows the tasks in whose payloads the same value stands at a path. Of an object or array it
    shows those in which anything stands there.
    """
    field = f"payload{path.suffix}"
    if isinstance(value, dict | list | Pairs):
        return f"{field}!=none"
    text = text_of(value)
    if not isinstance(value, str | bytes):
        return f"{field}={written(text)}"
    return f'{field}=="{text}"' if text.lower() == "none" else exactly(field, text)


def has_term(text: str, term: str) -> bool:
    """Tell whether a filter shows only what a term shows, because that stands in it. Raises FilterError."""
    return _find(list(tokens(text)), list(tokens(term))) is not None


def has_limit(text: str) -> bool:
    """Tell whether a filter shows the newest or the oldest of something: other rows decide, too, what it shows. Raises
    FilterError.
    """
    return any(piece.is_limit for piece in tokens(text))


def with_term(text: str, term: str) -> str:
    """Narrow a filter by a term. What it limits, it limits before the term: of the newest 100 those that the term
    shows. Raises FilterError where the filter cannot be read.
    """
    pieces = list(tokens(text))
    if _has_alternatives(pieces) or any(piece.is_limit for piece, depth in _with_depth(pieces) if not depth):
        text = f"({text.strip()})"
    return f"{text.strip()} {term}".strip()


def without_term(text: str, term: str) -> str:
    """Take a term out of a filter; one that does not have it stays as it is. Raises FilterError."""
    pieces = list(tokens(text))
    wanted = list(tokens(term))
    at = _find(pieces, wanted)
    if at is None:
        return text
    end = at + len(wanted)
    if at and pieces[at - 1].keyword == "and":
        at -= 1
    elif end < len(pieces) and pieces[end].keyword == "and":
        end += 1
    before = text[: pieces[at].at].rstrip()
    after = text[pieces[end].at :].lstrip() if end < len(pieces) else ""
    return f"{before} {after}".strip()


def _find(pieces: Sequence[Token], wanted: Sequence[Token]) -> int | None:
    """Where the pieces of a term stand side by side, as a term that must hold; None: nowhere."""
    if _has_alternatives(pieces):
        return None
    depth = 0
    for at, piece in enumerate(pieces):
        negated = at > 0 and (pieces[at - 1].role is Role.MINUS or pieces[at - 1].keyword == "not")
        if not depth and not negated and [*map(_meaning, pieces[at : at + len(wanted)])] == [*map(_meaning, wanted)]:
            return at
        depth += _step(piece)
    return None


def _meaning(piece: Token) -> tuple[object, ...]:
    """What a piece says, wherever it stands; quotes matter only where they keep a text from meaning something else."""
    special = piece.role is Role.WORD and not _PLAIN.fullmatch(piece.text)
    return piece.role, piece.text, piece.path, piece.operator, special and piece.quoted


def _has_alternatives(pieces: Sequence[Token]) -> bool:
    """Tell whether an `or` stands outside all parentheses."""
    return any(piece.keyword == "or" for piece, depth in _with_depth(pieces) if not depth)


def _with_depth(pieces: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Each piece with the number of parentheses that are open before it."""
    depth = 0
    for piece in pieces:
        yield piece, depth
        depth += _step(piece)


def _step(piece: Token) -> int:
    return {Role.OPEN: 1, Role.CLOSE: -1}.get(piece.role, 0)
