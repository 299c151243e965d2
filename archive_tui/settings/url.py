"""Server URLs: of a server (`redis://`, `rediss://`, `unix://`), of a service that Sentinels watch (`redis+sentinel://`,
`rediss+sentinel://`) and of a cluster (`redis+cluster://`, `rediss+cluster://`), read without repeating a password.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from archive_tui.errors import UsageError
from archive_tui.settings.address import Address, parse_addresses
from archive_tui.settings.model import AddressMap, Secret, Seeds, Sentinels, Settings, Tls, TlsVersion
from archive_tui.settings.setting import TLS_MIN_VERSION, TLS_SERVER_NAME

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SENTINEL_FORM = "redis+sentinel://host:26379,host:26379/SERVICE/0"
"""How the URL of a service is written, for whoever wrote it otherwise."""

CLUSTER_FORM = "redis+cluster://host:6379,host:6379"
"""The same of a cluster."""

_PORT = 6379
_SENTINEL_PORT = 26379
_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_min_version",
    "ssl_password",
    "ssl_server_name",
)
_OF_SENTINELS = "sentinel_"
"""What stands before an option that is for the Sentinels alone."""
_ELSEWHERE = ("redis-sentinel", "rediss-sentinel", "sentinel", "redis+sentinels", "sentinel+redis")
"""Schemes by which other programs, Asynq among them, name Sentinels."""
_CLUSTERS_ELSEWHERE = ("redis-cluster", "rediss-cluster", "cluster", "cluster+redis", "redis+clusters")
"""The same of clusters."""

_AUTHORITY = re.compile(r"([^:/?#\[\]@]+://)([^/?#]*)", re.ASCII)


class _Parts(NamedTuple):
    """A URL, taken apart."""

    scheme: str
    authority: str
    """Hosts and ports, without user and password; as it is written."""
    path: str
    fragment: str
    username: str | None
    password: Secret | None
    options: dict[str, str]


def parse_url(url: str) -> Settings:
    """Read a server URL: `redis://[user[:password]@]host[:port][/db]`, `rediss://…`, `unix:///path/to.sock[?db=n]`,
    `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/service[/db]`, `rediss+sentinel://…`, or
    `redis+cluster://[user[:password]@]host[:port][,host[:port]…]`, `rediss+cluster://…`.

    Raises UsageError, without repeating the URL, which may hold a password.
    """
    parts = _split(url)
    if parts.scheme in _ELSEWHERE:
        raise UsageError(f"the URL of a service that Sentinels watch is written {SENTINEL_FORM} here")
    if parts.scheme in _CLUSTERS_ELSEWHERE:
        raise UsageError(f"the URL of a cluster is written {CLUSTER_FORM} here")
    if parts.scheme not in SCHEMES:
        raise UsageError(
            "the server URL must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
        )
    if parts.fragment or re.search(r":0+(?:,|$)", parts.authority):
        raise UsageError("the server URL has a # or port 0 in it: in a password, write # as %23, / as %2F and @ as %40")
    if parts.scheme == "unix":
        settings, known = _of_socket(parts), set[str]()
    elif parts.scheme.endswith("+sentinel"):
        settings, known = _of_service(parts)
    elif parts.scheme.endswith("+cluster"):
        settings, known = _of_cluster(parts)
    else:
        settings, known = _of_server(parts)
    options = parts.options.keys() - {"db", "username", "password"}
    if options - known:  # not named: it may be a piece of a password that was not percent-encoded
        allowed = ", ".join(sorted(name for name in {"db", "username", *known} if not name.endswith("password")))
        raise UsageError(f"the server URL has options that are not known here (known are {allowed})")
    username = parts.options.get("username", parts.username)
    password = Secret(parts.options["password"]) if "password" in parts.options else parts.password
    return replace(settings, username=username, password=password)


def _split(url: str) -> _Parts:
    """Take a URL apart. Several hosts are more than `urlsplit` reads."""
    text = url.strip()
    authority = ""
    if match := _AUTHORITY.match(text):
        authority = match[2]
        text = f"{match[1]}{text[match.end() :]}"
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UsageError("the server URL has a bad address: write redis://host:6379/0") from None
    login, at, hosts = authority.rpartition("@")
    name, _, word = login.partition(":") if at else ("", "", "")
    return _Parts(
        parts.scheme,
        hosts,
        parts.path,
        parts.fragment,
        unquote(name) or None,
        Secret(unquote(word)) if word else None,
        dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _of_socket(parts: _Parts) -> Settings:
    path = unquote(parts.path)
    if not path or parts.authority:
        raise UsageError("a unix URL needs an absolute path: unix:///run/redis.sock?db=0")
    return Settings(socket=path, database=_database(parts, ""))


def _of_server(parts: _Parts) -> tuple[Settings, set[str]]:
    addresses = _addresses(parts, _PORT, "redis://host:6379/0")
    if len(addresses) > 1:
        raise UsageError(
            f"the server URL names several hosts, and this form is for one: of Sentinels, {SENTINEL_FORM}, and of a "
            f"cluster, {CLUSTER_FORM}"
        )
    (address,) = addresses
    tls, known = None, set[str]()
    if parts.scheme == "rediss":
        tls, known = _tls(parts.options), set(_TLS_OPTIONS)
    database = parts.path.strip("/")
    return Settings(host=address.host, port=address.port, tls=tls, database=_database(parts, database)), known


def _of_service(parts: _Parts) -> tuple[Settings, set[str]]:
    addresses = _addresses(parts, _SENTINEL_PORT, SENTINEL_FORM)
    service, _, database = parts.path.strip("/").partition("/")
    if not service or (service.isdigit() and not database):
        raise UsageError(
            f"the server URL names no service: write {SENTINEL_FORM}. The URL of a Sentinel alone, "
            f"redis://host:{_SENTINEL_PORT}, tells which services it knows"
        )
    secured = parts.scheme == "rediss+sentinel"
    own = {
        name.removeprefix(_OF_SENTINELS): value
        for name, value in parts.options.items()
        if name.startswith(_OF_SENTINELS)
    }
    sentinels_secured = _switch(own.pop("tls", None), secured)
    known = {_MAP, *(f"{_OF_SENTINELS}{name}" for name in ("username", "password", "tls"))}
    files = set(_TLS_OPTIONS)
    known |= (files if secured else set()) | (
        {f"{_OF_SENTINELS}{name}" for name in files} if sentinels_secured else set()
    )
    password = own.get("password")
    sentinels = Sentinels(
        unquote(service),
        tuple(dict.fromkeys(addresses)),
        own.get("username"),
        Secret(password) if password is not None else None,
        _tls({**(parts.options if secured else {}), **own}) if sentinels_secured else None,
        _address_map(parts),
    )
    tls = _tls(parts.options) if secured else None
    return Settings(host="", sentinels=sentinels, tls=tls, database=_database(parts, database)), known


_MAP = "address_map"


def _of_cluster(parts: _Parts) -> tuple[Settings, set[str]]:
    addresses = tuple(dict.fromkeys(_addresses(parts, _PORT, CLUSTER_FORM)))
    database = parts.path.strip("/")
    if database and not database.isdigit():
        raise UsageError(f"the URL of a cluster names its nodes alone: write {CLUSTER_FORM}")
    tls = _tls(parts.options) if parts.scheme == "rediss+cluster" else None
    known = {_MAP, *(_TLS_OPTIONS if tls is not None else ())}
    settings = Settings(
        host=addresses[0].host,
        port=addresses[0].port,
        cluster=Seeds(addresses, _address_map(parts)),
        tls=tls,
        database=_database(parts, database),
    )
    refuse_database(settings)
    return settings, known


def refuse_database(settings: Settings) -> None:
    """Refuse any database but 0 in a cluster, where Asynq has no other. Raises UsageError."""
    if settings.cluster is not None and settings.database:
        raise UsageError(
            f"a cluster has database 0 alone, and {settings.database} was asked for: leave it out of the URL, --db and "
            "the profile"
        )


def _address_map(parts: _Parts) -> AddressMap:
    pairs = [one.partition("=")[::2] for one in parts.options.get(_MAP, "").split(",") if one]
    return parse_address_map(pairs, f"{_MAP} of the server URL")


def parse_address_map(pairs: Iterable[tuple[str, str]], place: str) -> AddressMap:
    """Read the addresses that servers name, each with the one at which we reach it. Raises UsageError."""
    try:
        return tuple((_one_address(named), _one_address(used)) for named, used in pairs)
    except ValueError:
        raise UsageError(
            f"{place} must be addresses as the servers name them, each with the one to use: "
            "10.0.0.1:6379=127.0.0.1:16379, with commas between several"
        ) from None


def _one_address(text: str) -> Address:
    """Read one address. Raises ValueError."""
    if not text.strip():
        raise ValueError("address")
    (address,) = parse_addresses(text.strip(), _PORT)
    return address


def _addresses(parts: _Parts, default_port: int, form: str) -> tuple[Address, ...]:
    try:
        return parse_addresses(parts.authority, default_port)
    except ValueError as error:
        raise UsageError(f"the server URL has a bad {error}: write {form}") from None


def _database(parts: _Parts, in_path: str) -> int:
    """The number of the database in the path of a URL, or in its options."""
    number = in_path or parts.options.get("db")
    return parse_database(number) if number is not None else 0


def _switch(value: str | None, default: bool) -> bool:
    if value is None:
        return default
    if value.lower() not in ("yes", "no"):
        raise UsageError(f"the server URL has an unknown {_OF_SENTINELS}tls: it is yes or no")
    return value.lower() == "yes"


_CERT_REQS = ("required", "optional", "none")
"""As in redis-py; of a server, what is optional is required."""


def _tls(options: Mapping[str, str]) -> Tls:
    required = options.get("ssl_cert_reqs", "required")
    if required not in _CERT_REQS:
        raise UsageError(f"the server URL has an unknown ssl_cert_reqs: it is one of {', '.join(_CERT_REQS)}")
    if empty := next((name for name in _TLS_OPTIONS if options.get(name) == ""), None):
        raise UsageError(f"the server URL has an empty {empty}")
    name, version, passphrase = (options.get(key) for key in ("ssl_server_name", "ssl_min_version", "ssl_password"))
    return Tls(
        options.get("ssl_ca_certs"),
        options.get("ssl_certfile"),
        options.get("ssl_keyfile"),
        verify=required != "none",
        server_name=TLS_SERVER_NAME.read(name, "ssl_server_name in the server URL") if name is not None else None,
        key_passphrase=Secret(passphrase) if passphrase is not None else None,
        min_version=(
            TLS_MIN_VERSION.read(version, "ssl_min_version in the server URL")
            if version is not None
            else TlsVersion.TLS_1_2
        ),
    )


def parse_database(value: str) -> int:
    """Read the number of a database. Raises UsageError."""
    if not re.fullmatch(r"\d{1,5}", value):
        raise UsageError(
            "the database must be a number, such as redis://host:6379/0 or --db 0 (a service of Sentinels goes with "
            "redis+sentinel://)"
        )
    return int(value)


def has_password(url: str) -> bool:
    """Tell whether a URL holds a password, or may hold one."""
    try:
        parts = _split(url)
    except UsageError:
        return "@" in url or "password=" in url
    return parts.password is not None or any(name.endswith("password") for name in parts.options)
