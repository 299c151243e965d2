"""The filter language: what an operator types to narrow a list, as one SQL condition.

`refused type:email:deliver age>30d -state:retry or error:~"no such host"`

Plain words match anywhere in id, type or error. `field:value` matches the whole value, `field:~part` a part of it;
numbers, sizes and times are compared. Terms side by side must all hold (and), `or` separates alternatives, `-` or
`not` before a term negates it: it then shows exactly the rows that the term alone would hide.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.fields import FIELDS, Form, field_name
from archive_tui.errors import UsageError
from archive_tui.text import clip, encode

HINT = 'word  "two words"  type:email:send  error:~refused  age>30d  size>=1MB  retried<5  -not  or'
"""The language in one line, shown under an empty filter."""


class FilterError(UsageError):
    """A filter that cannot be parsed; the message points at the mistake."""

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.position = position
        """Where the mistake is, in characters from 0."""
        rest = text[position:].split(maxsplit=1)
        where = f"at “{clip(rest[0], 24)}” (character {position + 1})" if rest else "at its end"
        super().__init__(f"the filter, {where}: {reason}")


_PLAIN = ("id", "type", "error")
_CHOICES: dict[str, tuple[str, ...]] = {
    "state": tuple(state.value for state in State),
    "kind": tuple(kind.value for kind in Kind),
}
_COMPARISONS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "=", ":": "="}
_UNITS = {
    Form.BYTES: {
        "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
        "kib": 2**10, "mib": 2**20, "gib": 2**30,
    },
    Form.AGE: {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400},
}  # fmt: skip
_KEYWORDS = ("and", "or", "not", "AND", "OR", "NOT")
_LARGEST = 2**62
_MOST_TERMS = 300
"""SQLite refuses a condition whose parts are nested 1,000 deep, and counts each alternative as one deeper."""

_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([a-z]*)", re.IGNORECASE)
_HEAD = re.compile(r"([A-Za-z_][A-Za-z_-]*)(:~|>=|<=|[:<>=])")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a filter."""

    field: str | None
    """Name of the field; None: a plain word, which matches in several."""

    value: str | int
    """Text to match, or number to compare with."""

    operator: str = "="
    """How a number is compared, as in SQL."""

    part: bool = False
    """A part of the text is enough."""

    negated: bool = False
    """The rows that match are hidden."""

    def sql(self) -> tuple[str, list[object]]:
        """The condition, which is never NULL, with its parameters."""
        parameters: list[object] = [self.value]
        if self.field is None:
            matches = [_contains(FIELDS[name].sql) for name in _PLAIN]
            condition, parameters = f"({' OR '.join(matches)})", [_folded(self.value)] * len(_PLAIN)
        elif FIELDS[self.field].form is not Form.TEXT:
            condition = f"coalesce(({FIELDS[self.field].sql}) {self.operator} ?, 0)"
        else:
            sql, parameters = FIELDS[self.field].sql, [_folded(self.value)]
            condition = _contains(sql) if self.part else f"lower({sql}) = CAST(? AS TEXT)"
            if self.field == "signature" and not self.part:
                # Made anew for each error: first look for the longest piece that stands between two placeholders
                literal = max(re.split(r"<[a-z]+>", str(self.value)), key=len)
                condition, parameters = f"({_contains('error')} AND {condition})", [_folded(literal), *parameters]
        return (f"NOT {condition}" if self.negated else condition), parameters


def _contains(sql: str) -> str:
    # Not LIKE: it ends at a NUL, and takes no pattern above 50,000 characters
    return f"instr(lower({sql}), CAST(? AS TEXT)) > 0"


