"""Our clock is set back while we work, or between two runs: nothing is lost, and nothing that is said is absurd."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agreement import check_agreement, fill, journals_in, plan_of
from support.asynq_data import lock_key
from support.catalogs import Hooked, once
from support.changes import delete_all, deletion, planned, put_back, restoring_job
from support.command_line import Command
from support.contents import content
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal import folder
from archive_tui.journal.reader import Journal

Run = Callable[[Job], Job]
HOUR, DAY = 3600, 86_400


class Clock:
    """The clock of the machine that we run on, to be set."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._real = time.time

    def __call__(self) -> float:
        return self._real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process, and of nobody else."""
    made = Clock()
    monkeypatch.setattr(time, "time", made)
    return made


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_while_it_scans(valkey: Live, run_job: Run, hooked: Hooked, clock: Clock, back: int) -> None:
    fill(valkey)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL, clock=clock)
    speeds = []

    def set_back() -> None:
        clock.ahead = -back
        speeds.append(job.progress.rate)

    hooked.hook = once(set_back)
    run_job(job)
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.complete, progress.found) == (JobState.DONE, True, 1500)
    assert progress.finished_at is not None
    assert 0 < progress.finished_at - progress.started_at < 20
    assert progress.rate > 1550 / 20
    assert all(speed >= 0 for speed in speeds)


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_while_it_deletes_and_restores(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, clock: Clock, back: int
) -> None:
    before = fill(valkey)
    left = {one: valkey.client.pttl(one) for one in valkey.client.keys("asynq:{q}:unique:*")}
    plan = plan_of(valkey, run_job, catalog)

    def set_back(_pipe: object, _rows: object) -> None:
        clock.ahead -= back

    job = deletion(valkey.connect(), plan, Pace.FULL, set_back, journal_dir, clock)
    run_job(job)
    assert job.wait(30)
    assert (job.error, job.progress.made) == (None, 1500)
    assert job.progress.rate > 0
    check_agreement(valkey, before, journals_in(journal_dir), job.progress)
    (path,) = journals_in(journal_dir)
    restoring = restoring_job(valkey.connect(), plan_restore(valkey.connect(), Journal(path)), Pace.POLITE, clock=clock)
    run_job(restoring)
    wait_until(lambda: restoring.progress.done)
    clock.ahead -= back
    assert restoring.wait(30)
    assert (restoring.error, restoring.progress.made) == (None, 1500)
    assert restoring.progress.rate > 0
    assert content(valkey) == before
    for one, was in left.items():
        assert was - 60_000 < valkey.client.pttl(one) <= was, "a lock lives by the clock of its server"


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_a_lock_lives_on_as_if_it_had_never_been_away(
    any_server: Live, run_job: Run, journal_dir: Path, clock: Clock, ahead: int
) -> None:
    """The lock is written down by one clock, and put back by another."""
    lock = lock_key("q")
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False, unique=lock)
    was = any_server.client.pttl(lock)
    clock.ahead = ahead
    deleted = delete_all(any_server, run_job, journal_dir)
    clock.ahead = 0
    plan = planned(any_server, deleted)
    assert (plan.locks, plan.expired_locks) == (1, 0)
    put_back(any_server, run_job, plan)
    assert was - 60_000 < any_server.client.pttl(lock) <= was


def test_between_two_journals(valkey: Live, run_job: Run, journal_dir: Path, clock: Clock, cli: Command) -> None:
    """The second journal is dated before the first: neither takes the name of the other, and both come back."""
    paths = []
    valkey.asynq.register("q")
    for back in (0, DAY, DAY):  # twice in the same second, perhaps
        clock.ahead = -back
        before = content(valkey)
        valkey.asynq.add_many("q", [b"%d-%d" % (len(paths), number) for number in range(20)], referenced=False)
        done = delete_all(valkey, run_job, journal_dir, clock=clock)
        assert done.journal is not None
        paths.append(done.journal)
        assert content(valkey) == before
    assert len(set(paths)) == 3
    listed = folder.listed(journal_dir)
    assert {one.path for one in listed} == set(paths)
    assert all(one.ending is not None and one.ending.state == "done" for one in listed)
    for path in paths:
        assert put_back(valkey, run_job, plan_restore(valkey.connect(), Journal(path))).made == 20
    again = folder.listed(journal_dir)
    assert all(one.ending is not None and one.ending.counts == {"deleted": 20} for one in again)
    text = cli("journal", "--journal-dir", str(journal_dir)).text
    assert text.count("20 delete") == 3


def test_a_journal_from_the_future_is_not_old(
    valkey: Live, run_job: Run, journal_dir: Path, clock: Clock, cli: Command
) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(20)], referenced=False)
    path = delete_all(valkey, run_job, journal_dir).journal
    assert path is not None
    clock.ahead = -2 * DAY
    prune = ("journal", "--journal-dir", str(journal_dir), "prune")
    aged = cli(*prune, "--keep-days", "0", "--yes")
    assert (aged.code, path.exists()) == (0, True)
    assert "0 journals to remove" in aged.text
    large = cli(*prune, "--keep-mb", "0", "--dry-run")
    assert f"{path.name}" in large.text
    assert "dated 47 h ahead of the clock" in large.text or "dated 2 d ahead of the clock" in large.text
