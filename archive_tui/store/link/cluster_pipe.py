"""A pipe to a cluster: every command goes to the node that has its key.

Whoever reads and writes queues need not know of it. A command without a key goes where its neighbours go, and where it
has none to the node that the pipe is at home at: `SCAN` is asked of one node after the other.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from archive_tui.asynq.keys import Keys
from archive_tui.errors import DisconnectedError, RefusedError
from archive_tui.errors import MovedError as QueueMovedError
from archive_tui.settings.address import Address
from archive_tui.store.link.abilities import Abilities
from archive_tui.store.link.cluster import Cluster
from archive_tui.store.link.cluster_replicas import ClusterReplicas
from archive_tui.store.link.node import Node
from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Command, Pipe, pack
from archive_tui.store.link.replies import KEYS_APART, PLAIN, Reply, raise_first
from archive_tui.text import line

_REDIRECTS = 3
"""Times that a command follows its key to another node before we give up: an endless circle is a broken cluster."""

_KEYLESS = frozenset((
    b"SCAN", b"INFO", b"DBSIZE", b"PING", b"TIME", b"CLIENT", b"CONFIG", b"ACL", b"SCRIPT", b"CLUSTER", b"COMMAND",
    b"MULTI", b"EXEC", b"DISCARD", b"UNWATCH", b"SELECT", b"LATENCY", b"WAIT", b"ROLE", b"HELLO", b"READONLY",
))  # fmt: skip
_SECOND = frozenset((b"MEMORY", b"OBJECT", b"DEBUG"))
"""Commands whose key comes after a subcommand."""

_SCRIPTS = frozenset((b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO"))
_ENDS = frozenset((b"EXEC", b"DISCARD", b"UNWATCH"))


def key_of(command: Sequence[bytes]) -> bytes | None:
    """The first key of a command; None where it has none."""
    name = command[0].upper()
    if name in _KEYLESS or len(command) == 1:
        return None
    if name in _SECOND:
        return command[2] if len(command) > 2 else None
    if name in _SCRIPTS:
        return command[3] if len(command) > 3 and command[2] != b"0" else None
    return command[1]


def first_key(packed: Sequence[bytes]) -> bytes | None:
    """The first key in commands that are packed; each item begins with a command, or goes on with the one before."""
    for one in packed:
        arguments = _unpacked(one) if one.startswith(b"*") else []
        if arguments and (key := key_of(arguments)) is not None:
            return key
    return None


_ARGUMENTS = 4
"""Arguments of a command among which its first key is."""


def _unpacked(packed: bytes) -> list[bytes]:
    """The first arguments of the first command in a buffer."""
    end = packed.index(b"\r\n")
    arguments: list[bytes] = []
    for _ in range(min(int(packed[1:end]), _ARGUMENTS)):
        start = end + 2
        end = packed.find(b"\r\n", start)
        if end < 0:  # the rest is in another item
            break
        length = int(packed[start + 1 : end])
        arguments.append(packed[end + 2 : end + 2 + length])
        end += 2 + length
    return arguments


class ClusterPipe(Pipe):
    """Connections of one's own to the nodes of a cluster, each opened when it is first needed. Made by `Server.pipe`.

    What was sent together by `send` must be of one slot: it all goes to the node of the first key. `call` may ask for
    keys of several. Where a slot is being moved from one node to another, or a node does not answer, it raises:
    whoever asked begins again on another pipe when it is clear who has the slot. A `lenient` one needs its home alone:
    of others that do not answer, `call` returns why, where it is to return errors.

    With `replicas` it reads those in the place of their primaries. Where one is lost, or what it says may not hold, it
    raises MovedError: another try reads another one, or the primary.
    """

    def __init__(
        self,
        cluster: Cluster,
        abilities: Abilities,
        keys: Keys,
        home: Node,
        *,
        lenient: bool = False,
        read_only: bool = False,
        replicas: ClusterReplicas | None = None,
    ) -> None:
        self._cluster = cluster
        self._replicas = replicas
        self._home = home
        self._pipes: dict[Node, _Part] = {}
        self._primaries = self._pipes if replicas is None else {}
        self._lost: dict[Node, DisconnectedError] = {}
        self._owing: deque[tuple[_Part, int]] = deque()
        self._watching: Node | None = None
        self._transacting: Node | None = None
        super().__init__(abilities, keys, read_only=read_only)
        self.lenient = lenient

    def send(self, packed: Sequence[bytes], count: int | None = None) -> None:
        number = len(packed) if count is None else count
        key = first_key(packed)
        pipe = self._at(self._home if key is None else self._cluster.owner(key))
        self.owed += number
        self._owing.append((pipe, number))
        pipe.send(packed, number)

    def receive(self, count: int) -> list[Reply]:
        self.owed -= count
        replies: list[Reply] = []
        while len(replies) < count:
            pipe, owing = self._owing.popleft()
            number = min(owing, count - len(replies))
            if number < owing:
                self._owing.appendleft((pipe, owing - number))
            share = pipe.receive(number)
            self._raise_in_flux(share, pipe)
            replies += share
        return replies

    def call(self, commands: Sequence[Command], errors: Literal["raise", "return"] = "raise") -> list[Reply]:
        self.refuse_writing(commands)
        pinned = self._transacting is not None or any(command[0].upper() == b"MULTI" for command in commands)
        replies: list[Reply] = [None] * len(commands)
        left: Sequence[int] = range(len(commands))
        for _ in range(_REDIRECTS):
            nodes = self._places([commands[at] for at in left])
            shares: dict[Node, list[int]] = {}
            for at, node in zip(left, nodes, strict=True):
                shares.setdefault(node, []).append(at)
            asked = {node: self._ask(node, [commands[at] for at in places]) for node, places in shares.items()}
            for node, places in shares.items():
                for at, reply in zip(places, self._replies(asked[node], len(places)), strict=True):
                    replies[at] = reply
                lost = replies[places[0]]
                if isinstance(lost, DisconnectedError) and not (errors == "return" and self._spares(node)):
                    raise lost
            # Within a transaction a command that is to be given up must not be carried out elsewhere
            if pinned or not (left := [at for at in left if type(replies[at]) is MovedError]):
                break
            self._cluster.outdated()
            self._cluster.refresh()
        if not pinned:
            self._raise_in_flux(replies)
        if errors == "raise":
            raise_first(replies)
        return replies

    def ask_everywhere(self, *command: bytes) -> list[tuple[str, Reply]]:
        return [(address, reply) for address, (reply,) in self._ask_all([command], self._pipes)]

    def ask_all_everywhere(self, commands: Sequence[Command]) -> list[tuple[str, list[Reply]]]:
        return self._ask_all(commands, self._pipes)

    def ask_primaries(self, *command: bytes) -> list[tuple[str, Reply]]:
        return [(address, reply) for address, (reply,) in self._ask_all([command], self._primaries)]

    def _ask_all(self, commands: Sequence[Command], pipes: "dict[Node, _Part]") -> list[tuple[str, list[Reply]]]:
        self._lost.clear()
        self._cluster.refresh()
        asked = [(node, self._ask(node, commands, pipes)) for node in self._cluster.nodes]
        return [(node.address, list(self._replies(pipe, len(commands)))) for node, pipe in asked]

    def _ask(
        self, node: Node, commands: Sequence[Command], pipes: "dict[Node, _Part] | None" = None
    ) -> "_Part | DisconnectedError":
        """Send commands to a node; returns why it is lost, if it is. One that was lost is not waited for again until
        all are asked anew.
        """
        if (known := self._lost.get(node)) is not None:
            return known
        try:
            pipe = self._at(node, pipes)
            pipe.send(list(map(pack, commands)))
        except DisconnectedError as error:
            self._drop(node, error)
            return error
        return pipe

    def _replies(self, asked: "_Part | DisconnectedError", count: int) -> Sequence[Reply]:
        """The replies of a node, or so many times why it is lost."""
        if isinstance(asked, DisconnectedError):
            return [asked] * count
        try:
            return asked.receive(count)
        except DisconnectedError as error:
            self._drop(asked.primary, error)
            return [error] * count

    def _drop(self, node: Node, error: DisconnectedError) -> None:
        """Have nothing more to do with a node that is lost; whose replica is lost is asked itself by another pipe."""
        if isinstance(error, QueueMovedError):
            raise error
        self._lost[node] = error
        for pipes in (self._pipes, self._primaries):
            if (pipe := pipes.pop(node, None)) is not None:
                pipe.release(broken=True)

    def _spares(self, node: Node) -> bool:
        """Whether the loss of a node is no more than an error of what was asked of it."""
        return self.lenient and node is not self._home

    def everywhere(self) -> Iterator[Pipe]:
        home = self._home
        try:
            for node in self._cluster.nodes:
                self._home = node
                yield self
        finally:
            self._home = home

    def confirm(self) -> None:
        """Raise MovedError where what was read at replicas may not hold."""
        for pipe in self._pipes.values():
            pipe.confirm()

    def release(self, *, broken: bool) -> None:
        """Give every connection back; where the exchange is `broken`, they are closed."""
        for pipes in (self._pipes, self._primaries):
            for pipe in pipes.values():
                pipe.release(broken=broken)
            pipes.clear()

    def _at(self, node: Node, pipes: "dict[Node, _Part] | None" = None) -> "_Part":
        pipes = self._pipes if pipes is None else pipes
        if (pipe := pipes.get(node)) is None:
            replicas = self._replicas if pipes is self._pipes else None
            pipe = pipes[node] = _Part(node, self._cluster, self.abilities, self.keys, replicas)
        return pipe

    def _places(self, commands: Sequence[Command]) -> list[Node]:
        """The node of each command: of a transaction all on one, else by its key or beside its neighbours."""
        nodes: list[Node | None] = []
        last: Node | None = None
        for command in commands:
            name = command[0].upper()
            node = self._transacting
            if node is None and (key := key_of(command)) is not None:
                node = self._cluster.owner(key)
            if name == b"MULTI" or name in _ENDS:
                node = node or self._watching or last or self._home
                self._transacting = node if name == b"MULTI" else None
            if name == b"WATCH" or name in _ENDS:
                self._watching = node if name == b"WATCH" else None
            last = node or last
            nodes.append(last if last is not None else None)
        first = next((node for node in nodes if node is not None), self._home)
        return [node or first for node in nodes]

    def _raise_in_flux(self, replies: Sequence[Reply], asked: "_Part | None" = None) -> None:
        """Raise where a node says that it has not, or not yet, what was asked for: that must never pass for an
        answer. `asked` is the node where it is one: others may know by now who has what it had.
        """
        if PLAIN.issuperset(map(type, replies)):
            return
        for reply in replies:
            if isinstance(reply, MovedError) and _is_apart(reply, self._cluster, asked):
                raise RefusedError(KEYS_APART)
            if isinstance(reply, AskError | TryAgainError | ClusterDownError):  # a MovedError is an AskError
                self._cluster.outdated()
                raise reply


class _Part(NodePipe):
    """The pipe to one node, or to a replica that is read in its place; what goes wrong with it names the node."""

    def __init__(
        self, primary: Node, cluster: Cluster, abilities: Abilities, keys: Keys, replicas: ClusterReplicas | None
    ) -> None:
        self.primary = primary
        self._cluster = cluster
        self.slots = cluster.slots(primary)
        self._replicas: ClusterReplicas | None = None
        node = primary
        if replicas is not None:
            with self._named(primary):
                node = replicas.node(primary)
            self._replicas = replicas if node is not primary else None
        with self._named(node):
            super().__init__(node, abilities, keys)

    def send(self, packed: Sequence[bytes], count: int | None = None) -> None:
        with self._named(self.node):
            super().send(packed, count)

    def receive(self, count: int) -> list[Reply]:
        with self._named(self.node):
            replies = super().receive(count)
            if self._replicas is not None and not PLAIN.issuperset(map(type, replies)):
                self._raise_unable(replies)
        self._cluster.heard(self.node)
        return replies

    def _raise_unable(self, replies: Sequence[Reply]) -> None:
        """Raise DisconnectedError where a replica does not answer for a key of its primary."""
        for reply in replies:
            if isinstance(reply, MovedError) and _is_apart(reply, self._cluster, self):
                continue  # the keys of a queue lie apart: the primary would say so, too
            if isinstance(reply, AskError | TryAgainError | ClusterDownError):
                raise DisconnectedError(f"{self.node.address} does not answer for its primary: {line(str(reply))}")

    def confirm(self) -> None:
        """Raise MovedError where what was read at a replica may not hold."""
        if self._replicas is not None:
            self._replicas.confirm(self.primary, self.node, self.slots)

    @contextmanager
    def _named(self, node: Node) -> Iterator[None]:
        """Have errors name the node; one that is lost may be replaced by a replica of its own."""
        try:
            with node.translated(in_cluster=True):
                yield
        except DisconnectedError as error:
            if self._replicas is None:
                self._cluster.outdated(node)
                raise
            self._replicas.lose(self.primary, node, str(error))
            raise QueueMovedError(f"{error}: another server is read in its place, try again") from None


def _is_apart(reply: MovedError, cluster: Cluster, asked: _Part | None) -> bool:
    """Whether a node was asked for a key beside its own that never was on it, and is where we know it to be."""
    known = cluster.has(reply.slot_id, Address(reply.host, reply.port))
    return known and (asked is None or reply.slot_id not in asked.slots)
