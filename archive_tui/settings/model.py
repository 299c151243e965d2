"""The settings of a run, frozen and typed. Secrets never appear in a repr."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from archive_tui.settings.address import Address
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, place


class Secret:
    """A password that shows only through `reveal`: not in a repr, a log or a crash report."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The password itself; only the connection calls this."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Look(StrEnum):
    """A choice of colours for the screens, by the name that people give it."""

    AUTO = "auto"
    """Dark or light, as the terminal's background is."""
    DARK = "dark"
    LIGHT = "light"
    HIGH_CONTRAST = "high-contrast"
    ANSI = "ansi"
    """The terminal's own 16 colours on its own background."""


class BadgeColor(StrEnum):
    """The colour of a profile's badge. Red is for production."""

    GREEN = "green"
    YELLOW = "yellow"
    BLUE = "blue"
    MAGENTA = "magenta"
    CYAN = "cyan"


class TlsVersion(StrEnum):
    """A version of TLS. Older ones are not spoken."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS with a `rediss://` server. Files are PEM."""

    ca_file: str | None = None
    """Certificates of the authorities that are trusted; None: those of the system."""

    cert_file: str | None = None
    """Our certificate; None: we show none."""

    key_file: str | None = None
    """Key of our certificate; None: it is in `cert_file`."""

    verify: bool = True
    """The server's certificate is checked."""

    server_name: str | None = None
    """Name or address that must stand in the server's certificate; None: the one that we connect to."""

    key_passphrase: Secret | None = None
    """Passphrase of our key; None: the key is not encrypted."""

    min_version: TlsVersion = TlsVersion.TLS_1_2
    """The oldest version that is spoken."""


AddressMap: TypeAlias = tuple[tuple[Address, Address], ...]
"""Addresses that servers name, each with the one at which we reach it."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The Sentinels that know which server is the primary of a service."""

    service: str
    """Name of the service, as in `SENTINEL MONITOR`."""

    addresses: tuple[Address, ...]
    """The Sentinels to ask: at least one, in no order."""

    username: str | None = None
    """User of the Sentinels; None: their default user."""

    password: Secret | None = None
    """Password of that user; None: no login."""

    tls: Tls | None = None
    """TLS of the Sentinels; None: the connections to them are not encrypted."""

    address_map: AddressMap = ()
    """Where we reach the servers of the service, as through a tunnel."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The nodes of a cluster by which it is found."""

    addresses: tuple[Address, ...]
    """The nodes to ask, in this order until one answers: at least one."""

    address_map: AddressMap = ()
    """Where we reach the nodes, as through a tunnel."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dump file that is read in place of a server."""

    file: Path
    """The dump; it is only ever read."""

    taken_at: float
    """The moment that it shows, in unix seconds: when it was begun, or where it does not say, when it was written."""

    product: str
    """"redis", "valkey" or "redict", which wrote it."""

    version: str
    """Version of what wrote it; empty where it does not say."""

    size: int
    """Bytes of the file."""

    memory: int | None
    """Bytes of memory that its server used; None where it does not say."""

    loader: Path | None = None
    """The server program that loads it; None: the embedded one."""

    missing: int | None = 0
    """Keys that had expired since, and that the server which loaded it dropped; None where it does not say."""

    @property
    def why_read_only(self) -> str:
        """Why nothing can be changed, in words."""
        return "this is a snapshot: changes need the server itself"


