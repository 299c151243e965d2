"""TLS with a server as the settings want it: the one place where a context is made, and a connection wrapped.

redis-py 8.1 would trust the system's authorities beside the given ones, and has one name for whom to connect to and for
whom to verify.
"""

import re
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis

from archive_tui.errors import ConnectError, LockedKeyError
from archive_tui.settings.model import Tls, TlsVersion
from archive_tui.store.link.certificate import first_certificate
from archive_tui.text import line

_MINIMUM = {TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3}

_CERTIFICATE = re.compile(rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----")
_DER = b"\x30"
"""First byte of DER and of PKCS#12."""


class TlsConnection(redis.Connection):
    """A connection of redis-py's over TLS."""

    def __init__(self, *, tls: Tls, **options: Any) -> None:
        self._tls = tls
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> ssl.SSLSocket:
        context = context_for(self._tls)  # before anything is opened: its files may be wrong
        plain: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        try:
            return context.wrap_socket(plain, server_hostname=name_to_verify(self._tls, self.host))
        except BaseException:
            plain.close()
            raise


def name_to_verify(tls: Tls, host: str) -> str:
    """The name or address that must stand in the server's certificate."""
    return (tls.server_name or host).rstrip(".")


def context_for(tls: Tls) -> ssl.SSLContext:
    """The context for connections: made once, and anew when a file has changed, as certificates of a day do. Raises
    ConnectError, one line on the file that is wrong.
    """
    return _context(tls, tuple(_state(name) for name in (tls.ca_file, tls.cert_file, tls.key_file)))


def unverified_context(tls: Tls | None) -> ssl.SSLContext:
    """A context to look who stands there: nothing may be told over it, and nothing believed. It speaks every version of
    TLS that OpenSSL knows, and shows our certificate where we have one.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # versions before 1.2 are spoken on this level alone (OpenSSL 3)
    if tls is not None:
        _show_own(context, tls)
    return context


def _state(name: str | None) -> tuple[int, ...]:
    """What changes with the content of a file; empty where there is none."""
    try:
        status = Path(name).stat() if name is not None else None
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_ino, status.st_size) if status is not None else ()


@lru_cache(maxsize=8)
def _context(tls: Tls, _states: tuple[tuple[int, ...], ...]) -> ssl.SSLContext:
    context = _trusting(tls.ca_file)
    # Of Python 3.13, for all: an authority is trusted by being named, whether or not it signed itself; but not that
    # certificates must keep to the letter of RFC 5280, which those of small authorities often do not
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = _MINIMUM[tls.min_version]
    if not tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _show_own(context, tls)
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """A context that trusts the authorities in a file, and none beside them; None: those of the system."""
    if ca_file is None:
        return ssl.create_default_context()
    content = _read(ca_file)
    if not _CERTIFICATE.search(content):
        raise ConnectError(_holds_no(ca_file, "certificate", content))
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConnectError(f"a certificate in {line(ca_file)} cannot be read: it is damaged") from None


def _show_own(context: ssl.SSLContext, tls: Tls) -> None:
    """Have a context show our certificate to the server, where we have one. Raises ConnectError."""
    if tls.cert_file is None:
        return
    key_file = tls.key_file or tls.cert_file
    was_asked = False

    def passphrase() -> str:  # without it OpenSSL asks on the terminal, across the screens
        nonlocal was_asked
        was_asked = True
        if tls.key_passphrase is None:
            raise LockedKeyError(
                f"the key in {line(key_file)} is encrypted: give its passphrase with ARCHIVE_TUI_TLS_KEY_PASSPHRASE or "
                "--tls-key-passphrase-file",
                key_file,
            )
        return tls.key_passphrase.reveal()

    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, passphrase)
    except ssl.SSLError as error:
        raise ConnectError(_why_not_shown(tls.cert_file, key_file, error, decrypted=was_asked)) from None
    except ValueError:  # OpenSSL takes 1,024 bytes of a passphrase
        said = f"the passphrase does not open the key in {line(key_file)}: it is too long"
        raise LockedKeyError(said, key_file) from None
    except OSError as error:
        for name in (tls.cert_file, key_file):
            _read(name)
        raise ConnectError(f"{line(tls.cert_file)} cannot be read: {error.strerror}") from None


def _why_not_shown(cert_file: str, key_file: str, error: ssl.SSLError, *, decrypted: bool) -> str:
    """Why our certificate and its key cannot be used; of what is wrong in a file OpenSSL says as good as nothing.
    Raises LockedKeyError where it is the passphrase.
    """
    if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
        return (
            f"the key in {line(key_file)} does not fit the certificate in {line(cert_file)}: give the two that "
            "belong together"
        )
    certificates, keys = _read(cert_file), _read(key_file)
    if not _CERTIFICATE.search(certificates):
        return _holds_no(cert_file, "certificate", certificates)
    if not _KEY.search(keys):
        return _holds_no(key_file, "private key", keys)
    if decrypted:
        raise LockedKeyError(
            f"the passphrase does not open the key in {line(key_file)}: check both", key_file
        ) from None
    if error.reason is not None:
        return f"the certificate in {line(cert_file)} is not taken by this machine's OpenSSL: {in_words(error)}"
    if first_certificate(Path(cert_file)) is None:
        return f"the certificate in {line(cert_file)} cannot be read: it is damaged"
    return f"the key in {line(key_file)} cannot be read: it is damaged, or of a kind that OpenSSL does not know"


def _holds_no(name: str, what: str, content: bytes) -> str:
    """What is to be said of a file that does not hold what it should."""
    if not content.strip():
        return f"{line(name)} is empty: it must hold a {what} in PEM form"
    if content.startswith(_DER):
        return f"{line(name)} holds no {what} in PEM form: it is binary (DER or PKCS#12), convert it with openssl"
    for other, label in (("certificate", _CERTIFICATE), ("private key", _KEY)):
        if label.search(content):
            return f"{line(name)} holds no {what}, but a {other}: are two files exchanged?"
    return f"{line(name)} holds no {what} in PEM form"


def in_words(error: ssl.SSLError) -> str:
    """OpenSSL's own words for an error, without the place in its source."""
    if error.reason:
        return error.reason.replace("_", " ").lower()
    return line(str(error.strerror or error)).partition(" (_ssl.c")[0]


def _read(name: str) -> bytes:
    """The content of a file. Raises ConnectError."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConnectError(f"{line(name)} cannot be read: {error.strerror}") from None
