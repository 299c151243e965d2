"""The scan for task data that Asynq has lost track of, in small steps. Reads only, no scripts (DESIGN.md section 5).

Each step takes one SCAN reply. What the indexes already explain is passed over: they were read before, in pieces.
Only the rest costs a second look, and that look reads the state and its index in one transaction. Asynq changes both
in one script, so what one transaction saw is no torn read: a finding is settled when it is made. Where the server
refuses transactions the look is taken twice, and only what both saw alike is a finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from archive_tui.asynq import findings, keys
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import TaskRow, row_of
from archive_tui.store.pipe import Command, Pipe, Reply
from archive_tui.store.tasks import PIECE, within_budget
from archive_tui.text import encode

_LOOK_LIMIT = 250
_CURSOR_BITS = 64


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a scan brought: rows of findings, the task keys it met, and how far we are (0 to 1).

    `not_tasks` counts keys that are no hashes; `unjudged` counts unreferenced task data of a state that still should
    run, which has no kind yet.
    """

    rows: list[TaskRow]
    keys_by_queue: dict[str, int]
    fraction: float
    not_tasks: int = 0
    unjudged: int = 0

    @property
    def keys(self) -> int:
        """How many task keys the step met."""
        return sum(self.keys_by_queue.values())


def fraction_of(cursor: int) -> float:
    """How much of the keyspace a SCAN cursor has behind it. Cursors count with their bits reversed, so reversing all
    64 of them gives the fraction whatever the table's size.
    """
    return int(f"{cursor:0{_CURSOR_BITS}b}"[::-1], 2) / (1 << _CURSOR_BITS)


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
        self._transactions = True
        self.restart()

    def restart(self) -> None:
        """Begin again from the start; what was found before may be found a second time."""
        self._cursor = 0
        self._begun = False
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
        """Take the next SCAN reply and look at what the indexes do not explain."""
        cursor, found = pipe.one(b"SCAN", b"%d" % self._cursor, b"MATCH", self._pattern, b"COUNT", b"%d" % self.count)
        suspects: list[tuple[tuple[str, bytes], bytes]] = []
        met: dict[str, int] = {}
        for key in found:
            place = keys.split_task(key)
            if place is None or (self._wanted is not None and place[0] not in self._wanted):
                continue
            queue, task_id = place
            met[queue] = met.get(queue, 0) + 1
            if queue not in self._referenced:
                self._meet(pipe, queue)
            if task_id not in self._referenced[queue]:
                suspects.append((place, key))
        rows, not_tasks, unjudged = self._look(pipe, suspects)
        self._cursor, self._begun = int(cursor), True
        return Step(rows, met, self.fraction, not_tasks, unjudged)

    def _meet(self, pipe: Pipe, queue: str) -> None:
        """Read the indexes of a queue when its first task is met."""
        if is_leftover(pipe, queue):
            self._leftover.add(queue)
        self._referenced[queue] = referenced_ids(pipe, queue, without_completed=queue in self._leftover)

    def _look(self, pipe: Pipe, suspects: Sequence[tuple[tuple[str, bytes], bytes]]) -> tuple[list[TaskRow], int, int]:
        """The second look: which of these tasks are findings, beside how many are no hashes and how many unjudged."""
        first: list[Command] = []
        for _, key in suspects:
            first += [(b"HSTRLEN", key, b"msg"), (b"HGET", key, b"state")]
        replies = pipe.call(first, errors="return")
        not_tasks = unjudged = 0
        candidates: list[tuple[tuple[str, bytes, State], bytes, Reply]] = []
        for number, ((queue, task_id), key) in enumerate(suspects):
            length, raw_state = replies[2 * number], replies[2 * number + 1]
            if isinstance(length, Exception) or isinstance(raw_state, Exception):
                not_tasks += 1
                continue
            state = State.parse(raw_state)
            if state in findings.ORPHAN_STATES:
                candidates.append(((queue, task_id, state), key, length))
            elif raw_state is not None:
                unjudged += 1
        rows = []
        for start in range(0, len(candidates), _LOOK_LIMIT):
            for batch in within_budget(candidates[start : start + _LOOK_LIMIT]):
                rows += [row for row in self._settle(pipe, batch) if row is not None]
        return rows, not_tasks, unjudged

    def _settle(
        self, pipe: Pipe, batch: Sequence[tuple[tuple[str, bytes, State], bytes, Reply]]
    ) -> list[TaskRow | None]:
        """Read state, message and index membership of each candidate as of one moment, and judge it."""
        commands: list[Command] = []
        for (queue, task_id, state), key, _ in batch:
            commands += [(b"HMGET", key, b"state", b"msg"), (b"ZSCORE", keys.index(queue, state), task_id)]
        if self._transactions:
            try:
                replies = pipe.atomically(commands)
            except Exception as error:
                if not is_refusal(error):
                    raise
                self._transactions = False
        if not self._transactions:
            before = pipe.call(commands, errors="return")
            after = pipe.call(commands, errors="return")
            replies = [one if one == other else None for one, other in zip(before, after, strict=True)]
            # Whoever stood in the index at either look is referenced; contents that differ are no finding.
            replies[1::2] = [one or other for one, other in zip(before[1::2], after[1::2], strict=True)]
        return [
            _judged(place, key, replies[2 * number], replies[2 * number + 1], leftover=place[0] in self._leftover)
            for number, (place, key, _) in enumerate(batch)
        ]


