"""Merge flags, environment and profile file into settings; flags win over environment, environment over profile."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings.model import Secret, Settings
from archive_tui.settings.url import parse_url, urlsplit_has_password

DEFAULT_URL = "redis://127.0.0.1:6379/0"
_PROFILE_KEYS = {"url", "username", "password_file", "db", "timeout", "production", "read_only", "syslog"}
_PROFILE_KEYS |= {"journal", "journal_dir", "journal_keep_days", "journal_keep_mb"}
_LONGEST_TIMEOUT = 3600.0


def read_password_file(path: Path) -> Secret:
    """The first line of a file. Raises NotFoundError or UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"no password file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the password file {path} cannot be read: {reason}") from None
    if not lines or not lines[0]:
        raise UsageError(f"the password file {path} is empty: put the password on its first line")
    return Secret(lines[0])


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line said; None where it said nothing."""

    url: str | None = None
    profile: str | None = None
    username: str | None = None
    password: Secret | None = None
    password_file: Path | None = None
    database: int | None = None
    timeout: float | None = None
    read_only: bool = False
    no_journal: bool = False
    journal_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


def default_profile_file() -> Path:
    """Where profiles are looked for."""
    return Path(platformdirs.user_config_dir("archive-tui", appauthor=False)) / "profiles.toml"


def resolve(choices: Choices, profile_file: Path | None = None) -> Settings:
    """Put flags, environment and profile together; flags win over environment, environment over profile.

    Raises UsageError or NotFoundError.
    """
    environment = choices.environment
    if choices.url is not None and urlsplit_has_password(choices.url):
        raise UsageError(
            "a password in --url would show in the process list: "
            "use ARCHIVE_TUI_URL, ARCHIVE_TUI_PASSWORD, --password-file or --ask-password"
        )
    profile_name = choices.profile or environment.get("ARCHIVE_TUI_PROFILE")
    profile: Mapping[str, object] = _profile(profile_name, profile_file) if profile_name else {}
    if choices.url is not None and not choices.url.strip():
        raise UsageError("--url is empty: write redis://host:6379/0")
    url = choices.url or (None if choices.profile else environment.get("ARCHIVE_TUI_URL"))
    settings = parse_url(url or _text(profile, "url") or environment.get("ARCHIVE_TUI_URL") or DEFAULT_URL)
    for named in (settings.tls.ca_file, settings.tls.cert_file, settings.tls.key_file) if settings.tls else ():
        if named is not None and not Path(named).is_file():
            raise NotFoundError(f"no file {named}, which the server URL names")
    username = choices.username or environment.get("ARCHIVE_TUI_USERNAME") or _text(profile, "username")
    if username:
        settings = replace(settings, username=username)
    password = _password(choices, profile)
    if password is not None:
        settings = replace(settings, password=password)
    database = choices.database if choices.database is not None else _database(profile)
    if database is not None:
        settings = replace(settings, database=database)
    return replace(
        settings,
        timeout=choices.timeout or _number(profile, "timeout") or settings.timeout,
        profile=profile_name,
        production=_flag(profile, "production"),
        syslog=_syslog(environment.get("ARCHIVE_TUI_SYSLOG") or profile.get("syslog", False)),
        read_only=choices.read_only
        or _flag(profile, "read_only")
        or environment.get("ARCHIVE_TUI_READ_ONLY", "").strip().lower() not in {"", "0", "false", "no", "off"},
        journal=not choices.no_journal and ("journal" not in profile or _flag(profile, "journal")),
        journal_dir=_journal_dir(choices, profile),
        journal_keep_days=_amount(profile, "journal_keep_days"),
        journal_keep_mb=_amount(profile, "journal_keep_mb"),
    )


def _journal_dir(choices: Choices, profile: Mapping[str, object]) -> Path | None:
    if choices.journal_dir is not None:
        return choices.journal_dir
    named = choices.environment.get("ARCHIVE_TUI_JOURNAL_DIR") or _text(profile, "journal_dir")
    return _expanded(named) if named else None


def _amount(profile: Mapping[str, object], key: str) -> float | None:
    value = profile.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise UsageError(f"{key} in the profile must be a number, 0 or more")
    return float(value)


def _password(choices: Choices, profile: Mapping[str, object]) -> Secret | None:
    if choices.password is not None:
        return choices.password
    if choices.password_file is not None:
        return read_password_file(choices.password_file)
    if found := choices.environment.get("ARCHIVE_TUI_PASSWORD"):
        return Secret(found)
    if named := choices.environment.get("ARCHIVE_TUI_PASSWORD_FILE") or _text(profile, "password_file"):
        return read_password_file(_expanded(named))
    return None


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise NotFoundError(f"no password file {name}: there is no such user") from None


def _profile(name: str, profile_file: Path | None) -> Mapping[str, object]:
    path = profile_file or default_profile_file()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"no profile file {path}: write one with a section [{name}] and url = …") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the profile file {path} cannot be read: {error}") from None
    profile = content.get(name)
    if not isinstance(profile, dict):
        known = ", ".join(sorted(key for key, value in content.items() if isinstance(value, dict))) or "none"
        raise NotFoundError(f"no profile {name!r} in {path} (it has: {known})")
    unknown = sorted(set(profile) - _PROFILE_KEYS)
    if unknown:
        raise UsageError(f"profile {name!r} in {path} has unknown keys: {', '.join(unknown)}")
    return profile


def _flag(profile: Mapping[str, object], key: str) -> bool:
    """A guard that is misspelt must not be taken for an open gate."""
    value = profile.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{key} in the profile must be true or false, without quotes")
    return value


def _syslog(value: object) -> str | None:
    """The socket of the syslog that hears the audit as well: `true` is the usual one."""
    if value is False or (isinstance(value, str) and value.lower() in {"", "0", "false", "no", "off"}):
        return None
    if value is True or (isinstance(value, str) and value.lower() in {"1", "true", "yes", "on"}):
        return "/dev/log"
    if isinstance(value, str) and value.startswith("/"):
        return value
    raise UsageError("syslog must be true or the path of its socket, such as /dev/log")


def _database(profile: Mapping[str, object]) -> int | None:
    value = profile.get("db")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError("db in the profile must be a number")
    return value


def _text(profile: Mapping[str, object], key: str) -> str | None:
    value = profile.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{key} in the profile must be text in quotes")
    return value


def _number(profile: Mapping[str, object], key: str) -> float | None:
    value = profile.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_TIMEOUT:
        raise UsageError(f"{key} in the profile must be a number of seconds up to {_LONGEST_TIMEOUT:g}")
    return float(value)