def _folded(value: object) -> bytes:
    """Fold the ASCII case of a text; into bytes, because a NUL would end a text."""
    try:
        return encode(str(value)).lower()
    except UnicodeEncodeError:
        return str(value).encode("utf-8", "replace").lower()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, parsed."""

    alternatives: tuple[tuple[Term, ...], ...] = ()
    """Alternatives, each of terms that must all hold; none: every row is shown."""

    def sql(self) -> tuple[str, list[object]]:
        """One SQL condition with its parameters."""
        parameters: list[object] = []
        alternatives = []
        for terms in self.alternatives:
            conditions = []
            for term in sorted(terms, key=_cost):
                condition, values = term.sql()
                conditions.append(condition)
                parameters += values
            alternatives.append(" AND ".join(conditions))
        if len(alternatives) > 1:
            return "(" + " OR ".join(f"({condition})" for condition in alternatives) + ")", parameters
        return "".join(alternatives) or "1", parameters


def _cost(term: Term) -> int:
    """Rank a term by its cost: SQLite evaluates conditions in their order, and stops at the first that fails."""
    if term.field is None or term.field == "error":
        return 1
    return 2 if term.field == "signature" else 0


class _Word(NamedTuple):
    """A piece of the text between spaces."""

    text: str
    """The piece without quotes."""

    at: int
    """Where it begins, in characters from 0."""

    head: int
    """Length of the part before the quotes."""

    quoted: bool
    """The rest was quoted."""


def parse(text: str, now: float) -> Filter:
    """Parse a filter; ages count from `now` (unix seconds). Raises FilterError."""
    alternatives: list[tuple[Term, ...]] = []
    terms: list[Term] = []
    negated: _Word | None = None
    last_or: _Word | None = None
    for word in _words(text):
        keyword = word.text.lower() if not word.quoted and word.text in _KEYWORDS else ""
        if keyword == "or":
            if not terms or negated is not None:
                raise FilterError("“or” stands between two terms; in quotes it is looked for", text, word.at)
            alternatives.append(tuple(terms))
            terms, last_or = [], word
        elif keyword == "not":
            if negated is not None:
                raise FilterError("one “not” is enough", text, word.at)
            negated = word
        elif not keyword:
            if sum(map(len, alternatives)) + len(terms) == _MOST_TERMS:
                raise FilterError(f"a filter holds at most {_MOST_TERMS} terms", text, word.at)
            terms.append(_term(word, text, now, negated=negated is not None))
            negated = last_or = None
    if negated is not None:
        raise FilterError("“not” needs a term after it; in quotes it is looked for", text, negated.at)
    if last_or is not None:
        raise FilterError("“or” needs a term after it; in quotes it is looked for", text, last_or.at)
    if terms:
        alternatives.append(tuple(terms))
    return Filter(tuple(alternatives))


def _words(text: str) -> Iterator[_Word]:
    """Split at spaces. A quote opens where a piece or the value of a field begins; elsewhere it is text."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, piece = at, ""
        while at < len(text) and not text[at].isspace() and not (text[at] == '"' and _may_quote(piece)):
            piece += text[at]
            at += 1
        head, quoted = len(piece), at < len(text) and text[at] == '"'
        if quoted:
            inside, at = _quoted(text, at)
            piece += inside
            if at < len(text) and not text[at].isspace():
                raise FilterError("a space must follow a closing quote", text, at)
        yield _Word(piece, start, head, quoted)


def _may_quote(before: str) -> bool:
    """Tell whether a quote after this text opens a quotation."""
    field = _HEAD.fullmatch(before.removeprefix("-"))
    return before in ("", "-") or (field is not None and field_name(field[1]) in FIELDS)


def _quoted(text: str, start: int) -> tuple[str, int]:
    """The text between the quote at `start` and the next, and the position after that."""
    inside, at = "", start + 1
    while at < len(text):
        if text[at] == '"':
            return inside, at + 1
        if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        inside += text[at]
        at += 1
    raise FilterError("this quote is not closed", text, start)


def _term(word: _Word, text: str, now: float, *, negated: bool) -> Term:
    content, at, head, quoted = word
    if content[:1] == "-" and head > 0:
        if negated:
            raise FilterError("“not” and “-” together: one is enough", text, at)
        negated, content, at, head = True, content[1:], at + 1, head - 1
        if not content and not quoted:
            raise FilterError("“-” needs a term right after it; in quotes it is looked for", text, at - 1)
    start = _HEAD.match(content)
    if start is None or start.end() > head:
        return Term(None, content, part=True, negated=negated)
    name, operator = field_name(start[1]), start[2]
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, 1, 0.75)
        if not near:  # such as email:deliver or 10.0.0.7:587: text like any other
            return Term(None, content, part=True, negated=negated)
        raise FilterError(f"no field “{clip(start[1], 20)}”, did you mean {near[0]}? In quotes it is text", text, at)
    value, place = content[start.end() :], at + start.end()
    if not value and not quoted:
        raise FilterError(f'{name} needs a value; {name}:"" is an empty one', text, at)
    if FIELDS[name].form is Form.TEXT:
        return _text_term(name, operator, value, text, at, place, negated=negated)
    if operator == ":~":
        raise FilterError(f"{name} is compared: {_example(name)}", text, at)
    return Term(name, _quantity(name, operator, value, text, place, now), _operator(name, operator), False, negated)


