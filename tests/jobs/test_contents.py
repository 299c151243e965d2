"""Reading messages for filters that look into them: what is read, what is kept, and what is said of the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.asynq_data import key
from support.servers import PATIENCE, Live, wait_until

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.jobs.contents import ContentJob, JournalContentJob, SampleJob, StoredContentJob
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.journals import JournalJob
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import SHOWN
from archive_tui.store.read import messages

Run = Callable[[Job], Job]
READER = PayloadReader()


def fill(live: Live, count: int = 20) -> None:
    """Tasks of which every fourth is of customer 8812; one is not decoded, one has no payload."""
    live.asynq.register("q")
    for number in range(count):
        payload = json.dumps({"user": {"id": 8812 if not number % 4 else number}}).encode()
        live.asynq.add("q", f"t{number}", payload=payload, type="even" if not number % 2 else "odd")
    live.asynq.add("q", "binary", payload=bytes(range(256)), type="odd")
    live.asynq.add("q", "bare", payload=b"", type="odd")


@pytest.fixture
def run(run_job: Run) -> Run:
    """Runs a job to its end."""

    def run(job: Job) -> Job:
        assert run_job(job).wait(PATIENCE)
        return job

    return run


@pytest.fixture
def listed(valkey: Live, catalog: Catalog, run: Run) -> Live:
    fill(valkey)
    run(ListJob(valkey.connect(), catalog, "q", State.ARCHIVED))
    return valkey


def shown(catalog: Catalog, query: Query) -> set[bytes]:
    return {row.id for row in catalog.rows(catalog.find(query)).values()}


def read(live: Live, catalog: Catalog, text: str, run: Run) -> ContentJob:
    job = StoredContentJob(live.connect(), catalog, Query(text), READER, Pace.FULL)
    run(job)
    assert (job.state, job.error) == (JobState.DONE, None)
    return job


def test_rows_match_once_their_messages_are_read(listed: Live, catalog: Catalog, run: Run) -> None:
    query = Query("payload.user.id=8812")
    assert shown(catalog, query) == set()
    job = read(listed, catalog, query.text, run)
    assert shown(catalog, query) == {b"t0", b"t4", b"t8", b"t12", b"t16"}
    assert (job.progress.read, job.progress.left, job.progress.unknown, job.progress.complete) == (22, 0, 1, True)
    rest = shown(catalog, Query("-payload.user.id=8812"))
    assert len(rest) == 16
    assert b"bare" in rest
    assert b"binary" not in rest


def test_what_the_rest_of_a_filter_tells_is_not_read(listed: Live, catalog: Catalog, run: Run) -> None:
    job = read(listed, catalog, "type:even payload.user.id=8812 -id:t4", run)
    assert job.progress.read == 9
    assert read(listed, catalog, "payload.user.id=8812 type:even -id:t4", run).progress.read == 0
    assert read(listed, catalog, "type:odd or payload.user.id=8812", run).progress.read == 1


def test_what_a_filter_has_read_the_next_one_does_not_read_again(listed: Live, catalog: Catalog, run: Run) -> None:
    read(listed, catalog, "payload.user.id=8812", run)
    assert read(listed, catalog, "-payload.user.id=8812", run).progress.read == 0
    assert read(listed, catalog, "payload.user.id=8812 payload.user.id>8", run).progress.read == 6


def test_a_message_that_is_gone_or_has_changed_is_neither_here_nor_there(
    listed: Live, catalog: Catalog, run: Run
) -> None:
    listed.client.delete(key("q", "t0"))
    listed.asynq.add("q", "t4", payload=b'{"user": {"id": 8812}, "changed": true}')
    listed.client.hset(key("q", "t8"), "msg", b"\xff")
    job = read(listed, catalog, "payload.user.id=8812", run)
    assert shown(catalog, job.query) == {b"t12", b"t16"}
    assert len(shown(catalog, Query("-payload.user.id=8812"))) == 16
    assert job.progress.unknown == 4
    read(listed, catalog, "decoder:none", run)
    assert shown(catalog, Query("decoder:none")) == {b"t0", b"t4", b"t8", b"binary"}
    run(ListJob(listed.connect(), catalog, "q", State.ARCHIVED))
    assert shown(catalog, Query("payload.user.id=8812")) == {b"t12", b"t16"}
    read(listed, catalog, "payload.user.id=8812", run)
    assert shown(catalog, Query("payload.user.id=8812")) == {b"t4", b"t12", b"t16"}


def test_ghosts_have_no_payload(listed: Live, catalog: Catalog, run: Run) -> None:
    listed.asynq.refer("q", "ghost", "archived")
    run(ListJob(listed.connect(), catalog, "q", State.ARCHIVED))
    read(listed, catalog, "-payload.user.id=8812 payload:none", run)
    assert shown(catalog, Query("-payload.user.id=8812 payload:none")) == {b"ghost", b"bare"}


def test_rows_that_still_come_are_waited_for(valkey: Live, catalog: Catalog) -> None:
    fill(valkey, 4)
    growing = [True]
    query = Query("payload.user.id=8812")
    job = StoredContentJob(valkey.connect(), catalog, query, READER, Pace.FULL, growing=lambda: growing[0])
    job.start()
    scan = ScanJob(valkey.connect(), catalog, ["q"])
    try:
        valkey.client.delete("asynq:{q}:archived")  # orphans
        scan.start()
        wait_until(lambda: shown(catalog, query) == {b"t0"})
        assert not job.state.ended
        growing[0] = False
        assert job.wait(20)
        assert job.progress.complete
        assert job.progress.read == 6
    finally:
        for one in (job, scan):
            one.stop()
            one.wait(20)


def test_it_stops_between_batches_and_goes_on_where_it_was(
    listed: Live, catalog: Catalog, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_tui.jobs.contents._ROWS", dict.fromkeys(Pace, 5))
    query = Query("payload.user.id=8812")
    job = StoredContentJob(listed.connect(), catalog, query, READER, Pace.FULL)
    keep = catalog.keep

    def keep_once(*arguments: object) -> None:
        keep(*arguments)  # type: ignore[arg-type]
        job.stop()

    monkeypatch.setattr(catalog, "keep", keep_once)
    job.start()
    assert job.wait(20)
    assert (job.state, job.progress.read, job.progress.complete) == (JobState.STOPPED, 5, False)
    matched = shown(catalog, query)
    assert matched < {b"t0", b"t4", b"t8", b"t12", b"t16"}
    assert catalog.count_unread(query) == 17
    monkeypatch.undo()
    assert read(listed, catalog, query.text, run).progress.read == 17
    assert len(shown(catalog, query)) == 5


def test_a_journal_is_filtered_by_the_messages_that_it_holds(
    listed: Live, catalog: Catalog, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "export.ndjson"
    run(ExportJob(listed.connect(), Selection(catalog, catalog.find(Query())), path, Pace.FULL))
    listed.client.flushall()
    rows = Catalog()
    journal = JournalJob(path, rows)
    run(journal)
    assert rows.counts().total == 22
    query = Query("payload.user.id=8812")
    job = JournalContentJob(journal, rows, query, READER)
    run(job)
    assert (job.state, job.error, job.progress.read, job.progress.unknown) == (JobState.DONE, None, 22, 1)
    assert job.progress.complete
    assert shown(rows, query) == {b"t0", b"t4", b"t8", b"t12", b"t16"}
    rows.close()


def test_a_sample_tells_which_paths_there_are(valkey: Live, catalog: Catalog, run: Run) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one", payload=b'{"a": {"b": 1}, "c": [{"d": 1}]}', headers={"trace-id": "x", "a b": "y"})
    valkey.asynq.add("q", "two", payload=b'{"c": []}')
    valkey.asynq.add("q", "three", payload=b"\xff\x00")
    valkey.asynq.refer("q", "ghost", "archived")
    run(ListJob(valkey.connect(), catalog, "q", State.ARCHIVED))
    job = SampleJob(valkey.connect(), list(catalog.rows(catalog.find(Query())).values()), READER, SHOWN)
    run(job)
    assert set(job.paths) == {
        "payload.a", "payload.a.b", "payload.c", "payload.c[*]", "payload.c[*].d", "header.trace-id", 'header."a b"',
    }  # fmt: skip


def test_batches_stay_within_what_may_be_in_memory(
    valkey: Live, catalog: Catalog, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("q")
    for number in range(6):
        valkey.asynq.add("q", f"t{number}", payload=b'{"a": "%s"}' % (b"x" * 4_000))
    valkey.asynq.add("q", "large", payload=b'{"a": "%s"}' % (b"x" * 20_000))
    run(ListJob(valkey.connect(), catalog, "q", State.ARCHIVED))
    monkeypatch.setattr("archive_tui.jobs.contents.REPLY_BUDGET", 9_000)
    monkeypatch.setattr("archive_tui.jobs.contents._LARGEST", 10_000)
    sent: list[int] = []
    send = messages.send
    monkeypatch.setattr(messages, "send", lambda pipe, queue, ids: (sent.append(len(ids)), send(pipe, queue, ids)))
    job = read(valkey, catalog, "payload.a:~x", run)
    assert max(sent) == 2
    assert sum(sent) == 6
    assert (len(shown(catalog, job.query)), job.progress.unknown) == (6, 1)
