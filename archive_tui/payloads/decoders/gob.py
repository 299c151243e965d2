"""Go's gob: recognised, and the names and words in it shown. Only a Go program with its types reads all of it."""

import re

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.tree import Tree

_WORD = re.compile(rb"[\x20-\x7e\xc2-\xf4\x80-\xbf]{2,}")
_FIRST_TYPE = 64
"""Numbers of types that a program defines begin here (encoding/gob/type.go of Go 1.26: firstUserId)."""


class GobDecoder:
    """A stream of messages, each with its length and the number of its type; the first defines a type, or is a value of
    a basic one. The tree has the names from the definitions, and the words from the values.
    """

    name = "gob"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        definitions: list[bytes] = []
        values: list[bytes] = []
        at = 0
        while at < len(raw):
            head = _unsigned(raw, at)
            if head is None or head[0] < 2 or head[1] + head[0] > len(raw):
                return None
            length, at = head
            body = raw[at : at + length]
            at += length
            kind = _signed(body)
            if kind is None or -_FIRST_TYPE < kind[0] <= 0:
                return None
            (definitions if kind[0] < 0 else values).append(body[kind[1] :])
        if not definitions:
            return None
        names = [word for body in definitions for word in _names(body)]
        words = [word for body in values for word in _words(body)]
        if not names and not words:
            return None
        tree: Tree = {"names": names, "words": words}
        why = f"{len(definitions)} definitions of types and {len(values)} values follow each other to the end"
        remark = "only names and words are shown: a Go program with the same types reads the rest"
        return Decoded(Fit.LIKELY, why, tree, remarks=(remark,))


def _unsigned(raw: bytes, at: int) -> tuple[int, int] | None:
    """A number and where it ends: one byte below 128, else the negated count of bytes that follow, largest first."""
    if at >= len(raw):
        return None
    first = raw[at]
    if first < 0x80:
        return first, at + 1
    count = 256 - first
    if count > 8 or at + 1 + count > len(raw):
        return None
    return int.from_bytes(raw[at + 1 : at + 1 + count]), at + 1 + count


def _signed(raw: bytes) -> tuple[int, int] | None:
    number = _unsigned(raw, 0)
    if number is None:
        return None
    value, end = number
    return (~(value >> 1) if value & 1 else value >> 1), end


def _names(body: bytes) -> list[str]:
    """The identifiers in the definition of a type: each stands behind its length."""
    names = []
    at = 0
    while at < len(body):
        length = body[at]
        word = body[at + 1 : at + 1 + length]
        if 0 < length < 0x80 and len(word) == length and _is_name(word):
            names.append(word.decode())
            at += 1 + length
        else:
            at += 1
    return names


def _is_name(word: bytes) -> bool:
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return False
    return all(part.isidentifier() for part in re.split(r"[.\[\]*{}]+", text) if part) and text[0] not in ".{}"


def _words(body: bytes) -> list[str]:
    """The texts among values: each stands behind its length. What stands behind none is chance."""
    words = []
    at = 0
    while at < len(body):
        head = _unsigned(body, at)
        if head is not None and 1 < head[0] <= len(body) - head[1]:
            word = body[head[1] : head[1] + head[0]]
            if _WORD.fullmatch(word):
                try:
                    words.append(word.decode())
                except UnicodeDecodeError:
                    pass
                else:
                    at = head[1] + head[0]
                    continue
        at += 1
    return words
