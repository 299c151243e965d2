"""A connection in words: all there is to say about its servers, our user, and what is missing here.

The same sentences stand on the connection page, in its copy and in what `archive-tui connection` prints.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archive_tui.asynq.actions import Action
from archive_tui.store.facts import (
    Connection,
    Encryption,
    Extra,
    Memory,
    NodeFacts,
    Persistence,
    Replica,
    Right,
    SentinelView,
)
from archive_tui.text import clip, line
from archive_tui.wording.attention import (
    CLOCKS_APART,
    EXPIRES_SOON,
    FULL,
    LONGEST_ADDRESS,
    apart,
    name_of,
    notices,
    until,
)
from archive_tui.wording.people import UNKNOWN, ago, milliseconds, number, plural, size, span, sparkline
from archive_tui.wording.tone import Tone

_HEARTBEAT = 1
"""Seconds of silence that say nothing: a replica confirms once a second."""

_CLOCKS_ALIKE = 0.1
"""Seconds below which a difference of two clocks is of no interest, and changes with every measurement."""

_TELLING = 64_000_000
"""Bytes of used memory from which its fragmentation tells anything: an empty server has a ratio of 6 and more."""

_FRAGMENTED = 1.5
_LONGEST_NAME = 24
_MOST_QUEUES = 3
"""Names of queues in a sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what there is to say, safe to show; it may have several lines."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN

    spark: str = ""
    """A picture that stands before the text."""


_ACTIONS = {Action.READ.value: "Read", Action.DELETE.value: "Delete", Action.RESTORE.value: "Change"}
"""The labels of what a user may do, by the values of `Action`."""

_MEANS = {
    Action.READ.value: "list, scan, show and export tasks",
    Action.DELETE.value: "delete tasks",
    Action.RESTORE.value: "repair, restore, run, clean up",
}
"""What each of them stands for."""

_CONSEQUENCES = {
    Extra.INFO: "which process answers is unknown, and whether replicas follow it; version, role and mode are known "
    "where HELLO tells. After every new connection a change ends with the check that follows a failover",
    Extra.TIME: "ages and times to live go by the clock of this machine",
    Extra.MEMORY_USAGE: "the memory of queues and tasks is unknown; the sizes in lists are those of messages",
    Extra.TRANSACTIONS: "what looks unreferenced is read twice; what differs meanwhile is no finding",
    Extra.WATCH: "what looks unreferenced is read twice; what differs meanwhile is no finding",
    Extra.ZMSCORE: "ids are looked up in sorted sets one by one, which is slower",
    Extra.LPOS: "the page of a task does not say whether a list holds it",
    Extra.PTTL: "nothing is known to expire, so nothing is changed: a journal could not bring it back as it was",
    Extra.FIELD_TIMES: "when single fields of a task expire is unknown, and what is restored keeps them for ever",
    Extra.SORT_RO: "the tasks of long indexes are read one by one, which takes about a third longer",
    Extra.CONFIG: "whether snapshots are made by themselves is unknown, and how often the log is written to disk",
    Extra.WHOAMI: "the name of our user is unknown: journals and audit do not have it",
    Extra.DRY_RUN: "what the user may do is found out inside a transaction that is given up; the server notes each "
    "refusal in its ACL LOG",
    Extra.NAME: "CLIENT LIST does not show which connections are ours",
}
"""What the operator loses, by what is refused."""


def consequence(extra: Extra) -> str:
    """What the operator loses where a command is refused, in a sentence."""
    return _CONSEQUENCES[extra]


def node_rows(connection: Connection) -> list[Row]:
    """The nodes with their replicas, and how fast they answer."""
    nodes = [] if connection.snapshot else [Row("Nodes", "\n".join(_node_lines(connection.nodes)))]
    if connection.reads_at:
        nodes.append(Row("Reading", f"scans and lists at the replica {clip(connection.reads_at, LONGEST_ADDRESS)}"))
    if connection.reading:
        nodes.append(Row("Reading", "\n".join(["scans and lists at a replica of each node:", *connection.reading])))
    return [*nodes, *_sentinel_rows(connection), *_latency_rows(connection)]