def _judged(
    place: tuple[str, bytes, State], key: bytes, content: Reply, score: Reply, *, leftover: bool
) -> TaskRow | None:
    queue, task_id, expected = place
    if not isinstance(content, list) or isinstance(score, Exception):
        return None
    state = State.parse(content[0])
    if state is not expected:
        return None  # it moved on between the looks
    kind = findings.judge(state, referenced=score is not None, leftover=leftover)
    if kind is None:
        return None
    scored_at = int(float(score)) if score else None
    return row_of(queue, task_id, state, content[1], kind=kind, scored_at=scored_at, key_bytes=len(key))


def is_refusal(error: Exception) -> bool:
    """Whether a server error says that a command is forbidden or unknown here."""
    said = str(error).lower()
    return "noperm" in said or "no permission" in said or "unknown command" in said or "not allowed" in said


def is_leftover(pipe: Pipe, queue: str) -> bool:
    """Whether a queue is missing from `asynq:queues` and has nothing left to do. A queue that was deleted while a
    client goes on enqueueing is not registered again until that client restarts, but it is no leftover.
    """
    known, *sizes = pipe.call(
        [
            (b"SISMEMBER", keys.QUEUES, encode(queue)),
            *[(b"LLEN", keys.index(queue, state)) for state in LISTS],
            (b"ZCARD", keys.index(queue, State.SCHEDULED)),
            (b"ZCARD", keys.index(queue, State.RETRY)),
        ],
        errors="return",
    )
    return known == 0 and all(size == 0 for size in sizes)


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
            _raise_unless_wrong_type(piece)
            return
        into.update(piece)
        start += len(piece)


def _collect_sorted_set(pipe: Pipe, key: bytes, into: set[bytes]) -> None:
    cursor = b"0"
    while True:
        (reply,) = pipe.call([(b"ZSCAN", key, cursor, b"COUNT", b"%d" % PIECE)], errors="return")
        if not isinstance(reply, list):
            _raise_unless_wrong_type(reply)
            return
        cursor, piece = reply
        into.update(piece[::2])
        if cursor == b"0":
            return


def _raise_unless_wrong_type(reply: Reply) -> None:
    """An index of another type holds no ids; any other error must not pass for an empty index."""
    if isinstance(reply, Exception) and not str(reply).startswith("WRONGTYPE"):
        raise reply
