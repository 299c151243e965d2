"""Setting findings right: each repair on each kind it fits, and what is left alone because it has changed."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from support.asynq_data import NOW, a_message, everything, key, lock_key, prefix
from support.changes import cleaning_up, repairing
from support.damage import find, put, write
from support.oracle import findings
from support.server_programs import WITH_FIELD_TIMES
from support.servers import Live, wait_until

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.errors import ArchiveTuiError, NotPermittedError, RefusedError
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.session import Session
from archive_tui.store.read.leftover import leavings
from archive_tui.store.write import cleanup
from archive_tui.store.write.repair import Types, repair, types_of

Q = "default"
LATER = float(NOW + 600)


def rows_of(live: Live) -> list[TaskRow]:
    """What a scan finds; the repairs begin with that."""
    return list({row.id: row for row in find(live, [Q], 100)[::-1]}.values())


def mend(live: Live, how: Repair, rows: list[TaskRow]) -> list[Outcome]:
    with live.pipe() as pipe:
        return repair(pipe, how, rows, LATER)


def state_of(live: Live, task_id: str) -> bytes | None:
    found: bytes | None = live.client.hget(key(Q, task_id), "state")
    return found


def score_in(live: Live, index: str, task_id: str) -> float | None:
    found: float | None = live.client.zscore(prefix(Q) + index.encode(), task_id)
    return found


@pytest.fixture
def live(any_server: Live) -> Live:
    any_server.asynq.register(Q)
    any_server.asynq.add(Q, "healthy", "archived")
    return any_server


@pytest.mark.parametrize("state", ["archived", "completed", "pending", "active", "scheduled", "retry", "aggregating"])
@pytest.mark.parametrize("how", [Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.RUN, Repair.RUN_AFRESH])
def test_what_stands_nowhere_is_put_back(live: Live, state: str, how: Repair) -> None:
    live.asynq.add(Q, "loose", state, referenced=False, retried=3, last_failed_at=NOW - 60)
    assert mend(live, how, rows_of(live)) == [Outcome.DONE]
    assert findings(live.client) == {}
    message = TaskMessage.FromString(live.client.hget(key(Q, "loose"), "msg"))
    if how.archives:
        assert state_of(live, "loose") == b"archived"
        assert score_in(live, "archived", "loose") == (NOW - 60 if how is Repair.ARCHIVE else LATER)
    else:
        assert live.client.lrange(prefix(Q) + b"pending", 0, -1) == [b"loose"]
        assert live.client.hget(key(Q, "loose"), "pending_since") == b"%d" % (LATER * 1e9)
    assert message.retried == (0 if how is Repair.RUN_AFRESH else 3)


@pytest.mark.parametrize("state", ["pending", "active", "scheduled", "retry", "aggregating"])
def test_lost_task_goes_where_its_state_says(live: Live, state: str) -> None:
    live.asynq.add(Q, "loose", state, referenced=False)
    assert mend(live, Repair.FOLLOW_STATE, rows_of(live)) == [Outcome.DONE]
    assert findings(live.client) == {}
    assert state_of(live, "loose") == state.encode()
    if state == "aggregating":
        (group,) = live.client.smembers(prefix(Q) + b"groups")
        assert live.client.zrange(prefix(Q) + b"g:" + group, 0, -1) == [b"loose"], "Asynq aggregates it again"


GROUPED = (Repair.FOLLOW_STATE, Repair.RUN, Repair.RUN_AFRESH, Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.CLEAN)


def unname(live: Live, group: str = "mail") -> None:
    """Leave a task in a group that Asynq does not look into."""
    live.asynq.add(Q, "loose", "aggregating", group=group)
    live.client.srem(prefix(Q) + b"groups", group)


@pytest.mark.parametrize("how", GROUPED)
def test_a_task_in_a_group_that_nobody_looks_into_is_lost(live: Live, how: Repair) -> None:
    """The group is named again, or the task leaves it; it keeps its turn."""
    unname(live)
    (row,) = rows_of(live)
    assert (row.kind, row.index_name, row.scored_at) == (Kind.LOST, "g:mail", NOW)
    assert mend(live, how, [row]) == [Outcome.DONE]
    assert findings(live.client) == {}
    if how is Repair.FOLLOW_STATE:
        assert live.client.smembers(prefix(Q) + b"groups") == {b"mail"}
        assert score_in(live, "g:mail", "loose") == NOW
    else:
        assert not live.client.exists(prefix(Q) + b"groups", prefix(Q) + b"g:mail")


@pytest.mark.parametrize("how", GROUPED)
def test_a_group_that_is_named_by_now_is_left_alone(live: Live, how: Repair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next task of its group heals it. That may happen after we have looked, and before the script runs."""
    unname(live)
    (row,) = rows_of(live)
    monkeypatch.setattr("archive_tui.store.write.repair._still_lost", lambda *_: {row.id})
    live.asynq.add(Q, "next", "aggregating", group="mail")
    before = everything(live.client)
    assert mend(live, how, [row]) == [Outcome.NOW_REFERENCED]
    assert everything(live.client) == before


