"""Merge flags, environment and settings file into settings; flags win over environment, environment over profile."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings import setting
from archive_tui.settings.demo import with_demo_state
from archive_tui.settings.dump import read_head
from archive_tui.settings.file import SettingsFile, read_settings_file
from archive_tui.settings.model import (
    AddressMap,
    PayloadSettings,
    RedactionSettings,
    Secret,
    Seeds,
    Sentinels,
    Settings,
    TlsVersion,
)
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, parse_namespace
from archive_tui.settings.secrets import read_password_file, read_password_variable, run_password_command
from archive_tui.settings.setting import Setting
from archive_tui.settings.tls import NamedFile, TlsChoices, with_choices
from archive_tui.settings.url import (
    CLUSTER_FORM,
    SENTINEL_FORM,
    has_password,
    parse_address_map,
    parse_url,
    refuse_database,
)
from archive_tui.text import line

Value = TypeVar("Value")
Named = TypeVar("Named", Sentinels | None, Seeds | None)

DEFAULT_URL = "redis://127.0.0.1:6379/0"
"""The server when nobody names one."""

_PROFILE_KEYS = {
    "url",
    "username",
    "password_env",
    "password_file",
    "password_command",
    "sentinel_username",
    "sentinel_password_env",
    "sentinel_password_file",
    "sentinel_password_command",
    "address_map",
    "db",
    "namespace",
    "timeout",
    "production",
    "color",
    "pace",
    "read_only",
    "prefer_replica",
    "syslog",
    "low_bandwidth",
    "theme",
}
_TLS_FILES = (setting.TLS_CA_FILE, setting.TLS_CERT_FILE, setting.TLS_KEY_FILE, setting.TLS_KEY_PASSPHRASE_FILE)
_TLS: tuple[Setting[Any], ...] = (*_TLS_FILES, setting.TLS_SERVER_NAME, setting.TLS_MIN_VERSION)
_PROFILE_KEYS |= {one.key for one in _TLS}
_PROFILE_KEYS |= {
    "journal",
    "journal_dir",
    "journal_keep_days",
    "journal_keep_mb",
    "archive_cap",
    "archive_days",
    "payloads",
    "redaction",
}

_SOURCES = ("password_env", "password_file", "password_command")
"""Where a profile may have its password from; that of the Sentinels, with `sentinel_` before it."""


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

    sentinel_username: str | None = None
    """`--sentinel-user`."""

    sentinel_password_file: Path | None = None
    """`--sentinel-password-file`."""

    tls_ca_file: str | None = None
    """`--tls-ca-file`."""

    tls_cert_file: str | None = None
    """`--tls-cert-file`."""

    tls_key_file: str | None = None
    """`--tls-key-file`."""

    tls_key_passphrase_file: str | None = None
    """`--tls-key-passphrase-file`."""

    tls_server_name: str | None = None
    """`--tls-server-name`."""

    tls_min_version: TlsVersion | None = None
    """`--tls-min-version`."""

    tls_unverified: bool = False
    """`--tls-unverified`."""

    database: int | None = None
    """`--db`, from 0."""

    namespace: str | None = None
    """`--namespace`."""

    timeout: float | None = None
    """`--timeout`, in seconds, above 0."""

    read_only: bool = False
    """`--read-only`."""

    prefer_replica: bool = False
    """`--prefer-replica`."""

    low_bandwidth: bool = False
    """`--low-bandwidth`."""

    show_secrets: bool = False
    """`--show-secrets`."""

    pace: str | None = None
    """`--pace`."""

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


def resolve(choices: Choices, profile_file: Path | None = None, *, secrets: bool = True) -> Settings:
    """Merge flags, environment and profile; flags win over environment, environment over profile.

    A demo's server keeps its own journals and audit, whatever environment and profile say. `profile_file` None: the
    default one. Without `secrets` no password is read, and no program run for one. Raises UsageError or NotFoundError.
    """
    if choices.dump is not None:
        return _settings_of_dump(choices.dump, choices)
    if choices.server is not None:
        raise UsageError("--server names the program that loads a dump: it goes with --dump FILE")
    environment = choices.environment
    _refuse_bad_url(choices.url)
    name = choices.profile or environment.get("ARCHIVE_TUI_PROFILE")
    profile = _Profile.read(name, read_settings_file(profile_file)) if name else _Profile("", {})
    url = _url(choices, profile)
    settings = _with_tls(parse_url(url), choices, profile, of_profile=url == profile.text("url"), secrets=secrets)

    def beside(one: Setting[Value]) -> Value | None:
        """What the environment says, else the profile."""
        value = one.from_environment(environment) if one.variable else None
        return value if value is not None else profile.value(one)

    def guarded(one: Setting[bool], flag: bool) -> bool:
        """Whether anybody asks for it: what guards is not taken away by somebody else."""
        return flag or one.from_environment(environment) is True or profile.value(one) is True

    password = _password(choices, profile) if secrets else None
    database = choices.database if choices.database is not None else beside(setting.DATABASE)
    journal_dir = beside(setting.JOURNAL_DIR)
    address_map = _address_map(settings, profile)
    merged = replace(
        settings,
        username=choices.username or beside(setting.USERNAME) or settings.username,
        password=password if password is not None else settings.password,
        sentinels=_mapped(_sentinels(settings.sentinels, choices, profile, secrets=secrets), address_map),
        cluster=_mapped(settings.cluster, address_map),
        database=database if database is not None else settings.database,
        namespace=_namespace(choices, profile),
        timeout=choices.timeout or beside(setting.TIMEOUT) or settings.timeout,
        profile=name,
        production=profile.value(setting.PRODUCTION) or False,
        color=profile.value(setting.COLOR),
        read_only=guarded(setting.READ_ONLY, choices.read_only),
        prefer_replica=guarded(setting.PREFER_REPLICA, choices.prefer_replica),
        low_bandwidth=guarded(setting.LOW_BANDWIDTH, choices.low_bandwidth),
        pace=choices.pace or beside(setting.PACE),
        syslog=beside(setting.SYSLOG) or None,
        journal=profile.value(setting.JOURNAL) is not False and not choices.no_journal,
        journal_dir=choices.journal_dir or (_expanded(journal_dir) if journal_dir else None),
        journal_keep_days=profile.value(setting.KEEP_DAYS),
        journal_keep_mb=profile.value(setting.KEEP_MB),
        archive_cap=profile.value(setting.ARCHIVE_CAP),
        archive_days=profile.value(setting.ARCHIVE_DAYS),
        payloads=profile.payloads(),
        redaction=replace(profile.redaction(), shown=choices.show_secrets),
        theme=beside(setting.THEME),
    )
    refuse_database(merged)
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
        "--sentinel-user": choices.sentinel_username,
        "--sentinel-password-file": choices.sentinel_password_file,
        **{one.flag: getattr(choices, one.key) for one in _TLS},
        "--tls-unverified": choices.tls_unverified or None,
    }
    if given := next((flag for flag, value in others.items() if value is not None), None):
        raise UsageError(f"--dump and {given} exclude each other: a dump file takes the place of a server")
    environment = choices.environment
    journal_dir = setting.JOURNAL_DIR.from_environment(environment)
    database = choices.database or 0
    return Settings(
        database=database,
        namespace=parse_namespace(choices.namespace) if choices.namespace is not None else DEFAULT_NAMESPACE,
        timeout=choices.timeout or setting.TIMEOUT.from_environment(environment) or Settings().timeout,
        read_only=True,
        low_bandwidth=choices.low_bandwidth or setting.LOW_BANDWIDTH.from_environment(environment) or False,
        redaction=RedactionSettings(shown=choices.show_secrets),
        pace=choices.pace or setting.PACE.from_environment(environment),
        theme=setting.THEME.from_environment(environment),
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


def _with_tls(
    settings: Settings, choices: Choices, profile: "_Profile", *, of_profile: bool, secrets: bool
) -> Settings:  # fmt: skip
    """The settings of a URL, with what is said of TLS beside it. Raises UsageError where that is in vain, unless the
    environment says it, which is for other servers as well; `of_profile`: the URL stands in the profile.
    """
    environment = choices.environment
    sentinels = settings.sentinels
    if settings.tls is None and (sentinels is None or sentinels.tls is None):
        flags = [one.flag for one in _TLS if getattr(choices, one.key) is not None]
        flags += ["--tls-unverified"] if choices.tls_unverified else []
        given = flags or [profile.place(one.key) for one in _TLS if of_profile and profile.value(one) is not None]
        if given:
            raise UsageError(f"{given[0]} is for TLS, and the server URL wants none: write rediss:// in it")
        return settings

    def file(one: Setting[str]) -> NamedFile | None:
        if (name := getattr(choices, one.key)) is not None:
            return NamedFile(name, one.flag)
        if name := one.from_environment(environment):
            return NamedFile(name, one.variable)
        return NamedFile(name, profile.place(one.key)) if (name := profile.value(one)) is not None else None

    def passphrase() -> Secret | None:
        source = file(setting.TLS_KEY_PASSPHRASE_FILE) if secrets else None
        if secrets and choices.tls_key_passphrase_file is None and (word := environment.get(_PASSPHRASE)):
            return Secret(word)
        return read_password_file(_expanded(source.name), what="passphrase") if source is not None else None

    chosen = TlsChoices(
        file(setting.TLS_CA_FILE), file(setting.TLS_CERT_FILE), file(setting.TLS_KEY_FILE),
        choices.tls_server_name or setting.TLS_SERVER_NAME.from_environment(environment)
        or profile.value(setting.TLS_SERVER_NAME),
        choices.tls_min_version or setting.TLS_MIN_VERSION.from_environment(environment)
        or profile.value(setting.TLS_MIN_VERSION),
        choices.tls_unverified,
        passphrase,
    )  # fmt: skip
    if sentinels is not None and sentinels.tls is not None:
        sentinels = replace(sentinels, tls=with_choices(sentinels.tls, chosen))
    tls = with_choices(settings.tls, chosen) if settings.tls is not None else None
    return replace(settings, tls=tls, sentinels=sentinels)


_PASSPHRASE = "ARCHIVE_TUI_TLS_KEY_PASSPHRASE"  # noqa: S105 - its name


def _password(choices: Choices, profile: "_Profile") -> Secret | None:
    """The password from flags, environment or profile; None: none of them has one."""
    if choices.password is not None:
        return choices.password
    return _password_of("", choices.password_file, choices.environment, profile)


def _password_of(
    whose: str, file: Path | None, environment: Mapping[str, str], profile: "_Profile"
) -> Secret | None:  # fmt: skip
    """A password from a flag's file, from the environment, or from the profile; `whose` stands before its names."""
    if file is not None:
        return read_password_file(file)
    variable = f"ARCHIVE_TUI_{whose.upper()}PASSWORD"
    if password := environment.get(variable):
        return Secret(password)
    if name := environment.get(f"{variable}_FILE"):
        return read_password_file(_expanded(name))
    return profile.password(environment, whose)


