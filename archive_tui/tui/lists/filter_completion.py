"""Completion of a filter that is being typed: names of fields, values that were seen, and filters with a name; and how
much of it is whole by now.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.catalog.fields import FIELDS, IN_MESSAGE, field_name
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import written
from archive_tui.folding import folded
from archive_tui.text import line
from archive_tui.tui.widgets.filterbar import Suggestion

_MOST = 50
"""Suggestions for one place, at most."""

_WITHIN = tuple(IN_MESSAGE)
"""Beginnings of fields that lead into messages: their paths are many, and would hide the other suggestions."""

_AT_CURSOR = re.compile(
    r"(?:^|[\s(])-?"
    r"(?:(?P<field>[A-Za-z_]+)(?P<operator>:~|==|!=|[:=]))?"
    r"(?P<value>\"[^\"]*|[^\s()\"]*)$"
)
"""The word, or the value of a field, that ends at the cursor."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a list can offer."""

    values: Mapping[str, Sequence[str]]
    """Values by the field that has them, the likeliest first."""

    named: Mapping[str, str]
    """Filters by their names."""

    paths: Sequence[str] = ()
    """Fields that lead into messages, such as `payload.user.id`, the likeliest first."""


def complete(text: str, cursor: int, seen: Seen) -> list[Suggestion]:
    """Suggest how the text before the cursor may go on; each suggestion is the whole text, with its cursor."""
    found = _AT_CURSOR.search(text[:cursor])
    if found is None:
        return []
    if found["field"]:
        wanted = folded(found["value"].removeprefix('"'))
        known = seen.values.get(field_name(found["field"]), ())
        fitting = [one for one in known if folded(one).startswith(wanted)]
        fitting += [one for one in known if wanted in folded(one) and one not in fitting]
        pairs = [(line(one), written(one)) for one in fitting]
    else:
        pairs = list(_words(found["value"], seen))
    start = found.start("value")
    made = [Suggestion(label, text[:start] + new + text[cursor:], start + len(new)) for label, new in pairs[:_MOST]]
    return [one for one in made if one.text != text]


def _words(begun: str, seen: Seen) -> Iterable[tuple[str, str]]:
    """Named filters and names of fields that begin so."""
    wanted = folded(begun)
    for name, filter_ in seen.named.items():
        if folded(name).startswith(wanted):
            yield f"★ {line(name)}", filter_ if " " not in filter_ else f"({filter_})"
    for name, field in FIELDS.items():
        if name.startswith(wanted):
            yield name, name + (">" if field.form.compared else ":")
    for name in IN_MESSAGE:
        if name.startswith(wanted):
            yield name, name + (":" if name == "decoder" else ":~")
    within = [path for path in seen.paths if folded(path).startswith(wanted)] if wanted.startswith(_WITHIN) else []
    for path in sorted(within, key=lambda path: not path.startswith(begun)):
        yield path, f"{path}="


_LAST_WORD = re.compile(r"""(?:^|[\s(])(-?(?:[^\s()"']|"[^"]*"?|'[^']*'?)*)$""")
"""The word that ends the text, with the minus before it; empty behind a space."""

_OPEN_END = re.compile(r"(?:\s|\(|(?:^|(?<=[\s(]))(?:-|and|or|not)(?=[\s(]|$))+$")
"""What waits for a term at the end of a text."""

_WORDS_BETWEEN = ("and", "or", "not")
_MOST_OPEN = 3
"""Parentheses that may still be open."""


def whole_part(text: str, seen: Seen, now: float) -> str:
    """The part of a text that can be taken for whole while somebody types at its end: without the last word, where that
    may become a field or another value that was seen, or cannot be read as yet. What is wrong in the rest is for the
    parser to say.
    """
    found = _LAST_WORD.search(text)
    if found is None or not _is_unfinished(text, found.start(1), found[1].removeprefix("-"), seen, now):
        return text
    part = _OPEN_END.sub("", text[: found.start(1)])
    return next((closed for closed in (part + ")" * count for count in range(_MOST_OPEN)) if _reads(closed, now)), part)


def _is_unfinished(text: str, at: int, word: str, seen: Seen, now: float) -> bool:
    """Whether the word that begins there, and ends the text, may yet be another one."""
    if word and _may_go_on(text, word, seen):
        return True
    try:
        parse(text, now)
    except FilterError as error:
        return error.position >= at or any(_reads(text + ")" * count, now) for count in range(1, _MOST_OPEN))
    return False


def _may_go_on(text: str, word: str, seen: Seen) -> bool:
    """Whether a word is the beginning of a field, of a path or of a value that was seen."""
    match = _AT_CURSOR.search(text)
    if match is not None and match["field"]:
        value = folded(match["value"].strip('"'))
        known = [folded(one) for one in seen.values.get(field_name(match["field"]), ())]
        return match["operator"] != ":~" and value not in known and any(one.startswith(value) for one in known)
    names = (*FIELDS, *IN_MESSAGE, *_WORDS_BETWEEN, *seen.paths)
    return word.isascii() and any(name.startswith((word, word.lower())) for name in names)


def _reads(text: str, now: float) -> bool:
    try:
        parse(text, now)
    except FilterError:
        return False
    return True
