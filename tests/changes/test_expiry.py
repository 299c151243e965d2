"""Times to live on task data: in the plan, in the journal as a point in time, and back again."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import key
from support.changes import delete_all, planned, put_back, repairing
from support.command_line import Command, at
from support.server_programs import WITH_FIELD_TIMES
from support.servers import Live, wait_until

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_words import notes
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.store.write.restore import Target, restore

Run = Callable[[Job], Job]
HOUR = 3_600_000

with_field_times = pytest.mark.parametrize("_version_settings", WITH_FIELD_TIMES, indirect=True, scope="session")


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def lines_of(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def ends(live: Live, task_id: str, *fields: str) -> list[int]:
    """When fields expire, in unix milliseconds; -1 for never."""
    found: list[int] = live.client.execute_command("HPEXPIRETIME", key("q", task_id), "FIELDS", len(fields), *fields)
    return found


def limit(live: Live, task_id: str, *fields: str, left: int = HOUR) -> None:
    live.client.execute_command("HPEXPIRE", key("q", task_id), left, "FIELDS", len(fields), *fields)


@pytest.mark.parametrize("listed", [None, "q"], ids=["orphans", "archive"])
def test_a_task_comes_back_with_its_time_to_live(
    any_server: Live, run_job: Run, journal_dir: Path, listed: str | None
) -> None:
    """As the moment that it was, not as so many seconds from then."""
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", ["one", "two"], referenced=listed is not None)
    until = int(any_server.client.time()[0]) * 1000 + HOUR
    any_server.client.pexpireat(key("q", "one"), until)
    deleted = delete_all(any_server, run_job, journal_dir, listed=listed)
    tasks = {line["id"]: line for line in lines_of(deleted.journal) if "fields" in line}
    assert abs(tasks["one"]["until_ms"] - until) <= 1000, "the reading is as exact as the clock"
    assert tasks["two"]["until_ms"] is None
    progress = put_back(any_server, run_job, planned(any_server, deleted))
    assert progress.outcomes == {Outcome.DONE: 2}
    assert abs(any_server.client.pttl(key("q", "one")) + int(any_server.client.time()[0]) * 1000 - until) <= 2000
    assert any_server.client.pttl(key("q", "two")) == -1


@with_field_times
def test_fields_come_back_with_their_times_to_live(every_version: Live, run_job: Run, journal_dir: Path) -> None:
    """Valkey 9 and Redis 7.4 know such times."""
    every_version.asynq.register("q")
    every_version.asynq.add("q", "one", referenced=False, fields={b"result": b"r", b"\xff": b"x"})
    every_version.asynq.add("q", "two", referenced=False)
    limit(every_version, "one", "result", "state")
    before = ends(every_version, "one", "msg", "state", "result")
    deleted = delete_all(every_version, run_job, journal_dir)
    tasks = {line["id"]: line for line in lines_of(deleted.journal) if "fields" in line}
    assert tasks["one"]["field_until_ms"] == {"state": before[1], "result": before[2]}
    assert tasks["two"]["field_until_ms"] is None
    assert put_back(every_version, run_job, planned(every_version, deleted)).outcomes == {Outcome.DONE: 2}
    assert ends(every_version, "one", "msg", "state", "result") == before
    assert every_version.client.hget(key("q", "one"), b"\xff") == b"x"


def test_what_has_run_out_meanwhile_stays_away_unless_it_is_to_live(
    any_server: Live, run_job: Run, journal_dir: Path
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", ["one", "two"], referenced=False)
    any_server.client.pexpire(key("q", "one"), 1500)
    deleted = delete_all(any_server, run_job, journal_dir)
    until = next(line["until_ms"] for line in lines_of(deleted.journal) if line.get("id") == "one")
    while int(any_server.client.time()[0]) * 1000 <= until:
        pass
    plan = planned(any_server, deleted)
    assert (plan.timed, plan.expired) == (1, 1)
    assert any("1 have run out and are skipped" in note for note in notes(plan))
    assert put_back(any_server, run_job, plan).outcomes == {Outcome.EXPIRED: 1, Outcome.DONE: 1}
    assert not any_server.client.exists(key("q", "one"))
    again = planned(any_server, deleted, Target.ARCHIVE)
    assert put_back(any_server, run_job, again).outcomes == {Outcome.DONE: 1}
    assert any_server.client.pttl(key("q", "one")) == -1


@with_field_times
@pytest.mark.parametrize("target", list(Target))
def test_fields_that_have_run_out_meanwhile_are_left_out(every_version: Live, target: Target) -> None:
    fields = (b"msg", b"m", b"state", b"archived", b"result", b"r")
    now = int(every_version.client.time()[0])
    copy = Copy("q", b"one", fields, field_until={b"result": now * 1000 - 1})
    gone = Copy("q", b"two", fields[:2], field_until={b"msg": now * 1000 - 1})
    with every_version.pipe() as pipe:
        outcomes, failure = restore(pipe, [copy, gone], target, now)
    assert failure is None
    if target is Target.BACK:
        assert outcomes == [Outcome.DONE, Outcome.EXPIRED]
        assert every_version.client.hkeys(key("q", "one")) == [b"msg", b"state"]
    else:
        assert outcomes == [Outcome.DONE, Outcome.DONE]
        assert every_version.client.hget(key("q", "one"), "result") == b"r"


def test_a_server_that_knows_no_times_of_fields_is_told_of(every_version: Live) -> None:
    """Redis before 7.4 keeps all fields for ever; that is not passed over."""
    now = int(every_version.client.time()[0])
    copy = Copy("q", b"one", (b"msg", b"m", b"state", b"archived"), field_until={b"msg": now * 1000 + HOUR})
    with every_version.pipe() as pipe:
        outcomes, _ = restore(pipe, [copy], Target.BACK, now)
        knows = pipe.one(b"COMMAND", b"INFO", b"hpexpireat") != [None]
    assert outcomes == [Outcome.DONE if knows else Outcome.WITHOUT_TIMES]
    assert every_version.client.hget(key("q", "one"), "msg") == b"m"


def test_plans_say_what_would_expire(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", ["one", "two"], referenced=False)
    any_server.asynq.add("q", "lost", "pending", referenced=False)
    for task_id in ("one", "lost"):
        any_server.client.pexpireat(key("q", task_id), 4_102_444_800_000)
    orphans = ("delete", "--queue", "q", "--kind", "orphan-archived", "--dry-run")
    plan = cli(*at(any_server, *orphans, "--json")).json
    assert (plan["expiring"], plan["first_expires_at"]) == (1, "2100-01-01T00:00:00Z")
    assert "1 task, from 2100-01-01" in cli(*at(any_server, *orphans)).text
    lost = ("repair", "--queue", "q", "--kind", "lost", "--action", "run", "--dry-run")
    assert "taken off what is to live" in cli(*at(any_server, *lost)).text
    assert cli(*at(any_server, *lost, "--json")).json["expiring"] == 1


@with_field_times
def test_plans_say_what_would_expire_in_part(every_version: Live, cli: Command) -> None:
    every_version.asynq.register("q")
    every_version.asynq.add_many("q", ["one", "two"], referenced=False)
    limit(every_version, "two", "msg")
    orphans = ("delete", "--queue", "q", "--kind", "orphan-archived", "--dry-run", "--json")
    assert cli(*at(every_version, *orphans)).json["expiring"] == 1


@with_field_times
def test_a_task_shows_its_times_to_live(every_version: Live, cli: Command) -> None:
    every_version.asynq.register("q")
    every_version.asynq.add("q", "one")
    assert cli(*at(every_version, "show", "q", "one", "--json")).json["expires_at"] is None
    every_version.client.pexpireat(key("q", "one"), 4_102_444_800_000)
    every_version.client.execute_command("HPEXPIREAT", key("q", "one"), 4_102_444_801_000, "FIELDS", 1, "state")
    task = cli(*at(every_version, "show", "q", "one", "--json")).json
    assert task["expires_at"] == "2100-01-01T00:00:00Z"
    assert task["fields_expire_at"] == {"state": "2100-01-01T00:00:01Z"}
    shown = cli(*at(every_version, "show", "q", "one")).text
    assert re.search(r"^Expires +\d+ years from now", shown, re.MULTILINE)
    assert re.search(r"^Expires +field state \d+ years from now", shown, re.MULTILINE)


@with_field_times
def test_times_of_fields_that_may_not_be_asked_for_are_unknown(
    every_version: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_version.asynq.register("q")
    every_version.asynq.add("q", "one")
    every_version.user("ann", "~*", "+@all", "-hpexpiretime")
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "ann")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    assert cli(*at(every_version, "show", "q", "one", "--json")).json["fields_expire_at"] is None


def test_a_long_plan_is_sampled_from_end_to_end(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What expires may all be at its end."""
    monkeypatch.setattr("archive_tui.changes.expiry._MOST", 10)
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [f"{number:02}" for number in range(40)], referenced=False)
    for number in range(20, 40):
        any_server.client.pexpireat(key("q", f"{number:02}"), 4_102_444_800_000)
    orphans = ("delete", "--queue", "q", "--kind", "orphan-archived", "--dry-run")
    plan = cli(*at(any_server, *orphans, "--json")).json
    assert plan["expiring_among"] == 10
    assert 0 < plan["expiring"] < 10
    assert f"of {plan['expiring']} tasks among 10 that were looked at" in cli(*at(any_server, *orphans)).text
    monkeypatch.setattr("archive_tui.changes.expiry._MOST", 40)
    plan = cli(*at(any_server, *orphans, "--json")).json
    assert (plan["expiring"], plan["expiring_among"]) == (20, None)


