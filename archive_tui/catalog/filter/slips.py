"""Slips: what people type from other languages, or what a text program made of it; refused with what to write."""

import difflib
import re
import unicodedata

from archive_tui.catalog.fields import FIELDS, Form, field_name
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.text import clip

_QUOTES = "“”„‟‘’‚‛«»‹›"
_DASHES = "‐‑‒–—―−﹘﹣－"
_OTHER_OPERATORS = {
    "===": "==", ":=": "=", "=:": ":", "::": ":", "：": ":", "＝": "=",
    "=~": ":~", "~": ":~", "~=": ":~", ":~~": ":~", "::~": ":~", "!~": "!=", "!": "!=", "<>": "!=", "!==": "!=",
    ":!=": "!=", ":!": "!=", "≠": "!=", "=!": "!=", "=>": ">=", ":>": ">", ":>=": ">=", "≥": ">=", "＞": ">", ">>": ">",
    "=<": "<=", ":<": "<", ":<=": "<=", "≤": "<=", "＜": "<", "<<": "<",
}  # fmt: skip
"""Operators of other languages, with ours."""

_COMPARING = (":~", "=~", "!~", "!=", "==", "<>", ">", ">=", "<", "<=", "≠", "≥", "≤")
"""Operators that make a field of the word before them, whatever it says."""

_MARKS = "~!<>=:≠≥≤：＝＞＜"
_OPERATOR = re.compile(rf"[{_MARKS}]+")
_PLACEHOLDER = re.compile(r"<[a-z]+>")
_FAR_HEAD = re.compile(rf"([^\W\d](?:[\w.-]|\[[^\]\s]*\])*)([{_MARKS}]+)")
_HEAD = re.compile(rf"([A-Za-z_](?:[A-Za-z_-]*[A-Za-z_])?)(\s*)([{_MARKS}]+)")
_QUOTE_INSIDE = re.compile(r"""[:=~<>(,]["']""")

_NOT_SEARCHED = {
    "result": "results", "group": "groups", "timeout": "timeouts", "deadline": "deadlines",
    "retention": "retention", "unique": "locks", "unique_key": "locks", "lock": "locks", "ttl": "times to live",
    "completed_at": "times of completion", "pending_since": "times of waiting",
}  # fmt: skip
"""Parts of a task that are not searched, by what people call them, with the word for them."""

_SEARCHED_AS = {
    "body": "payload:~…", "args": "payload:~…", "data": "payload:~…", "payloads": "payload:~…",
    "headers": "header.name:…", "format": "decoder:…", "encoding": "decoder:…",
    "limit": "newest:100", "latest": "newest:100", "first": "oldest:100", "since": "age<1h", "older": "age>30d",
}  # fmt: skip
"""Names that people try for what can be asked, with what to write."""

IN_QUOTES = "in quotes it is text"


def refuse_operator(text: str, name_at: int, name: str, at: int, operator: str) -> None:
    """Refuse an operator that goes on, such as `=~`, after the name of a field."""
    run = _OPERATOR.match(text, at)
    marks = run[0] if run is not None else operator
    if marks == operator or _PLACEHOLDER.match(text, at + len(operator)):
        return
    _refuse_marks_after(text, name_at, name, marks)


def refuse_field(text: str, at: int) -> None:
    """Refuse what looks like a field and is none, or is one with an operator of another language."""
    head = _HEAD.match(text, at)
    if head is None:
        _refuse_far_field(text, at)
        return
    written, gap, marks = head[1], head[2], head[3]
    name = field_name(written)
    if name in FIELDS:
        if gap and (_PLACEHOLDER.match(text, head.start(3)) or marks == "!"):
            return
        _refuse_marks_after(text, at, written, marks)
    if gap:
        return
    if name in _SEARCHED_AS:
        raise FilterError(f"no field “{written}”: write {_SEARCHED_AS[name]}; {IN_QUOTES}", text, at)
    if name in _NOT_SEARCHED:
        raise FilterError(f"{_NOT_SEARCHED[name]} are not searched; {IN_QUOTES}", text, at)
    near = difflib.get_close_matches(name, FIELDS, 1, 0.75)
    if near:
        raise FilterError(f"no field “{clip(written, 20)}”, did you mean {near[0]}? {IN_QUOTES.capitalize()}", text, at)
    if marks in _COMPARING and not _PLACEHOLDER.match(text, head.start(3)):  # others are text: email:deliver, user=42
        raise FilterError(f"no field “{clip(written, 20)}”: {', '.join(FIELDS)}; {IN_QUOTES}", text, at)


