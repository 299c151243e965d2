"""What was deleted comes back byte for byte, to where it stood; never over anything, never twice."""

import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import asynq_data
from support.asynq_data import NOW, a_message, key, lock_key, prefix
from support.changes import Run, delete_all, deletion, planned, put_back, restoring_job
from support.contents import content
from support.servers import Live, wait_until

from archive_tui.asynq.outcomes import Outcome
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.changes.restore_words import afterwards
from archive_tui.errors import ArchiveTuiError, NotPermittedError, RefusedError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.store.write.restore import Target

LOCK = lock_key("q")


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    """A folder for journals."""
    return tmp_path / "journal"


def a_mixed_lot(live: Live) -> None:
    """Orphans of every form: fields in another order, with results, odd names, odd bytes, nothing readable, locks."""
    live.asynq.register("q")
    live.asynq.add("q", "plain", referenced=False)
    live.asynq.add("q", "locked", referenced=False, unique=LOCK)
    live.asynq.add("q", "grouped", referenced=False, unique=lock_key("q", "digest"), unique_field=False)
    live.asynq.add("q", b'\xff\x1b[31m\n"\\', referenced=False)
    live.asynq.add("q", "done", "completed", referenced=False, fields={b"result": b"\x00\xff" * 900})
    live.asynq.add("q", "odd", referenced=False, fields={b'\xfe"odd': b"", b"timeout": b"1800", b"caf\xc3\xa9": b"1"})
    live.asynq.add("q", "empty", referenced=False, message=b"")
    live.asynq.add("q", "broken", referenced=False, message=b"\xff\xff")
    live.asynq.add("q", "large", referenced=False, payload=b"\x00\x01" * 40_000)
    live.client.hset(
        key("q", "turned"), mapping={"state": "archived", "msg": a_message("q", "turned").SerializeToString()}
    )
    live.asynq.add_many("q", [b"n%d" % number for number in range(300)], referenced=False)


