"""The Sentinels of a service: which server is its primary now, and which are its replicas.

All are asked at once, and those that do not answer are passed over. redis-py's `Sentinel.discover_master` (8.1) asks
one after the other, believes the first, and goes by `SENTINEL MASTERS`, which names the old primary until a failover is
through; `SENTINEL GET-MASTER-ADDR-BY-NAME` names the new one as soon as it was promoted. So we ask on connections of
our own.
"""

import ipaddress
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import quote

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from archive_tui.errors import ArchiveTuiError, ConnectError, DisconnectedError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Sentinels, Settings
from archive_tui.settings.url import SENTINEL_FORM
from archive_tui.store.facts import SentinelView
from archive_tui.store.link.node import Node
from archive_tui.store.link.replies import Reply, translated
from archive_tui.text import decode, line
from archive_tui.wording.people import plural

_GRACE = 0.3
"""Seconds that the others have to answer, once a Sentinel has."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary of a service, as its Sentinels say."""

    address: Address

    down: bool = False
    """Whether one of them does not reach it."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one Sentinel says of the service."""

    sentinel: Address
    """Its own address."""

    primary: Address | None = None
    """None where it does not know the service, or has not answered."""

    down: bool = False

    services: tuple[str, ...] = ()
    """The services that it knows, where it does not know this one."""

    error: ArchiveTuiError | None = None
    """Why there is no answer."""


class Watchers:
    """The Sentinels that watch a service. Safe to share between threads."""

    def __init__(self, settings: Settings, sentinels: Sentinels) -> None:
        self.service = sentinels.service
        self._reached = settings.reached
        self._service = sentinels.service.encode()
        self._nodes = [Node(_settings_of(settings, sentinels, address)) for address in sentinels.addresses]

    def primary(self) -> Primary:
        """Ask which server is the primary. Raises ConnectError, or DisconnectedError where another try may help."""
        answers = self._answers()
        named = [answer for answer in answers if answer.primary is not None]
        if not named:
            raise self._failure(answers)
        addresses = {self._reached(answer.primary) for answer in named if answer.primary is not None}
        if len(addresses) > 1 and len(set(map(_resolved, addresses))) > 1:
            raise DisconnectedError(self._disagreement(named))
        answer = named[0]
        assert answer.primary is not None  # noqa: S101 - that is how they were chosen
        address = self._reached(answer.primary)
        if address == answer.primary:  # else somebody chose it
            refuse_loopback(answer.sentinel, address)
        return Primary(address, any(answer.down for answer in named))

    def views(self) -> list[SentinelView]:
        """What each Sentinel says, for people, by their addresses; those that take much longer than the first are left
        out. Raises nothing.
        """
        views = []
        for answer in sorted(self._answers(), key=lambda answer: answer.sentinel):
            trouble = str(answer.error) if answer.error is not None else ""
            if answer.primary is None and not trouble:
                trouble = f"does not know the service {line(self.service)}, but {_listed(answer.services)}"
            primary = line(str(answer.primary)) if answer.primary is not None else ""
            views.append(SentinelView(line(str(answer.sentinel)), primary, answer.down, trouble))
        return views

    def close(self) -> None:
        """Close every connection that nobody is using."""
        for node in self._nodes:
            node.close()

    def _answers(self) -> list[_Answer]:
        """What each says; those that take much longer than the first are left out."""
        arrived: SimpleQueue[_Answer] = SimpleQueue()
        for node in self._nodes:
            Thread(target=lambda node=node: arrived.put(self._answer(node)), daemon=True).start()
        answers: list[_Answer] = []
        began = time.monotonic()
        patience: float | None = None
        while len(answers) < len(self._nodes):
            try:
                answer = arrived.get(timeout=None if patience is None else max(patience - time.monotonic(), 0))
            except Empty:
                break
            answers.append(answer)
            if patience is None and answer.primary is not None:
                now = time.monotonic()
                patience = now + _GRACE + (now - began)
        return answers

    def _answer(self, node: Node) -> _Answer:
        """What one Sentinel says; raises nothing, for nobody would hear it."""
        name = node.endpoint
        try:
            where, facts = _ask(
                node,
                [(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._service), (b"SENTINEL", b"MASTER", self._service)],
            )
            if isinstance(where, list):
                flags = _facts(facts).get("flags", "").split(",") if isinstance(facts, list) else []
                down = "s_down" in flags or "o_down" in flags
                return _Answer(name, Address(decode(where[0]), int(where[1])), down)
            if isinstance(where, Exception):
                return _Answer(name, error=_refusal(node, where))
            (masters,) = _ask(node, [(b"SENTINEL", b"MASTERS")])
            known = [_facts(one).get("name", "") for one in masters] if isinstance(masters, list) else []
            return _Answer(name, services=tuple(sorted(known)))
        except ArchiveTuiError as error:
            return _Answer(name, error=error)
        except Exception as error:
            return _Answer(name, error=ConnectError(f"{node.address} answers as no Sentinel does: {line(str(error))}"))

    def _failure(self, answers: Sequence[_Answer]) -> ArchiveTuiError:
        """Why no Sentinel names a primary."""
        service = line(self.service)
        strangers = [answer for answer in answers if answer.error is None]
        if strangers:
            known = "; ".join(f"{one.sentinel} knows {_listed(one.services)}" for one in strangers)
            return ConnectError(f"no service {service} is known to its Sentinels: {known}")
        errors = [answer.error for answer in answers if answer.error is not None]
        passing = any(isinstance(error, DisconnectedError) for error in errors)
        kind = DisconnectedError if passing else ConnectError
        if len(errors) == 1:
            return kind(str(errors[0]))
        reasons = "; ".join(map(str, errors))
        return kind(f"none of the {plural(len(errors), 'Sentinel')} of {service} can be asked: {reasons}")

    def _disagreement(self, named: Sequence[_Answer]) -> str:
        groups: dict[Address, list[Address]] = {}
        for answer in named:
            if answer.primary is not None:
                groups.setdefault(answer.primary, []).append(answer.sentinel)
        views = ", ".join(f"{address} ({', '.join(map(str, who))})" for address, who in sorted(groups.items()))
        return (
            f"the Sentinels of {line(self.service)} name different primaries: {views}. Where a failover is under way, "
            "try again; otherwise leave those out of the URL that are not of this service"
        )


