"""A scan by a process of its own: it finds the same, and outlives what a scan in this process outlives."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
from support.asynq_data import a_message, key
from support.catalogs import Hooked, ids, once
from support.damage import plant, told
from support.scan_processes import scan_by, scanning
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.jobs.far_scan import Process, Processes
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob

Run = Callable[[Job], Job]

ORPHANS = 5_000


@pytest.fixture(autouse=True)
def _by_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    scan_by("processes", monkeypatch)
    yield
    assert not scanning()


def fill(live: Live, count: int = ORPHANS) -> set[bytes]:
    message = a_message().SerializeToString()
    with live.client.pipeline(transaction=False) as pipe:
        for number in range(count):
            pipe.hset(key("q", str(number)), mapping={"msg": message, "state": "archived"})
        pipe.execute()
    live.client.sadd("asynq:queues", "q")
    return {str(number).encode() for number in range(count)}


def scan(live: Live, catalog: Catalog, way: str, monkeypatch: pytest.MonkeyPatch) -> ScanJob:
    scan_by(way, monkeypatch)
    job = ScanJob(live.connect(), catalog, pace=Pace.FULL, messages=True, locks=True, also=None)
    job.start()
    assert job.wait(20)
    assert job.progress.complete, job.error
    return job


def test_it_finds_the_same(valkey: Live, catalog: Catalog, hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(valkey)
    far, near = scan(valkey, catalog, "processes", monkeypatch), scan(valkey, hooked, "threads", monkeypatch)
    rows = [list(one.rows(one.find(Query())).values()) for one in (catalog, hooked)]
    assert told(rows[0]) == told(rows[1]) != {}
    assert set(rows[0]) == set(rows[1])
    for name in ("keys", "members", "not_tasks", "found", "fraction", "phase", "unsure", "caution"):
        assert getattr(far.progress, name) == getattr(near.progress, name)
    assert (far.keys_by_queue, dict(far.groups)) == (near.keys_by_queue, dict(near.groups))


def test_it_goes_on_when_its_connection_was_cut(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    wanted = fill(valkey)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(lambda: valkey.client.client_kill_filter(_type="normal", skipme=True))
    run_job(job)
    assert job.wait(20)
    assert (job.error, job.progress.caution) == (None, "")
    assert (job.progress.restarts, job.progress.complete, job.progress.keys) == (0, True, ORPHANS)
    assert ids(hooked) == wanted


def test_it_begins_again_with_another_server_process(lasting: Live, hooked: Hooked, run_job: Run) -> None:
    wanted = fill(lasting)
    assert lasting.process is not None
    job = ScanJob(lasting.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(lasting.process.restart)
    run_job(job)
    assert job.wait(20)
    assert (job.progress.restarts, job.progress.complete) == (1, True)
    assert ids(hooked) == wanted
    assert job.progress.found == job.progress.keys == ORPHANS


def test_one_that_is_killed_costs_nothing(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    wanted = fill(valkey)
    hooked.hook = once(lambda: [os.kill(process, signal.SIGKILL) for process in scanning()])
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL)
    run_job(job)
    assert job.wait(20)
    assert (job.error, job.progress.complete) == (None, True)
    assert ids(hooked) == wanted
    assert job.progress.found == ORPHANS


def test_one_that_cannot_be_started_is_done_without(
    valkey: Live, catalog: Catalog, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    wanted = fill(valkey, 10)
    job = run_job(ScanJob(valkey.connect(), catalog))
    assert job.wait(20)
    assert job.state is JobState.DONE
    assert ids(catalog) == wanted


def test_what_the_server_refuses_is_said_in_the_same_words(
    valkey: Live, catalog: Catalog, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(valkey, 10)
    valkey.user("ann", "~*", "+@all", "-hmget", "-hget")
    errors = []
    for way in ("processes", "threads"):
        scan_by(way, monkeypatch)
        job = run_job(ScanJob(valkey.connect(username="ann", password="word"), catalog))
        assert job.wait(20)
        errors.append((type(job.error), str(job.error)))
    assert errors[0] == errors[1]
    assert "HMGET" in errors[0][1].upper()


def test_it_ends_with_the_program(valkey: Live, hooked: Hooked) -> None:
    fill(valkey)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.GENTLE)
    hooked.hook = once(job.pause)
    job.start()
    wait_until(lambda: job.state is JobState.PAUSED and scanning() != [])
    job.stop()
    assert job.wait(5)
    assert job.state is JobState.STOPPED


def test_on_two_cores_one_beside_screens_pays_and_one_by_itself_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, [False, False]), (2, [False, True]), (3, [True, True])):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        ways = [Process(Processes(), alone=True, beside_screens=beside) for beside in (False, True)]
        assert [way.pays(2_000_000) for way in ways] == expected
