"""What the forecast calls red really breaks real Asynq, and what it calls fine does not."""

import time

import pytest
import redis

from archive_tui.asynq.forecast import TOO_MANY, Cause, Forecast
from archive_tui.asynq.limits import DEFAULTS
from archive_tui.jobs.watch import foretell
from archive_tui.settings.url import parse_url
from archive_tui.store.link.server import Server
from archive_tui.store.read import queues

from .program import Asynq

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

QUEUE = "q"
INDEX = f"asynq:{{{QUEUE}}}:archived"
DAY, HOUR = 86_400, 3_600


def fill(client: redis.Redis, scores: list[float], prefix: str = "old") -> None:
    """Archived tasks, as Asynq would have left them at these moments."""
    client.sadd("asynq:queues", QUEUE)
    pipe = client.pipeline(transaction=False)
    for number, score in enumerate(scores):
        pipe.hset(f"asynq:{{{QUEUE}}}:t:{prefix}{number}", mapping={"msg": b"", "state": "archived"})
        pipe.zadd(INDEX, {f"{prefix}{number}": score})
    pipe.execute()


def let_pass(client: redis.Redis, seconds: float) -> None:
    """Make everything in the archive so much older."""
    pipe = client.pipeline(transaction=False)
    for task_id, score in client.zrange(INDEX, 0, -1, withscores=True):
        pipe.zadd(INDEX, {task_id: score - seconds})
    pipe.execute()


def foretold(url: str, now: float | None = None) -> Forecast:
    """What archive_tui says."""
    server = Server(parse_url(url))
    try:
        with server.pipe() as pipe:
            now = time.time() if now is None else now
            (stats,) = queues.stats(pipe, [QUEUE], [QUEUE], queues.datetime.fromtimestamp(now, queues.UTC))
            return foretell(pipe, stats, now, too_old=False, limits=DEFAULTS)
    finally:
        server.close()


def archives(asynq: Asynq, client: redis.Redis, prefix: str) -> bool:
    """Let a worker fail with one task for good; whether Asynq really archived it."""
    asynq("fail", queue=QUEUE, tasks=1, prefix=prefix)
    (task,) = list(client.scan_iter(match=f"asynq:{{{QUEUE}}}:t:{prefix}-*", count=100_000))
    return client.hget(task, "state") == b"archived"


@pytest.mark.parametrize("count", [TOO_MANY - 1, TOO_MANY])
def test_what_is_past_the_line(asynq: Asynq, client: redis.Redis, url: str, count: int) -> None:
    line = time.time() - DEFAULTS.seconds - HOUR  # Asynq counts days of its own time zone
    fill(client, [line - number for number in range(count)] + [time.time() - DAY])
    found = foretold(url)
    assert found.cause == (Cause.EXPIRED if count == TOO_MANY else None)
    breaks = found.breaks and not asynq.forgets_what_workers_trim
    assert archives(asynq, client, "new") is not breaks
    assert client.zcard(INDEX) == (count + 2 if breaks else 2)
    if breaks:
        assert not archives(asynq, client, "another")  # and every one after it


@pytest.mark.parametrize("count", [TOO_MANY - 1, TOO_MANY])
def test_an_incident_breaks_it_on_the_day_that_was_foretold(
    asynq: Asynq, client: redis.Redis, url: str, count: int
) -> None:
    now = time.time()
    incident = [now - 81 * DAY + number / 10 for number in range(count)]
    fill(client, incident + [now - 29 * DAY + number * HOUR for number in range(29 * 24)])
    found = foretold(url, now)
    assert found.cause == (Cause.TOGETHER if count == TOO_MANY else None)
    assert archives(asynq, client, "before")
    if found.breaks_at is not None:
        assert abs(found.breaks_at - (incident[-1] + DEFAULTS.seconds)) < 1
    let_pass(client, 9 * DAY + 2 * HOUR)
    breaks = found.breaks and not asynq.forgets_what_workers_trim
    assert archives(asynq, client, "after") is not breaks


def test_as_many_in_small_pieces_break_nothing(asynq: Asynq, client: redis.Redis, url: str) -> None:
    """8,100 within ten hours, in a queue that archives every few minutes: fine, and so it is."""
    now = time.time()
    fill(client, [now - 85 * DAY + number * 36_000 / 8_100 for number in range(8_100)])
    fill(client, [now - 30 * DAY + number * 30 * DAY / 1_800 for number in range(1_801)], "since")
    assert not foretold(url, now).breaks
    let_pass(client, 5 * DAY - 2 * HOUR)
    for hours in range(13):
        let_pass(client, HOUR)
        assert archives(asynq, client, f"h{hours}")
    assert client.zcount(INDEX, "-inf", time.time() - DEFAULTS.seconds - 2 * HOUR) == 0


@pytest.mark.parametrize("too_many", [False, True])
def test_an_overfull_archive(asynq: Asynq, client: redis.Redis, url: str, too_many: bool) -> None:
    """Asynq trims an archive to 9,999 in the same way; only others can have put so many into it."""
    fill(client, [time.time() - 40 * DAY + number for number in range(9_999 + TOO_MANY - 2 + too_many)])
    assert (foretold(url).cause is Cause.OVERFULL) == too_many
    assert archives(asynq, client, "new") is (not too_many or asynq.forgets_what_workers_trim)
