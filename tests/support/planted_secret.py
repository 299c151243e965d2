"""One secret in everything that a producer or a worker may have written, and every form in which it could come out."""

import base64
import functools
import gzip
import json

import msgpack

from support.servers import Live

SECRET = "Zq7xHunter2W9v4y"
"""The value of every password here."""

OPEN = "mira.jones"
"""What stands beside it, and is no secret."""

_OBJECT = {"user": OPEN, "password": SECRET, "deep": [{"apiKey": SECRET}]}
_JSON = json.dumps(_OBJECT).encode()


def _jwt() -> bytes:
    parts = (b'{"alg":"HS256"}', json.dumps({"sub": OPEN, "secret": SECRET}).encode(), SECRET.encode())
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


PAYLOADS: dict[str, bytes] = {
    "json": _JSON,
    "base64": base64.b64encode(_JSON),
    "gzip": gzip.compress(_JSON, mtime=0),
    "packed": base64.b64encode(gzip.compress(_JSON, mtime=0)),
    "string": json.dumps(_JSON.decode()).encode(),
    "nested": json.dumps({"user": OPEN, "body": _JSON.decode(), "blob": base64.b64encode(_JSON).decode()}).encode(),
    "msgpack": msgpack.packb(_OBJECT),
    "form": f"user={OPEN}&password={SECRET}".encode(),
    "xml": f"<a user='{OPEN}' token='{SECRET}'><Password>{SECRET}</Password></a>".encode(),
    "jwt": _jwt(),
    "text": f"{OPEN} said password={SECRET} at noon".encode(),
    "utf16": _JSON.decode().encode("utf-16"),
    "bytes": b"\x00\xff\xfe\x01" * 30 + f"{OPEN} token={SECRET};".encode() + b"\x00\xff" * 30,
}
"""A payload of every format and wrapper, by the id of its task."""

ERROR = (
    f'login of {OPEN}: 401 for {{"password": "{SECRET}"}} with Authorization: Bearer {SECRET}\n'
    f"at postgres://app:{SECRET}@db/orders"
)
HEADERS = {"Authorization": f"Bearer {SECRET}", "x-user": OPEN, "x-note": f"token={SECRET}"}
FIELDS = {b"result": _JSON, b"session_token": SECRET.encode(), b"packed": gzip.compress(_JSON, mtime=0)}


def plant(live: Live, queue: str, *, now: float) -> None:
    """Write a task for each payload into the archive of a queue, and as many that are orphans."""
    live.asynq.register(queue)
    for number, (name, payload) in enumerate(PAYLOADS.items()):
        facts = {"payload": payload, "error_msg": ERROR, "headers": HEADERS, "fields": FIELDS}
        live.asynq.add(queue, name, score=now - number, **facts)  # type: ignore[arg-type]
        live.asynq.add(queue, f"loose-{name}", referenced=False, **facts)  # type: ignore[arg-type]
    live.asynq.add(queue, "well", "completed", score=now + 9_999, payload=_JSON, headers=HEADERS, fields=FIELDS)


@functools.cache
def forms() -> tuple[str, ...]:
    """The forms in which it could come out, long enough to be no chance: as it is, in hexadecimal, and in base64,
    wherever it stands in it.
    """
    raw = SECRET.encode()
    hexadecimal = [raw.hex(), raw.hex(" "), raw.hex(" ")[: 3 * 7]]
    encoded = [base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4].decode() for shift in range(3)]
    wrapped = [
        base64.b64encode(gzip.compress(_JSON, mtime=0))[16:48].decode(),
        gzip.compress(_JSON, mtime=0)[16:40].hex(" "),
    ]
    return (SECRET, SECRET[:4], *hexadecimal, *encoded, *wrapped)


def leaks(text: str) -> list[str]:
    """The lines of a text that give it away."""
    return [line for line in text.split("\n") if any(form in line for form in forms())]