def _text_term(name: str, operator: str, value: str, text: str, at: int, place: int, *, negated: bool) -> Term:
    if operator not in (":", ":~", "="):
        raise FilterError(f"{name} is text, and cannot be compared: {name}:value or {name}:~part", text, at)
    choices = _CHOICES.get(name, ())
    if operator != ":~" and value and choices and value.lower() not in choices:
        raise FilterError(f"no {name} “{clip(value, 20)}”: {', '.join(choices)}, or {name}:~part", text, place)
    return Term(name, value, part=operator == ":~", negated=negated)


def _operator(name: str, operator: str) -> str:
    """The operator in SQL. An age is turned round: the older a task, the smaller the moment at which it died."""
    if FIELDS[name].form is Form.AGE:
        return {">": "<", ">=": "<=", "<": ">", "<=": ">="}[operator]
    return _COMPARISONS[operator]


def _quantity(name: str, operator: str, value: str, text: str, place: int, now: float) -> int:
    form = FIELDS[name].form
    if form is Form.MOMENT:
        if operator in (":", "="):
            raise FilterError(f"{name} is compared: {_example(name)}", text, place)
        return _moment(name, value, text, place)
    quantity = _QUANTITY.fullmatch(value)
    if form is Form.NUMBER:
        if quantity is None or quantity[2] or "." in quantity[1]:
            raise FilterError(f"{name} wants a whole number: {_example(name)}", text, place)
        return int(quantity[1])
    unit = _UNITS[form].get(quantity[2].lower()) if quantity is not None else None
    if quantity is None or unit is None:
        raise FilterError(f"{name} wants a number and a unit: {_example(name)}", text, place)
    amount = min(int(float(quantity[1]) * unit), _LARGEST)
    if form is Form.AGE:
        if operator in (":", "="):
            raise FilterError(f"{name} is compared: {_example(name)}", text, place)
        return int(now) - amount
    return amount


def _moment(name: str, value: str, text: str, place: int) -> int:
    """Read a date or a time in UTC as unix seconds."""
    try:
        read: date = datetime.fromisoformat(value)
    except ValueError:
        raise FilterError(f"{name} wants a date or time in UTC: {_example(name)}", text, place) from None
    moment = read if isinstance(read, datetime) else datetime.combine(read, datetime.min.time())
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def span_of(text: str) -> int:
    """Read a length of time such as `30d` or `12h` in seconds. Raises UsageError."""
    quantity = _QUANTITY.fullmatch(text.strip())
    unit = _UNITS[Form.AGE].get(quantity[2].lower()) if quantity is not None else None
    if quantity is None or unit is None:
        raise UsageError(f"“{clip(text, 20)}” is no length of time: write 30d, 12h, 90min or 2w")
    return min(int(float(quantity[1]) * unit), _LARGEST)


def _example(name: str) -> str:
    return {
        Form.NUMBER: f"{name}<5", Form.BYTES: f"{name}>=1MB", Form.AGE: f"{name}>30d",
        Form.MOMENT: f"{name}<2026-11-01 or {name}>=2026-11-01T12:30",
    }[FIELDS[name].form]  # fmt: skip


def manual() -> Sequence[tuple[str, str]]:
    """The language for a help page, as pairs: what to write, and what it shows."""
    return [
        ("word", "a word anywhere in id, type or error, without regard to case"),
        ('"two words"', "a text with spaces, or a word that would mean something else"),
        ("field:value", "the whole value; field:~part a part of it"),
        ("a b · a or b", "both · either"),
        ("-a · not a", "what a would hide"),
        *[(name + (":" if field.form is Form.TEXT else " "), field.help) for name, field in FIELDS.items()],
    ]
