"""Server URLs: `redis://`, `rediss://` and `unix://`, read without ever repeating a password."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from archive_tui.errors import UsageError
from archive_tui.settings.model import Secret, Settings, Tls

SCHEMES = ("redis", "rediss", "unix")
_TLS_OPTIONS = {"ssl_ca_certs": "ca_file", "ssl_certfile": "cert_file", "ssl_keyfile": "key_file"}


def parse_url(url: str) -> Settings:
    """Read a server URL: `redis://[user[:password]@]host[:port][/db]`, `rediss://…`, `unix:///path/to.sock[?db=n]`.

    Raises UsageError, without repeating the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the server URL has a {_harmless(str(error))}: write redis://host:6379/0") from None
    if parts.scheme not in SCHEMES:
        raise UsageError("the server URL must start with redis://, rediss:// or unix://")
    if parts.fragment or port == 0:
        raise UsageError("the server URL has a # or port 0 in it: in a password, write # as %23, / as %2F and @ as %40")
    options = dict(parse_qsl(parts.query))
    username = unquote(parts.username) if parts.username else None
    password = Secret(unquote(parts.password)) if parts.password else None
    username = options.pop("username", username)
    if "password" in options:
        password = Secret(options.pop("password"))
    database = options.pop("db", None)
    if parts.scheme == "unix":
        path = unquote(parts.path)
        if not path or parts.hostname:
            raise UsageError("a unix URL needs an absolute path: unix:///run/redis.sock?db=0")
        settings = Settings(socket=path, username=username, password=password)
    else:
        if parts.path.strip("/"):
            database = parts.path.strip("/")
        settings = Settings(
            host=parts.hostname or "127.0.0.1",
            port=6379 if port is None else port,
            username=username,
            password=password,
            tls=_tls(options) if parts.scheme == "rediss" else None,
        )
    known = {"ssl_cert_reqs", *_TLS_OPTIONS} if parts.scheme == "rediss" else set()
    if set(options) - known:  # not named: it may be a piece of a password that was not percent-encoded
        allowed = ", ".join(sorted({"db", "username", *known}))
        raise UsageError(f"the server URL has options that are not known here (known are {allowed})")
    return replace(settings, database=parse_database(database)) if database is not None else settings


def _harmless(reason: str) -> str:
    return "bad port" if "port" in reason.lower() else "bad address"


_CERT_REQS = ("required", "optional", "none")
"""As in redis-py; of a server, what is optional is required."""


def _tls(options: Mapping[str, str]) -> Tls:
    required = options.get("ssl_cert_reqs", "required")
    if required not in _CERT_REQS:
        raise UsageError(f"the server URL has an unknown ssl_cert_reqs: it is one of {', '.join(_CERT_REQS)}")
    files = {ours: options[theirs] for theirs, ours in _TLS_OPTIONS.items() if theirs in options}
    return Tls(**files, verify=required != "none")


def parse_database(value: str) -> int:
    """Read the number of a database. Raises UsageError."""
    if not re.fullmatch(r"\d{1,5}", value):
        raise UsageError("the database must be a number, such as redis://host:6379/0 or --db 0")
    return int(value)


def has_password(url: str) -> bool:
    """Tell whether a URL holds a password, or may hold one."""
    try:
        parts = urlsplit(url)
        return bool(parts.password) or "password" in dict(parse_qsl(parts.query))
    except ValueError:
        return "@" in url or "password=" in url
