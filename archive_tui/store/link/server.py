"""The Redis or Valkey that one set of settings reaches, one server or a cluster: who it is, and pipes to it.

A start imports nothing for clusters, replicas and Sentinels unless it meets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeVar

from redis.exceptions import RedisError

from archive_tui.asynq.keys import Keys
from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError
from archive_tui.settings.model import Seeds, Settings
from archive_tui.store.link.abilities import Abilities, Ability
from archive_tui.store.link.node import Node
from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply
from archive_tui.store.link.server_info import ServerInfo, cluster_info, info_of, with_greeting
from archive_tui.text import line

if TYPE_CHECKING:
    from archive_tui.store.link.cluster import Cluster
    from archive_tui.store.link.cluster_pipe import ClusterPipe
    from archive_tui.store.link.cluster_replicas import ClusterReplicas
    from archive_tui.store.link.replicas import Replicas
    from archive_tui.store.link.service import Guide, Service

AnyPipe = TypeVar("AnyPipe", bound="NodePipe | ClusterPipe")

_CLIENT_NAME = "archive-tui"


class Server:
    """The server, or the cluster, that one set of settings reaches. Safe to share between threads; each `pipe` is for
    one thread.
    """

    def __init__(self, settings: Settings, guide: Guide | None = None) -> None:
        """`guide` says which node is asked; None: the one that the settings name, or that their Sentinels do."""
        self.settings = settings
        self.keys = Keys(settings.namespace)
        """The keys of the namespace that this session reads and writes."""
        self.abilities = Abilities()
        """Shared by all pipes to this server."""
        if guide is None and settings.sentinels is not None:
            from archive_tui.store.link.service import Service

            guide = Service(settings)
        self._guide = guide
        self._home = self._guide.node if self._guide is not None else Node(settings)
        self._cluster: Cluster | None = None
        self._replicas: ClusterReplicas | None = None

    @property
    def address(self) -> str:
        """The address of the server, safe to show."""
        return self._home.address

    @property
    def at(self) -> Settings:
        """The settings of the node that is asked: of a service, with the address of its primary."""
        return self._home.settings

    @property
    def place(self) -> str:
        """The address with the namespace, where that is not Asynq's own; safe to show."""
        return line(self._home.settings.place)

    @property
    def cluster(self) -> Cluster | None:
        """The nodes, where it was identified as a cluster; None where it is a single server."""
        return self._cluster

    @property
    def node_names(self) -> frozenset[str]:
        """The names that the nodes of the cluster have for themselves, by which it is known; empty for a single
        server.
        """
        return self._cluster.topology.ids if self._cluster is not None else frozenset()

    @property
    def nodes(self) -> Sequence[Node]:
        """The processes that hold keys: one, or the primaries of a cluster."""
        return self._cluster.nodes if self._cluster is not None else [self._at_home()]

    @property
    def reads_replicas(self) -> bool:
        """Whether a pipe reads replicas of a cluster, so that it alone knows whether what it read holds."""
        return self._replicas is not None

    @property
    def service(self) -> Service | None:
        """The service and its Sentinels; None where the server is reached without any."""
        if self._guide is None:
            return None
        from archive_tui.store.link.service import Service

        return self._guide if isinstance(self._guide, Service) else None

    @contextmanager
    def pipe(self, home: Node | None = None, *, lenient: bool = False) -> Iterator[Pipe]:
        """Connections of one's own for as long as the block lasts; every error inside comes out as one of ours. In a
        cluster, what has no key is asked of the node `home`; a `lenient` pipe takes the loss of any other for no more
        than an error among the replies.
        """
        with self.translated(), _released(self._open(home, lenient=lenient)) as pipe:
            yield pipe
            if self._replicas is not None and not isinstance(pipe, NodePipe):
                pipe.confirm()

    def _open(self, home: Node | None, *, lenient: bool) -> NodePipe | ClusterPipe:
        read_only, snapshot = self.settings.read_only, self.settings.snapshot
        if self._cluster is None:
            return NodePipe(self._at_home(), self.abilities, self.keys, read_only=read_only, snapshot=snapshot)
        from archive_tui.store.link.cluster_pipe import ClusterPipe

        self._cluster.refresh()
        at = home or self._cluster.home
        return ClusterPipe(
            self._cluster,
            self.abilities,
            self.keys,
            at,
            lenient=lenient,
            read_only=read_only,
            replicas=self._replicas,
        )

    @contextmanager
    def pipe_to(self, node: Node) -> Iterator[NodePipe]:
        """A connection of one's own to one of the `nodes`, whatever keys it has; every error inside comes out as one of
        ours, and names the node.
        """
        read_only = self.settings.read_only
        with node.translated(), _released(NodePipe(node, self.abilities, self.keys, read_only=read_only)) as pipe:
            yield pipe

    def read_at_replica(self) -> tuple[Server, Replicas | ClusterReplicas]:
        """The same, read only, at one of its replicas as long as one hears it, in a cluster at one of each node; and
        which that is. Of what was read, more than one pipe may be needed: each raises MovedError where its replicas
        turn out to be no good.
        """
        from archive_tui.store.link.cluster_replicas import ClusterReplicas
        from archive_tui.store.link.replicas import Replicas

        settings = replace(self.settings, read_only=True)
        if self._cluster is not None:
            reader = Server(settings)
            reader._home, reader._cluster = self._home, self._cluster
            reader._replicas = ClusterReplicas(self._cluster, settings)
            return reader, reader._replicas
        replicas = Replicas(settings, self._asked)
        return Server(settings, replicas), replicas

    def _asked(self, *command: str) -> tuple[Node, Reply]:
        """The primary as of now, and its reply to a command. Raises ConnectError and kin."""
        if self._guide is not None:
            self._guide.outdated()
        with self.translated():
            node = self._at_home()
            return node, node.ask(*command)

    def _at_home(self) -> Node:
        """The node that is asked: of a service, its primary. Raises ConnectError and kin where nobody names that."""
        if self._guide is not None:
            self._home = self._guide.current()
        return self._home

    def identify(self) -> ServerInfo:
        """Ask the server who it is, and where it is a cluster which of its nodes have what. Raises ConnectError and its
        kin; goes on without what `INFO` refuses to tell.

        What it lacks is found out anew afterwards: another version may answer, or the user may have been granted more.
        """
        try:
            return self._identified()
        except ConnectError as error:
            if self.settings.database and self._guide is None and not isinstance(error, DisconnectedError):
                self._refuse_sentinel()
            raise

    def _refuse_sentinel(self) -> None:
        """Raise ConnectError where a server that has no such database is a Sentinel, which has none."""
        plain = Server(replace(self.settings, database=0))
        try:
            with plain.pipe() as pipe:
                info = plain.look(pipe)
        except ArchiveTuiError:
            return
        finally:
            plain.close()
        if info.mode == "sentinel":
            self._refuse_services(info)

    def _refuse_services(self, info: ServerInfo) -> NoReturn:
        from archive_tui.store.link.sentinels import whose_services

        raise ConnectError(whose_services(self.settings, info.services))

    def _identified(self) -> ServerInfo:
        self.abilities.forget()
        if self._cluster is not None:
            self._cluster.outdated()
            return self._greeted()
        if self.settings.cluster is not None:
            self._home, self._cluster = self._found(self.settings.cluster)
            return self._greeted()
        if self._guide is not None:
            self._guide.outdated()
        info = self._greeted()
        if info.mode == "sentinel":
            self._refuse_services(info)
        if self._guide is not None:
            self._guide.accept(info)
        if info.mode in ("cluster", ""):  # it does not say where `INFO` is refused
            with self.pipe() as pipe:
                (slots,) = pipe.call([(b"CLUSTER", b"SLOTS")], errors="return")
                if info.mode and isinstance(slots, Exception):
                    raise slots
            if isinstance(slots, list):
                from archive_tui.store.link.cluster import Cluster

                self._cluster = Cluster(self._home, slots)
                return self._greeted()
        return info

    def _found(self, seeds: Seeds) -> tuple[Node, Cluster]:
        """The cluster of which nodes are named. Raises ConnectError and kin; where one is a Sentinel, it says so."""
        from archive_tui.store.link.cluster import NoClusterError, find_cluster

        try:
            return find_cluster(self.settings, seeds.addresses)
        except NoClusterError as error:
            plain = Server(replace(error.settings, cluster=None))
            try:
                plain.identify()
            finally:
                plain.close()
            raise

    def _greeted(self) -> ServerInfo:
        """Say who we are, and ask who they are."""
        with self.pipe() as pipe:
            try:
                answers = pipe.ask_all_everywhere([(b"CLIENT", b"SETNAME", _CLIENT_NAME.encode()), (b"INFO",)])
                for _, (named, _) in answers:
                    if isinstance(named, Exception) and self._cluster is None:
                        self._home.diagnose(named)
                return self._seen(pipe, [(address, info) for address, (_, info) in answers])
            except (RedisError, OSError) as error:
                self._home.diagnose(error)
                raise

    def info_at(self, node: Node) -> ServerInfo:
        """What one node of the cluster says of itself. Raises ConnectError and kin."""
        with node.translated(in_cluster=True):
            return info_of(node.ask("INFO"), node.address, self.settings.database)

    def look(self, pipe: Pipe) -> ServerInfo:
        """Ask on a connection that is there what has become of the server meanwhile. Raises DisconnectedError where
        Sentinels name another by now.
        """
        if self._guide is not None:
            self._guide.check()
        return self._look(pipe)

    def _look(self, pipe: Pipe) -> ServerInfo:
        return self._seen(pipe, pipe.ask_everywhere(b"INFO"))

    def _seen(self, pipe: Pipe, replies: Sequence[tuple[str, Reply]]) -> ServerInfo:
        """What the server is by what its nodes reply to `INFO`; what that does not say is asked for on the pipe."""
        info = self._info(replies)
        if self._cluster is None and not (info.mode and info.role):
            (greeting,) = pipe.call([(b"HELLO", b"2")], errors="return")
            info = with_greeting(info, greeting)
        for ability, there in ((Ability.TIMES, info.expires), (Ability.FIELD_TIMES, info.fields_expire)):
            if there is False:  # there is nothing that it could tell
                self.abilities.rule_out(ability)
        if (snapshot := self.settings.snapshot) is not None:  # what counts is the server that it was taken of
            return ServerInfo(self.address, version=snapshot.version, product=snapshot.product, role="snapshot")
        return info

    def _info(self, replies: Sequence[tuple[str, Reply]]) -> ServerInfo:
        database = self.settings.database
        if self._cluster is None:
            ((_, reply),) = replies
            return info_of(reply, self.address, database)
        away = [address for address, reply in replies if isinstance(reply, DisconnectedError)]
        answers = [info_of(reply, address, database) for address, reply in replies if address not in away]
        if not answers:
            raise next(reply for _, reply in replies if isinstance(reply, DisconnectedError)) from None
        return cluster_info(self.address, answers, away, self._cluster.topology.unserved)

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._home.close()
        if self._guide is not None:
            self._guide.close()
        if self._cluster is not None:
            self._cluster.close()
        if self._replicas is not None:
            self._replicas.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what redis-py raises inside the block into our errors, one line each that says what to do."""
        with (
            self._guide.watching() if self._guide is not None else nullcontext(),
            self._at_home().translated(in_cluster=self._cluster is not None),
        ):
            yield


@contextmanager
def _released(pipe: AnyPipe) -> Iterator[AnyPipe]:
    """A pipe that is given back in the end. What is left of an interrupted exchange must never be read as the answer to
    the next question.
    """
    try:
        yield pipe
    except BaseException:
        pipe.release(broken=True)
        raise
    else:
        pipe.release(broken=False)
