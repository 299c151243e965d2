"""The connection to one Redis or Valkey server, and the translation of its errors into ours."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.credentials import CredentialProvider
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from archive_tui.errors import (
    ArchiveTuiError,
    ConnectError,
    DisconnectedError,
    NotPermittedError,
    RefusedError,
    ReplicaError,
)
from archive_tui.settings.model import Secret, Settings
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.text import line

_CLIENT_NAME = "archive-tui"
_REFUSED_IN_SCRIPT = re.compile(r"acl failure|executing the script can't", re.IGNORECASE)
_READ_SIZE = 256 * 1024
"""Bytes taken from the socket at once; redis-py's default costs eight times the system calls."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answers at the other end. `run_id` changes when another server process answers at the same address.

    Fields are empty where the server would not tell (`INFO` refused).
    """

    address: str
    version: str = ""
    product: str = "redis"
    mode: str = ""
    role: str = ""
    run_id: str = ""
    used_memory: int | None = None


class _Credentials(CredentialProvider):
    """Hands the password to redis-py when it logs in, and keeps it out of every repr before that."""

    def __init__(self, username: str | None, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        if self._username:
            return self._username, self._password.reveal()
        return (self._password.reveal(),)


class Server:
    """One server, as one set of settings reaches it. Safe to share between threads; each `pipe` is for one thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pool = _pool(settings)

    @property
    def address(self) -> str:
        """Where the server is, safe to show."""
        return line(self.settings.address)

    @contextmanager
    def pipe(self) -> Iterator[Pipe]:
        """A connection of one's own for as long as the block lasts; every error inside comes out as one of ours."""
        with self.translated():
            connection = self._pool.get_connection()
            pipe = Pipe(connection, read_only=self.settings.read_only)
            try:
                yield pipe
            except BaseException:
                # What is left of an interrupted exchange must never be read as the answer to the next question.
                connection.disconnect()  # type: ignore[no-untyped-call]
                raise
            else:
                if pipe.owed:
                    connection.disconnect()  # type: ignore[no-untyped-call]
            finally:
                self._pool.release(connection)

    def identify(self) -> ServerInfo:
        """Ask the server who it is. Raises ConnectError and its kin; goes on without what `INFO` refuses to tell."""
        with self.pipe() as pipe:
            commands: list[Command] = [(b"CLIENT", b"SETNAME", _CLIENT_NAME.encode()), (b"INFO",)]
            _, reply = pipe.call(commands, errors="return")
        if not isinstance(reply, bytes):
            return ServerInfo(self.address)
        facts = dict(
            fact.split(":", 1)
            for fact in reply.decode("utf-8", "replace").splitlines()
            if ":" in fact and fact[0] != "#"
        )
        memory = facts.get("used_memory", "")
        return ServerInfo(
            self.address,
            version=line(facts.get("valkey_version") or facts.get("redis_version", "")),
            product="valkey" if "valkey_version" in facts else "redis",
            mode=line(facts.get("server_mode") or facts.get("redis_mode", "")),
            role={"master": "primary", "slave": "replica"}.get(facts.get("role", ""), line(facts.get("role", ""))),
            run_id=facts.get("run_id", ""),
            used_memory=int(memory) if memory.isdecimal() else None,
        )

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._pool.disconnect(inuse_connections=False)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what redis-py raises inside the block into our errors, one line each that says what to do."""
        try:
            yield
        except ArchiveTuiError:
            raise
        except RedisError as error:
            raise _ours(error, self.settings) from None
        except (OSError, EOFError) as error:
            raise DisconnectedError(f"lost {self.address}: {line(str(error))}") from None


def _pool(settings: Settings) -> redis.ConnectionPool:
    credentials = None
    if settings.password is not None or settings.username:
        credentials = _Credentials(settings.username, settings.password or Secret(""))
    options: dict[str, Any] = {
        "db": settings.database,
        "credential_provider": credentials,
        "socket_timeout": settings.timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "socket_read_size": _READ_SIZE,
    }
    if settings.socket is not None:
        return redis.ConnectionPool(connection_class=redis.UnixDomainSocketConnection, path=settings.socket, **options)
    options |= {
        "host": settings.host,
        "port": settings.port,
        "socket_connect_timeout": settings.timeout,
        "socket_keepalive": True,
    }
    if settings.tls is None:
        return redis.ConnectionPool(**options)
    options["redis_connect_func"] = _greet
    return redis.ConnectionPool(
        connection_class=redis.SSLConnection,
        ssl_cert_reqs="required" if settings.tls.verify else "none",
        ssl_check_hostname=settings.tls.verify,
        ssl_ca_certs=settings.tls.ca_file,
        ssl_certfile=settings.tls.cert_file,
        ssl_keyfile=settings.tls.key_file,
        **options,
    )


def _greet(connection: AbstractConnection) -> None:
    """Log in, and exchange one command: TLS session tickets that nobody has read pass for data left over by a user
    before, and redis-py then refuses the connection.
    """
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("PING")  # type: ignore[no-untyped-call]
    with suppress(NoPermissionError):  # that it answered is all we wanted
        connection.read_response()


def _ours(error: RedisError, settings: Settings) -> ArchiveTuiError:
    """The error of ours that says what redis-py's says, and what to do about it."""
    address = line(settings.address)
    said = line(str(error)).strip()
    login = _login_error(error, said, address)
    if login is not None:
        return login
    if isinstance(error, NoPermissionError) or "noperm" in said.lower() or _REFUSED_IN_SCRIPT.search(said):
        return NotPermittedError(f"{address} does not permit this user: {said}", _command_in(said))
    if isinstance(error, BusyLoadingError):
        return DisconnectedError(f"{address} is still loading its data: try again in a moment")
    if isinstance(error, redis.TimeoutError):
        check = "host, port, --timeout, and that this port speaks TLS" if settings.tls else "host, port and --timeout"
        return DisconnectedError(f"{address} did not answer within {settings.timeout:g} s: check {check}")
    if isinstance(error, redis.ConnectionError):
        return DisconnectedError(f"cannot reach {address}: {_reason(error, said)}")
    if isinstance(error, ReadOnlyError):
        return ReplicaError(f"{address} is a read-only replica: connect to its primary to change anything")
    if isinstance(error, OutOfMemoryError):
        return RefusedError(f"{address} is out of memory and refuses to write: {said}")
    if isinstance(error, MovedError | AskError):
        return ConnectError(f"{address} is one node of a cluster, and the keys of a queue live on another: {said}")
    if isinstance(error, ClusterDownError):
        return DisconnectedError(f"{address}: the cluster is down: {said}")
    if isinstance(error, ResponseError):
        if said.lower().startswith("unknown command") or "unknown subcommand" in said.lower():
            return NotPermittedError(f"{address} does not know a command we need: {said}", _command_in(said))
        if said.startswith(("BUSY ", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")):
            return DisconnectedError(f"{address} cannot answer now: {said}")
    return ArchiveTuiError(f"{address} answered with an error: {said}")


def _login_error(error: RedisError, said: str, address: str) -> ArchiveTuiError | None:
    """Errors of logging in and of choosing the database; redis-py gives several of them the same class."""
    lowered = said.lower()
    if "db index is out of range" in lowered or "invalid database" in lowered:
        return ConnectError(f"{address}: the server has no such database: choose another with --db or in the URL")
    if isinstance(error, AuthenticationError) or "noauth" in lowered or "invalid username-password" in lowered:
        if "required" in lowered:
            return ConnectError(
                f"{address} asks for a password: set ARCHIVE_TUI_PASSWORD, or use --password-file or --ask-password"
            )
        if "without any password" in lowered:
            return ConnectError(f"{address} has no password set, but one was given: leave it out, or name the user")
        return ConnectError(f"{address} refused this user and password: check both, and that the user is enabled")
    return None


def _reason(error: RedisError, said: str) -> str:
    """Why a connection failed, in words; the innermost cause says it best."""
    cause: BaseException | None = error.__cause__ or error.__context__
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused: is the server running, and is this its port?"
    if isinstance(cause, FileNotFoundError):
        return "there is no such socket"
    if isinstance(cause, PermissionError):
        return "no permission to open the socket"
    if isinstance(cause, socket.gaierror):
        return "the host name is unknown"
    if "certificate verify failed" in said.lower():
        return "its certificate is not trusted: give its authority with ?ssl_ca_certs=FILE in the URL"
    if "ssl" in said.lower():
        return "the TLS handshake failed: does this port speak TLS? (rediss:// means TLS, redis:// none)"
    if "closed" in said.lower():
        return "the server closed the connection (does it want TLS, rediss://?)"
    return said or type(error).__name__


def _command_in(said: str) -> str:
    """The command that a NOPERM or an unknown-command message names, as it stands there."""
    for quote in ("'", "`"):
        parts = said.split(quote)
        if len(parts) >= 3:
            return parts[1].upper()
    return ""
