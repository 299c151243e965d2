"""A task's data as it is kept outside Redis: what a journal holds, and what is written back from it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archive_tui.asynq.findings import GROUP
from archive_tui.asynq.states import State


class Copy(NamedTuple):
    """A task as it was in Redis."""

    queue: str
    """Name of the queue; `INSTALLATION` for what belongs to none."""

    id: bytes
    """Id, by the key."""

    fields: Sequence[bytes] = ()
    """Names and values of the hash's fields by turns; empty: there was no task data."""

    stood: State | None = None
    """State whose index held the id; None: no index did."""

    score: bytes | None = None
    """Score in that index, as the server writes it; None: a list, or no index."""

    lock: bytes | None = None
    """Key of the unique lock that the task held; None: it held none."""

    lock_until: int | None = None
    """When the lock expires, in unix milliseconds; None: never, or there is no lock."""

    place: str = ""
    """Index that held an id without task data, by the last part of its key; with task data, the group that held the id
    and that `groups` did not name; empty: neither.
    """

    until: int | None = None
    """When the whole task data expires, in unix milliseconds; None: never."""

    field_until: Mapping[bytes, int] | None = None
    """When single fields expire, by name, in unix milliseconds; None: none does (Redis 7.4, Valkey 9)."""

    edited: str | None = None
    """SHA-1 in hexadecimal of the message that an edit wrote in the place of this one; None: it was not edited."""

    @property
    def index_name(self) -> str:
        """The index that held the id, by the last part of its key as far as it was kept; empty: none did."""
        return self.place or (self.stood.value if self.stood is not None else "")

    @property
    def in_unnamed_group(self) -> bool:
        """Tell whether the task was lost in a group that `groups` did not name."""
        return bool(self.fields) and self.place.startswith(GROUP)

    def field(self, name: bytes) -> bytes | None:
        """The value of one field; None: the hash has no such field."""
        fields = self.fields
        for position in range(0, len(fields), 2):
            if fields[position] == name:
                return fields[position + 1]
        return None
