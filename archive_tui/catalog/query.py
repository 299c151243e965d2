"""Which rows to show, and in which order."""

from dataclasses import dataclass, replace
from enum import StrEnum

from archive_tui.asynq.findings import Kind


class Sort(StrEnum):
    """What rows can be sorted by; the values are names of columns."""

    FOUND = "found"
    ID = "id"
    TYPE = "type"
    DIED = "died"
    TRIES = "tries"
    SIZE = "size"
    ERROR = "error"
    KIND = "kind"
    QUEUE = "queue"


_ORDER = {
    Sort.FOUND: "seq {way}",
    Sort.ID: "CAST(id AS BLOB) {way}, seq",
    Sort.TYPE: "type {way}, seq",
    Sort.DIED: "CASE WHEN kind IS NULL THEN scored_at ELSE last_failed_at END {way}, seq",
    Sort.TRIES: "retried {way}, seq",
    Sort.SIZE: "payload_bytes {way}, seq",
    Sort.ERROR: "error {way}, seq",
    Sort.KIND: "kind {way}, seq",
    Sort.QUEUE: "(SELECT name FROM queues WHERE number = queue) {way}, seq",
}


_SEARCHED = ("CAST(id AS TEXT)", "type", "error")
_CONTAINS = "instr(lower({column}), CAST(? AS TEXT)) > 0"


@dataclass(frozen=True, slots=True)
class Query:
    """A filter and an order. `text` is looked for in id, type and error, without regard to ASCII case."""

    text: str = ""
    kind: Kind | None = None
    type: str | None = None
    sort: Sort = Sort.FOUND
    descending: bool = False

    @property
    def filtered(self) -> bool:
        """Whether any row may be hidden."""
        return bool(self.text) or self.kind is not None or self.type is not None

    def unfiltered(self) -> "Query":
        """The same order, with nothing hidden."""
        return replace(self, text="", kind=None, type=None)

    def where(self) -> tuple[str, list[object]]:
        """The filter as an SQL condition with its parameters."""
        conditions: list[str] = []
        parameters: list[object] = []
        if self.text:
            # Not LIKE: it ends at a NUL, and takes no pattern above 50,000 characters
            conditions.append(f"({' OR '.join(_CONTAINS.format(column=column) for column in _SEARCHED)})")
            parameters += [self.text.encode("utf-8", "replace").lower()] * len(_SEARCHED)
        if self.kind is not None:
            conditions.append("kind = ?")
            parameters.append(self.kind.value)
        if self.type is not None:
            conditions.append("type = ?")
            parameters.append(self.type)
        return " AND ".join(conditions) or "1", parameters

    def order(self) -> str:
        """The order as SQL."""
        return _ORDER[self.sort].format(way="DESC" if self.descending else "ASC")
