"""Values from messages: what stands at a path of a payload, or in a header, as a column: shown, sorted and grouped by.

A value that is one text, number or word is kept as text; any other, such as an array or several values, as bytes: it is
shown, and in no group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from archive_tui.asynq.rows import Plain
from archive_tui.catalog.extracts import table_of, value_sql
from archive_tui.catalog.facets import Facet
from archive_tui.catalog.filter.criteria import number_of
from archive_tui.catalog.filter.terms import exactly
from archive_tui.errors import UsageError
from archive_tui.payloads.content import Content, text_of
from archive_tui.payloads.paths import Path, PathError
from archive_tui.payloads.redaction import Redaction
from archive_tui.payloads.tree import Pairs
from archive_tui.text import decode, encode, line

_LONGEST = 200
"""Characters of a value that a column keeps."""

_MOST = 10
"""Values of a path that leads to several."""

_FIELDS = ("payload", "header")


@dataclass(frozen=True, slots=True)
class MessageValue:
    """What stands at a place in a message."""

    field: str
    """`payload` or `header`."""

    path: Path
    """Where; of a header its name alone."""

    unmasked: bool = False
    """Whether it is kept and shown as it is, also where it is masked elsewhere. It has a table of its own then."""

    @classmethod
    def parse(cls, text: str) -> "MessageValue":
        """Read a place as filters write it, such as `payload.user.id`; without its first word it is in the payload.

        Raises UsageError.
        """
        text = text.strip()
        field = next((one for one in _FIELDS if text.startswith((f"{one}.", f"{one}["))), "")
        try:
            path = Path.parse(text[len(field) :].removeprefix("."))
        except PathError as error:
            raise UsageError(f"“{line(text)}”: {error}") from None
        if field == "header" and (len(path.steps) > 1 or not isinstance(path.steps[0], str)):
            raise UsageError(f'“{line(text)}”: a header has a name alone; with a dot it stands in quotes: header."a.b"')
        return cls(field or "payload", path)

    @property
    def name(self) -> str:
        """The place as filters write it: identity of the column, masked or not."""
        return f"{self.field}{self.path.suffix}"

    @property
    def table(self) -> str:
        """The table of the catalog that keeps the values."""
        return table_of(self)

    # Reading

    @property
    def without(self) -> None:
        """The value for a message that cannot be read."""

    def answer(self, content: Content) -> Plain:
        """The value to keep; None: nothing stands there."""
        values = list(islice(self.values(content), _MOST))
        if not values:
            return None
        shown = [_brief(value) for value in values]
        if len(shown) == 1 and not isinstance(values[0], dict | list | Pairs) and len(shown[0]) <= _LONGEST:
            return shown[0]
        return encode(", ".join(shown)[:_LONGEST])

    @property
    def in_header(self) -> bool:
        """Whether it is a header."""
        return self.field == "header"

    def values(self, content: Content) -> Iterator[Any]:
        """What stands there, all of it."""
        if self.in_header:
            wanted = str(self.path.steps[0]).lower()
            headers = content.headers.items()
            named = ((name, value) for name, value in headers if name.lower() == wanted)
            yield from (value if self.unmasked else content.shown_header(name, value) for name, value in named)
            return
        yield from content.values(self.path) if self.unmasked else content.shown_values(self.path)

    def hides(self, value: str, redaction: Redaction) -> bool:
        """Tell whether a value that is kept as it is may be masked elsewhere."""
        if not self.unmasked:
            return False
        if self.in_header:
            return redaction.header(str(self.path.steps[0]), value) != value
        return redaction.hides_at(self.path, value)

    # Showing

    def shown(self, value: Plain) -> str:
        """A kept value as one safe line."""
        return "" if value is None else line(decode(value) if isinstance(value, bytes) else str(value))

    @property
    def order(self) -> tuple[str, ...]:
        """Expressions to sort by, one after the other: numbers by size, before texts."""
        value = value_sql(self.table)
        return f"value_order({value})", value

    @property
    def missing(self) -> str:
        """The condition that a row has nothing to sort by."""
        return f"{value_sql(self.table)} IS NULL"

    @property
    def facet(self) -> Facet:
        """The facet that groups rows by it."""
        return _facet(self)


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value):,}]"
    return f"{{{len(value):,}}}" if isinstance(value, dict | Pairs) else text_of(value)


@lru_cache(64)
def _facet(value: MessageValue) -> Facet:
    """Equal for equal values, so that a question asked again is the same."""
    return Facet(
        value.table,
        value.name,
        f"(CASE typeof({value_sql(value.table)}) WHEN 'text' THEN {value_sql(value.table)} END)",
        lambda text: f'{value.name}=="{text}"' if text.lower() == "none" else exactly(value.name, text),
        lambda text: line(text) or "(empty)",
        extract=value,
    )


def value_order(value: str | bytes | None) -> float | str | None:
    """What a kept value is sorted by first."""
    text = decode(value) if isinstance(value, bytes) else value
    number = number_of(text) if text else None
    return float(number) if number is not None else text
