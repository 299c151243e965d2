"""One server process, at one address: connections to it, as the settings want them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.credentials import CredentialProvider
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Secret, Settings
from archive_tui.store.link.replies import Reply, may_be_something_else, translated
from archive_tui.text import line

_READ_SIZE = 256 * 1024
"""Bytes taken from the socket at once; redis-py's default costs eight times the system calls."""


class _Credentials(CredentialProvider):
    """Hands the password to redis-py when it logs in, and keeps it out of every repr before that."""

    def __init__(self, username: str | None, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        if self._username:
            return self._username, self._password.reveal()
        return (self._password.reveal(),)


class Node:
    """One server process. Safe to share between threads; each connection is for one."""

    def __init__(self, settings: Settings, *, as_replica: bool = False) -> None:
        """With `as_replica` its connections read what a replica of a cluster has (`READONLY`), instead of being sent on
        to its primary.
        """
        self.settings = settings
        self._pool = _pool(settings, as_replica=as_replica)

    @property
    def address(self) -> str:
        """Its address, safe to show."""
        return line(self.settings.address)

    @property
    def endpoint(self) -> Address:
        """Its host and port."""
        return self.settings.endpoint

    @property
    def connections(self) -> int:
        """How many connections we hold to it, idle ones included."""
        return len(self._pool._in_use_connections) + len(self._pool._available_connections)

    def connect(self) -> AbstractConnection:
        """A connection that is ready, to be given back by `release`. Raises ConnectError where something else than
        Redis stands there.
        """
        try:
            return self._pool.get_connection()
        except (RedisError, OSError) as error:
            self.diagnose(error)
            raise

    def release(self, connection: AbstractConnection) -> None:
        """Give a connection back."""
        self._pool.release(connection)  # type: ignore[arg-type]

    def ask(self, *command: str) -> Reply:
        """The reply to one command on a connection of its own; a refusal is one. Raises RedisError and OSError."""
        connection = self.connect()
        try:
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            return connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return error
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            self.release(connection)

    def diagnose(self, error: Exception) -> None:
        """Raise what stands at the address, where the first exchange with it fails and it says so."""
        if not may_be_something_else(error):
            return
        from archive_tui.store.link.diagnosis import diagnose

        found = diagnose(self.settings, error)
        if found is not None:
            kind = DisconnectedError if found.passing else ConnectError
            raise kind(f"cannot use {self.address}: {found.what}") from None

    @contextmanager
    def translated(self, *, in_cluster: bool = False) -> Iterator[None]:
        """Turn what redis-py raises inside the block into our errors, one line each that says what to do; `in_cluster`
        where we know the other nodes.
        """
        try:
            yield
        except ArchiveTuiError:
            raise
        except RedisError as error:
            raise translated(error, self.settings, in_cluster=in_cluster) from None
        except (OSError, EOFError) as error:
            raise DisconnectedError(f"lost {self.address}: {line(str(error))}") from None

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._pool.disconnect(inuse_connections=False)


def _pool(settings: Settings, *, as_replica: bool) -> redis.ConnectionPool:
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
    if settings.snapshot is not None:
        options["redis_connect_func"] = _see_expired
    elif as_replica:
        options["redis_connect_func"] = _read_replica
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
    from archive_tui.store.link.tls import TlsConnection

    options.setdefault("redis_connect_func", _greet)
    return redis.ConnectionPool(connection_class=TlsConnection, tls=settings.tls, **options)


def _see_expired(connection: AbstractConnection) -> None:
    """Log in, and see what has expired since a snapshot was taken. Only a Valkey in import mode can show it."""
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("CLIENT", "IMPORT-SOURCE", "ON")  # type: ignore[no-untyped-call]
    with suppress(ResponseError):
        connection.read_response()


def _read_replica(connection: AbstractConnection) -> None:
    """Log in, and have a replica of a cluster answer by itself. Raises ResponseError where that is refused."""
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("READONLY")  # type: ignore[no-untyped-call]
    connection.read_response()


def _greet(connection: AbstractConnection) -> None:
    """Log in, and exchange one command: TLS session tickets that nobody has read pass for data left over by a user
    before, and redis-py then refuses the connection.
    """
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("PING")  # type: ignore[no-untyped-call]
    with suppress(NoPermissionError):  # that it answered is all we wanted
        connection.read_response()
