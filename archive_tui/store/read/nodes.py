"""Reading a node: how one server describes itself.

Costs two round trips: `TIME` alone, which measures how far apart the clocks are and how long an answer takes; then
`INFO`, with `CONFIG GET` of two values the first time. Each may be refused, and any fact may be missing; `HELLO` is
asked for version, mode and role where `INFO` does not say.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from archive_tui.errors import ArchiveTuiError
from archive_tui.store.facts import Memory, NodeFacts, Persistence, Replica, Upstream
from archive_tui.store.link.info import (
    Facts,
    facts_in,
    facts_in_greeting,
    mode_in,
    number_in,
    product_in,
    role_in,
    version_in,
)
from archive_tui.store.link.node import Node
from archive_tui.store.link.replies import Reply, is_refusal
from archive_tui.store.link.server import Server
from archive_tui.text import decode, line

_AT_ONCE = 8
"""Nodes that are read side by side: one that does not answer must not hold up the others."""

_CONFIG = "CONFIG GET"
_CONFIGURED = (b"save", b"appendfsync")

_SECTIONS = {
    "server": "uptime_in_seconds",
    "clients": "connected_clients",
    "memory": "used_memory",
    "persistence": "rdb_last_save_time",
    "replication": "role",
}
"""A fact of each section of INFO that every server gives which gives the section at all."""


def read_all(
    server: Server, before: Sequence[NodeFacts] = (), clock: Callable[[], float] = time.time
) -> tuple[NodeFacts, ...]:
    """Read the nodes of a server side by side, in their order. One that does not answer has its `trouble`.

    `before` are the nodes of the last reading: what seldom changes, and what was refused, is taken from there. `clock`
    gives unix seconds.
    """
    known = {node.address: node for node in before if not node.trouble}

    def read_one(node: Node) -> NodeFacts:
        return read(server, node, known.get(node.address), clock)

    try:
        nodes = server.nodes
    except ArchiveTuiError as error:  # no Sentinel names a primary
        return (NodeFacts(server.address, trouble=str(error)),)
    if len(nodes) == 1:
        return (read_one(nodes[0]),)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="node") as executor:
        return tuple(executor.map(read_one, nodes))


def read(
    server: Server, node: Node, before: NodeFacts | None = None, clock: Callable[[], float] = time.time
) -> NodeFacts:
    """Read one node of a server, as in `read_all`."""
    try:
        return _read(server, node, before, clock)
    except ArchiveTuiError as error:
        return NodeFacts(node.address, trouble=str(error))


def _read(server: Server, node: Node, before: NodeFacts | None, clock: Callable[[], float]) -> NodeFacts:
    with server.pipe_to(node) as pipe:
        began, began_at = time.perf_counter(), clock()
        (moment,) = pipe.call([(b"TIME",)], errors="return")
        took = time.perf_counter() - began
        questions = [(b"CONFIG", b"GET", name) for name in _CONFIGURED] if before is None else []
        described, *configured = pipe.call([(b"INFO",), *questions], errors="return")
        facts = facts_in(described) if isinstance(described, bytes) else {}
        told = facts
        if not (mode_in(facts) and role_in(facts)):
            (greeting,) = pipe.call([(b"HELLO", b"2")], errors="return")
            told = {**facts_in_greeting(greeting), **facts}
        encryption = pipe.encryption
    found = node_of(node.address, facts)
    found = replace(
        found,
        product=product_in(told),
        version=line(version_in(told)),
        mode=line(mode_in(told)),
        role=line(role_in(told)),
        ours=node.connections,
        encryption=encryption,
        answered_in=took,
        ahead=_seconds(moment) - (began_at + took / 2) if isinstance(moment, list) else None,
        refused=(
            *(("TIME",) if is_refusal(moment) else ()),
            *(("INFO",) if not isinstance(described, bytes) else found.refused),
        ),
    )
    if before is not None:
        known = before.persistence
        refused = (_CONFIG,) if _CONFIG in before.refused else ()
        schedule, log_sync = known.schedule, known.log_sync
    else:
        schedule, log_sync = [_configured(reply) for reply in configured]
        refused = (_CONFIG,) if any(isinstance(reply, Exception) for reply in configured) else ()
    return replace(
        found,
        persistence=replace(found.persistence, schedule=schedule, log_sync=log_sync),
        refused=(*found.refused, *refused),
    )


def _seconds(moment: Sequence[bytes]) -> float:
    """The unix seconds in a reply to TIME."""
    return int(moment[0]) + int(moment[1]) / 1e6


def _configured(reply: Reply) -> str | None:
    """The value in a reply to CONFIG GET; None where it was refused, or the server has no such value."""
    return line(decode(reply[1])) if isinstance(reply, list) and len(reply) == 2 else None


def node_of(address: str, facts: Facts) -> NodeFacts:
    """The node that the facts of INFO describe. Pure; what they do not say is unknown."""
    role = role_in(facts)
    return NodeFacts(
        address,
        product=product_in(facts),
        version=line(version_in(facts)),
        mode=line(mode_in(facts)),
        role=line(role),
        uptime=number_in(facts, "uptime_in_seconds"),
        replicas=tuple(_replicas(facts)) if "connected_slaves" in facts else None,
        upstream=_upstream(facts) if role == "replica" else None,
        memory=_memory(facts),
        persistence=_persistence(facts),
        loading=_loading(facts),
        clients=number_in(facts, "connected_clients"),
        clients_limit=number_in(facts, "maxclients"),
        refused=tuple(f"INFO {section}" for section, fact in _SECTIONS.items() if facts and fact not in facts),
    )


def _replicas(facts: Facts) -> Iterator[Replica]:
    """The replicas in the lines `slave0:ip=…,port=…,state=…,offset=…,lag=…`.

    Valkey 8 and newer write `type=` after that. While a replica syncs over two channels, the second is a line of its
    own, of type `rdb-channel`.
    """
    sent = number_in(facts, "master_repl_offset")
    numbers = sorted(int(name[5:]) for name in facts if name.startswith("slave") and name[5:].isdecimal())
    for number in numbers:
        told = dict(part.partition("=")[::2] for part in facts[f"slave{number}"].split(","))
        if told.get("type") == "rdb-channel":
            continue
        confirmed = number_in(told, "offset")
        yield Replica(
            _address(told.get("ip", ""), told.get("port", "")),
            line(told.get("state", "")),
            max(sent - confirmed, 0) if sent is not None and confirmed is not None else None,
            number_in(told, "lag"),
        )


def _address(host: str, port: str) -> str:
    return line(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _upstream(facts: Facts) -> Upstream:
    linked = facts.get("master_link_status", "up") == "up"
    silent = number_in(facts, "master_last_io_seconds_ago" if linked else "master_link_down_since_seconds")
    return Upstream(
        _address(facts.get("master_host", ""), facts.get("master_port", "")),
        linked,
        silent if silent is not None and silent < _EPOCH else None,
        facts.get("master_sync_in_progress") == "1",
    )


_EPOCH = 1_000_000_000
"""Seconds: more than any link is down. Before Redis 7 one that was never up is down for the age of the epoch."""


def _memory(facts: Facts) -> Memory:
    return Memory(
        number_in(facts, "used_memory"),
        number_in(facts, "maxmemory"),
        number_in(facts, "total_system_memory"),
        _decimal(facts, "mem_fragmentation_ratio"),
        line(facts.get("maxmemory_policy", "")),
        number_in(facts, "evicted_keys"),
    )


def _decimal(facts: Facts, name: str) -> float | None:
    try:
        value = float(facts.get(name, ""))
    except ValueError:
        return None
    return value if 0 < value < _EPOCH else None


def _persistence(facts: Facts) -> Persistence:
    statuses = [facts[name] for name in ("aof_last_write_status", "aof_last_bgrewrite_status") if name in facts]
    save = facts.get("rdb_last_bgsave_status")
    saved_at = number_in(facts, "rdb_last_save_time")
    return Persistence(
        saved_at=float(saved_at) if saved_at is not None else None,
        save_failed=save != "ok" if save is not None else None,
        saves=number_in(facts, "rdb_saves"),
        saving=facts.get("rdb_bgsave_in_progress") == "1",
        unsaved=number_in(facts, "rdb_changes_since_last_save"),
        log=facts["aof_enabled"] != "0" if "aof_enabled" in facts else None,
        log_failed=any(status != "ok" for status in statuses) if statuses else None,
    )


def _loading(facts: Facts) -> str:
    if facts.get("loading", "0") == "0" and facts.get("async_loading", "0") == "0":
        return ""
    said = []
    if (share := _decimal(facts, "loading_loaded_perc")) is not None:
        said.append(f"{share:.0f} % loaded")
    if (left := number_in(facts, "loading_eta_seconds")) is not None:
        said.append(f"about {left:,} s left")
    return ", ".join(said) or "loading"
