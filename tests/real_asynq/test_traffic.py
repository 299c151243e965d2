"""archive_tui scans and deletes while real Asynq is busy. Zero lost, to the task."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from archive_tui.asynq.outcomes import Outcome
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write.delete import Doomed

from .account import Fault, audit
from .cleaner import Cleaner, everything, refs
from .dump import Dump, Ref
from .program import VERSIONS, Asynq
from .rounds import QUEUES, Rounds, close

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

PREFILL = 12_000
"""More tasks than an archive holds: whatever is archived from then on pushes another out."""

NOT_FULL = 4_000
"""Archived tasks at the start: what is archived while a slow machine scans still finds room."""
BUSY_SECONDS = 16.0
HEALTHY_SECONDS = 5.0

MANY = 1_000
REUSED = 10
"""How often somebody must have wanted to delete an orphan whose id another task had taken meanwhile."""


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
