"""Settling what looks unreferenced: is it lost, an orphan, a husk, a foreign key, or was it only on its way?

A scan hands over task data that stood in no index it had read. Live traffic brings forth such candidates all the time:
each task enqueued since. Whatever comes out here is proven.

Where the index of a state is a sorted set, or the sets of a group, one transaction reads the hash and asks the index.
A list has no cheap membership test. One that is short is read whole in that transaction. A long one is read in pieces
while the hashes are watched (`WATCH`): Asynq writes to a task's hash with every script that moves its id, so an id that
was not met in the list, and whose hash nobody touched meanwhile, did not stand there.

Reads only. Each step is small; `settle` yields after each, so that its caller can rest, hold or stop.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive_tui.asynq import findings, message
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.consistent_read import Moment, read_together
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, is_refusal, is_wrong_type, members_in, raise_unless_wrong_type
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.indexes import Cursor, Order, pieces
from archive_tui.store.read.probe import Candidate
from archive_tui.text import decode, encode

_MOST_IDS = 250
"""Tasks that are read together as of one moment."""

_SHORT_LIST = 5_000
"""Ids of a list that are read in one go: about half a millisecond of the server's time."""

_SHORT_BATCH = 1_000
_WATCHED = 5_000
_WATCHED_AT_ONCE = 50
"""The server compares each key to be watched with all that are watched already."""

_ROUNDS = 5

_SETS = (*[state.value for state in SORTED_SETS], *findings.LEASES)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """Task data that stood in no sorted set when it was read."""

    row: TaskRow
    """The row of the finding that it may be."""

    key: bytes
    """The key of its data."""

    group: bytes | None
    """The group that its hash or its message names; None for none."""


def settle(
    pipe: Pipe, candidates: Sequence[Candidate], leftover: frozenset[str] = frozenset()
) -> Generator[list[TaskRow]]:
    """Read candidates until it is certain which are findings; yields these, and nothing often, after each step.

    An id that stands in the index of another state is none of its findings: that is a mismatch, which the index check
    finds. A lost connection ends it: begin again with the same candidates. Close it where you do not go on to its end.
    """
    by_queue: dict[str, list[bytes]] = {}
    for queue, task_id in candidates:
        by_queue.setdefault(queue, []).append(task_id)
    for queue, ids in by_queue.items():
        lists: dict[State, list[_Suspect]] = {state: [] for state in LISTS}
        for start in range(0, len(ids), _MOST_IDS):
            found, suspects = _read(pipe, queue, ids[start : start + _MOST_IDS], queue in leftover)
            grouped = [suspect for suspect in suspects if suspect.row.state is State.AGGREGATING]
            if grouped:
                found += _by_group(pipe, queue, grouped)
            for suspect in suspects:
                if suspect.row.state in lists:
                    lists[suspect.row.state].append(suspect)
            yield found
        for state, waiting in lists.items():
            yield from _not_in_list(pipe, pipe.keys.index(queue, state), state, waiting)


def _is_of_another_queue(pipe: Pipe, queue: str, task_id: bytes) -> bool:
    """Tell whether a foreign key may be an index of a queue with a longer name: of `a}:t:b` beside `a`."""
    names = [name for name in pipe.keys.queues_in(pipe.keys.task(queue, task_id)) if name != encode(queue)]
    known = pipe.call([(b"SISMEMBER", pipe.keys.queues, name) for name in names], errors="return")
    return any(one == 1 for one in known)


def _read(pipe: Pipe, queue: str, ids: Sequence[bytes], leftover: bool) -> tuple[list[TaskRow], list[_Suspect]]:
    """Findings that one transaction proves, and suspects that must be searched for in lists and groups."""
    lengths = pipe.call([(b"HSTRLEN", pipe.keys.task(queue, task_id), b"msg") for task_id in ids], errors="return")
    found: list[TaskRow] = []
    suspects: list[_Suspect] = []
    sized: list[tuple[bytes, int]] = []
    for task_id, length in zip(ids, lengths, strict=True):
        if isinstance(length, int):
            sized.append((task_id, length))
        elif is_wrong_type(length):
            if not _is_of_another_queue(pipe, queue, task_id):
                found.append(TaskRow(queue, task_id, None, Kind.FOREIGN, readable=False))
        else:
            raise length
    for batch in within_budget(sized):
        members = [task_id for task_id, _ in batch]
        task_keys = [pipe.keys.task(queue, task_id) for task_id in members]
        empty = [number for number, (_, length) in enumerate(batch) if not length]
        before, after = read_together(
            pipe,
            [
                *[pack((b"HMGET", key, b"state", b"msg", b"group")) for key in task_keys],
                *[pack((b"EXISTS", task_keys[number])) for number in empty],
            ],
            [(pipe.keys.prefix(queue) + name.encode(), members) for name in _SETS],
        )
        gone = {number for at, number in enumerate(empty, len(members)) if 0 in (before.replies[at], after.replies[at])}
        for number, task_id in enumerate(members):
            content = before.replies[number]
            if number in gone or not isinstance(content, list) or content != after.replies[number]:
                continue  # or on its way
            if content == [None] * 3 and number not in empty:
                continue  # its data went between the question for its length and this one
            stands_in = {
                name: first[number] if second[number] is None else second[number]
                for name, first, second in zip(_SETS, before.scores, after.scores, strict=True)
                if first[number] is not None or second[number] is not None
            }
            suspect = _suspect_of(queue, task_id, task_keys[number], content, stands_in, leftover)
            if suspect is None:
                continue
            lost, grouped = suspect.row.kind is Kind.LOST, suspect.row.state is State.AGGREGATING
            if (lost and suspect.row.state in LISTS) or (grouped and not suspect.row.index_name):
                suspects.append(suspect)
            else:
                found.append(suspect.row)
    return found, suspects


