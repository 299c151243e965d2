"""Contents of messages, as filters and columns see them: the headers, and the payload, decoded once, when needed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from archive_tui.payloads.paths import Path, key_text, seen
from archive_tui.payloads.readings import EMPTY, PayloadReader, Reading
from archive_tui.payloads.registry import standard
from archive_tui.payloads.tree import NO_TREE, Pairs, Tree, pairs_of
from archive_tui.text import decode

if TYPE_CHECKING:
    from archive_tui.payloads.redaction import Redaction

BINARY = "binary"
"""Format of a payload that no decoder reads."""

_AS_WRITTEN = frozenset(("json", "ndjson"))
"""Formats whose keys and values stand in their bytes as they are, but for what follows a backslash."""

_LAYOUT = frozenset('{}[],:" \n')
"""Characters that laying a payload out adds."""


class Content:
    """What a task's message holds of its producer's. Never changes, and does not outlive the batch that it is of."""

    __slots__ = ("_has_tree", "_reader", "_reading", "_redaction", "_tree", "_type", "headers", "payload")

    def __init__(
        self,
        payload: bytes,
        headers: Mapping[str, str] | None = None,
        task_type: str = "",
        *,
        reader: PayloadReader,
        redaction: "Redaction | None" = None,
    ) -> None:
        """`redaction` says what is masked where something of it is shown; whoever shows nothing needs none."""
        self._redaction = redaction
        self.payload = payload
        self.headers = headers or {}
        self._type = task_type
        self._reader = reader
        # Not `cached_property`, which takes a lock on Python 3.11: there are millions of these
        self._tree: Tree = None
        self._has_tree = False
        self._reading: Reading | None = None

    @property
    def tree(self) -> Tree:
        """The plain values of the payload; `NO_TREE` where it has none."""
        if not self._has_tree:
            self._tree, self._has_tree = self._reader.tree(self.payload, self._type), True
        return self._tree

    @property
    def reading(self) -> Reading:
        """The best reading of the payload."""
        if self._reading is None:
            self._reading = self._reader.best(self.payload, self._type)
        return self._reading

    @property
    def decoded(self) -> bool:
        """The payload is decoded, or there is none: what is not found in it is not there."""
        if self._has_tree and self._tree is not NO_TREE:
            return True
        return self.reading.problem is None and self.reading.format_key != BINARY

    @property
    def formats(self) -> Sequence[str]:
        """Names of its wrappers, the outermost first, then of its format, in lower case."""
        return [name.lower() for name in self.reading.path]

    def values(self, path: Path) -> Iterable[Any]:
        """What stands at a path."""
        tree = self.tree
        return path.values(tree) if tree is not NO_TREE else ()

    def shown_values(self, path: Path) -> Iterable[Any]:
        """What is shown of that."""
        assert self._redaction is not None  # noqa: S101 - or the truth would be shown
        return self._redaction.values(path, self.tree)

    def shown_header(self, name: str, value: str) -> str:
        """What is shown of a header."""
        assert self._redaction is not None  # noqa: S101
        return self._redaction.header(name, value)

    def shown_paths(self) -> Sequence[Path]:
        """The paths that lead to something in the payload, without those into what is masked."""
        assert self._redaction is not None  # noqa: S101
        return seen(self._redaction.masked(self.tree)) if self.tree is not NO_TREE else ()

    def texts(self, *, laid_out: bool) -> Iterator[str]:
        """The texts in which a part may be looked for, the cheapest first; together they hold every key and value.

        With `laid_out` they hold the payload as it is shown, too.
        """
        reading = self.reading
        if reading.problem is not None or reading.format_key == BINARY:
            yield decode(reading.content)
            return
        as_written = reading.format_key in _AS_WRITTEN
        if as_written:
            yield decode(reading.content)
        if reading.tree is NO_TREE:
            yield reading.text()
            return
        if not as_written or b"\\" in reading.content:
            yield from texts_in(reading.tree)
        if laid_out:
            yield reading.text()


def decoder_names() -> Sequence[str]:
    """The names of all formats and wrappers, in lower case."""
    registry = standard()
    named = [*(one.name for one in registry.decoders), *(one.name for one in registry.wrappers), EMPTY]
    return tuple(dict.fromkeys(name.lower() for name in named))


def may_be_layout(part: str) -> bool:
    """Tell whether a text may stand in a payload only as it is laid out."""
    return not _LAYOUT.isdisjoint(part)


def texts_in(node: Tree) -> Iterator[str]:
    """Every key and value in a tree, as text."""
    if isinstance(node, dict | Pairs):
        for key, value in pairs_of(node):
            yield key_text(key)
            yield from texts_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts_in(value)
    else:
        yield text_of(node)


def text_of(value: object) -> str:
    """A value that holds no other, as text: of null and the truth values their words."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return decode(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float | Decimal) else ""
