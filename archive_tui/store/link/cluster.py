"""The nodes of a cluster, found by asking any of them, and found anew when a key is no longer where it was."""

import threading
from collections.abc import Iterator, Sequence

from redis.exceptions import ClusterDownError, RedisError, ResponseError

from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Settings
from archive_tui.store.link.node import Node
from archive_tui.store.link.replies import Reply, is_unknown_command, raise_first
from archive_tui.store.link.topology import Topology, slot_of, topology_of
from archive_tui.text import line


class Cluster:
    """The nodes of a cluster that serve slots. Safe to share between threads.

    `first` is the node that the settings name, or of several the one that answered; what it said to `CLUSTER SLOTS` is
    the first topology.
    """

    def __init__(self, first: Node, slots: Reply) -> None:
        self._settings = first.settings
        self._first = first
        self._lock = threading.Lock()
        self._outdated = False
        self._silent: frozenset[Address] = frozenset()
        self._nodes: dict[Address, Node] = {}
        self.topology = Topology(())
        self._adopt(_topology(first, slots))

    @property
    def nodes(self) -> Sequence[Node]:
        """The primaries that serve slots, by their slots."""
        topology, nodes = self.topology, self._nodes
        return [nodes[address] for address in topology.primaries]

    @property
    def home(self) -> Node:
        """The node to ask what any node can answer: the one that the settings name, unless it is no primary or does not
        answer.
        """
        nodes = self.nodes
        answering = [node for node in nodes if node.endpoint not in self._silent] or nodes
        named = [node for node in answering if node.endpoint == self._settings.endpoint]
        return next(iter(named or answering), self._first)

    def owner(self, key: bytes) -> Node:
        """The node that has a key. Raises ClusterDownError where none serves its slot."""
        slot = slot_of(key)
        address = self.topology.owner(slot)
        if address is None:
            self.outdated()
            raise ClusterDownError(f"Hash slot {slot} is not served", status_code="CLUSTERDOWN")
        return self._nodes[address]

    def has(self, slot: int, address: Address) -> bool:
        """Whether we know already that a node, by the address that others give it, serves a slot."""
        return self.topology.owner(slot) == self._settings.reached(address)

    def serves(self, node: Node) -> bool:
        """Whether a node is a primary that serves slots."""
        return node.endpoint in self.topology.primaries

    def slots(self, node: Node) -> frozenset[int]:
        """The slots that a node serves."""
        return self.topology.slots(node.endpoint)

    def outdated(self, node: Node | None = None) -> None:
        """Note that a key was not where it was thought to be, or that a node does not answer."""
        self._outdated = True
        if node is not None:
            self._silent |= {node.endpoint}

    def heard(self, node: Node) -> None:
        """Note that a node answers."""
        if self._silent:
            self._silent -= {node.endpoint}

    def refresh(self) -> None:
        """Ask the nodes anew which of them has what, if that is outdated; those that did not answer lately come last.
        Raises ConnectError and kin where none answers, or where one answers for another cluster.
        """
        with self._lock:
            if not self._outdated:
                return
            failure: Exception | None = None
            for node in self._seeds():
                try:
                    reply = _slots(node)
                except (RedisError, OSError, ArchiveTuiError) as error:
                    failure = failure or error
                    continue
                self._adopt(_topology(node, reply))
                self._outdated = False
                return
        assert failure is not None  # noqa: S101 - there is always a node to ask
        raise failure

    def close(self) -> None:
        """Close every connection that nobody is using."""
        for node in {*self._nodes.values(), self._first}:
            node.close()

    def _seeds(self) -> Iterator[Node]:
        known = [*self.nodes, *([] if self._first in self._nodes.values() else [self._first])]
        yield from (node for node in known if node.endpoint not in self._silent)
        for shard in self.topology.shards:  # a replica knows as well, and may be all that is left
            yield from (self._node(address) for address in shard.replicas if address not in self._silent)
        named = self._settings.cluster.addresses if self._settings.cluster is not None else ()
        yield from (self._node(address) for address in named if address not in self._nodes)
        yield from (node for node in known if node.endpoint in self._silent)

    def _adopt(self, topology: Topology) -> None:
        before = self.topology
        if before.ids and topology.ids and before.ids.isdisjoint(topology.ids):
            raise ConnectError(
                f"{line(self._settings.address)} answers for another cluster than before: check where the address leads"
            )
        nodes = {address: self._node(address) for address in topology.primaries}
        gone = [node for address, node in self._nodes.items() if address not in nodes and node is not self._first]
        self._nodes = {**self._nodes, **nodes}  # first the nodes, then who is asked for them
        self.topology = topology
        self._nodes = nodes
        for node in gone:
            node.close()

    def _node(self, address: Address) -> Node:
        if address == self._settings.endpoint:
            return self._first
        return self._nodes.get(address) or Node(self._settings.at(address))


class NoClusterError(ConnectError):
    """A server that was named as a node of a cluster is none."""

    def __init__(self, settings: Settings) -> None:
        address = settings.endpoint
        scheme = "redis" if settings.tls is None else "rediss"
        super().__init__(f"{address} is no node of a cluster: write {scheme}://{address}/0 to reach it by itself")
        self.settings = settings


def find_cluster(settings: Settings, seeds: Sequence[Address]) -> tuple[Node, Cluster]:
    """Find the cluster of which nodes are named, with the node that answered: they are tried in their order. Those that
    it does not name as its own are asked as well, unless they are away.

    Raises NoClusterError, and ConnectError and kin where no node answers, or where they are of different clusters.
    """
    failures: list[DisconnectedError] = []
    for number, seed in enumerate(seeds, 1):
        node = Node(settings.at(seed))
        try:
            cluster = Cluster(node, _named_slots(node))
        except DisconnectedError as error:
            failures.append(error)
            continue
        _refuse_others(cluster.topology, node, seeds[number:])
        return node, cluster
    if len(failures) == 1:
        raise failures[0]
    raise DisconnectedError(f"no node of the cluster answers: {'; '.join(map(str, failures))}")


def _refuse_others(topology: Topology, node: Node, seeds: Sequence[Address]) -> None:
    """Raise ConnectError where one of the nodes that are named is of another cluster."""
    known = {one for shard in topology.shards for one in (shard.primary, *shard.replicas)}
    for seed in seeds:
        if seed in known:
            continue
        other = Node(node.settings.at(seed))
        try:
            ids = _topology(other, _named_slots(other)).ids
        except DisconnectedError:
            continue
        finally:
            other.close()
        if topology.ids and ids and topology.ids.isdisjoint(ids):
            raise ConnectError(f"{node.endpoint} and {seed} are nodes of different clusters: name nodes of one of them")


def _named_slots(node: Node) -> Reply:
    """What a node that the settings name says to `CLUSTER SLOTS`. Raises NoClusterError, ConnectError and kin."""
    with node.translated():
        try:
            return _slots(node)
        except ResponseError as error:
            if "cluster support disabled" in str(error) or is_unknown_command(error):
                raise NoClusterError(node.settings) from None
            raise


def _slots(node: Node) -> Reply:
    """What a node says to `CLUSTER SLOTS`."""
    reply = node.ask("CLUSTER", "SLOTS")
    raise_first([reply])
    return reply


def _topology(node: Node, reply: Reply) -> Topology:
    """The topology in a reply. Raises ConnectError where it names no node."""
    topology = topology_of(reply, node.endpoint, node.settings.reached)
    if not topology.shards:
        raise ConnectError(
            f"{node.address} is a node of a cluster in which nobody serves a slot: has it been set up (CLUSTER INFO)?"
        )
    return topology
