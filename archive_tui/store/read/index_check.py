"""The index check: does each id in an index have task data, a message, and the state that the index stands for?

It steps through every index of some queues in pieces, and reads the state of each member, and whether it has a message.
What does not fit is read again as of one moment, together with its id in the index: in a sorted set by its score, in a
list by reading that stretch of it again. Asynq changes hash and index in one script, so what does not fit then is a
finding. So is an active task that nobody will recover. Reads only.

There are three ways to read a piece, which find the same. Long indexes are joined with their task data by the server,
where it permits that (`joined`): so messages come along, and are read only where they are known to be small, and where
that is faster (`carrying`). Where it does not, they come along with the state of each member, under the same condition.
Otherwise each member is asked for the length of its message.

Messages are decoded only where that is asked for. Without, one that does not decode is found here only where something
else is wrong as well.
"""

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archive_tui.asynq import findings
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.ownership import Ownership
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.asynq.whole_messages import message_in
from archive_tui.store.link.consistent_read import Moment, read_together
from archive_tui.store.link.pipe import Command, Pipe, pack, pack_around, pack_each
from archive_tui.store.link.replies import Reply, is_wrong_type, raise_first, raise_unless_wrong_type
from archive_tui.store.read import joined, leases, owners
from archive_tui.store.read.budget import within_budget
from archive_tui.store.read.carrying import SAMPLE, Contest, Stretch
from archive_tui.store.read.indexes import Cursor, Order
from archive_tui.store.read.keyspace import fraction_of, page
from archive_tui.store.read.probe import Candidate
from archive_tui.text import decode

_MARGIN = 500
"""Ids read on both sides of a stretch of a list when it is read again: so far it may have moved meanwhile."""

_AGAIN = 8
"""Times that a stretch of a list is read again, each time with a wider margin, to find an id in it."""

_MOST_IDS = 250
"""Members that are read together as of one moment."""

_SEEK_SHARE = 0.25
"""The share of the work that the walk for groups is taken for, where it is made."""

_MEMBER = b"*3\r\n$4\r\nHGET\r\n$%d\r\n%b\r\n$5\r\nstate\r\n*3\r\n$7\r\nHSTRLEN\r\n$%d\r\n%b\r\n$3\r\nmsg\r\n"
"""Two commands that are sent for every member: packed by hand they cost a fifth."""

_CARRIED = pack_around(b"HMGET", b"state", b"msg")
_FIELDS = (b"state", b"msg")


@dataclass(frozen=True, slots=True)
class CheckStep:
    """The result of one step of a check."""

    rows: list[TaskRow]
    """Findings, settled."""

    members: int
    """Number of ids in indexes that it checked; some count twice."""

    fraction: float
    """Progress of the check, from 0 to 1."""

    unsettled: list[Candidate] = field(default_factory=list)
    """Active tasks with a lease, or a deadline, that the list `active` lacks: candidates for `settle`."""


@dataclass(slots=True)
class _Walk:
    """The walk over one index."""

    queue: str

    name: str
    """The last part of the index's key; of a group `g:` and its name."""

    cursor: Cursor
    """The point where the next piece begins."""

    size: int = 0
    """Number of members when the check began; 0: unknown."""

    stretch: Stretch = field(default_factory=Stretch)
    """Sizes of its messages, as far as they were met; of an index that is walked in its order, those of a stretch."""

    joinable: bool = False
    """Whether the server may join it with its task data, as far as anybody knows."""

    @property
    def is_list(self) -> bool:
        return self.name in LISTS

    @property
    def in_order(self) -> bool:
        """Whether it is walked by rank, which goes by time."""
        return self.cursor.order is not Order.ANY

    @property
    def long(self) -> bool:
        return self.size >= joined.LONG


