"""What may be shown of everything that comes from producers: the one class that the rest of the program holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.message import decode as decode_message
from archive_tui.asynq.task import Task
from archive_tui.payloads.decoder import Limits
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.nodes import Node
from archive_tui.payloads.paths import Path
from archive_tui.payloads.readings import PayloadReader, Reading
from archive_tui.payloads.redaction.keys import DEFAULT_KEYS, HiddenKeys
from archive_tui.payloads.redaction.readings import SEALED, ReadingMask, RedactedReading, payload_of, redacted
from archive_tui.payloads.redaction.texts import TextMask
from archive_tui.payloads.redaction.trees import TreeMask
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.settings.model import RedactionSettings
from archive_tui.text import decode, encode

_SMALL = Limits(bytes_out=4 * 1024 * 1024, seconds=0.5)
"""What it may cost to look into base64 within a payload."""

_KNOWN_FIELDS = frozenset((b"state", b"unique_key", b"pending_since", b"group", b"timeout", b"deadline"))
"""Fields of a hash that Asynq writes, and that hold nothing that a producer chose but names."""


class Redaction:
    """Masks what is not to be shown. Never changes; any thread may use it."""

    def __init__(self, keys: Iterable[str] = DEFAULT_KEYS, exempt: Iterable[str] = ()) -> None:
        """`keys` are hidden but for the `exempt`: names in any case, with `_` and `-` or without, `*` for anything.
        Without keys, nothing at all is masked.
        """
        keys = tuple(keys)
        self.on = bool(keys)
        """Whether anything is ever masked."""
        self._keys = HiddenKeys(keys, exempt)
        self._texts = TextMask(self._keys, self._hides_within)
        self._trees = TreeMask(self._keys, self._texts)
        self._readings = ReadingMask(self._keys, self._texts, self._trees, self)

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
        """Tell whether the value of a key is hidden, unless it is null, true, false or empty."""
        return self._keys.hides(key)

    # Trees

    def masked(self, tree: Tree) -> Tree:
        """The tree without what is hidden. It is the same one where nothing is, and parts of it may be: do not change
        it. At most `Limits.depth` deep.
        """
        return self._trees.masked(tree) if self.on else tree

    def value(self, key: Tree, value: Tree) -> Tree:
        """What is shown of the value of one key: a value, or a container, whose own values are asked for likewise."""
        return self._trees.value(key, value) if self.on else value

    def values(self, path: Path, tree: Tree) -> Iterable[Tree]:
        """What is shown of the values to which a path leads."""
        if tree is NO_TREE:
            return ()
        return self._trees.values(path, tree) if self.on else path.values(tree)

    def hides_at(self, path: Path, value: str) -> bool:
        """Tell whether a value that stands at a path, taken out of its payload, may be hidden there."""
        return self.on and self._trees.hides_at(path, value)

    def node(self, node: Node) -> Node:
        """A node whose values are masked as they are asked for, however large the payload is."""
        return self._trees.node(node) if self.on else node

    # Texts

    def text(self, text: str) -> str:
        """Mask what patterns find in a text that has no tree: an error message, a line of a log. The very same text
        comes back where nothing is hidden.
        """
        return self._texts.text(text) if self.on else text

    def raw(self, raw: bytes) -> bytes:
        """Mask what patterns find in bytes of which nothing is known, such as a result."""
        return self._texts.raw(raw) if self.on else raw

    def may_hide(self, raw: bytes) -> bool:
        """Take a quick look at bytes: False says that `text` finds nothing in them, nor in any line of them."""
        return self.on and self._texts.may_hide(raw)

    def header(self, name: str, value: str) -> str:
        """The value of a header."""
        return MASK if value and self.hides(name) else self.text(value)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with their values."""
        return {name: self.header(name, value) for name, value in headers.items()}

    # Readings

    def reading(self, reading: Reading) -> RedactedReading:
        """One reading, as it may be shown."""
        return self.readings([reading])[0]

    def readings(self, readings: Sequence[Reading]) -> list[RedactedReading]:
        """The readings of one payload, as they may be shown: what one of them hides shows in no other either.

        Tens of MiB that hold a hidden key take seconds: not for the UI loop.
        """
        return self._readings.readings(readings) if self.on else [redacted(reading) for reading in readings]

    def _hides_within(self, raw: bytes) -> bool:
        """Whether something is hidden in bytes that were base64 in a text."""
        return bool(self.reading(PayloadReader(limits=_SMALL).best(raw)).hidden)

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
        error = self._texts.text(message.error_msg)
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


SHOWN = Redaction(())
"""Nothing is masked: the operator has asked to see everything."""
