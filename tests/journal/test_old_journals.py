"""Journals that earlier builds wrote stay readable: `version1` holds one of each change, made at commit a7330f6."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import key
from support.servers import Live

from archive_tui.changes.restore_plan import plan_restore
from archive_tui.changes.restore_words import notes
from archive_tui.commands import journal as command
from archive_tui.jobs.journals import tasks_of
from archive_tui.journal import folder as journal_folder
from archive_tui.journal.reader import Journal
from archive_tui.payloads.redaction import Redaction

VERSION_1 = Path(__file__).parent / "version1"
DELETED, REPAIRED, CLEANED_UP = (
    VERSION_1 / f"{change}.journal.gz" for change in ("delete", "repair", "clean-up")
)  # fmt: skip

OUTCOMES = {
    DELETED: {
        "kept-2": "gone", "kept-4": "deleted", "kept-5": "deleted", "locked": "deleted_and_unlocked",
        "/29kZA==": "deleted", "kept-0": "now_referenced", "kept-1": "copy_stale", "kept-3": "deleted",
    },
    REPAIRED: {
        "loose-0": "done", "loose-1": "now_referenced", "loose-2": "gone", "loose-3": "state_changed", "husk": "done",
        "foreign": "type_changed", "twice": "alive", "grouped": "no_destination", "ghost-2": "done",
        "ghost-1": "not_a_ghost", "ghost-0": "done",
    },
    CLEANED_UP: {"done-0": "deleted", "done-1": "deleted", "done-2": "deleted", "grouped": "deleted"},
}  # fmt: skip


def shown(path: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    assert command.show(path, as_json=True, out=out, redaction=Redaction()) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def named(task: dict[str, Any]) -> str:
    return task["id"] if isinstance(task["id"], str) else task["id"]["base64"]


@pytest.mark.parametrize("path", OUTCOMES, ids=lambda path: path.name)
def test_the_outcome_of_every_task_is_shown(path: Path) -> None:
    assert {named(task): task["outcome"] for task in shown(path)} == OUTCOMES[path]


def test_what_was_restored_is_shown() -> None:
    assert [named(task) for task in shown(DELETED) if task["restored"]] == ["locked", "kept-3"]
    assert not any(task["restored"] for path in (REPAIRED, CLEANED_UP) for task in shown(path))


def test_they_are_listed(tmp_path: Path) -> None:
    for path in VERSION_1.iterdir():
        shutil.copy(path, tmp_path)
    listed = {one.header.command.partition(":")[0]: one for one in journal_folder.listed(tmp_path)}
    assert {command: tasks_of(one) for command, one in listed.items()} == {"delete": 5, "repair": 4, "clean up": 4}
    assert all(one.ending is not None and one.ending.state == "done" for one in listed.values())
    assert {one.header.created_at for one in listed.values()} == {1_795_000_000}
    assert (listed["delete"].header.reason, listed["delete"].header.planned) == ("INC-4711", 8)


def test_the_restore_of_a_deletion_is_planned(valkey: Live) -> None:
    valkey.client.hset(key("q", "kept-5"), "state", "archived")
    plan = plan_restore(valkey.connect(), Journal(DELETED))
    assert (plan.count, plan.before, plan.kept, plan.there) == (3, 2, 3, 1)
    assert (plan.by_queue, plan.places) == ({"q": 3}, {"no index, as an orphan": 3})
    assert plan.elsewhere == "redis.internal:6379/0"
    again = plan_restore(valkey.connect(), Journal(DELETED), again=True)
    assert (again.count, again.before, again.locks) == (5, 2, 1)
    assert "2 were restored before: those that have run since come back once more" in notes(again)


def test_the_restore_of_a_repair_is_planned(valkey: Live) -> None:
    plan = plan_restore(valkey.connect(), Journal(REPAIRED))
    assert (plan.count, plan.bare, plan.kept, plan.unsure) == (2, 3, 6, 0)


def test_the_restore_of_a_clean_up_is_planned(valkey: Live) -> None:
    plan = plan_restore(valkey.connect(), Journal(CLEANED_UP))
    assert (plan.count, plan.by_queue) == (4, {"left": 4})
    assert plan.places == {"completed": 3, "no index, as a lost task": 1}
