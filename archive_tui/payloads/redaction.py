"""Redaction: the one door between what a payload, a header or an error holds and what is shown of it.

Keys that a profile names (`DEFAULT_KEYS` where it names none) are masked on screens, in copies and in decoded exports.
The truth goes on to journals, to restorable exports, to changes, and to filters, whose words the operator typed. ::

    redaction = session.redaction                  # of the run: what the profile and --show-secrets say
    redaction = SHOWN                              # the operator has asked to see everything: key `!`

    redaction.readings(reader.readings(raw, type)) # `RedactedReading`s: the tree, `text()`, and the bytes in `content`
    redaction.reading(reader.best(raw, type))      # one of them, for a list or an export
    redaction.task_with_readings(task, reader)     # a Task to show, and its readings
    redaction.task(task, readings)                 # a Task to show: error, headers, result, payload masked

    redaction.masked(tree)                         # a tree; it is never changed, and shared where nothing is hidden
    redaction.hides("apiKey")                      # lazily, for one node: its value is shown as `MASK` ...
    redaction.value("apiKey", value)               # ... or this, which leaves null and what is empty
    redaction.values(path, tree)                   # what a path leads to, for a column
    redaction.node(root)                           # a `nodes.Node`, masked child by child as an outline asks for them
    redaction.text(row.error)                      # error messages, remarks: by patterns such as `password=…`
    redaction.header(name, value)                  # the value of a header

Whoever shows a payload takes a `RedactedReading`, so that mypy finds whoever forgets. Its `content` is masked too, so
raw and hexadecimal views of it are safe; where that cannot be done, it is empty and `problem` is the sentence to show.
`hidden` are the keys whose values are masked, for a title: `masked_note(reading)` words it.

A search looks through what is shown: a masked value is never found, not letter by letter either. A filter, which reads
the truth, may be used to guess a value: masking keeps values off the screen, it does not keep them from an operator
who may read them all.

What is not masked: ids, types and names of queues and groups; values without a key, as in protobuf without its schema;
values whose key nobody named.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import is_
from typing import Any

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.message import decode as decode_message
from archive_tui.asynq.task import Task
from archive_tui.payloads import masking
from archive_tui.payloads.content import texts_in
from archive_tui.payloads.decoder import Limits
from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.form import FormDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder, laid_out
from archive_tui.payloads.decoders.jwt import JwtDecoder
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.plain_text import TextDecoder
from archive_tui.payloads.decoders.xml import XmlDecoder
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.nodes import Kind, Node, TreeNode
from archive_tui.payloads.paths import Every, Path, key_text
from archive_tui.payloads.readings import EMPTY, PayloadReader, Reading
from archive_tui.payloads.tree import NO_TREE, Pairs, Tree
from archive_tui.payloads.writing import written
from archive_tui.settings.model import RedactionSettings
from archive_tui.text import decode, encode, line

__all__ = ["DEFAULT_KEYS", "MASK", "SHOWN", "RedactedReading", "Redaction", "masked_note", "payload_of"]

DEFAULT_KEYS = (
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*pwd",
    "*secret*",
    "*token",
    "*authorization",
    "*cookie",
    "*api_key*",
    "*access_key*",
    "*private_key*",
    "*credential*",
    "jwt",
    "bearer",
    "otp",
    "pin",
    "*card_number",
    "*card_no",
    "cc_number",
    "cvv*",
    "cvc*",
    "security_code",
    "*iban",
    "ssn",
    "*social_security*",
)
"""Keys whose values are hidden where a profile does not say otherwise."""

SEALED = "not shown: these bytes hold values that are masked"
"""The problem of a reading that cannot be shown in part."""

_BETWEEN = str.maketrans("", "", "_- .")
_BETWEEN_BYTES = b"_- ."
_PARTS = re.compile(r"[^\w\- ]+")
_KNOWN = 50_000
"""Keys whose answer is remembered."""

_LEAST = 4
"""Characters of a value that is looked for elsewhere: less is found by chance."""

_MOST = 200
"""Values that are looked for elsewhere: with more, what could hold them is not shown."""

_MARKS = ("bearer", "basic", "://", "eyj", "privatekey")
"""What else gives a credential away, without a key."""

_RARER = ("<", "eyJ", "--", "earer ", "EARER ", "asic ", "ASIC ")
"""What stands in every text in which a pattern finds something, unless it has a colon or an equals sign."""

_MAY_ENCODE = re.compile(r"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv|eyJ)")
"""The beginning of what may be base64 of something."""

_ENCODED = re.compile(r"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}")
_ENCODED_WITHIN = re.compile(rb'"(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}"')
"""base64 of what may be JSON, or is compressed; and that in quotes."""

_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ENCODED_LINE = re.compile(
    rb"^[\t ]*(?:[eW][w-z0-9+/_\-]|e[JNA]|H4sI|KLUv)[A-Za-z0-9+/_\-]{14,}={0,2}\r?$", re.MULTILINE
)
"""A byte as URLs write it; and a line that is base64."""

_SMALL = Limits(bytes_out=4 * 1024 * 1024, seconds=0.5)
"""What it may cost to look into base64 within a payload."""

_LARGEST_AROUND = 1024 * 1024
"""Bytes around something that hides a value which are not shown without a look at them."""

_LONGEST_ENCODED = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RedactedReading(Reading):
    """A reading as it may be shown. `Redaction.readings` makes them, also where nothing is hidden."""

    hidden: tuple[str, ...] = ()
    """The keys whose values are masked in this payload, each once and as they are written; empty for what a pattern
    found in a text.
    """

    sealed: bool = False
    """Its bytes cannot be masked in part: `content` is `SEALED` in their place."""


class _Answers(dict[Any, bool]):
    """Whether keys are hidden, each found out once."""

    def __init__(self, hidden: "re.Pattern[str] | None", exempt: "re.Pattern[str] | None") -> None:
        super().__init__()
        self._hidden, self._exempt = hidden, exempt

    def __missing__(self, key: Any) -> bool:
        if len(self) >= _KNOWN:
            self.clear()
        self[key] = answer = self._found_out(key)
        return answer

    def _found_out(self, key: Any) -> bool:
        if self._hidden is None or isinstance(key, list | dict | tuple):
            return False
        text = key_text(key)
        names = {folded_key(text)}
        if not text.isidentifier():
            names |= {folded_key(part) for part in _PARTS.split(text)} - {""}
        if self._exempt is not None and any(map(self._exempt.fullmatch, names)):
            return False
        return any(map(self._hidden.fullmatch, names))


def folded_key(key: str) -> str:
    """Fold a key or a pattern: `api_key`, `API-Key` and `apiKey` are the same."""
    return key.translate(_BETWEEN).lower()


def _squeezed(text: str) -> str:
    """The same for a whole text; `str.translate` takes five times as long."""
    return text.lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")


def _pattern(keys: Iterable[str]) -> "re.Pattern[str] | None":
    folded = dict.fromkeys(map(folded_key, keys))
    return re.compile("|".join(re.escape(key).replace(r"\*", ".*") for key in folded), re.DOTALL) if folded else None


class Redaction:
    """Masks what is not to be shown. Never changes; any thread may use it."""

    def __init__(self, keys: Iterable[str] = DEFAULT_KEYS, exempt: Iterable[str] = ()) -> None:
        """`keys` are hidden but for the `exempt`: names in any case, with `_` and `-` or without, `*` for anything.
        Without keys, nothing at all is masked.
        """
        keys = tuple(keys)
        self.on = bool(keys)
        """Whether anything is ever masked."""
        self._answers = _Answers(_pattern(keys), _pattern(exempt))
        cores = {max(folded_key(key).split("*"), key=len) for key in keys}
        self._cores = tuple(core for core in cores if not any(one in core for one in cores - {core}))
        """Parts of keys, one of which stands in every text with a key that is hidden, once it is folded."""
        self._signs = (*self._cores, *_MARKS, "%")
        """The same, and what else gives a credential away."""

    @classmethod
    def of(cls, settings: RedactionSettings) -> "Redaction":
        """What the settings of a run say."""
        if settings.shown:
            return SHOWN
        keys = DEFAULT_KEYS if settings.keys is None else settings.keys
        return cls((*keys, *settings.added), settings.exempt)

    def __repr__(self) -> str:
        return f"Redaction(on={self.on})"

    def hides(self, key: Tree) -> bool:
        """Tell whether the value of a key is hidden, unless it `is_open`."""
        try:
            return self._answers[key]
        except TypeError:  # a container that is a key
            return False

    # Trees

    def masked(self, tree: Tree) -> Tree:
        """The tree without what is hidden. It is the same one where nothing is, and parts of it may be: do not change
        it. At most `Limits.depth` deep.
        """
        return self._masked(self._without_proof(tree, None), None) if self.on else tree

    def value(self, key: Tree, value: Tree) -> Tree:
        """What is shown of the value of one key: a value, or a container, whose own values are asked for likewise."""
        if not self.on:
            return value
        if self.hides(key) and not is_open(value):
            return MASK
        return self._leaf(value)

    def values(self, path: Path, tree: Tree) -> Iterator[Tree]:
        """What is shown of the values to which a path leads."""
        if not self.on or tree is NO_TREE:
            yield from path.values(tree) if tree is not NO_TREE else ()
            return
        tree = self._without_proof(tree, None)
        if any(isinstance(step, str) and self.hides(step) for step in path.steps):
            yield from (value if is_open(value) else MASK for value in path.values(tree))
        elif any(isinstance(step, Every) for step in path.steps):
            yield from path.values(self.masked(tree))
        else:
            yield from map(self.masked, path.values(tree))

    def node(self, node: Node) -> Node:
        """A node whose values are masked as they are asked for, however large the payload is."""
        return _MaskedNode(node, self) if self.on else node

    def _without_proof(self, tree: Tree, hidden: "list[tuple[str, Tree]] | None") -> Tree:
        """The tree of a JSON Web Token without its signature, which is its proof; that of Go's gob, whose values have
        no names, without any value where a name is hidden. Every other tree as it is.
        """
        if type(tree) is not dict or len(tree) not in (2, 3):
            return tree
        if tree.keys() == {"header", "claims", "signature"} and isinstance(tree["signature"], bytes):
            if not tree["signature"]:
                return tree
            found: list[tuple[str, Tree]] = [("signature", tree["signature"])]
            tree = {**tree, "signature": MASK}
        elif tree.keys() == {"names", "words"} and isinstance(tree["names"], list) and isinstance(tree["words"], list):
            found = [(name, NO_TREE) for name in tree["names"] if isinstance(name, str) and self.hides(name)]
            if not found:
                return tree
            tree = {**tree, "words": [MASK for _ in tree["words"]]}
        else:
            return tree
        if hidden is not None:
            hidden += found
        return tree

    def _leaf(self, value: Tree) -> Tree:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            text = decode(value)
            return value if (masked := self.text(text)) is text else encode(masked)
        return value

    def _masked(self, node: Tree, hidden: "list[tuple[str, Tree]] | None") -> Tree:
        """Mask a node; what is masked is added to `hidden`, with its key."""
        if type(node) is dict:
            copy: dict[Tree, Tree] | None = None
            answers = self._answers
            for key, value in node.items():
                if answers[key] and not is_open(value):
                    new: Tree = MASK
                    if hidden is not None:
                        hidden.append((key_text(key), value))
                else:
                    new = self._masked(value, hidden)
                if new is not value:
                    if copy is None:
                        copy = dict(node)
                    copy[key] = new
            return node if copy is None else copy
        if type(node) is list:
            items = [self._masked(value, hidden) for value in node]
            return node if all(map(is_, items, node)) else items
        if type(node) is Pairs:
            pairs = []
            for key, value in node:
                if self.hides(key) and not is_open(value):
                    pairs.append((key, MASK))
                    if hidden is not None:
                        hidden.append((key_text(key), value))
                else:
                    pairs.append((key, self._masked(value, hidden)))
            return node if all(new[1] is old[1] for new, old in zip(pairs, node, strict=True)) else Pairs(pairs)
        if type(node) is str or type(node) is bytes:
            shown = self._leaf(node)
            if shown is not node and hidden is not None:
                hidden.append(("", node))
            return shown
        return node

    # Texts

    def text(self, text: str) -> str:
        """Mask what patterns find in a text that has no tree: an error message, a line of a log. The very same text
        comes back where nothing is hidden.
        """
        if not self.on:
            return text
        if "=" in text or ":" in text or any(map(text.__contains__, _RARER)):  # what every pattern has
            squeezed = _squeezed(text)
            for sign in self._signs:  # not `any`, which takes twice as long: texts are what takes time here
                if sign in squeezed:
                    masked = masking.in_text(text, self.hides)
                    if masked != text:
                        return masked
                    break
        elif _MAY_ENCODE.match(text) is None:
            return text
        return MASK if self._hides_encoded(text) else text

    def may_hide(self, raw: bytes) -> bool:
        """Take a quick look at bytes: False says that `text` finds nothing in them, nor in any line of them."""
        if not self.on or not all(map(str.isascii, self._cores)):
            return self.on
        squeezed = raw.translate(None, _BETWEEN_BYTES).lower()
        if any(core.encode() in squeezed for core in self._cores) or any(mark.encode() in squeezed for mark in _MARKS):
            return True
        return any(pattern.search(raw) is not None for pattern in (_PERCENT, _ENCODED_LINE, _ENCODED_WITHIN))

    def header(self, name: str, value: str) -> str:
        """The value of a header."""
        return MASK if value and self.hides(name) else self.text(value)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with their values."""
        return {name: self.header(name, value) for name, value in headers.items()}

    def raw(self, raw: bytes) -> bytes:
        """Mask what patterns find in bytes of which nothing is known, such as a result."""
        text = decode(raw)
        return raw if (masked := self.text(text)) is text else encode(masked)

    def _hides_encoded(self, text: str) -> bool:
        """Whether a text is base64 with something to hide inside, as far as it can be seen through."""
        if len(text) > _LONGEST_ENCODED or _ENCODED.fullmatch(text) is None:
            return False
        digits = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
        except binascii.Error:
            return False
        return bool(self.reading(PayloadReader(limits=_SMALL).best(raw)).hidden)

    # Readings

    def reading(self, reading: Reading) -> RedactedReading:
        """One reading, as it may be shown."""
        return self.readings([reading])[0]

    def readings(self, readings: Sequence[Reading]) -> list[RedactedReading]:
        """The readings of one payload, as they may be shown: what one of them hides shows in no other either.

        Tens of MiB that hold a hidden key take seconds: not for the UI loop.
        """
        if not self.on:
            return [_redacted(reading) for reading in readings]
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
            return [_redacted(part.shown) for part in parts]
        secrets = _Secrets.of(parts)
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
        large = reading.large.masked(self) if reading.large is not None else None
        shown = replace(reading, large=large, why=self.text(reading.why), write=lambda: SEALED)
        return replace(_redacted(shown, SEALED.encode()), sealed=True)

    def _part(self, reading: Reading) -> "_Part":
        """Mask a reading by itself."""
        hidden: list[tuple[str, Tree]] = []
        if not reading.content or self._is_open(reading):
            return _Part(reading, reading, reading.content, hidden)
        shown, content = self._masked_reading(reading, hidden)
        words = replace(shown, why=self.text(reading.why), remarks=tuple(map(self.text, reading.remarks)))
        return _Part(reading, words, content, hidden)

    def _is_open(self, reading: Reading) -> bool:
        """Whether a quick look at the bytes tells that nothing is hidden in a reading."""
        raw = reading.content
        if reading.format not in _AS_WRITTEN or reading.problem is not None:
            return False
        if b"\\u" in raw or b"%" in raw or not all(map(str.isascii, self._cores)):
            return False
        squeezed = raw.translate(None, b"_- .").lower()
        if any(core.encode() in squeezed for core in self._cores) or any(mark.encode() in squeezed for mark in _MARKS):
            return False
        within = reading.format != TextDecoder.name
        return (_ENCODED_WITHIN.search(raw) is None) if within else not self._hides_encoded(decode(raw.strip()))

    def _masked_reading(self, reading: Reading, hidden: "list[tuple[str, Tree]]") -> "tuple[Reading, bytes | None]":
        """A reading with masked tree and text, and its bytes, masked; None where they cannot be. What is hidden is
        added to `hidden`.
        """
        raw = reading.content
        if reading.problem is not None:
            content = self._masked_bytes(raw, hidden)
            return replace(reading, problem=self.text(reading.problem)), content
        if reading.tree is NO_TREE:
            if reading.format == BinaryDecoder.name:
                content = self._masked_bytes(raw, hidden)
                return replace(reading, write=partial(_hexadecimal, content)), content
            text = reading.text()
            if (masked := self.text(text)) is text:
                return reading, raw
            hidden.append(("", NO_TREE))
            content = encode(masked) if reading.format == TextDecoder.name else self.raw(raw)
            return replace(reading, write=lambda: masked), content
        tree = self._masked(self._without_proof(reading.tree, hidden), hidden)
        if not hidden:
            return reading, raw
        by_format = _BY_FORMAT.get(reading.format)
        if by_format is None:
            return replace(reading, tree=tree, write=None), _without(raw, [value for _, value in hidden])
        content = encode(by_format(decode(raw), self.hides, self.text))
        return replace(reading, tree=tree, write=self._writer(reading, tree, content)), content

    def _masked_bytes(self, raw: bytes, hidden: "list[tuple[str, Tree]]") -> bytes:
        content = self.raw(raw)
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
        return lambda: masking.in_xml(write(), self.hides, self.text)

    def _shown(self, part: "_Part", parts: "Sequence[_Part]", secrets: "_Secrets") -> RedactedReading:
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
            return replace(_redacted(words, SEALED.encode()), sealed=True)
        if beside is None or part.exact:
            return _redacted(words, part.content)
        if beside.content is None:
            return _sealed(words)
        if has_tree or words.problem is not None:
            return _redacted(words, beside.content)
        content = beside.content
        if part.reading.format == BinaryDecoder.name:
            return _redacted(replace(words, write=partial(_hexadecimal, content)), content)
        return _redacted(replace(words, write=partial(decode, content)), content)

    # Tasks

    def task_with_readings(self, task: Task, reader: PayloadReader) -> tuple[Task, list[RedactedReading]]:
        """A task as it may be shown, and the readings of its payload."""
        readings = self.readings(reader.readings(task.payload, task.type))
        return self.task(task, readings), readings

    def task(self, task: Task, readings: Sequence[RedactedReading]) -> Task:
        """A task as it may be shown, the very same where nothing is hidden: error, headers, result and payload are
        masked, other fields by their names, and the field `msg` is left out. The readings are those of its payload.
        """
        if not self.on:
            return task
        message = task.message
        fields = {
            name: value if name in _KNOWN_FIELDS else self._field(name, value)
            for name, value in task.fields.items()
            if name != b"msg" or message is None
        }
        same = all(fields[name] == task.fields[name] for name in fields)
        if message is None:
            return task if same else replace(task, fields=fields)
        error = self.text(message.error_msg)
        headers = self.headers(message.headers)
        same = same and error == message.error_msg and headers == dict(message.headers)
        if same and not any(reading.hidden or reading.sealed for reading in readings):
            return task
        payload = payload_of(readings)
        payload = SEALED.encode() if payload is None else payload
        large = task.large_payload is not None
        shown = TaskMessage()
        shown.CopyFrom(message)
        shown.payload = b"" if large else payload
        shown.error_msg = error
        shown.headers.update(headers)
        return replace(
            task,
            fields=fields,
            message=shown,
            large_payload=payload if large else None,
            payload_size=len(task.payload),
        )

    def stored(self, name: str, value: bytes) -> "bytes":
        """A field of a hash, the message too, of which values are masked as in a task that is shown."""
        if not self.on:
            return value
        message = decode_message(value) if name == "msg" else None
        if message is None:
            raw_name = encode(name)
            return value if raw_name in _KNOWN_FIELDS else self._field(raw_name, value)
        task = Task(message.queue, message.id.encode(), None, {b"msg": value}, message)
        shown, _ = self.task_with_readings(task, PayloadReader())
        return value if shown is task or shown.message is None else shown.message.SerializeToString()

    def _field(self, name: bytes, value: bytes) -> bytes:
        if value and self.hides(decode(name)):
            return MASK.encode()
        reading = self.reading(PayloadReader(limits=_SMALL).best(value))
        if not reading.hidden:
            return value
        return MASK.encode() if len(reading.path) > 1 or reading.sealed else reading.content


