"""TLS settings of a URL, completed from flags, environment and profile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings.model import Secret, Settings, Tls, TlsVersion
from archive_tui.text import line

_PEM_HEADERS = 64 * 1024
"""Bytes of a file with a key, and perhaps its certificates, that are looked through for how the key is kept."""


class NamedFile(NamedTuple):
    """A file that somebody names."""

    name: str
    place: str
    """Where it is named, in words: `--tls-ca-file`."""


class TlsChoices(NamedTuple):
    """What flags, environment and profile say of TLS; None: nothing."""

    ca_file: NamedFile | None
    cert_file: NamedFile | None
    key_file: NamedFile | None
    server_name: str | None
    min_version: TlsVersion | None
    unverified: bool
    passphrase: Callable[[], Secret | None]
    """Reads the passphrase of the key."""


def with_choices(tls: Tls, choices: TlsChoices) -> Tls:
    """The TLS settings of a URL with what is said beside it, which wins. Raises UsageError, or NotFoundError for a file
    that is not there.
    """
    files = {
        "ca_file": _path(choices.ca_file or _of_url(tls.ca_file)),
        "cert_file": _path(choices.cert_file or _of_url(tls.cert_file)),
        "key_file": _path(choices.key_file or _of_url(tls.key_file)),
    }
    if files["key_file"] is not None and files["cert_file"] is None:
        raise UsageError("a key for TLS goes with its certificate: give that with --tls-cert-file as well")
    return Tls(
        **files,
        verify=tls.verify and not choices.unverified,
        server_name=choices.server_name or tls.server_name,
        key_passphrase=choices.passphrase() or tls.key_passphrase,
        min_version=choices.min_version or tls.min_version,
    )


def locked_key(tls: Tls) -> str | None:
    """The file of our key, where that is encrypted and nobody has given its passphrase; else None."""
    if tls.cert_file is None or tls.key_passphrase is not None:
        return None
    name = tls.key_file or tls.cert_file
    try:
        with Path(name).open("rb") as file:
            return name if b"ENCRYPTED" in file.read(_PEM_HEADERS) else None
    except OSError:
        return None


def unlocked(settings: Settings, key: str, passphrase: Secret) -> Settings:
    """The settings with the passphrase of a key that is encrypted, wherever it is used."""

    def with_passphrase(tls: Tls | None) -> Tls | None:
        if tls is None or tls.cert_file is None or key != (tls.key_file or tls.cert_file):
            return tls
        return replace(tls, key_passphrase=passphrase)

    sentinels = settings.sentinels
    if sentinels is not None:
        sentinels = replace(sentinels, tls=with_passphrase(sentinels.tls))
    return replace(settings, tls=with_passphrase(settings.tls), sentinels=sentinels)


def _of_url(name: str | None) -> NamedFile | None:
    return NamedFile(name, "the server URL") if name is not None else None


def _path(file: NamedFile | None) -> str | None:
    """The path of a file that is there, `~` resolved. Raises NotFoundError or UsageError."""
    if file is None:
        return None
    named = f"{line(file.name)}, which {file.place} names"
    if not file.name.strip():
        raise UsageError(f"{file.place} must be the path of a file")
    try:
        path = Path(file.name).expanduser()
        is_file, is_there = path.is_file(), path.exists()
    except RuntimeError:
        raise NotFoundError(f"no file {named}: there is no such user") from None
    except OSError as error:
        raise UsageError(f"{named}, cannot be read: {error.strerror}") from None
    if not is_there:
        raise NotFoundError(f"no file {named}")
    if not is_file:
        raise UsageError(f"{named}, is no regular file: it is read for every connection")
    return str(path)
