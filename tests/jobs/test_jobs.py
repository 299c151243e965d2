"""Long work: it can be held and stopped, it survives a server that goes away, and its report adds up."""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import NOW, key, lock_key, prefix
from support.catalogs import Hooked, ids, once, seq_of
from support.changes import deletion, planned, put_back
from support.servers import Live, wait_until

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.limits import DEFAULTS, Limits, Origin
from archive_tui.asynq.outcomes import DELETE, Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query, Sort
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.plan import Plan, plan_matching, plan_rows
from archive_tui.errors import (
    CatalogError,
    DisconnectedError,
    NotAsynqError,
    NotFoundError,
    NotPermittedError,
    RefusedError,
)
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace, Stride
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.watch import Overview, WatchJob
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import queues
from archive_tui.store.write import delete

Run = Callable[[Job], Job]


class Proxy:
    """Stands between us and a server, and cuts a connection in the middle of an exchange when it is told to."""

    def __init__(self, path: Path, server: str) -> None:
        self.path = path
        self._server = server
        self._lock = threading.Lock()
        self._trigger: bytes | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def cut_after(self, trigger: bytes) -> None:
        """Let the server carry out the next request that holds these bytes, and lose its reply."""
        self._trigger = trigger

    @property
    def has_cut(self) -> bool:
        return self._trigger is None

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._thread, *self._threads):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self._server)
            while not self._ended.is_set():
                for ready in select.select([client, server], [], [], 0.05)[0]:
                    data = ready.recv(1 << 20)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)
                    if ready is client and self._takes(data):
                        server.recv(1 << 20)
                        return

    def _takes(self, data: bytes) -> bool:
        with self._lock:
            if self._trigger is None or self._trigger not in data:
                return False
            self._trigger = None
            return True


