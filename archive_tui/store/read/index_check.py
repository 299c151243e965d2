"""The index check: does each id in an index have task data, a message, and the state that the index stands for?

It steps through every index of some queues in pieces, and reads the state and the length of the message of each member.
What does not fit is read again as of one moment, together with its id in the index: in a sorted set by its score, in a
list by reading that stretch of it again. Asynq changes hash and index in one script, so what does not fit then is a
finding. So is an active task that nobody will recover. Reads only.

Messages themselves are read only where that is asked for, as it costs as much as all tasks are large: without it, one
that does not decode is found here only where something else is wrong as well.
"""

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
from archive_tui.store.link.pipe import Command, Pipe, pack
from archive_tui.store.link.replies import Reply, is_wrong_type, raise_first, raise_unless_wrong_type
from archive_tui.store.read import leases, owners
from archive_tui.store.read.budget import within_budget
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

    @property
    def is_list(self) -> bool:
        return self.name in LISTS


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
        self._filled: dict[str, list[str]] = {}
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
                    self._filled.setdefault(queue, []).append(name)
                    total += size
        return total

    def _enter(self, pipe: Pipe, queue: str) -> None:
        self._active = set()
        prefix = pipe.keys.prefix(queue)
        walks = [
            _Walk(queue, name, Cursor(prefix + name.encode(), Order.LIST if name in LISTS else Order.ANY))
            for name in self._filled.get(queue, ())
        ]
        walks += [
            _Walk(queue, findings.GROUP + decode(name), Cursor(pipe.keys.group(queue, name), Order.ANY))
            for name in sorted(self._groups[queue])
        ]
        self._walks = walks[::-1]

    # One piece of one index

    def _check(self, pipe: Pipe, walk: _Walk) -> CheckStep:
        cursor, members = self._piece(pipe, walk)
        if not members:
            return CheckStep([], 0, self.fraction)
        prefix = pipe.keys.task_prefix(walk.queue)
        task_keys = [prefix + task_id for task_id in members]
        packed = [_MEMBER % (len(key), key, len(key), key) for key in task_keys]
        ahead = bool(self._walks) and self._walks[-1] is walk
        if ahead:
            packed.append(self._question(walk))
        pipe.send(packed, 2 * len(members) + ahead)
        replies = pipe.receive(2 * len(members))
        if ahead:
            self._asked, self._stale = pipe, False
        lengths = replies[1::2]
        wanted = findings.state_of(walk.name).value.encode()
        odd = [
            number
            for number, (state, length) in enumerate(zip(replies[::2], lengths, strict=True))
            if state != wanted or length.__class__ is not int or not length
        ]
        self._members += len(members)
        unsettled: list[Candidate] = []
        if walk.name == State.ACTIVE:
            self._active.update(members)
            self._collect(pipe)
            lost = leases.unrecoverable(pipe, walk.queue, members)
            odd = sorted({*odd, *(number for number, task_id in enumerate(members) if task_id in lost)})
        elif walk.name in findings.LEASES:
            unsettled = [(walk.queue, task_id) for task_id in members if task_id not in self._active]
        rows: list[TaskRow] = []
        if odd:
            self._collect(pipe)
            raise_unless_wrong_type(lengths)
            foreign = {number for number in odd if is_wrong_type(lengths[number])}
            rows = [
                TaskRow(walk.queue, members[number], None, Kind.FOREIGN, readable=False, index_name=walk.name)
                for number in odd
                if number in foreign
            ]
            sized = [(members[number], lengths[number]) for number in odd if number not in foreign]
            rows += self._read_again(pipe, walk, cursor, sized)
        if self._messages:
            skip = {members[number] for number in odd} | (self._active if walk.name in findings.LEASES else set())
            sized = [one for one in zip(members, lengths, strict=True) if one[0] not in skip]
            self._unread = deque((walk, cursor, [task_id for task_id, _ in batch]) for batch in within_budget(sized))
        return CheckStep(rows, len(members), self.fraction, unsettled)

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
        if following is None:
            self._walks.pop()
        else:
            walk.cursor = following
        return cursor, piece.ids

    def _collect(self, pipe: Pipe) -> None:
        """Take in the answer that is under way, so that something else can be asked."""
        if self._asked is pipe and not self._stale:
            (self._answer,) = pipe.receive(1)
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
