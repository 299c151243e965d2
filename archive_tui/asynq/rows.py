"""Rows: what lists show of a task, in batches as a scan makes them, and how a row is made from a task's hash."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from struct import Struct, unpack
from typing import NamedTuple, TypeAlias

from google.protobuf.message import DecodeError

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint, fingerprints

_HASH_OVERHEAD = 250
"""Bytes that Redis needs for a task's hash beside its key and message; measured on Redis 7.0 and Valkey 9."""

_decode = TaskMessage.FromString
_FINGERPRINT = Struct(">q")
_ERROR_LIMIT = 65_536
"""Characters of an error that a row carries for showing, sorting and filtering; the detail screen reads it in full."""


class TaskRow(NamedTuple):
    """What a list shows of one task: everything but the payload. Times are unix seconds, sizes bytes.

    A named tuple, because a scan makes millions of them.

    `stored_bytes` estimates what the task takes in Redis.
    `fingerprint` is empty where there is no message; `readable` is False where it is missing or does not decode, and
    the fields that come from it are then empty.
    """

    queue: str
    id: bytes
    state: State | None
    kind: Kind | None = None
    type: str = ""
    error: str = ""
    retried: int = 0
    retry: int = 0
    last_failed_at: int | None = None
    scored_at: int | None = None
    payload_bytes: int | None = None
    stored_bytes: int | None = None
    fingerprint: bytes = b""
    readable: bool = True
    unique: bool = False
    index_name: str = ""


READABLE, UNIQUE = 1, 2
"""Flags of `Facts`: the message decodes; it names a unique lock."""

KeptId: TypeAlias = str | bytes
"""An id as tables keep it: text where it is UTF-8, because SQLite's module takes bytes four times as slowly."""

Facts: TypeAlias = tuple[KeptId, str, str, int, int, int | None, int | None, int | None, int | None, int]
"""What a row says of a task beside what its batch shares: id, type, error, retried, retry, last failure, payload bytes,
stored bytes, fingerprint as a number, flags; of types that SQLite takes as they are.
"""


def kept_id(raw: bytes) -> KeptId:
    """An id as tables keep it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


class RowBatch(NamedTuple):
    """Rows of one queue, state, kind and index: what they share is said once, the rest are plain tuples, because a scan
    makes millions of them. `scores` is None where no row has one.
    """

    queue: str
    state: State | None
    kind: Kind | None
    facts: list[Facts]
    scores: list[int | None] | None = None
    index_name: str = ""

    def rows(self) -> Iterator[TaskRow]:
        """The rows one by one."""
        for facts, score in zip(self.facts, self.scores or repeat(None), strict=False):
            yield row_from(self.queue, self.state, self.kind, facts, score, self.index_name)

    @property
    def values(self) -> Sequence[tuple[object, ...]]:
        """What differs between the rows: the facts and, where there are scores, the score."""
        if self.scores is None:
            return self.facts
        return [(*one, score) for one, score in zip(self.facts, self.scores, strict=True)]

    def part(self, positions: Sequence[int]) -> "RowBatch":
        """Some of the rows."""
        if len(positions) == len(self.facts):
            return self
        scores = None if self.scores is None else [self.scores[at] for at in positions]
        return self._replace(facts=[self.facts[at] for at in positions], scores=scores)


def row_from(
    queue: str, state: State | None, kind: Kind | None, facts: Facts, score: int | None, index_name: str = ""
) -> TaskRow:
    """A row of a batch."""
    task_id, type_, error, retried, retry, failed_at, payload_bytes, stored_bytes, number, flags = facts
    raw_id = task_id.encode() if isinstance(task_id, str) else task_id
    return TaskRow(
        queue, raw_id, state, kind, type_, error, retried, retry, failed_at, score, payload_bytes, stored_bytes,
        b"" if number is None else _FINGERPRINT.pack(number), bool(flags & READABLE), bool(flags & UNIQUE),
        index_name,
    )  # fmt: skip


def batches_of(rows: Iterable[TaskRow]) -> list[RowBatch]:
    """Rows as batches, in their order."""
    batches: list[RowBatch] = []
    last: object = None
    for row in rows:
        shared = row.queue, row.state, row.kind, row.index_name
        if shared != last:
            last = shared
            scores: list[int | None] = []
            batches.append(RowBatch(row.queue, row.state, row.kind, [], scores, row.index_name))
        number = _FINGERPRINT.unpack(row.fingerprint)[0] if row.fingerprint else None
        flags = row.readable * READABLE | row.unique * UNIQUE
        facts = (kept_id(row.id), *row[4:9], row.payload_bytes, row.stored_bytes, number, flags)
        batches[-1].facts.append(facts)
        scores.append(row.scored_at)
    return batches


def facts_of(task_id: bytes, raw_message: bytes | None, key_bytes: int) -> Facts:
    """What a row says of a task, from what its hash holds."""
    if raw_message is None:
        return kept_id(task_id), "", "", 0, 0, None, None, None, None, 0
    stored_bytes = key_bytes + len(raw_message) + _HASH_OVERHEAD
    (number,) = _FINGERPRINT.unpack(fingerprint(raw_message))
    try:
        decoded = _decode(raw_message)
    except DecodeError:
        return kept_id(task_id), "", "", 0, 0, None, None, stored_bytes, number, 0
    return (
        kept_id(task_id), decoded.type, decoded.error_msg[:_ERROR_LIMIT], decoded.retried, decoded.retry,
        decoded.last_failed_at or None, len(decoded.payload), stored_bytes, number,
        READABLE | UNIQUE if decoded.unique_key else READABLE,
    )  # fmt: skip


def facts_of_all(ids: Sequence[bytes], raw_messages: Sequence[bytes], prefix_bytes: int) -> list[Facts] | None:
    """`facts_of` for many tasks whose keys are `prefix_bytes` and their id, in less than half the time; None where one
    of them is out of the ordinary: its message is missing, empty, very large or unreadable.
    """
    try:
        sizes = list(map(len, raw_messages))
        if not 0 < min(sizes) <= max(sizes) <= _ERROR_LIMIT:
            return None
        decoded = list(map(_decode, raw_messages))
    except (TypeError, DecodeError):
        return None
    numbers = unpack(f">{len(ids)}q", b"".join(fingerprints(raw_messages)))
    overhead = prefix_bytes + _HASH_OVERHEAD
    return [
        (
            kept, one.type, one.error_msg, one.retried, one.retry, one.last_failed_at or None, len(one.payload),
            overhead + length + size, number, READABLE | UNIQUE if one.unique_key else READABLE,
        )
        for kept, length, one, size, number in zip(_kept_ids(ids), map(len, ids), decoded, sizes, numbers, strict=True)
    ]  # fmt: skip


def _kept_ids(ids: Sequence[bytes]) -> Sequence[KeptId]:
    """`kept_id` of each; nearly always all are text without a line break."""
    try:
        texts = b"\n".join(ids).decode().split("\n")
    except UnicodeDecodeError:
        texts = []
    return texts if len(texts) == len(ids) else list(map(kept_id, ids))


def row_of(
    queue: str,
    task_id: bytes,
    state: State | None,
    raw_message: bytes | None,
    *,
    kind: Kind | None = None,
    scored_at: int | None = None,
    key_bytes: int = 0,
    index_name: str = "",
) -> TaskRow:
    """Make the row of a task from what its hash holds; `scored_at` is its score in the index, in unix seconds."""
    return row_from(queue, state, kind, facts_of(task_id, raw_message, key_bytes), scored_at, index_name)