def _suspect_of(
    queue: str, task_id: bytes, key: bytes, content: Sequence[Reply], scores: Mapping[str, bytes], leftover: bool
) -> _Suspect | None:
    """Task data that is wrong as far as sorted sets can tell, None where it is not; `scores` are those in the sets that
    hold its id.
    """
    raw_state, raw_message, group = content
    state = State.parse(raw_state)
    first = next(iter(findings.stands_in_order(scores)), "")
    scored_at = seconds_of(scores[first]) if first else None
    if not findings.readable(raw_message):
        kind, index = Kind.HUSK, first
    elif set(scores) <= set(findings.LEASES) and state is State.ACTIVE:
        kind, index = Kind.LOST, first
    elif leftover and state is State.COMPLETED and set(scores) <= {State.COMPLETED.value}:
        kind, index = Kind.ORPHAN_COMPLETED, ""
    elif scores:
        return None
    else:
        kind, index = findings.judge(state, referenced=False) or Kind.LOST, ""
    row = row_of(
        queue, task_id, state, raw_message, kind=kind, scored_at=scored_at, key_bytes=len(key), index_name=index
    )
    return _Suspect(row, key, group or _group_in(raw_message))


def _by_group(pipe: Pipe, queue: str, suspects: Sequence[_Suspect]) -> list[TaskRow]:
    """Findings among aggregating tasks: those in no set that Asynq looks into, and husks wherever they stand.

    Asynq looks into the set of its group if `groups` names that, and into a set that `aggregation_sets` holds (0.26.0).
    Both change in the scripts that move ids, so a group that is about to be aggregated, or was emptied, is no finding.
    """
    groups = sorted({suspect.group or b"" for suspect in suspects})
    known: list[bytes] = []
    for _ in range(_ROUNDS):
        sets: list[tuple[bytes, list[bytes]]] = []
        by_group: dict[bytes, list[bytes]] = {}
        for suspect in suspects:
            by_group.setdefault(pipe.keys.group(queue, suspect.group or b""), []).append(suspect.row.id)
        for key, members in by_group.items():
            sets += [(key, members), *[(one, members) for one in known if one.startswith(key + b":")]]
        commands = [pack((b"HGET", suspect.key, b"state")) for suspect in suspects]
        commands += [pack((b"SISMEMBER", pipe.keys.groups(queue), group)) for group in groups]
        commands.append(pack((b"ZRANGE", pipe.keys.aggregation_sets(queue), b"0", b"-1")))
        moments = read_together(pipe, commands, sets)
        staged = {one for moment in moments for one in members_in(moment.replies[-1])}
        if not staged <= set(known):
            known = sorted(staged)
            continue  # a set of which we did not know: ask it as well
        looked_into = staged | _named(pipe.keys, queue, groups, moments, len(suspects))
        standing: dict[bytes, tuple[bytes, Reply]] = {}
        in_place: set[bytes] = set()
        for moment in moments:
            for (key, members), scores in zip(sets, moment.scores, strict=True):
                here = {one: (key, score) for one, score in zip(members, scores, strict=True) if score is not None}
                standing |= here
                if key in looked_into:
                    in_place |= here.keys()
        return [
            _standing_in(pipe.keys, suspect.row, *standing[suspect.row.id])
            if suspect.row.id in standing
            else suspect.row
            for number, suspect in enumerate(suspects)
            if (suspect.row.kind is Kind.HUSK or suspect.row.id not in in_place)
            and all(moment.replies[number] == State.AGGREGATING.value.encode() for moment in moments)
        ]
    return []  # too many comings and goings to be certain of anything


def _named(keys: Keys, queue: str, groups: Sequence[bytes], moments: Sequence[Moment], at: int) -> set[bytes]:
    """The sets of those groups that `groups` names, by the replies from a position on, at any of these moments."""
    named: set[bytes] = set()
    for moment in moments:
        replies = moment.replies[at : at + len(groups)]
        raise_unless_wrong_type(replies)
        named |= {keys.group(queue, group) for group, reply in zip(groups, replies, strict=True) if reply == 1}
    return named


def _standing_in(keys: Keys, row: TaskRow, key: bytes, score: Reply) -> TaskRow:
    """A finding with the set in which it stands."""
    scored_at = seconds_of(score) if isinstance(score, bytes) else None
    return row._replace(index_name=decode(key.removeprefix(keys.prefix(row.queue))), scored_at=scored_at)


