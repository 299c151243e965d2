"""The index check: does each id in an index have task data, a message, and the state that the index means?

It steps through every index of some queues in pieces, and reads the state and the length of the message of each member.
What does not fit is looked at again as of one moment, together with its place in the index: in a sorted set by its
score, in a list by reading that stretch of it again. Asynq changes hash and index in one script, so what does not fit
then is a finding. Reads only.

Messages themselves are read only where that is asked for, as it costs as much as all tasks are large: without it, one
that does not decode is found here only where something else is wrong as well.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archive_tui.asynq import findings, keys
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.store.link.consistent_read import Look, Moment
from archive_tui.store.link.pipe import Command, Pipe, Reply, pack, raise_first, raise_unless_wrong_type
from archive_tui.store.read.probe import Candidate
from archive_tui.store.read.tasks import within_budget
from archive_tui.store.read.walk import fraction_of
from archive_tui.text import decode

_OVERLAP = 50
_MARGIN = 500
"""Ids read on both sides of a stretch of a list when it is read again: so far it may have moved meanwhile."""

_AGAIN = 8
_LOOK_LIMIT = 250
_SEEK_SHARE = 0.25
_MEMBER = b"*3\r\n$4\r\nHGET\r\n$%d\r\n%b\r\n$5\r\nstate\r\n*3\r\n$7\r\nHSTRLEN\r\n$%d\r\n%b\r\n$3\r\nmsg\r\n"
_HMGET = b"*4\r\n$5\r\nHMGET\r\n$%d\r\n%b\r\n$5\r\nstate\r\n$3\r\nmsg\r\n"
_MESSAGE = b"*3\r\n$4\r\nHGET\r\n$%d\r\n%b\r\n$3\r\nmsg\r\n"
_EXISTS = b"*2\r\n$6\r\nEXISTS\r\n$%d\r\n%b\r\n"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """What one step brought: findings, how many members of indexes it looked at, and how far we are (0 to 1).

    `unsettled` are active tasks with a lease that the list `active` lacks: candidates for `settle`.
    """

    rows: list[TaskRow]
    members: int
    fraction: float
    unsettled: list[Candidate] = field(default_factory=list)


@dataclass(slots=True)
class _Place:
    """One index, and how far we are in it: a ZSCAN cursor, or an offset in a list."""

    queue: str
    name: str
    key: bytes
    at: int = 0

    @property
    def is_list(self) -> bool:
        return self.name in LISTS

    def question(self, count: int) -> bytes:
        """The packed command that reads the next piece."""
        if self.is_list:
            return pack((b"LRANGE", self.key, b"%d" % self.at, b"%d" % (self.at + count - 1)))
        return pack((b"ZSCAN", self.key, b"%d" % self.at, b"COUNT", b"%d" % count))


class IndexCheck:
    """Checks the indexes of some queues. Call `step` until `done`.

    `groups` are the names of each queue's group and aggregation sets, without `g:`; where they are not given, the
    keyspace is walked for them first: `asynq:{q}:groups` does not name all (a grouped task that comes back from retry
    stands in its group without being named there). `indexes` limits the check to some of the others. With `messages`,
    the message of each member is read as well, a few MiB a step.

    A lost connection leaves the check where it was: call `step` again with a new pipe.
    """

    def __init__(
        self,
        queues: Sequence[str],
        groups: Mapping[str, Collection[bytes]] | None = None,
        *,
        indexes: Sequence[str] = findings.INDEXES,
        count: int = 1000,
        look: Look | None = None,
        messages: bool = False,
    ) -> None:
        self.count = count
        self._messages = messages
        self._indexes = indexes
        self._queues = list(queues)
        self._given = groups
        self._look = look or Look()
        self._pattern = keys.groups_pattern(self._queues[0] if len(self._queues) == 1 else None)
        self._asked: Pipe | None = None
        self._stale = False
        self._answer: Reply = None
        self._list_at = 0
        self.restart()

    def restart(self) -> None:
        """Begin again from the start."""
        self._seek: int | None = 0 if self._given is None and self._queues else None
        self._seek_fraction = 0.0
        self._groups: dict[str, set[bytes]] = {
            queue: set(self._given.get(queue, ())) if self._given is not None else set() for queue in self._queues
        }
        self._left = self._queues[::-1]
        self._places: list[_Place] = []
        self._unread: deque[tuple[_Place, list[bytes]]] = deque()
        self._active: set[bytes] = set()
        self._total: int | None = None
        self._filled: dict[str, list[str]] = {}
        self._members = 0
        self._stale = self._asked is not None
        self._answer = None

    @property
    def done(self) -> bool:
        """Whether every index was read to its end."""
        return self._seek is None and not self._left and not self._places and not self._unread

    @property
    def fraction(self) -> float:
        """How far the check is, from 0 to 1; indexes may grow while they are read."""
        if self.done:
            return 1.0
        begun = _SEEK_SHARE if self._given is None else 0.0
        if self._seek is not None:
            return begun * self._seek_fraction
        return begun + (1 - begun) * (min(1.0, self._members / self._total) if self._total else 0.0)

    def step(self, pipe: Pipe) -> CheckStep:
        """Read the next piece and look at what does not fit."""
        if self._seek is not None:
            self._seek_groups(pipe)
            return CheckStep([], 0, self.fraction)
        if self._total is None:
            self._total = self._count(pipe)
        if self._unread:
            return self._read_messages(pipe)
        while not self._places and self._left:
            self._enter(self._left.pop())
        if not self._places:
            return CheckStep([], 0, 1.0)
        places, place = list(self._places), self._places[-1]
        at = place.at
        try:
            return self._check(pipe, place)
        except BaseException:
            # Cut off: the piece is read again by the next step
            self._places, place.at, self._answer = places, at, None
            raise

    # Which indexes there are

    def _seek_groups(self, pipe: Pipe) -> None:
        """One SCAN reply's worth of group and aggregation sets."""
        cursor = b"%d" % (self._seek or 0)
        reply = pipe.one(b"SCAN", cursor, b"MATCH", self._pattern, b"COUNT", b"%d" % self.count)
        for key in reply[1]:
            queue = keys.queue_of(key)
            if queue in self._groups and key.startswith(keys.group(queue, b"")):
                self._groups[queue].add(key[len(keys.group(queue, b"")) :])
        at = int(reply[0])
        self._seek = at or None
        self._seek_fraction = fraction_of(at)

    def _count(self, pipe: Pipe) -> int:
        """How many members all indexes have, groups aside. What is empty now is not read: on a long way every question
        costs, and an installation may have many queues.
        """
        total = 0
        self._filled = {}
        for start in range(0, len(self._queues), 200):
            places = [(queue, name) for queue in self._queues[start : start + 200] for name in self._indexes]
            commands: list[Command] = [
                (b"LLEN" if name in LISTS else b"ZCARD", keys.prefix(queue) + name.encode()) for queue, name in places
            ]
            sizes = pipe.call(commands, errors="return")
            raise_unless_wrong_type(sizes)
            for (queue, name), size in zip(places, sizes, strict=True):
                if isinstance(size, int) and size:
                    self._filled.setdefault(queue, []).append(name)
                    total += size
        return total

    def _enter(self, queue: str) -> None:
        self._active = set()
        prefix = keys.prefix(queue)
        places = [_Place(queue, name, prefix + name.encode()) for name in self._filled.get(queue, ())]
        places += [
            _Place(queue, findings.GROUP + decode(name), keys.group(queue, name))
            for name in sorted(self._groups[queue])
        ]
        self._places = places[::-1]

    # One piece of one index

    def _check(self, pipe: Pipe, place: _Place) -> CheckStep:
        members = self._piece(pipe, place)
        if members is None:
            self._places.pop()
            return CheckStep([], 0, self.fraction)
        prefix = keys.task_prefix(place.queue)
        task_keys = [prefix + task_id for task_id in members]
        packed = [_MEMBER % (len(key), key, len(key), key) for key in task_keys]
        ahead = bool(self._places) and self._places[-1] is place
        if ahead:
            packed.append(place.question(self.count))
        pipe.send(packed)
        pipe.owed += len(members)  # each item is two commands
        replies = pipe.receive(2 * len(members))
        if ahead:
            self._asked, self._stale = pipe, False
        lengths = replies[1::2]
        wanted = findings.state_of(place.name).value.encode()
        odd = [
            number
            for number, (state, length) in enumerate(zip(replies[::2], lengths, strict=True))
            if state != wanted or length.__class__ is not int or not length
        ]
        self._members += len(members)
        unsettled: list[Candidate] = []
        if place.name == State.ACTIVE:
            self._active.update(members)
        elif place.name == findings.LEASE:
            unsettled = [(place.queue, task_id) for task_id in members if task_id not in self._active]
        rows: list[TaskRow] = []
        if odd:
            self._collect(pipe)
            foreign = {number for number in odd if _wrong_type(lengths[number])}
            rows = [
                TaskRow(place.queue, members[number], None, Kind.FOREIGN, readable=False, index_name=place.name)
                for number in odd
                if number in foreign
            ]
            sized = [(members[number], lengths[number]) for number in odd if number not in foreign]
            rows += self._look_again(pipe, place, sized)
        if self._messages:
            skip = {members[number] for number in odd} | (self._active if place.name == findings.LEASE else set())
            sized = [one for one in zip(members, lengths, strict=True) if one[0] not in skip]
            self._unread = deque((place, [task_id for task_id, _ in batch]) for batch in within_budget(sized))
        return CheckStep(rows, len(members), self.fraction, unsettled)

    def _read_messages(self, pipe: Pipe) -> CheckStep:
        """Read one batch of the messages of a piece; which of them do not decode is looked at again."""
        self._collect(pipe)
        place, members = self._unread[0]
        pipe.send([_MESSAGE % (len(key), key) for key in [keys.task(place.queue, task_id) for task_id in members]])
        replies = pipe.receive(len(members))
        raise_unless_wrong_type(replies)  # what was a hash when its length was asked for
        odd = [
            (task_id, len(reply or b""))
            for task_id, reply in zip(members, replies, strict=True)
            if not isinstance(reply, Exception) and not findings.readable(reply)
        ]
        rows = self._look_again(pipe, place, odd)
        self._unread.popleft()
        return CheckStep(rows, 0, self.fraction)

    def _piece(self, pipe: Pipe, place: _Place) -> list[bytes] | None:
        """The next members of an index; None at the end of a list."""
        if self._asked is pipe and self._stale:
            pipe.receive(1)
            self._asked = None
        if self._answer is None:
            if self._asked is not pipe:
                pipe.send([place.question(self.count)])
            (self._answer,) = pipe.receive(1)
        reply, self._answer, self._asked = self._answer, None, None
        if isinstance(reply, Exception):
            if not str(reply).startswith("WRONGTYPE"):
                raise_first([reply])
            return None  # an index of another type holds no ids
        if place.is_list:
            if not reply:
                return None
            self._list_at = place.at
            if len(reply) < self.count:
                self._places.pop()
            else:
                place.at += max(1, self.count - _OVERLAP)
            return list(reply)
        cursor, flat = reply
        place.at = int(cursor)
        if not place.at:
            self._places.pop()
        return list(flat[::2])

    def _collect(self, pipe: Pipe) -> None:
        """Take in the answer that is under way, so that something else can be asked."""
        if self._asked is pipe and not self._stale:
            (self._answer,) = pipe.receive(1)
            self._asked = None

    # A second look

    def _look_again(self, pipe: Pipe, place: _Place, sized: Sequence[tuple[bytes, Reply]]) -> list[TaskRow]:
        """What is wrong with members of an index; each comes with the length of its message."""
        again = self._in_list if place.is_list else self._in_set
        rows: list[TaskRow] = []
        for start in range(0, len(sized), _LOOK_LIMIT):
            for batch in within_budget(sized[start : start + _LOOK_LIMIT]):
                rows += again(pipe, place, [task_id for task_id, _ in batch])
        return rows

    def _in_set(self, pipe: Pipe, place: _Place, members: Sequence[bytes]) -> list[TaskRow]:
        before, after = self._look.ask(pipe, _reading(place.queue, members), [(place.key, members)])
        rows = []
        for number, task_id in enumerate(members):
            score = before.scores[0][number]
            if score is None or after.scores[0][number] is None:
                continue
            row = _judge(place, task_id, before, after, number, seconds_of(score))
            if row is not None:
                rows.append(row)
        return rows

    def _in_list(self, pipe: Pipe, place: _Place, members: Sequence[bytes]) -> list[TaskRow]:
        """Read this stretch of the list again together with the hashes, wherever it has moved meanwhile."""
        rows: list[TaskRow] = []
        left = list(members)
        low = max(0, self._list_at - _MARGIN)
        high = self._list_at + self.count + _MARGIN
        for attempt in range(_AGAIN):
            commands = _reading(place.queue, left)
            commands.append(pack((b"LRANGE", place.key, b"%d" % low, b"%d" % high)))
            before, after = self._look.ask(pipe, commands)
            standing = set(_ids(before.replies[-1])) & set(_ids(after.replies[-1]))
            missing: list[bytes] = []
            for number, task_id in enumerate(left):
                row = _judge(place, task_id, before, after, number, None)
                if row is not None and task_id not in standing:
                    missing.append(task_id)  # gone from the list, or moved out of this stretch of it
                elif row is not None:
                    rows.append(row)
            if not missing or (low == 0 and len(_ids(before.replies[-1])) <= high):
                break
            left = missing
            low, high = max(0, low - (_MARGIN << attempt)), high + (_MARGIN << attempt)
        return rows


