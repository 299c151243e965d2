"""JSON that is changed in its text: what nobody touched keeps its bytes, duplicate keys and digits included.

For an editor it is laid out, and written in the layout that it had: compact as Go's `encoding/json` writes it, with
a space behind `,` and `:` as Python does, or indented. In any other layout it is shown as it is, and kept as saved.
Go writes `<`, `>` and `&` as `\\u003c`, `\\u003e` and `\\u0026`; the editor shows the characters, and a string that is
the same on return gets its own spelling back.
"""

import json
import re
from collections.abc import Callable, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]

from archive_tui.payloads.decoders.json_text import TOKEN, indented, without_escapes
from archive_tui.payloads.editing.refusal import NothingThere, SyntaxFault
from archive_tui.payloads.paths import Every, Step

_BOM = "\ufeff"
_SPACE = " \t\r\n"
_WHITE = re.compile(r"[ \t\r\n]*")

_READER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)
"""Reads a value to know where it ends: numbers are kept as text, so that none is too long."""


def check(text: str) -> None:
    """Raise SyntaxFault where a text is not one JSON value."""
    try:
        _READER.decode(text.removeprefix(_BOM))
    except json.JSONDecodeError as error:
        words = error.msg[:1].lower() + error.msg[1:]
        raise SyntaxFault(f"line {error.lineno:,}, column {error.colno:,}: {words}") from None
    except RecursionError:
        raise SyntaxFault("it nests too deep") from None


# For an editor


def to_edit(text: str) -> tuple[str, Callable[[str], str]]:
    """Lay JSON that is known to be right out for an editor; returns the text with the function that puts what comes
    back, which `check` has let pass, into the form that it had.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    body = text.removeprefix(mark).strip(_SPACE)
    start = text.index(body)
    before, after = text[:start], text[start + len(body) :]
    tokens = TOKEN.findall(body)
    layout = next((one for one in _LAYOUTS if one(tokens) == body), None)
    if layout is None:
        return body, lambda edited: before + edited.strip(_SPACE) + after
    spelling = {shown: token for token in tokens if "\\" in token and (shown := without_escapes(token)) != token}
    shown = indented(map(without_escapes, tokens))

    def back(edited: str) -> str:
        if edited == shown:
            return text
        found = [spelling.get(token, token) for token in TOKEN.findall(edited)]
        return before + layout(found) + after

    return shown, back


def _compact(tokens: Sequence[str]) -> str:
    return "".join(tokens)


def _spaced(tokens: Sequence[str]) -> str:
    return "".join(f"{token} " if token in (",", ":") else token for token in tokens)


_LAYOUTS: Sequence[Callable[[Sequence[str]], str]] = (
    _compact,
    _spaced,
    lambda tokens: indented(tokens, "  "),
    lambda tokens: indented(tokens, "    "),
    lambda tokens: indented(tokens, "\t"),
)
"""The layouts in which JSON is written again."""


# By a path


def assigned(text: str, steps: Sequence[Step], value: str) -> str:
    """JSON with another value at a path; the same text where it is there already. A last key that is missing
    is added to its object. Raises NothingThere where nothing can.
    """
    finder = _Finder(text, steps)
    start = len(_BOM) if text.startswith(_BOM) else 0
    finder.walk(_white(text, start), 0)
    splices = [
        (begin, end, value)
        for begin, end in finder.places
        if text[begin:end] != value and not same_value(text[begin:end], value)
    ]
    splices += [(at, at, lead + value) for at, lead in finder.additions]
    if not (finder.places or finder.additions):
        raise NothingThere
    for begin, end, new in sorted(splices, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def _white(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found is not None else at


def _skip(text: str, at: int) -> int:
    """The end of the value that begins here."""
    return int(_READER.raw_decode(text, at)[1])


class _Finder:
    """Finds where the values at a path begin and end."""

    def __init__(self, text: str, steps: Sequence[Step]) -> None:
        self._text, self._steps = text, steps
        self.places: list[tuple[int, int]] = []
        self.additions: list[tuple[int, str]] = []
        """Where a key is to be added, and all that comes before its value."""

    def walk(self, at: int, number: int) -> int:
        """Look for the steps from `number` on in the value that begins here; returns its end."""
        text = self._text
        if number == len(self._steps):
            end = _skip(text, at)
            self.places.append((at, end))
            return end
        step = self._steps[number]
        if text[at] == "{" and not isinstance(step, int):
            return self._object(at, number, step)
        if text[at] == "[" and not isinstance(step, str):
            return self._array(at, number, step)
        return _skip(text, at)

    def _object(self, at: int, number: int, step: str | Every) -> int:
        text = self._text
        opening, found = at, False
        end = lead = gap = at + 1
        at = key_at = _white(text, at + 1)
        value_at = at
        while text[at] != "}":
            lead, key_at = end, at
            key, gap = scanstring(text, at + 1, False)
            colon = _white(text, gap)
            value_at = _white(text, colon + 1)
            gap = colon
            wanted = isinstance(step, Every) or key == step
            end = self.walk(value_at, number + 1) if wanted else _skip(text, value_at)
            found = found or wanted
            at = _white(text, end)
            if text[at] == ",":
                end = at + 1
                at = _white(text, end)
                end_of_value = end - 1
            else:
                end_of_value = end
        if not found and isinstance(step, str) and number + 1 == len(self._steps):
            name = json.dumps(step, ensure_ascii=False)
            if key_at == at:  # it is empty
                self.additions.append((opening + 1, f"{name}:"))
            else:
                space, behind = text[lead:key_at], text[gap + 1 : value_at]
                space = space or (" " if behind == " " else "")
                self.additions.append((end_of_value, f",{space}{name}:{behind}"))
        return at + 1

    def _array(self, at: int, number: int, step: int | Every) -> int:
        text = self._text
        starts = []
        at = _white(text, at + 1)
        while text[at] != "]":
            starts.append(at)
            at = _white(text, _skip(text, at))
            if text[at] == ",":
                at = _white(text, at + 1)
        if isinstance(step, Every):
            for start in starts:
                self.walk(start, number + 1)
        elif -len(starts) <= step < len(starts):
            self.walk(starts[step], number + 1)
        return at + 1


def same_value(one: str, other: str) -> bool:
    """Whether two JSON values are the same: digits as they are written, strings whatever their escapes."""
    return bool(_COMPARED.decode(one) == _COMPARED.decode(other))


def _digits(text: str) -> tuple[str]:
    return (text,)  # which is no text


_COMPARED = json.JSONDecoder(
    parse_int=_digits,
    parse_float=_digits,
    parse_constant=_digits,
    object_pairs_hook=tuple,
    strict=False,
)
