"""The door to payloads: bytes and a task type in, the readings that fit out, best first.

::

    reader = PayloadReader()                     # one for a run: it holds no payload and may be used by any thread
    reader.readings(raw, "email:send")           # all that fit, for one task that somebody looks at
    reader.best(raw, "email:send")               # the first of them
    reader.tree(raw, "email:send")               # its tree alone, `NO_TREE` where it has none: for a million payloads

What holds for each of them:

- They never raise for what is in a payload, and never return nothing: the last resort is `binary`, the bytes
  themselves, and of a payload without bytes the reading `empty`.
- `best` and `tree` agree with `readings(...)[0]`, but for the programs of a profile: only `readings` runs them.
- Plain JSON (an object or array, UTF-8) takes a fast path in `best` and `tree`: no other decoder is tried. `tree` of
  it costs about what `json.loads` does. Nothing is kept: whoever needs a tree twice holds on to it.
- `Reading.problem` is set where a payload was recognised and cannot be decoded: a bomb, a missing library, a plug-in
  that failed. Then there is no tree, and `text()` is that sentence. A filter counts these as not decoded.
- Trees are made of the values that the module `tree` lists, at most `Limits.depth` deep: recursion is safe. Text and
  bytes have no tree. A JSON scalar alone (`3`, `"word"`) is text first, with a doubtful reading as JSON behind it.
- `Reading.path` names the wrappers and then the format. Filters name a format in lower case (`format_key`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from archive_tui.payloads.decoder import INSTALL, Context, Decoded, Decoder, Fit, Limits, Peeled, Refusal, Wrapper
from archive_tui.payloads.decoders.json_text import JsonDecoder, fast_tree, plain_json
from archive_tui.payloads.registry import Registry, standard, standard_wrappers
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.payloads.writing import written
from archive_tui.wording.people import size

__all__ = ["NO_TREE", "Fit", "Limits", "PayloadReader", "Reading", "Tree"]

EMPTY = "empty"
"""Format of a payload without bytes."""

_ALWAYS_TRIED = 2
"""Decoders at the end of the registry, text and bytes, that are tried when the time is up."""

LEAST_LARGE = 1024 * 1024
"""Bytes from which a payload, or what a wrapper holds, is `large`: read piece by piece for a screen."""
_LARGE = 8 * 1024 * 1024
"""Bytes of a payload above which its tree is not kept in memory, nor made for a screen where it takes all at once."""

_LEAST_INSIDE = 12
"""Bytes of text that must come out of a doubtful wrapper: less is often made by chance."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a payload."""

    path: tuple[str, ...]
    """Names of the wrappers, outermost first, then of the format: `("base64", "gzip", "JSON")`."""

    fit: Fit
    """How certain this reading is."""

    why: str
    """Why the payload is read so, a few words; may quote the payload, so it passes `text.py` before it is shown."""

    content: bytes
    """The bytes inside all wrappers, which the format was read from."""

    tree: Tree = NO_TREE
    """The plain values, `NO_TREE` where there are none. Not to be changed."""

    remarks: tuple[str, ...] = ()
    """What an operator must know about it, a sentence each; foreign text as `why` is."""

    problem: str | None = None
    """Why it is not decoded, one sentence; None: it is."""

    write: Callable[[], str] | None = None
    """Writes the text; None: the tree is written out. Call `text`."""

    large: "Large | None" = None
    """What stands in the place of tree and text, of a payload of many MiB; None: it was decoded whole."""

    by_program: bool = False
    """Whether a program of the profile has unpacked it: lists read such a payload otherwise."""

    @property
    def format(self) -> str:
        """The format inside all wrappers: `JSON`. With a `problem`, the layer that has it."""
        return self.path[-1]

    @property
    def format_key(self) -> str:
        """The format as filters name it: `json`, `msgpack`, `utf-16`."""
        return self.path[-1].lower()

    @property
    def name(self) -> str:
        """The path as it is shown: `base64 › gzip › JSON`."""
        return " › ".join(self.path)

    def to_show(self) -> Self:
        """The same for whoever only shows it: without the tree of a large payload, which takes ten times its memory,
        unless the text is written from it.
        """
        return self if self.write is None or len(self.content) <= _LARGE else replace(self, tree=NO_TREE)

    def text(self) -> str:
        """The payload for people, foreign text of many lines: made anew at each call, and not cheap."""
        if self.problem is not None:
            return self.problem
        return self.write() if self.write is not None else written(self.tree)


class Large(Protocol):
    """What a payload of many MiB is read as, piece by piece: see `large.contents`. For any thread."""

    has_tree: bool
    """Whether it has a tree."""

    def advance(self, seconds: float) -> bool:
        """Go on looking over it for about so long; returns whether there is more to do."""

    def words(self) -> tuple[str, ...]:
        """What an operator must know about it by now, a sentence each: that it is still looked over, or what is wrong.
        Foreign text as remarks are.
        """

    def masked(self, redaction: Any) -> "Large":
        """The same as it may be shown: `redaction` is a `Redaction`."""

    def root(self) -> Any:
        """The outermost node of its tree, a `nodes.Node`, which grows while it is looked over; for what `has_tree`."""

    def document(self, format_: str) -> Any:
        """It as a `rendering.Document`, whose lines are made when they are in sight."""

    def raw(self, format_: str) -> Any:
        """Its bytes as text, a `rendering.Document` as well."""


