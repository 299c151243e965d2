"""The replicas that scans and lists of a cluster are read from: one of each node, its primary where none is good.

A replica learns of slots later than its primary, and Redis's answers for a slot that is being moved away as if its keys
were gone. So what was read at a replica holds only if its primary had the same slots before and after, and none of them
in flux; else it is read again, at the primary.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from archive_tui.errors import ArchiveTuiError, MovedError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Settings
from archive_tui.store.link.cluster import Cluster
from archive_tui.store.link.info import Facts, facts_in, number_in
from archive_tui.store.link.node import Node
from archive_tui.store.link.replicas import CHOOSE_EVERY, INFO, standing
from archive_tui.store.link.replies import Reply
from archive_tui.store.link.source import ClusterSource, Source
from archive_tui.store.link.topology import own_slots

_AT_ONCE = 8
"""Nodes that are asked side by side: one that does not answer must not hold up the others."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where one node of the cluster is read."""

    node: Node
    source: Source
    slots: frozenset[int]
    """The slots of the primary when it was chosen: others may not be there yet."""
    since: float
    """When it was chosen, by the monotonic clock."""


class ClusterReplicas:
    """Which process is read in the place of each primary of a cluster. Safe to share between threads."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._made: dict[Address, Node] = {}
        self._readings: dict[Address, _Reading] = {}
        self._lost: dict[Address, tuple[float, str]] = {}

    @property
    def source(self) -> ClusterSource:
        """Where each node is read, as was chosen last."""
        readings = [(primary, self._readings.get(primary.endpoint)) for primary in self._cluster.nodes]
        sources = [
            reading.source if reading is not None else Source(primary.address, why_primary="it does not answer")
            for primary, reading in readings
        ]
        return ClusterSource(self._cluster.home.address, tuple(sources))

    def node(self, primary: Node) -> Node:
        """The node to read in the place of a primary: a replica of it, as long as its slots do not change. Raises
        ConnectError and kin where the primary does not answer.
        """
        reading = self._readings.get(primary.endpoint)
        if reading is None:
            reading = self._readings.setdefault(primary.endpoint, self._chosen(primary))
        slots = self._cluster.slots(primary)
        if reading.node is not primary and not (reading.slots == slots and self._is_steady(primary, slots)):
            return self._at_primary(primary, "its slots are changing hands").node
        return reading.node

    def lose(self, primary: Node, replica: Node, why: str) -> None:
        """Read another replica from now on, or the primary, in the place of one that is not good for it."""
        self._lost[replica.endpoint] = time.monotonic(), why
        reading = self._readings.get(primary.endpoint)
        if reading is not None and reading.node is replica:
            del self._readings[primary.endpoint]
        self._cluster.outdated()

    def confirm(self, primary: Node, replica: Node, slots: frozenset[int]) -> None:
        """Raise MovedError unless what was read at a replica, while its primary had these slots, is what the primary
        has, or had a moment before. Raises ConnectError and kin where the primary does not answer.
        """
        with primary.translated(in_cluster=True):
            replication = _facts(primary.ask(*INFO)).get("master_replid", "")
        _, why = standing(replica, primary, replication)
        if why:
            self.lose(primary, replica, why)
        elif not self._is_steady(primary, slots):
            why = self._at_primary(primary, "its slots are changing hands").source.why_primary
        if why:
            raise MovedError(f"{primary.address}: {why}: try again")

    def refresh(self) -> None:
        """Look how far each replica is behind, and for another one where it is none any more; where a primary is read,
        only now and then. May take seconds; what does not answer stays as it was.
        """
        nodes = self._cluster.nodes
        for gone in self._readings.keys() - {node.endpoint for node in nodes}:
            self._readings.pop(gone, None)
        if len(nodes) == 1:
            self._refresh(nodes[0])
            return
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="replica") as executor:
            list(executor.map(self._refresh, nodes))

    def _refresh(self, primary: Node) -> None:
        reading = self._readings.get(primary.endpoint)
        with suppress(ArchiveTuiError):
            if reading is None or (reading.node is primary and time.monotonic() - reading.since >= CHOOSE_EVERY):
                self._readings[primary.endpoint] = self._chosen(primary)
            elif reading.node is not primary:
                with primary.translated(in_cluster=True):
                    facts = _facts(primary.ask(*INFO))
                told, why = standing(reading.node, primary, facts.get("master_replid", ""))
                if why:
                    self.lose(primary, reading.node, why)
                    self._readings[primary.endpoint] = self._chosen(primary)
                else:
                    fresh = replace(reading, source=_source(reading.node, facts, told))
                    self._readings[primary.endpoint] = fresh

    def _is_steady(self, primary: Node, slots: frozenset[int]) -> bool:
        """Whether a primary has just these slots, and none is being moved; also where it does not tell."""
        with primary.translated(in_cluster=True):
            own = own_slots(primary.ask("CLUSTER", "NODES"))
        if own is not None and own.served != slots:
            self._cluster.outdated()
        return own is None or (own.served == slots and not own.in_flux)

    def _at_primary(self, primary: Node, why: str) -> _Reading:
        reading = self._primary(primary, why)
        self._readings[primary.endpoint] = reading
        return reading

    def _chosen(self, primary: Node) -> _Reading:
        """The linked replica that has most, or the primary, with the reason."""
        with primary.translated(in_cluster=True):
            facts = _facts(primary.ask(*INFO))
        slots = self._cluster.slots(primary)
        good: list[tuple[int, int, _Reading]] = []
        reasons: list[str] = [] if facts else ["it refuses INFO"]
        for address in self._cluster.topology.replicas(primary.endpoint) if facts else ():
            if reason := self._lately(address):
                reasons.append(reason)
                continue
            node = self._made.setdefault(address, Node(self._settings.at(address), as_replica=True))
            told, reason = standing(node, primary, facts.get("master_replid", ""))
            if reason:
                reasons.append(reason)
                continue
            source = _source(node, facts, told)
            good.append((source.bytes or 0, source.seconds, _Reading(node, source, slots, time.monotonic())))
        if good:
            return min(good, key=lambda one: one[:2])[2]
        return self._primary(primary, "; ".join(reasons or ["it has no replica"]))

    def _primary(self, primary: Node, why: str) -> _Reading:
        source = Source(primary.address, why_primary=why)
        return _Reading(primary, source, self._cluster.slots(primary), time.monotonic())

    def _lately(self, address: Address) -> str:
        """Why a replica was lost a moment ago; empty where it was not."""
        at, why = self._lost.get(address, (0.0, ""))
        return why if time.monotonic() - at < CHOOSE_EVERY else ""

    def close(self) -> None:
        """Close every connection that nobody is using."""
        for node in self._made.values():
            node.close()


def _facts(reply: Reply) -> Facts:
    return facts_in(reply) if isinstance(reply, bytes) else {}


def _source(node: Node, primary: Facts, replica: Facts) -> Source:
    """How far a replica is behind, by what both said of their replication, the primary first. A replica that has all is
    not old, though an idle primary speaks to it only every ten seconds (`repl-ping-replica-period`).
    """
    sent, has = number_in(primary, "master_repl_offset"), number_in(replica, "slave_repl_offset")
    behind = max(sent - has, 0) if sent is not None and has is not None else None
    silent = number_in(replica, "master_last_io_seconds_ago") or 0
    return Source(node.address, silent if behind != 0 else 0, behind)
