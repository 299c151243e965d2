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
    Sort.ID: "id {way}, seq",
    Sort.TYPE: "type {way}, seq",
    Sort.DIED: "coalesce(scored_at, last_failed_at) {way}, seq",
    Sort.TRIES: "retried {way}, seq",
    Sort.SIZE: "payload_bytes {way}, seq",
    Sort.ERROR: "error {way}, seq",
    Sort.KIND: "kind {way}, seq",
    Sort.QUEUE: "queue {way}, seq",
}


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
            escaped = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            conditions.append(
                "(CAST(id AS TEXT) LIKE ? ESCAPE '\\' OR type LIKE ? ESCAPE '\\' OR error LIKE ? ESCAPE '\\')"
            )
            parameters += [f"%{escaped}%"] * 3
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
