"""The demo: an embedded server with a made-up but faithful Asynq installation, and workers that keep it moving.

Nothing heavy is imported before it is used: neither redis nor the extra `demo` by importing this package.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archive_tui.demo.installation import fill
    from archive_tui.demo.workers import Workers

__all__ = ["DEMO_SEED", "Workers", "demo", "fill"]

DEMO_SEED = 1_709
"""The seed of the installation that everybody sees."""

_HOMES = {"fill": "installation", "Workers": "workers"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


@contextmanager
def demo(*, workers: bool = True, now: int | None = None, seed: int = DEMO_SEED, scale: float = 1.0) -> Iterator[str]:
    """Run the whole demo and yield the URL of its server; afterwards nothing of it is left, journals included.

    `now` is the unix time at which the made-up world stands, by default the real one; `scale` multiplies the numbers
    of tasks. Raises UsageError where the extra `demo` is missing, ArchiveTuiError where the server does not start.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    from archive_tui.demo.installation import fill
    from archive_tui.demo.workers import Workers
    from archive_tui.embedded.server import EmbeddedServer
    from archive_tui.settings.demo import make_state_folder

    offset = 0.0 if now is None else now - time.time()

    def clock() -> float:
        return time.time() + offset

    with EmbeddedServer() as server:
        make_state_folder(server.directory)
        with redis.Redis.from_url(server.url) as client:
            fill(client, seed=seed, now=int(clock()) if now is None else now, scale=scale)
        if not workers:
            yield server.url
            return

        def connect() -> redis.Redis:  # without retries, which would delay the end; workers try again anyway
            return redis.Redis.from_url(server.url, socket_timeout=5.0, retry=Retry(NoBackoff(), 0))

        with Workers(connect, seed, clock=clock):
            yield server.url
