"""The columns of a row, defined once, and how a row is made from what a task's hash holds.

`TaskRow` is the table: batches, the catalog's tables and every statement about them are derived from its fields. A new
column is one more field there and its value in `_values`; where people may filter or sort by it, one more line in
`catalog/fields.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from operator import add, itemgetter
from struct import Struct, unpack
from typing import Annotated, Any, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

from google.protobuf.message import DecodeError

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint, fingerprints
from archive_tui.text import decode, encode

_HASH_OVERHEAD = 250
"""Bytes that Redis needs for a task's hash beside its key and message; measured on Redis 7.0 and Valkey 9."""

_decode = TaskMessage.FromString
_NUMBER = Struct(">q")
_ERROR_LIMIT = 65_536
"""Characters of an error that a row carries for showing, sorting and filtering; the detail screen reads it in full."""

Plain: TypeAlias = str | bytes | int | None
"""A value as batches and tables keep it, of a type that SQLite takes as it is."""

Values: TypeAlias = tuple[Any, ...]
"""The plain values of a task: a tuple of those that repeat, in the order of `REPEATED`, then its own, in that of `OWN`.
"""


@dataclass(frozen=True, slots=True)
class Form:
    """The form in which a column's value is kept: the plain type, and the way there and back."""

    plain: Any
    """Type of the plain value: `str`, `bytes` or `int`, or one of them or None."""

    keep: Callable[[Any], Plain] | None = None
    """Turns a row's value into the plain one; None: it is plain already."""

    give: Callable[[Any], Any] | None = None
    """Turns the plain value back into the row's; None: they are the same."""


SHARED, SCORE, REPEATS = "shared", "score", "repeats"
"""Marks of columns: all rows of a batch share the value; it is the score, which most batches do not have; it repeats
among many rows, together with the others that do, so that a table keeps a number in the place of them all.

Every other column is a task's own. A batch without scores has no Nones for them: SQLite's module takes 0.6 µs for one.
"""


def kept_id(raw: bytes) -> str | bytes:
    """Keep an id as text where it is UTF-8, because SQLite's module takes bytes four times as slowly."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


_ID = Form(str | bytes, kept_id, lambda kept: kept.encode() if isinstance(kept, str) else kept)
_FINGERPRINT = Form(
    int | None,
    lambda raw: _NUMBER.unpack(raw)[0] if raw else None,
    lambda number: b"" if number is None else _NUMBER.pack(number),
)
_BYTES = Form(bytes, encode, decode)
"""Text that may hold lone surrogates, which SQLite takes only as bytes."""


class TaskRow(NamedTuple):
    """One task as lists show it: everything but the payload. Times are unix seconds, sizes bytes.

    A named tuple, because a scan makes millions of them. What comes from the message is empty, 0 or None where the
    message is missing or does not decode.
    """

    queue: Annotated[str, SHARED]
    """Name of the queue; `INSTALLATION` for what belongs to none."""

    id: Annotated[bytes, _ID]
    """Id of the task, any bytes."""

    state: Annotated[State | None, SHARED]
    """State that the task data names. None: there is no task data, or it names none that Asynq writes."""

    kind: Annotated[Kind | None, SHARED] = None
    """What is wrong with the task. None: nothing is, or nobody has judged it (a listing)."""

    type: Annotated[str, REPEATS] = ""
    """Type of the task, such as `email:deliver`."""

    error: Annotated[str, REPEATS] = ""
    """Message of the last failure, its first 65,536 characters; empty: the task never failed."""

    retried: Annotated[int, REPEATS] = 0
    """Retries used."""

    retry: Annotated[int, REPEATS] = 0
    """Retries allowed."""

    last_failed_at: int | None = None
    """When the task last failed; None: never."""

    scored_at: Annotated[int | None, SCORE] = None
    """Score in the index that holds the id: when it was archived, is to run, or expires; None: no index with scores."""

    payload_bytes: int | None = None
    """Length of the payload; None: unknown."""

    stored_bytes: int | None = None
    """Estimate of what the task takes in Redis; None: unknown, as without a message."""

    fingerprint: Annotated[bytes, _FINGERPRINT] = b""
    """Eight bytes that change when the message does (`task.fingerprint`); empty: there is no message."""

    readable: Annotated[bool, REPEATS] = True
    """The message is there and decodes."""

    unique: Annotated[bool, REPEATS] = False
    """The message names a unique lock, which the task may hold."""

    index_name: Annotated[str, _BYTES, SHARED] = ""
    """Index that holds the id of a finding, by the last part of its key; empty: none does, or none is of interest."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a row, as derived from its field."""

    name: str
    """Name of the field, and of the column in the catalog's tables."""

    form: Form
    """How the value is kept."""

    shared: bool
    """All rows of a batch have the same value."""

    score: bool
    """The score, which a batch keeps apart."""

    repeats: bool
    """The value repeats among many rows."""


