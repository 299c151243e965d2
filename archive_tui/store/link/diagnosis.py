"""Diagnosis of an address that does not talk to us as Redis does: what else stands there, by what it says itself.

A server that turns a client away says why and closes. What it said is lost where we had sent something by then, so it
is asked for once more, without a word from us. In the same way TLS 1.3 refuses a client's certificate only when the
client takes the connection for made.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from archive_tui.settings.model import Settings, Tls
from archive_tui.store.link.certificate import Certificate, read_certificate
from archive_tui.store.link.handshake import why_not_verified, why_refused
from archive_tui.store.link.tls import context_for, name_to_verify, unverified_context
from archive_tui.text import clip, decode

_PATIENCE = 0.5
"""Seconds in which whoever speaks first has spoken; a Redis that is well says nothing by itself."""

_OPENING = 2.0
"""Seconds for opening a connection, and for shaking hands."""

_LONGEST = 4096
_SHOWN = 100
_PING = b"PING\r\n"
_WELL = (b"+PONG", b"-NOAUTH", b"-NOPERM", b"-LOADING", b"-BUSY", b"-MASTERDOWN")
"""How Redis answers a PING without a login."""

_TLS_ALERT = b"\x15\x03"
"""How a server answers that speaks TLS, where it is spoken to in plain."""


class Finding(NamedTuple):
    """What stands at an address."""

    what: str
    """In words, with what to do; a part of a sentence."""

    passing: bool = False
    """Whether another try may help."""


class _Said(NamedTuple):
    """What somebody says by itself, or in answer to a PING."""

    reply: bytes
    """Empty for nothing."""

    closed: bool = False
    """Whether the connection was closed instead."""


def diagnose(settings: Settings, error: Exception | None = None) -> Finding | None:
    """Look what stands at an address; None where that tells nothing. `error`: what went wrong there.

    Blocks for a few seconds at most. Raises ConnectError where a file of ours for TLS is wrong, and nothing else.
    """
    cause = (error.__cause__ or error.__context__) if error is not None else None
    with suppress(OSError):
        if settings.tls is None:
            return _in_plain(settings)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _of_certificate(cause, settings, settings.tls)
        return _over_tls(settings, settings.tls)
    return None


def _in_plain(settings: Settings) -> Finding | None:
    """What stands there where no TLS was wanted."""
    with _connected(settings) as plain:
        reply, closed = _heard(plain)
    if reply and not reply.startswith(_TLS_ALERT):
        if not reply.startswith(_WELL):
            return _of_greeting(reply)
        return _SPARING_PROXY if _is_sparing_proxy(settings) else None
    if settings.socket is not None:  # no TLS is spoken over a socket of this machine, and its server is no doubt there
        return None
    if found := _unwanted_tls(settings):
        return found
    if not closed:
        return None
    return _SPARING_PROXY if _is_sparing_proxy(settings) else _CLOSES


def _is_sparing_proxy(settings: Settings) -> bool:
    """Whether somebody answers PING, but closes the connection at INFO."""
    with _connected(settings) as connection:
        connection.settimeout(_PATIENCE)
        answered = False
        try:
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            answered = connection.recv(_LONGEST).startswith(b"+PONG")
            connection.sendall(b"*1\r\n$4\r\nINFO\r\n")
            return answered and not connection.recv(_LONGEST)
        except TimeoutError:
            return False
        except ConnectionError:
            return answered


def _unwanted_tls(settings: Settings) -> Finding | None:
    """What stands there if it speaks TLS; None where it does not."""
    try:
        with _connected(settings) as plain, _shaking(plain, unverified_context(None), settings.host) as wrapped:
            wrapped.do_handshake()
            reply = _heard(wrapped).reply
    except ssl.SSLError as error:
        if "ALERT" not in (error.reason or ""):
            return None
        reply = b""
    except OSError:
        return None
    found = _of_greeting(reply) if reply and not reply.startswith((b"+", b"-")) else None
    return found or Finding("this port speaks TLS: use rediss:// in the URL")


def _over_tls(settings: Settings, tls: Tls) -> Finding | None:
    """What stands there where TLS was wanted."""
    name = name_to_verify(tls, settings.host)
    with _connected(settings) as plain, _shaking(plain, context_for(tls), name) as wrapped:
        try:
            wrapped.do_handshake()
            reply, closed = _heard(wrapped)
            if reply:
                return None if reply.startswith(_WELL) else _of_greeting(reply)
            return _CLOSES if closed else None
        except ssl.SSLCertVerificationError as error:
            return _of_certificate(error, settings, tls)
        except ssl.SSLError as error:
            agreed = wrapped.cipher() is not None
            version = None if agreed else _newest_version(settings, tls)
            if why := why_refused(error, tls, settings.host, agreed=agreed, version=version):
                return Finding(why)
        except OSError:
            pass
    return _unwanted_plain(settings)


def _unwanted_plain(settings: Settings) -> Finding | None:
    """What stands there if it speaks no TLS; None where that is not known."""
    with _connected(settings) as plain:
        reply, closed = _heard(plain)
    if reply.startswith((b"+", b"-")):
        return Finding("this port speaks no TLS: use redis:// in the URL")
    if reply and not reply.startswith(_TLS_ALERT):
        return _of_greeting(reply)
    return _CLOSES if closed and not reply else None


def _of_certificate(error: ssl.SSLCertVerificationError, settings: Settings, tls: Tls) -> Finding:
    """Why a server's certificate was refused; it is looked at for that."""
    certificate: Certificate | None = None
    with suppress(OSError, ValueError), _connected(settings) as plain, _unverified(plain, settings, tls) as wrapped:
        wrapped.do_handshake()
        certificate = read_certificate(wrapped.getpeercert(binary_form=True) or b"")
    return Finding(why_not_verified(error, tls, settings.host, certificate))