@dataclass(frozen=True, slots=True)
class PayloadSettings:
    """Decoding of payloads whose format bytes do not tell. Patterns are for types of tasks: `email:*`."""

    descriptors: Path | None = None
    """File with a descriptor set of protobuf; None: no schema is known."""

    messages: Mapping[str, str] = field(default_factory=dict)
    """Full name of a message in it, by pattern: `acme.mail.Email`."""

    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Program and arguments, by pattern; it reads a payload and writes text."""


@dataclass(frozen=True, slots=True)
class RedactionSettings:
    """What is masked where payloads, headers and errors are shown. Keys in any case, with `_` and `-` or without; `*`
    stands for anything.
    """

    keys: tuple[str, ...] | None = None
    """Keys whose values are masked; None: those that everybody has, empty: nothing is masked."""

    added: tuple[str, ...] = ()
    """More of them."""

    exempt: tuple[str, ...] = ()
    """Keys that are shown all the same."""

    shown: bool = False
    """The operator has asked to see everything."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a run: server, guards, journal and audit."""

    host: str = "127.0.0.1"
    """Name or address of the server; of no meaning with `socket`. With `sentinels`: of the primary, empty as long as
    they have not been asked for it.
    """

    port: int = 6379
    """Port of the server, from 1; of no meaning with `socket`."""

    socket: str | None = None
    """Path of the server's unix socket; None: it is reached by `host` and `port`."""

    sentinels: Sentinels | None = None
    """The Sentinels that name the server; None: it is the one at `host` and `port`."""

    cluster: Seeds | None = None
    """The nodes of a cluster to ask, of which `host` and `port` are the first; None: whether the server is one of a
    cluster is found out.
    """

    database: int = 0
    """Number of the database, from 0."""

    namespace: str = DEFAULT_NAMESPACE
    """Namespace of the keys: forks of Asynq have others than it."""

    username: str | None = None
    """User of the server; None: its default user."""

    password: Secret | None = None
    """Password of the user; None: no login."""

    tls: Tls | None = None
    """TLS; None: the connection is not encrypted."""

    timeout: float = 5.0
    """Seconds for connecting and for each answer, above 0."""

    profile: str | None = None
    """Name of the profile; None: none was chosen."""

    production: bool = False
    """The profile is marked as production: red, and confirmed by a typed number."""

    color: BadgeColor | None = None
    """Colour of the profile's badge; None: none was chosen. Of no meaning with `production`."""

    read_only: bool = False
    """Nothing may be changed."""

    pace: str | None = None
    """Name of the pace at which jobs begin; None: none was chosen."""

    prefer_replica: bool = False
    """Scans and lists are read from a replica, if one hears the primary."""

    low_bandwidth: bool = False
    """The link to the terminal is thin: the screens send half of what they may send otherwise."""

    label: str | None = None
    """Text shown in place of the address; None: the address itself."""

    syslog: str | None = None
    """Path of the socket of a syslog that gets the audit as well; None: only the file does."""

    audit_file: Path | None = None
    """File of the audit; None: the one in the user's state directory."""

    journal: bool = True
    """Deletions are recorded, so that they can be restored."""

    journal_dir: Path | None = None
    """Folder of the journals; None: the one in the user's state directory."""

    journal_keep_days: float | None = None
    """Age in days at which `journal prune` deletes a journal; None: no limit, 0: at once."""

    journal_keep_mb: float | None = None
    """Size of all journals in megabytes (10⁶ bytes) above which `journal prune` deletes the oldest; None: no limit."""

    archive_cap: int | None = None
    """Ids that the Asynq of this installation keeps in an archive; None: its default, or what is seen."""

    archive_days: int | None = None
    """Days after which it drops an archived id; None: its default."""

    payloads: PayloadSettings = PayloadSettings()
    """Decoding of payloads."""

    redaction: RedactionSettings = RedactionSettings()
    """What is masked where it is shown."""

    theme: Look | None = None
    """Colours of the screens; None: the profile does not say."""

    snapshot: Snapshot | None = None
    """The dump file that is read; None: a server."""

    @property
    def loopback(self) -> bool:
        """Whether the server is reached without leaving this machine. A tunnel that begins here looks the same."""
        return self.socket is not None or self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def unverified(self) -> bool:
        """Whether TLS is spoken with whoever answers, because nobody checks a certificate."""
        return any(
            tls is not None and not tls.verify
            for tls in (self.tls, self.sentinels.tls if self.sentinels is not None else None)
        )

    @property
    def endpoint(self) -> Address:
        """Host and port of the server; of no meaning with `socket`."""
        return Address(self.host, self.port)

    def at(self, endpoint: Address) -> "Settings":
        """The same for another server, which is reached in the same way: another node of a cluster, a replica."""
        return replace(self, host=endpoint.host, port=endpoint.port, socket=None, sentinels=None, label=None)

    def reached(self, named: Address) -> Address:
        """The address at which we reach a server that others name: the same, unless the address map has another."""
        return dict(self._address_map).get(named, named)

    def maps_to(self, address: Address) -> bool:
        """Whether the address map leads to an address."""
        return any(used == address for _, used in self._address_map)

    @property
    def _address_map(self) -> AddressMap:
        known = self.cluster or self.sentinels
        return known.address_map if known is not None else ()

    @property
    def address(self) -> str:
        """The server without secrets: `host:port/db`, `path of the socket/db`, `service/db (host:port of its primary)`,
        or the label that stands for it.
        """
        if self.label is not None:
            return self.label
        if self.socket is not None:
            return f"{self.socket}/{self.database}"
        if self.sentinels is not None:
            primary = f" ({self.endpoint})" if self.host else ""
            return f"{self.sentinels.service}/{self.database}{primary}"
        return f"{self.endpoint}/{self.database}"

    @property
    def watchers(self) -> tuple[str, ...]:
        """The addresses of the Sentinels; empty where the server is reached without."""
        return tuple(map(str, self.sentinels.addresses)) if self.sentinels is not None else ()

    def is_same_server(
        self, address: str, watchers: Collection[str] = (), nodes: Collection[str] = (), ours: Collection[str] = ()
    ) -> bool:
        """Whether the address that was recorded of a server is that of ours. A service is the same whichever primary it
        had then, if one of the recorded Sentinels, `watchers`, watches it now. A cluster is the same by whichever node
        it was reached, if one of the recorded `nodes` is among `ours`.
        """
        if not set(nodes).isdisjoint(ours):
            return True
        if self.sentinels is None or self.label is not None:
            return address == self.address
        service = f"{self.sentinels.service}/{self.database}"
        return address.partition(" (")[0] == service and not set(watchers).isdisjoint(self.watchers)

    @property
    def place(self) -> str:
        """The same with the namespace, where that is not Asynq's own."""
        return place(self.address, self.namespace)
