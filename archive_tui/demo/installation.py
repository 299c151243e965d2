"""The made-up installation: a shop whose mail relay failed one night 81 days ago, and what has piled up since."""

from random import Random

import redis

from archive_tui.asynq.limits import CAP
from archive_tui.demo import daily_counters, hostile, schedulers
from archive_tui.demo.daily_counters import Incident, Traffic
from archive_tui.demo.filling import DAY, HOUR, MINUTE, Filling, Weights
from archive_tui.demo.job_types import (
    CLEANUP,
    EMAIL,
    EXPORT,
    INDEX,
    INVOICE,
    LOGS,
    PICTURE,
    PUSH,
    REPORT,
    THUMBNAIL,
    WEBHOOK,
)
from archive_tui.demo.layout import Writer

HOSTILE_QUEUE = "odd [*?] name"
LEFTOVER_QUEUE = "old-reports"

LOST = tuple(f"picture:{number}:large" for number in range(40_211, 40_217))
GHOSTS = tuple(f"picture:{number}:small" for number in range(40_211, 40_214))
MISMATCHES = tuple(f"picture:{number}:square" for number in range(40_211, 40_215))
"""Ids of what a crash left in the queue of pictures."""

_EVERYTHING: Weights = {
    EMAIL: 52,
    REPORT: 20,
    PICTURE: 10,
    WEBHOOK: 7,
    INDEX: 4,
    PUSH: 3,
    INVOICE: 2,
    LOGS: 1,
    CLEANUP: 1,
}

_ARCHIVE_AGES = (3 * MINUTE, 87 * DAY)
_OUTAGE = (81 * DAY, 81 * DAY + HOUR - 1)
_ORPHAN_AGES = (87 * DAY + HOUR, 300 * DAY)


def fill(client: redis.Redis, *, seed: int, now: int, scale: float = 1.0) -> None:
    """Fill a server with the made-up installation, laid out as Asynq 0.24 to 0.26 lays it out.

    The same `seed`, `now` (unix seconds) and `scale` always give the same keys. `scale` multiplies the numbers of
    tasks, but an archive never holds more than Asynq allows. What has a time to live counts from the server's own
    present, so `now` may lie anywhere. Raises UsageError where the extra `demo` is missing.
    """

    def queue(name: str, jobs: Weights) -> Filling:
        return Filling(writer, name, jobs, seed=seed, now=now, scale=scale)

    with Writer(client) as writer:
        _default(queue("default", _EVERYTHING))
        _critical(queue("critical", {PUSH: 40, INVOICE: 40, WEBHOOK: 20}))
        _email(queue("email", {EMAIL: 1}))
        _reports(queue("reports", {REPORT: 9, EXPORT: 1}))
        _pictures(queue("images:resize", {PICTURE: 60, THUMBNAIL: 40}))
        _idle(queue("idle", {CLEANUP: 1}))
        _hostile(queue(HOSTILE_QUEUE, {EMAIL: 1}))
        _leftover(queue(LEFTOVER_QUEUE, {REPORT: 1}))
        schedulers.killed(writer, Random(f"{seed} scheduler"), now - 9 * DAY)


