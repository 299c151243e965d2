"""Setting right on the screens: findings, leftover queues, and an archive that is stuck."""

import json
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.oracle import findings
from support.pilot import Operator, operate
from support.servers import Live
from textual.widgets import OptionList

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.forecast import TOO_MANY
from archive_tui.catalog.facets import KIND
from archive_tui.journal.reader import Journal


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with some archived tasks and three orphans."""
    valkey.asynq.register("work")
    for number in range(3):
        valkey.asynq.add("work", f"task-{number}", score=NOW - number)
        valkey.asynq.add("work", f"loose-{number}", referenced=False, last_failed_at=NOW - 100, retried=2)
    return valkey


def state() -> Path:
    """Where journals and the audit are."""
    return Path(platformdirs.user_state_dir("archive-tui"))


def audit() -> list[tuple[str, str]]:
    """What was done, and how it ended."""
    lines = [json.loads(line) for line in (state() / "audit.jsonl").read_text().splitlines()]
    return [(line["action"], line.get("result", line["event"])) for line in lines]


async def choose(op: Operator, *parts: str) -> None:
    """Open the choice of repairs, and choose the one that says this."""
    await op.press("m")
    await op.arrives("ChoiceDialog")
    for part in parts:
        assert part in op.dialog
    options = op.app.screen.query_one(OptionList).options
    at = next(number for number, option in enumerate(options) if parts[0] in str(option.prompt))
    await op.press("home", *["down"] * at, "enter")
    await op.arrives("ConfirmDialog")


async def confirm(op: Operator, number: int | None) -> None:
    if number is None:
        await op.press("tab", "enter")
    else:
        await op.type(str(number))
        await op.press("enter")
    await op.until(lambda: op.where != "ConfirmDialog", "confirmed")


def test_marked_orphans_are_put_back_into_the_archive(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("asterisk")
        await op.sees("3 marked")
        await choose(op, "archive, as of its last failure: 3", "run once: 3", "run with retries reset: 3")
        assert "Repair 3 findings?" in op.text
        assert "each is checked again by the server" in op.dialog
        assert "found by a scan that began" in op.dialog
        assert "frees nothing: ids and unique locks stay as they are" in op.dialog
        assert "a copy goes to the journal first" in op.dialog
        assert "Type 3 to confirm:" in op.text
        await confirm(op, 3)
        await op.arrives("ReportDialog")
        assert "Repaired 3 of 3 findings" in op.text
        assert "how it was is in the journal" in op.dialog
        await op.press("enter")
        await op.sees("0 found")

    operate(work.settings, play)
    assert findings(work.client) == {}
    assert {work.client.zscore(prefix("work") + b"archived", f"loose-{number}") for number in range(3)} == {NOW - 100}
    (path,) = (state() / "journal").iterdir()
    assert Journal(path).header.command == "repair: archive, as of its last failure"
    assert audit() == [("repair", "confirmed"), ("repair", "done")]


def test_of_completed_orphans_the_menu_says_that_their_work_was_done(work: Live) -> None:
    """Deleting them is the best choice, and comes first; running them again is not offered without a warning."""
    for number in range(3):
        work.client.delete(key("work", f"loose-{number}"))
    work.asynq.add_many("work", ["done-0", "done-1"], "completed", referenced=False)

    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("asterisk")
        await op.sees("2 marked")
        await choose(op, "run once: 2", "Their work was done already: running does it again.")
        assert "Their work was done already: running does it again." in op.dialog
        await op.press("escape")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        assert op.dialog.lstrip().startswith("delete (ctrl+d): 2 The work was done")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "Delete 2 tasks?" in op.text
        await confirm(op, 2)
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.sees("0 found")

    operate(work.settings, play)
    assert findings(work.client) == {}


def test_all_that_match_are_put_back_as_the_newest_of_the_archive(work: Live) -> None:
    work.asynq.add("work", "other", referenced=False, error_msg="no such host")
    work.asynq.add_many("work", [f"full-{number}" for number in range(9_995)], "archived")

    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("slash")
        await op.type("loose")
        await op.press("enter")
        await op.sees("3 match of 4")
        await op.press("asterisk")
        await op.sees("3 marked")
        await choose(op, "archive, as of now: 3")
        assert "drops it 90 days from now" in op.dialog
        assert "2 ids more than Asynq keeps" in op.dialog
        await confirm(op, 3)
        await op.arrives("ReportDialog")
        assert "Repaired 3 of 3 findings" in op.text

    operate(work.settings, play)
    now = work.client.time()[0]
    scores = [work.client.zscore(prefix("work") + b"archived", f"loose-{number}") for number in range(3)]
    assert all(now - 60 <= score <= now for score in scores)
    assert set(findings(work.client)) == {("work", b"other")}
    (path,) = (state() / "journal").iterdir()
    assert Journal(path).header.command == "repair: archive, as of now"


def test_one_finding_is_run_again(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        await choose(op, "run once: 1")
        await confirm(op, None)
        await op.hears("repaired 1 finding")

    operate(work.settings, play)
    assert work.client.llen(prefix("work") + b"pending") == 1
    assert len(findings(work.client)) == 2


def test_nothing_happens_without_a_yes(work: Live) -> None:
    before = everything(work.client)

    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("escape")
        await op.arrives("ScanScreen")
        await op.press("asterisk")
        await op.sees("3 marked")
        await choose(op, "run once: 3")
        await op.press("enter")  # Cancel has the focus
        await op.hears("nothing was repaired")
        await choose(op, "run once: 3")
        await op.type("y")
        assert "other keys were pressed here" in op.dialog
        await op.type("3")
        await op.press("escape")
        await op.arrives("ScanScreen")

    operate(work.settings, play)
    assert everything(work.client) == before


def test_what_changed_since_the_scan_is_reported(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        work.client.hset(key("work", "loose-1"), "state", "completed")
        await op.press("asterisk")
        await op.sees("3 marked")
        await choose(op, "archive, as of its last failure: 3")
        await confirm(op, 3)
        await op.arrives("ReportDialog")
        assert "Repaired 2 of 3 findings" in op.text
        assert "its state has changed" in op.dialog

    operate(work.settings, play)


def test_a_read_only_session_has_no_repairs(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("m")
        await op.hears("read-only")
        assert op.where == "ScanScreen"

    operate(replace(work.settings, read_only=True), play)


def test_without_a_journal_it_says_that_nothing_is_kept(work: Live) -> None:
    work.asynq.add_many("gone", ["a", "b"], "completed")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("gone (leftover)")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("down", "enter")
        await op.arrives("ConfirmDialog")
        assert "the journal is turned off: this cannot be undone" in op.dialog
        await op.press("escape")
        await op.scan("work")
        await choose(op, "run once: 1")
        assert "the journal is turned off: this cannot be undone" in op.dialog
        await confirm(op, None)
        await op.hears("repaired 1 finding")

    operate(replace(work.settings, journal=False), play)
    assert not (state() / "journal").exists()


def test_a_journal_that_cannot_be_written_is_said_and_nothing_is_changed(work: Live) -> None:
    work.asynq.add_many("gone", ["a", "b"], "completed")
    before = everything(work.client)
    state().mkdir(parents=True)
    (state() / "journal").touch()

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("gone (leftover)")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("down", "enter")
        await op.arrives("ConfirmDialog")
        await confirm(op, None)
        await op.arrives("ReportDialog")
        assert "cannot be written" in op.dialog
        await op.press("enter")
        await op.scan("work")
        await choose(op, "run once: 1")
        await confirm(op, None)
        await op.arrives("ReportDialog")
        assert "ended by an error: the journal" in op.dialog
        assert "Repaired 0 of 1 finding" in op.text

    operate(work.settings, play)
    assert everything(work.client) == before
    assert audit() == [(what, how) for what in ("clean up", "repair") for how in ("confirmed", "failed")]


def test_each_kind_has_a_page_of_help(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.press("h")
        await op.arrives("ExplainDialog")
        for kind in Kind:
            await op.sees(f"What is this? {kind.label}")
            words = op.dialog
            said = kind.explained
            for text in (said.what, said.cause, said.consequence, said.way_out):
                assert " ".join(text.split()[:6]) in words
            await op.press("right")
        await op.sees(f"What is this? {Kind.ORPHAN_ARCHIVED.label}")
        await op.press("escape")
        await op.arrives("ScanScreen")

    operate(work.settings, play)


def test_a_scan_reads_messages_where_it_is_asked_to(work: Live) -> None:
    """What does not decode, and stands where it should, is found, and goes with its id and its lock."""
    work.asynq.add("work", "shell", "retry", message=b"\xff\xff", unique=lock_key("work"))

    async def play(op: Operator) -> None:
        await op.scan("work")
        await op.sees("3 found")
        await op.press("M", "tab", "enter")
        await op.sees("4 found", "with messages and locks", "complete in")
        await op.press("slash")
        await op.type("kind:husk")
        await op.press("enter")
        await op.sees("1 match of 4")
        await choose(op, "delete data and id: 1")
        assert "frees 1 fixed id that blocks new tasks" in op.dialog
        await confirm(op, 1)
        await op.hears("repaired 1 finding")
        await op.press("M", "tab", "enter")
        await op.hears("without messages")
        await op.sees("3 found", "complete in")
        await op.sees_no("with messages")

    operate(work.settings, play)
    assert not work.client.exists(key("work", "shell"), prefix("work") + b"retry", lock_key("work"))
    assert len(findings(work.client, messages=True)) == 3


def test_a_leftover_queue_is_registered_again(work: Live) -> None:
    work.asynq.add_many("gone", ["a", "b"], "completed")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("gone (leftover)")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "completed 2" in op.dialog
        assert "Asynq's tools list the queue again" in op.dialog
        assert "Asynq's tools list the queue again" in op.dialog
        await confirm(op, None)
        await op.hears("gone is registered again")
        await op.sees_no("(leftover)")

    operate(work.settings, play)
    assert work.client.sismember("asynq:queues", "gone")
    assert audit() == [("register", "confirmed"), ("register", "done")]


def test_a_leftover_queue_is_cleaned_up(work: Live) -> None:
    work.asynq.add_many("gone", ["a", "b"], "completed")
    work.asynq.add("gone", "c", "aggregating")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("gone (leftover)")
        await op.press("m")
        await op.arrives("ChoiceDialog")
        await op.press("down", "enter")
        await op.arrives("ConfirmDialog")
        assert "Work that still waits in its groups will not be done" in op.dialog
        assert "the data of its tasks goes to the journal first: it can be restored" in op.dialog
        await confirm(op, None)
        await op.hears("3 tasks among them")
        await op.sees_no("(leftover)")

    operate(work.settings, play)
    (path,) = (state() / "journal").iterdir()
    assert (Journal(path).header.command, Journal(path).outline().count) == ("clean up", 3)
    assert audit() == [("clean up", "confirmed"), ("clean up", "done")]
    assert not work.client.keys("asynq:{gone}*")
    assert len(findings(work.client)) == 3, "the other queue is as it was"


def test_an_archive_that_is_stuck_is_mended(valkey: Live) -> None:
    asynq, archive = valkey.asynq, prefix("work") + b"archived"
    asynq.register("work")
    valkey.client.zadd(archive, {f"gone-{number}": NOW - 91 * 86_400 for number in range(TOO_MANY)})
    for number in range(3):
        asynq.add("work", f"stuck-{number}", "active", referenced=False)
        valkey.client.zadd(archive, {f"stuck-{number}": NOW - number})

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("8,000 archived tasks are past 90 days", "m repairs it")
        await op.press("m")
        await op.arrives("ConfirmDialog")
        for part in ("This archive is stuck", "8,000 of the 8,003 ids", "remove the id from its index: 8,000"):
            assert part in op.dialog
        await confirm(op, TOO_MANY + 3)
        await op.arrives("ReportDialog")
        assert "Repaired 8,003 of 8,003 findings" in op.text

    operate(valkey.settings, play)
    assert findings(valkey.client) == {}
    assert valkey.client.zcard(archive) == 3
    assert valkey.client.hget(key("work", "stuck-1"), "state") == b"archived"


def test_a_server_that_is_too_old_is_named_and_a_stuck_archive_on_it_is_mended(
    valkey: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_tui.jobs.watch.is_too_old", lambda product, version: bool(product and version))
    valkey.asynq.register("work")
    gone = {f"gone-{number}": NOW - 91 * 86_400 for number in range(TOO_MANY)}
    valkey.client.zadd(prefix("work") + b"archived", gone)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("this Redis is older than 6.2; Asynq 0.25+ fails half-way whenever it archives")
        await op.press("m")
        await op.arrives("ConfirmDialog")
        assert "This archive is stuck" in op.dialog

    operate(valkey.settings, play)


def test_a_queue_that_is_well_is_left_alone(work: Live) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("m")
        await op.hears("nothing is known to be wrong")

    operate(work.settings, play)


# Foreign keys


@pytest.fixture
def odd(work: Live) -> Live:
    """The same queue, with three keys in the place of task data that are no hashes."""
    for number in range(2):
        work.client.set(key("work", f"odd-{number}"), "text")
    work.client.rpush(key("work", "odd-2"), "a")
    return work


async def only_foreign(op: Operator) -> None:
    await op.scan("work")
    await op.press("slash", *"odd-", "enter")
    await op.sees("3 match")


def test_the_foreign_key_under_the_cursor_is_deleted_when_the_word_is_typed(odd: Live) -> None:
    before = everything(odd.client)

    async def play(op: Operator) -> None:
        await only_foreign(op)
        await op.point_at("odd-1")
        await choose(op, "delete this key: 1")
        assert "Delete 1 foreign key for good?" in op.text
        for part in ("type of key string", "no copy of it is kept: this cannot be undone", "odd-1"):
            assert part in op.dialog
        await op.type("1")
        assert "other keys were pressed here" in op.dialog
        await op.press("escape")
        await op.hears("nothing was deleted")
        await choose(op, "delete this key: 1")
        await op.press("enter")  # Cancel has the focus
        await op.hears("nothing was deleted")
        assert everything(odd.client) == before
        await choose(op, "delete this key: 1")
        await op.type("delete")
        await op.press("enter")
        await op.hears("deleted 1 foreign key")
        await op.sees("2 match")

    operate(odd.settings, play)
    before.pop(key("work", "odd-1"))
    assert everything(odd.client) == before
    (path,) = (state() / "journal").iterdir()
    journal = Journal(path)
    assert journal.header.command == "repair: delete this key"
    assert [(copy.id, copy.fields) for _, copies in journal.batches(journal.outline()) for copy in copies] == [
        (b"odd-1", [])
    ]
    assert audit() == [("repair", "confirmed"), ("repair", "done")]


def test_foreign_keys_that_all_match_are_not_offered_for_deletion(odd: Live) -> None:
    before = everything(odd.client)

    async def play(op: Operator) -> None:
        await only_foreign(op)
        await op.press("asterisk")
        await op.sees("3 marked")
        await op.press("m")
        await op.hears("3 foreign keys left out: point at one, or mark one by one with space")
        assert op.where == "ScanScreen"
        await op.press("u", "home", "v", "G", "v")
        await op.sees("3 marked")
        await op.press("m")
        await op.hears("3 foreign keys left out")
        assert op.where == "ScanScreen"

    operate(odd.settings, play)
    assert everything(odd.client) == before


def test_only_the_foreign_keys_that_were_picked_one_by_one_are_deleted(odd: Live) -> None:
    """Marks by hand stay picked when all others are marked too; what changed meanwhile is reported."""

    async def play(op: Operator) -> None:
        await only_foreign(op)
        for name in ("odd-0", "odd-2"):
            await op.point_at(name)
            await op.press("space")
        await op.sees("2 marked")
        await op.press("escape")
        await op.press("asterisk")
        await op.sees("6 marked")
        await choose(op, "delete this key: 2", "run once: 3")
        assert "Delete 2 foreign keys for good?" in op.text
        assert "3 chosen rows of other kinds left alone" in op.dialog
        odd.client.delete(key("work", "odd-2"))
        odd.asynq.add("work", "odd-2", referenced=False)
        await op.type("delete")
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert "it is a hash now" in op.dialog
        assert "their ids, and no more of them, are in the journal" in op.dialog

    operate(odd.settings, play)
    assert not odd.client.exists(key("work", "odd-0"))
    assert odd.client.get(key("work", "odd-1")) == b"text"
    assert odd.client.hget(key("work", "odd-2"), "state") == b"archived"


@pytest.mark.parametrize("screen", ["FindingTriageScreen", "FindingGroupsScreen"])
def test_unmarking_forgets_what_was_picked_above_the_list_too(odd: Live, screen: str) -> None:
    async def play(op: Operator) -> None:
        await only_foreign(op)
        await op.press("space")
        await op.sees("1 marked")
        if screen == "FindingTriageScreen":
            await op.press("T")
        else:
            op.app.screen.groups.show_all(KIND)
        await op.until(lambda: op.where == screen and op.rows and not op.app.screen.reading(), "rows")
        await op.press("u")
        await op.sees_no("1 marked")
        await op.press("space")
        await op.sees("3 marked")
        await op.press("m")
        await op.hears("3 foreign keys left out")

    operate(odd.settings, play)


def test_a_group_that_is_unmarked_and_marked_again_was_not_picked(odd: Live) -> None:
    async def play(op: Operator) -> None:
        await only_foreign(op)
        await op.press("space", "space", "space")
        await op.sees("3 marked")
        marks = op.app.screen.marks
        for count in ("3 match", "3 marked"):
            marks.mark_query(op.app.screen.tasks.query_now)
            await op.until(lambda: not marks.marking)
            await op.sees(count)
        await op.press("m")
        await op.hears("3 foreign keys left out")

    operate(odd.settings, play)


def test_unmarking_forgets_what_was_picked(odd: Live) -> None:
    async def play(op: Operator) -> None:
        await only_foreign(op)
        await op.press("space", "space", "space")
        await op.sees("3 marked")
        await op.press("u", "asterisk")
        await op.sees("3 marked")
        await op.press("m")
        await op.hears("3 foreign keys left out")

    operate(odd.settings, play)
