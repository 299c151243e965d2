"""Tokens: the pieces of a filter's text, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from archive_tui.catalog.fields import FIELDS, IN_MESSAGE, Form, field_name
from archive_tui.catalog.filter import slips
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.payloads.paths import Path, PathError, read

KEYWORDS = ("and", "or", "not")
"""Words of the language, written small or large."""

_HEAD = re.compile(r"([A-Za-z_](?:[A-Za-z_-]*[A-Za-z_])?)(\s*)(:~|==|>=|<=|!=|[:<>=])")
_IN_MESSAGE = re.compile(rf"({'|'.join(IN_MESSAGE)})(?![\w-])", re.IGNORECASE)
_OPERATOR = re.compile(r"(\s*)(:~|==|>=|<=|!=|[:<>=])")
_PLACEHOLDER = re.compile(r"<[a-z]+>")
_CHARACTER = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}")


class Role(Enum):
    """The part that a token plays."""

    WORD = auto()
    """Text: a keyword, a plain word, or the value of the field before it."""

    FIELD = auto()
    """Name of a field and the operator after it; a value follows."""

    MINUS = auto()
    """A `-` right before a term."""

    OPEN = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a filter."""

    role: Role

    text: str
    """The piece, without its quotes; of a field its name, as `FIELDS` has it, or what it is in the message."""

    at: int
    """Where it begins, in characters from 0."""

    quoted: bool = False
    """It stood in quotes: it is text, whatever it says."""

    operator: str = ""
    """The operator of a field, as it was written."""

    path: Path | None = None
    """Of a field that stands in the message, the place in that part of it; None: it is a field of rows."""

    @property
    def is_limit(self) -> bool:
        """Whether it says how many rows are wanted at most: `newest:`, `oldest:`."""
        return self.role is Role.FIELD and self.path is None and FIELDS[self.text].form is Form.RANK

    @property
    def keyword(self) -> str:
        """The keyword that this is, in small letters; empty: none."""
        plain = self.role is Role.WORD and not self.quoted
        return self.text.lower() if plain and self.text in (*KEYWORDS, *map(str.upper, KEYWORDS)) else ""


def tokens(text: str) -> Iterator[Token]:
    """Cut a filter into tokens. Raises FilterError at what is not part of the language."""
    at = 0
    field: Token | None = None
    while (start := _skip(text, at)) < len(text):
        if field is not None and start > at and not _is_value(text, start):
            break
        token, at = _value(text, start, field) if field is not None else _next(text, start)
        field = token if token.role is Role.FIELD else None
        if (token.quoted or token.role is Role.CLOSE) and not _ends(text, at):
            mark = "parenthesis" if token.role is Role.CLOSE else "quote"
            raise FilterError(f"a space must follow a closing {mark}", text, at)
        yield token
    if field is not None:
        name = field.text if field.path is None else field.text + field.path.suffix
        raise FilterError(f'{name} needs a value; {name}:"" is an empty one', text, field.at)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _ends(text: str, at: int) -> bool:
    """Tell whether a piece may end here."""
    return at == len(text) or text[at].isspace() or text[at] == ")"


def _is_value(text: str, at: int) -> bool:
    """Tell whether what follows a field and a space can be its value: a term of its own is not."""
    if _message_field(text, at) is not None:
        return False
    head = _head(text, at)
    word = text[at:].split(maxsplit=1)[0]
    return head is None and text[at] not in "-()" and word.lower() not in KEYWORDS