@pytest.mark.parametrize("how", GROUPED)
def test_a_set_that_is_being_aggregated_is_left_alone(live: Live, how: Repair) -> None:
    unname(live)
    (row,) = rows_of(live)
    staged = prefix(Q) + b"g:mail:some-uuid"
    live.client.rename(prefix(Q) + b"g:mail", staged)
    live.client.zadd(prefix(Q) + b"aggregation_sets", {staged: NOW})
    before = everything(live.client)
    assert mend(live, how, [row]) == [Outcome.NOW_REFERENCED]
    assert everything(live.client) == before


def unlease(live: Live) -> TaskRow:
    """Leave a task in `active` that no worker has and nobody recovers; its finding."""
    live.asynq.add(Q, "loose", "active")
    live.client.zrem(prefix(Q) + b"lease", "loose")
    (row,) = rows_of(live)
    assert (row.kind, row.index_name) == (Kind.LOST, "active")
    return row


@pytest.mark.parametrize("how", GROUPED)
def test_an_active_task_without_a_lease_gets_on(live: Live, how: Repair) -> None:
    """With a lease that has run out, Asynq takes it for the task of a worker that died."""
    row = unlease(live)
    assert mend(live, how, [row]) == [Outcome.DONE]
    assert findings(live.client) == {}
    if how is Repair.FOLLOW_STATE:
        assert live.client.lrange(prefix(Q) + b"active", 0, -1) == [b"loose"]
        assert score_in(live, "lease", "loose") == LATER
    else:
        assert not live.client.exists(prefix(Q) + b"active", prefix(Q) + b"lease")


@pytest.mark.parametrize("index", ["lease", "deadlines"])
@pytest.mark.parametrize("how", GROUPED)
def test_an_active_task_that_a_worker_has_by_now_is_left_alone(live: Live, how: Repair, index: str) -> None:
    row = unlease(live)
    put(live.asynq, Q, b"loose", index)
    before = everything(live.client)
    assert mend(live, how, [row]) == [Outcome.NOW_REFERENCED]
    assert everything(live.client) == before


def test_fields_that_we_do_not_know_survive_a_new_message(live: Live) -> None:
    unknown = b"\xa2\x06\x05later"  # field 100, of a version to come
    live.asynq.add(Q, "loose", referenced=False, message=a_message(Q, "loose", retried=7).SerializeToString() + unknown)
    mend(live, Repair.RUN_AFRESH, rows_of(live))
    raw = live.client.hget(key(Q, "loose"), "msg")
    assert unknown in raw
    assert TaskMessage.FromString(raw) == TaskMessage.FromString(a_message(Q, "loose").SerializeToString() + unknown)


MOVES = [Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.RUN, Repair.RUN_AFRESH, Repair.FOLLOW_STATE]


@pytest.mark.parametrize("how", MOVES)
def test_task_that_is_to_live_has_no_time_to_live_any_more(live: Live, how: Repair) -> None:
    """Else it is a ghost in the index where the repair put it, once its time runs out."""
    live.asynq.add(Q, "loose", "pending", referenced=False)
    live.client.pexpire(key(Q, "loose"), 600_000)
    assert mend(live, how, rows_of(live)) == [Outcome.DONE]
    assert live.client.pttl(key(Q, "loose")) == -1


