"""Whatever breaks, and whenever: the journal, Redis and the report agree, and nothing is lost or deleted unrecorded."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agreement import COUNT, check_agreement, data_of, fill, journals_in, plan_of
from support.changes import Run, deletion, planned, put_back, restoring_job, resuming
from support.contents import content
from support.proxy import Cutter
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.changes.resume import plan_rest
from archive_tui.errors import JournalError, NotPermittedError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.pace import Pace
from archive_tui.journal import writer
from archive_tui.journal.folder import listed
from archive_tui.journal.interrupted import interrupted
from archive_tui.journal.outcomes import was_deleted
from archive_tui.journal.reader import Journal
from archive_tui.store.write.restore import Target


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def restore_all(live: Live, run_job: Run, journal_dir: Path) -> None:
    for path in journals_in(journal_dir):
        put_back(live, run_job, plan_restore(live.connect(), Journal(path), Target.BACK))


# The server goes away


@pytest.mark.parametrize("when", [1, 2, 3])
def test_a_server_that_is_killed(lasting: Live, run_job: Run, catalog: Catalog, journal_dir: Path, when: int) -> None:
    before = fill(lasting)
    plan = plan_of(lasting, run_job, catalog)
    process = lasting.process
    assert process is not None
    calls = [0]

    def kill(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] == when:
            process.kill()

    job = deletion(lasting.connect(), plan, Pace.FULL, kill, journal_dir)
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    process.start()
    assert job.wait(30)
    assert job.error is None
    assert job.progress.made + job.progress.unconfirmed == COUNT
    check_agreement(lasting, before, journals_in(journal_dir), job.progress)
    restore_all(lasting, run_job, journal_dir)
    assert content(lasting) == before


@pytest.fixture
def cutter(valkey: Live, tmp_path: Path) -> Iterator[Cutter]:
    assert valkey.settings.socket is not None
    made = Cutter(tmp_path / "c", valkey.settings.socket)
    yield made
    made.close()


@pytest.mark.parametrize("count", [1, 60, 4_000, 30_000, 60_001, 90_000, 123_456, 200_000])
def test_a_connection_that_is_cut_in_a_reply(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, cutter: Cutter, count: int
) -> None:
    before = fill(valkey)
    plan = plan_of(valkey, run_job, catalog)
    server = valkey.connect(socket=str(cutter.path))
    cutter.left = count
    job = deletion(server, plan, Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    assert job.error is None
    assert job.progress.made + job.progress.unconfirmed == COUNT
    check_agreement(valkey, before, journals_in(journal_dir), job.progress)
    cutter.left = count
    deleted = job.progress
    restoring = restoring_job(server, planned(valkey, deleted), Pace.FULL, elsewhere=True)
    run_job(restoring)
    assert restoring.wait(30)
    assert restoring.error is None
    assert restoring.progress.achieved == COUNT
    assert content(valkey) == before


# The server refuses


def refusals(live: Live) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    client = live.client
    return {
        "READONLY": (
            lambda: client.execute_command("REPLICAOF", "127.0.0.1", "1"),
            lambda: client.execute_command("REPLICAOF", "NO", "ONE"),
        ),
        "NOPERM": (
            lambda: client.execute_command("ACL", "SETUSER", "ann", "-zscore", "-unlink"),
            lambda: client.execute_command("ACL", "SETUSER", "ann", "+@all"),
        ),
        "NOSCRIPT": (client.script_flush, lambda: None),
        "MISCONF": (
            lambda: client.config_set("min-replicas-to-write", 3),
            lambda: client.config_set("min-replicas-to-write", 0),
        ),
    }


@pytest.mark.parametrize("what", ["READONLY", "NOPERM", "NOSCRIPT", "MISCONF"])
def test_a_server_that_refuses_in_the_middle(
    own_server: Callable[..., Live], run_job: Run, catalog: Catalog, journal_dir: Path, what: str
) -> None:
    live = own_server()
    live.user("ann", "~*", "+@all")
    before = fill(live)
    plan = plan_of(live, run_job, catalog)
    begin, end = refusals(live)[what]
    calls = [0]

    def refuse(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            begin()

    job = deletion(live.connect(username="ann", password="word"), plan, Pace.FULL, refuse, journal_dir)
    run_job(job)
    assert job.wait(30)
    end()
    if what == "NOSCRIPT":
        assert (job.error, job.progress.made) == (None, COUNT)
    else:
        assert job.error is not None
        assert isinstance(job.error, NotPermittedError if what == "NOPERM" else Exception)
        assert 0 < job.progress.made < COUNT
        assert job.progress.untouched == COUNT - job.progress.made
    assert job.progress.unknown == 0
    check_agreement(live, before, journals_in(journal_dir), job.progress)
    again = deletion(live.connect(), plan, Pace.FULL, None, journal_dir)
    run_job(again)
    assert again.wait(30)
    check_agreement(live, before, journals_in(journal_dir), None)
    assert job.progress.made + again.progress.made == COUNT
    restore_all(live, run_job, journal_dir)
    assert content(live) == before


def test_a_server_that_is_busy_is_waited_for(own_server: Callable[..., Live], run_job: Run, journal_dir: Path) -> None:
    live = own_server("--busy-reply-threshold", "50")
    before = fill(live)
    catalog = Catalog()
    plan = plan_of(live, run_job, catalog)
    done = threading.Event()

    def hang() -> None:
        with live.connect().pipe() as pipe:
            pipe.call([(b"EVAL", b"while true do end", b"0")], errors="return")
        done.set()

    def busy(_pipe: Any, _rows: Any) -> None:
        threading.Thread(target=hang, daemon=True).start()
        wait_until(lambda: _says_busy(live))

    job = deletion(live.connect(), plan, Pace.FULL, _once(busy), journal_dir)
    run_job(job)
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert "cannot answer now" in job.progress.trouble
    live.client.execute_command("SCRIPT", "KILL")
    assert job.wait(30)
    assert job.error is None
    assert job.progress.made == COUNT
    check_agreement(live, before, journals_in(journal_dir), job.progress)
    assert done.wait(20)
    catalog.close()


def _says_busy(live: Live) -> bool:
    import redis

    try:
        live.client.get("x")
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def _once(action: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    left = [action]

    def act(pipe: Any, rows: Any) -> None:
        if left:
            left.pop()(pipe, rows)

    return act


# The disk


def break_writing(monkeypatch: pytest.MonkeyPatch, after: int, *, partly: bool = False) -> None:
    """The disk is full after so many writes; where `partly`, the last one stops in its middle."""
    calls = [0]
    real = os.write

    def write(file: int, content: Any) -> int:
        calls[0] += 1
        if calls[0] <= after:
            return real(file, content)
        if partly and calls[0] == after + 1:
            return real(file, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer.os, "write", write)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("partly", [False, True])
def test_a_disk_that_is_full(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch, after: int,
    partly: bool,
) -> None:  # fmt: skip
    before = fill(valkey)
    plan = plan_of(valkey, run_job, catalog)
    break_writing(monkeypatch, after, partly=partly)
    job = deletion(valkey.connect(), plan, Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    monkeypatch.undo()
    assert isinstance(job.error, JournalError)
    assert "No space left on device" in str(job.error)
    journals = [] if after == 0 else journals_in(journal_dir)
    check_agreement(valkey, before, journals, job.progress)
    if after < 2:
        assert job.progress.made == 0
    else:
        assert job.progress.made > 0
        restore_all(valkey, run_job, journal_dir)
        assert content(valkey) == before


@pytest.mark.parametrize("after", [2, 3, 4, 5])  # the plan, its name, the first batch, the second one
def test_a_sync_that_fails(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    before = fill(valkey)
    plan = plan_of(valkey, run_job, catalog)
    calls = [0]
    real = os.fsync

    def fsync(file: int) -> None:
        calls[0] += 1
        if calls[0] > after:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(file)

    monkeypatch.setattr(writer.os, "fsync", fsync)
    job = deletion(valkey.connect(), plan, Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    monkeypatch.undo()
    assert isinstance(job.error, JournalError)
    assert (job.progress.made > 0) == (after == 5)
    assert job.progress.resumable == (after > 3)
    check_agreement(valkey, before, journals_in(journal_dir), job.progress)


def test_a_folder_that_is_not_ours(valkey: Live, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    before = fill(valkey, 100)
    plan = plan_of(valkey, run_job, catalog)
    (tmp_path / "file").touch()
    job = deletion(valkey.connect(), plan, Pace.FULL, None, tmp_path / "file" / "journal")
    run_job(job)
    assert job.wait(30)
    assert isinstance(job.error, JournalError)
    assert (job.error.exit_code, job.progress.made) == (5, 0)
    assert content(valkey) == before


def test_too_little_room_is_seen_before(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(valkey, 100)
    plan = plan_of(valkey, run_job, catalog)
    monkeypatch.setattr("archive_tui.journal.place.free_bytes", lambda _folder: 1_000_000)
    job = deletion(valkey.connect(), plan, Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    assert isinstance(job.error, JournalError)
    assert "no room for the journal" in str(job.error)
    assert not journals_in(journal_dir)
    assert content(valkey) == before


# Our own end

VICTIM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.engine import ChangeJob
from archive_tui.catalog import rows_file
from archive_tui.changes.resume import plan_rest
from support.changes import deletion, restoring_job, resuming
from archive_tui.jobs.pace import Pace
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal import writer
from archive_tui.journal.reader import Journal
from archive_tui.settings.model import Settings
from archive_tui.store.write import restore as store
from archive_tui.store.link.server import Server
from archive_tui.store.link.pipe import Pipe

place, number = sys.argv[2], int(sys.argv[3])
calls = 0

def die_at(name, act, *, after=False):
    def acting(*args, **options):
        global calls
        if name == place:
            calls += 1
            if calls == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
        result = act(*args, **options)
        if name == place and calls == number and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return acting

real_write = os.write
def half(file, content):
    real_write(file, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
writer.os.write = die_at("before-write", os.write) if place != "half-written" else die_at("half-written", os.write)
if place == "half-written":
    def torn(file, content):
        global calls
        calls += 1
        return half(file, content) if calls == number else real_write(file, content)
    writer.os.write = torn
writer.os.fsync = die_at("after-sync", die_at("before-sync", os.fsync), after=True)
ChangeJob._send = die_at("after-ask", die_at("before-ask", ChangeJob._send), after=True)
ChangeJob._answers = die_at("after-answer", ChangeJob._answers, after=True)
ChangeJob._conclude = die_at("after-done", ChangeJob._conclude, after=True)
rows_file.write = die_at("after-plan", die_at("before-plan", rows_file.write), after=True)
Catalog.copy_rows = die_at("half-plan", Catalog.copy_rows, after=True)
store.restore = die_at("after-restore", die_at("before-restore", store.restore), after=True)
writer.Appender.add = die_at("after-note", die_at("before-note", writer.Appender.add), after=True)
server = Server(Settings(socket=sys.argv[1]))
if sys.argv[4] == "delete":
    catalog = Catalog()
    scan = ScanJob(server, catalog, pace=Pace.FULL)
    scan.start()
    scan.wait()
    job = deletion(server, plan_matching(catalog, Query()), Pace.FULL, None, Path(sys.argv[5]))
elif sys.argv[4] == "resume":
    path = Path(sys.argv[5])
    job = resuming(server, plan_rest(server, path, Catalog()), path.parent)
else:
    job = restoring_job(server, plan_restore(server, Journal(Path(sys.argv[5]))), Pace.FULL)
job.start()
job.wait()
sys.exit(0 if job.error is None else 1)
"""


