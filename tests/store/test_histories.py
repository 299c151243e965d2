"""Histories of schedulers: the stale ones found among those of the living, deleted, and brought back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError
from support.asynq_data import everything, history_key
from support.changes import deleting_histories, restoring_job
from support.schedulers import ALIVE, DEAD, HOUR, OTHER, beat, enqueue, vanish
from support.servers import Live, wait_until
from support.servers import free_port as unused_port

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.schedulers import MOST_EVENTS
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.history_plan import plan_histories
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.restore_plan import AS_HISTORY, plan_restore
from archive_tui.jobs.histories import HistoryJob
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.read.schedulers import look, settled
from archive_tui.store.write import histories as store
from archive_tui.store.write.restore import Target


def ended(job: Job) -> None:
    job.start()
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error


def scan(live: Live, catalog: Catalog, queues: list[str] | None = None) -> ScanJob:
    job = ScanJob(live.connect(), catalog, queues, pace=Pace.FULL)
    ended(job)
    return job


def rows(catalog: Catalog) -> list[TaskRow]:
    return list(catalog.rows(catalog.find(Query())).values())


@pytest.fixture
def scheduled(any_server: Live) -> Live:
    """The history of a scheduler that is gone, beside that of one that lives, and a queue in which nothing is wrong."""
    any_server.asynq.register("q")
    any_server.asynq.add("q", "fine", "pending")
    enqueue(any_server.client, DEAD, 3 * HOUR, 2.5 * HOUR, 2 * HOUR)
    enqueue(any_server.client, ALIVE, 3 * HOUR, 2 * HOUR)
    beat(any_server.client, [ALIVE])
    return any_server


def test_a_history_whose_entry_no_living_scheduler_lists_is_stale(scheduled: Live, catalog: Catalog) -> None:
    job = scan(scheduled, catalog)
    (row,) = rows(catalog)
    assert (row.queue, row.id, row.kind, row.state) == (INSTALLATION, DEAD.encode(), Kind.STALE_HISTORY, None)
    assert row.error.startswith("3 events from 20")
    assert row.scored_at == int(scheduled.client.zrange(history_key(DEAD), -1, -1, withscores=True)[0][1])
    taken = scheduled.client.memory_usage(history_key(DEAD))
    assert row.stored_bytes is not None
    assert taken / 2 < row.stored_bytes < 2 * taken
    assert job.progress.unsure == 0


def test_the_job_for_histories_alone_finds_the_same(scheduled: Live, catalog: Catalog) -> None:
    job = HistoryJob(scheduled.connect(), catalog, Pace.FULL)
    ended(job)
    assert [row.id for row in rows(catalog)] == [DEAD.encode()]
    assert (job.unsure, job.why_unsure) == (0, "")


def test_a_scan_of_a_queue_does_not_look_for_them(scheduled: Live, catalog: Catalog) -> None:
    scan(scheduled, catalog, ["q"])
    assert rows(catalog) == []


def test_thousands_are_met_on_the_scans_own_walk(any_server: Live, catalog: Catalog) -> None:
    with any_server.client.pipeline(transaction=False) as pipe:
        for number in range(3_000):
            pipe.zadd(history_key(f"{number:08x}-1111-4222-8333-444444444444"), {b"event": 1})
            pipe.hset(f"asynq:{{a}}:t:b}}:t:{number}", "msg", "x")  # a name, or an id, with a tag of its own
        pipe.execute()
    before = any_server.calls()
    scan(any_server, catalog)
    assert catalog.counts().by_kind[Kind.STALE_HISTORY] == 3_000
    visits = any_server.calls()["scan"] - before.get("scan", 0)
    catalog.clear()
    before = any_server.calls()
    scan(any_server, catalog, ["a"])
    assert visits <= any_server.calls()["scan"] - before["scan"] + 40, "no walk of its own"


# Who lives


def test_a_scheduler_before_its_first_heartbeat_is_not_taken_for_dead(any_server: Live, catalog: Catalog) -> None:
    any_server.asynq.register("q")
    enqueue(any_server.client, DEAD, 3 * HOUR, 9)
    assert scan(any_server, catalog).progress.unsure == 0
    assert rows(catalog) == []


@pytest.mark.parametrize("ago", [1, 0.9 * HOUR])
def test_while_a_scheduler_may_live_nothing_is_judged(any_server: Live, catalog: Catalog, ago: float) -> None:
    """It may be held, or its network be away: nobody knows which entries it has."""
    any_server.asynq.register("q")
    enqueue(any_server.client, DEAD, 3 * HOUR)
    vanish(any_server.client, ago)
    progress = scan(any_server, catalog).progress
    assert rows(catalog) == []
    assert progress.unsure == 1
    assert progress.why_unsure.startswith("a scheduler was last heard of at 20")
    assert progress.complete


def test_one_that_was_killed_long_ago_counts_as_dead(any_server: Live, catalog: Catalog) -> None:
    any_server.asynq.register("q")
    enqueue(any_server.client, DEAD, 3 * HOUR)
    vanish(any_server.client, 1.1 * HOUR)
    scan(any_server, catalog)
    assert [row.id for row in rows(catalog)] == [DEAD.encode()]


def test_a_list_that_is_written_again_a_moment_later_is_waited_for(any_server: Live) -> None:
    """Before 0.25 a list lives no longer than until the next heartbeat."""
    client = any_server.client
    vanish(client, 0, "host:1:one")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        beat(client, [ALIVE])

    with any_server.pipe() as pipe:
        assert look(pipe).between_heartbeats
        seen = settled(pipe, wait)
    assert len(waits) == 1
    assert seen.lists(ALIVE.encode())
    assert not seen.why_unsure


def test_a_scheduler_without_entries_writes_no_list_and_hides_nothing(any_server: Live, catalog: Catalog) -> None:
    any_server.asynq.register("q")
    beat(any_server.client, [])
    enqueue(any_server.client, DEAD, 3 * HOUR)
    progress = scan(any_server, catalog).progress
    assert (progress.unsure, progress.why_unsure) == (0, "")
    assert delete(any_server, catalog).progress.outcomes == {Outcome.DONE: 1}


def test_an_entry_that_was_listed_when_the_scan_began_is_alive(any_server: Live) -> None:
    with any_server.pipe() as pipe:
        beat(any_server.client, [ALIVE])
        before = look(pipe)
        any_server.client.delete("asynq:schedulers", "asynq:schedulers:{host:1:one}")
        assert settled(pipe, lambda _: None, before).lists(ALIVE.encode())


def test_what_is_no_history_is_none(any_server: Live, catalog: Catalog) -> None:
    any_server.asynq.register("q")
    any_server.client.set(history_key(DEAD), "text")
    any_server.client.set("asynq:schedulers", "text")
    enqueue(any_server.client, OTHER, 3 * HOUR)
    progress = scan(any_server, catalog).progress
    assert rows(catalog) == []
    assert progress.why_unsure == "asynq:schedulers is not of the type that Asynq writes"
    any_server.client.delete("asynq:schedulers")
    catalog.clear()
    scan(any_server, catalog)
    assert [row.id for row in rows(catalog)] == [OTHER.encode()]


# Deleting


def delete(
    live: Live, catalog: Catalog, folder: Path | None = None, *, before: Callable[[], object] | None = None
) -> ChangeJob:
    plan = plan_histories(live.connect(), plan_matching(catalog, Query()))
    if before is not None:
        before()
    job = deleting_histories(live.connect(), plan, Pace.FULL, journal_dir=folder)
    ended(job)
    return job


@pytest.mark.parametrize("journaled", [True, False])
def test_a_stale_history_is_deleted_and_nothing_else(
    scheduled: Live, catalog: Catalog, tmp_path: Path, journaled: bool
) -> None:
    scan(scheduled, catalog)
    before = everything(scheduled.client)
    job = delete(scheduled, catalog, tmp_path if journaled else None)
    assert job.progress.outcomes == {Outcome.DONE: 1}
    del before[history_key(DEAD)]
    assert everything(scheduled.client) == before
    assert rows(catalog) == []


def revived(live: Live) -> None:
    beat(live.client, [DEAD], "host:3:three")


def heard_of(live: Live) -> None:
    vanish(live.client, 60)


def grown(live: Live) -> None:
    enqueue(live.client, DEAD, 1)


def replaced(live: Live) -> None:
    live.client.delete(history_key(DEAD))
    live.client.set(history_key(DEAD), "text")


def rescored(live: Live) -> None:
    (oldest,) = live.client.zrange(history_key(DEAD), 0, 0)
    live.client.zincrby(history_key(DEAD), 1, oldest)


def inflated(live: Live) -> None:
    live.client.zadd(history_key(DEAD), {f"{number}": number for number in range(MOST_EVENTS)})


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (revived, Outcome.LISTED),
        (heard_of, Outcome.MAY_LIVE),
        (grown, Outcome.MAY_LIVE),
        (replaced, Outcome.TYPE_CHANGED),
        (inflated, Outcome.TOO_LARGE),
        (lambda live: live.client.delete(history_key(DEAD)), Outcome.GONE),
    ],
)
def test_one_that_is_not_stale_any_more_stays(
    scheduled: Live, catalog: Catalog, tmp_path: Path, change: Callable[[Live], object], outcome: Outcome
) -> None:
    scan(scheduled, catalog)
    job = delete(scheduled, catalog, tmp_path, before=lambda: change(scheduled))
    assert job.progress.outcomes == {outcome: 1}
    assert outcome is Outcome.GONE or scheduled.client.exists(history_key(DEAD))


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (revived, Outcome.LISTED),
        (heard_of, Outcome.MAY_LIVE),
        (grown, Outcome.MAY_LIVE),
        (replaced, Outcome.TYPE_CHANGED),
        (rescored, Outcome.COPY_STALE),
        (lambda live: live.client.delete(history_key(DEAD)), Outcome.GONE),
    ],
)
def test_the_server_itself_looks_at_the_moment_of_the_deletion(
    scheduled: Live,
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Live], object],
    outcome: Outcome,
) -> None:
    """After the journal was written, and after our own look."""
    from archive_tui.changes import history

    real = history.look

    def looking(pipe: object) -> object:
        seen = real(pipe)  # type: ignore[arg-type]
        change(scheduled)
        return seen

    scan(scheduled, catalog)
    monkeypatch.setattr(history, "look", looking)
    assert delete(scheduled, catalog, tmp_path).progress.outcomes == {outcome: 1}
    assert outcome is Outcome.GONE or scheduled.client.exists(history_key(DEAD))


# Bringing back


@pytest.mark.parametrize("events", [1, 1_000, 5_000])
def test_a_deleted_history_comes_back_byte_for_byte(
    any_server: Live, catalog: Catalog, tmp_path: Path, events: int
) -> None:
    any_server.asynq.register("q")
    key = history_key(DEAD)
    any_server.client.zadd(key, {b"\xff%d" % number: number / 3 for number in range(events)})
    any_server.client.pexpireat(key, 4_000_000_000_000)
    before = any_server.client.zrange(key, 0, -1, withscores=True)
    scan(any_server, catalog)
    job = delete(any_server, catalog, tmp_path)
    assert not any_server.client.exists(key)
    assert job.progress.journal is not None
    journal = Journal(job.progress.journal)
    plan = plan_restore(any_server.connect(), journal)
    assert (plan.count, plan.places, plan.fixed_ids, plan.unregistered) == (1, {AS_HISTORY: 1}, 0, ())
    restored = restoring_job(any_server.connect(), plan, Pace.FULL)
    ended(restored)
    assert restored.progress.outcomes == {Outcome.DONE: 1}
    assert any_server.client.zrange(key, 0, -1, withscores=True) == before
    assert any_server.client.pttl(key) > 0
    again = restoring_job(any_server.connect(), plan_restore(any_server.connect(), journal, again=True), Pace.FULL)
    ended(again)
    assert again.progress.outcomes == {Outcome.ALREADY: 1}


def test_a_history_is_not_restored_over_another_nor_to_be_run(
    scheduled: Live, catalog: Catalog, tmp_path: Path
) -> None:
    scan(scheduled, catalog)
    path = delete(scheduled, catalog, tmp_path).progress.journal
    assert path is not None
    for target in (Target.RUN, Target.ARCHIVE):
        assert plan_restore(scheduled.connect(), Journal(path), target).count == 0
    enqueue(scheduled.client, DEAD, 1)
    job = restoring_job(scheduled.connect(), plan_restore(scheduled.connect(), Journal(path)), Pace.FULL)
    ended(job)
    assert job.progress.outcomes == {Outcome.HISTORY_THERE: 1}
    assert scheduled.client.zcard(history_key(DEAD)) == 1


# Interrupted


def test_a_server_that_is_killed_in_the_middle(
    lasting: Live, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first try did is gone at the second; the journal has all of it."""
    lasting.asynq.register("q")
    entries = [f"{number:08x}-1111-4222-8333-444444444444" for number in range(250)]
    with lasting.client.pipeline(transaction=False) as pipe:
        for entry in entries:
            pipe.zadd(history_key(entry), {f"event of {entry}": 1})
        pipe.execute()
    before = everything(lasting.client)
    scan(lasting, catalog)
    plan = plan_histories(lasting.connect(), plan_matching(catalog, Query()))
    process, calls = lasting.process, [0]
    assert process is not None
    real = store.delete

    def deleting(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        answer = real(*arguments, **options)
        if calls[0] == 2:
            process.kill()
            raise ConnectionError("the answer is lost")
        return answer

    monkeypatch.setattr(store, "delete", deleting)
    job = deleting_histories(lasting.connect(), plan, Pace.FULL, journal_dir=tmp_path)
    job.start()
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    process.start()
    assert job.wait(30)
    assert job.error is None, job.error
    progress = job.progress
    assert progress.made + progress.unconfirmed == 250
    assert not lasting.client.keys("asynq:scheduler_history:*")
    assert progress.journal is not None
    restored = restoring_job(lasting.connect(), plan_restore(lasting.connect(), Journal(progress.journal)), Pace.FULL)
    ended(restored)
    assert restored.progress.outcomes == {Outcome.DONE: 250}
    assert everything(lasting.client) == before


def test_in_a_cluster_each_is_deleted_and_restored_by_itself(
    own_server: Callable[..., Live], catalog: Catalog, tmp_path: Path, free_port: int
) -> None:
    """Histories and lists live in any slot; this node has all of them."""
    live = own_server("--cluster-enabled", "yes", "--cluster-port", str(unused_port()), port=free_port)
    live.client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    wait_until(lambda: b"cluster_state:ok" in live.client.execute_command("CLUSTER", "INFO"))
    live.asynq.register("q")
    for entry in (DEAD, OTHER, ALIVE):
        enqueue(live.client, entry, 3 * HOUR)
    beat(live.client, [ALIVE])
    before = everything(live.client)
    scan(live, catalog)
    assert {row.id.decode() for row in rows(catalog)} == {DEAD, OTHER}
    job = delete(live, catalog, tmp_path, before=lambda: beat(live.client, [OTHER], "host:3:three"))
    assert job.progress.outcomes == {Outcome.DONE: 1, Outcome.LISTED: 1}
    assert not live.client.exists(history_key(DEAD))
    assert job.progress.journal is not None
    ended(restoring_job(live.connect(), plan_restore(live.connect(), Journal(job.progress.journal)), Pace.FULL))
    assert everything(live.client)[history_key(DEAD)] == before[history_key(DEAD)]
