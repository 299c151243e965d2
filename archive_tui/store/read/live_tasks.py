"""Tasks that are alive although their id stands where it should not. The id of a ghost can be enqueued again: then a
task that will run has its id in the old index as well.
"""

from collections.abc import Sequence

from archive_tui.asynq import message
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import LISTS, State
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import raise_unless_wrong_type
from archive_tui.store.read.indexes import Cursor, Order, aggregation_sets, pieces

_SCORED = (State.SCHEDULED, State.RETRY)


def alive(pipe: Pipe, queue: str, rows: Sequence[TaskRow]) -> set[bytes]:
    """The ids of those tasks of a queue that stand in the index of their own state, from which Asynq runs them."""
    alive_ids: set[bytes] = set()
    for state in LISTS:
        ids = {row.id for row in rows if row.state is state}
        for piece in pieces(pipe, Cursor(pipe.keys.index(queue, state), Order.LIST)) if ids else ():
            alive_ids.update(ids.intersection(piece.ids))
    memberships = [(pipe.keys.index(queue, row.state), row.id) for row in rows if row.state in _SCORED]
    memberships += _in_groups(pipe, queue, [row.id for row in rows if row.state is State.AGGREGATING])
    scores = pipe.call([(b"ZSCORE", index, task_id) for index, task_id in memberships], errors="return")
    raise_unless_wrong_type(scores)
    return alive_ids | {
        task_id for (_, task_id), score in zip(memberships, scores, strict=True) if isinstance(score, bytes)
    }


def _in_groups(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """The sets in which grouped tasks may stand, each with the id: their groups, and what is aggregated of these."""
    if not ids:
        return []
    staged = aggregation_sets(pipe, queue)
    memberships = []
    contents = pipe.call([(b"HMGET", pipe.keys.task(queue, one), b"group", b"msg") for one in ids], errors="return")
    for task_id, content in zip(ids, contents, strict=True):
        if not isinstance(content, list):  # the script will say what it is
            continue
        named, raw = content
        decoded = message.decode(raw or b"")
        group = pipe.keys.group(queue, named or (decoded.group_key.encode() if decoded is not None else b""))
        sets = [one for one in staged if one.startswith(group + b":")]
        memberships += [(one, task_id) for one in (group, *sets)]
    return memberships
