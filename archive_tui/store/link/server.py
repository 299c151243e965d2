"""One Redis or Valkey server: who it is, and connections to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis.exceptions import RedisError

from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError
from archive_tui.settings.model import Settings
from archive_tui.store.link.abilities import Abilities, Ability
from archive_tui.store.link.node import Node
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import translated
from archive_tui.text import line
from archive_tui.wording.people import span

_CLIENT_NAME = "archive-tui"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server at the other end. All but the address come from `INFO`; where that is refused they are empty."""

    address: str
    """Host and port, or the path of a socket; safe to show."""

    version: str = ""
    """As the server writes it, "7.2.4"."""

    product: str = "redis"
    """"redis", "valkey" or "redict"; also "redis" where it is not known."""

    mode: str = ""
    """"standalone", "cluster" or "sentinel"."""

    role: str = ""
    """"primary" or "replica"."""

    run_id: str = ""
    """Changes when another server process answers at the same address."""

    replicas: int | None = None
    """Replicas that are connected to it; None where it does not say."""

    watched: str = ""
    """The primary that a Sentinel watches first, as host and port; empty for every other server."""

    linked: bool = True
    """Whether it hears its primary, where it is a replica: without, what it holds gets old."""

    unlinked_for: float | None = None
    """Seconds since it heard its primary last, where it is not `linked`; None where it never did since it was started,
    and may hold nothing yet.
    """

    had_replicas: bool = False
    """Whether one was connected within the last hour or so: as long as it keeps what it would send them
    (`repl_backlog_active`, until `repl-backlog-ttl` after the last one has left).
    """

    @property
    def staleness(self) -> str:
        """Why what it holds may be old, or not there yet, in words; empty where it is a primary, or hears its own."""
        if self.role != "replica" or self.linked:
            return ""
        if self.unlinked_for is None:
            return "this replica has not heard its primary yet: what it holds is old, or not there yet"
        return f"this replica has not heard its primary for {span(self.unlinked_for)}: what it holds is as old as that"


class Server:
    """One server, as one set of settings reaches it. Safe to share between threads; each `pipe` is for one thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.abilities = Abilities()
        """Shared by all pipes to this server."""
        self._home = Node(settings)

    @property
    def address(self) -> str:
        """The address of the server, safe to show."""
        return self._home.address

    @contextmanager
    def pipe(self) -> Iterator[Pipe]:
        """A connection of one's own for as long as the block lasts; every error inside comes out as one of ours."""
        with self.translated():
            connection = self._home.connect()
            settings = self.settings
            pipe = Pipe(connection, self.abilities, read_only=settings.read_only, snapshot=settings.snapshot)
            try:
                yield pipe
            except BaseException:
                # What is left of an interrupted exchange must never be read as the answer to the next question.
                connection.disconnect()  # type: ignore[no-untyped-call]
                raise
            else:
                if pipe.owed:
                    connection.disconnect()  # type: ignore[no-untyped-call]
            finally:
                self._home.release(connection)

    def identify(self) -> ServerInfo:
        """Ask the server who it is. Raises ConnectError and its kin; goes on without what `INFO` refuses to tell.

        What it lacks is found out anew afterwards: another version may answer, or the user may have been granted more.
        """
        self.abilities.forget()
        with self.pipe() as pipe:
            try:
                (reply,) = pipe.call([(b"CLIENT", b"SETNAME", _CLIENT_NAME.encode())], errors="return")
                if isinstance(reply, Exception):
                    self._home.diagnose(reply)
                info = self.look(pipe)
            except (RedisError, OSError) as error:
                self._home.diagnose(error)
                raise
        if info.mode == "sentinel":
            raise ConnectError(
                f"{self.address} is a Sentinel, which holds no tasks: connect to the primary that it watches"
                + (f" ({info.watched})" if info.watched else "")
            )
        return info

    def look(self, pipe: Pipe) -> ServerInfo:
        """The same on a connection that is there: what has become of the server meanwhile."""
        (reply,) = pipe.call([(b"INFO",)], errors="return")
        if not isinstance(reply, bytes):
            return ServerInfo(self.address)
        facts = dict(
            fact.split(":", 1)
            for fact in reply.decode("utf-8", "replace").splitlines()
            if ":" in fact and fact[0] != "#"
        )
        keyspace = facts.get(f"db{self.settings.database}", "")  # missing where the database is empty
        for ability, counter in _COUNTERS.items():
            if not counter.search(keyspace):
                self.abilities.rule_out(ability)
        if (snapshot := self.settings.snapshot) is not None:  # what counts is the server that it was taken of
            return ServerInfo(self.address, version=snapshot.version, product=snapshot.product, role="snapshot")
        # Valkey and Redict give the version of Redis as well that they began as: 7.2.4
        product = next((name for name in ("valkey", "redict") if f"{name}_version" in facts), "redis")
        return ServerInfo(
            self.address,
            version=line(facts.get(f"{product}_version", "")),
            product=product,
            mode=line(facts.get("server_mode") or facts.get(f"{product}_mode", "")),
            role={"master": "primary", "slave": "replica"}.get(facts.get("role", ""), line(facts.get("role", ""))),
            run_id=facts.get("run_id", ""),
            replicas=int(facts["connected_slaves"]) if facts.get("connected_slaves", "").isdigit() else None,
            watched=line(_watched(facts.get("master0", ""))),
            linked=facts.get("master_link_status", "up") == "up",
            unlinked_for=_unlinked_for(facts.get("master_link_down_since_seconds", "")),
            had_replicas=facts.get("repl_backlog_active") == "1",
        )

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._home.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what redis-py raises inside the block into our errors, one line each that says what to do."""
        try:
            yield
        except ArchiveTuiError:
            raise
        except RedisError as error:
            raise translated(error, self.settings) from None
        except (OSError, EOFError) as error:
            raise DisconnectedError(f"lost {self.address}: {line(str(error))}") from None


def _watched(master: str) -> str:
    """The address in what a Sentinel says of a primary: `name=…,status=…,address=…,slaves=…`."""
    return dict(one.partition("=")[::2] for one in master.split(",")).get("address", "")


def _unlinked_for(seconds: str) -> float | None:
    """`master_link_down_since_seconds`; None where it is missing, or where there has been no link yet: -1 from Redis 7
    on, the age of the epoch before.
    """
    return float(seconds) if seconds.isdigit() and int(seconds) < _EPOCH else None


_EPOCH = 1_000_000_000
"""Seconds: more than any link is down, and less than the age of the epoch."""

_COUNTERS = {
    Ability.TIMES: re.compile(r"\bexpires=0*[1-9]"),
    Ability.FIELD_TIMES: re.compile(r"\b(?:keys_with_volatile_items|subexpiry)=0*[1-9]"),
}
"""How `INFO keyspace` says that there is something to ask for: keys that expire, and hashes whose fields do (Valkey 9
and Redis 7.4 name these differently, older servers have none).
"""