def die(live: Live, place: str, number: int, what: str, where: Path) -> int:
    """Run a deletion or a restore in a process that is killed at a place, the `number`th time it comes there."""
    script = VICTIM.format(tests=str(Path(__file__).parents[1]))
    command = [sys.executable, "-c", script, str(live.settings.socket), place, str(number), what, str(where)]
    return subprocess.run(command, check=False, timeout=60, capture_output=True).returncode


KILLS = [
    ("before-write", 1), ("before-write", 2), ("before-write", 4), ("half-written", 1), ("half-written", 3),
    ("before-sync", 1), ("before-sync", 4), ("after-sync", 3), ("after-sync", 5), ("before-ask", 1), ("before-ask", 3),
    ("after-ask", 1), ("after-ask", 3), ("after-ask", 4), ("after-answer", 2), ("after-answer", 5), ("after-done", 1),
    ("after-done", 3),
]  # fmt: skip


@pytest.mark.parametrize(("place", "number"), KILLS)
def test_our_process_is_killed_while_it_deletes(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str, number: int
) -> None:
    before = fill(valkey)
    assert die(valkey, place, number, "delete", journal_dir) == -signal.SIGKILL
    whole = []
    for path in journals_in(journal_dir):
        try:
            Journal(path)
            whole.append(path)
        except JournalError:  # not even its header was written
            assert data_of(content(valkey)) == data_of(before)
    check_agreement(valkey, before, whole, None)
    resumed = deletion(valkey.connect(), plan_of(valkey, run_job, catalog), Pace.FULL, None, journal_dir)
    run_job(resumed)
    assert resumed.wait(30)
    assert resumed.error is None
    missing = set(data_of(before)) - set(data_of(content(valkey)))
    assert len(missing) == COUNT
    whole += [path for path in journals_in(journal_dir) if path == resumed.progress.journal]
    check_agreement(valkey, before, whole, None)
    for path in whole:
        put_back(valkey, run_job, plan_restore(valkey.connect(), Journal(path)))
    assert content(valkey) == before


