"""`archive-tui delete`: what it plans, when it asks, what it deletes, and how it ends."""

import json
import os
import pty
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.command_line import Command, at, audit, finish, journals
from support.servers import Live, wait_until

from archive_tui.asynq.outcomes import DELETE, REPAIR, Outcome
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes import delete_words, repair_words
from archive_tui.commands import delete as delete_command
from archive_tui.commands import reading
from archive_tui.commands.output import report_lines
from archive_tui.errors import AuditError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.audit import Audit
from archive_tui.session import Session
from archive_tui.store.write import delete as store

DAY = 86_400


@pytest.fixture
def full(any_server: Live) -> Live:
    """Ten archived tasks a day apart, the newest first by name, and five orphans beside them."""
    asynq = any_server.asynq
    asynq.register("q", "other")
    for number in range(10):
        kind = "email:send" if number % 2 else "report:gen"
        asynq.add("q", f"a{number}", score=NOW - number * DAY, type=kind, error_msg=f"refused {number}")
    for number in range(5):
        asynq.add("q", f"o{number}", referenced=False, last_failed_at=NOW - number * DAY)
    asynq.add("q", "pending", "pending")
    asynq.add("other", "one")
    return any_server


@pytest.fixture(autouse=True)
def _fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands live in the tests' world."""
    real = Session.__init__
    monkeypatch.setattr(
        "archive_tui.session.Session.__init__", lambda self, settings: real(self, settings, clock=lambda: NOW)
    )


def ids(live: Live, queue: str = "q") -> set[str]:
    """The tasks of a queue."""
    start = prefix(queue) + b"t:"
    return {one.removeprefix(start).decode() for one in live.client.scan_iter() if one.startswith(start)}


def indexed(live: Live) -> set[str]:
    return {one.decode() for one in live.client.zrange("asynq:{q}:archived", 0, -1)}


ALL = {*[f"a{number}" for number in range(10)], *[f"o{number}" for number in range(5)], "pending"}


@pytest.mark.parametrize(
    ("arguments", "doomed"),
    [
        (["--archived"], {f"a{number}" for number in range(10)}),
        (["--kind", "orphan-archived"], {f"o{number}" for number in range(5)}),
        (["--kind", "orphan-completed"], set()),
        (["--archived", "--where", "type:email:send age>4d"], {"a5", "a7", "a9"}),
        (["--kind", "orphan-archived", "--where", "age>2d"], {"o3", "o4"}),
        (["--archived", "--limit", "3"], {"a9", "a8", "a7"}),
        (["--archived", "--where", "type:report:gen", "--limit", "1"], {"a8"}),
        (["--archived", "--older-than", "7d"], {"a8", "a9"}),
        (["--archived", "--older-than", "168h"], {"a8", "a9"}),
        (["--archived", "--keep", "8"], {"a8", "a9"}),
        (["--archived", "--keep", "10"], set()),
        (["--archived", "--keep", "0"], {f"a{number}" for number in range(10)}),
        (["--archived", "--older-than", "3d", "--keep", "8"], {"a8", "a9"}),
        (["--archived", "--older-than", "8d", "--keep", "2"], {"a9"}),
        (["--archived", "--where", "type:email:send", "--keep", "2"], {"a5", "a7", "a9"}),
        (["--archived", "--older-than", "3d", "--limit", "2"], {"a8", "a9"}),
    ],
)
def test_it_deletes_exactly_what_was_asked_for(
    full: Live, cli: Command, arguments: list[str], doomed: set[str]
) -> None:
    before = everything(full.client)
    dry = cli(*at(full, "delete", "--queue", "q", *arguments, "--dry-run", "--json"))
    assert (dry.code, dry.err) == (0, "")
    assert dry.json["planned"] == len(doomed)
    assert dry.json["report"] is None
    assert everything(full.client) == before
    assert not audit()
    ended = cli(*at(full, "delete", "--queue", "q", *arguments, "--yes", "--json"))
    assert (ended.code, ended.err) == (0, "")
    assert ids(full) == ALL - doomed
    assert indexed(full) == {one for one in ALL - doomed if one[0] == "a"}
    assert ids(full, "other") == {"one"}
    if doomed:
        assert ended.json["report"]["deleted"] == len(doomed)
        assert [ended.json["report"]["journal"]] == journals()
        begun, done = audit()
        assert (begun["event"], begun["planned"], begun["queues"]) == ("confirmed", len(doomed), {"q": len(doomed)})
        assert (done["event"], done["result"], done["deleted"]) == ("ended", "done", len(doomed))
        assert begun["name"] == done["name"]


