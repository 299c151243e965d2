"""The grammar: terms side by side must all hold, `or` parts alternatives, `-` and `not` negate, parentheses group.

`newest:` and `oldest:` are no terms but limits: of the rows that all terms beside them show, wherever they stand, and
that the parentheses around them let through. Under `or` and `not` nobody would agree on what they count, so that they
are refused there.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.states import State
from archive_tui.catalog.fields import FIELDS, Form
from archive_tui.catalog.filter import quantities
from archive_tui.catalog.filter.conditions import (
    All,
    Anywhere,
    Compared,
    Condition,
    Either,
    InContent,
    Lacking,
    Limited,
    Matched,
    Not,
    WithoutPayload,
)
from archive_tui.catalog.filter.criteria import (
    AtPath,
    Compares,
    Contains,
    Criterion,
    DecodedAs,
    Header,
    InText,
    Stands,
    Test,
    Undecoded,
    equals,
    number_of,
)
from archive_tui.catalog.filter.matching import Pattern
from archive_tui.catalog.filter.quantities import DAY, UnclearUnitError
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.tokens import Role, Token, tokens
from archive_tui.payloads.content import decoder_names
from archive_tui.payloads.paths import Path
from archive_tui.text import clip

_CHOICES: dict[str, tuple[str, ...]] = {
    "state": tuple(state.value for state in State),
    "kind": tuple(kind.value for kind in Kind),
}
_MOST_TERMS = 300
"""SQLite refuses a condition whose parts are nested 1,000 deep, and counts each alternative as one deeper."""

_DEEPEST = 15
"""SQLite's parser holds a hundred open parts, of which each pair of parentheses takes up to four."""

_MOST_LIMITS = 3
_LIMIT_DEPTH = 3
"""A limit is a query of its own, in which SQLite's parser holds as many parts as in so many pairs of parentheses."""

_LONGEST_WILD = 1_000
"""Characters of a value with wildcards: SQLite takes no pattern above 50,000 bytes."""

_COMPARISONS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "=", "==": "=", ":": "=", "!=": "="}
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_NEXT_DAY = {">": ">=", "<=": "<"}
_EQUAL = (":", "=", "==", "!=")
_NONE = "none"
"""The value by which a field is asked for that a row lacks."""


def parse(text: str, now: float, among: Condition | None = None) -> Condition:
    """Parse a filter; ages count from `now` (unix seconds). `among` is what rows fulfil anyhow: the newest are the
    newest of these. Raises FilterError.
    """
    return _Parser(text, now, among).parse()


class _Limit(NamedTuple):
    """How many rows a filter, or a part of it in parentheses, shows at most."""

    name: str
    """`newest` or `oldest`."""

    most: int


