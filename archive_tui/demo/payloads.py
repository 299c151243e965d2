"""Payloads of the made-up tasks: every sort of payload that producers really send, each made from a random source."""

import gzip
import json
from random import Random
from urllib.parse import urlencode

from archive_tui.demo import wire
from archive_tui.embedded.dependencies import require

_NAMES = (
    "Ada Lovelace",
    "Søren Ångström",
    "Zoë Müller",
    "李小龙",
    "Łukasz Żółć",
    "مريم",
    "Renée O'Connor",
    "山田 太郎",
)
_LOCALES = ("de-DE", "en-GB", "en-US", "fr-FR", "ja-JP", "pl-PL", "pt-BR")
_TEMPLATES = ("welcome", "password-reset", "invoice", "digest", "trial-ends", "receipt")
_EMOJI = "🎉🔥🚀📦👩‍💻❤️"
_BEYOND_DOUBLE = 2**53
"""Integers from here on are not exact where a reader takes them for floating point."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _json(value: object) -> bytes:
    return _ENCODER.encode(value).encode()


def email(random: Random) -> bytes:
    """JSON, small, with an integer that a double cannot hold."""
    number = random.randrange(100_000)
    return _json(
        {
            "user_id": _BEYOND_DOUBLE + 2 * number + 1,
            "email": f"user{number}@example.com",
            "template": random.choice(_TEMPLATES),
            "locale": random.choice(_LOCALES),
        }
    )


def report(random: Random) -> bytes:
    """JSON, nested, with names beyond ASCII."""
    return _json(
        {
            "report": random.choice(("revenue", "churn", "inventory", "payroll")),
            "period": {"from": f"2026-{random.randint(1, 9):02}-01", "days": random.choice((1, 7, 30, 90))},
            "filters": [
                {"field": "country", "op": "in", "values": random.sample(("DE", "FR", "JP", "PL", "US"), 2)},
                {"field": "amount", "op": ">=", "values": [round(random.uniform(0, 500), 2)]},
            ],
            "requested_by": {"id": random.getrandbits(63), "name": random.choice(_NAMES)},
            "format": random.choice(("pdf", "xlsx", "csv")),
            "dry_run": False,
            "callback": None,
        }
    )


def push(random: Random) -> bytes:
    """JSON with emoji, some of them of several code points."""
    name = random.choice(_NAMES)
    return _json(
        {"device": f"{random.getrandbits(64):016x}", "title": f"{name} {_EMOJI}", "badge": random.randrange(9)}
    )


def picture(random: Random) -> bytes:
    """msgpack with a binary field in it."""
    packed: bytes = require("msgpack").packb(
        {
            "key": f"uploads/{random.getrandbits(32):08x}/original.jpg",
            "sizes": [[320, 240], [1280, 960]],
            "sha256": random.randbytes(32),
            "quality": 0.85,
        }
    )
    return packed


def thumbnail(random: Random) -> bytes:
    """Bytes that say nothing: a few hundred random ones behind the magic of a JPEG."""
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + random.randbytes(random.randint(60, 700))


def documents(random: Random) -> bytes:
    """Gzip, with JSON in it."""
    rows = [{"id": random.getrandbits(40), "title": random.choice(_NAMES)} for _ in range(5)]
    return gzip.compress(_json({"index": "documents", "rows": rows}), compresslevel=1, mtime=0)


def invoice(random: Random) -> bytes:
    """Protobuf of a schema that nobody here knows."""
    customer = wire.field(1, random.getrandbits(40)) + wire.field(2, random.choice(_NAMES))
    return (
        wire.field(1, f"INV-2026-{random.randrange(100_000):05}")
        + wire.field(2, random.randrange(1, 10_000_000))
        + wire.field(3, "EUR")
        + wire.field(4, customer)
    )


def webhook(random: Random) -> bytes:
    """A URL-encoded form."""
    fields = {
        "event": random.choice(("order.paid", "order.shipped", "refund.created")),
        "order": f"#{random.randrange(10**6)}",
        "customer": random.choice(_NAMES),
        "amount": f"{random.uniform(1, 900):.2f} €",
        "signature": random.randbytes(16).hex(),
    }
    return urlencode(fields).encode()


def log_lines(random: Random) -> bytes:
    """Plain text of several lines, with tabs."""
    levels = random.choices(("INFO", "WARN", "ERROR"), k=random.randint(2, 6))
    return "".join(
        f"{level}\tshard-{random.randrange(16)}\tflush took {random.randrange(5000)} ms\n" for level in levels
    ).encode()


def empty(_random: Random) -> bytes:
    """Nothing at all, as periodic jobs have it."""
    return b""


def export(random: Random) -> bytes:
    """JSON of about 200 KiB."""
    rows = [
        {
            "id": _BEYOND_DOUBLE + random.getrandbits(30),
            "name": random.choice(_NAMES),
            "email": f"customer{number}@example.com",
        }
        for number in range(2_550)
    ]
    return _json({"export": "customers", "rows": rows})