@pytest.fixture
def proxy(valkey: Live, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before the embedded Valkey."""
    assert valkey.settings.socket is not None
    made = Proxy(tmp_path / "p", valkey.settings.socket)
    yield made
    made.close()


def fill(live: Live, count: int = 1000, queue: str = "q", **options: Any) -> None:
    """Orphans, named by their numbers."""
    live.asynq.register(queue)
    live.asynq.add_many(queue, [b"%d" % number for number in range(count)], referenced=False, **options)


def numbers(count: int) -> set[bytes]:
    return {b"%d" % number for number in range(count)}


def data_left(live: Live, queue: str = "q") -> set[bytes]:
    start = prefix(queue) + b"t:"
    return {one[len(start) :] for one in live.client.scan_iter(match="asynq:*", count=10_000) if one.startswith(start)}


# Scanning


def test_a_scan_finds_everything_and_says_so(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    fill(any_server, 700)
    any_server.asynq.add_many("q", [b"fine%d" % number for number in range(300)])
    any_server.asynq.add("q", "lost", "retry", referenced=False)
    any_server.client.set(key("q", "string"), "x")
    job = ScanJob(any_server.connect(), catalog, pace=Pace.FULL, clock=lambda: NOW, stopwatch=lambda: 0.0)
    assert job.state is JobState.READY
    assert not job.progress.complete
    run_job(job)
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.complete, progress.fraction) == (JobState.DONE, True, 1.0)
    assert (progress.keys, progress.found, progress.not_tasks) == (1002, 702, 1)
    assert catalog.counts().by_kind == {Kind.ORPHAN_ARCHIVED: 700, Kind.FOREIGN: 1, Kind.LOST: 1}
    assert (progress.started_at, progress.finished_at) == (NOW, NOW)
    assert (progress.trouble, progress.restarts, progress.seconds_left) == ("", 0, None)
    assert job.keys_by_queue == {"q": 1002}
    assert ids(catalog) == numbers(700) | {b"lost", b"string"}


def test_a_scan_of_some_queues(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    for queue in ("a", "b", "c"):
        fill(valkey, 10, queue)
    job = run_job(ScanJob(valkey.connect(), catalog, ["a", "c"]))
    assert job.wait(20)
    assert catalog.counts().by_queue == {"a": 10, "c": 10}


def scan_calls(live: Live) -> int:
    return live.calls().get("scan", 0)


def test_a_scan_is_held_and_goes_on(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 5000)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(job.pause)
    run_job(job)
    wait_until(lambda: job.state is JobState.PAUSED)
    wait_until(lambda: job.progress.found > 0)
    calls, found = scan_calls(valkey), job.progress.found
    for _ in range(300):
        valkey.client.ping()
    assert scan_calls(valkey) == calls
    assert (job.progress.found, job.state) == (found, JobState.PAUSED)
    assert not job.progress.complete
    job.resume()
    assert job.wait(20)
    assert job.progress.complete
    assert ids(hooked) == numbers(5000)


def test_a_scan_that_is_stopped_keeps_what_it_has(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 5000)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(job.stop)
    run_job(job)
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.complete) == (JobState.STOPPED, False)
    assert 0 < progress.fraction < 1
    assert 0 < progress.found < 5000
    assert len(ids(hooked)) == progress.found
    assert ids(hooked) < numbers(5000)


def test_a_scan_under_way_says_how_fast_it_is_and_how_long_it_will_take(
    valkey: Live, catalog: Catalog, run_job: Run
) -> None:
    valkey.client.mset({key("q", b"%d" % number): "x" for number in range(50_000)})
    job = ScanJob(valkey.connect(), catalog, pace=Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.seconds_left is not None)
    progress = job.progress
    assert progress.state is JobState.RUNNING
    assert progress.rate > 0
    assert progress.seconds_left is not None
    remaining = 50_000 * (1 - progress.fraction)
    assert progress.seconds_left == pytest.approx(remaining / progress.rate, rel=0.3)
    job.pace = Pace.FULL
    assert job.wait(20)
    assert (job.progress.pace, job.progress.keys) == (Pace.FULL, 50_000)


def test_a_scan_that_is_held_can_be_stopped(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 3000)
    job = ScanJob(valkey.connect(), hooked)
    hooked.hook = once(job.pause)
    run_job(job)
    wait_until(lambda: job.state is JobState.PAUSED and job.progress.found)
    job.stop()
    assert job.wait(5)
    assert job.state is JobState.STOPPED
    assert ids(hooked)


def test_a_scan_says_soon_how_much_there_will_be(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 20_000)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.GENTLE)
    hooked.hook = lambda: job.pause() if job.progress.expected else None  # a batch may be less than one part of 100
    run_job(job)
    wait_until(lambda: job.state is JobState.PAUSED)
    expected = job.progress.expected
    assert expected is not None
    assert expected.findings > job.progress.found
    assert abs(expected.findings - 20_000) <= 5 * expected.error  # of 10 million scans one is further off
    (row, *_) = hooked.rows(hooked.find(Query())).values()
    assert row.stored_bytes is not None
    assert abs(expected.stored_bytes / expected.findings - row.stored_bytes) <= 5  # their ids have 1 to 5 digits
    hooked.hook = lambda: None
    job.pace = Pace.FULL
    job.resume()
    assert job.wait(20)
    assert (job.progress.found, job.progress.expected) == (20_000, None)


def test_a_scan_goes_on_when_its_connection_was_cut(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 5000)
    job = ScanJob(valkey.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(lambda: valkey.client.client_kill_filter(_type="normal", skipme=True))
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert job.progress.trouble
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.restarts, progress.trouble) == (JobState.DONE, 0, "")
    assert ids(hooked) == numbers(5000)
    assert progress.keys == 5000  # it went on where it was


def test_a_scan_begins_again_with_another_server_process(lasting: Live, hooked: Hooked, run_job: Run) -> None:
    fill(lasting, 5000)
    assert lasting.process is not None
    job = ScanJob(lasting.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(lasting.process.kill)
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert str(lasting.settings.socket) in job.progress.trouble
    assert not job.progress.complete
    lasting.process.start()
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.restarts, progress.complete) == (JobState.DONE, 1, True)
    assert ids(hooked) == numbers(5000)
    assert progress.found == progress.keys == 5000  # nothing is kept or counted twice


def test_what_another_server_does_not_hold_is_found_no_more(
    own_server: Callable[..., Live], hooked: Hooked, run_job: Run
) -> None:
    live = own_server()  # it forgets everything when it is killed
    fill(live, 20_000)
    assert live.process is not None
    process = live.process

    def replace_server() -> None:
        process.restart()
        fill(live, 10)

    job = ScanJob(live.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(replace_server)
    run_job(job)
    assert job.wait(20)
    assert job.progress.complete
    assert ids(hooked) == numbers(10)


def test_a_scan_that_begins_again_counts_nothing_twice(lasting: Live, hooked: Hooked, run_job: Run) -> None:
    fill(lasting, 3000)
    lasting.client.mset({key("q", f"string{number}"): "x" for number in range(1000)})
    assert lasting.process is not None
    job = ScanJob(lasting.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(lasting.process.restart)
    run_job(job)
    assert job.wait(20)
    assert job.progress.restarts == 1
    assert job.progress.not_tasks == 1000


def test_another_server_process_is_noticed_where_info_is_refused(
    own_server: Callable[..., Live], hooked: Hooked, run_job: Run
) -> None:
    live = own_server("--appendonly", "yes", "--rename-command", "INFO", "")
    fill(live, 5000)
    assert live.process is not None
    job = ScanJob(live.connect(), hooked, pace=Pace.FULL)
    hooked.hook = once(live.process.restart)
    run_job(job)
    assert job.wait(20)
    assert job.progress.complete
    assert ids(hooked) == numbers(5000)


def test_a_job_that_waits_for_its_server_can_be_stopped(own_server: Callable[..., Live], catalog: Catalog) -> None:
    live = own_server()
    job = ScanJob(live.connect(), catalog)
    assert live.process is not None
    live.process.kill()
    job.start()
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    began = time.monotonic()
    job.stop()
    assert job.wait(5)
    assert time.monotonic() - began < 0.4  # less than it would have waited for the server
    assert job.state is JobState.STOPPED


def test_a_scan_that_is_not_permitted_says_so(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    fill(any_server, 10)
    any_server.user("ann", "~*", "+@all", "-scan")
    job = run_job(ScanJob(any_server.connect(username="ann", password="word"), catalog))
    assert job.wait(20)
    assert job.state is JobState.FAILED
    assert isinstance(job.error, NotPermittedError)


def test_a_catalog_that_is_full_is_said_while_the_scan_goes_on(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 3000)
    (pages,) = catalog._writer.execute("PRAGMA page_count").fetchone()
    catalog._writer.execute(f"PRAGMA max_page_count = {pages}")
    job = run_job(ScanJob(valkey.connect(), catalog))
    assert job.wait(20)
    assert (job.progress.keys, job.progress.found, job.progress.complete) == (3000, 3000, True)
    assert "is the disk of TMPDIR full?: what is found from now on is only counted" in job.progress.trouble
    assert catalog.counts().unkept > 2000


def test_beyond_its_limit_a_catalog_only_counts(valkey: Live, run_job: Run) -> None:
    fill(valkey, 3000)
    catalog = Catalog(limit=1000)
    job = run_job(ScanJob(valkey.connect(), catalog))
    assert job.wait(20)
    assert (job.progress.found, job.progress.complete) == (3000, True)
    assert job.progress.trouble == "only the first 1,000 rows are kept, the rest is counted"
    counts = catalog.counts()
    assert (counts.total, counts.unkept, len(catalog.find(Query()))) == (3000, 2000, 1000)
    assert counts.by_kind == {Kind.ORPHAN_ARCHIVED: 3000}
    ((count, stored),) = catalog.sums().values()
    sizes = [row.stored_bytes or 0 for row in catalog.rows(catalog.find(Query())).values()]
    assert count == 3000
    assert stored == pytest.approx(3 * sum(sizes), rel=0.1)
    catalog.close()


def test_a_defect_ends_a_job_with_one_line(valkey: Live, hooked: Hooked, run_job: Run, caplog: Any) -> None:
    fill(valkey, 10)

    def defect() -> None:
        raise ZeroDivisionError("some\nthing \x1b[31m")

    hooked.hook = defect
    with caplog.at_level(logging.CRITICAL, logger="archive_tui"):
        job = run_job(ScanJob(valkey.connect(), hooked))
        assert job.wait(20)
    assert job.state is JobState.FAILED
    assert str(job.error) == "unexpected ZeroDivisionError: some␊thing ␛[31m"


def test_a_long_way_makes_long_steps_and_a_slow_server_short_ones() -> None:
    near, far = Stride(Pace.FULL, 0.0001), Stride(Pace.FULL, 0.02)
    assert near.keys == 1000
    assert near.keys < far.keys <= 5000
    for _ in range(20):
        far.took(0.02 + 1.0)
    assert far.keys < 100
    for _ in range(50):
        far.took(0.02 + 0.001)
    assert far.keys == Stride(Pace.FULL, 0.02).keys
    far.pace = Pace.GENTLE
    assert far.keys <= 1000


def test_paces() -> None:
    assert Pace.FULL.rest_after(0.3) == 0
    for pace, share in ((Pace.POLITE, 1 / 2), (Pace.GENTLE, 1 / 5)):
        assert 0.3 / (0.3 + pace.rest_after(0.3)) == pytest.approx(share)
    assert [Pace.FULL.next, Pace.POLITE.next, Pace.GENTLE.next] == [Pace.POLITE, Pace.GENTLE, Pace.FULL]


# Listing


def test_an_archive_is_listed_newest_first(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    any_server.asynq.register("q")
    for number in range(30):
        any_server.asynq.add("q", f"{number}", score=NOW + number)
    any_server.asynq.refer("q", "ghost", "archived", score=NOW + 10.5)
    job = run_job(ListJob(any_server.connect(), catalog, "q"))
    assert job.wait(20)
    assert (job.progress.state, job.progress.listed, job.progress.complete) == (JobState.DONE, 31, True)
    by_seq = catalog.rows(catalog.find(Query()))
    expected = sorted([b"%d" % number for number in range(30)], key=int, reverse=True)
    expected.insert(19, b"ghost")
    assert [row.id for row in by_seq.values()] == expected
    assert [row.id for row in by_seq.values() if not row.readable] == [b"ghost"]


def test_a_second_listing_keeps_numbers_and_forgets_what_has_gone(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    valkey.asynq.add_many("q", numbers(2500))
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)
    seqs = {row.id: seq for seq, row in catalog.rows(catalog.find(Query())).items()}
    assert set(seqs) == numbers(2500)
    valkey.asynq.run("q", "7")
    valkey.asynq.add("q", "new", error_msg="new")
    valkey.asynq.add("q", "8", error_msg="changed", score=NOW + 5)
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)
    assert ids(catalog) == (numbers(2500) | {b"new"}) - {b"7"}
    assert seq_of(catalog, "q", b"8") == seqs[b"8"]
    assert catalog.rows([seqs[b"8"]])[seqs[b"8"]].error == "changed"


def test_an_empty_archive(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    job = run_job(ListJob(any_server.connect(), catalog, "q"))
    assert job.wait(20)
    assert (job.progress.listed, job.progress.complete) == (0, True)


def test_a_listing_survives_a_server_that_goes_away(lasting: Live, hooked: Hooked, run_job: Run) -> None:
    lasting.asynq.add_many("q", numbers(4000))
    assert lasting.process is not None
    hooked.hook = once(lasting.process.kill)
    job = run_job(ListJob(lasting.connect(), hooked, "q"))
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert not job.progress.complete
    lasting.process.start()
    assert job.wait(20)
    assert ids(hooked) == numbers(4000)
    assert (job.progress.listed, job.progress.complete) == (4000, True)


def test_a_listing_that_is_stopped_forgets_nothing(valkey: Live, hooked: Hooked, run_job: Run) -> None:
    valkey.asynq.add_many("q", numbers(3000))
    assert run_job(ListJob(valkey.connect(), hooked, "q")).wait(20)
    job = ListJob(valkey.connect(), hooked, "q")
    hooked.hook = once(job.stop)
    run_job(job)
    assert job.wait(20)
    assert (job.state, job.progress.complete) == (JobState.STOPPED, False)
    assert ids(hooked) == numbers(3000)


@pytest.mark.parametrize("score", [float("inf"), 1e30])
def test_an_absurd_score_breaks_no_listing(valkey: Live, catalog: Catalog, run_job: Run, score: float) -> None:
    valkey.asynq.add("q", "one", score=score)
    job = run_job(ListJob(valkey.connect(), catalog, "q"))
    assert job.wait(20)
    assert job.error is None
    assert ids(catalog) == {b"one"}


# Planning


def scanned(live: Live, catalog: Catalog, run_job: Run) -> None:
    assert run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL)).wait(20)


def test_a_plan_adds_up(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 5)
    valkey.asynq.add("q", "locked", referenced=False, unique=lock_key("q"), type="other")
    scanned(valkey, catalog, run_job)
    plan = plan_matching(catalog, Query())
    assert (plan.count, plan.hidden, plan.totals.locked, plan.totals.fixed_ids) == (6, 0, 1, 6)
    assert plan.totals.by_type == {"email:send": 5, "other": 1}
    assert plan.totals.stored_bytes > 6 * 100
    assert plan_matching(catalog, Query("type:other")).count == 1
    assert plan_matching(catalog, Query(text="nothing")).count == 0


def test_marked_rows_are_planned_the_shown_ones_first(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 10)
    valkey.asynq.add("q", "other", referenced=False, type="other")
    scanned(valkey, catalog, run_job)
    marks = Marks()
    marks.add([seq for task_id in (b"1", b"2", b"other") if (seq := seq_of(catalog, "q", task_id)) is not None])
    shown = catalog.find(Query("type:email:send", sort=Sort.ID, descending=True))
    plan = plan_rows(catalog, marks, shown)
    assert (plan.count, plan.hidden) == (3, 1)
    assert [row.id for batch in plan.selection.batches() for _, row in batch] == [b"2", b"1", b"other"]
    assert plan.totals.first_ids == (b"2", b"1", b"other")


# Deleting


def adds_up(progress: ChangeProgress) -> bool:
    told = progress.made + progress.needless + progress.changed + progress.unknown + progress.untouched
    return progress.planned == told


def deleting(live: Live, plan: Plan, record: Callable[[Pipe, Sequence[TaskRow]], None] | None = None) -> ChangeJob:
    return deletion(live.connect(), plan, Pace.FULL, record)


def nth(count: int, action: Callable[[], object]) -> Callable[[Pipe, Sequence[TaskRow]], None]:
    """A journal that does something before its `count`th batch (from 1), once."""
    calls = [0]

    def record(pipe: Pipe, rows: Sequence[TaskRow]) -> None:
        calls[0] += 1
        if calls[0] == count:
            action()

    return record


def test_everything_planned_is_deleted(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    fill(any_server, 900)
    any_server.asynq.add_many("q", [b"fine%d" % number for number in range(50)])
    any_server.asynq.add("q", "locked", referenced=False, unique=lock_key("q"))
    scanned(any_server, catalog, run_job)
    job = run_job(deleting(any_server, plan_matching(catalog, Query())))
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.planned, progress.made, progress.unlocked) == (JobState.DONE, 901, 901, 1)
    assert (progress.needless, progress.changed, progress.untouched, progress.unconfirmed) == (0, 0, 0, 0)
    assert adds_up(progress)
    assert not progress.in_part
    assert data_left(any_server) == {b"fine%d" % number for number in range(50)}
    assert not any_server.client.exists(lock_key("q"))
    assert ids(catalog) == set()
    assert catalog.counts().total == 0


def test_what_changed_is_reported_with_its_reason(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    fill(any_server, 300)
    scanned(any_server, catalog, run_job)
    plan = plan_matching(catalog, Query())
    any_server.client.delete(key("q", "1"))
    any_server.asynq.refer("q", "2", "archived")
    any_server.client.hset(key("q", "3"), "state", "pending")
    any_server.client.hset(key("q", "4"), "msg", "x")
    any_server.client.set(key("q", "5"), "x")
    job = run_job(deleting(any_server, plan))
    assert job.wait(20)
    progress = job.progress
    assert (progress.made, progress.needless, progress.changed, progress.untouched) == (295, 1, 4, 0)
    assert adds_up(progress)
    assert progress.in_part
    assert {one.id: one.outcome for one in progress.examples} == {
        b"2": Outcome.NOW_REFERENCED, b"3": Outcome.STATE_CHANGED, b"4": Outcome.MESSAGE_CHANGED,
        b"5": Outcome.NOT_A_TASK,
    }  # fmt: skip
    assert data_left(any_server) == ids(catalog) == {b"2", b"3", b"4", b"5"}


def test_a_plan_is_frozen(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 300)
    scanned(valkey, catalog, run_job)
    plan = plan_matching(catalog, Query(sort=Sort.ID))
    valkey.asynq.add_many("q", [b"later%d" % number for number in range(50)], referenced=False)
    scanned(valkey, catalog, run_job)
    assert catalog.counts().total == 350
    job = run_job(deleting(valkey, plan))
    assert job.wait(20)
    assert job.progress.made == job.progress.planned == 300
    assert data_left(valkey) == ids(catalog) == {b"later%d" % number for number in range(50)}


def test_a_stop_leaves_a_clean_prefix_done(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 1500)
    scanned(valkey, catalog, run_job)
    plan = plan_matching(catalog, Query(sort=Sort.ID, descending=True))
    order = [row.id for batch in plan.selection.batches() for _, row in batch]

    def stop() -> None:
        job.stop()

    job = deleting(valkey, plan, nth(3, stop))
    run_job(job)
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.planned) == (JobState.STOPPED, 1500)
    assert 0 < progress.made < 1500
    assert progress.untouched == 1500 - progress.made
    assert adds_up(progress)
    assert progress.in_part
    assert data_left(valkey) == ids(catalog) == set(order[progress.made :])
    again = run_job(deleting(valkey, plan))  # the same plan can be resumed
    assert again.wait(20)
    assert again.progress.made == 1500 - progress.made
    assert data_left(valkey) == set()


def test_a_deletion_is_held_and_goes_on(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 1500)
    scanned(valkey, catalog, run_job)

    def pause() -> None:
        job.pause()

    job = deleting(valkey, plan_matching(catalog, Query()), nth(2, pause))
    run_job(job)
    wait_until(lambda: job.state is JobState.PAUSED and job.progress.done == 400)
    assert len(data_left(valkey)) == 1100
    assert job.progress.done == 400
    job.resume()
    assert job.wait(20)
    assert (job.progress.made, data_left(valkey)) == (1500, set())


def test_a_deletion_survives_a_server_that_is_killed(lasting: Live, catalog: Catalog, run_job: Run) -> None:
    fill(lasting, 1500)
    lasting.asynq.add_many("q", [b"fine%d" % number for number in range(50)])
    scanned(lasting, catalog, run_job)
    assert lasting.process is not None
    job = deleting(lasting, plan_matching(catalog, Query()), nth(3, lasting.process.kill))
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    progress = job.progress
    assert progress.trouble
    assert (progress.done, progress.untouched) == (400, 1100)
    lasting.process.start()
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.trouble, progress.error) == (JobState.DONE, "", "")
    assert progress.made + progress.unconfirmed == 1500
    assert adds_up(progress)
    assert data_left(lasting) == {b"fine%d" % number for number in range(50)}
    assert ids(catalog) == set()


def test_a_batch_whose_reply_was_lost_is_not_claimed(
    valkey: Live, proxy: Proxy, catalog: Catalog, run_job: Run
) -> None:
    fill(valkey, 1000)
    scanned(valkey, catalog, run_job)
    plan = plan_matching(catalog, Query())
    valkey.client.delete(key("q", next(row.id for batch in plan.selection.batches() for _, row in batch)))
    server = valkey.connect(socket=str(proxy.path))
    job = deletion(server, plan, Pace.FULL, nth(3, lambda: proxy.cut_after(b"EVALSHA")))
    run_job(job)
    assert job.wait(20)
    assert proxy.has_cut
    progress = job.progress
    assert progress.state is JobState.DONE
    assert progress.unconfirmed == 200
    assert (progress.made, progress.needless, progress.changed, progress.untouched) == (799, 201, 0, 0)
    assert adds_up(progress)
    assert data_left(valkey) == set()


def test_a_batch_whose_reply_never_came_is_told_as_unknown(
    valkey: Live, proxy: Proxy, catalog: Catalog, run_job: Run
) -> None:
    fill(valkey, 1000)
    scanned(valkey, catalog, run_job)

    def lose() -> None:
        proxy.cut_after(b"EVALSHA")

    server = valkey.connect(socket=str(proxy.path))
    job = deletion(server, plan_matching(catalog, Query()), Pace.FULL, nth(3, lose))
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    job.stop()
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.made, progress.unknown, progress.untouched) == (JobState.STOPPED, 400, 200, 400)
    assert adds_up(progress)
    assert progress.in_part
    assert len(data_left(valkey)) in (400, 600)  # what is unknown is unknown


def test_leftovers_whose_queue_awakes_are_kept(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    any_server.asynq.add_many("left", numbers(300), "completed")
    any_server.asynq.add("left", "orphan", "archived", referenced=False)
    scanned(any_server, catalog, run_job)
    plan = plan_matching(catalog, Query())
    any_server.asynq.register("left")
    job = run_job(deleting(any_server, plan))
    assert job.wait(20)
    assert (job.progress.made, job.progress.changed) == (1, 300)
    assert adds_up(job.progress)
    assert {one.outcome for one in job.progress.examples} == {Outcome.QUEUE_AWAKE}
    assert data_left(any_server, "left") == numbers(300)


def test_leftovers_that_were_deleted_before_their_queue_awoke_can_be_restored(
    any_server: Live, catalog: Catalog, run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost, and before the batch is sent again somebody registers the queue."""
    any_server.asynq.add_many("left", numbers(3), "completed")
    before = data_left(any_server, "left")
    scanned(any_server, catalog, run_job)

    def lost(pipe: Pipe, count: int) -> list[int] | Exception:
        answer(pipe, count)
        any_server.asynq.register("left")
        raise DisconnectedError("lost")

    answer = delete.answer
    monkeypatch.setattr(delete, "answer", lost)
    job = deletion(any_server.connect(), plan_matching(catalog, Query()), Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(20)
    assert (job.state, data_left(any_server, "left")) == (JobState.DONE, set())
    assert (job.progress.changed, job.progress.unconfirmed) == (3, 3)
    assert put_back(any_server, run_job, planned(any_server, job.progress)).made == 3
    assert data_left(any_server, "left") == before


def test_a_scan_whose_reply_was_lost_misses_nothing(valkey: Live, proxy: Proxy, hooked: Hooked, run_job: Run) -> None:
    fill(valkey, 20_000)
    hooked.hook = once(lambda: proxy.cut_after(b"SCAN"))
    job = run_job(ScanJob(valkey.connect(socket=str(proxy.path)), hooked, pace=Pace.FULL))
    assert job.wait(20)
    assert proxy.has_cut
    assert ids(hooked) == numbers(20_000)
    assert job.progress.keys == 20_000


def test_each_batch_is_written_down_before_it_is_deleted(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 2000)
    fill(valkey, 300, "q2", payload=b"x" * 20_000)
    valkey.asynq.add_many("left", numbers(30), "completed")
    valkey.asynq.add_many("left", [b"orphan%d" % number for number in range(30)], "archived", referenced=False)
    scanned(valkey, catalog, run_job)
    batches: list[Sequence[TaskRow]] = []

    def record(pipe: Pipe, rows: Sequence[TaskRow]) -> None:
        assert pipe.one(b"EXISTS", *[key(row.queue, row.id) for row in rows]) == len(rows)
        batches.append(rows)

    job = run_job(deleting(valkey, plan_matching(catalog, Query()), record))
    assert job.wait(20)
    assert job.error is None
    assert job.progress.made == 2360
    assert sum(len(batch) for batch in batches) == 2360
    for batch in batches:
        assert len({(row.queue, row.kind is Kind.ORPHAN_COMPLETED) for row in batch}) == 1
        assert len(batch) <= 1500  # larger as soon as the server proves fast, but never a whole queue
        assert sum(row.stored_bytes or 0 for row in batch) <= 1024 * 1024
    assert valkey.client.keys("asynq:*") == [b"asynq:queues"]


def test_nothing_is_deleted_that_could_not_be_written_down(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 1000)
    scanned(valkey, catalog, run_job)

    def full() -> None:
        raise RefusedError("the journal's disk is full")

    job = run_job(deleting(valkey, plan_matching(catalog, Query()), nth(3, full)))
    assert job.wait(20)
    progress = job.progress
    assert (progress.state, progress.error) == (JobState.FAILED, "the journal's disk is full")
    assert (progress.made, progress.untouched) == (400, 600)
    assert adds_up(progress)
    assert len(data_left(valkey)) == len(ids(catalog)) == 600


def test_a_permission_that_is_taken_away_ends_a_deletion(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    fill(any_server, 1000)
    scanned(any_server, catalog, run_job)
    any_server.user("ann", "~*", "+@all")

    def take_away() -> None:
        any_server.client.execute_command("ACL", "SETUSER", "ann", "-evalsha")

    server = any_server.connect(username="ann", password="word")
    job = run_job(deletion(server, plan_matching(catalog, Query()), Pace.FULL, nth(3, take_away)))
    assert job.wait(20)
    progress = job.progress
    assert isinstance(job.error, NotPermittedError)
    assert (progress.state, progress.made, progress.untouched) == (JobState.FAILED, 400, 600)
    assert adds_up(progress)
    assert len(data_left(any_server)) == 600


def test_listed_tasks_and_leftovers_leave_their_indexes(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    any_server.asynq.add_many("q", numbers(300))
    any_server.asynq.register("q")
    assert run_job(ListJob(any_server.connect(), catalog, "q")).wait(20)
    any_server.asynq.add_many("left", numbers(300), "completed")
    scanned(any_server, catalog, run_job)
    job = run_job(deleting(any_server, plan_matching(catalog, Query())))
    assert job.wait(20)
    assert job.progress.made == 600
    assert any_server.client.keys("asynq:*") == [b"asynq:queues"]


def test_rows_that_are_forgotten_after_planning_are_untouched(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 300)
    scanned(valkey, catalog, run_job)
    plan = plan_matching(catalog, Query())
    catalog.remove(list(plan.selection.seqs)[:100])
    job = run_job(deleting(valkey, plan))
    assert job.wait(20)
    assert (job.progress.made, job.progress.untouched) == (200, 100)
    assert len(data_left(valkey)) == 100


def test_the_report_adds_up_where_the_catalog_cannot_be_written(valkey: Live, run_job: Run) -> None:
    class Full(Catalog):
        def remove(self, seqs: Any) -> None:
            raise CatalogError("the disk is full")

    catalog = Full()
    fill(valkey, 500)
    scanned(valkey, catalog, run_job)
    job = run_job(deleting(valkey, plan_matching(catalog, Query())))
    assert job.wait(20)
    catalog.close()
    assert adds_up(job.progress)
    assert job.progress.made == 500 - len(data_left(valkey))


def test_a_read_only_session_deletes_nothing(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    fill(valkey, 10)
    scanned(valkey, catalog, run_job)
    with pytest.raises(RefusedError, match="read-only session") as caught:
        deletion(valkey.connect(read_only=True), plan_matching(catalog, Query()))
    assert caught.value.exit_code == 5
    assert len(data_left(valkey)) == 10


# Watching


def watching(live: Live, run_job: Run, **options: Any) -> WatchJob:
    job = WatchJob(live.connect(), options.pop("interval", 0.02), lambda: NOW, **options)
    run_job(job)
    return job


def names(job: WatchJob) -> list[str]:
    return [one.name for one in job.overview.queues]


def test_the_overview_follows_what_happens(any_server: Live, run_job: Run) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("left", "one", "completed")
    job = watching(any_server, run_job)
    wait_until(lambda: not job.overview.searching and names(job) == ["left", "q"])
    assert [one.registered for one in job.overview.queues] == [False, True]
    overview = job.overview
    assert (overview.read_at, overview.memory_refused) == (NOW, False)
    assert overview.info is not None
    assert overview.info.product == any_server.name
    assert overview.latency is not None
    assert overview.latency > 0
    any_server.asynq.add("q", "one")
    wait_until(lambda: {one.name: one for one in job.overview.queues}["q"].counts[State.ARCHIVED] == 1)
    any_server.asynq.register("new")
    wait_until(lambda: names(job) == ["left", "new", "q"])
    any_server.client.srem("asynq:queues", "new")
    wait_until(lambda: names(job) == ["left", "q"])


def test_leftover_queues_are_looked_for_again_when_asked(valkey: Live, run_job: Run) -> None:
    valkey.asynq.register("q")
    job = watching(valkey, run_job)
    wait_until(lambda: not job.overview.searching)
    valkey.asynq.add("left", "one", "completed")
    wait_until(lambda: job.refresh(leftovers=True) or names(job) == ["left", "q"])
    valkey.client.delete(key("left", "one"), prefix("left") + b"completed")
    wait_until(lambda: job.refresh(leftovers=True) or names(job) == ["q"])


def test_the_cap_of_an_archive_shows_in_what_is_trimmed(any_server: Live, run_job: Run) -> None:
    asynq, client, index = any_server.asynq, any_server.client, "asynq:{q}:archived"
    asynq.register("q")
    for number in range(20):
        asynq.add("q", f"{number}", score=NOW - 1000 + number)
    job = watching(any_server, run_job)
    wait_until(lambda: "q" in job.overview.limits)
    assert job.overview.limits["q"] == DEFAULTS
    for number in range(20, 24):
        with client.pipeline() as pipe:  # as Asynq trims
            pipe.zadd(index, {f"{number}": NOW - 1000 + number})
            pipe.zremrangebyrank(index, 0, -21)
            pipe.execute()
        oldest = NOW - 1000 + number - 19
        wait_until(lambda oldest=oldest: job.overview.queues[0].oldest_archived_at == oldest)
    wait_until(lambda: job.overview.limits["q"] == Limits(20, 90, Origin.SEEN))


def test_no_overview_says_that_the_search_is_over_without_what_it_found(valkey: Live, run_job: Run) -> None:
    published: list[Overview] = []

    class Noting(WatchJob):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "overview":
                published.append(value)
            super().__setattr__(name, value)

    valkey.asynq.register("q")
    valkey.asynq.add("left", "one", "completed")
    job = Noting(valkey.connect(), 0.02)
    run_job(job)
    wait_until(lambda: names(job) == ["left", "q"])
    assert all({one.name for one in seen.queues} == {"left", "q"} for seen in published if not seen.searching)


def test_leftover_queues_that_are_asked_for_during_a_search_are_looked_for_after_it(
    valkey: Live, run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("q")
    job = WatchJob(valkey.connect(), 0.02)
    discover = queues.discover

    def ask() -> None:
        valkey.asynq.add("left", "one", "completed")
        job.refresh(leftovers=True)

    ask_once = once(ask)

    def asked_meanwhile(pipe: Pipe, *what: Any) -> Iterator[str | None]:
        yield from discover(pipe, *what)
        ask_once()

    monkeypatch.setattr(queues, "discover", asked_meanwhile)
    run_job(job)
    wait_until(lambda: names(job) == ["left", "q"], 2)


def test_a_refresh_does_not_wait_for_its_turn(valkey: Live, run_job: Run) -> None:
    valkey.asynq.register("q")
    job = watching(valkey, run_job, interval=600)
    wait_until(lambda: not job.overview.searching)
    valkey.asynq.register("new")
    job.refresh()
    wait_until(lambda: names(job) == ["new", "q"])
    began = time.monotonic()
    job.stop()
    assert job.wait(5)
    assert time.monotonic() - began < 1


def test_memory_that_is_refused_is_said(any_server: Live, run_job: Run) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one")
    any_server.user("ann", "~*", "+@all", "-memory")
    job = WatchJob(any_server.connect(username="ann", password="word"), 0.02)
    run_job(job)
    wait_until(lambda: job.overview.memory_refused)
    assert job.overview.queues[0].memory is None


def test_the_watch_survives_a_restart_and_reports_the_trouble(lasting: Live, run_job: Run) -> None:
    lasting.asynq.register("q")
    job = watching(lasting, run_job)
    wait_until(lambda: not job.overview.searching)
    before = job.overview
    assert lasting.process is not None
    lasting.process.kill()
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert str(lasting.settings.socket) in job.trouble
    assert job.overview.queues == before.queues  # what was last seen stays
    lasting.process.start()
    lasting.asynq.register("new")
    wait_until(lambda: job.state is JobState.RUNNING)
    assert job.trouble == ""
    wait_until(lambda: names(job) == ["new", "q"])
    assert job.overview.info is not None
    assert before.info is not None
    assert job.overview.info.run_id != before.info.run_id


def test_a_search_for_leftovers_that_was_cut_off_is_taken_up_again(valkey: Live, proxy: Proxy, run_job: Run) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("left", "one", "completed")
    proxy.cut_after(b"SCAN")
    job = WatchJob(valkey.connect(socket=str(proxy.path)), 0.02)
    run_job(job)
    wait_until(lambda: proxy.has_cut)
    wait_until(lambda: job.state is JobState.RUNNING)
    wait_until(lambda: not job.overview.searching and names(job) == ["left", "q"], 2)


def test_a_watch_that_is_not_permitted_says_why_and_heals(any_server: Live, run_job: Run) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all", "-smembers")
    job = WatchJob(any_server.connect(username="ann", password="word"), 0.02)
    run_job(job)
    wait_until(lambda: "smembers" in job.trouble)
    any_server.client.execute_command("ACL", "SETUSER", "ann", "+smembers")
    wait_until(lambda: job.state is JobState.RUNNING)
    assert job.trouble == ""
    assert names(job) == ["q"]


# Sessions


def test_a_replica_is_read_only(own_server: Callable[..., Live], free_port: int) -> None:
    live = own_server()
    live.asynq.register("q")
    live.client.execute_command("REPLICAOF", "127.0.0.1", free_port)
    session = Session(live.settings)
    session.open()
    assert session.read_only
    assert "replica" in session.why_read_only
    session.close()
    for read_only in (True, False):
        assert Session(replace(live.settings, read_only=read_only)).read_only is read_only


@pytest.fixture
def session(valkey: Live) -> Iterator[Session]:
    """A session with the embedded Valkey."""
    made = Session(valkey.settings, clock=lambda: NOW, interval=0.02)
    yield made
    made.close()


def test_a_session_opens_on_asynq_only(valkey: Live, session: Session) -> None:
    with pytest.raises(NotAsynqError):
        session.open()
    valkey.asynq.register("q")
    session.open()
    assert session.info.product == "valkey"


def test_a_session_keeps_account_of_its_jobs(valkey: Live, session: Session, hooked: Hooked) -> None:
    fill(valkey, 3000)
    scan = ScanJob(session.server, hooked)
    hooked.hook = once(scan.pause)
    session.run(session.watch)
    session.run(scan)
    wait_until(lambda: scan.state is JobState.PAUSED)
    assert list(session.running) == [scan]
    assert session.changing(DELETE) is None
    scan.resume()
    assert scan.wait(20)
    assert list(session.running) == []
    session.note_scan(scan)
    assert (session.scans["q"].findings, session.scans["q"].complete) == (3000, True)
    job = session.start(plan_matching(hooked, Query()), Pace.GENTLE)
    job.pause()
    assert session.changing(DELETE) is job
    assert session.writing
    session.close()
    assert job.state is JobState.STOPPED
    assert session.watch.state is JobState.STOPPED
    assert session.changing(DELETE) is None
    assert len(data_left(valkey)) == 3000


def test_a_scan_of_one_queue_says_nothing_of_others(valkey: Live, session: Session, catalog: Catalog) -> None:
    for queue in ("a", "b"):
        fill(valkey, 10, queue)
    scan = session.run(ScanJob(session.server, catalog, ["a"]))
    assert scan.wait(20)
    session.note_scan(scan)
    assert set(session.scans) == {"a"}


def test_a_scan_tells_the_queues_of_groups_that_asynq_does_not_name(
    valkey: Live, session: Session, catalog: Catalog
) -> None:
    valkey.asynq.register("q")
    session.run(session.watch)
    wait_until(lambda: not session.watch.overview.searching)
    valkey.asynq.add("q", "x", "aggregating", group="mail")
    valkey.client.srem("asynq:{q}:groups", "mail")
    scan = session.run(ScanJob(session.server, catalog))
    assert scan.wait(20)
    assert catalog.counts().by_kind == {Kind.LOST: 1}
    session.note_scan(scan)
    wait_until(lambda: session.watch.overview.queues[0].counts.get(State.AGGREGATING) == 1)


def test_a_session_reads_tasks(valkey: Live, session: Session) -> None:
    valkey.asynq.add("q", "one", payload=b"abc")
    assert session.read_task("q", b"one").payload == b"abc"
    with pytest.raises(NotFoundError):
        session.read_task("q", b"two")


def test_a_session_without_a_server_closes_at_once(tmp_path: Path) -> None:
    session = Session(replace(Settings(), socket=str(tmp_path / "none")), interval=0.02)
    session.run(session.watch)
    wait_until(lambda: session.watch.state is JobState.DISCONNECTED)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 2
    assert session.watch.state is JobState.STOPPED