class _Parser:
    """The tokens of one filter, and how far they have become conditions."""

    def __init__(self, text: str, now: float, among: Condition | None) -> None:
        self._text = text
        self._now = int(now)
        self._among = among
        self._tokens = list(tokens(text))
        self._next = 0
        self._terms = 0
        self._limits: list[Token] = []
        limits = [token for token in self._tokens if token.is_limit]
        if len(limits) > _MOST_LIMITS:
            raise self._error(f"newest and oldest stand {_MOST_LIMITS} times in a filter at most", limits[-1].at)
        self._deepest = _DEEPEST - _LIMIT_DEPTH * len(limits)

    def parse(self) -> Condition:
        if not self._tokens:
            return All()
        condition = self._either(0)
        stray = self._peek()
        if stray is not None:
            raise self._error("no parenthesis is open here; in quotes it is looked for", stray.at)
        return condition

    def _error(self, reason: str, at: int) -> FilterError:
        return FilterError(reason, self._text, at)

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _either(self, depth: int) -> Condition:
        """Alternatives, up to a closing parenthesis or the end."""
        limits = len(self._limits)
        alternatives = [self._all(depth, None)]
        while (token := self._peek()) is not None and token.keyword == "or":
            alternatives.append(self._all(depth, self._take()))
        if len(alternatives) > 1:
            self._refuse_limits(limits, "{0} cannot stand beside “or”: write (a or b) {0}:100")
        return alternatives[0] if len(alternatives) == 1 else Either(tuple(alternatives))

    def _all(self, depth: int, after: Token | None) -> Condition:
        """Terms side by side; `after` is the `or` before them."""
        conditions: list[Condition] = []
        limit: _Limit | None = None
        while (token := self._peek()) is not None and token.role is not Role.CLOSE and token.keyword != "or":
            if token.keyword == "and":
                self._take()
                if not (conditions or limit) or not self._begins_term():
                    raise self._error("“and” stands between two terms; in quotes it is looked for", token.at)
            after_and = self._peek()
            if after_and is not None and after_and.is_limit:
                limit = self._limit(limit)
            else:
                conditions.append(self._negatable(depth))
        if not conditions and limit is None:
            if token is not None and token.keyword == "or":
                raise self._error("“or” stands between two terms; in quotes it is looked for", token.at)
            if after is not None:
                raise self._error("“or” needs a term after it; in quotes it is looked for", after.at)
            if depth:
                raise self._error("nothing stands in these parentheses", self._tokens[self._next - 1].at)
        if limit is not None:
            among = [self._among] if self._among is not None else []
            return Limited(_together([*among, *conditions]), limit.most, newest=limit.name == "newest")
        return _together(conditions)

    def _limit(self, before: _Limit | None) -> _Limit:
        """How many rows are wanted at most; `before` is the limit that stands beside this one."""
        field, value = self._take(), self._take()
        name, example = field.text, f"{field.text}:100"
        if before is not None:
            first = f"({before.name}:{before.most})"
            raise self._error(f"what is to come first stands in parentheses: {first} {example}", field.at)
        if field.operator not in (":", "=", "=="):
            raise self._error(f"{name} says how many: {example}", field.at)
        try:
            count = quantities.number_of(value.text)
        except ValueError:
            count = 0
        if count < 1:
            raise self._error(f"{name} wants a number of tasks, at least 1: {example}", value.at)
        self._limits.append(field)
        return _Limit(name, count)

    def _refuse_limits(self, before: int, reason: str) -> None:
        """Refuse a limit in what was read since there were so many; `reason` has room for its name."""
        if len(self._limits) > before:
            limit = self._limits[before]
            raise self._error(reason.format(limit.text), limit.at)

    def _begins_term(self) -> bool:
        token = self._peek()
        return token is not None and token.role is not Role.CLOSE and token.keyword not in ("and", "or")

    def _negatable(self, depth: int) -> Condition:
        token = self._take()
        if token.keyword != "not" and token.role is not Role.MINUS:
            return self._term(token, depth, negated=False)
        word = "-" if token.role is Role.MINUS else "not"
        after = self._peek()
        if after is None or not self._begins_term():
            if word == "-" and after is not None and after.keyword:
                raise self._error(f"“{after.text}” after “-”: in quotes it is looked for", after.at)
            raise self._error(f"“{word}” needs a term after it; in quotes it is looked for", token.at)
        if after.keyword == "not" or after.role is Role.MINUS:
            if word == "not" and after.keyword == "not":
                raise self._error("one “not” is enough", after.at)
            raise self._error("“not” and “-” together: one is enough", after.at)
        limits = len(self._limits)
        alone = f"{{}} says how many to show, and cannot be negated: put “{word}” before the other terms"
        if after.is_limit:
            raise self._error(alone.format(after.text), after.at)
        condition = self._term(self._take(), depth, negated=True)
        self._refuse_limits(limits, alone)
        return Not(condition)

    def _term(self, token: Token, depth: int, *, negated: bool) -> Condition:
        if token.role is Role.OPEN:
            return self._group(token, depth + 1)
        self._terms += 1
        if self._terms > _MOST_TERMS:
            raise self._error(f"a filter holds at most {_MOST_TERMS} terms", token.at)
        if token.role is Role.WORD:
            return Anywhere(self._pattern(token, part=True))
        value = self._take()
        if token.operator != "!=":
            return self._field(token, value)
        if negated:
            raise self._error("“!=” is negated already: one is enough", token.at)
        return Not(self._field(token, value))

    def _group(self, opened: Token, depth: int) -> Condition:
        if depth > self._deepest:
            raise self._error(f"parentheses go {self._deepest} deep at most", opened.at)
        condition = self._either(depth)
        if self._peek() is None:
            raise self._error("this parenthesis is not closed; in quotes it is looked for", opened.at)
        self._take()
        return condition

    def _pattern(self, value: Token, *, part: bool, exact: bool = False) -> Pattern:
        if exact:
            return Pattern(value.text, exact=True)
        wild = not value.quoted and ("*" in value.text or "?" in value.text)
        if wild and len(value.text) > _LONGEST_WILD:
            raise self._error(f"a text with * or ? holds at most {_LONGEST_WILD:,} characters", value.at)
        return Pattern(value.text, part, wild)

    def _in_message(self, field: Token, path: Path, value: Token) -> Condition:
        if field.text == "payload" and path.steps:
            return self._tested(field, value, lambda test: AtPath(path, test))
        if field.text == "header":
            return self._tested(field, value, partial(Header, self._header_name(field, path)))
        if path.steps:
            raise self._error(f"{field.text} has no parts: {field.text}:msgpack", field.at)
        pattern = self._pattern_of(field, value)
        none = field.operator != ":~" and value.text.lower() == _NONE and not value.quoted
        if field.text == "payload":
            return WithoutPayload() if none else InContent(InText(pattern))
        if none:
            return InContent(Undecoded())
        if not any(map(pattern.matches, decoder_names())):
            known = ", ".join(decoder_names())
            raise self._error(f"no decoder “{clip(value.text, 20)}”: {known}", value.at)
        return InContent(DecodedAs(pattern))

    def _header_name(self, field: Token, path: Path) -> str:
        """The name of a header; empty for any."""
        if not path.steps:
            return ""
        if len(path.steps) > 1 or not isinstance(path.steps[0], str):
            raise self._error('a header has a name alone; one with a dot stands in quotes: header."a.b":x', field.at)
        return path.steps[0].lower()

    def _tested(self, field: Token, value: Token, criterion: Callable[[Test], Criterion]) -> Condition:
        """The condition for values in the message, by operator and value."""
        name, operator = f"{field.text}{field.path.suffix if field.path else ''}", field.operator
        if operator in (">", ">=", "<", "<="):
            number = number_of(value.text)
            if number is None:
                raise self._error(f"{name} compares to a number: {name}{operator}1e6", value.at)
            return InContent(criterion(Compares(operator, number)))
        if operator == ":~":
            return InContent(criterion(Contains(self._pattern_of(field, value))))
        if value.text.lower() == _NONE and not value.quoted:
            return Not(InContent(criterion(Stands())))
        return InContent(criterion(equals(self._pattern_of(field, value))))

    def _pattern_of(self, field: Token, value: Token) -> Pattern:
        if field.operator not in (*_EQUAL, ":~"):
            example = f"{field.text}:~part"
            raise self._error(f"{field.text} is text, and cannot be compared: {example}", field.at)
        return self._pattern(value, part=field.operator == ":~", exact=field.operator == "==")

    def _field(self, field: Token, value: Token) -> Condition:
        if field.path is not None:
            return self._in_message(field, field.path, value)
        name, operator = field.text, field.operator
        form = FIELDS[name].form
        if form is Form.TEXT:
            return self._matched(field, value)
        if operator == ":~":
            raise self._error(f"{name} is compared: {_example(name)}", field.at)
        if operator in _EQUAL and value.text.lower() == _NONE and not value.quoted:
            return Lacking(name)
        if form in (Form.AGE, Form.MOMENT) and operator in _EQUAL:
            a_day = form is Form.MOMENT and _reads(quantities.moment_of, value.text)
            example = f"{name}>={value.text} {name}<={value.text}" if a_day else _example(name)
            raise self._error(f"{name} is compared: {example}", value.at)
        try:
            return self._compared(name, form, operator, value)
        except UnclearUnitError as error:
            raise self._error(f"{name}: {error}", value.at) from None
        except ValueError as error:
            said = clip(value.text, 20)
            if form is Form.MOMENT and _reads(quantities.seconds_of, value.text):
                reason = f"{name} is a date. How long ago is age: age>{said} is older, age<{said} is younger"
            elif form is Form.AGE and _reads(quantities.moment_of, value.text):
                reason = f"{name} is how long ago. A date is died: died<{said} is older, died>{said} is younger"
            else:
                reason = f"{name} {error}: {_example(name)}"
            raise self._error(reason, value.at) from None

    def _matched(self, field: Token, value: Token) -> Condition:
        name, operator = field.text, field.operator
        if operator not in (*_EQUAL, ":~"):
            raise self._error(f"{name} is text, and cannot be compared: {name}:value or {name}:~part", field.at)
        pattern = self._pattern(value, part=operator == ":~", exact=operator == "==")
        choices = _CHOICES.get(name, ())
        if value.text and choices and not any(map(pattern.matches, choices)):
            hint = "" if pattern.part else f", or {name}:~part"
            raise self._error(f"no {name} “{clip(value.text, 20)}”: {', '.join(choices)}{hint}", value.at)
        return Matched(name, pattern)

    def _compared(self, name: str, form: Form, operator: str, value: Token) -> Condition:
        """Read the value; raises ValueError with what is wrong with it."""
        if form is Form.NUMBER:
            return Compared(name, _COMPARISONS[operator], quantities.number_of(value.text))
        if form is Form.BYTES:
            return Compared(name, _COMPARISONS[operator], quantities.bytes_of(value.text))
        if form is Form.AGE:
            # The older a task, the smaller the moment at which it died
            return Compared(name, _TURNED[operator], self._now - quantities.seconds_of(value.text))
        seconds, whole_day = quantities.moment_of(value.text)
        self._refuse_time_of_day(value)
        if whole_day and operator in _NEXT_DAY:
            return Compared(name, _NEXT_DAY[operator], seconds + DAY)
        return Compared(name, operator, seconds)

    def _refuse_time_of_day(self, value: Token) -> None:
        """Refuse a time that stands apart from its date: it would be looked for as text."""
        after = self._peek()
        if after is not None and not (value.quoted or after.quoted) and after.text[:1].isdigit() and ":" in after.text:
            time_of_day = clip(after.text, 8)
            raise self._error(f"write the time with a T: {clip(value.text, 12)}T{time_of_day}", after.at)


def _reads(reader: Callable[[str], object], text: str) -> bool:
    """Tell whether one of the readers of quantities takes a text."""
    try:
        reader(text)
    except ValueError:
        return False
    return True


def _together(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else All(tuple(conditions))


def _example(name: str) -> str:
    return {
        Form.NUMBER: f"{name}<5", Form.BYTES: f"{name}>=1MB", Form.AGE: f"{name}>30d",
        Form.MOMENT: f"{name}<2026-11-01 or {name}>=2026-11-01T12:30",
    }[FIELDS[name].form]  # fmt: skip