def columns_of(row: type) -> tuple[Column, ...]:
    """Derive the columns from a row's fields, in their order."""
    return tuple(_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items())


def _column(name: str, hint: Any) -> Column:
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    bare = get_args(hint)[0] if notes else hint
    form = next((note for note in notes if isinstance(note, Form)), None) or _form(bare)
    return Column(name, form, SHARED in notes, SCORE in notes, REPEATS in notes)


def _form(bare: Any) -> Form:
    """The form of a value that needs no rule of its own."""
    if bare is bool:
        return Form(int, int, bool)
    enums = [one for one in get_args(bare) if isinstance(one, type) and issubclass(one, StrEnum)]
    if not enums:
        return Form(bare)
    members: dict[str | None, StrEnum | None] = {None: None} | {member.value: member for member in enums[0]}
    return Form(str | None, lambda member: None if member is None else member.value, members.__getitem__)


COLUMNS = columns_of(TaskRow)
"""Every column, in the order of the row's fields."""

REPEATED = tuple(column for column in COLUMNS if column.repeats)
"""The columns whose values repeat."""

OWN = tuple(column for column in COLUMNS if not (column.shared or column.score or column.repeats))
"""The columns in which nearly all rows of a batch differ."""

repeated: Callable[[Values], tuple[Plain, ...]] = itemgetter(0)
"""Takes what repeats out of a task's plain values."""


def own(name: str) -> Callable[[Values], Any]:
    """Make a function that takes one own column out of a task's plain values."""
    return itemgetter(1 + [column.name for column in OWN].index(name))


def repeating(name: str) -> Callable[[tuple[Plain, ...]], Any]:
    """Make a function that takes one column out of what `repeated` gives."""
    return itemgetter([column.name for column in REPEATED].index(name))


_Function: TypeAlias = Callable[[Any], Any] | None


def _compiled(names: Iterable[str], result: str, functions: Mapping[str, _Function]) -> Any:
    """Compile a function from these values to a tuple or row, as `namedtuple` compiles a class: a loop over the columns
    takes three times as long, and a listing makes every row twice. In the `result`, `{NAME}` stands for a column's
    value, which goes through its function.
    """
    known = {f"_{name}": function for name, function in functions.items() if function is not None}
    values = {name: f"_{name}({name})" if f"_{name}" in known else name for name in functions}
    return eval(
        f"lambda {', '.join(names)}: {result.format_map(values)}",
        {"TaskRow": TaskRow, "new": tuple.__new__} | known,
    )


class RowBatch(NamedTuple):
    """Rows of one queue, state, kind and index: what they share is stored once, the rest are plain tuples, because a
    scan makes millions of them.
    """

    queue: str
    """As in `TaskRow`, like all but the last."""

    state: State | None
    kind: Kind | None
    values: list[Values]
    """The columns of each row that are not named here."""

    scores: list[int | None] | None = None
    """The score of each row; None: no row has one."""

    index_name: str = ""

    def rows(self) -> Iterator[TaskRow]:
        """The rows one by one."""
        shared = self.queue, self.state, self.kind, self.index_name
        for (repeats, *values), score in zip(self.values, self.scores or repeat(None), strict=False):
            yield _row(*shared, score, *repeats, *values)

    def part(self, positions: Sequence[int]) -> "RowBatch":
        """A batch of the rows at these positions."""
        if len(positions) == len(self.values):
            return self
        scores = None if self.scores is None else [self.scores[position] for position in positions]
        return self._replace(values=[self.values[position] for position in positions], scores=scores)


def _fields(columns: Iterable[Column]) -> str:
    """The values of columns, for the result of a compiled function."""
    return ", ".join(f"{{{column.name}}}" for column in columns)


_GIVE = {column.name: column.form.give for column in COLUMNS}
_KEEP = {column.name: column.form.keep for column in COLUMNS}

