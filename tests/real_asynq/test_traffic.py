"""archive_tui scans and deletes while real Asynq is busy. Zero lost, to the task."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import redis

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write.delete import Doomed

from .account import Account, Attempt, Fault, audit, report
from .cleaner import Cleaner, ended, every, everything, ref, refs, rows
from .dump import Dump, Ref
from .program import VERSIONS, Asynq

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

QUEUES = ("critical", "default")
PREFILL = 12_000
"""More tasks than an archive holds: whatever is archived from then on pushes another out."""

NOT_FULL = 4_000
"""Archived tasks at the start: what is archived while a slow machine scans still finds room."""
BUSY_SECONDS = 16.0
HEALTHY_SECONDS = 5.0

PATIENCE = 90.0
MANY = 1_000
REUSED = 10
"""How often somebody must have wanted to delete an orphan whose id another task had taken meanwhile."""

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


def test_healthy_installation_has_no_finding(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    """Tasks pass through every state while the scan is under way, and nothing is ever wrong."""
    found: set[Ref] = set()
    scans = 0
    with asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=300, prefill=NOT_FULL) as traffic:
        until = time.monotonic() + HEALTHY_SECONDS
        for pace in itertools.cycle(Pace):
            found |= refs(cleaner.scan(pace=pace))
            scans += 1
            if scans >= 6 and time.monotonic() > until:
                break
        account = traffic.end()
    close(account, Dump.of(client))
    assert not account["orphaned"], "the archive overflowed: this test is about one that does not"
    assert all(account[event] for event in ("processed", "aggregated", "deleted_by_asynq"))
    assert not found


def test_zero_lost(asynq: Asynq, cleaner: Cleaner, client: redis.Redis, tmp_path: Path) -> None:
    """Every task that Asynq accepted was processed, is where it belongs, or was rightly deleted."""
    rounds = Rounds(cleaner, client)
    with asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=400, prefill=PREFILL) as traffic:
        until = time.monotonic() + BUSY_SECONDS
        rounds.run(
            [
                rounds.everything,
                rounds.one_queue,
                rounds.every_other,
                rounds.two_operators_at_once,
                rounds.the_past,
                rounds.from_the_archive,
            ],
            enough=lambda: time.monotonic() > until and cleaner.refused_orphans >= REUSED,
        )
        account = traffic.end()
    account["orphaned"].update(rounds.pushed_out)
    dump = Dump.of(client)
    close(account, dump, cleaner.attempts)
    deleted = {attempt.ref for attempt in cleaner.attempts if attempt.deleted}
    assert not rounds.found - deleted - dump.orphans, "findings that were none"
    assert account["accepted"].total() > len(QUEUES) * PREFILL + MANY
    assert sum(attempt.deleted and attempt.orphan for attempt in cleaner.attempts) > MANY

    # Nobody is busy now: the rest of the orphans goes, and each task that should still run does so.
    catalog = cleaner.scan()
    assert refs(catalog) == dump.orphans
    cleaner.delete(everything(catalog))
    for queue in QUEUES:
        account.add(asynq.process(queue))
        asynq("check", queue=queue)
    dump = Dump.of(client)
    close(account, dump, cleaner.attempts)
    assert not dump.orphans
    assert {dump.state(ref) for ref in dump.tasks} <= {"archived", "completed", "aggregating"}


@pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session")
def test_careless_cleaner_is_caught(
    asynq: Asynq, url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same traffic and account find a deletion that does not check again, so they would find one of ours."""
    harmed: set[Ref] = set()

    def delete_unchecked(_: Pipe, queue: str, batch: Sequence[Doomed]) -> list[Outcome]:
        """What was an orphan when somebody looked is taken for one still."""
        refs = [(queue, doomed.id.decode()) for doomed in batch]
        with client.pipeline() as pipe:
            for _, task_id in refs:
                key = f"asynq:{{{queue}}}:t:{task_id}"
                pipe.hget(key, "state")
                pipe.unlink(key)
            replies = pipe.execute()
        states, unlinked = replies[::2], replies[1::2]
        harmed.update(ref for ref, state in zip(refs, states, strict=True) if state not in (None, b"archived"))
        return [Outcome.DONE if one else Outcome.GONE for one in unlinked]

    with Cleaner(url, monkeypatch, delete=delete_unchecked) as cleaner:
        rounds = Rounds(cleaner, client)
        with asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=400) as traffic:
            rounds.run([rounds.everything, rounds.the_past], enough=lambda: len(harmed) >= 3)
            account = traffic.end()
        account["orphaned"].update(rounds.pushed_out)
        complaints = audit(account, Dump.of(client), cleaner.attempts)
    assert harmed <= {complaint.ref for complaint in complaints if complaint.fault is Fault.NO_ORPHAN}


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
