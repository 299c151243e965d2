"""Addresses of servers: a host and a port, one or several of them in a row."""

import ipaddress
import re
from typing import NamedTuple

_ADDRESS = re.compile(r"(?:\[([^\[\]\s]+)\]|([^\[\]:\s]*))(?::(\d*))?")


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    """A name, or an IP address without brackets."""

    port: int
    """From 1."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_addresses(text: str, default_port: int) -> tuple[Address, ...]:
    """Read `host[:port][,host[:port]…]`; IPv6 addresses stand in brackets. Nothing at all is this machine. Raises
    ValueError, whose text repeats nothing: "port" or "address", whichever is bad.
    """
    if not text:
        return (Address("127.0.0.1", default_port),)
    several = "," in text
    return tuple(_address(one, default_port, required=several) for one in text.split(","))


def _address(text: str, default_port: int, *, required: bool) -> Address:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        bad_port = _ADDRESS.match(text) is not None and "[" not in text and ":" in text
        raise ValueError("port" if bad_port else "address")
    bracketed, named, digits = match.groups()
    if bracketed is not None:
        try:
            ipaddress.IPv6Address(bracketed)
        except ValueError:
            raise ValueError("address") from None
    host = bracketed or named.lower()
    try:
        host.encode("idna")  # as Python does before it asks for its address
    except UnicodeError:
        raise ValueError("address") from None
    if required and not host:
        raise ValueError("address")
    port = int(digits) if digits else default_port
    if not 0 < port <= 65_535:
        raise ValueError("port")
    return Address(host or "127.0.0.1", port)