def test_the_plan_for_people(full: Live, cli: Command) -> None:
    full.asynq.add("q", "\x1b[31mred", unique=lock_key("q"), error_msg="boom", type="\x1btype", score=NOW)
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--where", "boom or refused", "--dry-run"))
    assert (ended.code, ended.err) == (0, "")
    assert "11 tasks to delete (archived) from queue q" in ended.text
    assert "filter   boom or refused" in ended.text
    assert "report:gen 5, email:send 5, ␛type 1" in ended.text or "email:send 5, report:gen 5, ␛type 1" in ended.text
    assert "frees    up to 1 unique lock that these tasks still hold and 11 fixed ids that block" in ended.text
    assert "then     Asynq can enqueue these ids again, and others under the locks" in ended.text
    assert "a9, a8, a7, …" in ended.text
    assert re.search(r"journal  about \d.*, \d.* free", ended.text)
    assert "\x1b" not in ended.text


def test_a_plan_without_a_journal_says_what_that_means(full: Live, cli: Command) -> None:
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--dry-run", "--no-journal"))
    assert "the journal is turned off: this cannot be undone" in ended.text
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--yes", "--no-journal"))
    assert ended.text == "deleted 10 of 10 tasks\n"
    assert journals() == []


def test_a_plan_says_where_there_is_too_little_room(full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.journal.place.free_bytes", lambda _folder: 1_000_000)
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--dry-run"))
    assert "1.0 MB free: too little, nothing will be deleted" in ended.text
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--yes"))
    assert (ended.code, "no room for the journal" in ended.err) == (5, True)
    assert len(ids(full)) == len(ALL)


def test_nothing_to_delete_is_said_and_is_no_failure(full: Live, cli: Command) -> None:
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--where", "no-such-text", "--yes"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.startswith("nothing to delete: no archived task of queue q")
    assert not audit()


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ([], 2, "either --archived or --kind"),
        (["--archived", "--kind", "orphan-archived"], 2, "either --archived or --kind"),
        (["--kind", "ghostly"], 2, "choose --kind from orphan-archived"),
        (["--kind", "orphan-archived", "--keep", "5"], 2, "go with --archived"),
        (["--archived", "--older-than", "30"], 2, "no length of time"),
        (["--archived", "--where", "typ:x"], 2, "at “typ:x” (character 1)"),
        (["--archived"], 5, "give --yes"),
        (["--archived", "--yes", "--read-only"], 5, "read-only session"),
    ],
)
def test_what_it_refuses_before_it_reads(full: Live, cli: Command, arguments: list[str], code: int, part: str) -> None:
    before = everything(full.client)
    ended = cli(*at(full, "delete", "--queue", "q", *arguments))
    assert ended.code == code
    assert part in ended.complaint
    assert everything(full.client) == before


def test_a_dry_run_is_for_read_only_sessions_too(full: Live, cli: Command) -> None:
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--dry-run", "--read-only"))
    assert ended.code == 0


def test_no_such_queue(full: Live, cli: Command) -> None:
    ended = cli(*at(full, "delete", "--queue", "nope", "--archived", "--yes"))
    assert ended.code == 6
    assert "no queue 'nope'" in ended.complaint