BEFORE_THE_PLAN = [("half-written", 1), ("before-plan", 1), ("half-plan", 1), ("after-sync", 3)]


@pytest.mark.parametrize(
    ("place", "number"),
    [*BEFORE_THE_PLAN, ("after-plan", 1), ("before-write", 4), ("half-written", 3), ("after-sync", 5),
     ("before-ask", 1), ("before-ask", 3), ("after-ask", 1), ("after-ask", 4), ("after-answer", 2), ("after-done", 1)],
)  # fmt: skip
def test_a_deletion_that_was_killed_is_resumed(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str, number: int
) -> None:
    before = fill(valkey)
    assert die(valkey, place, number, "delete", journal_dir) == -signal.SIGKILL
    to_resume = [one for one in interrupted(listed(journal_dir), valkey.settings) if one.resumable]
    if not to_resume:
        assert (place, number) in BEFORE_THE_PLAN
        assert content(valkey) == before  # killed before the plan was on disk, and so before anything was deleted
        return
    (first,) = to_resume
    rest = plan_rest(valkey.connect(), first.path, catalog)
    assert rest.planned == COUNT == rest.done + rest.count
    job = resuming(valkey.connect(), rest, journal_dir)
    run_job(job)
    assert job.wait(30)
    assert (job.error, job.progress.untouched, job.progress.changed) == (None, 0, 0)
    assert job.progress.needless == rest.since.gone <= rest.unknown
    assert len(data_of(before)) - len(data_of(content(valkey))) == COUNT
    check_resumed(valkey, run_job, before, journal_dir)