def is_open(value: Tree) -> bool:
    """Tell whether a value hides nothing, whatever its key: null, true, false, and what is empty."""
    return value is None or value is True or value is False or (isinstance(value, _SIZED) and not value)


class _MaskedNode:
    """A node of a payload, masked."""

    __slots__ = ("_node", "_redaction", "kind", "step")

    def __init__(self, node: Node, redaction: Redaction) -> None:
        self._node = node
        self._redaction = redaction
        self.step = node.step
        self.kind = node.kind

    def __len__(self) -> int:
        return len(self._node)

    def children(self, start: int, stop: int) -> Sequence[Node]:
        return [self._child(child) for child in self._node.children(start, stop)]

    def _child(self, child: Node) -> Node:
        if isinstance(child.step, str) and self._redaction.hides(child.step):
            holds = len(child) or (child.kind in (Kind.TEXT, Kind.NUMBER, Kind.BYTES) and child.text())
            return TreeNode(MASK, child.step) if holds else child
        return _MaskedNode(child, self._redaction)

    def may_hold(self, in_json: Callable[[bytes], bool]) -> bool:
        return self._node.may_hold(in_json) or in_json(MASK.encode())

    def text(self) -> str:
        text = self._node.text()
        return self._redaction.text(text) if self.kind is Kind.TEXT else text

    def value(self) -> Tree:
        return self._redaction.masked(self._node.value())