def server_rows(connection: Connection, now: float) -> list[Row]:
    """What the servers say of themselves; `now` is unix seconds. Empty where none answers."""
    up = [node for node in connection.nodes if not node.trouble]
    if not up:
        return []
    if connection.snapshot:
        words = f"a dump file as of {connection.snapshot}, loaded into a private server of this machine"
        return [Row("Snapshot", words), _each("Server", up, _server), _each("Memory", up, _memory_of)]
    return [
        _servers(up),
        _each("Clock", up, _clock_words),
        _each("Memory", up, _memory_of) if len(up) == 1 else _memory_together(up),
        _each("Eviction", up, lambda node: _policy(node.memory)),
        _each("On disk", up, lambda node: _persistence(node.persistence, now)),
        _each("TLS", up, lambda node: _tls(node.encryption, connection, now)),
        _each("Clients", up, _client_words) if len(up) == 1 else _clients_together(up),
    ]


def _each(label: str, nodes: Sequence[NodeFacts], words: Callable[[NodeFacts], tuple[str, Tone]]) -> Row:
    """A row about every node: once where all say the same, else one line a node. It has the gravest tone."""
    said = [words(node) for node in nodes]
    tone = max((tone for _, tone in said), key=list(Tone).index)
    if len(set(said)) == 1:
        return Row(label, said[0][0], tone)
    named = (f"{name_of(node.address, len(nodes))}: {text}" for node, (text, _) in zip(nodes, said, strict=True))
    return Row(label, "\n".join(named), tone)


def _servers(nodes: Sequence[NodeFacts]) -> Row:
    """Product and version; of several nodes once, where they have the same."""
    ups = [node.uptime for node in nodes if node.uptime is not None]
    if len(nodes) == 1 or len({node.title for node in nodes}) > 1 or any(node.loading for node in nodes) or not ups:
        return _each("Server", nodes, _server)
    title = f"{nodes[0].title}, {nodes[0].mode or 'mode unknown'}, {len(nodes)} nodes"
    least, most = span(min(ups)), span(max(ups))
    return Row("Server", f"{title}, up {least}" + (f" to {most}" if most != least else ""))


def _memory_together(nodes: Sequence[NodeFacts]) -> Row:
    """Memory of several nodes: how much they use together, and the fullest."""
    known = [node for node in nodes if node.memory.used is not None]
    if not known:
        return _each("Memory", nodes, _memory_of)
    used = sum(node.memory.used or 0 for node in known)
    fullest = max(known, key=lambda node: (node.memory.share or 0.0, node.memory.used or 0))
    text, _ = _memory_of(fullest)
    tone = max((_memory_of(node)[1] for node in known), key=list(Tone).index)
    return Row("Memory", f"{size(used)} in all; the fullest is {name_of(fullest.address, len(nodes))}: {text}", tone)


def _clients_together(nodes: Sequence[NodeFacts]) -> Row:
    """Connections to several nodes: ours together, and the node with the most."""
    ours = plural(sum(node.ours for node in nodes), "connection")
    busiest = max(nodes, key=lambda node: node.clients or 0)
    _, tone = _client_words(busiest)
    most = f", at most {number(busiest.clients_limit)}" if busiest.clients_limit else ""
    text = (
        f"{ours} of ours; the busiest node is {name_of(busiest.address, len(nodes))}: {number(busiest.clients)}{most}"
    )
    return Row("Clients", f"{text}; RESP{busiest.protocol}", tone)


def _node_lines(nodes: Sequence[NodeFacts]) -> Iterator[str]:
    """The nodes, and below each its replicas, in columns."""
    lines: list[tuple[str, str, str]] = []
    for node in nodes:
        name = name_of(node.address, len(nodes))
        if node.trouble:
            lines.append((name, "away", node.trouble))
            continue
        answered = milliseconds(node.answered_in) if node.answered_in is not None else ""
        lines.append((name, node.role or "role unknown", answered))
        if node.upstream is not None:
            lines.append((f"▴ {node.upstream.address}", "primary", _upstream(node)))
        lines += [(f"└ {one.address}", "replica", _replica(one)) for one in node.replicas or ()]
    width = min(max(len(address) for address, _, _ in lines), LONGEST_ADDRESS)
    for address, role, rest in lines:
        yield f"{clip(address, LONGEST_ADDRESS):<{width}}  {role:<7}  {rest}".rstrip()
    for node in nodes:
        if not node.trouble and node.role == "primary" and node.replicas == ():
            yield "no replica" if len(nodes) == 1 else f"{name_of(node.address, len(nodes))} has no replica"


