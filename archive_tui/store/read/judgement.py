"""The proof in one probe of task data: findings, and what must be read in another way. Pure: it is given the replies.

To judge is to say of task data and index, read at one moment, what kind of finding they are, as `asynq.findings` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive_tui.asynq import findings
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import RowBatch, Values, repeated, repeating, values_of, values_of_all
from archive_tui.asynq.states import State
from archive_tui.asynq.task import seconds_of
from archive_tui.store.link.replies import Reply

_READABLE = repeating("readable")

_INDEXED = {b"archived": State.ARCHIVED, b"completed": State.COMPLETED}
"""States whose task data may be an orphan, with the index that would hold it."""


@dataclass(slots=True)
class Judged:
    """The outcome of a probe of some tasks of one queue."""

    batches: list[RowBatch] = field(default_factory=list)
    """Findings."""

    elsewhere: dict[State, list[bytes]] = field(default_factory=dict)
    """Ids whose state names another index than the one that was asked, by that state."""

    unsettled: list[bytes] = field(default_factory=list)
    """Ids that one probe cannot judge."""

    not_tasks: int = 0
    """Number of these that are no hashes."""

    largest: int = 0
    """Bytes of the largest message; 0 where none was read."""


def judge(
    queue: str,
    index: State,
    ids: Sequence[bytes],
    contents: Sequence[Reply],
    scores: Sequence[Reply],
    prefix_bytes: int,
    *,
    leftover: bool,
) -> Judged:
    """Judge tasks by state and message (`contents`, None where two reads differed) and by their score in an index
    (None for none), all read at one moment. `prefix_bytes` is the length of the start of their keys.
    """
    judged = _all_alike(queue, index, ids, contents, scores, prefix_bytes)
    return (
        judged
        if judged is not None
        else _one_by_one(queue, index, ids, contents, scores, prefix_bytes, leftover=leftover)
    )


def _all_alike(
    queue: str,
    index: State,
    ids: Sequence[bytes],
    contents: Sequence[Reply],
    scores: Sequence[Reply],
    prefix_bytes: int,
) -> Judged | None:
    """The ordinary case, a few thousand instructions a page shorter: all are in this state and none stands in its
    index. None where it is not so.
    """
    count = len(ids)
    try:
        states, messages = zip(*contents, strict=True)
    except (TypeError, ValueError):
        return None
    kind = findings.judge(index, referenced=False)
    if kind is None or states.count(index.value.encode()) != count or scores.count(None) != count:
        return None
    values = values_of_all(ids, messages, prefix_bytes)
    if values is None:
        return None
    return Judged([RowBatch(queue, index, kind, values)], largest=max(map(len, messages)))


def _one_by_one(
    queue: str,
    index: State,
    ids: Sequence[bytes],
    contents: Sequence[Reply],
    scores: Sequence[Reply],
    prefix_bytes: int,
    *,
    leftover: bool,
) -> Judged:
    judged = Judged()
    kinds = {known: findings.judge(index, referenced=known, leftover=leftover) for known in (False, True)}
    state = index.value.encode()
    found: dict[bool, list[Values]] = {False: [], True: []}
    found_scores: list[int | None] = []
    husks: dict[bool, list[Values]] = {False: [], True: []}
    for task_id, content, score in zip(ids, contents, scores, strict=True):
        if content.__class__ is not list:
            judged.not_tasks += content is not None
            judged.unsettled.append(task_id)
            continue
        raw_state, raw_message = content
        if raw_state == state:
            known = score is not None
            if kinds[known] is not None:
                values = values_of(task_id, raw_message, prefix_bytes + len(task_id))
                if not raw_message or not _READABLE(repeated(values)):
                    husks[known].append(values)
                    continue
                found[known].append(values)
                if known:
                    found_scores.append(seconds_of(score) if score.__class__ is bytes else None)
                judged.largest = max(judged.largest, len(raw_message))
        elif index is State.ARCHIVED and raw_state in _INDEXED:
            judged.elsewhere.setdefault(_INDEXED[raw_state], []).append(task_id)
        elif raw_state not in _INDEXED:
            judged.unsettled.append(task_id)
    for known, rows in found.items():
        if rows:
            judged.batches.append(RowBatch(queue, index, kinds[known], rows, found_scores if known else None))
    for known, rows in husks.items():
        if rows:
            index_name = index.value if known else ""
            judged.batches.append(RowBatch(queue, index, Kind.HUSK, rows, index_name=index_name))
    return judged
