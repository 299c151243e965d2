"""The rows of all tasks that an index holds, for a list: each task once, in the order of the index.

A long index is read together with its task data where the server permits that (`joined`), or at least without asking
for the size of each message first, where a sample has shown that they are small (`carrying`). The rows are the same in
every way: those of `tasks.rows`. Reads only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from archive_tui.asynq.rows import RowBatch, TaskRow, batches_of, row_of, values_of_all
from archive_tui.asynq.states import LISTS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.store.link.pipe import Pipe, pack_around, pack_each
from archive_tui.store.link.replies import Reply
from archive_tui.store.read import joined, tasks
from archive_tui.store.read.carrying import Stretch
from archive_tui.store.read.indexes import Cursor, Order, Piece, pieces

_FIELDS = (b"state", b"msg")
_HMGET = pack_around(b"HMGET", *_FIELDS)
_NOTHING = (None, None)


class _Listed(NamedTuple):
    """Some ids of an index."""

    ids: Sequence[bytes]

    scores: Sequence[int | None]
    """Unix seconds; None in a list."""

    contents: Sequence[Sequence[Reply]] = ()
    """The states and the messages in their hashes; empty: nobody has asked yet."""

    def part(self, positions: Sequence[int]) -> "_Listed":
        """The ids at these positions."""
        contents = [[column[at] for at in positions] for column in self.contents]
        return _Listed([self.ids[at] for at in positions], [self.scores[at] for at in positions], contents)


def batches(pipe: Pipe, queue: str, state: State) -> Iterator[list[RowBatch]]:
    """The rows of an index. It may change meanwhile: no task that stands there all the while is left out.

    Raises RefusedError where it is no index that Asynq writes.
    """
    known: set[bytes] = set()
    for piece in _pieces(pipe, queue, state):
        fresh = [at for at, task_id in enumerate(piece.ids) if task_id not in known]
        known.update(piece.ids)
        new = piece if len(fresh) == len(piece.ids) else piece.part(fresh)
        if not new.ids:
            continue
        if new.contents:
            yield _batches_of(pipe, queue, state, new)
            continue
        for rows in tasks.rows(pipe, queue, state, list(zip(new.ids, new.scores, strict=True))):
            yield batches_of(rows)


def _pieces(pipe: Pipe, queue: str, state: State) -> Iterator[_Listed]:
    """The ids of an index, and what their hashes hold where that may be read without asking for its size."""
    index, is_list = pipe.keys.index(queue, state), state in LISTS
    (size,) = pipe.call([(b"LLEN" if is_list else b"ZCARD", index)], errors="return")
    if not isinstance(size, int) or size < joined.LONG:
        for listed in tasks.listed(pipe, queue, state):
            yield _Listed([task_id for task_id, _ in listed], [score for _, score in listed])
        return
    if state is State.PENDING:
        for piece in pieces(pipe, Cursor(pipe.keys.old_pending(queue), Order.LIST, tasks.PIECE)):
            yield _Listed(piece.ids, _scores(piece))
    start = pipe.keys.task_prefix(queue)
    cursor: Cursor | None = joined.cursor_of(index, Order.LIST if is_list else Order.HIGHEST)
    stretch = Stretch()
    while cursor is not None:
        most = tasks.PIECE + cursor.wider
        stretch.reach(pipe, cursor, start, most, size)
        carried = stretch.sizes.let_carry(most)
        if carried and not cursor.wider and joined.may_join(pipe, queue):
            cursor = replace(cursor, size=joined.AT_ONCE)
            reply = joined.read(pipe, cursor, start, _FIELDS, tasks.PIECE // joined.AT_ONCE)
            if reply is not None:
                found, cursor = reply
                for one in found:
                    yield _Listed(one.piece.ids, _scores(one.piece), one.columns)
                continue
        cursor = replace(cursor, size=tasks.PIECE)
        pipe.send([cursor.question()])
        piece, cursor = cursor.answer(pipe.receive(1)[0])
        if piece.ids:
            yield _Listed(piece.ids, _scores(piece), _contents(pipe, start, piece.ids) if carried else ())


def _scores(piece: Piece) -> Sequence[int | None]:
    return list(map(seconds_of, piece.scores)) if piece.scores else [None] * len(piece.ids)


def _contents(pipe: Pipe, start: bytes, ids: Sequence[bytes]) -> Sequence[Sequence[Reply]]:
    """The states and messages of tasks whose messages are known to be small; None of what is no hash."""
    pipe.send([pack_each(_HMGET[0], ids, _HMGET[1], start=start)], len(ids))
    return list(zip(*[one if isinstance(one, list) else _NOTHING for one in pipe.receive(len(ids))], strict=True))


def _batches_of(pipe: Pipe, queue: str, state: State, piece: _Listed) -> list[RowBatch]:
    """The rows of tasks whose hashes were read. What has neither state nor message is read again, as `tasks.rows` does
    it: it may be gone, no hash, or a task of before Asynq 0.18.
    """
    states, messages = piece.contents
    prefix_bytes = len(pipe.keys.task_prefix(queue))
    if states.count(state.value.encode()) == len(states):
        values = values_of_all(piece.ids, messages, prefix_bytes)
        if values is not None:
            return [RowBatch(queue, state, None, values, None if state in LISTS else list(piece.scores))]
    found: list[TaskRow] = []
    bare: list[tuple[bytes, int | None]] = []
    for task_id, score, content in zip(piece.ids, piece.scores, zip(states, messages, strict=True), strict=True):
        if content == _NOTHING:
            bare.append((task_id, score))
            continue
        key_bytes = prefix_bytes + len(task_id)
        found.append(row_of(queue, task_id, State.parse(content[0]), content[1], scored_at=score, key_bytes=key_bytes))
    for rows in tasks.rows(pipe, queue, state, bare) if bare else ():
        found += rows
    return batches_of(found)
