"""Assignments: a path and a new value, such as `payload.region="eu"`, which can be applied to many payloads.

The value is JSON as it is typed. A last key that is missing is added to its object; where `[*]` or a key that stands
twice leads to several values, all of them are set.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from archive_tui.payloads.editing import json_edit
from archive_tui.payloads.editing.editable import FORMS, LARGEST, parsed
from archive_tui.payloads.editing.forms import assigned, rebuilt
from archive_tui.payloads.editing.layers import peeled, put_on
from archive_tui.payloads.editing.refusal import EditError, NothingThere
from archive_tui.payloads.paths import Every, Path, PathError, Step, read
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import MASK, Redaction
from archive_tui.payloads.tree import Tree, object_of
from archive_tui.text import clip, decode, encode, line

_WORD = "payload"
_SHOWN = 60


def _refuse(word: str) -> Tree:
    raise ValueError(word)


_VALUE = json.JSONDecoder(object_pairs_hook=object_of, parse_float=Decimal, parse_constant=_refuse)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A path and the value that is to stand there."""

    path: Path

    value: str
    """JSON, as it was typed."""

    @classmethod
    def parse(cls, text: str) -> "Assignment":
        """Read `payload.region="eu"`. Raises EditError with what to write."""
        text = text.strip()
        shown = clip(text, _SHOWN)
        if not text.startswith(_WORD):
            raise EditError(f'{shown}: write payload, a path and a value, such as payload.region="eu"')
        try:
            path, end = read(text, len(_WORD))
        except PathError as error:
            raise EditError(f"{shown}: {error}, at character {error.position + 1}") from None
        rest = text[end:].lstrip()
        if not rest.startswith("="):
            what = f"“{line(rest[0])}” in the path" if rest else "there is no value"
            raise EditError(f'{shown}: {what}: write a path, = and a value, such as payload.region="eu"')
        value = rest[1:].strip()
        try:
            _VALUE.decode(value)
        except (ValueError, ArithmeticError, RecursionError):
            hint = json.dumps(value, ensure_ascii=False) if value else '""'
            raise EditError(
                f"{clip(value, _SHOWN) or 'nothing'} is no value of JSON: a text stands in double quotes, as in "
                f"{_WORD}{path.suffix}={line(clip(hint, _SHOWN))}"
            ) from None
        return cls(path, value)

    @property
    def tree(self) -> Tree:
        """The value, decoded."""
        return _VALUE.decode(self.value)

    def __str__(self) -> str:
        return f"{_WORD}{self.path.suffix}={self.value}"

    def shown(self, redaction: Redaction) -> str:
        """The same as it may be shown."""
        tree = self.tree
        hidden = any(redaction.hides(step) for step in self.path.steps if isinstance(step, str))
        masked = hidden or redaction.masked(tree) != tree
        return f"{_WORD}{self.path.suffix}={MASK if masked else self.value}"


@dataclass(frozen=True, slots=True)
class Assignments:
    """Assignments that are made together, one after the other."""

    each: tuple[Assignment, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Assignments":
        """Read some of them. Raises EditError."""
        return cls(tuple(map(Assignment.parse, texts)))

    @property
    def texts(self) -> list[str]:
        """As they are typed."""
        return [str(one) for one in self.each]

    def payload(self, reader: PayloadReader, raw: bytes, task_type: str) -> bytes:
        """The payload with them; the same bytes where all of it stands there already. Raises EditError with the
        reason why it cannot be.
        """
        if len(raw) > LARGEST:
            raise EditError(f"it is larger than {LARGEST // 1024 // 1024} MiB")
        reading = reader.best(raw, task_type)
        if reading.problem is not None:
            raise EditError(reading.problem)
        layers, content = peeled(reader.registry.wrappers, reading.path[:-1], raw)
        key = reading.format_key
        if key == "json":
            new = self._in_json(content)
        elif key == "ndjson":
            new = self._in_lines(content)
        elif key in FORMS:
            form = FORMS[key]
            body = content.rstrip() if key == "form" else content
            node = parsed(form, body)
            tree = node.tree
            for one in self.each:
                with _at(one):
                    tree = assigned(tree, one.path.steps, one.tree)
            new = rebuilt(form, body, node, tree) + content[len(body) :]
        else:
            raise EditError(f"its payload is {reading.name}, which has no paths that can be written")
        return raw if new == content else put_on(layers, new)

    def _in_json(self, content: bytes) -> bytes:
        text = decode(content)
        for one in self.each:
            with _at(one):
                text = json_edit.assigned(text, one.path.steps, one.value)
        return encode(text)

    def _in_lines(self, content: bytes) -> bytes:
        """NDJSON is a list of its lines."""
        lines = decode(content).split("\n")
        places = [at for at, text in enumerate(lines) if text.strip()]
        for one in self.each:
            steps = one.path.steps
            with _at(one):
                for at in _chosen(places, steps[0] if steps else None):
                    lines[at] = json_edit.assigned(lines[at], steps[1:], one.value)
        return encode("\n".join(lines))


def _chosen(places: Sequence[int], step: Step | None) -> Sequence[int]:
    if isinstance(step, Every):
        return places
    if isinstance(step, int) and -len(places) <= step < len(places):
        return [places[step]]
    raise NothingThere


@contextmanager
def _at(one: Assignment) -> Iterator[None]:
    """Name the path where nothing can stand."""
    try:
        yield
    except NothingThere:
        raise EditError(f"nothing stands at {_WORD}{one.path.suffix}") from None