@pytest.mark.parametrize("how", [Repair.RUN, Repair.FOLLOW_INDEX, Repair.FOLLOW_STATE])
def test_mismatch_that_is_to_live_has_no_time_to_live_any_more(live: Live, how: Repair) -> None:
    live.asynq.add(Q, "turned", "retry", referenced=False)
    live.asynq.refer(Q, "turned", "archived")
    live.client.pexpire(key(Q, "turned"), 600_000)
    assert mend(live, how, rows_of(live)) == [Outcome.DONE]
    assert live.client.pttl(key(Q, "turned")) == -1


@pytest.mark.parametrize("how", MOVES)
@pytest.mark.parametrize("_version_settings", WITH_FIELD_TIMES, indirect=True, scope="session")
def test_fields_of_a_task_that_is_to_live_have_no_time_to_live_any_more(every_version: Live, how: Repair) -> None:
    """What loses its message is a husk."""
    live = every_version
    live.asynq.register(Q)
    live.asynq.add(Q, "loose", "pending", referenced=False, fields={b"other": b"value"})
    fields = ("msg", "state", "other")
    live.client.execute_command("HPEXPIRE", key(Q, "loose"), 600_000, "FIELDS", 3, *fields)
    assert mend(live, how, rows_of(live)) == [Outcome.DONE]
    assert live.client.execute_command("HPTTL", key(Q, "loose"), "FIELDS", 3, *fields) == [-1, -1, -1]
    assert live.client.hget(key(Q, "loose"), "other") == b"value"


@pytest.mark.parametrize(
    ("failed", "how", "stands"),
    [
        (NOW - 60, Repair.ARCHIVE, NOW - 60),
        (NOW - 60, Repair.ARCHIVE_NOW, LATER),
        (NOW - 90 * 86_400, Repair.ARCHIVE, LATER),
        (0, Repair.ARCHIVE, LATER),
    ],
)
def test_moment_of_archiving(valkey: Live, failed: int, how: Repair, stands: float) -> None:
    """What failed so long ago that Asynq would drop it at once is archived as of now."""
    valkey.asynq.register(Q)
    valkey.asynq.add(Q, "loose", referenced=False, last_failed_at=failed)
    mend(valkey, how, rows_of(valkey))
    assert score_in(valkey, "archived", "loose") == stands


@pytest.mark.parametrize(
    "place", ["pending", "active", "lease", "scheduled", "retry", "archived", "completed", "g:daily"]
)
def test_ghosts_leave_every_index(live: Live, place: str) -> None:
    put(live.asynq, Q, b"gone", place)
    if place == "active":
        put(live.asynq, Q, b"gone", "lease")
    assert mend(live, Repair.REMOVE_ID, rows_of(live)) == [Outcome.DONE]
    assert findings(live.client) == {}
    assert not live.client.exists(prefix(Q) + place.encode()) or place == "archived"
    assert not live.client.exists(prefix(Q) + b"groups"), "Asynq takes the name of an empty group away as well"


PLACES = ("pending", "active", "lease", "scheduled", "retry", "archived", "completed", "g:daily")
STATES = ("pending", "active", "scheduled", "retry", "archived", "completed", "aggregating")
MEANS = {"lease": "active", "g:daily": "aggregating"}
TORN = [(place, state) for place in PLACES for state in STATES if MEANS.get(place, place) != state]


@pytest.mark.parametrize(("place", "state"), TORN)
@pytest.mark.parametrize("how", [Repair.FOLLOW_INDEX, Repair.FOLLOW_STATE, Repair.RUN, Repair.CLEAN])
def test_mismatches_are_set_right_in_either_direction(valkey: Live, place: str, state: str, how: Repair) -> None:
    valkey.asynq.register(Q)
    write(valkey.asynq, Q, b"torn", state)
    put(valkey.asynq, Q, b"torn", place)
    assert mend(valkey, how, rows_of(valkey)) == [Outcome.DONE]
    assert findings(valkey.client) == {}
    wanted = {Repair.FOLLOW_INDEX: MEANS.get(place, place), Repair.FOLLOW_STATE: state, Repair.RUN: "pending"}.get(how)
    assert state_of(valkey, "torn") == (wanted.encode() if wanted else None)
    if how is Repair.FOLLOW_INDEX and place in ("scheduled", "archived"):
        assert score_in(valkey, place, "torn") == 1_795_000_000, "its score stays"


ALIVE = ("pending", "active", "scheduled", "retry", "aggregating")