def test_what_was_skipped_makes_it_a_part(full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that changes between plan and deletion is left alone, said, and makes the exit code 4."""
    real = store.request

    def meddling(*arguments: Any) -> Any:
        full.asynq.run("q", "a9")
        return real(*arguments)

    monkeypatch.setattr(store, "request", meddling)
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--where", "age>7d", "--yes"))
    assert ended.code == 4
    assert "deleted 1 of 2 tasks" in ended.text
    assert "1  skipped: it changed after it was copied to the journal" in ended.text
    assert "a9" in ids(full)
    assert audit()[-1]["changed"] == 1


def test_what_does_not_fit_into_the_table_is_left_for_the_next_time(
    full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "Catalog", lambda **options: Catalog(limit=3, **options))
    ended = cli(*at(full, "delete", "--queue", "q", "--kind", "orphan-archived", "--yes"))
    assert ended.code == 4
    assert "deleted 3 of 3 tasks" in ended.text
    assert "only the first 3 rows are kept, the rest is counted: delete these, and then run it again" in ended.err
    ended = cli(*at(full, "delete", "--queue", "q", "--kind", "orphan-archived", "--yes"))
    assert (ended.code, ended.err) == (0, "")
    assert "deleted 2 of 2 tasks" in ended.text


def test_a_table_that_is_full_proves_nothing(full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "Catalog", lambda **options: Catalog(limit=3, **options))
    ended = cli(*at(full, "delete", "--queue", "q", "--kind", "orphan-archived", "--where", "type:nothing", "--yes"))
    assert ended.code == 4
    assert "no orphan, archived task among the rows that are kept" in ended.text


def test_without_an_audit_nothing_is_deleted(full: Live, cli: Command) -> None:
    folder = Path(platformdirs.user_state_dir("archive-tui"))
    folder.mkdir(parents=True)
    (folder / "audit.jsonl").mkdir()
    before = everything(full.client)
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--yes"))
    assert ended.code == 5
    assert "the audit cannot be written" in ended.err
    assert everything(full.client) == before


def test_an_audit_that_ends_too_early_is_said(full: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AuditError("no room")

    monkeypatch.setattr(Audit, "end", fail)
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--yes"))
    assert ended.code == 4
    assert "deleted 10 of 10 tasks" in ended.text
    assert "how it ended (done) is not in the audit: no room" in ended.err


def test_the_reason_and_the_choice_are_in_the_audit(full: Live, cli: Command) -> None:
    where = "type:email:send \x1b"
    cli(*at(full, "delete", "--queue", "q", "--archived", "--where", where, "--reason", "ticket 7", "--dry-run"))
    cli(*at(full, "delete", "--queue", "q", "--archived", "--where", "a9", "--reason", "ticket 7", "--yes"))
    begun = audit()[0]
    assert begun["choice"] == "--archived --where a9"
    assert begun["reason"] == "ticket 7"
    assert begun["kinds"] == {"archived": 1}
    assert begun["host"]
    file = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("typed", "code"), [("10", 0), ("9", 5), ("", 5), ("y", 5)])
def test_on_a_terminal_the_count_is_typed(
    full: Live, process: Callable[..., "subprocess.Popen[bytes]"], typed: str, code: int
) -> None:
    ours, theirs = pty.openpty()
    started = process(*at(full, "delete", "--queue", "q", "--archived"), stdin=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"Type 10 to delete" not in said:
        said += os.read(ours, 4096)
    assert b"10 tasks to delete (archived) from queue q" in said
    assert len(ids(full)) == len(ALL)
    os.write(ours, typed.encode() + b"\n")
    out, _ = started.communicate(timeout=30)
    assert started.returncode == code
    said = out.decode().splitlines()
    assert said == [] if code else said[0] == "deleted 10 of 10 tasks"
    assert code or said[1:] == [f"a copy is in the journal {journals()[0]}"]
    assert len(ids(full)) == len(ALL) - (10 if code == 0 else 0)
    os.close(ours)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_after_a_batch(
    valkey: Live, process: Callable[..., "subprocess.Popen[bytes]"], number: int
) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"t{one:05d}" for one in range(6000)])
    started = process(*at(valkey, "delete", "--queue", "q", "--archived", "--yes", "--pace", "gentle", "--json"))
    wait_until(lambda: valkey.client.zcard("asynq:{q}:archived") < 6000)
    started.send_signal(number)
    ended = finish(started)
    assert ended.code == 130, ended.err
    report = ended.json["report"]
    left = valkey.client.zcard("asynq:{q}:archived")
    assert 0 < left < 6000
    assert report["state"] == "stopped"
    assert report["deleted"] + left == 6000
    assert report["untouched"] == left
    assert sum(1 for _ in valkey.client.scan_iter(match="asynq:{q}:t:*", count=10_000)) == left
    assert (audit()[-1]["result"], audit()[-1]["deleted"]) == ("stopped", 6000 - left)


def test_what_a_plan_says_was_seen_is_checked_by_the_server(full: Live, cli: Command) -> None:
    """A lock that another task holds by now is not released."""
    lock = lock_key("q")
    full.asynq.add("q", "mine", unique=lock, score=NOW - 60 * DAY)
    full.client.set(lock, "somebody-else")
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--older-than", "30d", "--yes", "--json"))
    assert (ended.json["report"]["deleted"], ended.json["report"]["unlocked"]) == (1, 0)
    assert full.client.get(lock) == b"somebody-else"
    assert not full.client.exists(key("q", "mine"))


@pytest.mark.parametrize("kind", ["lost", "ghost", "mismatch"])
def test_what_is_set_right_is_not_deleted(any_server: Live, cli: Command, kind: str) -> None:
    ended = cli(*at(any_server, "delete", "--queue", "q", "--kind", kind, "--yes"))
    assert ended.code == 2
    assert "`archive-tui repair` repairs it" in ended.err


@pytest.mark.parametrize("place", ["pending", "active", "archived"])
def test_a_husk_that_an_index_holds_is_left_out(any_server: Live, cli: Command, place: str) -> None:
    """Without its data it would be a ghost, of which a worker makes a husk again."""
    any_server.asynq.register("q")
    any_server.asynq.add("q", "standing", place, message=b"")
    before = everything(any_server.client)
    any_server.asynq.add("q", "loose", "archived", message=b"\xff", referenced=False)
    any_server.asynq.add("q", "lost", "pending", message=b"", referenced=False)
    arguments = ["delete", "--url", any_server.url, "--queue", "q", "--kind", "husk"]
    ended = cli(*arguments, "--yes", "--json")
    assert everything(any_server.client) == before
    plan = json.loads(ended.out)
    assert (ended.code, plan["planned"], plan["report"]["deleted"], plan["report"]["skipped"]) == (4, 2, 2, {})
    assert "1 husk left out, as an index holds the id" in ended.err
    again = cli(*arguments, "--yes")
    assert again.code == 4, "nothing is left that is deleted like this, but not nothing"
    assert b"matches but for those left out" in again.out
    assert cli(*arguments, "--dry-run").code == 0
    assert everything(any_server.client) == before


@pytest.mark.parametrize("command", ["delete", "export"])
def test_an_archive_of_a_wrong_type_is_said_to_be_none(
    any_server: Live, cli: Command, tmp_path: Path, command: str
) -> None:
    any_server.asynq.register("q")
    any_server.client.hset("asynq:{q}:archived", "a", "b")
    more = ["--yes"] if command == "delete" else [str(tmp_path / "file.ndjson")]
    ended = cli(*at(any_server, command, "--queue", "q", "--archived", *more))
    assert (ended.code, ended.out) == (5, b"")
    assert ended.err.strip() == (
        "archive-tui: asynq:{q}:archived is a hash, not the index that Asynq writes: nothing of it is a task"
    )


def test_ghosts_of_an_archive_are_left_out(full: Live, cli: Command) -> None:
    """There is no data to delete, and no id becomes free. Every night says so until they are repaired."""
    full.client.zadd("asynq:{q}:archived", {f"gone-{number}": NOW - 60 * DAY for number in range(3)})
    flags = ["--queue", "q", "--archived", "--yes", "--older-than"]
    ended = cli(*at(full, "delete", *flags, "30d", "--json"))
    plan = ended.json
    assert (ended.code, plan["ghosts_left_out"], plan["fixed_ids"], plan["report"]) == (4, 3, 0, None)
    assert "3 ghosts left out, as the data is gone already: `archive-tui repair --kind ghost" in ended.err
    full.asynq.add("q", "old", score=NOW - 50 * DAY)
    deleted = cli(*at(full, "delete", *flags, "30d", "--limit", "1", "--json"))
    assert (deleted.code, deleted.json["report"]["deleted"], deleted.json["report"]["gone"]) == (4, 1, 0)
    assert cli(*at(full, "delete", *flags, "70d")).code == 0, "they are not so old"
    repaired = cli(*at(full, "repair", "--queue", "q", "--kind", "ghost", "--action", "remove-id", "--yes"))
    assert repaired.code == 0
    assert cli(*at(full, "delete", *flags, "30d")).code == 0


@pytest.mark.parametrize("journal", [[], ["--no-journal"]])
def test_what_stands_in_the_archive_with_another_state_is_skipped_as_that(
    full: Live, cli: Command, journal: list[str]
) -> None:
    for state in ("active", "retry", "aggregating"):
        full.asynq.add("q", state, state, referenced=False)
        full.client.zadd("asynq:{q}:archived", {state: NOW - 60 * DAY})
    ended = cli(*at(full, "delete", "--queue", "q", "--archived", "--older-than", "30d", "--yes", "--json", *journal))
    assert (ended.code, ended.json["report"]["skipped"]) == (4, {"other-state": 3})


@pytest.mark.parametrize("journal", [[], ["--no-journal"]])
@pytest.mark.parametrize("fields", [{"result": "1"}, {"state": "unheard-of"}, {"msg": b"\xff", "state": "paused"}])
@pytest.mark.parametrize("place", ["archived", ""])
def test_a_husk_without_a_known_state_is_deleted(
    any_server: Live, cli: Command, fields: dict[str, Any], place: str, journal: list[str]
) -> None:
    any_server.asynq.register("q")
    any_server.client.hset(key("q", "shell"), mapping=fields)
    what = ["--kind", "husk"]
    if place:
        any_server.client.zadd("asynq:{q}:archived", {"shell": NOW})
        what = ["--archived"]
    ended = cli(*at(any_server, "delete", "--queue", "q", *what, "--yes", "--json", *journal))
    assert (ended.code, ended.json["report"]["deleted"]) == (0, 1), ended
    assert any_server.client.keys() == [b"asynq:queues"]


@pytest.mark.parametrize("journal", [[], ["--no-journal"]])
@pytest.mark.parametrize("there", [True, False])
def test_a_husk_whose_fields_have_all_expired_is_deleted_if_it_is_there(
    own_server: Callable[..., Live], cli: Command, monkeypatch: pytest.MonkeyPatch, journal: list[str], there: bool
) -> None:
    """Valkey 9 keeps the key until it is deleted. What has really gone was not deleted by us."""
    live = own_server()
    live.client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    live.asynq.register("q")
    live.client.hset(key("q", "hollow"), mapping={"result": "1"})
    live.client.execute_command("HPEXPIRE", key("q", "hollow"), 1, "FIELDS", 1, "result")
    wait_until(lambda: not live.client.hgetall(key("q", "hollow")))
    confirmed = delete_command.carry_out

    def carry_out(*arguments: Any) -> Any:
        if not there:
            live.client.delete(key("q", "hollow"))
        return confirmed(*arguments)

    monkeypatch.setattr(delete_command, "carry_out", carry_out)
    ended = cli(*at(live, "delete", "--queue", "q", "--kind", "husk", "--yes", "--json", *journal))
    assert (ended.code, ended.json["planned"]) == (0, 1), ended
    assert (ended.json["report"]["deleted"], ended.json["report"]["gone"]) == ((1, 0) if there else (0, 1))
    assert not live.client.exists(key("q", "hollow"))


def test_what_is_unconfirmed_is_in_the_report_for_people() -> None:
    unconfirmed = "         2  unconfirmed: sent twice; the first try did it, or somebody else"
    outcomes = {Outcome.DONE: 1, Outcome.GONE: 2}
    deleted = ChangeProgress(DELETE, JobState.DONE, 3, 3, outcomes=outcomes, unconfirmed=2)
    assert unconfirmed in report_lines(delete_words.report(deleted))
    fixed = {Outcome.DONE: 1, Outcome.STATE_CHANGED: 2}
    repaired = ChangeProgress(REPAIR, JobState.DONE, 3, 3, outcomes=fixed, unconfirmed=2)
    assert unconfirmed in report_lines(repair_words.report(repaired))
