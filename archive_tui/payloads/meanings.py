"""Meanings of numbers: the moment or the size that a number in a payload most likely stands for, for people.

A guess, to be shown as one, and never part of what is copied.
"""

import re
from decimal import Decimal

from archive_tui.payloads.nodes import Kind, Node
from archive_tui.wording.calendar import day_and_time
from archive_tui.wording.people import size

_UNITS = ((1, 0), (1_000, 3), (1_000_000, 6), (1_000_000_000, 9))
"""What a second has of each unit, and the digits of a second that are worth showing."""

_FIRST, _LAST = 1_262_304_000, 2_208_988_800
"""2010 and 2040 in unix seconds: numbers between them are taken for times whatever their key is."""

_FIRST_NAMED, _LAST_NAMED = 315_532_800, 4_102_444_800
"""1980 and 2100, where the key speaks of a time."""

_TIME = re.compile(
    "at|time|ts|timestamp|date|datetime|since|until|expir(es|y|e)|exp|iat|nbf|deadline|created|updated|deleted|"
    "started|finished|ended|modified|seen|when|moment|start|end|begin|due|from|to|sent|received|scheduled"
)
_NO_TIME = re.compile(
    "ids?|no|number|count|total|amount|price|sum|size|bytes|length|len|phone|tel|fax|offset|version|seq|sequence|"
    "hash|checksum|code|zip|balance|quantity|qty|limit|port|pid"
)
_SIZE = re.compile("bytes|size|length|len|filesize")
"""Words in keys that speak of a time, of something else, and of a number of bytes."""

_LEAST_SIZE = 1_000
"""Below it a number of bytes is read as easily as its size."""

_LONGEST = 30
_WORDS_IN_KEY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def meaning(node: Node) -> str:
    """The time or the size that a node most likely stands for, such as `2025-11-23 01:06:40 Z`; empty for none."""
    if node.kind is not Kind.NUMBER and node.kind is not Kind.TEXT:
        return ""
    text = node.text()
    if len(text) > _LONGEST or not text.isascii() or _NUMBER.fullmatch(text) is None:
        return ""
    words = [word.lower() for word in _WORDS_IN_KEY.findall(node.step)] if isinstance(node.step, str) else []
    ends = (words[0], words[-1]) if words else ()
    named = any(map(_TIME.fullmatch, ends)) and not _NO_TIME.fullmatch(words[-1])
    if node.kind is Kind.TEXT and not named:
        return ""
    number = Decimal(text)
    if not named and any(map(_SIZE.fullmatch, ends)):
        return size(int(number)) if number >= _LEAST_SIZE and number == int(number) else ""
    return "" if any(map(_NO_TIME.fullmatch, words)) and not named else _moment(number, named=named)


def _moment(number: Decimal, *, named: bool) -> str:
    first, last = (_FIRST_NAMED, _LAST_NAMED) if named else (_FIRST, _LAST)
    for unit, digits in _UNITS:
        seconds = number / unit
        if first <= seconds <= last:
            whole = int(seconds)
            fraction = f"{seconds - whole:.9f}"[2:].rstrip("0")[: max(digits, 3)]
            day, time = day_and_time(whole)
            return f"{day} {time}{f'.{fraction:0<3}' if fraction else ''} Z"
    return ""
