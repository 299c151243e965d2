"""What needs attention at the other end of a connection, in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive_tui.store.facts import Connection, NodeFacts, Replica
from archive_tui.text import clip
from archive_tui.wording.people import age, exact, number, plural, size, span

FULL = 0.9
"""Share of memory, or of connections, from which it is said that there will soon be none left."""

_FAR_BEHIND = 10_000_000
"""Bytes of the replication stream that a replica may lag behind without a warning."""

_SILENT = 10
"""Seconds without a word from a replica, which confirms each second."""

CLOCKS_APART = 2.0
"""Seconds that two clocks may differ without a warning."""

EXPIRES_SOON = 14 * 86_400.0
"""Seconds before a certificate expires in which that is a warning."""

LONGEST_ADDRESS = 34
"""Characters of an address that are shown."""


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that needs attention."""

    code: str
    """Its name for programs, which does not change."""

    address: str
    """The node that it is about, safe to show."""

    text: str
    """What is so of the node, without the subject of the sentence: `may evict task data: …`. Safe to show."""

    danger: bool = False
    """Whether task data may be lost, or strangers may read along."""

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"{self.address} {self.text}"


@dataclass(frozen=True, slots=True)
class Notice:
    """What needs attention, as people read it: once for all nodes of which it is true."""

    sentence: str
    """Safe to show."""

    danger: bool
    """As of a `Warning`."""


def warnings(connection: Connection, now: float) -> list[Warning]:
    """What needs attention, the gravest first; `now` is unix seconds. Of a dump file nothing does."""
    if connection.snapshot:
        return []
    found = [
        *_slots(connection),
        *(
            one
            for node in connection.nodes
            for look in (_unreachable, _eviction, _fullness, _saving, _replication, _encryption, _clients, _clock)
            for one in look(node, connection, now)
        ),
    ]
    return sorted(found, key=lambda one: not one.danger)


_UNSERVED = "slots-unserved"


def _slots(connection: Connection) -> Iterator[Warning]:
    if connection.unserved:
        said = f"has {plural(connection.unserved, 'slot')} that no node serves: queues there cannot be read or changed"
        yield Warning(_UNSERVED, connection.address, said, danger=True)


def notices(connection: Connection, now: float) -> list[Notice]:
    """The same for people: what is true of several nodes stands once."""
    concerned: dict[tuple[str, str, bool], list[str]] = {}
    for one in warnings(connection, now):
        concerned.setdefault((one.code, one.text, one.danger), []).append(one.address)
    nodes = len(connection.nodes)
    return [
        Notice(f"{'this cluster' if code == _UNSERVED else _subject(addresses, nodes)} {text}", danger)
        for (code, text, danger), addresses in concerned.items()
    ]


def _subject(addresses: Sequence[str], nodes: int) -> str:
    if nodes == 1:
        return "this server"
    names = [name_of(address, nodes) for address in addresses]
    if len(names) == 1:
        return names[0]
    return f"each of the {nodes} nodes" if len(names) == nodes else f"each of {', '.join(names)}"


def name_of(address: str, nodes: int) -> str:
    """The address of a node; without the database where it is one of several, for a cluster has but one."""
    return clip(address.removesuffix("/0") if nodes > 1 else address, LONGEST_ADDRESS)


def _unreachable(node: NodeFacts, connection: Connection, _now: float) -> Iterator[Warning]:
    if node.trouble:
        yield Warning("unreachable", node.address, f"cannot be read: {node.trouble}", danger=True)
    elif node.loading:
        yield Warning("loading", node.address, f"is loading its data from disk and answers nothing yet: {node.loading}")


def _eviction(node: NodeFacts, _connection: Connection, _now: float) -> Iterator[Warning]:
    memory = node.memory
    if not memory.evicts:
        if memory.evicted:
            said = f"has evicted {plural(memory.evicted, 'key')} since it started; task data may have been among them"
            yield Warning("has-evicted", node.address, said, danger=True)
        return
    done = f" It has evicted {plural(memory.evicted, 'key')} since it started." if memory.evicted else ""
    full = f"at {size(memory.limit)}"
    if memory.evicts_anything:
        said = (
            f"may evict task data: {full} {memory.policy} deletes any key. A task loses its data while its id stays, "
            f"and an index takes all of its ids with it.{done} {_WAY_OUT}"
        )
        yield Warning("may-evict-task-data", node.address, said, danger=True)
        return
    said = (
        f"may evict unique locks: {full} {memory.policy} deletes keys with a time to live. A task without its lock may "
        f"be enqueued twice. Task data and indexes stay.{done} {_WAY_OUT}"
    )
    yield Warning("may-evict-locks", node.address, said)