class PayloadReader:
    """Reads payloads with the decoders of a registry."""

    def __init__(
        self,
        registry: Registry | None = None,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`registry` None: our decoders and the plug-ins; `limits` None: those for one task at a time."""
        self._registry = registry or standard()
        self._limits = limits or Limits()
        self._clock = clock
        # A plug-in that comes before JSON must be asked before JSON is believed
        self._json_first = isinstance(self._registry.decoders[0], JsonDecoder)

    @property
    def registry(self) -> Registry:
        """The decoders that it reads with."""
        return self._registry

    def readings(self, raw: bytes, task_type: str = "") -> list[Reading]:
        """All readings that fit, best first. Tens of MiB take seconds: not for the UI loop."""
        if not raw:
            return [_empty()]
        return self._read(raw, self._context(task_type), 0)

    def readings_to_show(self, raw: bytes, task_type: str = "") -> list[Reading]:
        """The readings for a screen, best first: as `readings`, but what is `large` and JSON, lines of it, MessagePack,
        CBOR or text is read when somebody looks at it, and looked over by `Large.advance`. 50 MiB take some hundredths
        of a second.
        """
        if not raw:
            return [_empty()]
        context = self._context(task_type)
        context.lazily = True
        return self._read(raw, context, 0)

    def best(self, raw: bytes, task_type: str = "") -> Reading:
        """The first of the readings; never runs a program."""
        if not raw:
            return _empty()
        if self._json_first:
            tree = fast_tree(raw, self._limits.depth)
            if tree is not NO_TREE:
                return _reading(JsonDecoder.name, raw, plain_json(raw, tree))
        return self._read(raw, self._context(task_type, programs=False), 0)[0]

    def tree(self, raw: bytes, task_type: str = "") -> Tree:
        """The tree of the best reading, `NO_TREE` where it has none; never runs a program."""
        if self._json_first:
            tree = fast_tree(raw, self._limits.depth)
            if tree is not NO_TREE:
                return tree
        return self.best(raw, task_type).tree

    def _context(self, task_type: str, *, programs: bool = True) -> Context:
        return Context(task_type, self._limits, self._clock, programs=programs)

    # Trying

    def _read(self, raw: bytes, context: Context, wrapped: int) -> list[Reading]:
        """Every reading of bytes that stand inside this many wrappers."""
        large = context.lazily and len(raw) >= LEAST_LARGE
        found, whole = (
            self._read_large(raw, context, wrapped) if large else (self._unwrapped(raw, context, wrapped), False)
        )
        if whole:
            return found
        skipped = self._not_for(raw, found, context) if large else ()
        for number, decoder in enumerate(self._registry.decoders, start=-len(self._registry.decoders)):
            if (context.late and number < -_ALWAYS_TRIED) or decoder in skipped:
                continue
            if large and number == -1:
                reading = self._large_bytes(raw, context)
            else:
                reading = self._decoded(decoder, raw, context)
            if reading is not None:
                found.append(reading)
        found.sort(key=lambda reading: -reading.fit)
        if found[0].fit < Fit.CERTAIN and not wrapped:
            found[0] = replace(found[0], remarks=(*found[0].remarks, *self._not_tried(context)))
        return found

    def _not_for(self, raw: bytes, found: Sequence[Reading], context: Context) -> Sequence[Decoder]:
        """The decoders that many MiB are not given to: those that decode them in one go, to a tree that takes ten times
        their memory and more, and those that have read it piece by piece.
        """
        read = {reading.path for reading in found}
        at_once = [decoder for decoder in self._registry.decoders if isinstance(decoder, _at_once())]
        if len(raw) <= _LARGE:
            return [decoder for decoder in at_once if (decoder.name,) in read]
        named = [decoder.name for decoder in at_once if not isinstance(decoder, _by_pieces())]
        context.notes.append(f"not tried as {', '.join(named)}: that is for {size(_LARGE)} and less")
        return at_once

    def _unwrapped(
        self, raw: bytes, context: Context, wrapped: int, wrappers: Sequence[Wrapper] | None = None
    ) -> list[Reading]:
        """Every reading of what stands inside one wrapper more; `wrappers` None: of all."""
        wrappers = self._registry.wrappers if wrappers is None else wrappers
        return [reading for wrapper in wrappers for reading in self._inside(wrapper, raw, context, wrapped)]

    def _read_large(self, raw: bytes, context: Context, wrapped: int) -> tuple[list[Reading], bool]:
        """The readings of many MiB: those of what stands inside wrappers, and of JSON and text. True: they are all,
        best first; False: the decoders of other formats have to look at the bytes.
        """
        from archive_tui.payloads.large.binary_contents import binary_readings
        from archive_tui.payloads.large.contents import json_readings, text_readings

        kinds = tuple(type(wrapper) for wrapper in standard_wrappers())
        ours = [wrapper for wrapper in self._registry.wrappers if isinstance(wrapper, kinds)]
        others = [wrapper for wrapper in self._registry.wrappers if not isinstance(wrapper, kinds)]
        found = self._unwrapped(raw, context, wrapped, others)
        here = json_readings(raw, context)
        if not here:
            found += self._unwrapped(raw, context, wrapped, ours)
            here = text_readings(raw, context) or binary_readings(raw, context)
        sure = bool(here) and here[0].fit > Fit.BYTES
        here = here if sure else [reading for reading in here if reading.fit < Fit.BYTES]
        return sorted([*found, *here], key=lambda reading: -reading.fit), sure

    def _large_bytes(self, raw: bytes, context: Context) -> Reading | None:
        from archive_tui.payloads.large.contents import bytes_reading

        return bytes_reading(raw, context)

    def _not_tried(self, context: Context) -> Iterator[str]:
        """Remarks on what might have read the payload, had it been there."""
        if context.missing:
            names = ", ".join(dict.fromkeys(context.missing))
            yield f"not tried, because their libraries are not installed: {names} ({INSTALL})"
        yield from context.notes
        yield from self._registry.problems

    def _decoded(self, decoder: Decoder, raw: bytes, context: Context) -> Reading | None:
        """What a decoder makes of bytes."""
        try:
            decoded = decoder.decode(raw, context)
        except Refusal as refusal:
            return _refused(decoder.name, raw, str(refusal))
        except Exception as error:  # a plug-in's, or a bug of ours: one payload must not end the program
            return _refused(decoder.name, raw, f"{decoder.name} failed: {type(error).__name__}: {error}", Fit.DOUBTFUL)
        return None if decoded is None else _reading(decoder.name, raw, decoded)

    def _inside(self, wrapper: Wrapper, raw: bytes, context: Context, wrapped: int) -> Iterator[Reading]:
        """Every reading of what a wrapper holds."""
        if context.late:
            return
        context.wrapped = wrapped
        try:
            peeled = wrapper.peel(raw, context)
        except Refusal as refusal:
            yield _refused(wrapper.name, raw, str(refusal))
            return
        except Exception as error:
            yield _refused(wrapper.name, raw, f"{wrapper.name} failed: {type(error).__name__}: {error}", Fit.DOUBTFUL)
            return
        if peeled is None:
            return
        if not peeled.content:
            inner = [_empty()]
        elif wrapped + 1 >= context.limits.wrappers:
            sentence = f"there are more than {context.limits.wrappers} wrappers within each other"
            inner = [_refused(wrapper.name, raw, sentence)]
        else:
            inner = self._read(peeled.content, context, wrapped + 1)
            inner = [reading for reading in inner if reading.fit > Fit.BYTES] or inner
        for reading in inner:
            yield _wrapped(wrapper.name, peeled, reading)


def _at_once() -> tuple[type, ...]:
    """Decoders of ours that read a payload in one go, to a tree that takes ten times its memory and more."""
    from archive_tui.payloads.decoders.gob import GobDecoder

    return (*_by_pieces(), GobDecoder)


def _by_pieces() -> tuple[type, ...]:
    """Those of them whose formats are read piece by piece, too."""
    from archive_tui.payloads.decoders.cbor import CborDecoder
    from archive_tui.payloads.decoders.messagepack import MessagePackDecoder

    return (MessagePackDecoder, CborDecoder)


def _reading(name: str, raw: bytes, decoded: Decoded) -> Reading:
    return Reading((name,), decoded.fit, decoded.why, raw, decoded.tree, decoded.remarks, None, decoded.text)


def _refused(name: str, raw: bytes, sentence: str, fit: Fit = Fit.CERTAIN) -> Reading:
    return Reading((name,), fit, "recognised, but not decoded", raw, problem=sentence)


def _empty() -> Reading:
    return Reading((EMPTY,), Fit.CERTAIN, "it has no bytes", b"", write=lambda: "")


def _wrapped(name: str, peeled: Peeled, inner: Reading) -> Reading:
    """A reading of what a wrapper held, as one of the whole."""
    if peeled.fit is Fit.DOUBTFUL:  # such as base64: what is inside decides
        short = inner.fit is Fit.LIKELY and len(peeled.content) < _LEAST_INSIDE
        fit = Fit.DOUBTFUL if short or inner.fit <= Fit.BYTES else inner.fit
    else:  # bytes inside a layer that is there are worth more than the layer
        fit = Fit.LIKELY if inner.fit is Fit.BYTES else min(inner.fit, peeled.fit)
    why = f"{inner.path[0]}: {inner.why}" if len(inner.path) == 1 else inner.why
    remarks = (*(f"{name}: {remark}" for remark in peeled.remarks), *inner.remarks)
    return replace(
        inner,
        path=(name, *inner.path),
        fit=fit,
        why=f"{name}: {peeled.why}; {why}",
        remarks=remarks,
        by_program=peeled.by_program or inner.by_program,
    )