@pytest.mark.parametrize("state", ALIVE)
@pytest.mark.parametrize("how", [Repair.FOLLOW_INDEX, Repair.RUN, Repair.RUN_AFRESH, Repair.CLEAN])
def test_a_live_task_under_the_id_of_a_ghost_is_left_alone(live: Live, state: str, how: Repair) -> None:
    """What a stuck archive leaves: once a task's data is gone its id can be enqueued again, and stands there still."""
    live.asynq.add(Q, "again", state, unique=lock_key(Q))
    put(live.asynq, Q, b"again", "archived")
    before = everything(live.client)
    (row,) = rows_of(live)
    assert (row.kind, row.index_name) == (Kind.MISMATCH, "archived")
    assert mend(live, how, [row]) == [Outcome.ALIVE]
    assert everything(live.client) == before


@pytest.mark.parametrize("state", ALIVE)
def test_a_live_task_leaves_the_index_of_a_ghost(live: Live, state: str) -> None:
    live.asynq.add(Q, "again", state)
    put(live.asynq, Q, b"again", "archived")
    assert mend(live, Repair.FOLLOW_STATE, rows_of(live)) == [Outcome.DONE]
    assert findings(live.client) == {}
    assert state_of(live, "again") == state.encode()


@pytest.mark.parametrize("how", [Repair.FOLLOW_STATE, Repair.FOLLOW_INDEX])
def test_a_task_that_a_worker_has_keeps_its_lease(live: Live, how: Repair) -> None:
    """A lease that ends at once passes for a worker that died, and the task would be run twice."""
    live.asynq.add(Q, "again", "active", score=NOW + 3_000_000_000)
    put(live.asynq, Q, b"again", "archived")
    mend(live, how, rows_of(live))
    assert score_in(live, "lease", "again") == NOW + 3_000_000_000


@pytest.mark.parametrize("state", ALIVE)
def test_a_live_task_keeps_its_place(live: Live, state: str) -> None:
    """Who waits longest is served first: it goes on waiting where it stands, and since when it does."""
    for task_id in ("first", "again", "last"):
        live.asynq.add(Q, task_id, state)
    before = everything(live.client)
    put(live.asynq, Q, b"again", "archived")
    assert mend(live, Repair.FOLLOW_STATE, rows_of(live)) == [Outcome.DONE]
    assert everything(live.client) == before


def test_a_live_task_is_seen_among_very_many_and_while_its_group_is_aggregated(live: Live) -> None:
    live.asynq.add(Q, "again", "pending")
    live.asynq.add_many(Q, [f"later-{number}" for number in range(3_000)], "pending")
    live.asynq.add(Q, "staged", "aggregating")
    group = live.client.hget(key(Q, "staged"), "group")
    staged = prefix(Q) + b"g:" + group + b":some-uuid"
    live.client.rename(prefix(Q) + b"g:" + group, staged)
    live.client.zadd(prefix(Q) + b"aggregation_sets", {staged: NOW})
    for task_id in (b"again", b"staged"):
        put(live.asynq, Q, task_id, "archived")
    assert mend(live, Repair.CLEAN, rows_of(live)) == [Outcome.ALIVE] * 2


@pytest.mark.parametrize("how", [Repair.FOLLOW_STATE, Repair.FOLLOW_INDEX])
def test_a_task_that_is_being_aggregated_stays_in_that_set_alone(live: Live, how: Repair) -> None:
    """In its group as well it would be aggregated twice, the second time without its data."""
    live.asynq.add(Q, "staged", "aggregating")
    staged = prefix(Q) + b"g:g1:some-uuid"
    live.client.rename(prefix(Q) + b"g:g1", staged)
    live.client.srem(prefix(Q) + b"groups", "g1")
    live.client.zadd(prefix(Q) + b"aggregation_sets", {staged: NOW})
    before = everything(live.client)
    put(live.asynq, Q, b"staged", "archived")
    mend(live, how, rows_of(live))
    if how is Repair.FOLLOW_STATE:
        assert everything(live.client) == before
    assert live.client.zrange(staged, 0, -1) == [b"staged"]
    assert not live.client.exists(prefix(Q) + b"g:g1")


