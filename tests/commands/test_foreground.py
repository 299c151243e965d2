"""Waiting for a job without screens: signals, and a server that goes away and stays away."""

import os
import signal
from collections.abc import Callable

import pytest
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.commands import foreground
from archive_tui.errors import DisconnectedError
from archive_tui.jobs import job as jobs
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob


@pytest.fixture
def scan(own_server: Callable[..., Live], catalog: Catalog) -> tuple[Live, ScanJob]:
    """A scan that holds in the middle, and its server."""
    live = own_server()
    live.asynq.register("q")
    live.asynq.add_many("q", [b"%d" % number for number in range(3_000)], referenced=False)
    job = ScanJob(live.connect(), catalog, ["q"], Pace.GENTLE)
    job.pause()
    return live, job


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_job_starts_stops_it_and_leaves_its_report(
    scan: tuple[Live, ScanJob], number: signal.Signals
) -> None:
    """The job's thread can be far ahead of the one that started it."""
    job = scan[1]

    def start() -> ScanJob:
        job.start()
        os.kill(os.getpid(), number)
        return job

    assert foreground.attend(start, None) == (job, True)
    assert job.state is JobState.STOPPED
    assert not job.progress.complete


def test_a_server_that_stays_away_is_given_up(
    scan: tuple[Live, ScanJob], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live, job = scan
    monkeypatch.setattr(foreground, "_PATIENCE", 0.5)
    monkeypatch.setattr(jobs, "_LONGEST_WAIT", 0.1)
    job.start()
    assert live.process is not None
    live.process.kill()
    job.resume()
    assert foreground.attend(lambda: job, None) == (job, False)
    assert job.state is JobState.FAILED
    assert isinstance(job.error, DisconnectedError)
    assert job.error.exit_code == 3
    assert "did not come back" in str(job.error)
    said = capsys.readouterr().err
    assert said.count("waiting for it") == 1


def test_a_server_that_comes_back_is_not(scan: tuple[Live, ScanJob], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each absence is counted anew, however many there are."""
    live, job = scan
    monkeypatch.setattr(jobs, "_LONGEST_WAIT", 0.1)
    job.patience = 20.0
    job.start()
    assert live.process is not None
    for _ in range(2):
        live.process.kill()
        job.resume()
        wait_until(lambda: bool(job.trouble))
        job.pause()
        live.process.start()
        wait_until(lambda: not job.trouble)
    job.resume()
    assert job.wait(60)
    assert job.state is JobState.DONE