def whose_services(settings: Settings, services: Sequence[str]) -> str:
    """What to say to somebody who connects to a Sentinel as to a server: how to write the URL of its services."""
    scheme = "redis+sentinel" if settings.tls is None else "rediss+sentinel"
    sentinel = settings.endpoint
    start = f"{sentinel} is a Sentinel, which holds no tasks itself"
    if settings.socket is not None:
        return f"{settings.socket} is a Sentinel, which holds no tasks itself: write {SENTINEL_FORM} to reach a service"
    if not services:
        return f"{start}, and watches no service yet: connect to the server itself"
    urls = " or ".join(f"{scheme}://{sentinel}/{quote(one, safe='')}/{settings.database}" for one in services)
    return f"{start}: write {urls} to reach the service that it watches"


def _settings_of(settings: Settings, sentinels: Sentinels, address: Address) -> Settings:
    """The settings with which a Sentinel is reached: of the server's, what is about the connection alone."""
    return Settings(
        host=address.host,
        port=address.port,
        username=sentinels.username,
        password=sentinels.password,
        tls=sentinels.tls,
        timeout=settings.timeout,
        label=f"the Sentinel {address}",
    )


def _ask(node: Node, commands: Sequence[tuple[bytes, ...]]) -> list[Reply]:
    """Ask a Sentinel; the errors that it answers are among the replies. Raises ArchiveTuiError."""
    connection = None
    try:
        connection = node.connect()
        connection.send_packed_command(connection.pack_commands(commands))  # type: ignore[no-untyped-call]
        return [_reply(connection) for _ in commands]
    except BaseException as error:
        if connection is not None:
            connection.disconnect()  # type: ignore[no-untyped-call]
        if isinstance(error, RedisError | OSError):
            node.diagnose(error)
            raise _refusal(node, error) from None
        raise
    finally:
        if connection is not None:
            node.release(connection)


def _reply(connection: object) -> Reply:
    try:
        return connection.read_response(disable_decoding=True)  # type: ignore[attr-defined]
    except ResponseError as error:
        return error


def _refusal(node: Node, error: Exception) -> ArchiveTuiError:
    """An error of a Sentinel as one of ours."""
    said = str(error).lower()
    if isinstance(error, AuthenticationError) or "noauth" in said or "wrongpass" in said:
        if "required" in said:
            return ConnectError(
                f"{node.address} asks for a password of its own: set ARCHIVE_TUI_SENTINEL_PASSWORD, or use "
                "--sentinel-password-file"
            )
        if "without any password" in said:
            return ConnectError(
                f"{node.address} has no password set, but one was given for the Sentinels: leave it out"
            )
        return ConnectError(f"{node.address} refused the user and password for the Sentinels: check both")
    if isinstance(error, NoPermissionError):
        return ConnectError(f"{node.address} does not permit its user SENTINEL GET-MASTER-ADDR-BY-NAME")
    if isinstance(error, ResponseError) and said.startswith("unknown command"):
        address = node.endpoint
        scheme = "redis" if node.settings.tls is None else "rediss"
        return ConnectError(
            f"{address} is no Sentinel: connect to the server itself, with {scheme}://{address}/0, or name the port of "
            "a Sentinel (mostly 26379)"
        )
    return (
        translated(error, node.settings)
        if isinstance(error, RedisError)
        else DisconnectedError(f"lost {node.address}: {line(str(error))}")
    )


def _facts(reply: Reply) -> dict[str, str]:
    """What a Sentinel says of a server: names and values in turn."""
    words = [decode(word) for word in reply] if isinstance(reply, list) else []
    return dict(zip(words[::2], words[1::2], strict=False))


def _listed(services: Sequence[str]) -> str:
    return ", ".join(map(line, services)) or "none"


def _resolved(address: Address) -> Address:
    """The address by number, so that a name and a number of the same server agree."""
    with suppress(OSError, UnicodeError):
        return Address(str(socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][4][0]), address.port)
    return address


def refuse_loopback(sentinel: Address, primary: Address) -> None:
    """Refuse a primary that is named by a loopback address, where the Sentinel runs on another machine than we do:
    there it means that machine, and here another server may answer. Raises ConnectError.
    """
    if is_elsewhere(sentinel, primary):
        raise ConnectError(
            f"the Sentinel {sentinel} names {primary} as the primary, which is an address of its own machine: have it "
            "monitor an address that others reach as well"
        )


def is_elsewhere(informant: Address, named: Address) -> bool:
    """Whether an address that somebody on another machine names is one of that machine alone: a loopback address."""
    return _is_loopback(named.host) and not _is_here(informant)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_here(address: Address) -> bool:
    """Whether an address is one of this machine; sends nothing."""
    with suppress(OSError, UnicodeError):
        for family, kind, protocol, _, place in socket.getaddrinfo(*address, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(place)
                if probe.getsockname()[0] == probe.getpeername()[0]:
                    return True
    return _is_loopback(address.host)
