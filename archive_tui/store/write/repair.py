"""Repair findings: one script call a batch, each task checked again by the server."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from archive_tui.asynq import locks
from archive_tui.asynq.findings import GROUP, Kind
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.limits import DEFAULTS, Limits
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Destination, Repair, destination, lists_to_search
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.asynq.task import FINGERPRINT_BYTES
from archive_tui.asynq.whole_messages import message_in
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply, raise_unless_wrong_type
from archive_tui.store.read import namespaces
from archive_tui.store.read.live_tasks import alive
from archive_tui.store.read.unreferenced import settle
from archive_tui.store.write.release import release
from archive_tui.store.write.scripts import load
from archive_tui.text import encode

_SEARCHED = 200_000
"""Ids of lists that one script call may search: about two milliseconds of the server's time."""

Types = Mapping[tuple[str, bytes], bytes]
"""The types of keys, by queue and id."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A task of a script call."""

    row: TaskRow

    state: bytes
    """The state that its hash must still name; of a foreign key, the type that it must still have."""

    digest: str
    """SHA-1 of the message that it must still have; empty for no message."""

    since: bytes
    """The `pending_since` that its hash must still have; empty for none."""

    place: str
    """The index in which it must still stand; empty for none."""

    search: list[State]
    """The states whose lists are searched for it."""

    goal: Destination | None
    """The state and index that it gets; None where it is deleted."""

    locks: Sequence[bytes] = ()
    """Two locks at most that it may hold without naming them, to be released where it is deleted."""

    def arguments(self, *, lost: bool) -> list[bytes]:
        """The arguments of the script; `lost`: nobody may look for it in its index."""
        goal = self.goal
        return [
            self.row.id,
            self.state,
            self.digest.encode(),
            self.since,
            encode(self.place),
            b",".join(state.value.encode() for state in self.search),
            goal.state.value.encode() if goal else b"",
            encode(goal.index) if goal else b"",
            b"%d" % goal.score if goal else b"0",
            goal.message if goal else b"",
            b"lost" if lost else b"",
            *[*self.locks, b"", b""][:2],
        ]


def repair(
    pipe: Pipe,
    repair_: Repair,
    rows: Sequence[TaskRow],
    now: float,
    types: Types = MappingProxyType({}),
    known: dict[int, Outcome] | None = None,
    prefixes: Collection[bytes] = (),
    limits: Limits = DEFAULTS,
    named: set[str] | None = None,
) -> list[Outcome]:
    """Set some findings of one queue right; one outcome for each, in order. `now` is unix seconds, `types` what foreign
    keys were when they were planned: without its type, none is deleted. Outcomes are put into `known`, by position, as
    soon as they are: where a long list is searched the batch takes several script calls, and one of them may be refused
    when others have been carried out. `prefixes` are those of other installations in the database: the id of a ghost
    that has data under one is left alone. `limits` are those of the archive.
    `named` are the groups, as indexes, that this change has named before, so that what was lost in them is to follow;
    those that it names now are added.

    What is lost is settled once more, for a list has no cheap membership test that the script could make. A lost task
    does not move by itself: its message and its state, checked again by the script, say that nobody has moved it since.
    What stands in a wrong index and also where its state says is alive: it only ever follows its state.
    """
    if not rows:
        return []
    queue = rows[0].queue
    if any(row.queue != queue for row in rows):
        raise ValueError("a batch is of one queue")
    named = set() if named is None else named
    if repair_ is Repair.RELEASE:
        return release(pipe, queue, rows)
    outcomes: dict[int, Outcome] = {} if known is None else known
    entries: dict[int, _Entry] = {}
    lost = _still_lost(pipe, queue, rows) | {row.id for row in rows if row.index_name in named}
    contents = _contents(pipe, rows)
    spared = _alive(pipe, queue, rows, repair_)
    ghosts = [row.id for row in rows if repair_ is Repair.REMOVE_ID]
    elsewhere = namespaces.elsewhere(pipe, prefixes, queue, ghosts)
    for number, (row, content) in enumerate(zip(rows, contents, strict=True)):
        if repair_ is Repair.DELETE_KEY:
            entries[number] = _foreign(row, types.get((row.queue, row.id), b""))
            continue
        entry = (
            Outcome.OTHER_INSTALLATION if row.id in elsewhere else _entry(pipe.keys, row, content, repair_, now, limits)
        )
        if row.kind is Kind.LOST and row.id not in lost:
            outcomes[number] = Outcome.NOW_REFERENCED if isinstance(entry, _Entry) else entry
        elif row.id in spared and isinstance(entry, _Entry):
            outcomes[number] = Outcome.ALIVE
        elif isinstance(entry, _Entry):
            entries[number] = entry
        else:
            outcomes[number] = entry
    numbers = list(entries)
    size = _batch_size(pipe, queue, list(entries.values()))
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        replies = _call(pipe, queue, repair_, [entries[number] for number in part], now, named)
        outcomes.update(zip(part, replies, strict=True))
        if repair_ is Repair.FOLLOW_STATE:
            named |= {
                rows[number].index_name
                for number, outcome in zip(part, replies, strict=True)
                if outcome.done and rows[number].index_name.startswith(GROUP)
            }
    return [outcomes[number] for number in range(len(rows))]