@with_field_times
@pytest.mark.parametrize("place", ["", "archived"])
def test_a_hash_whose_fields_have_all_expired_leaves_nothing_behind(
    every_version: Live, run_job: Run, catalog: Catalog, journal_dir: Path, place: str
) -> None:
    """It is there until somebody clears it away: on Redis whoever reads a field (then its id is a ghost), on Valkey
    nobody but who deletes it (till then it is a husk).
    """
    live = every_version
    live.asynq.register("q")
    live.asynq.add("q", "hollow", referenced=bool(place))
    live.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    try:
        limit(live, "hollow", "msg", "state", left=1)
        wait_until(lambda: not live.client.hgetall(key("q", "hollow")))
        assert live.client.exists(key("q", "hollow"))
        job = run_job(ScanJob(live.connect(), catalog, pace=Pace.FULL))
        assert job.wait(20)
        rows = catalog.rows(catalog.find(Query())).values()
        expected = "husk" if live.name.startswith("valkey") else "ghost" if place else ""
        assert {str(row.kind) for row in rows} == ({expected} if expected else set())
        ways = {Kind.HUSK: Repair.CLEAN, Kind.GHOST: Repair.REMOVE_ID}
        repair = repairing(
            live.connect(), RepairPlan(plan_matching(catalog, Query()), ways), Pace.FULL, None, journal_dir
        )
        assert run_job(repair).wait(20)
        assert repair.progress.outcomes == ({Outcome.DONE: 1} if expected else {})
        assert live.client.keys() == [b"asynq:queues"]
    finally:
        live.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "1")