def _default(queue: Filling) -> None:
    """The queue in trouble: its archive is full, and what it pushed out is still there."""
    queue.layout.register()
    special, fixed, older, newer, today = 3, 4, 500, 800, 280
    outage = CAP - special - fixed - older - newer - today
    queue.archived(special, (HOUR, 3 * DAY), jobs={EXPORT: 1})
    queue.archived(fixed, (DAY, 9 * DAY), jobs={REPORT: 1}, nightly=True)
    queue.archived(older, (_OUTAGE[1] + DAY, _ARCHIVE_AGES[1]))
    queue.archived(outage, _OUTAGE, jobs={EMAIL: 90, WEBHOOK: 7, REPORT: 3})
    queue.archived(newer, (DAY, _OUTAGE[0] - DAY))
    queue.archived(today, (_ARCHIVE_AGES[0], DAY))
    queue.orphans(30_000 - 53, _ORPHAN_AGES)
    queue.orphans(1, _ORPHAN_AGES, jobs={EXPORT: 1})
    queue.orphans(40, _ORPHAN_AGES, jobs={REPORT: 1}, nightly=True)
    queue.orphans(12, _ORPHAN_AGES, jobs={INVOICE: 1}, locked=True)
    queue.pending(2_000, 9 * MINUTE)
    queue.active(12)
    queue.retry(340)
    queue.scheduled(120, 2 * DAY)
    queue.completed(500, DAY)
    queue.aggregating("digest:daily", 5)
    queue.aggregating("user:1201", 3)
    queue.aggregating("digest:daily", 4, in_set=True)
    bad_week = Incident(days_ago=6.5, spread=2.6, failures=2_900)
    outage_night = Incident(days_ago=81, spread=0.6, failures=9_400)
    daily_counters.record(
        queue.layout,
        Traffic(41_000, 0.012, (bad_week, outage_night), before=23_000_000),
        queue.now,
        queue.random,
    )


def _critical(queue: Filling) -> None:
    queue.layout.register()
    queue.archived(1_203, (11 * MINUTE, 3 * DAY))
    queue.lock_taken_over(INVOICE)
    queue.pending(30, 40)
    queue.active(4)
    queue.retry(2)
    spike = Incident(days_ago=1.5, spread=0.9, failures=700)
    daily_counters.record(queue.layout, Traffic(6_200, 0.004, (spike,), before=2_000_000), queue.now, queue.random)


def _email(queue: Filling) -> None:
    queue.layout.register()
    queue.layout.pause(queue.now - 2 * HOUR)
    queue.archived(12, (2 * HOUR, 11 * HOUR))
    queue.pending(3_000, 2 * HOUR)
    failing = Incident(days_ago=0, spread=0.5, failures=60)
    daily_counters.record(queue.layout, Traffic(18_000, 0.0002, (failing,), before=900_000), queue.now, queue.random)


def _reports(queue: Filling) -> None:
    """Results that are kept for a week, and some that nobody will ever expire."""
    queue.layout.register()
    queue.archived(35, (HOUR, 60 * DAY))
    queue.completed(240, 7 * DAY)
    queue.completed(50, 7 * DAY, indexed=False)
    queue.pending(3, MINUTE)
    queue.scheduled(12, DAY)
    daily_counters.record(queue.layout, Traffic(310, 0.03, before=120_000), queue.now, queue.random)


def _pictures(queue: Filling) -> None:
    """Binary payloads, a queue name with a colon, and what a crash of the server left."""
    queue.layout.register()
    queue.archived(260, (25 * MINUTE, 30 * DAY))
    queue.pending(40, 2 * MINUTE)
    queue.retry(12)
    queue.completed(30, HOUR)
    queue.crashed(LOST, GHOSTS, MISMATCHES)
    daily_counters.record(queue.layout, Traffic(2_700, 0.02, before=400_000), queue.now, queue.random)


def _idle(queue: Filling) -> None:
    """Nothing to do, and nothing ever went wrong."""
    queue.layout.register()
    daily_counters.record(queue.layout, Traffic(24, 0.0, before=700), queue.now, queue.random)


def _hostile(queue: Filling) -> None:
    queue.layout.register()
    hostile.fill(queue)
    daily_counters.record(queue.layout, Traffic(40, 0.2, ended_days_ago=3), queue.now, queue.random)


def _leftover(queue: Filling) -> None:
    """A queue that somebody deleted with force: it is registered no more, its completed tasks and their index stay."""
    queue.completed(50, 60 * DAY)
    daily_counters.record(queue.layout, Traffic(90, 0.05, ended_days_ago=21, before=8_000), queue.now, queue.random)
