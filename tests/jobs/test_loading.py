"""A server that was started anew and is still loading its data (`LOADING`): it is waited for, and so said."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from support.agreement import COUNT, check_agreement, fill, journals_in, plan_of
from support.catalogs import Hooked, ids, once
from support.changes import deletion, restoring_job
from support.command_line import Command
from support.contents import content
from support.servers import Live, wait_until

from archive_tui.asynq.outcomes import Outcome
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal

Run = Callable[[Job], Job]


@pytest.fixture
def slow_to_load(own_server: Callable[..., Live], any_binary: str) -> Live:
    """A filled server whose data survives a kill, and that takes its time to load it: 1 ms for each key that was there
    in the beginning.
    """
    live = own_server(
        "--appendonly", "yes", "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024",
        binary=any_binary,
    )  # fmt: skip
    fill(live)
    live.client.bgrewriteaof()
    wait_until(lambda: not live.client.info("persistence")["aof_rewrite_in_progress"])
    return live


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def start_again(live: Live) -> None:
    """Kill the server, and start one that is loading when this returns."""
    assert live.process is not None
    live.process.kill()
    live.process.launch()
    wait_until(lambda: is_loading(live))


def is_loading(live: Live) -> bool:
    with contextlib.suppress(redis.exceptions.BusyLoadingError, redis.exceptions.ConnectionError):
        assert not live.client.ping(), "it has loaded everything already: this tests nothing"
    with contextlib.suppress(redis.exceptions.ConnectionError):
        return bool(live.client.info("persistence")["loading"])
    return False


def seen_waiting(job: Job) -> None:
    wait_until(lambda: job.state is JobState.DISCONNECTED and "still loading its data" in job.trouble)


@pytest.mark.parametrize("command", [["queues"], ["scan", "--json"], ["delete", "--queue", "q", "--archived", "--yes"]])
def test_a_command_says_so(slow_to_load: Live, cli: Command, command: list[str]) -> None:
    start_again(slow_to_load)
    ended = cli(command[0], "--url", slow_to_load.url, *command[1:])
    assert ended.code == 3
    assert ended.complaint.endswith("is still loading its data: try again in a moment")


def test_a_scan_waits_for_it(slow_to_load: Live, run_job: Run, hooked: Hooked) -> None:
    hooked.hook = once(lambda: start_again(slow_to_load))
    job = ScanJob(slow_to_load.connect(), hooked, pace=Pace.FULL)
    run_job(job)
    seen_waiting(job)
    assert job.wait(30)
    progress = job.progress
    assert (job.error, progress.complete, progress.restarts, progress.found) == (None, True, 1, COUNT)
    assert ids(hooked) == {b"%d" % number for number in range(COUNT)}


def test_a_deletion_waits_for_it(slow_to_load: Live, run_job: Run, catalog: Catalog, journal_dir: Path) -> None:
    before = content(slow_to_load)
    plan = plan_of(slow_to_load, run_job, catalog)
    calls = [0]

    def restart(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            start_again(slow_to_load)

    job = deletion(slow_to_load.connect(), plan, Pace.FULL, restart, journal_dir)
    run_job(job)
    seen_waiting(job)
    assert job.wait(30)
    assert job.error is None
    assert job.progress.made + job.progress.unconfirmed == COUNT
    assert Outcome.BACK not in job.progress.outcomes
    check_agreement(slow_to_load, before, journals_in(journal_dir), job.progress)
    restoring = restoring_job(
        slow_to_load.connect(), plan_restore(slow_to_load.connect(), Journal(journals_in(journal_dir)[0])), Pace.GENTLE
    )
    run_job(restoring)
    wait_until(lambda: restoring.progress.done > 300)
    start_again(slow_to_load)
    seen_waiting(restoring)
    restoring.pace = Pace.FULL
    assert restoring.wait(30)
    assert (restoring.error, restoring.progress.achieved) == (None, COUNT)
    assert content(slow_to_load) == before


def test_a_server_that_starts_with_an_old_dump_has_undone_a_part(
    own_server: Callable[..., Live], any_binary: str, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    """Nothing was written to its disk since the dump: what it had acknowledged after it is there again."""
    live = own_server(binary=any_binary)
    before = fill(live)
    plan = plan_of(live, run_job, catalog)
    calls = [0]

    def go_back(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            live.client.save()
        elif calls[0] == 3:
            assert live.process is not None
            live.process.restart()

    job = deletion(live.connect(), plan, Pace.FULL, go_back, journal_dir)
    run_job(job)
    assert job.wait(30)
    assert job.error is None
    assert job.progress.outcomes[Outcome.BACK] > 0
    check_agreement(live, before, journals_in(journal_dir), job.progress)