@pytest.mark.parametrize("what", ["husk", "garbled", "empty", "other"])
@pytest.mark.parametrize("place", ["", "pending", "active", "retry"])
def test_husks_go_with_their_ids(live: Live, what: str, place: str) -> None:
    write(live.asynq, Q, b"shell", what)
    if place:
        put(live.asynq, Q, b"shell", place)
    assert mend(live, Repair.CLEAN, rows_of(live)) == [Outcome.DONE]
    assert findings(live.client) == {}
    assert not live.client.exists(key(Q, "shell"))


@pytest.mark.parametrize("place", ["", "archived"])
def test_husk_whose_fields_have_all_expired_goes(
    own_server: Callable[..., Live], run_job: Callable[[Job], Job], tmp_path: Path, place: str
) -> None:
    """On Valkey 9 its key stays until it is deleted: nothing that reads it clears it away."""
    live = own_server()
    live.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    live.asynq.register(Q)
    live.asynq.add(Q, "hollow", referenced=bool(place))
    live.client.execute_command("HPEXPIRE", key(Q, "hollow"), 1, "FIELDS", 2, "msg", "state")
    wait_until(lambda: not live.client.hgetall(key(Q, "hollow")))
    assert live.client.exists(key(Q, "hollow"))
    catalog = Catalog()
    assert run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL)).wait(20)
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.CLEAN)
    job = repairing(live.connect(), plan, Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(20)
    assert job.progress.outcomes == {Outcome.DONE: 1}
    assert not live.client.exists(key(Q, "hollow"))
    assert find(live, [Q], 100) == []
    catalog.close()


def test_hash_whose_fields_have_all_expired_goes_with_its_leftover_queue(
    own_server: Callable[..., Live], run_job: Callable[[Job], Job], tmp_path: Path
) -> None:
    live = own_server()
    live.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    live.asynq.add_many("gone", ["hollow", "whole"], "completed")
    live.client.execute_command("HPEXPIRE", key("gone", "hollow"), 1, "FIELDS", 2, "msg", "state")
    wait_until(lambda: not live.client.hgetall(key("gone", "hollow")))
    job = cleaning_up(live.connect(), "gone", Pace.FULL, journal_dir=tmp_path)
    assert run_job(job).wait(20)
    assert job.error is None
    assert live.client.keys("asynq:{gone}:*") == []


@pytest.mark.parametrize("in_hash", [True, False])
def test_lost_task_that_is_deleted_frees_its_lock(live: Live, in_hash: bool) -> None:
    lock = lock_key(Q)
    live.asynq.add(Q, "loose", "pending", referenced=False, unique=lock, unique_field=in_hash)
    assert mend(live, Repair.CLEAN, rows_of(live)) == [Outcome.DONE_AND_UNLOCKED]
    assert not live.client.exists(lock, key(Q, "loose"))


def change_state(client: redis.Redis) -> None:
    client.hset(key(Q, "loose"), "state", "completed")


def change_message(client: redis.Redis) -> None:
    client.hset(key(Q, "loose"), "msg", a_message(Q, "loose", retried=9).SerializeToString())


def refer(client: redis.Redis) -> None:
    client.zadd(prefix(Q) + b"archived", {"loose": NOW})


def delete(client: redis.Redis) -> None:
    client.delete(key(Q, "loose"))


def replace(client: redis.Redis) -> None:
    client.delete(key(Q, "loose"))
    client.set(key(Q, "loose"), "text")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (change_state, Outcome.STATE_CHANGED),
        (change_message, Outcome.MESSAGE_CHANGED),
        (refer, Outcome.NOW_REFERENCED),
        (delete, Outcome.GONE),
        (replace, Outcome.NOT_A_TASK),
    ],
)
@pytest.mark.parametrize("how", [Repair.ARCHIVE, Repair.ARCHIVE_NOW, Repair.RUN, Repair.RUN_AFRESH])
def test_what_has_changed_is_left_alone(
    valkey: Live, how: Repair, change: Callable[[redis.Redis], None], outcome: Outcome
) -> None:
    valkey.asynq.register(Q)
    valkey.asynq.add(Q, "loose", referenced=False)
    rows = rows_of(valkey)
    change(valkey.client)
    before = everything(valkey.client)
    assert mend(valkey, how, rows) == [outcome]
    assert everything(valkey.client) == before


