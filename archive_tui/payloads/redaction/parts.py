"""The readings of one payload, each masked by itself, and the values that they hide, to be looked for in the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from archive_tui.payloads.content import texts_in
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.readings import Reading
from archive_tui.payloads.redaction.trees import Hidden
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.text import decode, encode

_LEAST = 4
"""Characters of a value that is looked for elsewhere: less is found by chance."""

_MOST = 200
"""Values that are looked for elsewhere: with more, what could hold them is not shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """A reading that was masked by itself."""

    reading: Reading
    """As it was read."""

    shown: Reading
    """The same, masked."""

    content: bytes | None
    """Its bytes, masked; None: they cannot be masked in part."""

    hidden: Hidden
    """What was masked in it."""

    @property
    def layer(self) -> tuple[str, ...]:
        """The wrappers around it."""
        return self.reading.path[:-1]

    @property
    def exact(self) -> bool:
        """It hides values by their keys in a tree."""
        return bool(self.hidden) and self.reading.tree is not NO_TREE

    def is_within(self, other: "Part") -> bool:
        """Whether it stands inside of the bytes of another reading."""
        return len(self.layer) > len(other.layer) and self.layer[: len(other.layer)] == other.layer


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values that are hidden in a payload, to be looked for in its other readings."""

    texts: tuple[str, ...]
    """Those that are long enough to be looked for, the longest first."""

    certain: bool
    """These are all of them: a reading without them holds none."""

    @classmethod
    def of(cls, parts: Sequence[Part]) -> "Secrets":
        """The values that parts have hidden."""
        values = [value for part in parts for _, value in part.hidden]
        texts = {text for value in values if value is not NO_TREE for text in texts_in(value)}
        long = sorted((text for text in texts if len(text) >= _LEAST), key=len, reverse=True)[:_MOST]
        return cls(tuple(long), len(long) == len(texts) and not any(value is NO_TREE for value in values))

    def taken_from(self, text: str) -> str:
        """A text without them."""
        for secret in self.texts:
            text = text.replace(secret, MASK)
        return text

    def absent(self, part: Part) -> bool:
        """Whether a part, as it is masked, shows none of them."""
        if not self.certain:
            return False
        content = decode(part.content) if part.content is not None else ""
        shown = [content, *(texts_in(part.shown.tree) if part.shown.tree is not NO_TREE else ())]
        return not any(secret in text for secret in self.texts for text in shown)


def without(raw: bytes, values: Sequence[Tree]) -> bytes | None:
    """Give bytes with values taken out of them wherever they stand; None where one cannot be found."""
    wanted: set[bytes] = set()
    for value in values:
        if not isinstance(value, str | bytes) or len(value) < _LEAST:
            return None
        wanted.add(encode(value) if isinstance(value, str) else value)
    whole = raw
    for part in sorted(wanted, key=len, reverse=True):
        if part not in whole:
            return None
        raw = raw.replace(part, b"*" * len(part))
    return raw
