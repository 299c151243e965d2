"""The server at the other end, by what it says of itself to `INFO`, and where that is refused to `HELLO`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from archive_tui.settings.address import Address
from archive_tui.store.link.info import facts_in, facts_in_greeting, mode_in, product_in, role_in, version_in
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply
from archive_tui.text import line
from archive_tui.wording.people import span


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server at the other end. All but the address come from `INFO`; where that is refused they are empty, but for
    version, mode and role, which `HELLO` tells.
    """

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

    services: tuple[str, ...] = ()
    """The services that a Sentinel watches; empty for every other server."""

    primary: str = ""
    """The primary that a replica follows, as host and port; empty for every other server."""

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

    expires: bool | None = None
    """Whether any key of the database is to expire; None where it does not say."""

    fields_expire: bool | None = None
    """Whether single fields of any hash are to expire; None where it does not say."""

    nodes: tuple["ServerInfo", ...] = ()
    """Of a cluster the primaries that answered, by their slots; of a single server none."""

    away: tuple[str, ...] = ()
    """Of a cluster the addresses of the primaries that did not answer."""

    unserved: int = 0
    """Of a cluster the number of slots that no node serves."""

    @property
    def _processes(self) -> dict[str, str]:
        """The run ids of the processes that answered, by where."""
        nodes = self.nodes or (self,)
        return {node.address if self.nodes else "": node.run_id for node in nodes}

    @property
    def tells(self) -> bool:
        """Whether it says which process it is, in a cluster whether all of its nodes do."""
        return all(self._processes.values())

    def is_another(self, before: "ServerInfo") -> bool:
        """Whether another process answers than before, in a cluster for any of its slots. A node that does not answer
        now is not taken for another.
        """
        now = self._processes
        return any(
            address not in self.away and now.get(address) != run_id for address, run_id in before._processes.items()
        )

    def remembering(self, before: "ServerInfo") -> "ServerInfo":
        """The same with what is known of the nodes that do not answer now: who comes back in their place must not pass
        for them.
        """
        lost = [node for node in before.nodes if node.address in self.away]
        return replace(self, nodes=(*self.nodes, *lost)) if lost else self

    @property
    def kind(self) -> str:
        """Its role, or that it is a cluster, and of how many primaries; in words."""
        if not (self.nodes or self.away):
            return self.role
        count = len(self.nodes) + len(self.away)
        return f"cluster of {count}" if not self.away else f"cluster of {count}, {len(self.away)} away"

    @property
    def lacking(self) -> str:
        """What of a cluster does not answer, in words; empty where nothing is missing."""
        parts = [f"{address} does not answer" for address in self.away]
        if self.unserved:
            parts.append(f"{self.unserved:,} slots are served by no node")
        return ", ".join(parts)

    @property
    def unsaid(self) -> str:
        """What it does not say of itself, and what follows from that, in words; empty where it says what we need."""
        unknown = [name for name, value in (("mode", self.mode), ("role", self.role)) if not value]
        if self.role == "snapshot":
            return ""
        if unknown:
            return f"the server does not say its {' and '.join(unknown)} (INFO and HELLO): it may be a replica"
        if not self.tells:
            return "the server does not say which process it is (INFO): after each reconnection it may be another one"
        return ""

    @property
    def staleness(self) -> str:
        """Why what it holds may be old, or not there yet, in words; empty where it is a primary, or hears its own."""
        if self.role != "replica" or self.linked:
            return ""
        if self.unlinked_for is None:
            return "this replica has not heard its primary yet: what it holds is old, or not there yet"
        return f"this replica has not heard its primary for {span(self.unlinked_for)}: what it holds is as old as that"


def run_id_of(pipe: Pipe) -> str:
    """Name of the process at the other end of a pipe, new at each start of it; empty where `INFO` does not tell."""
    (reply,) = pipe.call([(b"INFO",)], errors="return")
    return info_of(reply, "").run_id


