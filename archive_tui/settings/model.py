"""What a run needs, frozen and typed. Secrets never appear in a repr."""

from dataclasses import dataclass
from pathlib import Path


class Secret:
    """A password. It shows itself to nobody who does not ask for it by name: not in a repr, a log or a crash report."""

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


@dataclass(frozen=True, slots=True)
class Tls:
    """How a `rediss://` server is verified: files in PEM; without `ca_file` the system's authorities are trusted."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run needs to know. `timeout` is in seconds and holds for connecting and for each answer; `syslog` is
    the socket of a syslog that hears the audit as well.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    socket: str | None = None
    database: int = 0
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    timeout: float = 5.0
    profile: str | None = None
    production: bool = False
    read_only: bool = False
    label: str | None = None
    syslog: str | None = None
    journal: bool = True
    journal_dir: Path | None = None
    journal_keep_days: float | None = None
    journal_keep_mb: float | None = None

    @property
    def address(self) -> str:
        """Where we connect to, without secrets: `host:port/db` or `socket path/db`, or the label that stands for it."""
        if self.label is not None:
            return self.label
        if self.socket is not None:
            return f"{self.socket}/{self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"
