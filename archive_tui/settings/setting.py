"""One setting: its names as a flag, in the environment and in a profile, and the one reader of its values.

A flag and the environment give text, a profile what TOML has; the same wrong value is refused with the same words,
whoever gives it:

    --timeout must be a number of seconds from 0.1 to 3600
    ARCHIVE_TUI_TIMEOUT must be a number of seconds from 0.1 to 3600
    timeout of profile 'orders' must be a number of seconds from 0.1 to 3600
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from archive_tui.errors import UsageError
from archive_tui.settings.model import BadgeColor, Look, TlsVersion

Value = TypeVar("Value")
_Choice = TypeVar("_Choice", bound=StrEnum)

_LONGEST_TIMEOUT = 3600.0
_SYSLOG = "/dev/log"
_PACES = ("full", "polite", "gentle")
"""Those of `jobs.pace`, which is above the settings."""
_NO = {"0", "false", "no", "off"}
_YES = {"1", "true", "yes", "on"}


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value]):
    """One setting of a run."""

    key: str
    """Its name in a profile."""

    must: str
    """What its value must be, for the sentence that refuses another."""

    parse: Callable[[object], Value | None]
    """Reads a value; None where it is none."""

    flag: str = ""
    """Its flag; empty where there is none."""

    variable: str = ""
    """Its environment variable; empty where there is none."""

    choices: tuple[str, ...] = ()
    """The values it may have; empty where they cannot be listed."""

    def read(self, value: object, place: str) -> Value:
        """Read a value that stands in a place, such as `--timeout`. Raises UsageError."""
        parsed = self.parse(value)
        if parsed is None:
            raise UsageError(f"{place} must be {self.must}")
        return parsed

    def from_environment(self, environment: Mapping[str, str]) -> Value | None:
        """Its value in the environment; None where it is missing or empty. Raises UsageError."""
        value = environment.get(self.variable, "").strip()
        return self.read(value, self.variable) if value else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _switch(value: object) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _YES else False if word in _NO else None
    return value if isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _between(least: float, most: float) -> Callable[[object], float | None]:
    def parse(value: object) -> float | None:
        number = _number(value)
        return number if number is not None and least <= number <= most else None

    return parse


def _whole(least: int, most: float) -> Callable[[object], int | None]:
    def parse(value: object) -> int | None:
        number = _number(value)
        return int(number) if number is not None and number == int(number) and least <= number <= most else None

    return parse


def _one_of(kind: type[_Choice]) -> Callable[[object], _Choice | None]:
    def parse(value: object) -> _Choice | None:
        return kind(value) if isinstance(value, str) and value in list(kind) else None

    return parse


def _syslog(value: object) -> str | None:
    """The socket of a syslog; `true` is the usual one, and empty means none."""
    if isinstance(value, str) and value.startswith("/"):
        return value
    switch = _switch(value)
    return None if switch is None else _SYSLOG if switch else ""


def _server_name(value: object) -> str | None:
    """The name of a host, or an IP address."""
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", value):  # IPv6
        return value
    try:
        value.encode("idna")
    except UnicodeError:
        return None
    return value if re.fullmatch(r"[^\W_](?:[\w.-]*\w)?\.?", value) else None


def _switched(key: str, flag: str = "", variable: str = "") -> Setting[bool]:
    return Setting(key, "true or false", _switch, flag, variable)


def _chosen(key: str, kind: type[_Choice], flag: str = "", variable: str = "") -> Setting[_Choice]:
    return Setting(key, f"one of {', '.join(kind)}", _one_of(kind), flag, variable, tuple(kind))


def _file(key: str) -> Setting[str]:
    return Setting(key, "the path of a file", _text, f"--{key.replace('_', '-')}", f"ARCHIVE_TUI_{key.upper()}")


DATABASE: Setting[int] = Setting("db", "a whole number from 0 to 99999", _whole(0, 99_999), "--db")
TIMEOUT: Setting[float] = Setting(
    "timeout",
    f"a number of seconds from 0.1 to {_LONGEST_TIMEOUT:g}",
    _between(0.1, _LONGEST_TIMEOUT),
    "--timeout",
    "ARCHIVE_TUI_TIMEOUT",
)
TLS_CA_FILE = _file("tls_ca_file")
TLS_CERT_FILE = _file("tls_cert_file")
TLS_KEY_FILE = _file("tls_key_file")
TLS_KEY_PASSPHRASE_FILE = _file("tls_key_passphrase_file")
TLS_SERVER_NAME: Setting[str] = Setting(
    "tls_server_name",
    "the name or address of a host as its certificate has it, without a port",
    _server_name,
    "--tls-server-name",
    "ARCHIVE_TUI_TLS_SERVER_NAME",
)
TLS_MIN_VERSION = _chosen("tls_min_version", TlsVersion, "--tls-min-version", "ARCHIVE_TUI_TLS_MIN_VERSION")
USERNAME: Setting[str] = Setting("username", "a text", _text, "--user", "ARCHIVE_TUI_USERNAME")
SENTINEL_USERNAME: Setting[str] = Setting(
    "sentinel_username", "a text", _text, "--sentinel-user", "ARCHIVE_TUI_SENTINEL_USERNAME"
)
READ_ONLY = _switched("read_only", "--read-only", "ARCHIVE_TUI_READ_ONLY")
PREFER_REPLICA = _switched("prefer_replica", "--prefer-replica", "ARCHIVE_TUI_PREFER_REPLICA")
LOW_BANDWIDTH = _switched("low_bandwidth", "--low-bandwidth", "ARCHIVE_TUI_LOW_BANDWIDTH")
SHOW_SECRETS = _switched("show_secrets", "--show-secrets")
PRODUCTION = _switched("production")
JOURNAL = _switched("journal")
PACE: Setting[str] = Setting(
    "pace", f"one of {', '.join(_PACES)}", lambda value: _text(value) if value in _PACES else None, "--pace",
    "ARCHIVE_TUI_PACE", _PACES,
)  # fmt: skip
THEME = _chosen("theme", Look, "--theme", "ARCHIVE_TUI_THEME")
COLOR = _chosen("color", BadgeColor)
SYSLOG: Setting[str] = Setting(
    "syslog", f"true, false, or the path of its socket, such as {_SYSLOG}", _syslog, variable="ARCHIVE_TUI_SYSLOG"
)
JOURNAL_DIR: Setting[str] = Setting(
    "journal_dir", "the path of a folder", _text, "--journal-dir", "ARCHIVE_TUI_JOURNAL_DIR"
)
KEEP_DAYS: Setting[float] = Setting("journal_keep_days", "a number, 0 or more", _between(0, math.inf))
KEEP_MB: Setting[float] = Setting("journal_keep_mb", "a number, 0 or more", _between(0, math.inf))
ARCHIVE_CAP: Setting[int] = Setting("archive_cap", "a whole number, 1 or more", _whole(1, math.inf))
ARCHIVE_DAYS: Setting[int] = Setting("archive_days", "a whole number, 1 or more", _whole(1, math.inf))
