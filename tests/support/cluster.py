"""A cluster on loopback: primaries of the embedded server, each with replicas where they are wanted."""

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from archive_tui.settings.model import Secret, Settings
from archive_tui.store.link.server import Server
from support.servers import ServerProcess, free_port, wait_until

SLOTS = 16384
NODE_TIMEOUT = 600
"""Milliseconds after which a node that is silent is taken for dead."""


class Node:
    """One node: its process, and the test's own way in."""

    def __init__(self, binary: str, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.bus = free_port()
        self.tls_port = free_port() if "--tls-cluster" in options else 0
        if self.tls_port:
            options = (*options, "--tls-port", str(self.tls_port))
        self.process = ServerProcess(
            binary, directory, "--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT),
            "--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "no",
            "--repl-diskless-sync-delay", "0", "--cluster-port", str(self.bus), *options, port=free_port(),
        )  # fmt: skip
        self.port = self.process.port
        self.client = redis.Redis(port=self.port)

    def __call__(self, *command: object) -> object:
        return self.client.execute_command(*command)

    @property
    def id(self) -> str:
        """Its name in the cluster."""
        return self.client.cluster("MYID").decode()

    def owns(self, slot: int) -> bool:
        """Whether a slot is its own, as it says itself."""
        shards = self.client.execute_command("CLUSTER SLOTS", NEVER_DECODE=True)
        return any(first <= slot <= last and port == self.port for first, last, (_, port, *_), *_ in shards)

    @property
    def state(self) -> dict[str, str]:
        """What it says to `CLUSTER INFO`."""
        info = self("CLUSTER", "INFO")
        text = info.decode() if isinstance(info, bytes) else str(info)
        return dict(line.split(":", 1) for line in text.split() if ":" in line)


class ClusterProcesses:
    """A cluster of `primaries` with `replicas` each, whose slots are shared out evenly."""

    def __init__(self, binary: str, directory: Path, primaries: int = 3, replicas: int = 0, *options: str) -> None:
        count = primaries * (1 + replicas)
        self.nodes = [Node(binary, directory / str(number), *options) for number in range(count)]
        self._count = primaries

    def start(self) -> None:
        """Start it, and wait until every node knows all, and every replica is in step."""
        for node in self.nodes:
            node.process.start()
        primaries, replicas = self.nodes[: self._count], self.nodes[self._count :]
        share = SLOTS // len(primaries)
        for number, node in enumerate(primaries):
            last = SLOTS - 1 if number == len(primaries) - 1 else (number + 1) * share - 1
            node("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            node("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            first = self.nodes[0]
            node("CLUSTER", "MEET", "127.0.0.1", first.tls_port or first.port, first.bus)
        wait_until(lambda: all(node.state["cluster_known_nodes"] == str(len(self.nodes)) for node in self.nodes))
        for number, node in enumerate(replicas):
            node("CLUSTER", "REPLICATE", primaries[number % len(primaries)].id)
        self.settle()

    def settle(self) -> None:
        """Wait until every node is there, of one mind with the others, and every replica in step."""
        wait_until(lambda: all(node.process.answers() for node in self.nodes))
        wait_until(lambda: all(node.state["cluster_state"] == "ok" for node in self.nodes))
        wait_until(lambda: len(self.primaries) == self._count)
        wait_until(lambda: all(self._in_step(node) for node in self.nodes))

    @staticmethod
    def _in_step(node: Node) -> bool:
        facts = node.client.info("replication")
        return facts["role"] == "master" or facts["master_link_status"] == "up"

    @property
    def primaries(self) -> list[Node]:
        """The nodes that serve slots now, of those that answer."""
        return [
            node
            for node in self.nodes
            if node.process.answers() and node.client.info("replication")["role"] == "master"
        ]

    def other_than(self, node: Node) -> Node:
        """Another primary."""
        return next(one for one in self.primaries if one is not node)

    def kill(self, node: Node) -> None:
        """Kill a primary as soon as its replica has all that it has acknowledged: a node answers before it copies, and
        what was not copied yet would be lost by no fault of whoever is tested.
        """
        node("CLIENT", "PAUSE", 60_000, "WRITE")
        wait_until(lambda: self._copied(node))
        node.process.kill()

    @staticmethod
    def _copied(node: Node) -> bool:
        facts = node.client.info("replication")
        copies = [value["offset"] for name, value in facts.items() if re.fullmatch(r"slave\d+", name)]
        return facts["master_repl_offset"] in copies

    @contextlib.contextmanager
    def frozen(self, node: Node) -> Iterator[None]:
        """A node that does not answer, and that no replica takes the place of."""
        others = [one for one in self.nodes if one is not node]
        for one in others:
            one.client.config_set("cluster-replica-no-failover", "yes")
        try:
            with self.without(node):
                yield
        finally:
            for one in others:
                one.client.config_set("cluster-replica-no-failover", "no")

    def stop(self) -> None:
        """End every node."""
        for node in self.nodes:
            node.client.close()
            node.process.kill()

    @property
    def settings(self) -> Settings:
        """How the code under test reaches it: by its first node."""
        return self.settings_of(self.nodes[0])

    def settings_of(self, node: Node, user: str | None = None, password: str | None = None) -> Settings:
        """How the code under test reaches it by one of its nodes."""
        secret = Secret(password) if password is not None else None
        return Settings(host="127.0.0.1", port=node.port, username=user, password=secret, timeout=1.0)

    def connect(self) -> Server:
        """The code under test, which knows that it is a cluster."""
        server = Server(self.settings)
        server.identify()
        return server

    def client(self) -> RedisCluster:
        """The test's own way in."""
        return RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", node.port) for node in self.primaries])

    def owner(self, key: str) -> Node:
        """The primary that has a key now, as the nodes that answer say."""
        slot = self.slot(key)
        for asked in self.nodes:
            with contextlib.suppress(redis.ConnectionError):
                for first, last, (_, port, *_), *_ in asked.client.execute_command("CLUSTER SLOTS", NEVER_DECODE=True):
                    if first <= slot <= last:
                        return next(one for one in self.nodes if one.port == port)
        raise AssertionError(f"nobody serves slot {slot}")

    def slot(self, key: str) -> int:
        """The slot of a key."""
        return key_slot(key.encode())

    def move(self, key: str, to: Node | None = None) -> Node:
        """Move the slot of a key to another node, with all that is in it; returns that node."""
        with self.moving(key, to) as target:
            pass
        return target

    def move_at_once(self, key: str, to: Node | None = None) -> Node:
        """The same as Valkey 9 does it: all keys of the slot change hands at one moment."""
        slot, source = self.slot(key), self.owner(key)
        target = to or self.other_than(source)
        source("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
        wait_until(lambda: all(one.owns(slot) == (one is target) for one in (source, target)))
        return target

    @contextlib.contextmanager
    def moving(self, key: str, to: Node | None = None) -> Iterator[Node]:
        """The slot of a key in the middle of being moved, key by key: half of its keys, and this one, are on the other
        node. Afterwards it is there.
        """
        slot, source = self.slot(key), self.owner(key)
        target = to or next(one for one in self.primaries if one is not source)
        target("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        there = list(dict.fromkeys([key, *source.client.cluster("GETKEYSINSLOT", slot, 1_000_000)]))
        half = len(there) // 2 + 1
        try:
            self._send(source, target, there[:half])
            yield target
        finally:
            self._send(source, target, source.client.cluster("GETKEYSINSLOT", slot, 1_000_000))
            for node in (target, source, *self.primaries):
                node("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    @staticmethod
    def _send(source: Node, target: Node, keys: list[str]) -> None:
        if keys:
            source("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)

    @contextlib.contextmanager
    def without(self, node: Node) -> Iterator[None]:
        """A node that does not answer, though its process is there."""
        assert node.process.process is not None
        node.process.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            node.process.process.send_signal(signal.SIGCONT)
            self.settle()


@contextlib.contextmanager
def running(cluster: ClusterProcesses) -> Iterator[ClusterProcesses]:
    """A cluster that is started, and stopped in the end."""
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
