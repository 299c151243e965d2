"""Merge flags, environment and profile file into settings; flags win over environment, environment over profile."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings.demo import with_demo_state
from archive_tui.settings.dump import read_head
from archive_tui.settings.model import PayloadSettings, Secret, Settings
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, parse_namespace
from archive_tui.settings.preferences import parse_look
from archive_tui.settings.url import has_password, parse_url

DEFAULT_URL = "redis://127.0.0.1:6379/0"
"""The server when nobody names one."""

_PROFILE_KEYS = {
    "url",
    "username",
    "password_file",
    "db",
    "namespace",
    "timeout",
    "production",
    "read_only",
    "syslog",
    "low_bandwidth",
    "theme",
}
_PROFILE_KEYS |= {
    "journal",
    "journal_dir",
    "journal_keep_days",
    "journal_keep_mb",
    "archive_cap",
    "archive_days",
    "payloads",
}
_LONGEST_TIMEOUT = 3600.0  # seconds
_NO = {"", "0", "false", "no", "off"}
_YES = {"1", "true", "yes", "on"}
_SYSLOG = "/dev/log"


def read_password_file(path: Path) -> Secret:
    """Read a password from the first line of a file. Raises NotFoundError or UsageError."""
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
    """The flags of the command line; None, or False, where a flag was not given."""

    url: str | None = None
    """`--url`."""

    profile: str | None = None
    """`--profile`."""

    username: str | None = None
    """`--username`."""

    password: Secret | None = None
    """Password that was typed for `--ask-password`."""

    password_file: Path | None = None
    """`--password-file`."""

    database: int | None = None
    """`--db`, from 0."""

    namespace: str | None = None
    """`--namespace`."""

    timeout: float | None = None
    """`--timeout`, in seconds, above 0."""

    read_only: bool = False
    """`--read-only`."""

    low_bandwidth: bool = False
    """`--low-bandwidth`."""

    no_journal: bool = False
    """`--no-journal`."""

    journal_dir: Path | None = None
    """`--journal-dir`."""

    dump: Path | None = None
    """`--dump`."""

    server: Path | None = None
    """`--server`."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """The environment, with its `ARCHIVE_TUI_…`."""


def default_profile_file() -> Path:
    """The file of profiles in the user's configuration directory."""
    return Path(platformdirs.user_config_dir("archive-tui", appauthor=False)) / "profiles.toml"


def resolve(choices: Choices, profile_file: Path | None = None) -> Settings:
    """Merge flags, environment and profile; flags win over environment, environment over profile.

    A demo's server keeps its own journals and audit, whatever environment and profile say. `profile_file` None: the
    default one. Raises UsageError or NotFoundError.
    """
    if choices.dump is not None:
        return _settings_of_dump(choices.dump, choices)
    if choices.server is not None:
        raise UsageError("--server names the program that loads a dump: it goes with --dump FILE")
    environment = choices.environment
    _refuse_bad_url(choices.url)
    name = choices.profile or environment.get("ARCHIVE_TUI_PROFILE")
    profile = _Profile.read(name, profile_file or default_profile_file()) if name else _Profile({})
    settings = parse_url(_url(choices, profile))
    _refuse_missing_files(settings)
    username = choices.username or environment.get("ARCHIVE_TUI_USERNAME") or profile.text("username")
    password = _password(choices, profile)
    database = choices.database if choices.database is not None else profile.database()
    journal_dir = environment.get("ARCHIVE_TUI_JOURNAL_DIR") or profile.text("journal_dir")
    merged = replace(
        settings,
        username=username or settings.username,
        password=password if password is not None else settings.password,
        database=database if database is not None else settings.database,
        namespace=_namespace(choices, profile),
        timeout=choices.timeout or profile.timeout() or settings.timeout,
        profile=name,
        production=profile.flag("production"),
        read_only=choices.read_only or profile.flag("read_only") or _is_on(environment, "ARCHIVE_TUI_READ_ONLY"),
        low_bandwidth=(
            choices.low_bandwidth or profile.flag("low_bandwidth") or _is_on(environment, "ARCHIVE_TUI_LOW_BANDWIDTH")
        ),
        syslog=_syslog(environment.get("ARCHIVE_TUI_SYSLOG") or profile.get("syslog")),
        journal=profile.flag("journal", default=True) and not choices.no_journal,
        journal_dir=choices.journal_dir or (_expanded(journal_dir) if journal_dir else None),
        journal_keep_days=profile.amount("journal_keep_days"),
        journal_keep_mb=profile.amount("journal_keep_mb"),
        archive_cap=profile.count("archive_cap"),
        archive_days=profile.count("archive_days"),
        payloads=profile.payloads(),
        theme=parse_look(profile.get("theme"), "theme in the profile"),
    )
    return with_demo_state(merged, chosen_journal_dir=choices.journal_dir)