@dataclass(frozen=True, slots=True)
class _Reading:
    """The members of one piece with what was read of their task data."""

    cursor: Cursor
    """Where they stand."""

    members: Sequence[bytes]
    states: Sequence[Reply]

    lengths: Sequence[Reply] | None = None
    """Bytes of the message of each; None: the messages came along."""

    messages: Sequence[Reply] = ()
    """The message of each, where they came along; None or an error where there is none."""

    def odd(self, wanted: bytes) -> list[int]:
        """The positions of members that do not fit the state `wanted`, or are without a message."""
        if self.lengths is None:
            if self.states.count(wanted) == len(self.members) and all(self.messages):
                return []
            pairs = zip(self.states, self.messages, strict=True)
            return [number for number, (state, message) in enumerate(pairs) if state != wanted or not message]
        return [
            number
            for number, (state, length) in enumerate(zip(self.states, self.lengths, strict=True))
            if state != wanted or length.__class__ is not int or not length
        ]


class IndexCheck:
    """Checks the indexes of some queues. Call `step` until `done`.

    `groups` are the names of each queue's group and aggregation sets, without `g:`; where they are not given, the
    keyspace is walked for them first: `asynq:{q}:groups` does not name all (a grouped task that comes back from retry
    stands in its group without being named there). `indexes` limits the check to some of the others. With `messages`,
    the message of each member is read as well, a few MiB a step. `count` is how many ids a step reads; it may change
    between steps.

    A lost connection leaves the check where it was: call `step` again with a new pipe.
    """

    def __init__(
        self,
        queues: Sequence[str],
        groups: Mapping[str, Collection[bytes]] | None = None,
        *,
        indexes: Sequence[str] = findings.INDEXES,
        count: int = 1000,
        messages: bool = False,
    ) -> None:
        self.count = count
        self._messages = messages
        self._indexes = indexes
        self._queues = list(queues)
        self._given = groups
        self._contest = Contest()
        self._asked: Pipe | None = None  # the pipe on which the question for the next piece is under way
        self._stale = False  # whether its answer is to be thrown away
        self._answer: Reply = None
        self.restart()

    def restart(self) -> None:
        """Begin again from the start."""
        self._seek: int | None = 0 if self._given is None and self._queues else None
        self._seek_fraction = 0.0
        self._ownership: Ownership | None = None
        self._groups: dict[str, set[bytes]] = {
            queue: set(self._given.get(queue, ())) if self._given is not None else set() for queue in self._queues
        }
        self._left = self._queues[::-1]
        self._walks: list[_Walk] = []
        self._unread: deque[tuple[_Walk, Cursor, list[bytes]]] = deque()
        self._active: set[bytes] = set()
        self._total: int | None = None
        self._filled: dict[str, dict[str, int]] = {}
        self._members = 0
        self._stale = self._asked is not None
        self._answer = None

    @property
    def done(self) -> bool:
        """Tell whether every index was read to its end."""
        return self._seek is None and not self._left and not self._walks and not self._unread

    @property
    def fraction(self) -> float:
        """Progress of the check, from 0 to 1; indexes may grow while they are read."""
        if self.done:
            return 1.0
        begun = _SEEK_SHARE if self._given is None else 0.0
        if self._seek is not None:
            return begun * self._seek_fraction
        return begun + (1 - begun) * (min(1.0, self._members / self._total) if self._total else 0.0)

    def step(self, pipe: Pipe) -> CheckStep:
        """Read the next piece, and read again what does not fit."""
        if self._seek is not None:
            self._seek_groups(pipe)
            return CheckStep([], 0, self.fraction)
        if self._total is None:
            self._total = self._count(pipe)
        if self._unread:
            return self._read_messages(pipe)
        while not self._walks and self._left:
            self._enter(pipe, self._left.pop())
        if not self._walks:
            return CheckStep([], 0, 1.0)
        walks, walk = list(self._walks), self._walks[-1]
        cursor = walk.cursor
        try:
            return self._check(pipe, walk)
        except BaseException:
            # Cut off: the piece is read again by the next step
            self._walks, walk.cursor, self._answer = walks, cursor, None
            raise

    # Which indexes there are

    def _seek_groups(self, pipe: Pipe) -> None:
        """One SCAN reply's worth of group and aggregation sets."""
        if self._ownership is None:
            self._ownership = owners.ownership(pipe)
        pattern = pipe.keys.groups_pattern(self._queues[0] if len(self._queues) == 1 else None)
        following, found = page(pipe, self._seek or 0, pattern, self.count)
        for reading in owners.readings_of(pipe, self._ownership, found):
            if reading is not None and reading.group is not None and reading.queue in self._groups:
                self._groups[reading.queue].add(reading.group)
        self._seek = following or None
        self._seek_fraction = fraction_of(following)

    def _count(self, pipe: Pipe) -> int:
        """Number of members in all indexes, groups aside. What is empty now is not read: on a long way every question
        costs, and an installation may have many queues.
        """
        total = 0
        self._filled = {}
        for start in range(0, len(self._queues), 200):
            indexes = [(queue, name) for queue in self._queues[start : start + 200] for name in self._indexes]
            commands: list[Command] = [
                (b"LLEN" if name in LISTS else b"ZCARD", pipe.keys.prefix(queue) + name.encode())
                for queue, name in indexes
            ]
            sizes = pipe.call(commands, errors="return")
            raise_unless_wrong_type(sizes)
            for (queue, name), size in zip(indexes, sizes, strict=True):
                if isinstance(size, int) and size:
                    self._filled.setdefault(queue, {})[name] = size
                    total += size
        return total

    def _enter(self, pipe: Pipe, queue: str) -> None:
        self._active = set()
        prefix = pipe.keys.prefix(queue)
        walks = []
        for name, size in self._filled.get(queue, {}).items():
            order, key = Order.LIST if name in LISTS else Order.ANY, prefix + name.encode()
            joinable = size >= joined.LONG and joined.may_join(pipe, queue)
            if joinable:
                cursor = joined.cursor_of(key, Order.LOWEST if order is Order.ANY else order)
            else:
                cursor = Cursor(key, order)
            walks.append(_Walk(queue, name, cursor, size, joinable=joinable))
        walks += [
            _Walk(queue, findings.GROUP + decode(name), Cursor(pipe.keys.group(queue, name), Order.ANY))
            for name in sorted(self._groups[queue])
        ]
        self._walks = walks[::-1]

    # One piece of one index

    def _check(self, pipe: Pipe, walk: _Walk) -> CheckStep:
        most = max(self.count, walk.cursor.size) + walk.cursor.wider
        if walk.long and walk.in_order and walk.cursor.at + most > walk.stretch.end:
            self._collect(pipe)
            walk.stretch.reach(pipe, walk.cursor, pipe.keys.task_prefix(walk.queue), most, walk.size)
            return CheckStep([], 0, self.fraction)
        readings = self._joined(pipe, walk) if self._joins(pipe, walk) else None
        if readings is None:
            readings = self._one_by_one(pipe, walk)
        rows: list[TaskRow] = []
        unsettled: list[Candidate] = []
        for reading in readings:
            found, lost = self._judge(pipe, walk, reading)
            rows += found
            unsettled += lost
        return CheckStep(rows, sum(len(reading.members) for reading in readings), self.fraction, unsettled)

    def _judge(self, pipe: Pipe, walk: _Walk, reading: _Reading) -> tuple[list[TaskRow], list[Candidate]]:
        """Findings among the members of one piece, and candidates for `settle`."""
        members = reading.members
        odd = reading.odd(findings.state_of(walk.name).value.encode())
        self._members += len(members)
        unsettled: list[Candidate] = []
        if walk.name == State.ACTIVE:
            self._active.update(members)
            self._collect(pipe)
            lost = leases.unrecoverable(pipe, walk.queue, members)
            odd = sorted({*odd, *(number for number, task_id in enumerate(members) if task_id in lost)})
        elif walk.name in findings.LEASES:
            unsettled = [(walk.queue, task_id) for task_id in members if task_id not in self._active]
        unread: list[tuple[bytes, Reply]] = []
        if self._messages:
            skip = {members[number] for number in odd} | (self._active if walk.name in findings.LEASES else set())
            if reading.lengths is None:
                odd += [
                    number
                    for number, message in enumerate(reading.messages)
                    if members[number] not in skip and not findings.readable(message)
                ]
            else:
                unread = [one for one in zip(members, reading.lengths, strict=True) if one[0] not in skip]
        rows: list[TaskRow] = []
        if odd:
            self._collect(pipe)
            lengths = self._lengths(pipe, walk, reading, odd)
            raise_unless_wrong_type(list(lengths.values()))
            foreign = {number for number in odd if is_wrong_type(lengths[number])}
            rows = [
                TaskRow(walk.queue, members[number], None, Kind.FOREIGN, readable=False, index_name=walk.name)
                for number in odd
                if number in foreign
            ]
            sized = [(members[number], lengths[number]) for number in odd if number not in foreign]
            rows += self._read_again(pipe, walk, reading.cursor, sized)
        # Not before all else has been read: what is cut off here is read again from the start
        self._unread.extend((walk, reading.cursor, [one for one, _ in batch]) for batch in within_budget(unread))
        return rows, unsettled

    def _lengths(self, pipe: Pipe, walk: _Walk, reading: _Reading, numbers: Sequence[int]) -> dict[int, Reply]:
        """The length of the message of some members of a piece, by their position."""
        if reading.lengths is not None:
            return {number: reading.lengths[number] for number in numbers}
        lengths: dict[int, Reply] = {
            number: len(message) for number in numbers if isinstance(message := reading.messages[number], bytes)
        }
        left = [number for number in numbers if number not in lengths]
        keys = [pipe.keys.task(walk.queue, reading.members[number]) for number in left]
        replies = pipe.call([(b"HSTRLEN", key, b"msg") for key in keys], errors="return")
        return lengths | dict(zip(left, replies, strict=True))

    # The ways to read a piece

    def _carries(self, walk: _Walk, count: int) -> bool:
        """Whether the messages of the next piece, of so many members, may come along."""
        sampled = walk.long if walk.in_order else walk.stretch.sizes.seen >= SAMPLE
        return sampled and walk.stretch.sizes.let_carry(count) and self._contest.measured and self._contest.carry()

    def _joins(self, pipe: Pipe, walk: _Walk) -> bool:
        """Whether the next piece is read together with its task data."""
        return (
            walk.joinable
            and not walk.cursor.wider
            and joined.may_join(pipe, walk.queue)
            and self._carries(walk, joined.AT_ONCE)
        )

    def _joined(self, pipe: Pipe, walk: _Walk) -> list[_Reading] | None:
        """Read the next pieces of a long index, joined with its task data; None where the server refuses that."""
        self._collect(pipe)
        self._answer = None
        cursor = replace(walk.cursor, size=min(self.count, joined.AT_ONCE))
        began = time.monotonic()
        pieces = max(1, min(self.count, walk.stretch.end - cursor.at) // joined.AT_ONCE)
        reply = joined.read(pipe, cursor, pipe.keys.task_prefix(walk.queue), _FIELDS, pieces)
        if reply is None:
            return None
        found, following = reply
        readings = [_Reading(one.cursor, one.piece.ids, one.columns[0], messages=one.columns[1]) for one in found]
        if readings:
            self._contest.took(time.monotonic() - began, sum(len(one.members) for one in readings), carried=True)
        for reading in readings:
            walk.stretch.sizes.note(list(map(len, filter(None, reading.messages))))
        self._go_on(walk, following)
        return readings

    def _one_by_one(self, pipe: Pipe, walk: _Walk) -> list[_Reading]:
        """Read the next piece, and ask the task data of each of its members."""
        cursor, members = self._piece(pipe, walk)
        if not members:
            return []
        carried = self._carries(walk, len(members))
        start = pipe.keys.task_prefix(walk.queue)
        if carried:
            packed, count = [pack_each(_CARRIED[0], members, _CARRIED[1], start=start)], len(members)
        else:
            keys = [start + task_id for task_id in members]
            packed, count = [_MEMBER % (len(key), key, len(key), key) for key in keys], 2 * len(members)
        ahead = bool(self._walks) and self._walks[-1] is walk and not self._joins(pipe, walk)
        if ahead:
            packed.append(self._question(walk))
        began = time.monotonic()
        pipe.send(packed, count + ahead)
        replies = pipe.receive(count)
        self._contest.took(time.monotonic() - began, len(members), carried=carried)
        if ahead:
            self._asked, self._stale = pipe, False
        if carried:
            states, messages = _columns(replies)
            walk.stretch.sizes.note(list(map(len, filter(None, messages))))
            return [_Reading(cursor, members, states, messages=messages)]
        lengths = replies[1::2]
        if not walk.in_order:  # of these the sample tells
            walk.stretch.sizes.note([length for length in lengths if length.__class__ is int])
        return [_Reading(cursor, members, replies[::2], lengths)]

    def _read_messages(self, pipe: Pipe) -> CheckStep:
        """Read one batch of the messages of a piece; those that do not decode are read again with their id."""
        self._collect(pipe)
        walk, cursor, members = self._unread[0]
        replies = pipe.call([(b"HGET", pipe.keys.task(walk.queue, one), b"msg") for one in members], errors="return")
        raise_unless_wrong_type(replies)  # what was a hash when its length was asked for
        odd = [
            (task_id, len(reply or b""))
            for task_id, reply in zip(members, replies, strict=True)
            if not isinstance(reply, Exception) and not findings.readable(reply)
        ]
        rows = self._read_again(pipe, walk, cursor, odd)
        self._unread.popleft()
        return CheckStep(rows, 0, self.fraction)

    def _question(self, walk: _Walk) -> bytes:
        if walk.cursor.size != self.count:
            walk.cursor = replace(walk.cursor, size=self.count)
        return walk.cursor.question()

    def _piece(self, pipe: Pipe, walk: _Walk) -> tuple[Cursor, Sequence[bytes]]:
        """The next members of an index, and where they stand; none where the walk steps back, or is at its end."""
        if self._asked is pipe and self._stale:
            pipe.receive(1)
            self._asked = None
        if self._answer is None:
            if self._asked is not pipe:
                pipe.send([self._question(walk)])
            (self._answer,) = pipe.receive(1)
        reply, self._answer, self._asked = self._answer, None, None
        cursor = walk.cursor
        piece, following = cursor.answer(reply)
        self._go_on(walk, following)
        return cursor, piece.ids

    def _go_on(self, walk: _Walk, following: Cursor | None) -> None:
        if following is None:
            self._walks.pop()
        else:
            walk.cursor = following

    def _collect(self, pipe: Pipe) -> None:
        """Take in the answer that is under way, so that something else can be asked."""
        if self._asked is pipe:
            (answer,) = pipe.receive(1)
            self._answer = self._answer if self._stale else answer
            self._asked = None

    # What does not fit, as of one moment

    def _read_again(
        self, pipe: Pipe, walk: _Walk, cursor: Cursor, sized: Sequence[tuple[bytes, Reply]]
    ) -> list[TaskRow]:
        """Findings among members of an index, met at a cursor; each comes with the length of its message."""
        rows: list[TaskRow] = []
        for start in range(0, len(sized), _MOST_IDS):
            for batch in within_budget(sized[start : start + _MOST_IDS]):
                members = [task_id for task_id, _ in batch]
                if walk.is_list:
                    rows += _in_list(pipe, walk, cursor, members, self._sets_beside(pipe, walk))
                else:
                    rows += _in_set(pipe, walk, members)
        return rows

    def _sets_beside(self, pipe: Pipe, walk: _Walk) -> list[bytes]:
        """The sorted sets that hold an active task which is not lost, or a mismatch; none beside another index."""
        if walk.name != State.ACTIVE:
            return []
        indexes = [pipe.keys.index(walk.queue, state) for state in SORTED_SETS]
        groups = [pipe.keys.group(walk.queue, name) for name in self._groups[walk.queue]]
        return [*leases.sets(pipe.keys, walk.queue), *indexes, *groups]


def _columns(replies: Sequence[Reply]) -> tuple[Sequence[Reply], Sequence[Reply]]:
    """States and messages, from the replies to HMGET; both are the error where one is no hash."""
    try:
        states, messages = zip(*replies, strict=True)
    except TypeError:
        pairs = [(one, None) if isinstance(one, Exception) else one for one in replies]
        states, messages = zip(*pairs, strict=True)
    return states, messages


def _in_set(pipe: Pipe, walk: _Walk, members: Sequence[bytes]) -> list[TaskRow]:
    before, after = read_together(pipe, _reading(pipe.keys, walk.queue, members), [(walk.cursor.key, members)])
    rows = []
    prefix_bytes = len(pipe.keys.task_prefix(walk.queue))
    for number, task_id in enumerate(members):
        score = before.scores[0][number]
        if score is None or after.scores[0][number] is None:
            continue
        row = _finding(walk, task_id, before, after, number, seconds_of(score), prefix_bytes=prefix_bytes)
        if row is not None:
            rows.append(row)
    return rows


def _in_list(
    pipe: Pipe, walk: _Walk, cursor: Cursor, members: Sequence[bytes], beside: Sequence[bytes]
) -> list[TaskRow]:
    """Read this stretch of the list again together with the hashes, wherever it has moved meanwhile. What must stand in
    one of the sets `beside` as well, where there are any, is lost if it does not.
    """
    rows: list[TaskRow] = []
    prefix_bytes = len(pipe.keys.task_prefix(walk.queue))
    left = list(members)
    low = max(0, cursor.at - _MARGIN)
    high = cursor.at + cursor.span + _MARGIN
    for attempt in range(_AGAIN):
        commands = _reading(pipe.keys, walk.queue, left)
        commands.append(pack((b"LRANGE", cursor.key, b"%d" % low, b"%d" % high)))
        before, after = read_together(pipe, commands, [(key, left) for key in beside])
        unrecoverable = leases.without(left, before, after) if beside else set()
        stretches = before.replies[-1], after.replies[-1]
        raise_first(stretches)
        standing = set(stretches[0]).intersection(stretches[1])
        missing: list[bytes] = []
        for number, task_id in enumerate(left):
            row = _finding(
                walk,
                task_id,
                before,
                after,
                number,
                None,
                lost=task_id in unrecoverable,
                prefix_bytes=prefix_bytes,
            )
            if row is not None and task_id not in standing:
                missing.append(task_id)  # gone from the list, or moved out of this stretch of it
            elif row is not None:
                rows.append(row)
        if not missing or (low == 0 and len(stretches[0]) <= high):
            break
        left = missing
        low, high = max(0, low - (_MARGIN << attempt)), high + (_MARGIN << attempt)
    return rows


def _reading(keys: Keys, queue: str, members: Sequence[bytes]) -> list[bytes]:
    """For each member what its hash holds, and whether there is one."""
    commands = []
    for key in [keys.task(queue, task_id) for task_id in members]:
        commands += [pack((b"HMGET", key, b"state", b"msg")), pack((b"EXISTS", key))]
    return commands


def _finding(
    walk: _Walk,
    task_id: bytes,
    before: Moment,
    after: Moment,
    number: int,
    score: int | None,
    *,
    prefix_bytes: int,
    lost: bool = False,
) -> TaskRow | None:
    """The row of a member that stands in an index at this moment, and does not fit, or that nobody will recover from
    there; None where nothing is wrong. `prefix_bytes` is the length of the start of the task data keys of its queue.
    """
    content, exists = before.replies[2 * number], before.replies[2 * number + 1]
    if not isinstance(content, list) or [content, exists] != list(after.replies[2 * number : 2 * number + 2]):
        return None
    state = State.parse(content[0])
    if not exists:
        if message_in(task_id, walk.queue) is not None:
            return None  # before Asynq 0.18 the member itself was the task
        return TaskRow(walk.queue, task_id, None, Kind.GHOST, scored_at=score, readable=False, index_name=walk.name)
    if not findings.readable(content[1]):
        kind = Kind.HUSK
    elif not findings.fits(state, walk.name):
        kind = Kind.MISMATCH
    elif lost:
        kind = Kind.LOST
    else:
        return None
    return row_of(
        walk.queue,
        task_id,
        state,
        content[1],
        kind=kind,
        scored_at=score,
        key_bytes=prefix_bytes + len(task_id),
        index_name=walk.name,
    )
