"""Real servers, each on a unix socket of its own and gone after the `with`."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import redis

from archive_tui.embedded.server import EmbeddedServer

from .program import wait_until


@contextmanager
def valkey() -> Iterator[str]:
    """The URL of an embedded Valkey."""
    with EmbeddedServer() as server:
        yield server.url


@contextmanager
def debian_redis() -> Iterator[str]:
    """The URL of the Redis that this machine has."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is missing")
    with tempfile.TemporaryDirectory(prefix="archive-tui-redis-", dir="/tmp") as folder:  # socket paths must be short
        url = f"unix://{folder}/redis.sock?db=0"
        options = ["--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", folder, "--save", ""]
        process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: _answers(url), "redis-server to answer")
            yield url
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def copied(url: str) -> Iterator[str]:
    """The URL of a second database with the same contents, to be damaged at will."""
    copy = url.removesuffix("?db=0") + "?db=1"
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(copy) as second:
        with client.pipeline(transaction=False) as pipe:
            for key in client.scan_iter(count=5_000):
                pipe.copy(key, key, destination_db=1)
            pipe.execute()
        yield copy
        second.flushdb()


SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {"valkey": valkey, "redis": debian_redis}
