"""The reply to `INFO`, and what `HELLO` tells of it: facts by their names.

Every server writes lines of `name:value` under titles with a `#`. Which names there are depends on product and version,
and managed services leave some out: whoever reads a fact must do without it.
"""

from collections.abc import Mapping

from archive_tui.store.link.replies import Reply
from archive_tui.text import decode

Facts = Mapping[str, str]


def facts_in(reply: bytes) -> Facts:
    """The facts in a reply, as the server writes them: not safe to show."""
    lines = reply.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and line[0] != "#")


def facts_in_greeting(reply: Reply) -> Facts:
    """The facts in a reply to `HELLO 2`, by the names that INFO has for them: version, mode and role. Redis from 6.0 on
    and Valkey answer it whatever the user's rights are; none where it was renamed, or where a proxy refuses it.
    """
    if not isinstance(reply, list):
        return {}
    told = {name: decode(one) for name, one in zip(reply[::2], reply[1::2], strict=False) if isinstance(one, bytes)}
    product = told.get(b"server", "")
    named = {f"{product}_version": b"version", f"{product}_mode": b"mode", "role": b"role"}
    return {name: told[of] for name, of in named.items() if of in told}


def product_in(facts: Facts) -> str:
    """The product: "redis", "valkey" or "redict". The latter two give the version of Redis as well that they began as
    (7.2.4).
    """
    return next((name for name in ("valkey", "redict") if f"{name}_version" in facts), "redis")


def version_in(facts: Facts) -> str:
    """The version of the product, not safe to show; empty where the server does not say."""
    return facts.get(f"{product_in(facts)}_version", "")


def mode_in(facts: Facts) -> str:
    """The mode, not safe to show: "standalone", "cluster" or "sentinel"; empty where the server does not say."""
    return facts.get("server_mode") or facts.get(f"{product_in(facts)}_mode", "")


def role_in(facts: Facts) -> str:
    """The role, not safe to show: "primary" or "replica"; empty where the server does not say."""
    role = facts.get("role", "")
    return {"master": "primary", "slave": "replica"}.get(role, role)


def number_in(facts: Facts, name: str) -> int | None:
    """A count from 0; None where it is missing, or no such number."""
    value = facts.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < _LONGEST else None


_LONGEST = 20
"""Digits of a number of 64 bits, at most."""