def _reading(queue: str, members: Sequence[bytes]) -> list[bytes]:
    """For each member what its hash says, and whether there is one."""
    commands = []
    for key in [keys.task(queue, task_id) for task_id in members]:
        commands += [_HMGET % (len(key), key), _EXISTS % (len(key), key)]
    return commands


def _judge(
    place: _Place, task_id: bytes, before: Moment, after: Moment, number: int, score: int | None
) -> TaskRow | None:
    """What is wrong with a member that stands in an index at this moment."""
    content, exists = before.replies[2 * number], before.replies[2 * number + 1]
    if not isinstance(content, list) or [content, exists] != list(after.replies[2 * number : 2 * number + 2]):
        return None
    state = State.parse(content[0])
    if not exists:
        return TaskRow(place.queue, task_id, None, Kind.GHOST, scored_at=score, readable=False, index_name=place.name)
    if not findings.readable(content[1]):
        kind = Kind.HUSK
    elif not findings.fits(state, place.name):
        kind = Kind.MISMATCH
    else:
        return None
    key_bytes = len(keys.task(place.queue, task_id))
    return row_of(
        place.queue,
        task_id,
        state,
        content[1],
        kind=kind,
        scored_at=score,
        key_bytes=key_bytes,
        index_name=place.name,
    )


def _wrong_type(reply: Reply) -> bool:
    """Whether a key is no hash; any other error must not pass for that."""
    if isinstance(reply, Exception):
        if not str(reply).startswith("WRONGTYPE"):
            raise reply
        return True
    return False


def _ids(reply: Reply) -> list[bytes]:
    """The ids of a stretch of a list."""
    if isinstance(reply, Exception):
        raise reply
    ids: list[bytes] = reply
    return ids
