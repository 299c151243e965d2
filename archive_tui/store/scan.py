"""The scan for task data that Asynq has lost track of, in small steps. Reads only, no scripts (DESIGN.md section 5).

Each step takes one SCAN reply. What the indexes already explain is passed over: they were read before, in pieces.
Only the rest costs a second look, and that look reads the state and its index in one transaction. Asynq changes both
in one script, so what one transaction saw is no torn read: a finding is settled when it is made. Where the server
refuses transactions the look is taken twice, and only what both saw alike is a finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from redis.exceptions import ResponseError

from archive_tui.asynq import findings, keys, message
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import TaskRow, row_of, seconds_of
from archive_tui.store.pipe import Pipe, Reply, pack, raise_first
from archive_tui.store.queues import is_leftover
from archive_tui.store.tasks import PIECE, within_budget

_LOOK_LIMIT = 250
_HSTRLEN = b"*3\r\n$7\r\nHSTRLEN\r\n$%d\r\n%b\r\n$3\r\nmsg\r\n"
_HMGET = b"*4\r\n$5\r\nHMGET\r\n$%d\r\n%b\r\n$5\r\nstate\r\n$3\r\nmsg\r\n"
"""Commands that are sent millions of times, packed but for the key."""

_CURSOR_BITS = 64

Candidate: TypeAlias = tuple[str, bytes, bytes, int]
"""Task data that needs the second look: queue, id, key, and the length of its message in bytes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a scan brought: rows of findings, the task keys it met, and how far we are (0 to 1).

    `not_tasks` counts keys that are no hashes.
    """

    rows: list[TaskRow]
    keys_by_queue: dict[str, int]
    fraction: float
    not_tasks: int = 0

    @property
    def keys(self) -> int:
        """How many task keys the step met."""
        return sum(self.keys_by_queue.values())


def fraction_of(cursor: int) -> float:
    """How much of the keyspace a SCAN cursor has behind it. Cursors count with their bits reversed, so reversing all
    64 of them gives the fraction whatever the table's size.
    """
    return int(f"{cursor:0{_CURSOR_BITS}b}"[::-1], 2) / (1 << _CURSOR_BITS)


class Look:
    """What one moment showed of a candidate: its hash (None where it is no hash) and its score in an index."""

    __slots__ = ("content", "index", "score", "state")

    def __init__(self, index: State, content: Reply, score: Reply) -> None:
        self.index = index
        self.content = content if isinstance(content, list) else None
        self.state = State.parse(content[0]) if self.content is not None else None
        self.score = score


class Scan:
    """A scan over the task data of some queues, or of all. Call `step` until `done`.

    A lost connection leaves the scan where it was: call `step` again with a new pipe to the same server process. A
    cursor means nothing to another one: call `restart`.
    """

    def __init__(self, queues: Sequence[str] | None = None, *, count: int = 1000) -> None:
        self._wanted = None if queues is None else set(queues)
        self._pattern = keys.tasks_pattern(queues[0] if queues is not None and len(queues) == 1 else None)
        self.count = count
        self._referenced: dict[str, set[bytes]] = {}
        self._leftover: set[str] = set()
        self._asked: Pipe | None = None
        self._transactions = True
        self._zmscore = True
        self.restart()

    def restart(self) -> None:
        """Begin again from the start; what was found before may be found a second time."""
        self._cursor = 0
        self._begun = False
        self._stale = True
        self._referenced.clear()
        self._leftover.clear()

    @property
    def done(self) -> bool:
        """Whether the cursor has come back to 0."""
        return self._begun and self._cursor == 0

    @property
    def fraction(self) -> float:
        """How far the scan is, from 0 to 1."""
        return 1.0 if self.done else fraction_of(self._cursor)

    @property
    def queues(self) -> list[str]:
        """The queues whose task data was met so far."""
        return sorted(self._referenced)

    def step(self, pipe: Pipe) -> Step:
        """Take the next SCAN reply and look at what the indexes do not explain.

        The SCAN after it is sent off before the last rows of this one are made: the server works while we do.
        """
        if self._asked is pipe and self._stale:
            pipe.receive(1)
            self._asked = None
        if self._asked is not pipe:
            self._ask(pipe, self._cursor)
        (reply,) = pipe.receive(1)
        self._asked = None
        raise_first([reply])
        cursor, found = int(reply[0]), reply[1]
        met, suspects = self._suspects(pipe, found)
        lengths = _lengths(pipe, suspects)
        raise_unless_wrong_type(lengths)
        sized = list(zip(suspects, lengths, strict=True))
        candidates = [(*suspect, length) for suspect, length in sized if isinstance(length, int)]
        rows: list[TaskRow] = []
        batches = _batches(candidates)
        for number, batch in enumerate(batches, 1):
            looks = self._look(pipe, batch)
            if number == len(batches) and cursor:
                self._ask(pipe, cursor)
            for candidate, look in zip(batch, looks, strict=True):
                row = self._judge(candidate, look)
                if row is not None:
                    rows.append(row)
        self._cursor, self._begun = cursor, True
        return Step(rows, met, self.fraction, len(sized) - len(candidates))

    def _ask(self, pipe: Pipe, cursor: int) -> None:
        """Send the question for a SCAN reply."""
        pipe.send([pack((b"SCAN", b"%d" % cursor, b"MATCH", self._pattern, b"COUNT", b"%d" % self.count))])
        self._asked, self._stale = pipe, False

    def _suspects(self, pipe: Pipe, found: Sequence[bytes]) -> tuple[dict[str, int], list[tuple[str, bytes, bytes]]]:
        """How many tasks of each queue were met, and (queue, id, key) of those that no index explained."""
        met: dict[str, int] = {}
        suspects: list[tuple[str, bytes, bytes]] = []
        for key in found:
            place = self._place(pipe, key) if key.count(keys.TAG_END) > 1 else keys.split_task(key)
            if place is None or (self._wanted is not None and place[0] not in self._wanted):
                continue
            queue, task_id = place
            met[queue] = met.get(queue, 0) + 1
            if queue not in self._referenced:
                self._meet(pipe, queue)
            if task_id not in self._referenced[queue]:
                suspects.append((queue, task_id, key))
        return met, suspects

    def _place(self, pipe: Pipe, key: bytes) -> tuple[str, bytes] | None:
        """Queue and id of a key that can be read in several ways: as its own message says, else not at all. A live
        task must not pass for the orphan of another queue.
        """
        (raw,) = pipe.call([(b"HGET", key, b"msg")], errors="return")
        decoded = message.decode(raw) if isinstance(raw, bytes) else None
        if decoded is None:
            return None
        said = (decoded.queue, decoded.id.encode())
        return said if said in keys.splits(key) else None

    def _meet(self, pipe: Pipe, queue: str) -> None:
        """Read the indexes of a queue when its first task is met."""
        if is_leftover(pipe, queue):
            self._leftover.add(queue)
        self._referenced[queue] = referenced_ids(pipe, queue, without_completed=queue in self._leftover)

    def _look(self, pipe: Pipe, batch: Sequence[Candidate]) -> list[Look]:
        """Read state, message and place in the index of each candidate as of one moment.

        Most orphans are archived ones, so that index is asked; where the state turns out to be `completed`, the
        candidate is looked at again with the other index.
        """
        looks = self._read(pipe, batch, State.ARCHIVED)
        again = [number for number, look in enumerate(looks) if look.state is State.COMPLETED]
        if again:
            others = self._read(pipe, [batch[number] for number in again], State.COMPLETED)
            for number, look in zip(again, others, strict=True):
                looks[number] = look
        return looks

    def _read(self, pipe: Pipe, batch: Sequence[Candidate], index: State) -> list[Look]:
        packed = [_HMGET % (len(key), key) for _, _, key, _ in batch]
        if self._zmscore:
            # Batches are of one queue: see `_batches`
            members = [task_id for _, task_id, _, _ in batch]
            packed.append(pack((b"ZMSCORE", keys.index(batch[0][0], index), *members)))
        else:
            packed += [pack((b"ZSCORE", keys.index(queue, index), task_id)) for queue, task_id, _, _ in batch]
        try:
            if self._transactions:
                contents, scores = _split(pipe.atomically(packed), len(batch))
            else:
                contents, scores = _twice(pipe, packed, len(batch))
        except ResponseError as error:
            if not self._go_without(error):
                raise
            return self._read(pipe, batch, index)
        return [Look(index, content, score) for content, score in zip(contents, scores, strict=True)]

    def _go_without(self, error: ResponseError) -> bool:
        """Learn from a refusal what this server or user lacks; False where we cannot do without it."""
        said = str(error).lower()
        if not is_refusal(error):
            return False
        if self._zmscore and "zmscore" in said:  # since Redis 6.2
            self._zmscore = False
            return True
        if self._transactions and ("multi" in said or "exec" in said):
            self._transactions = False
            return True
        return False

    def _judge(self, candidate: Candidate, look: Look) -> TaskRow | None:
        queue, task_id, key, _ = candidate
        if look.content is None or look.state is not look.index:
            return None
        kind = findings.judge(look.state, referenced=look.score is not None, leftover=queue in self._leftover)
        if kind is None:
            return None
        scored_at = seconds_of(look.score) if isinstance(look.score, bytes) else None
        return row_of(queue, task_id, look.state, look.content[1], kind=kind, scored_at=scored_at, key_bytes=len(key))


def _batches(candidates: Sequence[Candidate]) -> list[Sequence[Candidate]]:
    """Cut candidates into batches of one queue whose replies stay small."""
    by_queue: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_queue.setdefault(candidate[0], []).append(candidate)
    return [
        batch
        for together in by_queue.values()
        for start in range(0, len(together), _LOOK_LIMIT)
        for batch in within_budget(together[start : start + _LOOK_LIMIT])
    ]


def _split(replies: Sequence[Reply], count: int) -> tuple[Sequence[Reply], Sequence[Reply]]:
    """The hashes and the scores among the replies to `_read`; scores come one by one or all in one reply."""
    contents, scores = replies[:count], replies[count:]
    raise_unless_wrong_type(replies)
    if len(scores) != count or isinstance(scores[0], list):
        scores = scores[0] if isinstance(scores[0], list) else [*scores] * count
    return contents, scores


def _twice(pipe: Pipe, packed: Sequence[bytes], count: int) -> tuple[list[Reply], list[Reply]]:
    """Where there are no transactions: look twice. A hash must be the same both times, and whoever stood in the index
    at either time counts as standing in it.
    """
    looks = []
    for _ in range(2):
        pipe.send(packed)
        looks.append(_split(pipe.receive(len(packed)), count))
    (before, scores_before), (after, scores_after) = looks
    contents = [one if one == other else None for one, other in zip(before, after, strict=True)]
    scores = [other if one is None else one for one, other in zip(scores_before, scores_after, strict=True)]
    return contents, scores


def _lengths(pipe: Pipe, suspects: Sequence[tuple[str, bytes, bytes]]) -> list[Reply]:
    """The length of each message, so that no reply asked for later is too large; an error where it is no hash."""
    if not suspects:
        return []
    pipe.send([_HSTRLEN % (len(key), key) for _, _, key in suspects])
    return pipe.receive(len(suspects))


def is_refusal(error: Exception) -> bool:
    """Whether a server error says that a command is forbidden or unknown here."""
    said = str(error).lower()
    return "noperm" in said or "no permission" in said or "unknown command" in said or "not allowed" in said


def referenced_ids(pipe: Pipe, queue: str, *, without_completed: bool = False) -> set[bytes]:
    """Every id that stands in any index of a queue, read in pieces while the queue may be changing."""
    ids: set[bytes] = set()
    for state in LISTS:
        _collect_list(pipe, keys.index(queue, state), ids)
    for state in SORTED_SETS:
        if not (without_completed and state is State.COMPLETED):
            _collect_sorted_set(pipe, keys.index(queue, state), ids)
    _collect_sorted_set(pipe, keys.lease(queue), ids)
    names, staged = pipe.call(
        [(b"SMEMBERS", keys.groups(queue)), (b"ZRANGE", keys.aggregation_sets(queue), b"0", b"-1")], errors="return"
    )
    group_keys = [keys.group(queue, name) for name in names] if isinstance(names, list) else []
    for key in (*group_keys, *(staged if isinstance(staged, list) else [])):
        _collect_sorted_set(pipe, key, ids)
    return ids


def _collect_list(pipe: Pipe, key: bytes, into: set[bytes]) -> None:
    start = 0
    while True:
        (piece,) = pipe.call([(b"LRANGE", key, b"%d" % start, b"%d" % (start + PIECE - 1))], errors="return")
        if not isinstance(piece, list) or not piece:
            raise_unless_wrong_type([piece])
            return
        into.update(piece)
        start += len(piece)


def _collect_sorted_set(pipe: Pipe, key: bytes, into: set[bytes]) -> None:
    cursor = b"0"
    while True:
        (reply,) = pipe.call([(b"ZSCAN", key, cursor, b"COUNT", b"%d" % PIECE)], errors="return")
        if not isinstance(reply, list):
            raise_unless_wrong_type([reply])
            return
        cursor, piece = reply
        into.update(piece[::2])
        if cursor == b"0":
            return


def raise_unless_wrong_type(replies: Sequence[Reply]) -> None:
    """An index of another type holds no ids; any other error must not pass for an empty index."""
    for reply in replies:
        if isinstance(reply, Exception) and not str(reply).startswith("WRONGTYPE"):
            raise reply