_row: Callable[..., TaskRow] = _compiled(
    ["queue", "state", "kind", "index_name", "scored_at", *[column.name for column in (*REPEATED, *OWN)]],
    f"new(TaskRow, ({_fields(COLUMNS)}))",
    _GIVE | {column.name: None for column in COLUMNS if column.shared},
)
"""Makes a row of a batch, from what its rows share, its score and its own plain values, those that repeat first."""

row_from: Callable[..., TaskRow] = _compiled(TaskRow._fields, f"new(TaskRow, ({_fields(COLUMNS)}))", _GIVE)
"""Makes a row from the plain values of all columns, in the order of `COLUMNS`."""

_plain: Callable[..., Values] = _compiled(TaskRow._fields, f"(({_fields(REPEATED)}), {_fields(OWN)})", _KEEP)
"""Makes the plain values of a row, from all its values."""


def batches_of(rows: Iterable[TaskRow]) -> list[RowBatch]:
    """Make batches of rows, in their order."""
    batches: list[RowBatch] = []
    last: object = None
    for row in rows:
        shared = row.queue, row.state, row.kind, row.index_name
        if shared != last:
            last = shared
            scores: list[int | None] = []
            batches.append(RowBatch(row.queue, row.state, row.kind, [], scores, row.index_name))
        batches[-1].values.append(_plain(*row))
        scores.append(row.scored_at)
    return batches


def _values(
    kept: str | bytes,
    decoded: TaskMessage | None,
    stored_bytes: int | None,
    number: int | None,
    known: dict[tuple[Plain, ...], tuple[Plain, ...]],
) -> Values:
    """The plain values of a task, from its id, its message (None: missing or unreadable), its size and its fingerprint
    as a number. What repeats among tasks with the same `known` is one object: less to keep and to send to a process.
    """
    if decoded is None:
        return _NO_MESSAGE, kept, None, None, stored_bytes, number
    unique = 1 if decoded.unique_key else 0
    repeats: tuple[Plain, ...] = (decoded.type, decoded.error_msg, decoded.retried, decoded.retry, 1, unique)
    repeats = known.setdefault(repeats, repeats)
    return repeats, kept, decoded.last_failed_at or None, len(decoded.payload), stored_bytes, number


_NO_MESSAGE: tuple[Plain, ...] = ("", "", 0, 0, 0, 0)
"""What repeats, of a task without a message that can be read."""


def values_of(task_id: bytes, raw_message: bytes | None, key_bytes: int) -> Values:
    """The plain values of a task whose key is `key_bytes` long, from its message (None: there is none)."""
    kept = kept_id(task_id)
    if raw_message is None:
        return _values(kept, None, None, None, {})
    size = len(raw_message)
    (number,) = _NUMBER.unpack(fingerprint(raw_message))
    try:
        decoded: TaskMessage | None = _decode(raw_message)
    except DecodeError:
        decoded = None
    if decoded is not None and size > _ERROR_LIMIT:
        decoded.error_msg = decoded.error_msg[:_ERROR_LIMIT]
    return _values(kept, decoded, key_bytes + size + _HASH_OVERHEAD, number, {})


def values_of_all(ids: Sequence[bytes], raw_messages: Sequence[bytes], prefix_bytes: int) -> list[Values] | None:
    """The plain values of many tasks, whose keys are `prefix_bytes` and their id; in less than half the
    time of `values_of`. None where one is out of the ordinary: its message is missing, empty, very large or unreadable.
    """
    try:
        sizes = list(map(len, raw_messages))
        if not 0 < min(sizes) <= max(sizes) <= _ERROR_LIMIT:
            return None
        decoded = list(map(_decode, raw_messages))
    except (TypeError, DecodeError):
        return None
    numbers = unpack(f">{len(ids)}q", b"".join(fingerprints(raw_messages)))
    stored = map((prefix_bytes + _HASH_OVERHEAD).__add__, map(add, map(len, ids), sizes))
    return list(map(_values, _kept_ids(ids), decoded, stored, numbers, repeat({})))


def _kept_ids(ids: Sequence[bytes]) -> Sequence[str | bytes]:
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
    repeats, *values = values_of(task_id, raw_message, key_bytes)
    return _row(queue, state, kind, index_name, scored_at, *repeats, *values)
