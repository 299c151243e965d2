"""Rounds of cleaning while real Asynq is busy, in one way after the other, and the account that must be right then."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import redis

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.pace import Pace

from .account import Account, Attempt, audit, report
from .cleaner import Cleaner, ended, every, everything, ref, rows
from .dump import Dump, Ref

QUEUES = ("critical", "default")
PATIENCE = 90.0

PUSH_OUT = """
local pushed = {}
for _, id in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
    if string.sub(id, 1, 6) == "fixed-" and redis.call("EXISTS", ARGV[1] .. id) == 1 then
        redis.call("ZREM", KEYS[1], id)
        pushed[#pushed + 1] = id
    end
end
return pushed
"""
"""Makes orphans as Asynq does when it trims an archive, only that it is not the oldest who go: it is those whose ids
are soonest enqueued again once they are deleted. Left to itself Asynq would do so a few times a minute.
"""


def close(account: Account, dump: Dump, attempts: Sequence[Attempt] = ()) -> None:
    """Nothing may be wrong with an account. A worker that had no moment for half a minute makes it inexact: Asynq's
    recoverer runs, or archives, once more what was processed.
    """
    assert not dump.overdue, "what should happen in this traffic does not: workers stood still"
    complaints = audit(account, dump, attempts)
    assert not complaints, report(complaints)


class Rounds:
    """Ways to clean, one a round. Before each, ids that producers use again are pushed out of the archives."""

    def __init__(self, cleaner: Cleaner, client: redis.Redis) -> None:
        self.done = 0
        self.pushed_out = Counter[Ref]()
        self._cleaner = cleaner
        self._push_out = client.register_script(PUSH_OUT)
        self._past: list[TaskRow] = []

    @property
    def found(self) -> set[Ref]:
        """Whatever a scan has called an orphan."""
        return set(map(ref, self._past))

    def run(self, ways: Sequence[Callable[[], None]], enough: Callable[[], bool]) -> None:
        """Clean in one way after the other, each at least once, until it is enough."""
        deadline = time.monotonic() + PATIENCE
        for way in itertools.cycle(ways):
            if self.done >= len(ways) and enough():
                return
            assert time.monotonic() < deadline, "what should happen in this traffic does not"
            for queue in QUEUES:
                prefix = f"asynq:{{{queue}}}:"
                ids = self._push_out(keys=[f"{prefix}archived"], args=[f"{prefix}t:"])
                self.pushed_out.update((queue, task_id.decode()) for task_id in ids)
            self._cleaner.doing = f"round {self.done} ({way.__name__})"
            way()
            self.done += 1

    def everything(self) -> None:
        """Scan all and delete all of it."""
        self._cleaner.delete(everything(self._scan()))

    def one_queue(self) -> None:
        """Scan one queue and delete all of it, both without haste."""
        catalog = self._scan(random.choice(QUEUES), pace=Pace.POLITE)
        self._cleaner.delete(everything(catalog), Pace.GENTLE)

    def every_other(self) -> None:
        """Delete half of what was found."""
        catalog = self._scan()
        self._cleaner.delete(every(2, catalog))

    def two_operators_at_once(self) -> None:
        """Two delete the same, one beginning at the other's end, while a third scans."""
        catalog = self._scan()
        other = self._cleaner.catalog(rows(catalog)[::-1])
        jobs = [self._cleaner.job(everything(one)) for one in (catalog, other)]
        for job in jobs:
            job.start()
        self._scan(pace=Pace.POLITE)
        for job in jobs:
            ended(job)

    def the_past(self) -> None:
        """Delete whatever was found since the beginning. It is gone; but by now other tasks bear some of its ids."""
        self._cleaner.delete(everything(self._cleaner.catalog(self._past)))

    def from_the_archive(self) -> None:
        """Delete some of what stands in an archive, which the workers and the inspector are changing meanwhile."""
        catalog = self._cleaner.list_archive(random.choice(QUEUES))
        self._cleaner.delete(every(40, catalog))

    def _scan(self, *queues: str, pace: Pace = Pace.FULL) -> Catalog:
        catalog = self._cleaner.scan(*queues, pace=pace)
        self._past += rows(catalog)
        return catalog
