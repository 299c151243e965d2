"""Contents of a server, to be compared before and after."""

from collections.abc import Callable
from typing import Any

from support.servers import Live


def content(live: Live) -> dict[bytes, Any]:
    """Everything, as values: the order of a hash's fields and the form in which Redis keeps it mean nothing."""
    found = list(set(live.client.scan_iter(count=1000)))
    pipe = live.client.pipeline(transaction=False)
    for one in found:
        pipe.type(one)
    for one, kind in zip(found, pipe.execute(), strict=True):
        _READ[kind](pipe, one)
    return dict(zip(found, pipe.execute(), strict=True))


_READ: dict[bytes, Callable[[Any, bytes], object]] = {
    b"hash": lambda pipe, one: pipe.hgetall(one),
    b"zset": lambda pipe, one: pipe.zrange(one, 0, -1, withscores=True),
    b"list": lambda pipe, one: pipe.lrange(one, 0, -1),
    b"set": lambda pipe, one: pipe.smembers(one),
    b"string": lambda pipe, one: pipe.get(one),
}