def _next(text: str, at: int) -> tuple[Token, int]:
    """The token that begins here, where a term may begin, and the position after it."""
    mark = text[at]
    if mark == "(":
        return Token(Role.OPEN, mark, at), at + 1
    if mark == ")":
        return Token(Role.CLOSE, mark, at), at + 1
    if mark == "-":
        if text[at + 1 : at + 2] == "-":
            raise FilterError("one “-” is enough; in quotes it is looked for", text, at)
        if _ends(text, at + 1):
            raise FilterError("“-” needs a term right after it; in quotes it is looked for", text, at)
        return Token(Role.MINUS, mark, at), at + 1
    if mark in "\"'":
        return _quoted(text, at)
    in_message = _message_field(text, at)
    if in_message is not None:
        return in_message
    head = _head(text, at)
    if head is not None:
        operator = head[3]
        slips.refuse_operator(text, head.start(1), head[1], head.start(3), operator)
        return Token(Role.FIELD, field_name(head[1]), at, operator=operator), head.end()
    slips.refuse_field(text, at)
    word, end = _bare(text, at)
    slips.refuse_word(text, at, word)
    return Token(Role.WORD, word, at), end


def _message_field(text: str, at: int) -> tuple[Token, int] | None:
    """The field of the message that begins here, with its operator, and the position after that; None: there is none.

    Raises FilterError where it begins like one: as a text it would look as if it had been searched for.
    """
    word = _IN_MESSAGE.match(text, at)
    if word is None:
        return None
    name = word[1].lower()
    try:
        path, end = read(text, word.end())
    except PathError as error:
        raise FilterError(f"{error}; {slips.IN_QUOTES}", text, error.position) from None
    operator = _OPERATOR.match(text, end)
    if operator is None or (operator[1] and _PLACEHOLDER.match(text, operator.start(2))):
        if path.steps:
            raise FilterError(f"{name}{path.suffix} needs an operator and a value; {slips.IN_QUOTES}", text, at)
        slips.refuse_field(text, at)
        return None
    slips.refuse_operator(text, at, text[at:end], operator.start(2), operator[2])
    return Token(Role.FIELD, name, at, operator=operator[2], path=path), operator.end()


def _head(text: str, at: int) -> "re.Match[str] | None":
    """The name of a field and its operator, if that stands here."""
    head = _HEAD.match(text, at)
    if head is None or field_name(head[1]) not in FIELDS:
        return None
    if head[2] and _PLACEHOLDER.match(text, head.start(3)):  # such as: error <nil>
        return None
    return head


def _value(text: str, at: int, field: Token) -> tuple[Token, int]:
    """The value of a field, and the position after it."""
    if text[at] in "\"'":
        return _quoted(text, at)
    slips.refuse_value(text, at, field.text, field.operator, may_be_number=field.path is not None)
    value, end = _bare(text, at)
    slips.refuse_marks(text, at, value)
    return Token(Role.WORD, value, at), end


def _bare(text: str, at: int) -> tuple[str, int]:
    """The text from here to a space or to a parenthesis that closes more than this text has opened, and its end."""
    start, opened = at, list[int]()
    while at < len(text) and not text[at].isspace():
        if text[at] == "(":
            if text[start:at].lower() in KEYWORDS:
                break
            opened.append(at)
        elif text[at] == ")":
            if not opened:
                break
            opened.pop()
        at += 1
    if opened:
        raise FilterError("a parenthesis inside a word is text, and must be closed in it: use quotes", text, opened[0])
    return text[start:at], at


def _quoted(text: str, start: int) -> tuple[Token, int]:
    """The text between the quote at `start` and the next of its kind, and the position after that."""
    quote, inside, at = text[start], "", start + 1
    while at < len(text):
        if text[at] == quote:
            return Token(Role.WORD, inside, start, quoted=True), at + 1
        character = _CHARACTER.match(text, at)
        if character is not None:
            inside += _character(character, text)
            at = character.end()
            continue
        if text[at] == "\\" and text[at + 1 : at + 2] in (quote, "\\"):
            at += 1
        inside += text[at]
        at += 1
    raise FilterError("this quote is not closed", text, start)


def _character(written: "re.Match[str]", text: str) -> str:
    try:
        return chr(int(written[1], 16))
    except ValueError:
        raise FilterError("no character has this number", text, written.start()) from None