def test_lost_task_that_came_back_is_left_alone(valkey: Live) -> None:
    valkey.asynq.register(Q)
    valkey.asynq.add(Q, "loose", "pending", referenced=False)
    rows = rows_of(valkey)
    valkey.asynq.refer(Q, "loose", "pending")
    assert mend(valkey, Repair.RUN, rows) == [Outcome.NOW_REFERENCED]
    assert valkey.client.lrange(prefix(Q) + b"pending", 0, -1) == [b"loose"]


def test_ghost_whose_data_came_back_is_left_alone(valkey: Live) -> None:
    valkey.asynq.register(Q)
    put(valkey.asynq, Q, b"gone", "archived")
    rows = rows_of(valkey)
    valkey.asynq.add(Q, "gone", "archived")
    assert mend(valkey, Repair.REMOVE_ID, rows) == [Outcome.NOT_A_GHOST]
    assert score_in(valkey, "archived", "gone") is not None


@pytest.mark.parametrize("refused", ["zadd", "zrem", "hset", "lpush", "lrem", "unlink", "sadd", "hdel", "del"])
def test_who_may_not_do_all_of_it_does_none_of_it(any_server: Live, refused: str) -> None:
    any_server.asynq.register(Q)
    any_server.asynq.add(Q, "loose", referenced=False)
    rows = rows_of(any_server)
    any_server.user("half", "~*", "+@all", f"-{refused}")
    before = everything(any_server.client)
    with pytest.raises(NotPermittedError), any_server.pipe(username="half", password="word") as pipe:
        repair(pipe, Repair.RUN, rows, LATER)
    assert everything(any_server.client) == before


def test_index_of_another_type_is_not_touched(valkey: Live) -> None:
    valkey.asynq.register(Q)
    valkey.asynq.add(Q, "loose", referenced=False)
    rows = rows_of(valkey)
    valkey.client.set(prefix(Q) + b"archived", "text")
    with pytest.raises(ArchiveTuiError, match="not the index"):
        mend(valkey, Repair.RUN, rows)
    assert state_of(valkey, "loose") == b"archived"


def test_stuck_archive_is_recognised(valkey: Live) -> None:
    old = NOW - 91 * 86_400
    valkey.client.zadd(prefix(Q) + b"archived", {f"gone-{number}": old for number in range(7_999)})
    session = Session(valkey.settings, lambda: float(NOW))
    session.open()
    assert not session.archive_forecast(Q).stuck
    valkey.client.zadd(prefix(Q) + b"archived", {"one more": old, "young": NOW})
    forecast = session.archive_forecast(Q)
    assert forecast.stuck
    assert (forecast.size, forecast.expired) == (8_001, 8_000)
    session.close()


def test_leftover_queue_is_registered_again(valkey: Live) -> None:
    valkey.asynq.add("gone", "one", "completed")
    with valkey.pipe() as pipe:
        assert cleanup.register(pipe, "gone")
        assert not cleanup.register(pipe, "gone")
    assert valkey.client.smembers("asynq:queues") == {b"gone"}


def test_leftover_queue_is_cleaned_up_whole(any_server: Live) -> None:
    asynq = any_server.asynq
    asynq.register("fine")
    asynq.add("fine", "one")
    asynq.add_many("gone*", [f"done-{number}" for number in range(1_200)], "completed")
    asynq.add_many("gone*", ["a", "b"], "aggregating")
    any_server.client.set(prefix("gone*") + b"processed:2026-01-01", 5)
    rows = []
    with any_server.pipe() as pipe:
        for found in leavings(pipe, "gone*"):
            rows += found.rows
            cleanup.remove(pipe, "gone*", [*[key("gone*", row.id) for row in found.rows], *found.others])
    assert len({row.id for row in rows}) == 1_202
    assert all(row.readable for row in rows)
    assert {one.partition(b"}")[0] for one in any_server.client.keys("asynq:{*")} == {b"asynq:{fine"}


@pytest.mark.parametrize("awake", ["register", "pending"])
def test_queue_that_is_no_leftover_any_more_is_not_cleaned_up(valkey: Live, awake: str) -> None:
    valkey.asynq.add("gone", "one", "completed")
    if awake == "register":
        valkey.asynq.register("gone")
    else:
        valkey.asynq.add("gone", "two", "pending")
    with valkey.pipe() as pipe, pytest.raises(RefusedError, match="no leftover"):
        cleanup.remove(pipe, "gone", [key("gone", "one")])
    assert valkey.client.exists(key("gone", "one"))


