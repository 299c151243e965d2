"""The queues of an installation: which there are, and how each is doing. Reads only."""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from archive_tui.asynq.keys import ANYWHERE
from archive_tui.asynq.ownership import Ownership, is_tangled
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import seconds_of
from archive_tui.errors import DisconnectedError, MovedError, NotAsynqError
from archive_tui.settings.namespace import DEFAULT_NAMESPACE
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import (
    Reply,
    is_not_permitted,
    is_of_another_slot,
    raise_first,
    raise_unless_wrong_type,
)
from archive_tui.store.link.server import Server
from archive_tui.store.read import namespaces, owners
from archive_tui.store.read.indexes import Cursor, Order, pieces
from archive_tui.store.read.keyspace import pages
from archive_tui.store.read.memory import Estimate
from archive_tui.store.read.namespaces import Others
from archive_tui.store.read.old_storage import old_queues
from archive_tui.text import decode, line

GroupNames: TypeAlias = dict[str, set[bytes]]
"""By queue, the names of its group and aggregation sets, without `g:`."""

FAILURE_DAYS = 14
_NAMED = 5
"""Namespaces that a message names."""

_MOST_GROUPS = 500
"""Groups that are asked one by one for their size at each refresh."""

MOST_SCORES = 30_000
"""Scores that are read of one archive: three times what Asynq leaves in it."""

