"""Diagnosis of an address that does not talk to us as Redis does: what else stands there, by what it says itself.

A server that turns a client away says why and closes. What it said is lost where we had sent something by then, so it
is asked for once more, without a word from us.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from archive_tui.settings.model import Settings
from archive_tui.text import clip, decode

_PATIENCE = 0.5
"""Seconds in which whoever speaks first has spoken; a Redis that is well says nothing by itself."""

_CERTIFICATE_WANTED = ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE")
"""How a server ends TLS that wants a certificate of its clients: of version 1.3, and of those before."""

_LONGEST = 4096
_SHOWN = 100
_PING = b"PING\r\n"
_WELL = (b"+PONG", b"-NOAUTH", b"-LOADING", b"-BUSY", b"-MASTERDOWN")
"""How Redis answers a PING without a login."""


class Finding(NamedTuple):
    """What stands at an address."""

    what: str
    """In words, with what to do; a part of a sentence."""

    passing: bool = False
    """Whether another try may help."""


def diagnose(settings: Settings) -> Finding | None:
    """Look what stands at an address; None where that tells nothing. Blocks for a second or two, raises nothing."""
    return _over_tls(settings) if settings.tls is not None else _in_plain(settings)


def _in_plain(settings: Settings) -> Finding | None:
    """What stands there where no TLS was wanted."""
    with suppress(OSError):
        reply = _heard(settings, tls=False) or _heard(settings, _PING, tls=False)
        if reply and not reply.startswith(_WELL):
            return _of_greeting(reply)
        if _is_sparing_proxy(settings):
            return Finding(
                "it answers PING, and closes the connection at INFO, as a proxy does that does not know it (such as "
                "twemproxy): connect to the server itself"
            )
        if reply:
            return None
    if settings.socket is None:  # no TLS is spoken over a socket of this machine: a connection would prove nothing
        with suppress(OSError), _connected(settings, tls=True):
            return Finding("this port speaks TLS: use rediss:// in the URL")
    return None


def _is_sparing_proxy(settings: Settings) -> bool:
    """Whether somebody answers PING, but closes the connection at INFO."""
    with _connected(settings, tls=False) as connection:
        connection.sendall(b"*1\r\n$4\r\nPING\r\n")
        try:
            if not connection.recv(_LONGEST).startswith(b"+PONG"):
                return False
            connection.sendall(b"*1\r\n$4\r\nINFO\r\n")
            return not connection.recv(_LONGEST)
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True


def _over_tls(settings: Settings) -> Finding | None:
    """What stands there where TLS was wanted."""
    try:
        greeting = _heard(settings, tls=True)
        return _of_greeting(greeting) if greeting else None
    except ssl.SSLError as error:
        if error.reason in _CERTIFICATE_WANTED:
            return Finding(
                "it wants a client certificate: give one with ?ssl_certfile=FILE&ssl_keyfile=FILE in the URL"
            )
    except OSError:
        pass
    with suppress(OSError):
        reply = _heard(settings, tls=False) or _heard(settings, _PING, tls=False)
        if reply.startswith((b"+", b"-")):
            return Finding("this port speaks no TLS: use redis:// in the URL")
        return _of_greeting(reply) if reply else None
    return None


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
    for start, name in ((b"SSH-", "an SSH server"), (b"HTTP/", "a web server"), (b"\x15\x03", "a TLS server")):
        if first.startswith(start):
            return Finding(f"{name} answers there, not Redis: check host and port")
    return Finding(f"something else answers there, not Redis ({said}): check host and port")


def _heard(settings: Settings, question: bytes = b"", *, tls: bool) -> bytes:
    """What is said there by itself, or in answer to a question; empty for nothing."""
    with _connected(settings, tls=tls) as connection:
        if question:
            connection.sendall(question)
        with suppress(TimeoutError):
            return connection.recv(_LONGEST)
        return b""


@contextmanager
def _connected(settings: Settings, *, tls: bool) -> Iterator[socket.socket]:
    if settings.socket is not None:
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(_PATIENCE)
        with plain:
            plain.connect(settings.socket)
            yield plain
        return
    with socket.create_connection((settings.host, settings.port), timeout=settings.timeout) as connection:
        connection.settimeout(_PATIENCE)
        if not tls:
            yield connection
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is told there, nothing believed
        if settings.tls is not None and settings.tls.cert_file:
            context.load_cert_chain(settings.tls.cert_file, settings.tls.key_file)
        with context.wrap_socket(connection, server_hostname=settings.host) as wrapped:
            yield wrapped