def _newest_version(settings: Settings, tls: Tls) -> str | None:
    """The newest version of TLS that a server speaks, as Python names it; None where that is not known."""
    with suppress(OSError), _connected(settings) as plain, _unverified(plain, settings, tls) as wrapped:
        wrapped.do_handshake()
        return wrapped.version()
    return None


_SPARING_PROXY = Finding(
    "it answers PING, and closes the connection at INFO, as a proxy does that does not know it (such as twemproxy): "
    "connect to the server itself"
)

_CLOSES = Finding(
    "it closes every connection at once, without a word: check host and port, and what stands before the server (a "
    "proxy with no server behind it, a firewall)",
    passing=True,
)


def _of_greeting(greeting: bytes) -> Finding | None:
    first = greeting.split(b"\n", 1)[0].strip()
    said = clip(decode(first), _SHOWN)
    if first.startswith(b"-DENIED"):
        return Finding(
            "the server is in protected mode and takes connections from its own machine only: connect from there, or "
            "have a password set for it (requirepass)"
        )
    if first.startswith(b"-ERR max number of clients"):
        return Finding("the server has no room for more clients (maxclients): close some, or try again later", True)
    if first.startswith(b"-"):
        return Finding(f"the server turned us away: {said[1:]}", True)
    for start, name in ((b"SSH-", "an SSH server"), (b"HTTP/", "a web server")):
        if first.startswith(start):
            return Finding(f"{name} answers there, not Redis: check host and port")
    return Finding(f"something else answers there, not Redis ({said}): check host and port")


def _heard(connection: socket.socket) -> _Said:
    """What is said there by itself, else in answer to a PING. Raises ssl.SSLError where TLS ends with that."""
    connection.settimeout(_PATIENCE)
    for question in (b"", _PING):
        try:
            if question:
                connection.sendall(question)
            reply = connection.recv(_LONGEST)
        except TimeoutError:
            continue
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            reply = b""
        return _Said(reply, closed=not reply)
    return _Said(b"")


@contextmanager
def _connected(settings: Settings) -> Iterator[socket.socket]:
    """A connection as such."""
    if settings.socket is not None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_OPENING)
            connection.connect(settings.socket)
            yield connection
        return
    patience = min(settings.timeout, _OPENING)
    with socket.create_connection((settings.host, settings.port), timeout=patience) as connection:
        yield connection


def _shaking(plain: socket.socket, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    """The connection over TLS, before hands are shaken."""
    return context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)


def _unverified(plain: socket.socket, settings: Settings, tls: Tls) -> ssl.SSLSocket:
    return _shaking(plain, unverified_context(tls), name_to_verify(tls, settings.host))