def _replica(replica: Replica) -> str:
    if not replica.online:
        return replica.state or "state unknown"
    behind = f"{size(replica.bytes_behind)} behind" if replica.bytes_behind is not None else "lag unknown"
    silent = replica.seconds_silent or 0
    return f"{behind}, silent for {span(silent)}" if silent > _HEARTBEAT else behind


def _upstream(node: NodeFacts) -> str:
    upstream = node.upstream
    if upstream is None:
        return ""
    if upstream.syncing:
        return "first copy under way"
    if not upstream.linked:
        return (
            f"not heard for {span(upstream.seconds_silent)}" if upstream.seconds_silent is not None else "never heard"
        )
    return f"heard {span(upstream.seconds_silent)} ago" if upstream.seconds_silent is not None else "heard"


def _sentinel_rows(connection: Connection) -> Iterator[Row]:
    """The Sentinels, in a line where they agree, else each in its own."""
    views = connection.sentinels
    if not connection.service:
        return
    service = clip(connection.service, _LONGEST_NAME)
    named = {view.primary for view in views}
    if views and len(named) == 1 and not any(view.down or view.trouble for view in views):
        text = f"{plural(len(views), 'Sentinel')} of {service}: primary {views[0].primary}"
        yield Row("Sentinels", f"{text}\n{', '.join(view.address for view in views)}")
        return
    lines = [f"{view.address}: {view.trouble or _names(view)}" for view in views]
    yield Row("Sentinels", "\n".join([f"service {service}", *(lines or ["none has answered"])]), Tone.CAUTION)


def _names(view: SentinelView) -> str:
    return f"primary {view.primary}" + (", which it does not reach" if view.down else "")


def _latency_rows(connection: Connection) -> Iterator[Row]:
    answers = connection.latencies
    if not answers:
        return
    since = connection.latencies_since or 0.0
    text = f"median {milliseconds(statistics.median(answers))}, worst {milliseconds(max(answers))}"
    span_of_them = f" in the last {since:.0f} s" if len(answers) > 1 else ""
    yield Row("Latency", text + span_of_them, spark=sparkline(tuple(round(one * 1e6) for one in answers)))


def _server(node: NodeFacts) -> tuple[str, Tone]:
    pieces = [node.title if node.version else "version unknown", node.mode or "mode unknown"]
    if node.uptime is not None:
        pieces.append(f"up {span(node.uptime)}")
    if node.loading:
        return ", ".join([*pieces, f"loading: {node.loading}"]), Tone.CAUTION
    return ", ".join(pieces), Tone.PLAIN


def _clock_words(node: NodeFacts) -> tuple[str, Tone]:
    if node.ahead is None:
        return f"{UNKNOWN} (TIME refused)", Tone.QUIET
    if abs(node.ahead) < _CLOCKS_ALIKE and node.ahead_within < _CLOCKS_ALIKE:
        return f"less than {_CLOCKS_ALIKE} s from ours", Tone.PLAIN
    wrong = abs(node.ahead) - node.ahead_within >= CLOCKS_APART
    return f"{apart(node)} ours (± {node.ahead_within:.1f} s)", Tone.CAUTION if wrong else Tone.PLAIN