def _settings_of_dump(dump: Path, choices: Choices) -> Settings:
    """The settings for a dump file. What profile and environment say of a server is not for it. Raises UsageError, and
    what `read_head` does.
    """
    others = {
        "--url": choices.url,
        "--profile": choices.profile,
        "--user": choices.username,
        "--password-file": choices.password_file,
        "--ask-password": choices.password,
    }
    if given := next((flag for flag, value in others.items() if value is not None), None):
        raise UsageError(f"--dump and {given} exclude each other: a dump file takes the place of a server")
    environment = choices.environment
    journal_dir = environment.get("ARCHIVE_TUI_JOURNAL_DIR")
    database = choices.database or 0
    return Settings(
        database=database,
        namespace=parse_namespace(choices.namespace) if choices.namespace is not None else DEFAULT_NAMESPACE,
        timeout=choices.timeout or Settings().timeout,
        read_only=True,
        low_bandwidth=choices.low_bandwidth or _is_on(environment, "ARCHIVE_TUI_LOW_BANDWIDTH"),
        label=f"{dump.name}/{database}",
        journal_dir=choices.journal_dir or (_expanded(journal_dir) if journal_dir else None),
        snapshot=replace(read_head(dump), loader=choices.server),
    )


def _refuse_bad_url(url: str | None) -> None:
    """Refuse a `--url` that is empty or holds a password."""
    if url is None:
        return
    if has_password(url):
        raise UsageError(
            "a password in --url would show in the process list: "
            "use ARCHIVE_TUI_URL, ARCHIVE_TUI_PASSWORD, --password-file or --ask-password"
        )
    if not url.strip():
        raise UsageError("--url is empty: write redis://host:6379/0")


def _url(choices: Choices, profile: "_Profile") -> str:
    """The URL of the server: a profile from the command line wins over a URL from the environment."""
    from_environment = choices.environment.get("ARCHIVE_TUI_URL")
    if choices.url:
        return choices.url
    if choices.profile:
        return profile.text("url") or from_environment or DEFAULT_URL
    return from_environment or profile.text("url") or DEFAULT_URL


def _namespace(choices: Choices, profile: "_Profile") -> str:
    """The namespace, which goes with the server: see `_url`."""
    from_environment = choices.environment.get("ARCHIVE_TUI_NAMESPACE") or None
    from_profile = profile.text("namespace")
    named = (from_profile, from_environment) if choices.profile else (from_environment, from_profile)
    found = next((one for one in (choices.namespace, *named) if one is not None), DEFAULT_NAMESPACE)
    return parse_namespace(found)


def _refuse_missing_files(settings: Settings) -> None:
    """Refuse a URL that names a file which is not there."""
    tls = settings.tls
    for name in (tls.ca_file, tls.cert_file, tls.key_file) if tls else ():
        if name is not None and not Path(name).is_file():
            raise NotFoundError(f"no file {name}, which the server URL names")


def _password(choices: Choices, profile: "_Profile") -> Secret | None:
    """The password from flags, environment or profile; None: none of them has one."""
    if choices.password is not None:
        return choices.password
    if choices.password_file is not None:
        return read_password_file(choices.password_file)
    if password := choices.environment.get("ARCHIVE_TUI_PASSWORD"):
        return Secret(password)
    if name := choices.environment.get("ARCHIVE_TUI_PASSWORD_FILE") or profile.text("password_file"):
        return read_password_file(_expanded(name))
    return None


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise NotFoundError(f"no password file {name}: there is no such user") from None


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    """Read a switch of the environment: everything but a no is a yes, because the switches are guards."""
    return environment.get(name, "").strip().lower() not in _NO


