"""An index joined with its task data: one command answers for hundreds of ids, in the order of the index.

`SORT_RO <index> BY nosort LIMIT … GET asynq:{q}:t:*->state …` reads fields of the hash of each id. In one transaction
with the ids themselves both speak of the same moment, and both are in the same order. It costs server and client half
of what asking for each hash does, and a request is a hundred bytes however many ids it is for. Not everybody may:

- It came with Redis 7.0. `SORT` of before does the same and writes nothing, but counts as a writing command: a replica
  refuses it, and so does a server that is out of memory or cannot save.
- A user who is restricted to some keys may not use it (7.0 and newer, Valkey): the fields might be those of any key.
  `ACL DRYRUN` does not tell, only the command itself does. `%R~*` permits it: to read every key.
- Clusters permit it where the pattern's slot is that of the index: Redis 7.4 and newer, Valkey 8 and newer.
- The name of the queue stands in a pattern, where nothing can be escaped.

A sorted set that is short enough to be a listpack is made a skiplist by it, for good (7.0 to 8.2, Valkey 8.1 and 9.1;
128 ids by default): it is for long indexes. Reads only.
"""

from collections.abc import Sequence
from typing import NamedTuple

from redis.exceptions import ResponseError

from archive_tui.asynq.keys import keeps_together
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, is_wrong_type, raise_first
from archive_tui.store.read.indexes import Cursor, Order, Piece

LONG = 2_000
"""Ids from which on an index is long: far more than any that is stored as a listpack."""

AT_ONCE = 500
"""Ids that one command answers for: a server needs one to two milliseconds for them."""

OVERLAP = 8
"""Ids at the end of a piece that the next one begins with. Each costs as much as any other here."""

_REPLIES = 4
"""Replies to one transaction: to MULTI, to the two commands that are queued, and to EXEC, which has both answers."""


class JoinedPiece(NamedTuple):
    """Some ids of an index with the fields of their task data."""

    cursor: Cursor
    """Where they were met."""

    piece: Piece
    """The ids, and their scores in a sorted set."""

    columns: Sequence[Sequence[Reply]]
    """For each field that was asked for its value in the hash of each id; None where there is none, no hash, or no key.
    """


def may_join(pipe: Pipe, queue: str) -> bool:
    """Tell whether the indexes of a queue may be joined with its task data, as far as anybody knows."""
    start = pipe.keys.task_prefix(queue)
    return (
        pipe.abilities.has(Ability.SORT_RO)
        and pipe.abilities.has(Ability.TRANSACTIONS)
        and b"*" not in start
        and b"\0" not in start  # where a server takes the pattern to end
        and keeps_together(queue)
    )


def cursor_of(key: bytes, order: Order) -> Cursor:
    """Begin a walk whose pieces can be read by `read`, and just as well one by one."""
    return Cursor(key, order, AT_ONCE, OVERLAP, scores=order is not Order.LIST)


def read(
    pipe: Pipe, cursor: Cursor, start: bytes, fields: Sequence[bytes], pieces: int = 1
) -> tuple[list[JoinedPiece], Cursor | None] | None:
    """Read so many pieces of an index, as far as nothing moves meanwhile, and the point where to go on, None at the
    end. `start` is the start of the keys of the task data. None where the server turns out to refuse it.
    """
    asked = [cursor]
    while len(asked) < pieces:
        asked.append(asked[-1].ahead())
    for one in asked:
        pipe.send_transaction([one.question(), _fields(one, start, fields)])
    replies = pipe.receive(_REPLIES * len(asked))
    found: list[JoinedPiece] = []
    following: Cursor | None = cursor
    for number, one in enumerate(asked):
        if following is None or following.wider or following.at != one.at:
            break
        answers = _answers(pipe, replies[_REPLIES * number : _REPLIES * (number + 1)])
        if answers is None:
            return None
        here, (ids, values) = following, answers
        piece, following = here.answer(ids)
        if piece.ids and len(values) != len(fields) * len(piece.ids):
            pipe.abilities.rule_out(Ability.SORT_RO)
            return None
        if piece.ids:
            found.append(JoinedPiece(here, piece, [values[at :: len(fields)] for at in range(len(fields))]))
    return found, following


def _fields(cursor: Cursor, start: bytes, fields: Sequence[bytes]) -> bytes:
    patterns = [part for name in fields for part in (b"GET", start + b"*->" + name)]
    descending = [b"DESC"] if cursor.order is Order.HIGHEST else []
    limit = b"LIMIT", b"%d" % cursor.at, b"%d" % cursor.span
    return pack((b"SORT_RO", cursor.key, b"BY", b"nosort", *limit, *descending, *patterns))


def _answers(pipe: Pipe, replies: Sequence[Reply]) -> tuple[Reply, Sequence[Reply]] | None:
    """The ids and the fields that one transaction has read; None where the server refuses it."""
    *queued, result = replies
    try:
        raise_first(queued)
        raise_first([result])
    except ResponseError as error:
        if not pipe.abilities.lose(error, Ability.SORT_RO, Ability.TRANSACTIONS):
            raise
        return None
    ids, values = result
    if isinstance(ids, Exception):
        if not is_wrong_type(ids):
            raise ids
        return ids, ()
    if not isinstance(values, list):
        if not pipe.abilities.lose(values, Ability.SORT_RO):
            pipe.abilities.rule_out(Ability.SORT_RO)  # whatever it says: there is another way
        return None
    return ids, values