@pytest.mark.parametrize(
    ("place", "number"),
    [("half-plan", 1), ("after-plan", 1), ("before-ask", 1), ("after-ask", 1), ("after-done", 1), ("nowhere", 1)],
)
def test_a_resumed_deletion_that_was_killed_is_resumed_again(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str, number: int
) -> None:
    before = fill(valkey)
    assert die(valkey, "before-ask", 3, "delete", journal_dir) == -signal.SIGKILL
    (first,) = interrupted(listed(journal_dir), valkey.settings)
    assert die(valkey, place, number, "resume", first.path) == (-signal.SIGKILL if place != "nowhere" else 0)
    for left in [one for one in interrupted(listed(journal_dir), valkey.settings) if one.resumable]:
        job = resuming(valkey.connect(), plan_rest(valkey.connect(), left.path, catalog), journal_dir)
        run_job(job)
        assert job.wait(30)
        assert (job.error, job.progress.untouched, job.progress.changed) == (None, 0, 0)
    assert len(data_of(before)) - len(data_of(content(valkey))) == COUNT
    check_resumed(valkey, run_job, before, journal_dir)


def check_resumed(live: Live, run_job: Run, before: dict[bytes, Any], journal_dir: Path) -> None:
    """Nothing is lost, nothing was deleted twice, nothing is left to resume, and all of it can be restored."""
    journals = [one for one in listed(journal_dir) if not one.problem]
    check_agreement(live, before, [one.path for one in journals], None)
    deleted = Counter[bytes]()
    for one in journals:
        outline = Journal(one.path).outline()
        for batch, copies in Journal(one.path).batches(outline):
            codes = outline.outcomes.get(batch, "")
            deleted.update(copy.id for copy, code in zip(copies, codes, strict=False) if was_deleted(code))
    assert max(deleted.values()) == 1
    assert not [one for one in interrupted(journals, live.settings) if one.resumable]
    assert not list(journal_dir.glob("*.plan"))
    for one in journals:
        put_back(live, run_job, plan_restore(live.connect(), Journal(one.path)))
    assert content(live) == before


@pytest.mark.parametrize(
    ("place", "number"),
    [("before-restore", 1), ("before-restore", 6), ("after-restore", 1), ("after-restore", 7), ("before-note", 1),
     ("after-note", 1), ("before-note", 2), ("half-written", 1), ("half-written", 2), ("before-sync", 1)],
)  # fmt: skip
def test_our_process_is_killed_while_it_restores(
    valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str, number: int
) -> None:
    before = fill(valkey)
    job = deletion(valkey.connect(), plan_of(valkey, run_job, catalog), Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    (path,) = journals_in(journal_dir)
    assert die(valkey, place, number, "restore", path) == -signal.SIGKILL
    left = content(valkey)
    assert all(before[one] == value for one, value in left.items())
    put_back(valkey, run_job, plan_restore(valkey.connect(), Journal(path)))
    assert content(valkey) == before
    again = plan_restore(valkey.connect(), Journal(path))
    assert (again.count, again.before) == (0, COUNT)


def test_only_one_process_restores_a_journal(valkey: Live, run_job: Run, catalog: Catalog, journal_dir: Path) -> None:
    fill(valkey, 300)
    job = deletion(valkey.connect(), plan_of(valkey, run_job, catalog), Pace.FULL, None, journal_dir)
    run_job(job)
    assert job.wait(30)
    plan = planned(valkey, job.progress)
    with writer.Appender(plan.journal.path):
        other = restoring_job(valkey.connect(), plan, Pace.FULL)
        run_job(other)
        assert other.wait(20)
        assert isinstance(other.error, JournalError)
        assert "is being written" in str(other.error)
