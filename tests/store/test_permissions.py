"""Users who may not do everything, made with exactly the lines that `docs/permissions.md` gives."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError
from support.asynq_data import NOW, everything, history_key, key, lock_key
from support.command_line import Ended, at, journals
from support.deletion import delete
from support.pilot import Operator, operate
from support.schedulers import DEAD, HOUR, enqueue
from support.servers import Live

from archive_tui.asynq.actions import Action, needs
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.cleanup import CleanUpPlan
from archive_tui.changes.plan import plan_matching
from archive_tui.changes.register import RegisterPlan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.cli import run
from archive_tui.errors import NotPermittedError, RefusedError
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.store.link.server import Server
from archive_tui.store.read.permissions import Permissions, discover
from archive_tui.store.write import delete as store
from archive_tui.store.write.restore import Target

PERMISSIONS = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text()
READING, DELETING, RESTORING, _IN_A_CLUSTER, ONE_QUEUE, FIELD_TIMES, IN_BULK = (
    shlex.split(line) for line in re.findall(r"^ACL SETUSER archive-tui .*$", PERMISSIONS, re.MULTILINE)
)


def a_user(live: Live, *lines: list[str], first: list[str] | None = None) -> Settings:
    """The user of these lines, in place of those of an earlier call; `first` are rules to begin with."""
    live.client.execute_command("ACL", "DELUSER", "archive-tui")
    if first:
        live.client.execute_command("ACL", "SETUSER", "archive-tui", *first)
    for line in lines:
        live.client.execute_command(*[word.replace("PASSWORD", "word") for word in line])
    return live.connect(username="archive-tui", password="word").settings


@pytest.fixture
def shop(any_server: Live) -> Live:
    """Two queues with archived tasks and orphans, one of them with a lock."""
    asynq = any_server.asynq
    asynq.register("email", "other")
    for queue in ("email", "other"):
        asynq.add_many(queue, [f"a{number}" for number in range(5)], error_msg="refused")
        asynq.add_many(queue, [f"o{number}" for number in range(3)], referenced=False)
        asynq.add(queue, "pending", "pending")
        asynq.add(queue, "grouped", "aggregating")
    asynq.add("left", "one", "completed")
    return any_server


@pytest.fixture
def cli(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """The command line, as the user of `docs/permissions.md`."""
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "archive-tui")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")

    def call(*arguments: str) -> Ended:
        capsysbinary.readouterr()
        code = run(list(arguments))
        captured = capsysbinary.readouterr()
        return Ended(code, captured.out, captured.err.decode())

    return call


def opened(settings: Settings) -> Session:
    session = Session(settings, clock=lambda: NOW)
    session.open()
    return session


def finished(session: Session, job: Job) -> Job:
    session.run(job)
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    return job


def counts(ended: Ended) -> dict[str, int]:
    """How many findings a scan reports for each queue."""
    queues = json.loads(ended.out)["queues"]
    return {one["queue"]: sum(found["count"] for found in one["findings"].values()) for one in queues}


def test_reading_needs_only_what_the_readme_says(shop: Live, cli: Callable[..., Ended]) -> None:
    before = everything(shop.client)
    a_user(shop, READING)
    scanned = cli(*at(shop, "scan", "--json"))
    assert (scanned.code, scanned.err) == (0, "")
    assert counts(scanned) == {"email": 3, "other": 3, "left": 1}
    listed = cli(*at(shop, "queues", "--json"))
    assert [(one["queue"], one["archived"]["size"], one["permitted"]) for one in listed.json] == [
        ("email", 5, True), ("left", 0, True), ("other", 5, True),
    ]  # fmt: skip
    assert all(one["memory_bytes_estimate"] is not None for one in listed.json)
    assert cli(*at(shop, "show", "email", "a1", "--json")).json["memory_bytes"] > 0
    assert cli(*at(shop, "delete", "--queue", "email", "--archived", "--dry-run", "--json")).json["planned"] == 5
    assert everything(shop.client) == before


def test_whoever_may_only_read_is_told_so_and_deletes_nothing(shop: Live, cli: Callable[..., Ended]) -> None:
    before = everything(shop.client)
    session = opened(a_user(shop, READING))
    assert session.read_only
    assert re.fullmatch(
        r"the server refuses (this user|user archive-tui) EVALSHA, EVAL, UNLINK, DEL, ZREM", session.why_read_only
    )
    catalog = Catalog()
    finished(session, ListJob(session.server, catalog, "email"))
    with pytest.raises(RefusedError, match="EVALSHA"):
        session.start(plan_matching(catalog, Query()))
    catalog.close()
    session.close()
    ended = cli(*at(shop, "delete", "--queue", "email", "--archived", "--yes"))
    assert ended.code == 5
    assert "EVALSHA" in ended.err
    assert everything(shop.client) == before
    assert not shop.calls().get("unlink")


def test_deleting_needs_only_what_the_readme_says(shop: Live, cli: Callable[..., Ended]) -> None:
    settings = a_user(shop, READING, DELETING)
    session = opened(settings)
    assert not session.read_only
    assert session.why_not(Action.DELETE, "email") is None
    assert "HSET" in (session.why_not(Action.RESTORE, "email") or "")
    session.close()
    for arguments in (["--archived"], ["--kind", "orphan-archived"]):
        ended = cli(*at(shop, "delete", "--queue", "email", *arguments, "--yes"))
        assert (ended.code, ended.err) == (0, "")
    left = cli(*at(shop, "delete", "--queue", "left", "--kind", "orphan-completed", "--yes"))
    assert left.code == 0
    assert cli(*at(shop, "scan", "--json")).json["queues"][0]["archived"]["size"] == 0
    assert counts(cli(*at(shop, "scan", "--json"))) == {"email": 0, "other": 3}


def test_restoring_is_permitted_by_the_readmes_third_line(shop: Live) -> None:
    session = opened(a_user(shop, READING, DELETING, RESTORING))
    for action in Action:
        assert session.why_not(action, "email") is None
    session.close()


def damage(live: Live) -> None:
    """Something of every kind that can be set right, some of it in lists and groups."""
    asynq = live.asynq
    asynq.add("email", "done", "completed", referenced=False)
    asynq.add("email", "lost", "pending", referenced=False, unique=lock_key("email"))
    asynq.add("email", "afresh", "retry", referenced=False, retried=3)
    asynq.add("email", "stuck", "active", referenced=False)
    live.client.zadd("asynq:{email}:archived", {"stuck": NOW, "ghost": NOW})
    live.client.lpush("asynq:{email}:pending", "waiting")
    live.client.zadd("asynq:{email}:g:x", {"grouped": NOW})
    live.client.hset(key("email", "husk"), "state", "archived")
    for number in range(3):
        asynq.add("email", f"turned-{number}", "aggregating", referenced=False)
        live.client.zadd("asynq:{email}:archived", {f"turned-{number}": NOW})


REPAIRS: list[dict[Kind | None, Repair]] = [
    {Kind.ORPHAN_ARCHIVED: Repair.ARCHIVE, Kind.LOST: Repair.RUN, Kind.MISMATCH: Repair.FOLLOW_STATE},
    {Kind.ORPHAN_ARCHIVED: Repair.RUN, Kind.LOST: Repair.RUN_AFRESH, Kind.MISMATCH: Repair.FOLLOW_INDEX},
    {Kind.LOST: Repair.CLEAN, Kind.MISMATCH: Repair.CLEAN, Kind.HUSK: Repair.CLEAN, Kind.GHOST: Repair.REMOVE_ID},
    {Kind.LOST: Repair.ARCHIVE, Kind.MISMATCH: Repair.RUN, Kind.ORPHAN_COMPLETED: Repair.ARCHIVE},
]


@pytest.mark.parametrize("how", range(len(REPAIRS)))
def test_repairing_needs_only_what_the_readme_says(shop: Live, how: int) -> None:
    damage(shop)
    session = opened(a_user(shop, READING, DELETING, RESTORING))
    catalog = Catalog()
    finished(session, ScanJob(session.server, catalog, ["email"], Pace.FULL))
    plan = RepairPlan(plan_matching(catalog, Query()), REPAIRS[how])
    job = session.start(plan)
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    assert (job.progress.made, job.progress.in_part) == (plan.count, False)
    catalog.close()
    clean_up = session.start(CleanUpPlan("left"))
    assert clean_up.wait(20)
    assert clean_up.state is JobState.DONE, clean_up.error
    shop.asynq.add("left", "two", "completed")
    registration = session.start(RegisterPlan("left"))
    assert registration.wait(20)
    assert registration.progress.made == 1, registration.error
    session.close()


@pytest.mark.parametrize("target", list(Target))
def test_restoring_needs_only_what_the_readme_says(shop: Live, target: Target) -> None:
    shop.asynq.add("email", "locked", unique=lock_key("email"))
    session = opened(a_user(shop, READING, DELETING, RESTORING))
    catalog = Catalog()
    finished(session, ListJob(session.server, catalog, "email"))
    deleted = session.start(plan_matching(catalog, Query()))
    assert deleted.wait(20)
    catalog.close()
    assert deleted.progress.journal is not None
    job = session.start(plan_restore(session.server, Journal(deleted.progress.journal), target))
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    assert job.progress.outcomes == {Outcome.DONE: 6}
    assert shop.client.get(lock_key("email")) == b"locked"
    session.close()


@pytest.mark.parametrize("word", RESTORING[3:])
def test_each_word_of_the_third_line_is_needed(shop: Live, word: str) -> None:
    damage(shop)
    before = everything(shop.client)
    session = opened(a_user(shop, READING, DELETING, [one for one in RESTORING if one != word]))
    assert word[1:].upper() in (session.why_not(Action.RESTORE, "email") or "")
    catalog = Catalog()
    finished(session, ScanJob(session.server, catalog, ["email"], Pace.FULL))
    plan = RepairPlan.of(plan_matching(catalog, Query()), Repair.ARCHIVE)
    with pytest.raises(RefusedError, match=word[1:].upper()):
        session.start(plan)
    if word not in ("+set", "+pexpireat"):  # only a restore needs these
        session.permissions = Permissions()  # nothing is known: the first attempt tells
        job = session.start(plan)
        assert job.wait(20)
        assert isinstance(job.error, NotPermittedError), job.error
        assert job.progress.made == 0
    assert everything(shop.client) == before
    catalog.close()
    session.close()


@pytest.mark.parametrize("deleting", [False, True])
def test_one_queue_only(shop: Live, cli: Callable[..., Ended], deleting: bool) -> None:
    """What may not be read is named and left out; nothing stops because of it."""
    a_user(shop, READING, *([DELETING] if deleting else []), ONE_QUEUE)
    scanned = cli(*at(shop, "scan", "--json"))
    assert scanned.code == 0
    assert scanned.err == "not scanned, as this user may not read them: left, other\n"
    assert counts(scanned) == {"email": 3}
    listed = cli(*at(shop, "queues", "--json"))
    assert [(one["queue"], one["permitted"]) for one in listed.json] == [
        ("email", True), ("left", False), ("other", False),
    ]  # fmt: skip
    assert "other (not permitted)" in cli(*at(shop, "queues")).text
    assert cli(*at(shop, "scan", "--queue", "other")).code == 5
    before = everything(shop.client)
    ended = cli(*at(shop, "delete", "--queue", "other", "--archived", "--yes"))
    assert ended.code == 5
    assert everything(shop.client) == before
    ended = cli(*at(shop, "delete", "--queue", "email", "--archived", "--yes"))
    assert ended.code == (0 if deleting else 5)
    assert shop.client.zcard("asynq:{email}:archived") == (0 if deleting else 5)
    assert shop.client.zcard("asynq:{other}:archived") == 5


@pytest.mark.parametrize(
    "missing", ["info", "memory|usage", "multi", "exec", "discard", "zmscore", "lpos", "client|setname", "time"]
)
def test_what_may_be_missing_beside(shop: Live, cli: Callable[..., Ended], missing: str) -> None:
    a_user(shop, [word for word in READING if word != f"+{missing}"])
    scanned = cli(*at(shop, "scan", "--json"))
    assert scanned.code == 0, scanned.err
    assert counts(scanned) == {"email": 3, "other": 3, "left": 1}
    assert cli(*at(shop, "show", "email", "a1")).code == 0
    assert cli(*at(shop, "queues")).code == 0


@pytest.mark.parametrize("in_bulk", [False, True])
def test_long_indexes_are_read_in_bulk_by_whoever_chose_that(shop: Live, in_bulk: bool) -> None:
    shop.asynq.add_many("email", [f"b{number}" for number in range(3_000)])
    settings = a_user(shop, READING, *[IN_BULK] * in_bulk)
    shop.client.config_resetstat()
    session, catalog = opened(settings), Catalog()
    finished(session, ScanJob(session.server, catalog, pace=Pace.FULL))
    assert catalog.counts().total == 7
    assert (shop.calls().get("sort_ro", 0) > 2) is in_bulk
    catalog.close()
    session.close()


@pytest.mark.parametrize("asked_by", ["dry run", "transaction", "nobody"])
def test_what_is_refused_is_found_out_without_a_trace(any_server: Live, asked_by: str) -> None:
    any_server.asynq.register("a", "b")
    extra = {"dry run": ["+acl"], "transaction": [], "nobody": ["-multi"]}[asked_by]
    user = ["~asynq:{a}:*", "~asynq:queues", "+@all", "-@admin", "-unlink", "-hset"]
    settings = a_user(any_server, first=["on", ">word", *user, *extra])
    before = everything(any_server.client)
    server = any_server.connect(username=settings.username, password="word")
    with server.pipe() as pipe:
        if asked_by == "dry run" and isinstance(
            pipe.call([(b"ACL", b"DRYRUN", b"archive-tui", b"PING")], errors="return")[0], ResponseError
        ):
            pytest.skip("this server has no ACL DRYRUN")
        found = discover(pipe, ["a", "b"])
    assert everything(any_server.client) == before
    if asked_by == "nobody":
        assert not found.refused
        return
    assert found.why_not(Action.READ, "a") == ""
    assert found.why_not(Action.READ, "b").endswith("its keys")
    assert found.why_not(Action.DELETE, "a").endswith(" UNLINK")
    assert found.why_not(Action.RESTORE, "a").endswith(" HSET")
    assert found.unreadable == {"b"}
    assert "UNLINK" in found.why_nowhere(Action.DELETE)
    assert found.why_nowhere(Action.READ) == ""
    if asked_by == "dry run":
        assert "user archive-tui" in found.why_not(Action.DELETE, "a")
    else:
        assert not any_server.calls().get("unlink")


def test_a_read_only_session_asks_about_reading_alone(any_server: Live) -> None:
    any_server.asynq.register("a")
    with any_server.pipe(read_only=True) as pipe:
        any_server.client.config_resetstat()
        found = discover(pipe, ["a"], read_only=True)
    assert not found.refused
    assert {action for _, action in found.asked} == {Action.READ}


def test_the_store_itself_refuses_in_a_read_only_session(any_server: Live) -> None:
    any_server.asynq.add("q", "one")
    before = everything(any_server.client)
    doomed = store.Doomed(b"one", None, b"", store.Standing.INDEXED)
    with any_server.pipe(read_only=True) as pipe:
        with pytest.raises(RefusedError, match="read-only session"):
            delete(pipe, "q", [doomed])
        for action in (Action.DELETE, Action.RESTORE):
            for command in needs(ASYNQ, action, "q"):
                if command[0] == b"PTTL":  # it only reads
                    continue
                with pytest.raises(RefusedError, match="read-only session"):
                    pipe.call([(b"PING",), command])
        with pytest.raises(RefusedError):
            pipe.one(b"set", b"x", b"y")
        assert pipe.one(b"PING") == b"PONG"  # nothing of it was sent
    assert everything(any_server.client) == before


# On the screens


def keybar(op: Operator) -> str:
    return op.words("KeyBar")


@pytest.fixture
def small(valkey: Live) -> Live:
    """The same two queues, on one server."""
    valkey.asynq.register("email", "other")
    for queue in ("email", "other"):
        valkey.asynq.add_many(queue, [f"a{number}" for number in range(5)])
        valkey.asynq.add_many(queue, [f"o{number}" for number in range(3)], referenced=False)
    return valkey


def test_the_screens_of_somebody_who_may_only_read(small: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("read-only", "EVALSHA, EVAL, UNLINK, DEL, ZREM")
        await op.tasks("email")
        assert "delete" not in keybar(op)
        await op.press("ctrl+d")
        await op.hears("delete: the server refuses")
        await op.press("question_mark")
        assert "Plan the deletion" not in op.text
        await op.press("escape", "escape")
        await op.scan()
        await op.sees("6 found")

    operate(a_user(small, READING), play)


def test_the_screens_of_somebody_with_one_queue(small: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("not permitted to this user: other")
        await op.point_at("  other")
        await op.press("enter")
        await op.hears("open: the server refuses")
        await op.press("a")
        await op.scanned()
        await op.sees("3 found", "not permitted: other")
        await op.press("escape")
        await op.tasks("email")
        await op.press("space", "space", "ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.type("2")
        await op.press("enter")
        await op.arrives("ReportDialog")

    operate(a_user(small, READING, DELETING, ONE_QUEUE), play)
    assert small.client.zcard("asynq:{email}:archived") == 3


def test_whoever_may_delete_only_sets_nothing_right_on_the_screens(small: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.scan("email")
        await op.press("m")
        await op.hears("HSET")
        assert op.where == "ScanScreen"
        assert "delete" in keybar(op)

    operate(a_user(small, READING, DELETING), play)


def test_without_the_set_of_queues_it_says_what_to_add(small: Live) -> None:
    settings = a_user(small, READING, [word for word in ONE_QUEUE if word != "~asynq:queues"])
    session: Any = Session(settings)
    with pytest.raises(NotPermittedError):
        session.open()
    session.close()
    assert isinstance(session.server, Server)


# What belongs to no queue


@pytest.fixture
def scheduled(shop: Live) -> Live:
    """Beside the queues, the history of a scheduler that is gone."""
    enqueue(shop.client, DEAD, 3 * HOUR)
    return shop


def test_histories_need_no_more_than_the_readme_says(scheduled: Live, cli: Callable[..., Ended]) -> None:
    before = everything(scheduled.client)
    a_user(scheduled, READING)
    found = cli(*at(scheduled, "scan", "--json")).json["installation"]
    assert (found["findings"]["stale-history"]["count"], found["unsure"]) == (1, 0)
    ended = cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes"))
    assert (ended.code, "UNLINK" in ended.err) == (5, True)
    a_user(scheduled, READING, DELETING)
    assert cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes")).code == 0
    assert not scheduled.client.exists(history_key(DEAD))
    (journal,) = journals()
    ended = cli(*at(scheduled, "restore", str(journal), "--yes"))
    assert (ended.code, "ZADD" in ended.err) == (5, True)
    a_user(scheduled, READING, DELETING, RESTORING)
    assert cli(*at(scheduled, "restore", str(journal), "--yes")).code == 0
    assert everything(scheduled.client) == before


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([], "this user may not read asynq:schedulers"),
        (["~asynq:schedulers*"], "this user may not read the histories of schedulers"),
    ],
)
def test_whoever_may_not_read_schedulers_is_told_so_and_finds_the_rest(
    scheduled: Live, cli: Callable[..., Ended], more: list[str], why: str
) -> None:
    scheduled.client.delete("asynq:{left}:completed", key("left", "one"))
    a_user(scheduled, READING, DELETING, [*ONE_QUEUE, "~asynq:{other}:*", *more])
    report = cli(*at(scheduled, "scan", "--json")).json
    assert {one["queue"]: one["findings"]["orphan-archived"]["count"] for one in report["queues"]} == {
        "email": 3, "other": 3,
    }  # fmt: skip
    assert report["complete"]
    assert report["installation"] == {
        "findings": {"stale-history": {"count": 0, "bytes": 0}}, "unsure": 1, "why_unsure": why,
    }  # fmt: skip
    a_user(
        scheduled,
        READING,
        DELETING,
        [*ONE_QUEUE, "~asynq:{other}:*", "~asynq:schedulers*", "~asynq:scheduler_history:*"],
    )
    assert cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes")).code == 0
    assert not scheduled.client.exists(history_key(DEAD))