_SCORES_AT_ONCE = 1_000
_COUNTER = re.compile(rb"-?\d{1,20}")


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The figures of one queue."""

    name: str

    registered: bool | None
    """True where it stands in `asynq:queues`; None where the node of a cluster that has those does not answer."""

    counts: dict[State, int] = field(default_factory=dict)
    """Tasks in each state; a state is missing where its index cannot be counted."""

    groups: int = 0
    """Number of groups whose tasks wait."""

    oldest_archived_at: int | None = None
    """Unix seconds; None where the archive is empty."""

    failed: tuple[int, ...] = ()
    """Failures a UTC day, the oldest day first, today last; empty where they cannot be read."""

    processed_today: int = 0
    """Tasks processed this UTC day, failed ones included."""

    paused: bool = False

    memory: Estimate | None = None
    """Estimate of its bytes; None where it is not measured, or the server would not tell."""

    unreadable: tuple[str, ...] = ()
    """Indexes that are not of the type that Asynq writes."""

    refused: bool = False
    """True where this user may not read it; then nothing else is known."""

    away: str = ""
    """Why the node of a cluster that has it does not answer, in words; then nothing else is known. Empty: it does."""

    old: bool = False
    """True where Asynq before 0.18 wrote it: its tasks are whole messages, and can only be read."""

    @property
    def leftover(self) -> bool:
        """Whether Asynq is known not to know it any more."""
        return self.registered is False

    @property
    def why_unread(self) -> str | None:
        """Why nothing is known of it, in words; None where something is."""
        return "not permitted" if self.refused else self.away or None


def registered(pipe: Pipe) -> list[str]:
    """The names in `asynq:queues`, sorted. An empty one is none: Asynq refuses it, and here it is `INSTALLATION`."""
    reply = pipe.one(b"SMEMBERS", pipe.keys.queues)
    return sorted(decode(name) for name in reply if name)


def registered_if_there(pipe: Pipe) -> tuple[list[str] | None, str]:
    """The same, or None and why, where the node of a cluster that has `asynq:queues` does not answer."""
    try:
        return registered(pipe), ""
    except DisconnectedError as error:
        if not pipe.lenient or isinstance(error, MovedError):
            raise
        return None, f"which queues are registered is not known: {error}"


def recognise(server: Server, *, may_be_empty: bool = False, every_namespace: bool = False) -> list[str]:
    """The registered queues of an Asynq installation that we can read; none in an empty database, where that is no
    reason to think it the wrong one, nor where `every_namespace` will do and another holds one.

    Raises NotAsynqError where the database holds none.
    """
    with server.pipe(lenient=True) as pipe:
        (kind,) = pipe.call([(b"TYPE", pipe.keys.queues)], errors="return")
        if isinstance(kind, DisconnectedError):  # what is on the other nodes of the cluster can be read
            return sorted({name for name in discover(pipe) if name is not None})
        raise_first([kind])
        if kind == b"set":
            return registered(pipe)
        if kind != b"none":
            raise NotAsynqError(
                f"{server.address}: {pipe.keys.queues.decode()} is a {line(kind)}, not Asynq's set of queues"
            )
        if any(name is not None for name in discover(pipe)):
            return []  # only leftover queues: damaged, but Asynq's
        sizes = [size for _, size in pipe.ask_everywhere(b"DBSIZE")]
        size = sum(sizes) if all(isinstance(one, int) for one in sizes) else None
        if size == 0 and may_be_empty:
            return []
        if stale := server.look(pipe).staleness:
            raise DisconnectedError(f"{server.address} holds nothing of Asynq's, and {stale}")
        others = namespaces.others(pipe) if size != 0 else []
        if others and every_namespace:
            return []
        own = pipe.keys.namespace
        if others:
            named = ", ".join(f"--namespace {shlex.quote(line(one))}" for one in others[:_NAMED])
            raise NotAsynqError(
                f"{server.address} holds nothing in the namespace {line(own)}; it holds others, as forks of Asynq have "
                f"them: say {named}{', …' if len(others) > _NAMED else ''} (or check --db and the address)"
            )
        holds = f"holds {size:,} keys, none of them Asynq's" if isinstance(size, int) and size else "is empty"
        within = "" if own == DEFAULT_NAMESPACE else f" in the namespace {line(own)}"
        check = "the database number (--db) and the address" if not within else "--namespace, --db and the address"
        raise NotAsynqError(f"{server.address} {holds}{within if size else ''}: check {check}")


def discover(pipe: Pipe, groups: GroupNames | None = None, others: Others | None = None) -> Iterator[str | None]:
    """Walk the whole keyspace and yield each queue name when its first key is met, leftover queues included. The names
    of the sets of groups that are met on the way are added to `groups`, and namespaces beside our own to `others`.

    After each step comes a None, so that whoever drives the walk can rest between steps.
    """
    known: set[str] = set()
    ownership = owners.ownership(pipe)
    for page in pages(pipe, pipe.keys.everything_pattern() if others is None else ANYWHERE):
        found = page
        if others is not None:
            others.meet(pipe, page)
            found = [key for key in page if key.startswith(pipe.keys.start)]
        for name, group in _owners(pipe, ownership, found, known):
            if groups is not None and group is not None:
                groups.setdefault(name, set()).add(group)
            if name not in known:
                known.add(name)
                yield name
        yield None


def _owners(
    pipe: Pipe, ownership: Ownership, found: Sequence[bytes], known: Collection[str]
) -> Iterator[tuple[str, bytes | None]]:
    """The queues of some keys, each with the name of the group, or of the set that is being aggregated, whose set the
    key is. Keys that tell nothing new may be left out.
    """
    tangled, bare = [], []
    for key in found:
        if is_tangled(key):
            tangled.append(key)
        elif (name := pipe.keys.queue_of(key)) is not None:
            group = pipe.keys.group(name, b"")
            yield name, key.removeprefix(group) if key.startswith(group) else None
        elif (name := pipe.keys.old_pending_of(key)) is not None and name not in known:
            bare.append((name, key))
    news = [
        key
        for key in tangled
        if any(claim.queue not in known or claim.group is not None for claim in ownership.claims(key))
    ]
    for reading in owners.readings_of(pipe, ownership, news):
        if reading is not None:
            yield reading.queue, reading.group
    sizes = pipe.call([(b"LLEN", key) for _, key in bare], errors="return")
    yield from ((name, None) for (name, _), size in zip(bare, sizes, strict=True) if isinstance(size, int) and size)


def stats(
    pipe: Pipe,
    names: Sequence[str],
    registered_names: Iterable[str] | None,
    today: datetime,
    groups: Mapping[str, Collection[bytes]] = MappingProxyType({}),
) -> list[QueueStats]:
    """The figures of some queues, in three round trips for all of them. Raises NotPermittedError where none of them may
    be read.

    Tasks may stand in the set of a group that `asynq:{q}:groups` does not name. Those are counted as far as `groups`
    names their sets, as a walk over the keyspace has met them. Where `registered_names` is None, nobody knows which are
    registered.
    """
    commands: list[Command] = []
    old = old_queues(pipe, names)
    days = [(today.astimezone(UTC) - timedelta(days=back)).strftime("%Y-%m-%d") for back in range(FAILURE_DAYS)][::-1]
    for name in names:
        commands += [(b"LLEN", pipe.keys.index(name, state)) for state in LISTS]
        commands += [(b"ZCARD", pipe.keys.index(name, state)) for state in SORTED_SETS]
        commands += [
            (b"ZRANGE", pipe.keys.index(name, State.ARCHIVED), b"0", b"0", b"WITHSCORES"),
            (b"EXISTS", pipe.keys.paused(name)),
            (b"MGET", *[pipe.keys.failed_on(name, day) for day in days]),
            (b"GET", pipe.keys.processed_on(name, days[-1])),
            (b"SCARD", pipe.keys.groups(name)),
            (b"ZRANGE", pipe.keys.aggregation_sets(name), b"0", b"%d" % (_MOST_GROUPS - 1)),
        ]
    replies = pipe.call(commands, errors="return")
    width = len(replies) // len(names) if names else 0
    known = None if registered_names is None else set(registered_names)
    there = [None if known is None else name in known for name in names]
    parts = [replies[number * width : (number + 1) * width] for number in range(len(names))]
    away = [_away(part) for part in parts]
    refused = [_refused(part) for part in parts]
    for part, no, lost in zip(parts, refused, away, strict=True):
        if not (no or lost) or all(refused):
            raise_unless_wrong_type([reply for reply in part if not is_of_another_slot(reply)])
    waiting = _aggregating(pipe, names, [(part[-2], part[-1]) for part in parts], groups)
    return [
        QueueStats(name, registered, refused=no, away=lost)
        if no or lost
        else _stats_of(name, part, aggregating, registered=registered, messages=old.get(name))
        for name, registered, part, aggregating, no, lost in zip(
            names, there, parts, waiting, refused, away, strict=True
        )
    ]


def _aggregating(
    pipe: Pipe, names: Sequence[str], found: Sequence[tuple[Reply, Reply]], met: Mapping[str, Collection[bytes]]
) -> list[int | None]:
    """Number of tasks that wait in groups or are being aggregated; None for a queue with too many groups."""
    countable = [
        isinstance(groups, int) and max(groups, len(met.get(name, ()))) <= _MOST_GROUPS
        for name, (groups, _) in zip(names, found, strict=True)
    ]
    commands = [(b"SMEMBERS", pipe.keys.groups(name)) for name, able in zip(names, countable, strict=True) if able]
    members = iter(pipe.call(commands, errors="return"))
    sets: list[set[bytes]] = []
    for name, able, (_, staged) in zip(names, countable, found, strict=True):
        groups = next(members) if able else []
        waiting = {*(groups if isinstance(groups, list) else []), *(met.get(name, ()) if able else [])}
        sets.append(
            {pipe.keys.group(name, group) for group in waiting}.union(
                staged if isinstance(staged, list) and able else []
            )
        )
    sizes = iter(pipe.call([(b"ZCARD", key) for one in sets for key in one], errors="return"))
    counts = [sum(size for size in (next(sizes) for _ in one) if isinstance(size, int)) for one in sets]
    return [
        count if able or not isinstance(groups, int) else None
        for count, able, (groups, _) in zip(counts, countable, found, strict=True)
    ]


def _refused(replies: Iterable[Reply]) -> bool:
    """Tell whether this user may not read one of these."""
    return any(map(is_not_permitted, replies))


def _away(replies: Iterable[Reply]) -> str:
    """Why the node of a queue does not answer; empty where it does."""
    return next((str(reply) for reply in replies if isinstance(reply, DisconnectedError)), "")


def _stats_of(
    name: str, replies: Sequence[Reply], aggregating: int | None, *, registered: bool | None, messages: int | None
) -> QueueStats:
    """`messages` is the number of messages in a list of pending ones of before 0.18; None where the queue has no such
    storage.
    """
    states = (*LISTS, *SORTED_SETS)
    sizes, (oldest, paused, failed, processed, groups, _) = replies[: len(states)], replies[len(states) :]
    counts = {state: size for state, size in zip(states, sizes, strict=True) if isinstance(size, int)}
    if messages and State.PENDING in counts:
        counts[State.PENDING] += messages
    if aggregating is not None:
        counts[State.AGGREGATING] = aggregating
    return QueueStats(
        name,
        registered,
        counts,
        groups=groups if isinstance(groups, int) else 0,
        oldest_archived_at=seconds_of(oldest[1]) if isinstance(oldest, list) and oldest else None,
        failed=tuple(_number(count) for count in failed) if isinstance(failed, list) else (),
        processed_today=_number(processed),
        paused=paused == 1,
        unreadable=tuple(state.value for state, size in zip(states, sizes, strict=True) if isinstance(size, Exception)),
        old=messages is not None,
    )


def _number(reply: Reply) -> int:
    """A counter; what is no number counts as none."""
    return int(reply) if isinstance(reply, bytes) and _COUNTER.fullmatch(reply) else 0


def exists(pipe: Pipe, queue: str) -> bool:
    """Tell whether a queue is registered or has at least one key of its own; may walk the keyspace."""
    if pipe.one(b"SISMEMBER", pipe.keys.queues, queue.encode("utf-8", "surrogateescape")):
        return True
    indexes = [pipe.keys.old_pending(queue), *[pipe.keys.index(queue, state) for state in (*LISTS, *SORTED_SETS)]]
    if any(pipe.call([(b"EXISTS", key) for key in indexes])):
        return True
    ownership = owners.ownership(pipe)
    return any(owners.keys_of(pipe, ownership, queue, found) for found in pages(pipe, pipe.keys.queue_pattern(queue)))


def archived_scores(pipe: Pipe, queue: str, most: int = MOST_SCORES) -> list[float]:
    """The moments at which the tasks of an archive were archived (unix seconds), the oldest first, at most `most`; in
    pieces, so that no reply is long. What is trimmed meanwhile may be missing.
    """
    cursor = Cursor(pipe.keys.index(queue, State.ARCHIVED), Order.LOWEST, _SCORES_AT_ONCE, overlap=0, scores=True)
    scores: list[float] = []
    for piece in pieces(pipe, cursor):
        scores += [float(seconds_of(score)) for score in piece.scores]
        if len(scores) >= most:
            break
    return sorted(scores)
