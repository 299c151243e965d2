"""`--resume JOURNAL`: the rest of an interrupted change, planned, confirmed and carried out on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.asynq_data import NOW, prefix
from support.changes import Run, interrupt
from support.command_line import Command, at, audit
from support.servers import Live

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.jobs.listing import ListJob
from archive_tui.journal.reader import Journal


@pytest.fixture
def half(valkey: Live, run_job: Run, tmp_path: Path) -> Callable[..., list[str]]:
    """A deletion of 300 tasks of which 200 were deleted; makes a command line of its folder of journals."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"task-{number:03}" for number in range(300)], score=NOW)
    catalog = Catalog()
    assert run_job(ListJob(valkey.connect(), catalog, "q")).wait(20)
    interrupt(valkey, run_job, plan_oldest(catalog, Query()), tmp_path / "j")
    catalog.close()
    return lambda *words: at(valkey, words[0], "--journal-dir", str(tmp_path / "j"), *words[1:])


def name_of(folder: Path) -> str:
    (path,) = folder.glob("*.journal.gz")
    return path.name.partition(".")[0]


def left(live: Live) -> int:
    return int(live.client.zcard(prefix("q") + b"archived"))


def test_the_rest_is_planned_and_carried_out(
    half: Callable[..., list[str]], cli: Command, valkey: Live, tmp_path: Path
) -> None:
    name = name_of(tmp_path / "j")
    planned = cli(*half("delete", "--resume", name, "--dry-run"))
    assert planned.code == 0
    assert f"the rest of {name}.journal.gz" in planned.text
    assert "200 of 300 tasks deleted" in planned.text
    assert left(valkey) == 100

    listed = cli(*half("journal", "--json")).json
    assert [one["resumable"] for one in listed] == [True]
    assert "--resume" in cli(*half("journal")).text

    done = cli(*half("delete", "--resume", name, "--yes", "--json"))
    assert (done.code, done.json["report"]["deleted"], done.json["report"]["resumable"]) == (0, 100, False)
    assert (done.json["resumes"]["done"], done.json["resumes"]["planned"]) == (200, 300)
    assert left(valkey) == 0
    path = Path(done.json["report"]["journal"])
    assert Journal(path).header.continues == f"{name}.journal.gz"
    assert Journal(path).header.reason == "tests"  # that of the first
    confirmed, _ = audit()
    assert confirmed["choice"] == f"the rest of {name}.journal.gz"
    assert confirmed["continues"].endswith(f"{name}.journal.gz")

    again = cli(*half("delete", "--resume", name, "--yes"))
    assert (again.code, "nothing is left to resume" in again.complaint) == (6, True)
    assert [one["resumable"] for one in cli(*half("journal", "--json")).json] == [False, False]


def test_it_asks_as_any_change(half: Callable[..., list[str]], cli: Command, valkey: Live, tmp_path: Path) -> None:
    refused = cli(*half("delete", "--resume", name_of(tmp_path / "j")))
    assert (refused.code, "without a terminal to confirm on" in refused.complaint) == (5, True)
    assert left(valkey) == 100


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "--resume"], "is of another command: delete: `archive-tui delete --resume"),
        (["repair", "--resume"], "is of another command: delete: `archive-tui delete --resume"),
        (["delete", "--queue", "q", "--resume"], "leave --queue out"),
        (["delete", "--archived", "--resume"], "leave --archived out"),
        (["repair", "--kind", "lost", "--resume"], "leave --kind out"),
        (["run", "--per-second", "2", "--resume"], "leave --per-second out"),
    ],
)
def test_what_does_not_fit_is_refused(
    half: Callable[..., list[str]], cli: Command, valkey: Live, tmp_path: Path, words: list[str], complaint: str
) -> None:
    ended = cli(*half(*words, name_of(tmp_path / "j"), "--yes"))
    assert ended.code == 2
    assert complaint in ended.complaint
    assert left(valkey) == 100


@pytest.mark.parametrize(
    ("words", "missing"),
    [(["run"], "--queue"), (["repair"], "--queue"), (["repair", "--queue", "q", "--kind", "lost"], "--action")],
)
def test_without_a_journal_the_choice_is_needed(valkey: Live, cli: Command, words: list[str], missing: str) -> None:
    ended = cli(*at(valkey, *words))
    assert (ended.code, f"say {missing}, or --resume JOURNAL" in ended.complaint) == (2, True)
