"""A task's data as it is kept outside Redis: what a journal holds, and what is written back from it."""

from collections.abc import Sequence
from typing import NamedTuple

from archive_tui.asynq.states import State


class Copy(NamedTuple):
    """A task as it stood in Redis. `fields` are names and values by turns; `stood` is the index that held its id, None
    for none, and `score` its score there as the server writes it. `lock` is the key of the unique lock that it held,
    until `lock_until` (unix milliseconds; None for ever).

    `fields` are empty where there was no task data.
    """

    queue: str
    id: bytes
    fields: Sequence[bytes] = ()
    stood: State | None = None
    score: bytes | None = None
    lock: bytes | None = None
    lock_until: int | None = None

    def field(self, name: bytes) -> bytes | None:
        """The value of one field."""
        fields = self.fields
        for at in range(0, len(fields), 2):
            if fields[at] == name:
                return fields[at + 1]
        return None
