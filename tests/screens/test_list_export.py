"""Exporting from lists: what goes into the file, that it can be restored, and that nothing is ever overwritten."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.asynq_data import NOW
from support.contents import content
from support.pilot import PATIENCE, Operator, operate
from support.schedulers import ALIVE, DEAD, HOUR, beat, enqueue
from support.servers import Live

from archive_tui.cli.running import run
from archive_tui.errors import JournalError
from archive_tui.jobs.export import ExportJob
from archive_tui.jobs.pace import Pace
from archive_tui.journal.reader import EXPORT, Journal
from archive_tui.journal.recorder import Recorder, Run
from archive_tui.journal.writer import Writer

DAY = 86_400


@pytest.fixture
def mail(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    """An archive of two errors and several ages, an orphan, and a folder to export to."""
    monkeypatch.chdir(tmp_path)
    valkey.asynq.register("mail")
    for number in range(6):
        died = NOW - (60 if number % 2 else 40 * DAY) - number
        valkey.asynq.add("mail", f"refused-{number}", score=died, error_msg="refused")
    for number in range(2):
        valkey.asynq.add("mail", f"late-{number}", score=NOW - 60, error_msg="late")
    valkey.asynq.add("mail", "orphan", referenced=False)
    return valkey


def ids(path: Path) -> list[str]:
    journal = Journal(path)
    outline = journal.outline()
    return sorted(copy.id.decode() for copies in dict(journal.batches(outline)).values() for copy in copies)


async def ask(op: Operator, title: str) -> None:
    await op.press("e")
    await op.arrives("SaveDialog")
    assert title in op.text


async def export_to(op: Operator, name: str) -> None:
    await op.press("ctrl+u")
    await op.type(name)
    await op.press("enter")


async def exported(op: Operator, count: int, path: Path) -> None:
    """See the report of a whole export off."""
    await op.arrives("ReportDialog")
    assert f"Exported {count} of {count} task" in op.text
    assert "written to the file" not in op.text  # the title says so already
    assert path.name in op.words().replace(" ", "")
    await op.press("escape")


def test_what_matches_goes_into_a_private_file_that_can_be_restored(mail: Live, tmp_path: Path, home: Path) -> None:
    before = content(mail)

    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await op.press("slash", *"refused", "enter")
        await op.sees("6 match of 8")
        await ask(op, "Export 6 tasks")
        await op.press("enter")
        await exported(op, 6, Path("mail-archived-20261118T"))

    operate(mail.settings, play)
    (path,) = tmp_path.glob("*.journal.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ids(path) == [f"refused-{number}" for number in range(6)]
    assert content(mail) == before
    mail.client.flushdb()
    mail.asynq.register("mail")
    assert run(["restore", "--url", mail.url, str(path), "--yes"]) == 0
    assert {key: value for key, value in before.items() if b"t:refused" in key}.items() <= content(mail).items()


def test_what_is_marked_goes_before_what_matches(mail: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await op.press("slash", *"late", "enter")
        await op.sees("2 match of 8")
        await op.press("space", "escape")
        await op.unfiltered()
        await op.press("slash", *"refused", "enter")
        await op.sees("6 match of 8")
        await op.press("space")
        await ask(op, "Export 2 tasks")
        await export_to(op, "some.ndjson")
        await exported(op, 2, tmp_path / "some.ndjson")

    operate(mail.settings, play)
    assert (tmp_path / "some.ndjson").read_bytes().startswith(b'{"archive_tui"')
    assert [one.split("-")[0] for one in ids(tmp_path / "some.ndjson")] == ["late", "refused"]


def test_a_cell_of_the_triage_view(mail: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  mail")
        await op.press("T")
        await op.arrives("ArchiveTriageScreen")
        await op.triaged()
        await ask(op, "Export 6 tasks")
        await op.press("escape", "right")
        await ask(op, "Export 3 tasks")
        await export_to(op, "cell")
        await exported(op, 3, tmp_path / "cell")
        assert op.where == "ArchiveTriageScreen"

    operate(mail.settings, play)
    assert ids(tmp_path / "cell") == ["refused-1", "refused-3", "refused-5"]


def test_findings_also_where_nothing_may_be_changed(mail: Live, tmp_path: Path) -> None:
    async def play(op: Operator) -> None:
        await op.scan("mail")
        await ask(op, "Export 1 task")
        await export_to(op, "orphans")
        await exported(op, 1, tmp_path / "orphans")

    operate(replace(mail.settings, read_only=True), play)
    assert ids(tmp_path / "orphans") == ["orphan"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("kept", "exists already"), ("dangling", "exists already"), ("none/file", "there is no folder")],
)
def test_a_file_that_will_not_do_is_asked_for_again(mail: Live, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "kept").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")

    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await ask(op, "Export 8 tasks")
        await export_to(op, name)
        await op.arrives("SaveDialog")
        await op.until(lambda: said in op.dialog, "what is wrong")
        assert name in op.dialog, "what was typed can be corrected"
        await export_to(op, "new")
        await exported(op, 8, tmp_path / "new")

    operate(mail.settings, play)
    assert (tmp_path / "kept").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let an export stand at its first batch until this is set."""
    going_on, checkpoint = threading.Event(), ExportJob.checkpoint

    def stand(job: ExportJob) -> None:
        going_on.wait(PATIENCE)
        checkpoint(job)

    monkeypatch.setattr(ExportJob, "checkpoint", stand)
    yield going_on
    going_on.set()


