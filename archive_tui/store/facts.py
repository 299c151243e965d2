"""A connection as it is at one moment: the nodes at the other end, what our user may do there, and what is missing.

Frozen values without I/O, so that words and screens can be tested with any of them. `store.read.nodes` reads nodes,
`store.read.extras` finds out what is missing, and `Session.connection` puts the parts together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as its primary tells of it: the line `slave0:…` of `INFO replication` (Redis 6.0 to 8, Valkey 9)."""

    address: str
    """Host and port, safe to show."""

    state: str
    """The server's word, safe to show: `online`, or how far its first sync is (`wait_bgsave`, `send_bulk`)."""

    bytes_behind: int | None = None
    """Bytes of the replication stream that it has not confirmed; None where the server does not say."""

    seconds_silent: int | None = None
    """Seconds since it last confirmed anything, which it does each second; None where the server does not say."""

    @property
    def online(self) -> bool:
        """Whether it follows its primary."""
        return self.state == "online"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The primary of a replica, as the replica tells of it."""

    address: str
    """Host and port, safe to show."""

    linked: bool
    """Whether the replica hears it."""

    seconds_silent: int | None = None
    """Seconds since the replica heard it, or since the link is down; None where it never did, or does not say."""

    syncing: bool = False
    """Whether the first sync is under way: the replica has not all data yet."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a server: `INFO memory`."""

    used: int | None = None
    """Bytes; None where the server does not say, as for the rest."""

    limit: int | None = None
    """Bytes of `maxmemory`; 0: there is no limit."""

    system: int | None = None
    """Bytes of the server's machine."""

    fragmentation: float | None = None
    """Memory that the process holds, as a multiple of `used`."""

    policy: str = ""
    """`maxmemory_policy` as the server writes it, safe to show; empty where it does not say."""

    evicted: int | None = None
    """Keys that were evicted since the server started."""

    @property
    def share(self) -> float | None:
        """How full it is, from 0; None where it has no limit or does not say."""
        return self.used / self.limit if self.used is not None and self.limit else None

    @property
    def evicts(self) -> bool:
        """Whether the server deletes keys by itself where it is full."""
        return bool(self.limit) and self.policy not in ("", "noeviction")

    @property
    def evicts_anything(self) -> bool:
        """Whether that may be any key, and not only those with a time to live."""
        return self.evicts and not self.policy.startswith("volatile-")


@dataclass(frozen=True, slots=True)
class Persistence:
    """Saving to disk: `INFO persistence`, and what `CONFIG GET` says of its schedule."""

    saved_at: float | None = None
    """When the last snapshot (RDB) succeeded, in unix seconds by the server's clock. A server that has saved none gives
    the moment of its start. None where the server does not say, as for the rest.
    """

    save_failed: bool | None = None
    """Whether the last attempt at a snapshot failed."""

    saves: int | None = None
    """Snapshots since the server started; None before Redis 7.0."""

    saving: bool = False
    """Whether a snapshot is being written."""

    unsaved: int | None = None
    """Changes since the last snapshot."""

    schedule: str | None = None
    """`CONFIG GET save`, safe to show: pairs of seconds and changes; empty: no snapshots by themselves. None where it
    was refused.
    """

    log: bool | None = None
    """Whether every change goes to a log (AOF)."""

    log_failed: bool | None = None
    """Whether the last write to the log, or the last rewrite of it, failed."""

    log_sync: str | None = None
    """`CONFIG GET appendfsync`, safe to show; None where it was refused."""

    @property
    def nothing_is_saved(self) -> bool:
        """Whether the server is known to write nothing to disk by itself."""
        return self.log is False and self.schedule == ""


@dataclass(frozen=True, slots=True)
class Encryption:
    """TLS of one of our connections."""

    protocol: str
    """As OpenSSL names it: `TLSv1.3`."""

    cipher: str
    """As OpenSSL names it: `TLS_AES_256_GCM_SHA384`."""

    verified: bool
    """Whether the server's certificate was checked."""

    valid_until: float | None = None
    """When the server's certificate expires, in unix seconds; None where it was not checked."""