def _call(
    pipe: Pipe, queue: str, repair_: Repair, entries: Sequence[_Entry], now: float, named: Collection[str]
) -> list[Outcome]:
    action = {Repair.REMOVE_ID: b"ghost", Repair.CLEAN: b"clean", Repair.DELETE_KEY: b"foreign"}.get(repair_, b"move")
    arguments = [pipe.keys.prefix(queue), action, b"%d" % int(now * 1e9)]
    for entry in entries:
        arguments += entry.arguments(lost=entry.row.kind is Kind.LOST and entry.row.index_name not in named)
    hashes = [pipe.keys.task(queue, entry.row.id) for entry in entries]
    return [Outcome(number) for number in pipe.script(*load("repair"), hashes, arguments)]


def _still_lost(pipe: Pipe, queue: str, rows: Sequence[TaskRow]) -> set[bytes]:
    """The lost tasks that are still in no index that leads to them. What stands in `active` the script can tell."""
    lost = [row for row in rows if row.kind is Kind.LOST]
    active = {row.id for row in lost if row.index_name == State.ACTIVE}
    candidates = [(queue, row.id) for row in lost if row.id not in active]
    return active | {row.id for found in settle(pipe, candidates) for row in found if row.kind is Kind.LOST}


def _alive(pipe: Pipe, queue: str, rows: Sequence[TaskRow], repair_: Repair) -> set[bytes]:
    """Of what stands in a wrong index, the tasks that this repair would take out of the right one."""
    if repair_ is Repair.FOLLOW_STATE:
        return set()
    return alive(pipe, queue, [row for row in rows if row.kind is Kind.MISMATCH])


def _contents(pipe: Pipe, rows: Sequence[TaskRow]) -> list[Reply]:
    return pipe.call(
        [
            (b"HMGET", pipe.keys.task(row.queue, row.id), b"state", b"msg", b"pending_since", b"group", b"unique_key")
            for row in rows
        ],
        errors="return",
    )


def _entry(keys: Keys, row: TaskRow, content: Reply, repair_: Repair, now: float, limits: Limits) -> "_Entry | Outcome":
    """The entry of a task in a script call, or the reason why it cannot be repaired."""
    if repair_ is Repair.REMOVE_ID:
        if message_in(row.id, row.queue) is not None:
            return Outcome.WHOLE_MESSAGE
        return _Entry(row, b"", "", b"", row.index_name, lists_to_search(row, None), None)
    if not isinstance(content, list):
        raise_unless_wrong_type([content])
        return Outcome.NOT_A_TASK
    raw_state, raw_message, since, group, unique_key = content
    if content == [None] * 5 and row.fingerprint:
        return Outcome.GONE
    if State.parse(raw_state) is not row.state:
        return Outcome.STATE_CHANGED
    digest = hashlib.sha1(raw_message, usedforsecurity=False) if raw_message is not None else None
    if (digest.digest()[:FINGERPRINT_BYTES] if digest else b"") != row.fingerprint:
        return Outcome.MESSAGE_CHANGED
    goal = None
    if repair_ is not Repair.CLEAN:
        goal = destination(repair_, row, raw_message or b"", group or b"", now, limits)
        if goal is None:
            return Outcome.NO_DESTINATION
    return _Entry(
        row,
        raw_state or b"",
        digest.hexdigest() if digest else "",
        since or b"",
        stands_in(row),
        lists_to_search(row, goal),
        goal,
        locks.unnamed(keys, row.queue, unique_key, raw_message) if goal is None else (),
    )


def _foreign(row: TaskRow, type_: bytes) -> _Entry:
    """A foreign key: all about it is left to the script."""
    return _Entry(row, type_, "", b"", row.index_name, lists_to_search(row, None), None)


def types_of(pipe: Pipe, rows: Sequence[TaskRow]) -> dict[tuple[str, bytes], bytes]:
    """What is in the place of these rows' task data now, by queue and id: `string`, `list` …, or `none`."""
    replies = pipe.call([(b"TYPE", pipe.keys.task(row.queue, row.id)) for row in rows])
    return {(row.queue, row.id): reply for row, reply in zip(rows, replies, strict=True) if isinstance(reply, bytes)}


def stands_in(row: TaskRow) -> str:
    """The index in which a finding was seen, the last part of its key; "" for none."""
    if not row.index_name and row.kind is Kind.ORPHAN_COMPLETED and row.scored_at is not None:
        return State.COMPLETED.value  # of a leftover queue, whose index still stands
    return row.index_name


def _batch_size(pipe: Pipe, queue: str, entries: Sequence[_Entry]) -> int:
    """How many tasks one script call may take: searching a list takes time that grows with it."""
    searched = sorted({state for entry in entries for state in entry.search})
    sizes = pipe.call([(b"LLEN", pipe.keys.index(queue, state)) for state in searched], errors="return")
    ids = sum(size for size in sizes if isinstance(size, int))
    return max(1, _SEARCHED // ids if ids else len(entries))