def _syslog(value: object) -> str | None:
    """The socket of the syslog that gets the audit as well; `true` is the usual one, None and a no are none."""
    if value is None or value is False or (isinstance(value, str) and value.lower() in _NO):
        return None
    if value is True or (isinstance(value, str) and value.lower() in _YES):
        return _SYSLOG
    if isinstance(value, str) and value.startswith("/"):
        return value
    raise UsageError(f"syslog must be true or the path of its socket, such as {_SYSLOG}")


def _is_command(value: object) -> bool:
    """Whether this is a program, or one with its arguments."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(word, str) for word in value) and bool(value[0])
    return isinstance(value, str) and bool(value)


class _Profile:
    """One section of the profile file. Every reader returns None, or the default, for a key that is not there."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    @classmethod
    def read(cls, name: str, path: Path) -> "_Profile":
        """Read a section of a file. Raises NotFoundError or UsageError."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFoundError(f"no profile file {path}: write one with a section [{name}] and url = …") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"the profile file {path} cannot be read: {error}") from None
        values = content.get(name)
        if not isinstance(values, dict):
            sections = sorted(key for key, value in content.items() if isinstance(value, dict) and key != "keys")
            known = ", ".join(sections) or "none"
            raise NotFoundError(f"no profile {name!r} in {path} (it has: {known})")
        unknown = sorted(set(values) - _PROFILE_KEYS)
        if unknown:
            raise UsageError(f"profile {name!r} in {path} has unknown keys: {', '.join(unknown)}")
        return cls(values)

    def get(self, key: str) -> object:
        """A value as it is."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """A text."""
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{key} in the profile must be text in quotes")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A switch. A misspelt one is refused: a guard must not be taken for an open gate."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise UsageError(f"{key} in the profile must be true or false, without quotes")
        return value

    def amount(self, key: str) -> float | None:
        """A number from 0 on."""
        value = self._number(key)
        if value is not None and not 0 <= value < float("inf"):
            raise UsageError(f"{key} in the profile must be a number, 0 or more")
        return value

    def count(self, key: str) -> int | None:
        """A whole number from 1 on."""
        value = self._number(key)
        if value is not None and not (value >= 1 and value == int(value)):
            raise UsageError(f"{key} in the profile must be a whole number, 1 or more")
        return None if value is None else int(value)

    def timeout(self) -> float | None:
        """The timeout in seconds, above 0."""
        value = self._number("timeout")
        if value is not None and not 0 < value <= _LONGEST_TIMEOUT:
            raise UsageError(f"timeout in the profile must be a number of seconds up to {_LONGEST_TIMEOUT:g}")
        return value

    def database(self) -> int | None:
        """The number of the database, from 0."""
        value = self.get("db")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError("db in the profile must be a number")
        return value

    def payloads(self) -> PayloadSettings:
        """The section `payloads`: a descriptor set, messages of it, and programs."""
        section = self.get("payloads")
        if section is None:
            return PayloadSettings()
        if not isinstance(section, dict):
            raise UsageError("payloads in the profile must be a section: [NAME.payloads]")
        if unknown := sorted(set(section) - {"descriptors", "messages", "programs"}):
            raise UsageError(f"payloads in the profile has unknown keys: {', '.join(unknown)}")
        messages, programs = section.get("messages", {}), section.get("programs", {})
        if not (isinstance(messages, dict) and all(isinstance(name, str) for name in messages.values())):
            raise UsageError('payloads.messages in the profile must be lines like "email:*" = "acme.mail.Email"')
        if not (isinstance(programs, dict) and all(map(_is_command, programs.values()))):
            raise UsageError('payloads.programs in the profile must be lines like "email:*" = ["program", "argument"]')
        descriptors = section.get("descriptors")
        if descriptors is not None and not isinstance(descriptors, str):
            raise UsageError("payloads.descriptors in the profile must be the name of a file in quotes")
        if messages and descriptors is None:
            raise UsageError("payloads.messages in the profile needs payloads.descriptors, the file of their schema")
        commands = {
            pattern: ((command,) if isinstance(command, str) else tuple(command))
            for pattern, command in programs.items()
        }
        return PayloadSettings(_expanded(descriptors) if descriptors else None, messages, commands)

    def _number(self, key: str) -> float | None:
        """A number; NaN for a value that is none, which no range holds."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return float("nan")
        return float(value)