def info_of(reply: Reply, address: str, database: int = 0) -> ServerInfo:
    """What a server says in its reply to `INFO`; the address alone where it was refused."""
    if not isinstance(reply, bytes):
        return ServerInfo(address)
    facts = facts_in(reply)
    counts = b"# Keyspace" in reply  # some services leave whole sections out
    keyspace = facts.get(f"db{database}", "")  # missing where the database is empty
    return ServerInfo(
        address,
        version=line(version_in(facts)),
        product=product_in(facts),
        mode=line(mode_in(facts)),
        role=line(role_in(facts)),
        run_id=facts.get("run_id", ""),
        replicas=int(facts["connected_slaves"]) if facts.get("connected_slaves", "").isdigit() else None,
        services=_services(facts),
        primary=_primary(facts),
        linked=facts.get("master_link_status", "up") == "up",
        unlinked_for=_unlinked_for(facts.get("master_link_down_since_seconds", "")),
        had_replicas=facts.get("repl_backlog_active") == "1",
        expires=_EXPIRES.search(keyspace) is not None if counts else None,
        fields_expire=_FIELDS_EXPIRE.search(keyspace) is not None if counts else None,
    )


def with_greeting(info: ServerInfo, reply: Reply) -> ServerInfo:
    """Fill in what a server did not say to `INFO` from its reply to `HELLO 2`; nothing where that is refused, too."""
    told = facts_in_greeting(reply)
    return replace(
        info,
        version=info.version or line(version_in(told)),
        product=info.product if info.version else product_in(told),
        mode=info.mode or line(mode_in(told)),
        role=info.role or line(role_in(told)),
    )


def cluster_info(address: str, answers: Sequence[ServerInfo], away: Sequence[str], unserved: int) -> ServerInfo:
    """A cluster as one: what its primaries have in common, with each of them. Its version is the oldest of theirs:
    what one node cannot do, nobody can rely on.
    """
    oldest = min(answers, key=lambda node: [int(part) for part in re.findall(r"\d+", node.version)])
    return replace(
        oldest,
        address=address,
        mode="cluster",
        role="primary",
        run_id="",
        replicas=None,
        had_replicas=False,
        expires=_any(node.expires for node in answers),
        fields_expire=_any(node.fields_expire for node in answers),
        nodes=tuple(answers),
        away=tuple(away),
        unserved=unserved,
    )


def _any(known: Iterable[bool | None]) -> bool | None:
    """Whether one is true; None where none is and one is not known."""
    values = set(known)
    return True if True in values else None if None in values else False


def _services(facts: Mapping[str, str]) -> tuple[str, ...]:
    """The services that a Sentinel names: `master0:name=…,status=…,address=…`."""
    watched = [value for name, value in facts.items() if re.fullmatch(r"master\d+", name)]
    return tuple(line(dict(one.partition("=")[::2] for one in each.split(",")).get("name", "")) for each in watched)


def _primary(facts: Mapping[str, str]) -> str:
    """The primary that a replica names; empty for any other server."""
    host, port = line(facts.get("master_host", "")), facts.get("master_port", "")
    return str(Address(host, int(port))) if host and port.isdigit() else ""


def _unlinked_for(seconds: str) -> float | None:
    """`master_link_down_since_seconds`; None where it is missing, or where there has been no link yet: -1 from Redis 7
    on, the age of the epoch before.
    """
    return float(seconds) if seconds.isdigit() and int(seconds) < _EPOCH else None


_EPOCH = 1_000_000_000
"""Seconds: more than any link is down, and less than the age of the epoch."""

_EXPIRES = re.compile(r"\bexpires=0*[1-9]")
_FIELDS_EXPIRE = re.compile(r"\b(?:keys_with_volatile_items|subexpiry)=0*[1-9]")
"""How `INFO keyspace` counts hashes whose fields expire: Valkey 9 and Redis 7.4 name it differently, older servers have
none.
"""