def _memory_of(node: NodeFacts) -> tuple[str, Tone]:
    memory = node.memory
    if memory.used is None:
        return f"{UNKNOWN} (not told by INFO)", Tone.QUIET
    pieces = [f"{size(memory.used)} used"]
    tone = Tone.PLAIN
    if memory.limit:
        pieces[0] = f"{size(memory.used)} of {size(memory.limit)} used ({memory.share:.0%})"
        tone = Tone.CAUTION if memory.share is not None and memory.share >= FULL else tone
    elif memory.limit == 0:
        of = f" of a machine with {size(memory.system)}" if memory.system else ""
        pieces[0] += f"{of}, no limit"
    if memory.fragmentation is not None and memory.used >= _TELLING:
        pieces.append(f"fragmentation {memory.fragmentation:.2f}")
        if memory.fragmentation >= _FRAGMENTED:
            pieces.append(f"{size(round(memory.used * memory.fragmentation))} taken from the machine")
            tone = Tone.CAUTION
    return ", ".join(pieces), tone


def _policy(memory: Memory) -> tuple[str, Tone]:
    if not memory.policy:
        return f"{UNKNOWN} (not told by INFO): keys may be evicted, or not", Tone.QUIET
    if memory.limit is None:
        return f"{memory.policy}; whether there is a limit is not told", Tone.QUIET
    if not memory.limit:
        return f"{memory.policy}; without a limit nothing is evicted", Tone.PLAIN
    if memory.policy == "noeviction":
        return "noeviction: nothing is evicted; where memory is full, writes are refused", Tone.PLAIN
    if memory.evicts_anything:
        return f"{memory.policy}: task data may be evicted", Tone.DANGER
    return (
        f"{memory.policy}: what has a time to live may be evicted: unique locks, the counters of each day, what "
        "servers, workers and schedulers report. Task data, indexes and leases have none",
        Tone.CAUTION,
    )


def _persistence(saving: Persistence, now: float) -> tuple[str, Tone]:
    if saving.saved_at is None and saving.log is None:
        return f"{UNKNOWN} (not told by INFO)", Tone.QUIET
    if saving.nothing_is_saved and not saving.saves:
        return "nothing: no RDB snapshots, no AOF log", Tone.CAUTION
    tone = Tone.DANGER if saving.save_failed or (saving.log and saving.log_failed) else Tone.PLAIN
    pieces = []
    since = f", {plural(saving.unsaved, 'change')} since" if saving.unsaved else ""
    if saving.saving:
        pieces.append("RDB snapshot being written")
    elif saving.save_failed:
        pieces.append("the last RDB snapshot FAILED")
    elif saving.saves == 0:
        pieces.append(f"no RDB snapshot yet{since}")
    elif saving.saved_at is not None:
        pieces.append(f"RDB snapshot {ago(saving.saved_at, now)}{since}")
    if saving.schedule is not None:
        pieces.append(_schedule(saving.schedule))
    if saving.log:
        failed = ", could NOT be written" if saving.log_failed else ""
        pieces.append(f"AOF log on{f', fsync {saving.log_sync}' if saving.log_sync else ''}{failed}")
    elif saving.log is False:
        pieces.append("no AOF log")
    return "; ".join(pieces), tone


def _schedule(schedule: str) -> str:
    """The value of `save`: `3600 1 300 100` is a snapshot after 3,600 seconds with a change, 300 with a hundred."""
    words = schedule.split()
    if not words:
        return "none by itself"
    if len(words) % 2 or not all(word.isdecimal() and len(word) < 10 for word in words):
        return f"by itself: {clip(schedule, 60)}"
    pairs = list(zip(words[::2], words[1::2], strict=True))
    (first, changes), *more = [(span(int(seconds)), int(changes)) for seconds, changes in pairs]
    said = [f"after {first} with {plural(changes, 'change')}", *(f"{after} with {count:,}" for after, count in more)]
    return ", ".join(said)


def _tls(tls: Encryption | None, connection: Connection, now: float) -> tuple[str, Tone]:
    if tls is None:
        if connection.loopback:
            return "none; the server, or a tunnel to it, is on this machine", Tone.PLAIN
        return "none: who is on the way can read payloads and the password", Tone.CAUTION
    pieces = [line(tls.protocol), line(tls.cipher)]
    if not tls.verified:
        return ", ".join([*pieces, "certificate NOT checked"]), Tone.DANGER
    pieces.append("certificate checked")
    if tls.valid_until is None:
        return ", ".join(pieces), Tone.PLAIN
    soon = tls.valid_until - now < EXPIRES_SOON
    return ", ".join([*pieces, f"expires {until(tls.valid_until, now)}"]), Tone.CAUTION if soon else Tone.PLAIN