_WAY_OUT = "Asynq needs maxmemory-policy noeviction."


def _fullness(node: NodeFacts, _connection: Connection, _now: float) -> Iterator[Warning]:
    memory = node.memory
    if memory.share is not None and memory.share >= FULL and not memory.evicts:
        said = (
            f"has {memory.share:.0%} of its memory in use: from 100 % on nothing can be enqueued, and workers get no "
            "task any more, so that it does not get emptier by itself"
        )
        yield Warning("memory-full", node.address, said, danger=memory.share >= 1)


def _saving(node: NodeFacts, _connection: Connection, now: float) -> Iterator[Warning]:
    saving = node.persistence
    if saving.save_failed:
        last = f"; the last good one is of {age(saving.saved_at, now)} ago" if saving.saves else ""
        said = f"could not write its last snapshot to disk{last}. By default it then refuses every write"
        yield Warning("save-failed", node.address, said, danger=True)
    if saving.log and saving.log_failed:
        said = "could not write or rewrite its log of changes (AOF): have its disk looked at"
        yield Warning("log-failed", node.address, said, danger=True)
    if saving.nothing_is_saved:
        said = "saves nothing to disk by itself: a restart loses every task that no replica has"
        yield Warning("nothing-saved", node.address, said)


def _replication(node: NodeFacts, _connection: Connection, _now: float) -> Iterator[Warning]:
    for replica in node.replicas or ():
        problem = _problem_of(replica)
        if problem:
            said = f"has a replica, {replica.address}, that {problem}: a failover to it loses what it has not heard"
            yield Warning("replica-behind", node.address, said)
    upstream = node.upstream
    if upstream is not None and upstream.syncing:
        said = f"gets its first copy from {upstream.address}: what it holds is old, or not there yet"
        yield Warning("replica-syncing", node.address, said)
    elif upstream is not None and not upstream.linked:
        since = f"for {span(upstream.seconds_silent)}" if upstream.seconds_silent is not None else "yet"
        said = f"has not heard its primary {upstream.address} {since}: what it holds is as old as that, or not there"
        yield Warning("primary-away", node.address, said)


def _problem_of(replica: Replica) -> str:
    if not replica.online:
        return f"has not all data yet ({replica.state or 'state unknown'})"
    if replica.seconds_silent is not None and replica.seconds_silent >= _SILENT:
        return f"has confirmed nothing for {span(replica.seconds_silent)}"
    if replica.bytes_behind is not None and replica.bytes_behind >= _FAR_BEHIND:
        return f"is {size(replica.bytes_behind)} behind"
    return ""


def _encryption(node: NodeFacts, _connection: Connection, now: float) -> Iterator[Warning]:
    tls = node.encryption
    if tls is None:
        return
    if not tls.verified:
        said = "has a certificate that is not checked: somebody on the way could read and change everything"
        yield Warning("not-verified", node.address, said, danger=True)
    if tls.valid_until is not None and tls.valid_until - now < EXPIRES_SOON:
        said = f"has a certificate that expires {until(tls.valid_until, now)}: nobody can connect from then on"
        yield Warning("certificate-expires", node.address, said)


def until(moment: float, now: float) -> str:
    if moment <= now:
        return f"{span(now - moment)} ago ({exact(moment)})"
    return f"in {span(moment - now)} ({exact(moment).partition(' ')[0]})"


def _clients(node: NodeFacts, _connection: Connection, _now: float) -> Iterator[Warning]:
    if node.clients is not None and node.clients_limit and node.clients >= FULL * node.clients_limit:
        of = f"{number(node.clients)} of {number(node.clients_limit)}"
        said = f"has {of} connections in use: at the limit it turns workers away"
        yield Warning("connections-full", node.address, said)


def _clock(node: NodeFacts, connection: Connection, _now: float) -> Iterator[Warning]:
    if node.ahead is None or connection.snapshot or abs(node.ahead) - node.ahead_within < CLOCKS_APART:
        return
    said = f"has a clock that is {apart(node)} ours: ages on the screens go by ours, and may be wrong by as much"
    yield Warning("clocks-apart", node.address, said)


def apart(node: NodeFacts) -> str:
    ahead = node.ahead or 0.0
    seconds = abs(ahead)
    long = f"{seconds:.1f} s" if seconds < 60 else span(seconds)
    return f"{long} {'ahead of' if ahead > 0 else 'behind'}"