def test_many_ghosts_in_a_long_list_keep_the_server_free(valkey: Live) -> None:
    """A script call searches a long list for a few ids only."""
    valkey.asynq.register(Q)
    valkey.asynq.add_many(Q, [f"fine-{number}" for number in range(30_000)], "pending")
    valkey.client.rpush(prefix(Q) + b"pending", *[f"gone-{number}" for number in range(50)])
    rows = [row for row in rows_of(valkey) if row.kind is Kind.GHOST]
    valkey.client.config_resetstat()
    assert mend(valkey, Repair.REMOVE_ID, rows) == [Outcome.DONE] * 50
    assert valkey.calls()["evalsha"] + valkey.calls().get("eval", 0) >= 8


# Foreign keys


def plant(live: Live, kind: str, place: str = "") -> list[TaskRow]:
    """A key of this type in the place of task data; what a scan finds of it."""
    at = key(Q, "odd")
    {
        "string": lambda: live.client.set(at, "text"),
        "list": lambda: live.client.rpush(at, "a", "b"),
        "set": lambda: live.client.sadd(at, "a"),
        "zset": lambda: live.client.zadd(at, {"a": 1}),
        "stream": lambda: live.client.xadd(at, {"a": "b"}),
    }[kind]()
    if place:
        put(live.asynq, Q, b"odd", place)
    rows = rows_of(live)
    assert [row.kind for row in rows] == [Kind.FOREIGN]
    return rows


def delete_planned(live: Live, rows: list[TaskRow], types: Types) -> list[Outcome]:
    with live.pipe() as pipe:
        return repair(pipe, Repair.DELETE_KEY, rows, LATER, types=types)


def planned(live: Live, rows: list[TaskRow]) -> Types:
    with live.pipe() as pipe:
        return types_of(pipe, rows)


@pytest.mark.parametrize("kind", ["string", "list", "set", "zset", "stream"])
@pytest.mark.parametrize("place", ["", "pending", "archived", "g:daily"])
def test_foreign_keys_go_with_their_ids_and_nothing_else_does(live: Live, kind: str, place: str) -> None:
    before = everything(live.client)
    rows = plant(live, kind, place)
    types = planned(live, rows)
    assert types == {(Q, b"odd"): kind.encode()}
    assert delete_planned(live, rows, types) == [Outcome.DONE]
    assert everything(live.client) == before
    assert findings(live.client) == {}, "no ghost is left behind"
    assert delete_planned(live, rows, types) == [Outcome.GONE]


def becomes_a_task(live: Live) -> None:
    live.client.delete(key(Q, "odd"))
    live.asynq.add(Q, "odd", referenced=False)


def becomes_a_list(live: Live) -> None:
    live.client.delete(key(Q, "odd"))
    live.client.rpush(key(Q, "odd"), "a")


def is_referenced(live: Live) -> None:
    put(live.asynq, Q, b"odd", "archived")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (becomes_a_task, Outcome.NOW_A_HASH),
        (becomes_a_list, Outcome.TYPE_CHANGED),
        (is_referenced, Outcome.NOW_REFERENCED),
    ],
)
def test_foreign_key_that_has_changed_is_left_alone(
    live: Live, change: Callable[[Live], None], outcome: Outcome
) -> None:
    rows = plant(live, "string")
    types = planned(live, rows)
    change(live)
    before = everything(live.client)
    assert delete_planned(live, rows, types) == [outcome]
    assert everything(live.client) == before


def test_foreign_key_that_was_a_task_when_planned_is_left_alone(live: Live) -> None:
    """Between the scan and the plan as well: what is a hash is never deleted as a foreign key."""
    rows = plant(live, "string")
    becomes_a_task(live)
    before = everything(live.client)
    assert delete_planned(live, rows, planned(live, rows)) == [Outcome.NOW_A_HASH]
    assert everything(live.client) == before


def test_foreign_key_of_unknown_type_is_left_alone(live: Live) -> None:
    rows = plant(live, "string")
    assert delete_planned(live, rows, {}) == [Outcome.TYPE_CHANGED]
    assert live.client.exists(key(Q, "odd"))
