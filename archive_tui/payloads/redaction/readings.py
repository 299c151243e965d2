"""The readings of a payload as they may be shown: what one of them hides shows in no other either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from archive_tui.payloads import masking
from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.form import FormDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder, laid_out
from archive_tui.payloads.decoders.jwt import JwtDecoder
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.plain_text import TextDecoder
from archive_tui.payloads.decoders.xml import XmlDecoder
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.readings import EMPTY, Reading
from archive_tui.payloads.redaction.keys import HiddenKeys
from archive_tui.payloads.redaction.parts import Part, Secrets, without
from archive_tui.payloads.redaction.texts import TextMask, may_hold_encoded
from archive_tui.payloads.redaction.trees import Hidden, TreeMask
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.payloads.writing import written
from archive_tui.text import decode, encode, line

SEALED = "not shown: these bytes hold values that are masked"
"""The problem of a reading that cannot be shown in part."""

_LARGEST_AROUND = 1024 * 1024
"""Bytes around something that hides a value which are not shown without a look at them."""

_AS_WRITTEN = frozenset((JsonDecoder.name, NdjsonDecoder.name, TextDecoder.name))
"""Formats whose keys stand in their bytes as they are."""

_NAMED = 3
"""Keys that a note names."""


@dataclass(frozen=True, slots=True)
class RedactedReading(Reading):
    """A reading as it may be shown. `Redaction.readings` makes them, also where nothing is hidden."""

    hidden: tuple[str, ...] = ()
    """The keys whose values are masked in this payload, each once and as they are written; empty for what a pattern
    found in a text.
    """

    sealed: bool = False
    """Its bytes cannot be masked in part: `content` is `SEALED` in their place."""


def masked_note(reading: RedactedReading) -> str:
    """Say what is masked in a reading, for a title; empty where nothing is."""
    if not reading.hidden:
        return ""
    named = [line(key) for key in reading.hidden if key]
    others = ["credentials in texts"] if "" in reading.hidden else []
    more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
    return f"masked: {', '.join([*named[:_NAMED], *more, *others])}"


def payload_of(readings: Sequence[RedactedReading]) -> bytes | None:
    """The bytes of a payload from all its readings, masked; None where they cannot be."""
    whole = next((one for one in readings if one.path in ((BinaryDecoder.name,), (EMPTY,))), None)
    return None if whole is None or whole.sealed else whole.content


def redacted(reading: Reading, content: bytes | None = None) -> RedactedReading:
    """Make a reading one that may be shown, as it is or with other bytes."""
    return RedactedReading(
        reading.path, reading.fit, reading.why, reading.content if content is None else content, reading.tree,
        reading.remarks, reading.problem, reading.write, reading.large, reading.by_program,
    )  # fmt: skip


def _sealed(reading: Reading) -> RedactedReading:
    return replace(
        redacted(reading, SEALED.encode()), tree=NO_TREE, write=None, problem=SEALED, sealed=True, large=None
    )


def _covered(reading: Reading) -> Part:
    """A reading as text or bytes of what another one hides something in by its keys: it will show the bytes of that."""
    return Part(reading, reading, reading.content, [])


def _hexadecimal(raw: bytes) -> str:
    return raw.hex(" ")


_BY_FORMAT: Mapping[str, Callable[[str, masking.Hides, masking.Inner], str]] = {
    JsonDecoder.name: masking.in_json,
    NdjsonDecoder.name: masking.in_json,
    XmlDecoder.name: masking.in_xml,
    FormDecoder.name: masking.in_form,
    JwtDecoder.name: lambda _text, _hides, _inner: MASK,
}
"""How the bytes of formats that are text are masked."""


class ReadingMask:
    """Masks readings. Never changes; any thread may use it."""

    def __init__(self, keys: HiddenKeys, texts: TextMask, trees: TreeMask, redaction: Any) -> None:
        """`redaction` is the `Redaction` by which what is large is masked when somebody looks at it."""
        self._keys, self._texts, self._trees, self._redaction = keys, texts, trees, redaction

    def readings(self, readings: Sequence[Reading]) -> list[RedactedReading]:
        """The readings of one payload, as they may be shown: what one of them hides shows in no other either.

        Tens of MiB that hold a hidden key take seconds: not for the UI loop.
        """
        if any(reading.large is not None for reading in readings):
            return self._with_large(readings)
        trees = [None if reading.tree is NO_TREE else self._part(reading) for reading in readings]
        covered = {part.layer for part in trees if part is not None and part.exact}

        def is_covered(reading: Reading) -> bool:
            """Whether it need not be looked at: it will show the bytes of another, or is large and will not."""
            layer = reading.path[:-1]
            large = len(reading.content) > _LARGEST_AROUND
            return layer in covered or (large and any(one != layer and one[: len(layer)] == layer for one in covered))

        parts = [
            part or (_covered(reading) if is_covered(reading) else self._part(reading))
            for part, reading in zip(trees, readings, strict=True)
        ]
        if not any(part.hidden for part in parts):
            return [redacted(part.shown) for part in parts]
        secrets = Secrets.of(parts)
        keys = tuple(dict.fromkeys(key for part in parts for key, _ in part.hidden))
        return [replace(self._shown(part, parts, secrets), hidden=keys) for part in parts]

    def _with_large(self, readings: Sequence[Reading]) -> list[RedactedReading]:
        """Readings of many MiB, which are masked where somebody looks at them, and not given away as a whole; and what
        else the payload was read as.
        """
        others = iter(self.readings([reading for reading in readings if reading.large is None]))
        shown = [self._large(reading) if reading.large is not None else next(others) for reading in readings]
        if not any(reading.hidden for reading in shown):
            return shown
        return [_sealed(reading) if reading.large is not None else reading for reading in shown]

    def _large(self, reading: Reading) -> RedactedReading:
        large = reading.large.masked(self._redaction) if reading.large is not None else None
        shown = replace(reading, large=large, why=self._texts.text(reading.why), write=lambda: SEALED)
        return replace(redacted(shown, SEALED.encode()), sealed=True)

    def _part(self, reading: Reading) -> Part:
        """Mask a reading by itself."""
        hidden: Hidden = []
        if not reading.content or self._is_open(reading):
            return Part(reading, reading, reading.content, hidden)
        shown, content = self._masked_reading(reading, hidden)
        words = replace(shown, why=self._texts.text(reading.why), remarks=tuple(map(self._texts.text, reading.remarks)))
        return Part(reading, words, content, hidden)

    def _is_open(self, reading: Reading) -> bool:
        """Whether a quick look at the bytes tells that nothing is hidden in a reading."""
        raw = reading.content
        if reading.format not in _AS_WRITTEN or reading.problem is not None:
            return False
        if b"\\u" in raw or b"%" in raw or self._texts.may_hold_signs(raw):
            return False
        within = reading.format != TextDecoder.name
        return not may_hold_encoded(raw) if within else not self._texts.hides_encoded(decode(raw.strip()))

    def _masked_reading(self, reading: Reading, hidden: Hidden) -> tuple[Reading, bytes | None]:
        """A reading with masked tree and text, and its bytes, masked; None where they cannot be. What is hidden is
        added to `hidden`.
        """
        raw = reading.content
        if reading.problem is not None:
            content = self._masked_bytes(raw, hidden)
            return replace(reading, problem=self._texts.text(reading.problem)), content
        if reading.tree is NO_TREE:
            if reading.format == BinaryDecoder.name:
                content = self._masked_bytes(raw, hidden)
                return replace(reading, write=partial(_hexadecimal, content)), content
            text = reading.text()
            if (masked := self._texts.text(text)) is text:
                return reading, raw
            hidden.append(("", NO_TREE))
            content = encode(masked) if reading.format == TextDecoder.name else self._texts.raw(raw)
            return replace(reading, write=lambda: masked), content
        tree = self._trees.noted(reading.tree, hidden)
        if not hidden:
            return reading, raw
        by_format = _BY_FORMAT.get(reading.format)
        if by_format is None:
            return replace(reading, tree=tree, write=None), without(raw, [value for _, value in hidden])
        content = encode(by_format(decode(raw), self._keys.hides, self._texts.text))
        return replace(reading, tree=tree, write=self._writer(reading, tree, content)), content

    def _masked_bytes(self, raw: bytes, hidden: Hidden) -> bytes:
        content = self._texts.raw(raw)
        if content is not raw:
            hidden.append(("", NO_TREE))
        return content

    def _writer(self, reading: Reading, tree: Tree, content: bytes) -> Callable[[], str] | None:
        """Writes the text of a masked reading; None: its tree is written out."""
        if reading.write is None:
            return None
        if reading.format == JsonDecoder.name:
            return lambda: laid_out(decode(content).removeprefix("\ufeff"))
        if reading.format == NdjsonDecoder.name:
            return lambda: "\n".join(map(written, tree))
        write = reading.write
        return lambda: masking.in_xml(write(), self._keys.hides, self._texts.text)

    def _shown(self, part: Part, parts: Sequence[Part], secrets: Secrets) -> RedactedReading:
        """A reading beside the others of its payload, some of which hide something."""
        shown = part.shown
        words = replace(shown, why=secrets.taken_from(shown.why), remarks=tuple(map(secrets.taken_from, shown.remarks)))
        around = any(other.hidden and other.is_within(part) for other in parts)
        beside = next((other for other in parts if other.layer == part.layer and other.exact), None)
        has_tree = part.reading.tree is not NO_TREE
        if around and not (part.hidden and secrets.absent(part)):
            return _sealed(words)
        if has_tree and not part.hidden and (beside is not None) and not secrets.absent(part):
            return _sealed(words)
        if part.exact and part.content is None:
            return replace(redacted(words, SEALED.encode()), sealed=True)
        if beside is None or part.exact:
            return redacted(words, part.content)
        if beside.content is None:
            return _sealed(words)
        if has_tree or words.problem is not None:
            return redacted(words, beside.content)
        content = beside.content
        if part.reading.format == BinaryDecoder.name:
            return redacted(replace(words, write=partial(_hexadecimal, content)), content)
        return redacted(replace(words, write=partial(decode, content)), content)