def _sentinels(
    named: Sentinels | None, choices: Choices, profile: "_Profile", *, secrets: bool
) -> Sentinels | None:  # fmt: skip
    """The Sentinels of the URL, with the user and the password that are theirs. Raises UsageError for a flag that is
    for Sentinels where the URL names none.
    """
    if named is None:
        flags = {
            "--sentinel-user": choices.sentinel_username,
            "--sentinel-password-file": choices.sentinel_password_file,
        }
        if given := next((flag for flag, value in flags.items() if value is not None), None):
            raise UsageError(f"{given} is for Sentinels, and the server URL names none: write {SENTINEL_FORM}")
        return None
    environment = choices.environment
    username = choices.sentinel_username or setting.SENTINEL_USERNAME.from_environment(environment)
    password = None
    if secrets:
        password = _password_of("sentinel_", choices.sentinel_password_file, environment, profile)
    return replace(
        named,
        username=username or profile.value(setting.SENTINEL_USERNAME) or named.username,
        password=password if password is not None else named.password,
    )


def _address_map(named: Settings, profile: "_Profile") -> AddressMap:
    """The addresses at which the profile says that servers are reached. Raises UsageError where it has some and the URL
    names neither a cluster nor Sentinels.
    """
    pairs = profile.pairs("address_map")
    if pairs is None:
        return ()
    place = profile.place("address_map")
    if named.cluster is None and named.sentinels is None:
        raise UsageError(
            f"{place} is for a cluster and for Sentinels, and the server URL names none: write {CLUSTER_FORM} or "
            f"{SENTINEL_FORM}"
        )
    return parse_address_map(pairs.items(), place)