_SIZED = (str, bytes, dict, list, tuple)

_AS_WRITTEN = frozenset((JsonDecoder.name, NdjsonDecoder.name, TextDecoder.name))
"""Formats whose keys stand in their bytes as they are."""

_KNOWN_FIELDS = frozenset((b"state", b"unique_key", b"pending_since", b"group", b"timeout", b"deadline"))
"""Fields of a hash that Asynq writes, and that hold nothing that a producer chose but names."""


def masked_note(reading: RedactedReading) -> str:
    """Say what is masked in a reading, for a title; empty where nothing is."""
    if not reading.hidden:
        return ""
    named = [line(key) for key in reading.hidden if key]
    others = ["credentials in texts"] if "" in reading.hidden else []
    more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
    return f"masked: {', '.join([*named[:_NAMED], *more, *others])}"


_NAMED = 3
"""Keys that a note names."""


def payload_of(readings: Sequence[RedactedReading]) -> bytes | None:
    """The bytes of a payload from all its readings, masked; None where they cannot be."""
    whole = next((one for one in readings if one.path in ((BinaryDecoder.name,), (EMPTY,))), None)
    return None if whole is None or whole.sealed else whole.content


def _redacted(reading: Reading, content: bytes | None = None) -> RedactedReading:
    return RedactedReading(
        reading.path, reading.fit, reading.why, reading.content if content is None else content, reading.tree,
        reading.remarks, reading.problem, reading.write, reading.large,
    )  # fmt: skip


