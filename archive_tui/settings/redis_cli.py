"""A line for a shell that asks a server the same with `redis-cli`, without any secret in it."""

import shlex
from collections.abc import Iterator, Sequence

from archive_tui.settings.model import Settings, Tls
from archive_tui.text import decode, line


def redis_cli(settings: Settings, command: Sequence[bytes], *, cluster: bool = False) -> str | None:
    """The line that sends a command to the server of these settings; None where no shell can: a part of it holds a NUL.

    A password is asked for (`--askpass`). What a terminal would obey stands in it as an escape that bash, zsh and ksh
    read (`$'\\x1b'`).
    """
    parts = [*(argument.encode() for argument in _options(settings, cluster=cluster)), *command]
    return None if any(b"\0" in part for part in parts) else " ".join(["redis-cli", *map(_quoted, parts)])


def _options(settings: Settings, *, cluster: bool) -> Iterator[str]:
    if settings.socket is not None:
        yield from ("-s", settings.socket)
    else:
        yield from ("-h", settings.host, "-p", str(settings.port))
    if settings.database:
        yield from ("-n", str(settings.database))
    if settings.tls is not None:
        yield from _tls(settings.tls)
    if settings.username is not None:
        yield from ("--user", settings.username)
    if settings.password is not None:
        yield "--askpass"
    if cluster:
        yield "-c"


def _tls(tls: Tls) -> Iterator[str]:
    yield "--tls"
    for option, value in (
        ("--cacert", tls.ca_file),
        ("--cert", tls.cert_file),
        ("--key", tls.key_file or tls.cert_file),
    ):
        if value is not None:
            yield from (option, value)
    if tls.server_name is not None:
        yield from ("--sni", tls.server_name)
    if not tls.verify:
        yield "--insecure"


def _quoted(part: bytes) -> str:
    """A part of a line, quoted for a shell."""
    text = decode(part)
    if line(text) == text:
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if line(character) == character:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