def _group_in(raw_message: bytes | None) -> bytes | None:
    """The group that a message names, for hashes that lost their field."""
    decoded = message.decode(raw_message) if raw_message else None
    return decoded.group_key.encode() if decoded is not None else None


def _not_in_list(pipe: Pipe, index: bytes, state: State, suspects: Sequence[_Suspect]) -> Iterator[list[TaskRow]]:
    """Those of some tasks that do not stand in the list of their state."""
    for start in range(0, len(suspects), _SHORT_BATCH):
        batch = suspects[start : start + _SHORT_BATCH]
        found = _not_in_short_list(pipe, index, state, batch)
        if found is None:
            yield from _not_in_long_list(pipe, index, state, suspects[start:])
            return
        yield found


def _not_in_short_list(pipe: Pipe, index: bytes, state: State, suspects: Sequence[_Suspect]) -> list[TaskRow] | None:
    """Read the list and the states as of one moment; None where the list is too long for that."""
    commands = [pack((b"LRANGE", index, b"0", b"%d" % _SHORT_LIST))]
    commands += [pack((b"HGET", suspect.key, b"state")) for suspect in suspects]
    moments = read_together(pipe, commands)
    standing: set[bytes] = set()
    for moment in moments:
        ids = members_in(moment.replies[0])
        if len(ids) > _SHORT_LIST:
            return None
        standing.update(ids)
    return [
        suspect.row
        for number, suspect in enumerate(suspects, 1)
        if suspect.row.id not in standing and all(one.replies[number] == state.value.encode() for one in moments)
    ]


def _not_in_long_list(pipe: Pipe, index: bytes, state: State, suspects: Sequence[_Suspect]) -> Iterator[list[TaskRow]]:
    """Read the list in pieces while nobody touches the hashes; those that somebody touches are tried again, and after
    some rounds let go: what moves is not lost.
    """
    # Most of them were only on their way: one walk over the list leaves few to be watched.
    standing: set[bytes] = set()
    for piece in pieces(pipe, Cursor(index, Order.LIST)):
        standing.update(piece.ids)
        yield []
    left = [suspect for suspect in suspects if suspect.row.id not in standing]
    pending = [left[start : start + _WATCHED] for start in range(0, len(left), _WATCHED)]
    tries = 0
    while pending:
        chunk = pending.pop()
        watching = _watch(pipe, chunk)
        try:
            still = _in_state(chunk, state, _states(pipe, chunk))
            missing = {suspect.row.id for suspect in still}
            for piece in pieces(pipe, Cursor(index, Order.LIST)):
                missing.difference_update(piece.ids)
                yield []
            still = [suspect for suspect in still if suspect.row.id in missing]
            proven = _untouched(pipe, still, state, watching)
        finally:
            if watching:
                pipe.call([(b"UNWATCH",)], errors="return")
        if proven is not None:
            tries = 0
            yield [suspect.row for suspect in proven]
        elif tries < _ROUNDS:
            tries += 1
            pending.append(still)
        elif len(still) > 1:
            tries = 0
            half = len(still) // 2
            pending += [still[:half], still[half:]]


def _watch(pipe: Pipe, suspects: Sequence[_Suspect]) -> bool:
    """Watch hashes; False where the server refuses it, and only their states can be compared."""
    if not all(map(pipe.abilities.has, (Ability.TRANSACTIONS, Ability.WATCH))):
        return False
    commands = [
        (b"WATCH", *[suspect.key for suspect in suspects[start : start + _WATCHED_AT_ONCE]])
        for start in range(0, len(suspects), _WATCHED_AT_ONCE)
    ]
    for reply in pipe.call(commands, errors="return"):
        if isinstance(reply, Exception):
            if not is_refusal(reply):
                raise reply
            pipe.abilities.lose(reply, Ability.WATCH)
            return False
    return True


def _states(pipe: Pipe, suspects: Sequence[_Suspect]) -> list[Reply]:
    return pipe.call([(b"HGET", suspect.key, b"state") for suspect in suspects], errors="return")


def _in_state(suspects: Sequence[_Suspect], state: State, replies: Sequence[Reply]) -> list[_Suspect]:
    wanted = state.value.encode()
    return [suspect for suspect, reply in zip(suspects, replies, strict=True) if reply == wanted]


def _untouched(pipe: Pipe, suspects: Sequence[_Suspect], state: State, watching: bool) -> list[_Suspect] | None:
    """The suspects if nobody has touched their hashes since they were watched, None if somebody has."""
    if not watching:
        return _in_state(suspects, state, _states(pipe, suspects))
    replies = pipe.call([(b"MULTI",), (b"PING",), (b"EXEC",)], errors="return")
    if any(pipe.abilities.lose(reply, Ability.TRANSACTIONS) for reply in replies):
        return _in_state(suspects, state, _states(pipe, suspects))
    return list(suspects) if isinstance(replies[-1], list) else None
