"""Completion of a filter that is being typed: names of fields, values that were seen, and filters with a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.catalog.fields import FIELDS, IN_MESSAGE, field_name
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