def test_while_it_runs_the_rows_stay_and_it_can_be_stopped(mail: Live, tmp_path: Path, held: threading.Event) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await ask(op, "Export 8 tasks")
        await export_to(op, "part")
        await op.sees("exporting 0 of 8", "x stops")
        for key in ("q", "r", "ctrl+d", "e"):
            op.forget_remarks()
            await op.press(key)
            assert op.where == "TasksScreen"
            await op.hears("an export is running")
        await op.press("x")
        held.set()
        await op.arrives("ReportDialog")
        await op.sees("Exported 0 of 8 tasks", "stopped before the end", "not written")
        await op.press("escape", "r")
        await op.listed(8)

    operate(mail.settings, play)
    assert ids(tmp_path / "part") == []


@pytest.mark.parametrize("screen", ["TasksScreen", "ArchiveTriageScreen", "ScanScreen"])
def test_its_pace_can_be_changed(mail: Live, held: threading.Event, screen: str) -> None:
    async def play(op: Operator) -> None:
        if screen == "ScanScreen":
            await op.scan("mail")
        else:
            await op.tasks("mail")
        if screen == "ArchiveTriageScreen":
            await op.press("T")
            await op.triaged()
        await op.press("p")
        await op.hears("pace: nothing is running")
        await ask(op, "Export ")
        await op.press("enter")
        await op.sees("exporting 0 of", "polite pace", "p pace")
        await op.press("p")
        await op.sees("gentle pace")
        (job,) = [one for one in op.app.session.running if isinstance(one, ExportJob)]
        assert job.pace is Pace.GENTLE
        held.set()
        await op.arrives("ReportDialog")

    operate(mail.settings, play, size=(120, 30))


def test_quitting_asks_before_it_stops_an_export(mail: Live, tmp_path: Path, held: threading.Event) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await ask(op, "Export 8 tasks")
        await export_to(op, "part")
        await op.sees("exporting 0 of 8")
        await op.press("ctrl+q")
        await op.arrives("QuestionDialog")
        assert "An export is running" in op.text
        assert "What was written so far stays in the file" in op.dialog
        await op.press("enter")  # the careful answer has the focus
        assert op.where == "TasksScreen"
        await op.press("ctrl+q")
        await op.arrives("QuestionDialog")
        held.set()  # with the export, the question goes
        await op.arrives("ReportDialog")
        await op.sees("Exported 8 of 8 tasks")

    operate(mail.settings, play)
    assert len(ids(tmp_path / "part")) == 8


def test_histories_that_are_no_tasks_are_left_out_and_it_is_said(mail: Live, tmp_path: Path) -> None:
    enqueue(mail.client, DEAD, 3 * HOUR)
    enqueue(mail.client, ALIVE, 3 * HOUR)
    beat(mail.client, [ALIVE], ttl=600)

    async def play(op: Operator) -> None:
        await op.scan()
        await ask(op, "Export 1 task")
        left_out = "1 stale history left out: the journal of their deletion keeps a copy"
        assert left_out in op.dialog
        await export_to(op, "tasks")
        await op.arrives("ReportDialog")
        assert left_out in op.dialog

    operate(mail.settings, play)
    assert ids(tmp_path / "tasks") == ["orphan"]


def test_a_file_that_cannot_be_written_is_not_called_a_journal(tmp_path: Path) -> None:
    run_ = Run("server", EXPORT, ["mail"], 1)
    with pytest.raises(JournalError) as refused:
        Recorder.at(tmp_path / "none" / "file", run_, lambda: NOW)
    assert str(refused.value).startswith(f"the export {tmp_path}/none/file cannot be written (No such file")
    assert str(refused.value).endswith("make room there, or choose another file")
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"the journal .* --journal-dir"):
        Writer.new(tmp_path / "file" / "folder", "stem", {})


def old_task(number: int) -> str:
    """A task as Asynq before 0.18 archived it: the member of the index is all there is of it."""
    return json.dumps({"Type": "send", "Payload": {"n": number}, "ID": f"old-{number}", "Queue": "old", "Retry": 25})


@pytest.fixture
def old(mail: Live) -> Live:
    mail.asynq.register("old")
    mail.client.zadd("asynq:{old}:archived", {old_task(number): NOW - number for number in range(2)})
    return mail


def test_tasks_of_before_asynq_0_18_are_refused_in_the_form_of_a_journal_and_written_in_another(
    old: Live, tmp_path: Path
) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("old")
        await ask(op, "Export 2 tasks")
        await export_to(op, "old.journal.gz")
        await op.sees("was written by Asynq before 0.18", "NDJSON or CSV writes its tasks as they are read")
        assert not (tmp_path / "old.journal.gz").exists()
        await op.press("escape")
        await ask(op, "Export 2 tasks")
        await op.press("down")
        await export_to(op, "old.jsonl")
        await exported(op, 2, tmp_path / "old.jsonl")

    operate(old.settings, play, size=(120, 40))