@dataclass(frozen=True, slots=True)
class SentinelView:
    """What one Sentinel says of our service."""

    address: str
    """Its own host and port, safe to show."""

    primary: str = ""
    """The primary that it names, safe to show; empty where it names none."""

    down: bool = False
    """Whether it does not reach that primary."""

    trouble: str = ""
    """Why it names none, safe to show."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One server, as it described itself a moment ago."""

    address: str
    """As we reach it; safe to show."""

    trouble: str = ""
    """Why it could not be read, safe to show; empty where it was. Then all else is unknown."""

    product: str = "redis"
    """"redis", "valkey" or "redict"; also "redis" where it is not known."""

    version: str = ""
    """As the server writes it; empty where it does not say, as for mode and role."""

    mode: str = ""
    """"standalone", "cluster" or "sentinel"."""

    role: str = ""
    """"primary" or "replica"."""

    uptime: int | None = None
    """Seconds since the server started; None where it does not say."""

    replicas: tuple[Replica, ...] | None = None
    """The replicas that are connected to it; None where it does not say."""

    upstream: Upstream | None = None
    """The primary of a replica; None for a primary, and where it does not say."""

    memory: Memory = Memory()
    persistence: Persistence = Persistence()

    loading: str = ""
    """How far a server is that loads its data from disk: `61.3 % loaded, 4 s left`; empty where it is not."""

    clients: int | None = None
    """Connections of all clients; None where the server does not say."""

    clients_limit: int | None = None
    """`maxclients`; None where the server does not say (Redis before 7.0)."""

    ours: int = 0
    """Our own connections to it, idle ones included."""

    protocol: int = 2
    """Version of RESP that our connections speak."""

    encryption: Encryption | None = None
    """TLS; None: the connection is not encrypted."""

    answered_in: float | None = None
    """Seconds that one question took, there and back; None where it was not measured."""

    ahead: float | None = None
    """Seconds by which its clock is ahead of ours; negative: behind. None where it refuses TIME."""

    refused: tuple[str, ...] = ()
    """The commands of this reading that it refuses, and the sections of INFO that it leaves out: `INFO memory`."""

    @property
    def ahead_within(self) -> float:
        """Seconds by which `ahead` may be wrong: nobody knows how long the answer was under way."""
        return (self.answered_in or 0.0) / 2

    @property
    def fields_may_expire(self) -> bool:
        """Whether single fields of a hash may have a time to live: Redis 7.4 and newer, Valkey 9 and newer. A server
        of unknown version is taken for an older one.
        """
        first = {"redis": (7, 4), "valkey": (9, 0)}.get(self.product)
        match = re.match(r"(\d+)\.(\d+)", self.version)
        return first is not None and match is not None and (int(match[1]), int(match[2])) >= first

    @property
    def title(self) -> str:
        """Product and version, as people write them."""
        return f"{self.product.capitalize()} {self.version}".strip()


class Extra(StrEnum):
    """A command that archive_tui can do without; the value is its name."""

    INFO = "INFO"
    TIME = "TIME"
    MEMORY_USAGE = "MEMORY USAGE"
    TRANSACTIONS = "MULTI"
    WATCH = "WATCH"
    ZMSCORE = "ZMSCORE"
    LPOS = "LPOS"
    PTTL = "PTTL"
    FIELD_TIMES = "HPEXPIRETIME"
    SORT_RO = "SORT_RO"
    CONFIG = "CONFIG GET"
    WHOAMI = "ACL WHOAMI"
    DRY_RUN = "ACL DRYRUN"
    NAME = "CLIENT SETNAME"


@dataclass(frozen=True, slots=True)
class Right:
    """Whether our user may do something."""

    action: str
    """`read`, `delete` or `restore`: the value of an `Action`."""

    asked: int | None = None
    """Queues that were asked about; None: nobody knows, or it was not asked since nothing may be changed."""

    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By queue, the commands that are refused, or `its keys`; what is permitted is missing."""

    why: str = ""
    """Why it is refused in the first of these, in words, safe to show."""

    @property
    def everywhere(self) -> bool:
        """Whether it is refused in every queue that was asked about."""
        return bool(self.refused) and self.asked is not None and len(self.refused) >= self.asked


@dataclass(frozen=True, slots=True)
class Connection:
    """All that the connection page and `archive-tui connection` show."""

    address: str
    """The address in the settings, without secrets; safe to show."""

    nodes: tuple[NodeFacts, ...]
    """The servers that hold the queues, one at least; replicas stand in the node that they follow."""

    read_at: float
    """When it was read, in unix seconds by the clock of this machine."""

    profile: str | None = None
    """Name of the profile; None: none was chosen."""

    production: bool = False
    """Whether the profile says that this is production."""

    user: str = ""
    """The user that the server knows us by; empty where it does not say."""

    why_read_only: str = ""
    """Why nothing can be changed, in words; empty where something can."""

    rights: tuple[Right, ...] = ()
    """What our user may do, reading first."""

    missing: frozenset[Extra] = frozenset()
    """The commands that are refused, or unknown to the server, and that we can do without, as far as anybody knows."""

    missing_asked: bool = True
    """Whether the server could be asked for that; False: only what was refused by chance is known."""

    latencies: tuple[float, ...] = ()
    """Seconds that the last answers took, the oldest first; empty where nothing watches the server."""

    latencies_since: float | None = None
    """Seconds since the first of them; None where there is none."""

    loopback: bool = False
    """Whether the server is reached without leaving this machine: TLS is then of no use."""

    service: str = ""
    """Name of the service that Sentinels watch, safe to show; empty where the server is reached without any."""

    sentinels: tuple[SentinelView, ...] = ()
    """What each of them says that has answered in time, or why it does not."""

    reads_at: str = ""
    """The replica at which scans and lists are read, safe to show; empty where that is the server itself."""

    reading: tuple[str, ...] = ()
    """Of a cluster whose replicas are read where each node is, in words; empty where the primaries are."""

    unserved: int = 0
    """Of a cluster the number of slots that no node serves."""

    namespace: str = ""
    """The namespace, where it is not Asynq's own; safe to show."""

    snapshot: str = ""
    """The moment that a dump file shows, in words; empty for a server."""
