"""JSON: exact numbers, every key, and the place of the error where it is none."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.strange_bytes import not_utf8, strange_bytes
from archive_tui.payloads.tree import DIGITS, NO_TREE, Pairs, Tree, deeper_than, object_of
from archive_tui.payloads.writing import INDENT, quoted
from archive_tui.text import decode

_ERRORS = (ValueError, ArithmeticError, RecursionError)
"""Not JSON; digits that no int takes, or an exponent that no Decimal takes; too deep."""

_BOM = "\ufeff"
_BEGINNING = re.compile(rb'(\xef\xbb\xbf)?\s*[{\["0-9\-tfnNI]')
_SHOWN_NUMBER = 40


def fast_tree(raw: bytes, depth: int) -> Tree:
    """The tree of a payload that is an object or array in plain JSON, else `NO_TREE`: a few µs for a kilobyte.

    `NO_TREE` is no verdict: what is unusual about JSON (NaN, bytes that are not UTF-8, huge numbers) is left to
    `JsonDecoder`.
    """
    begin = 0
    if raw[:1] not in (b"{", b"["):
        begin = len(raw) - len(raw.lstrip(_SPACE))
        if raw[begin : begin + 1] not in (b"{", b"["):
            return NO_TREE
    try:
        text = raw.decode("utf-8")
        # Neither `decode`, which looks for spaces by two regular expressions, nor `raw_decode`, which wraps this: a
        # fifth of the time of a small payload
        tree, end = _scan(text, begin)
    except (*_ERRORS, StopIteration):
        return NO_TREE
    if end != len(text) and text[end:].strip(_JSON_SPACE):
        return NO_TREE
    if raw.count(b"[") + raw.count(b"{") > depth and deeper_than(tree, depth):
        return NO_TREE
    return tree


def plain_json(raw: bytes, tree: Tree) -> Decoded:
    """What there is to say about a payload that `fast_tree` gave a tree of."""
    return Decoded(Fit.CERTAIN, _why(tree), tree, lambda: laid_out(raw.decode()))


_SPACE = b" \t\n\r"
_JSON_SPACE = " \t\n\r"


def _refuse(word: str) -> Tree:
    raise ValueError(word)


_STRICT = json.JSONDecoder(object_pairs_hook=object_of, parse_float=Decimal, parse_constant=_refuse)
_scan: Callable[[str, int], tuple[Tree, int]] = _STRICT.scan_once  # type: ignore[attr-defined]  # not in typeshed


class JsonDecoder:
    """Objects and arrays for certain; a number, word or string alone only as a doubtful reading of text."""

    name = "JSON"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        depth = context.limits.depth
        tree = fast_tree(raw, depth)
        if tree is not NO_TREE:
            context.json = raw
            return plain_json(raw, tree)
        if _BEGINNING.match(raw) is None:
            return None
        text = decode(raw)
        body = text.removeprefix(_BOM)
        reader = _Lenient()
        try:
            tree = reader.decode(body)
        except _ERRORS:
            return None
        if deeper_than(tree, depth):
            return None
        if body is not text:
            reader.remark("it begins with a byte order mark, which JSON does not allow")
        if strange := strange_bytes(raw):
            reader.remark(not_utf8(strange))
        context.json = raw
        fit = Fit.CERTAIN if isinstance(tree, dict | list | Pairs) else Fit.DOUBTFUL
        return Decoded(fit, _why(tree), tree, lambda: laid_out(body), tuple(reader.remarks))


def _why(tree: Tree) -> str:
    kind = "an array" if isinstance(tree, list) else "an object" if isinstance(tree, dict | Pairs) else "a single value"
    return f"{kind} from the first byte to the last"


class _Lenient:
    """Reads JSON with what producers really write, and remarks on it."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def remark(self, sentence: str) -> None:
        """Add a remark once."""
        if sentence not in self.remarks:
            self.remarks.append(sentence)

    def decode(self, text: str) -> Tree:
        """Read the whole text. Raises one of `_ERRORS`."""
        try:
            return self._read(text, strict=True)
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Invalid control character"):
                raise
        tree = self._read(text, strict=False)
        self.remark("strings hold control characters, which JSON wants escaped")
        return tree

    def _read(self, text: str, *, strict: bool) -> Tree:
        decoder = json.JSONDecoder(
            object_pairs_hook=object_of,
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=self._constant,
            strict=strict,
        )
        return decoder.decode(text)

    def _decimal(self, digits: str) -> Decimal | str:
        try:
            return Decimal(digits)
        except ArithmeticError:
            self.remark(f"the number {digits[:_SHOWN_NUMBER]} is beyond reckoning and kept as text")
            return digits

    def _integer(self, digits: str) -> int | Decimal:
        return int(digits) if len(digits) <= DIGITS else Decimal(digits)

    def _constant(self, word: str) -> float:
        self.remark(f"it holds {word}, which JSON does not have")
        return float(word)


def error_in(text: str, depth: int) -> str | None:
    """Say where a text that begins as JSON is none: "line 1, column 9: …"; None: it begins otherwise, or is JSON."""
    if text.removeprefix(_BOM).lstrip()[:1] not in ("{", "["):
        return None
    try:
        if not deeper_than(_Lenient().decode(text.removeprefix(_BOM)), depth):
            return None
    except json.JSONDecodeError as error:
        words = error.msg[:1].lower() + error.msg[1:]
        return f"line {error.lineno:,}, column {error.colno:,}: {words}"
    except _ERRORS:
        pass
    return f"it nests deeper than {depth} levels"


# Layout

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
"""A token of JSON that is known to be right: a string, a bracket, a comma, a colon, or a number or word."""

_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")


def laid_out(text: str) -> str:
    """Lay JSON that is known to be right out, two spaces a level.

    What is not layout comes out as it was written: an id above 2⁵³ and a price of 1.10 digit for digit, the order of
    the keys, and a key that stands twice. Of strings, escapes that are not needed become the characters they stand for.
    """
    return indented(map(without_escapes, TOKEN.findall(text)))


def without_escapes(token: str) -> str:
    """A token as it is shown: in a string, escapes that are not needed become the characters they stand for."""
    return quoted(json.loads(token, strict=False)) if "\\" in token else token


def indented(tokens: Iterable[str], indent: str = INDENT) -> str:
    """Lay tokens of JSON out, one value or key a line."""
    return "".join(_indented(tokens, indent))


def _indented(tokens: Iterable[str], indent: str) -> Iterator[str]:
    newline = "\n"
    opened = False  # whether the part before was an opening bracket
    for part in tokens:
        if part in _CLOSING:
            newline = newline[: -len(indent)]
            yield part if opened else newline + part
            opened = False
            continue
        if opened:
            yield newline
        opened = part in _OPENING
        if opened:
            newline += indent
            yield part
        elif part == ",":
            yield part + newline
        elif part == ":":
            yield ": "
        else:
            yield part