def _refuse_far_field(text: str, at: int) -> None:
    """Refuse a name with dots, brackets or digits that an operator makes a field, such as `user.id>5`."""
    head = _FAR_HEAD.match(text, at)
    if head is None or head[2] not in _COMPARING or head[1][-1] in ".-" or _PLACEHOLDER.match(text, head.start(2)):
        return
    name = clip(head[1], 20)
    raise FilterError(f"no field “{name}”: in the payload it is payload.{name}; {IN_QUOTES}", text, at)


def _refuse_marks_after(text: str, at: int, name: str, marks: str) -> None:
    """Refuse marks after the name of a field, with the operator to write instead."""
    ours = _OTHER_OPERATORS.get(marks)
    instead = (
        f"write {name}{ours}" if ours else f"operators are : :~ = != > >= < <=, and quotes stand around a {marks[-1]}"
    )
    raise FilterError(f"“{clip(marks, 8)}” is no operator: {instead}", text, at)


def refuse_word(text: str, at: int, word: str) -> None:
    """Refuse a plain word that is none."""
    first = word[:1]
    if first in _DASHES:
        raise FilterError(f"“{first}” is not a minus: write -{clip(word[1:], 20)}; {IN_QUOTES}", text, at)
    if first == "!":
        raise FilterError(f"“!” is not known: write -{clip(word[1:], 20)} or not …; {IN_QUOTES}", text, at)
    if word in ("&", "&&"):
        raise FilterError(f"“{word}” is not known: terms side by side must all hold; {IN_QUOTES}", text, at)
    stray = first in "<>=≠≥≤" and not _PLACEHOLDER.match(word)
    if stray or word in (":", ":~") or (first == "~" and word[:2] != "~/"):
        raise FilterError(f"before “{clip(word, 8)}” there is no field: write retried>=2; {IN_QUOTES}", text, at)
    if word.lower() in ("and", "or", "not") and word not in (word.lower(), word.upper()):
        raise FilterError(f"write {word.lower()}, or quotes around a text", text, at)
    inside = _QUOTE_INSIDE.search(word)
    if inside is not None:
        raise FilterError(
            "a quote in the middle of a word: put all of the text in quotes", text, at + inside.start() + 1
        )
    if len(word) > 1 and word[-1] == '"' and word.count('"') % 2:
        raise FilterError("no quote is open here", text, at + len(word) - 1)
    refuse_marks(text, at, word)


def refuse_value(text: str, at: int, field: str, operator: str, *, may_be_number: bool = False) -> None:
    """Refuse the beginning of a value that says more than a value."""
    first = text[at]
    if first == "(":
        raise FilterError(f"write ({field}:a or {field}:b); {IN_QUOTES}", text, at)
    if field in FIELDS and FIELDS[field].form is not Form.TEXT:
        return
    if may_be_number and first == "-" and text[at + 1 : at + 2].isdigit():
        return
    if first in "-!" + _DASHES:
        raise FilterError(f"write -{field}{operator}… to hide these; {IN_QUOTES}", text, at)
    if first in "~<>=" and not _PLACEHOLDER.match(text, at):
        raise FilterError(f"“{first}” in front of a value: {IN_QUOTES}", text, at)


def refuse_marks(text: str, at: int, word: str) -> None:
    """Refuse marks in a text without quotes that would not be found, or that mean something elsewhere."""
    for edge in (0, len(word) - 1):
        if word[edge : edge + 1] and word[edge] in _QUOTES:
            raise FilterError(f"“{word[edge]}” is no quote here: use \" or '", text, at + edge)
    if "|" in word:
        raise FilterError(f"“|” is not known: write a or b; {IN_QUOTES}", text, at + word.index("|"))
    if len(word) > 1 and word[-1] in ",;":
        raise FilterError(
            f"a “{word[-1]}” at the end of a word: write a or b, or put the text in quotes", text, at + len(word) - 1
        )
    for offset, character in enumerate(word):
        if character > "\x7f" and unicodedata.category(character) == "Cf":
            raise FilterError(f"an invisible character, U+{ord(character):04X}; {IN_QUOTES}", text, at + offset)