def test_everything_comes_back_byte_for_byte(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    before = asynq_data.everything(any_server.client)
    ttl = any_server.client.pttl(LOCK)
    deleted = delete_all(any_server, run_job, journal_dir)
    assert deleted.made == 310
    assert set(any_server.client.keys("*")) == {b"asynq:queues"}
    plan = planned(any_server, deleted)
    assert (plan.count, plan.locks, plan.there, plan.unsure, plan.kept, plan.torn) == (310, 2, 0, 0, 0, False)
    report = put_back(any_server, run_job, plan)
    assert (report.state, report.made, report.in_part) == (JobState.DONE, 310, False)
    assert set(asynq_data.everything(any_server.client)) == set(before)
    for one in any_server.client.scan_iter(match="asynq:{q}:t:*"):
        again = any_server.client.hgetall(one)
        assert again
    assert ttl - 20_000 < any_server.client.pttl(LOCK) <= ttl
    assert any_server.client.get(LOCK) == b"locked"


def test_tasks_go_back_to_where_they_stood(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    any_server.asynq.register("q")
    for number in range(450):
        any_server.asynq.add("q", f"{number}", score=NOW - number - 0.5)
    any_server.asynq.add("q", "orphan", referenced=False)
    any_server.asynq.add_many("left", [b"%d" % number for number in range(20)], "completed")
    a_mixed_lot(any_server)
    before = content(any_server)
    listed = delete_all(any_server, run_job, journal_dir, listed="q")
    found = delete_all(any_server, run_job, journal_dir)
    assert (listed.made, found.made) == (450, 331)
    for progress in (found, listed):
        put_back(any_server, run_job, planned(any_server, progress))
    assert content(any_server) == before


def test_nothing_is_put_back_twice(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    deleted = delete_all(any_server, run_job, journal_dir)
    plan = planned(any_server, deleted)
    put_back(any_server, run_job, plan)
    before = content(any_server)
    again = put_back(any_server, run_job, plan)  # a plan of before: what the journal says by now counts
    assert (again.made, again.done) == (0, 0)
    any_server.client.delete(key("q", "plain"))  # it ran and is done
    later = planned(any_server, deleted)
    assert (later.count, later.before) == (0, 310)
    put_back(any_server, run_job, later)
    before.pop(key("q", "plain"))
    assert content(any_server) == before


def test_what_is_there_already_is_recognised(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    before = content(any_server)
    deleted = delete_all(any_server, run_job, journal_dir)
    assert deleted.journal is not None
    saved = deleted.journal.read_bytes()
    put_back(any_server, run_job, planned(any_server, deleted))
    deleted.journal.write_bytes(saved)  # what was noted is lost: Redis itself still tells
    plan = planned(any_server, deleted)
    assert plan.there == 310
    report = put_back(any_server, run_job, plan)
    assert report.outcomes == {Outcome.ALREADY: 310}
    assert not report.in_part
    assert content(any_server) == before


def test_what_is_there_in_another_place_is_told_apart(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    """The same bytes are not the same task again where its index or its score is another."""
    client, archive = any_server.client, prefix("q") + b"archived"
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", ["stays", "moved", "left", "scored"], score=NOW)
    deleted = delete_all(any_server, run_job, journal_dir, listed="q")
    put_back(any_server, run_job, planned(any_server, deleted))
    client.zrem(archive, "left", "moved")
    client.zadd(archive, {"scored": NOW + 1})
    client.zadd(prefix("q") + b"retry", {"moved": NOW})
    before = content(any_server)
    report = put_back(any_server, run_job, planned(any_server, deleted, again=True))
    assert report.outcomes == {Outcome.ALREADY: 1, Outcome.STANDS_ELSEWHERE: 3}
    assert {one.id for one in report.examples} == {b"moved", b"left", b"scored"}
    assert (report.in_part, report.achieved) == (True, 1)
    into_archive = put_back(any_server, run_job, planned(any_server, deleted, Target.ARCHIVE, again=True))
    assert into_archive.outcomes == {Outcome.ALREADY: 2, Outcome.STANDS_ELSEWHERE: 2}
    run_once = put_back(any_server, run_job, planned(any_server, deleted, Target.RUN, again=True))
    assert run_once.outcomes == {Outcome.STANDS_ELSEWHERE: 4}
    assert content(any_server) == before


def test_nothing_is_written_over(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    deleted = delete_all(any_server, run_job, journal_dir)
    any_server.asynq.add("q", "plain", "pending")  # enqueued again under its fixed id
    any_server.client.set(key("q", "broken"), "a string")
    any_server.client.zadd(prefix("q") + b"retry", {"empty": NOW})
    any_server.client.set(LOCK, "somebody", ex=500)
    before = content(any_server)
    report = put_back(any_server, run_job, planned(any_server, deleted))
    assert report.outcomes[Outcome.TAKEN] == 2
    assert report.outcomes[Outcome.ID_IN_USE] == 1
    assert report.outcomes[Outcome.WITHOUT_LOCK] == 1
    assert report.in_part
    told = {one.id: one.outcome for one in report.examples}
    assert told == {
        b"plain": Outcome.TAKEN, b"broken": Outcome.TAKEN, b"empty": Outcome.ID_IN_USE,
        b"locked": Outcome.WITHOUT_LOCK,
    }  # fmt: skip
    after = content(any_server)
    assert {one: after[one] for one in before} == before
    any_server.client.delete(key("q", "plain"))
    again = planned(any_server, deleted)
    assert again.count == 3  # what could not be put back may be tried again
    assert put_back(any_server, run_job, again).made == 1


def of_long_ago(path: Path) -> None:
    """Rewrite a journal as if what it holds had been deleted when its locks were about to run out."""
    raw, members = path.read_bytes(), []
    while raw:
        member = zlib.decompressobj(31)
        members.append(member.decompress(raw))
        raw = member.unused_data
    path.write_bytes(b"".join(gzip.compress(re.sub(rb'"until_ms":\d+', b'"until_ms":1000', one)) for one in members))


def test_a_lock_that_has_run_out_is_not_taken(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(valkey)
    valkey.client.pexpire(LOCK, 100_000)
    deleted = delete_all(valkey, run_job, journal_dir)
    assert planned(valkey, deleted).expired_locks == 0
    assert deleted.journal is not None
    of_long_ago(deleted.journal)
    plan = planned(valkey, deleted)
    assert (plan.locks, plan.expired_locks) == (2, 2)
    report = put_back(valkey, run_job, plan)
    assert report.outcomes == {Outcome.DONE: 308, Outcome.LOCK_EXPIRED: 2}
    assert not valkey.client.exists(LOCK)


def test_into_the_archive(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    deleted = delete_all(any_server, run_job, journal_dir)
    plan = planned(any_server, deleted, Target.ARCHIVE)
    assert plan.places == {"archived": 310}
    began = int(any_server.client.time()[0])
    put_back(any_server, run_job, plan, clock=lambda: NOW)
    archive = any_server.client.zrange(prefix("q") + b"archived", 0, -1, withscores=True)
    assert all(began <= score <= any_server.client.time()[0] for _, score in archive)
    assert len(archive) == 310
    assert {any_server.client.hget(one, "state") for one in any_server.client.keys("asynq:{q}:t:*")} == {b"archived"}
    assert any_server.scan().rows == []


def test_run_once(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(any_server)
    any_server.client.srem("asynq:queues", "q")
    deleted = delete_all(any_server, run_job, journal_dir)
    plan = planned(any_server, deleted, Target.RUN)
    assert (plan.places, plan.unregistered) == ({"pending": 310}, ("q",))
    began = any_server.client.time()[0]
    put_back(any_server, run_job, plan, clock=lambda: NOW)
    assert any_server.client.smembers("asynq:queues") == {b"q"}
    pending = any_server.client.lrange(prefix("q") + b"pending", 0, -1)
    assert len(set(pending)) == len(pending) == 310
    data = any_server.client.hgetall(key("q", "plain"))
    assert data[b"state"] == b"pending"
    assert began <= int(data[b"pending_since"]) / 10**9 <= any_server.client.time()[0] + 1
    assert any_server.scan().rows == []
    assert any_server.asynq.take("q") in pending


def test_the_plan_says_what_asynq_will_do_next(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    now = valkey.client.time()[0]
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"o%d" % number for number in range(3)], referenced=False)
    valkey.asynq.add("q", "8d7f3f2e-1111-4222-8333-444455556666", referenced=False)
    for number in range(5):
        valkey.asynq.add("left", f"{number}", "completed", score=now + (-60 if number < 2 else 3600))
    deleted = delete_all(valkey, run_job, journal_dir)
    assert afterwards(planned(valkey, deleted)) == (
        "Asynq deletes 5 completed when their retention ends, 2 of these at once as it has passed; "
        "does not see 4, which are in no index; refuses new tasks under 8 fixed ids again"
    )
    assert afterwards(planned(valkey, deleted, Target.ARCHIVE)).startswith("Asynq keeps 9 in the archive, ")
    assert afterwards(planned(valkey, deleted, Target.RUN)).startswith("Asynq runs 9 as soon as a worker is free; ")
    chosen = frozenset({("left", b"0")})
    assert afterwards(planned(valkey, deleted, chosen=chosen)).count("1") == 3
    waiting = replace(planned(valkey, deleted), places={"retry": 4, "scheduled": 3}, due={"retry": 2}, fixed_ids=0)
    assert afterwards(waiting) == "Asynq runs 7 when their time comes, 2 of these at once as it has passed"
    put_back(valkey, run_job, planned(valkey, deleted))
    assert afterwards(planned(valkey, deleted)) == ""


def test_the_plan_warns_of_an_archive_that_would_be_trimmed(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(100)])
    deleted = delete_all(valkey, run_job, journal_dir, listed="q")
    valkey.client.zadd(prefix("q") + b"archived", {f"x{number}": NOW for number in range(9_950)})
    assert planned(valkey, deleted).over == {"q": 51}
    put_back(valkey, run_job, planned(valkey, deleted))
    again = planned(valkey, deleted, again=True)
    assert (again.count, again.there, again.over) == (100, 100, {})  # nothing is added by what is there


def test_only_what_was_chosen(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(valkey)
    deleted = delete_all(valkey, run_job, journal_dir)
    plan = planned(valkey, deleted, chosen=frozenset({("q", b"n1"), ("q", b"locked")}))
    assert plan.count == 2
    assert put_back(valkey, run_job, plan).made == 2
    assert set(valkey.client.keys("asynq:{q}:t:*")) == {key("q", "n1"), key("q", "locked")}
    rest = planned(valkey, deleted)
    assert (rest.count, rest.before) == (308, 2)


def test_another_server_is_refused_unless_asked_for(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(valkey)
    deleted = delete_all(valkey, run_job, journal_dir)
    assert deleted.journal is not None
    server = valkey.connect(label="elsewhere:6379/0")
    plan = plan_restore(server, Journal(deleted.journal))
    assert plan.elsewhere == valkey.settings.address
    with pytest.raises(RefusedError, match="was written for"):
        restoring_job(server, plan)
    job = restoring_job(server, plan, Pace.FULL, elsewhere=True)
    run_job(job)
    assert job.wait(20)
    assert job.progress.made == 310


def test_a_read_only_session_restores_nothing(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    a_mixed_lot(valkey)
    deleted = delete_all(valkey, run_job, journal_dir)
    assert deleted.journal is not None
    server = valkey.connect(read_only=True)
    with pytest.raises(RefusedError, match="read-only"):
        restoring_job(server, plan_restore(server, Journal(deleted.journal)))


@pytest.mark.parametrize("command", ["hset", "zadd", "lpush", "set", "del", "evalsha", "zscore", "hgetall"])
@pytest.mark.parametrize("target", [Target.BACK, Target.RUN])
def test_what_is_not_permitted_leaves_nothing_half_written(
    any_server: Live, run_job: Run, journal_dir: Path, command: str, target: Target
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(5)])
    any_server.asynq.add("q", "lock", unique=LOCK)
    deleted = delete_all(any_server, run_job, journal_dir, listed="q")
    before = content(any_server)
    any_server.user("ann", "~*", "+@all", f"-{command}")
    plan = planned(any_server, deleted, target)
    job = restoring_job(any_server.connect(username="ann", password="word"), plan, Pace.FULL)
    run_job(job)
    assert job.wait(20)
    needed = not (command == "lpush" and target is Target.BACK) and not (command == "zadd" and target is Target.RUN)
    if command == "zadd" and target is Target.RUN:
        needed = True  # it is asked for all the same: one right for every way back
    if needed:
        assert isinstance(job.error, NotPermittedError), job.error
        assert content(any_server) == before
    else:
        assert job.progress.made == 6


def test_a_server_out_of_memory_refuses_whole_tasks(
    own_server: Callable[..., Live], run_job: Run, journal_dir: Path
) -> None:
    live = own_server()
    a_mixed_lot(live)
    deleted = delete_all(live, run_job, journal_dir)
    before = content(live)
    live.client.config_set("maxmemory", 1)
    job = restoring_job(live.connect(), planned(live, deleted), Pace.FULL)
    run_job(job)
    assert job.wait(20)
    assert isinstance(job.error, RefusedError), job.progress
    assert "out of memory" in str(job.error)
    assert (job.progress.made, job.progress.untouched) == (0, 310)
    live.client.config_set("maxmemory", 0)
    assert content(live) == before
    assert put_back(live, run_job, planned(live, deleted)).made == 310


def test_a_restore_survives_a_server_that_is_killed(lasting: Live, run_job: Run, journal_dir: Path) -> None:
    lasting.asynq.register("q")
    lasting.asynq.add_many("q", [b"%d" % number for number in range(3000)], referenced=False)
    before = content(lasting)
    deleted = delete_all(lasting, run_job, journal_dir)
    assert lasting.process is not None
    job = restoring_job(lasting.connect(), planned(lasting, deleted), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    lasting.process.kill()
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    lasting.process.start()
    job.pace = Pace.FULL
    assert job.wait(30)
    assert job.error is None
    assert job.progress.achieved == 3000
    assert content(lasting) == before


def test_a_stop_and_another_go(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(3000)])
    before = content(valkey)
    deleted = delete_all(valkey, run_job, journal_dir, listed="q")
    job = restoring_job(valkey.connect(), planned(valkey, deleted), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    job.stop()
    assert job.wait(20)
    done = job.progress.made
    assert 0 < done < 3000
    assert job.progress.in_part
    plan = planned(valkey, deleted)
    assert (plan.count, plan.before) == (3000 - done, done)
    put_back(valkey, run_job, plan)
    assert content(valkey) == before


# What the journal says


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_the_format_is_what_the_documents_say(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    """Any tool can read it: gzip, a JSON object a line, fields in base64."""
    import base64

    valkey.asynq.register("q")
    raw = valkey.asynq.add("q", "one", score=NOW + 0.25, unique=LOCK)
    progress = delete_all(valkey, run_job, journal_dir, listed="q")
    assert progress.journal is not None
    assert progress.journal.stat().st_mode & 0o777 == 0o600
    assert progress.journal.parent.stat().st_mode & 0o777 == 0o700
    header, task, batch, done, end = lines_of(progress.journal)
    assert (header["archive_tui"], header["version"], header["command"]) == ("journal", 2, "delete")
    assert (header["server"], header["queues"], header["reason"]) == (valkey.settings.address, ["q"], "tests")
    assert header["planned"] == 1
    assert (task["queue"], task["id"], task["index"], task["score"]) == ("q", "one", "archived", str(NOW + 0.25))
    assert base64.b64decode(task["fields"]["msg"]) == raw
    assert base64.b64decode(task["fields"]["state"]) == b"archived"
    assert task["lock"]["key"] == LOCK.decode()
    assert abs(task["lock"]["until_ms"] - (time.time() + 3600) * 1000) < 30_000
    assert batch == {"batch": 1, "tasks": 1}
    assert done == {"done": 1, "outcomes": "2"}
    assert (end["state"], end["counts"]) == ("done", {"deleted_and_unlocked": 1})


def test_what_was_not_deleted_is_not_restored(any_server: Live, run_job: Run, journal_dir: Path) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"%d" % number for number in range(50)], referenced=False)
    catalog = Catalog()
    assert run_job(ScanJob(any_server.connect(), catalog, pace=Pace.FULL)).wait(20)

    def change(_pipe: Any, _rows: Any) -> None:  # after it was written to the journal, before it is deleted
        any_server.client.hset(key("q", "1"), "msg", b"\x0a\x01a")
        any_server.client.hset(key("q", "2"), "result", b"new")
        any_server.asynq.refer("q", "3", "archived")
        any_server.client.delete(key("q", "4"))

    job = deletion(any_server.connect(), plan_matching(catalog, Query()), Pace.FULL, change, journal_dir)
    run_job(job)
    assert job.wait(20)
    catalog.close()
    progress = job.progress
    assert (progress.made, progress.needless, progress.changed) == (46, 1, 3)
    plan = planned(any_server, progress)
    assert (plan.count, plan.kept) == (46, 4)


def test_a_score_that_moved_is_not_deleted(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(5)])
    catalog = Catalog()
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)

    def change(_pipe: Any, _rows: Any) -> None:
        valkey.client.zadd(prefix("q") + b"archived", {"3": NOW + 5})

    job = deletion(valkey.connect(), plan_matching(catalog, Query()), Pace.FULL, change, journal_dir)
    run_job(job)
    assert job.wait(20)
    catalog.close()
    assert (job.progress.made, job.progress.changed) == (4, 1)
    assert valkey.client.zrange(prefix("q") + b"archived", 0, -1) == [b"3"]


def test_a_large_message_goes_through(valkey: Live, run_job: Run, journal_dir: Path) -> None:
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"{number}", payload=bytes(range(256)) * 40_000)
    valkey.asynq.add("q", "done", "completed", referenced=False, fields={b"result": b"r" * 9_000_000})
    before = content(valkey)
    one = delete_all(valkey, run_job, journal_dir, listed="q")
    two = delete_all(valkey, run_job, journal_dir)
    assert (one.made, two.made) == (3, 1)
    for progress in (one, two):
        put_back(valkey, run_job, planned(valkey, progress))
    assert content(valkey) == before


def test_an_error_names_the_journal_that_is_none(tmp_path: Path) -> None:
    for name, written in (("a", b"no gzip"), ("b", gzip.compress(b"{}\n")), ("c", b"")):
        path = tmp_path / name
        path.write_bytes(written)
        with pytest.raises(ArchiveTuiError, match="is no journal"):
            Journal(path)
    newer = tmp_path / "d"
    newer.write_bytes(gzip.compress(b'{"archive_tui":"journal","version":6}\n'))
    with pytest.raises(ArchiveTuiError, match="newer archive-tui"):
        Journal(newer)
    with pytest.raises(ArchiveTuiError, match="no journal"):
        Journal(tmp_path / "missing")
