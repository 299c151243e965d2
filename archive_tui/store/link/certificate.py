"""A certificate as its bytes have it: whom it is for, who issued it, and from when to when it is valid.

Python tells that of a certificate that was verified, and of no other (`ssl.SSLSocket.getpeercert`, 3.11 to 3.14). One
that was refused is read here, to say why.
"""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from archive_tui.text import clip, decode

_SHOWN = 80
"""Characters of a name; whoever made the certificate chose them."""

_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s.*?-----END ", re.DOTALL)

_Element: TypeAlias = tuple[int, bytes]
"""An element of DER: its tag, and its content."""

_UTC_TIME, _VERSION, _EXTENSIONS = 0x17, 0xA0, 0xA3
_WIDE = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}
"""Encodings of strings that are not made of single bytes, by their tags."""

_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME, _ORGANISATION, _ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
"""Object identifiers 2.5.4.3, 2.5.4.10 and 2.5.29.17."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Facts of a certificate (X.509). Names are safe to show."""

    subject: str
    """Its common name, else its organisation; empty where it has neither."""

    issuer: str
    """The same of its issuer."""

    hosts: tuple[str, ...]
    """Host names in its list of alternative names."""

    addresses: tuple[str, ...]
    """IP addresses in that list."""

    begins: float
    """When its validity begins, in unix seconds."""

    ends: float
    """When its validity ends, in unix seconds."""

    self_signed: bool
    """It names itself as its issuer."""


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate. Raises ValueError for what is none."""
    try:
        ((_, whole),) = _elements(der)
        facts = list(_elements(next(_elements(whole))[1]))
        if facts[0][0] == _VERSION:
            del facts[0]
        _, _, issuer, validity, subject, *_ = (content for _, content in facts)
        begins, ends = (_moment(*element) for element in _elements(validity))
        names = _alternative_names(facts)
    except (IndexError, StopIteration, ValueError) as error:
        raise ValueError(f"no certificate: {error}") from None
    hosts = tuple(_shown(decode(name)) for tag, name in names if tag == _DNS_NAME)
    addresses = tuple(str(ip_address(name)) for tag, name in names if tag == _IP_ADDRESS and len(name) in {4, 16})
    return Certificate(_title(subject), _title(issuer), hosts, addresses, begins, ends, issuer == subject)


def first_certificate(pem: Path) -> Certificate | None:
    """The first certificate in a PEM file; None where it holds none that can be read."""
    try:
        found = _PEM.search(pem.read_bytes())
        if found is None:
            return None
        body = b"".join(found[0].split(b"\n")[1:-1])
        return read_certificate(ssl.PEM_cert_to_DER_cert(f"{_HEAD}{body.decode('ascii')}{_FOOT}"))
    except (OSError, ValueError):
        return None


_HEAD, _FOOT = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----"


def _elements(der: bytes) -> Iterator[_Element]:
    """The elements in a row. Raises ValueError and IndexError for what is no DER."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(der[at : at + width])
            at += width
        if at + length > len(der):
            raise ValueError("it is cut off")
        yield tag, der[at : at + length]
        at += length


def _moment(tag: int, content: bytes) -> float:
    """A time in unix seconds; two digits of a year are from 1950 to 2049 (RFC 5280)."""
    text = content.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()


def _title(name: bytes) -> str:
    """The common name in a distinguished name, else its organisation; empty where it has neither."""
    found: dict[bytes, str] = {}
    for _, part in _elements(name):
        for _, pair in _elements(part):
            (_, kind), (tag, value) = _elements(pair)
            found[kind] = _shown(value.decode(_WIDE[tag], "replace") if tag in _WIDE else decode(value))
    return found.get(_COMMON_NAME) or found.get(_ORGANISATION) or ""


def _alternative_names(facts: list[_Element]) -> list[_Element]:
    """The alternative names among the facts of a certificate, by their kinds."""
    extensions = next((content for tag, content in facts if tag == _EXTENSIONS), b"")
    for _, rows in _elements(extensions):
        for _, row in _elements(rows):
            (_, kind), *_, (_, value) = _elements(row)
            if kind == _ALTERNATIVE_NAMES:
                ((_, names),) = _elements(value)
                return list(_elements(names))
    return []


def _shown(name: str) -> str:
    return clip(name, _SHOWN)
