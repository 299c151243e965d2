"""The fields that people can filter and sort rows by, each with its SQL over the columns of the catalog's tables."""

from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """Notation of a field's values in a filter."""

    TEXT = "text"
    NUMBER = "number"
    BYTES = "size"
    AGE = "age"
    MOMENT = "time"
    RANK = "number of tasks"
    """Its place in the order of time among all that the rest of the filter shows."""

    @property
    def compared(self) -> bool:
        """Whether values are compared by order, as by `>`."""
        return self not in (Form.TEXT, Form.RANK)


@dataclass(frozen=True, slots=True)
class Field:
    """Something that can be asked of a task."""

    sql: str
    """Expression over the columns of `rows`; never NULL for a text, so that a negated term shows the rest."""

    form: Form
    """How its values are written."""

    help: str
    """One line for the help page."""

    sorted_as: str = ""
    """Expression to sort by, where every row has a value; empty: `sql` does."""

    @property
    def order(self) -> tuple[str, ...]:
        """Expressions to sort by, one after the other."""
        return (self.sorted_as or self.sql,)

    @property
    def missing(self) -> str:
        """The condition that a row has nothing to sort by; empty: every row has."""
        if self.sorted_as:
            return ""
        return f"{self.sql} = ''" if self.form is Form.TEXT else f"({self.sql}) IS NULL"


_ARCHIVED_GHOST = "(kind = 'ghost' AND index_name = CAST('archived' AS BLOB))"
_BY_SCORE = f"kind IS NULL OR {_ARCHIVED_GHOST} OR kind = 'stale-history'"
DIED = f"CASE WHEN {_BY_SCORE} THEN coalesce(scored_at, last_failed_at) ELSE last_failed_at END"


def _if_readable(column: str) -> str:
    """What only the message says: the row of a task without one has 0 there."""
    return f"CASE WHEN readable THEN {column} END"


FIELDS = {
    "id": Field("CAST(id AS TEXT)", Form.TEXT, "the task's id", "CAST(id AS BLOB)"),
    "type": Field("type", Form.TEXT, "the task's type, such as type:email:deliver"),
    "error": Field("error", Form.TEXT, "the error message"),
    "signature": Field("signature(error)", Form.TEXT, "the error with its variable parts as <n>, <host>, <id> …"),
    "queue": Field(
        "(SELECT CAST(name AS TEXT) FROM queues WHERE number = queue)",
        Form.TEXT,
        "the queue",
        "(SELECT name FROM queues WHERE number = queue)",
    ),
    "state": Field("coalesce(state, '')", Form.TEXT, "the state that the task data names"),
    "kind": Field("coalesce(kind, '')", Form.TEXT, "the kind of finding, such as kind:orphan-archived"),
    "age": Field(DIED, Form.AGE, "how long ago it died or last failed: age>30d, age<=12h (s, min, h, d, w)"),
    "died": Field(DIED, Form.MOMENT, "when, in UTC: died<2026-11-01, died>=2026-11-01T12:30"),
    "failed": Field("last_failed_at", Form.MOMENT, "when it last failed, in UTC"),
    "newest": Field(DIED, Form.RANK, "the last so many of what all other terms show: type:x newest:100"),
    "oldest": Field(DIED, Form.RANK, "the same from the other end: oldest:100"),
    "size": Field("payload_bytes", Form.BYTES, "the payload: size>=1MB, size<512 (B, kB, MB, GB, KiB, MiB, GiB)"),
    "memory": Field("stored_bytes", Form.BYTES, "about what it takes in Redis"),
    "retried": Field(_if_readable("retried"), Form.NUMBER, "how many retries were used: retried<5"),
    "retry": Field(_if_readable("retry"), Form.NUMBER, "how many retries were allowed"),
}

IN_MESSAGE = {
    "payload": "what a producer sent: payload:~cus_8812, payload.user.id=8812, payload.items[*].sku:~A-1, payload:none",
    "header": "a header of the task, whatever the case of its name: header.trace-id:~4f2c",
    "decoder": "how the payload is read: decoder:msgpack, decoder:gzip; decoder:none: not at all",
}
"""The fields that no row has and that are read from the tasks' messages, each with its line for the help page."""

ALIASES = {"tries": "retried", "message": "error", "archived": "died", "last": "newest"}
"""Other names of fields, in filters and as columns of the screens."""


def field_name(name: str) -> str:
    """The name of a field, as `FIELDS` has it, from any way to write it; one that there is not stays."""
    return ALIASES.get(name.lower(), name.lower())