def _client_words(node: NodeFacts) -> tuple[str, Tone]:
    text = f"{plural(node.ours, 'connection')} of ours"
    if node.clients is not None:
        most = f", at most {number(node.clients_limit)}" if node.clients_limit else ""
        text += f", {number(node.clients)} of all clients{most}"
    full = node.clients is not None and node.clients_limit and node.clients >= FULL * node.clients_limit
    return f"{text}; RESP{node.protocol}", Tone.CAUTION if full else Tone.PLAIN


def user_rows(connection: Connection) -> list[Row]:
    """What there is to say about our user."""
    user = line(connection.user) if connection.user else f"{UNKNOWN} (ACL WHOAMI refused)"
    rows = [Row("User", clip(user, 60), Tone.PLAIN if connection.user else Tone.QUIET)]
    if connection.namespace:
        rows.append(Row("Namespace", clip(connection.namespace, 60)))
    if connection.why_read_only:
        rows.append(Row("Read-only", connection.why_read_only, Tone.CAUTION))
    rows += [Row(_ACTIONS.get(right.action, right.action), *_right(right, connection)) for right in connection.rights]
    return rows


def _right(right: Right, connection: Connection) -> tuple[str, Tone]:
    means = _MEANS.get(right.action, "")
    if right.asked is None:
        if right.action != Action.READ.value and connection.why_read_only:
            return f"not asked, as nothing may be changed: {means}", Tone.QUIET
        return f"unknown until it is tried: {means}", Tone.QUIET
    if not right.refused:
        return f"permitted: {means}", Tone.PLAIN
    if right.everywhere:
        return f"refused: {means}; {right.why}", Tone.CAUTION
    names = [clip(queue, _LONGEST_NAME) for queue in sorted(right.refused)]
    more = len(names) - _MOST_QUEUES
    where = ", ".join(names[:_MOST_QUEUES]) + (f" and {more:,} more" if more > 0 else "")
    return f"permitted: {means}; but not in {where}: {right.why}", Tone.CAUTION


def missing_rows(connection: Connection) -> list[Row]:
    """What is missing here, and what the operator loses by it."""
    rows = [Row(extra.value, consequence(extra), Tone.QUIET) for extra in Extra if extra in connection.missing]
    sections = {name: None for node in connection.nodes for name in node.refused if name.startswith("INFO ")}
    rows += [Row(name, _SECTIONS[name], Tone.QUIET) for name in sections]
    if not connection.missing_asked:
        rows.append(Row("", "more may be refused: the server does not let us ask beforehand", Tone.QUIET))
    return rows or [Row("", "nothing: the server permits all that archive_tui can make use of", Tone.QUIET)]


_SECTIONS = {
    "INFO server": "how long the server is up is unknown",
    "INFO clients": "how many connections the server has left is unknown",
    "INFO memory": "how full the server is, and whether it may evict task data, is unknown",
    "INFO persistence": "whether anything is saved to disk is unknown",
    "INFO replication": "whether it is a primary, and whether replicas follow it, is unknown: a failover in the middle "
    "of a change may go unnoticed",
}


def as_text(connection: Connection, now: float) -> Iterator[str]:
    """All of it as lines, for a clipboard and the command line; `now` is unix seconds."""
    profile = f"  profile {line(connection.profile)}" if connection.profile else ""
    yield f"{connection.address}{profile}{'  production' if connection.production else ''}"
    for one in notices(connection, now):
        yield f"warning: {one.sentence}"
    for title, rows in (
        ("Nodes", node_rows(connection)),
        ("Server", server_rows(connection, now)),
        ("You", user_rows(connection)),
        ("Missing here", missing_rows(connection)),
    ):
        if not rows:
            continue
        yield ""
        yield title
        width = max(len(row.label) for row in rows)
        for row in rows:
            first, *more = row.text.split("\n")
            spark = f"{row.spark}  " if row.spark else ""
            yield f"  {row.label:<{width}}  {spark}{first}".rstrip()
            yield from (f"  {'':<{width}}  {text}".rstrip() for text in more)