def _sealed(reading: Reading) -> RedactedReading:
    return replace(
        _redacted(reading, SEALED.encode()), tree=NO_TREE, write=None, problem=SEALED, sealed=True, large=None
    )


def _covered(reading: Reading) -> "_Part":
    """A reading as text or bytes of what another one hides something in by its keys: it will show the bytes of that."""
    return _Part(reading, reading, reading.content, [])


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


@dataclass(frozen=True, slots=True)
class _Part:
    """A reading that was masked by itself."""

    reading: Reading
    """As it was read."""

    shown: Reading
    """The same, masked."""

    content: bytes | None
    """Its bytes, masked; None: they cannot be masked in part."""

    hidden: list[tuple[str, Tree]]
    """Keys that are hidden with their values; a key is empty for what a pattern found, and a value `NO_TREE` where
    nobody knows it.
    """

    @property
    def layer(self) -> tuple[str, ...]:
        """The wrappers around it."""
        return self.reading.path[:-1]

    @property
    def exact(self) -> bool:
        """It hides values by their keys in a tree."""
        return bool(self.hidden) and self.reading.tree is not NO_TREE

    def is_within(self, other: "_Part") -> bool:
        """Whether it stands inside of the bytes of another reading."""
        return len(self.layer) > len(other.layer) and self.layer[: len(other.layer)] == other.layer


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The values that are hidden in a payload, to be looked for in its other readings."""

    texts: tuple[str, ...]
    """Those that are long enough to be looked for, the longest first."""

    certain: bool
    """These are all of them: a reading without them holds none."""

    @classmethod
    def of(cls, parts: Sequence[_Part]) -> "_Secrets":
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

    def absent(self, part: _Part) -> bool:
        """Whether a part, as it is masked, shows none of them."""
        if not self.certain:
            return False
        content = decode(part.content) if part.content is not None else ""
        shown = [content, *(texts_in(part.shown.tree) if part.shown.tree is not NO_TREE else ())]
        return not any(secret in text for secret in self.texts for text in shown)


def _without(raw: bytes, values: Sequence[Tree]) -> bytes | None:
    """Bytes with values taken out of them wherever they stand; None where one cannot be found."""
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


SHOWN = Redaction(())
"""Nothing is masked: the operator has asked to see everything."""