def _mapped(named: Named, address_map: AddressMap) -> Named:
    """The same with more addresses; those of the URL come first."""
    if named is None or not address_map:
        return named
    return replace(named, address_map=_together(named.address_map, address_map))


def _together(in_url: AddressMap, in_profile: AddressMap) -> AddressMap:
    named = {address for address, _ in in_url}
    return (*in_url, *(pair for pair in in_profile if pair[0] not in named))


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise NotFoundError(f"no file {line(name)}: there is no such user") from None


def _is_command(value: object) -> bool:
    """Whether this is a program, or one with its arguments."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(word, str) for word in value) and bool(value[0])
    return isinstance(value, str) and bool(value)


class _Profile:
    """One section of the settings file. Every reader returns None for a key that is not there."""

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        self._name = name
        self._values = values

    @classmethod
    def read(cls, name: str, file: SettingsFile) -> "_Profile":
        """Read a section of a file. Raises NotFoundError or UsageError."""
        path = line(str(file.path))
        if not file.exists:
            raise NotFoundError(f"no settings file {path}: write one with a section [{line(name)}] and url = …")
        values = file.profiles.get(name)
        if values is None:
            known = ", ".join(map(line, sorted(file.profiles))) or "none"
            raise NotFoundError(f"no profile {name!r} in {path} (it has: {known})")
        if unknown := sorted(set(values) - _PROFILE_KEYS):
            raise UsageError(f"profile {name!r} in {path} has unknown keys: {', '.join(map(_with_hint, unknown))}")
        profile = cls(name, values)
        if file.readable_by_others and has_password(profile.text("url") or ""):
            raise UsageError(f"url of profile {name!r} holds a password, and others can read {path}: chmod 600 {path}")
        return profile

    def place(self, key: str) -> str:
        """Where a key of it stands, in words."""
        return f"{key} of profile {self._name!r}"

    def value(self, one: Setting[Value]) -> Value | None:
        """The value of a setting."""
        value = self._values.get(one.key)
        return one.read(value, self.place(one.key)) if value is not None else None

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{self.place(key)} must be text in quotes")
        return value

    def pairs(self, key: str) -> dict[str, str] | None:
        """A table of texts."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise UsageError(f'{self.place(key)} must be a table of texts: {{"10.0.0.1:6379" = "127.0.0.1:16379"}}')
        return value

    def _secret_source(self, whose: str) -> str | None:
        """The key that says where a password comes from. Raises UsageError for two of them."""
        given = [f"{whose}{key}" for key in _SOURCES if f"{whose}{key}" in self._values]
        if len(given) > 1:
            raise UsageError(f"profile {self._name!r} has {' and '.join(given)}: keep one of them")
        return given[0] if given else None

    def password(self, environment: Mapping[str, str], whose: str = "") -> Secret | None:
        """The password from where the profile says; `whose` stands before its keys. May run a program. Raises
        UsageError or NotFoundError.
        """
        source = self._secret_source(whose)
        if source is None:
            return None
        place = self.place(source)
        if source.endswith("password_command"):
            command = self._values[source]
            if not (isinstance(command, list) and _is_command(command)):
                raise UsageError(f'{place} must be a list of a program and its arguments: ["pass", "show", "redis"]')
            return run_password_command([str(_expanded(command[0])), *command[1:]], place)
        name = self.text(source)
        if not name:
            raise UsageError(f"{place} is empty")
        if source.endswith("password_env"):
            return read_password_variable(name, environment, place)
        return read_password_file(_expanded(name))

    def payloads(self) -> PayloadSettings:
        """The section `payloads`: a descriptor set, messages of it, and programs."""
        section = self._values.get("payloads")
        if section is None:
            return PayloadSettings()
        place = self.place("payloads")
        if not isinstance(section, dict):
            raise UsageError(f"{place} must be a section: [NAME.payloads]")
        if unknown := sorted(set(section) - {"descriptors", "messages", "programs"}):
            raise UsageError(f"{place} has unknown keys: {', '.join(map(line, unknown))}")
        messages, programs = section.get("messages", {}), section.get("programs", {})
        if not (isinstance(messages, dict) and all(isinstance(name, str) for name in messages.values())):
            raise UsageError(f'{self.place("payloads.messages")} must be lines like "email:*" = "acme.mail.Email"')
        if not (isinstance(programs, dict) and all(map(_is_command, programs.values()))):
            raise UsageError(
                f'{self.place("payloads.programs")} must be lines like "email:*" = ["program", "argument"]'
            )
        descriptors = section.get("descriptors")
        if descriptors is not None and not isinstance(descriptors, str):
            raise UsageError(f"{self.place('payloads.descriptors')} must be the name of a file in quotes")
        if messages and descriptors is None:
            raise UsageError(f"{self.place('payloads.messages')} needs payloads.descriptors, the file of their schema")
        commands = {
            pattern: ((command,) if isinstance(command, str) else tuple(command))
            for pattern, command in programs.items()
        }
        return PayloadSettings(_expanded(descriptors) if descriptors else None, messages, commands)

    def redaction(self) -> RedactionSettings:
        """What is masked: `redaction = false`, or a section that adds keys, exempts some, or has others in place."""
        section = self._values.get("redaction")
        if section is None or section is True:
            return RedactionSettings()
        if section is False:
            return RedactionSettings(())
        place = self.place("redaction")
        if not isinstance(section, dict):
            raise UsageError(f'{place} must be false, or a section: [NAME.redaction] with add = ["date_of_birth"]')
        if unknown := sorted(set(section) - {"add", "except", "keys"}):
            raise UsageError(f"{place} has unknown keys: {', '.join(map(line, unknown))}")
        listed = {key: self._keys(section[key], f"redaction.{key}") for key in section}
        return RedactionSettings(listed.get("keys"), listed.get("add", ()), listed.get("except", ()))

    def _keys(self, names: object, key: str) -> tuple[str, ...]:
        """The names of keys, which stand without the path to them."""
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise UsageError(f'{self.place(key)} must be a list of keys: ["date_of_birth", "*_pin"]')
        for name in names:
            alone = re.split(r"[.\[\]]+", name.strip().rstrip("]"))[-1]
            if alone != name.strip() or not alone.strip("_- "):
                hint = f", as {line(alone)} alone" if alone.strip("_- ") else ""
                raise UsageError(f"{self.place(key)} names keys without their path{hint}: “{line(name)}” is none")
        return tuple(name.strip() for name in names)


def _with_hint(key: str) -> str:
    """An unknown key, with the known one that looks like it."""
    close = difflib.get_close_matches(key, _PROFILE_KEYS, n=1)
    return f"{line(key)} (did you mean {close[0]}?)" if close else line(key)
