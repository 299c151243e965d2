"""Why TLS with a server does not come about, in words: its certificate, ours, or what the two cannot agree on."""

import ssl
import time
from pathlib import Path

from archive_tui.settings.model import Tls
from archive_tui.store.link.certificate import Certificate, first_certificate
from archive_tui.store.link.tls import in_words, name_to_verify
from archive_tui.text import line
from archive_tui.wording.people import exact

_NAMES = 4
"""Names of a certificate that are shown; some have hundreds."""

# Codes of a verification (x509_vfy.h of OpenSSL 3)
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED, _UNFIT = 9, 10, 18, 26
_UNKNOWN_AUTHORITY = {2, 19, 20, 21}
_OTHER_NAME = {62, 64}

_VERSIONS = {"UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "NO_PROTOCOLS_AVAILABLE", "TLSV1_ALERT_PROTOCOL_VERSION"}

_OF_OURS = {
    "UNKNOWN_CA": "it does not know the authority that issued it",
    "BAD_CERTIFICATE": "it takes it for damaged, or for not valid yet",
    "CERTIFICATE_EXPIRED": "it has expired",
    "CERTIFICATE_REVOKED": "it was revoked",
    "UNSUPPORTED_CERTIFICATE": "it is not meant for clients, or of a kind that the server does not take",
    "CERTIFICATE_UNKNOWN": "it does not say why",
    "ACCESS_DENIED": "whoever shows it may not come in",
    "DECRYPT_ERROR": "its signature is not right",
}
"""Why a server refuses our certificate, by the alert that it ends the handshake with (RFC 8446, section 6.2)."""


def why_not_verified(error: ssl.SSLCertVerificationError, tls: Tls, host: str, certificate: Certificate | None) -> str:
    """Why the certificate of a server was refused, and what to do. `certificate` is what it shows; None where it could
    not be looked at.
    """
    code = error.verify_code
    now = f"this machine's clock says {exact(time.time())}"
    if code in _OTHER_NAME:
        return _other_name(name_to_verify(tls, host), certificate)
    if code == _EXPIRED:
        ended = _whose_time(tls, certificate, expired=True)
        return f"{ended}: have it renewed ({now})"
    if code == _NOT_YET_VALID:
        return f"{_whose_time(tls, certificate, expired=False)}: wait, or set the clock that is wrong ({now})"
    if code == _SELF_SIGNED:
        return (
            "its certificate is signed by nobody but itself: if you know it to be the right one, trust it with "
            "--tls-ca-file FILE"
        )
    if code in _UNKNOWN_AUTHORITY:
        issuer = f" ({certificate.issuer})" if certificate is not None and certificate.issuer else ""
        among = f"not in {line(tls.ca_file)}" if tls.ca_file is not None else "unknown to this machine"
        return (
            f"its certificate is not trusted: the authority that issued it{issuer} is {among}: give that authority's "
            "certificate with --tls-ca-file FILE"
        )
    if code == _UNFIT:
        return "its certificate is not meant for servers: have another one issued for it"
    return f"its certificate is not accepted: {line(error.verify_message)}"


def why_refused(error: ssl.SSLError, tls: Tls, host: str, *, agreed: bool, version: str | None) -> str | None:
    """Why a server, or OpenSSL here, ended the handshake, and what to do; None where it tells nothing of that.

    `agreed`: on version and cipher they did agree. `version`: the newest one that the server speaks with somebody who
    speaks all; None where nobody knows.
    """
    reason = error.reason or ""
    alert = reason.partition("ALERT_")[2]
    if reason in _VERSIONS:
        return _no_common_version(tls, version)
    if alert == "CERTIFICATE_REQUIRED" or (alert == "HANDSHAKE_FAILURE" and agreed):
        if tls.cert_file is None:
            return "it wants a client certificate: give one with --tls-cert-file FILE and --tls-key-file FILE"
        return f"it does not take our client certificate ({line(tls.cert_file)}), and wants another one"
    if alert in _OF_OURS and tls.cert_file is not None:
        return f"it refused our client certificate ({line(tls.cert_file)}): {_why_ours(alert, tls.cert_file)}"
    if alert == "HANDSHAKE_FAILURE":
        return "it has no cipher in common with this machine's OpenSSL: have its tls-ciphers looked at"
    if reason.endswith("UNRECOGNIZED_NAME"):
        name = line(name_to_verify(tls, host))
        return f"it does not know the name {name}: give the one that it goes by with --tls-server-name NAME"
    if alert:
        return f"it ended the TLS handshake: {in_words(error)}"
    return None


def _other_name(name: str, certificate: Certificate | None) -> str:
    """What to say where a certificate is for others than whom we wanted."""
    name = line(name)
    if certificate is None:
        return f"its certificate is for another host, not for {name}: give its name with --tls-server-name NAME"
    names = [*certificate.hosts, *certificate.addresses]
    if not names and certificate.subject == name:
        return f"its certificate names {name} only as its common name, which does not count for addresses: {_RENEW}"
    if name in certificate.hosts:
        return f"its certificate names {name} as the name of a host, which does not count for addresses: {_RENEW}"
    if not names:
        if not certificate.subject:
            return f"its certificate names no host, and {name} was wanted: {_RENEW}"
        names = [certificate.subject]
    shown = ", ".join(names[:_NAMES]) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
    concrete = next((one for one in names if "*" not in one), "NAME")
    return (
        f"its certificate is for {shown}, not for {name}: if it is the server that you mean, say so with "
        f"--tls-server-name {concrete}"
    )


_RENEW = "have it issued with an alternative name (subjectAltName)"


def _whose_time(tls: Tls, certificate: Certificate | None, *, expired: bool) -> str:
    """Which certificate has expired, or is not valid yet, and when; the server's own one, or that of an authority."""
    now = time.time()
    chain = [("its certificate", certificate)]
    if tls.ca_file is not None:
        chain.append((f"the certificate of its authority ({line(tls.ca_file)})", first_certificate(Path(tls.ca_file))))
    for whose, one in chain:
        if one is not None and expired and one.ends < now:
            return f"{whose} expired on {exact(one.ends)}"
        if one is not None and not expired and one.begins > now:
            return f"{whose} is not valid before {exact(one.begins)}"
    whose = "its certificate" if certificate is None else "the certificate of an authority above it"
    return f"{whose} {'has expired' if expired else 'is not valid yet'}"


def _why_ours(alert: str, cert_file: str) -> str:
    """Why a server refused our certificate, with what the certificate itself says of that."""
    ours = first_certificate(Path(cert_file))
    if ours is not None and ours.ends < time.time():
        return f"it expired on {exact(ours.ends)}, have it renewed"
    if ours is not None and ours.begins > time.time():
        return f"it is not valid before {exact(ours.begins)}, wait, or set the clock that is wrong"
    if alert == "UNKNOWN_CA" and ours is not None and ours.issuer:
        return f"{_OF_OURS[alert]} ({ours.issuer})"
    return _OF_OURS[alert]


def _no_common_version(tls: Tls, version: str | None) -> str:
    """What to say where a server speaks older versions of TLS than we want; `version` as Python names it."""
    ours = f"TLS {tls.min_version} or newer is wanted"
    if version is None:
        return f"it has no version of TLS in common with us: {ours}"
    theirs = f"it speaks TLS {_NUMBERS.get(version, version)} at most, and {ours}"
    if version == "TLSv1.2":
        return f"{theirs}: leave out --tls-min-version, or have the server set up for it (tls-protocols)"
    return f"{theirs}: have the server set up for it (tls-protocols)"


_NUMBERS = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
