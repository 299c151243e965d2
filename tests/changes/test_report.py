"""The report of a change, from the counts of its progress."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive_tui.asynq.outcomes import CLEAN_UP, DELETE, REPAIR, RESTORE, Outcome, Verb
from archive_tui.changes import cleanup_words, delete_words, repair_words, restore_words
from archive_tui.changes.report import Report
from archive_tui.commands.output import report_lines
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress, Example
from archive_tui.wording.tone import Tone

WORDS = {DELETE: delete_words.report, REPAIR: repair_words.report, RESTORE: restore_words.report}


def report_of(verb: Verb, planned: int, outcomes: dict[Outcome, int], **more: Any) -> Report:
    done = sum(outcomes.values())
    state = more.pop("state", JobState.DONE)
    return WORDS[verb](ChangeProgress(verb, state, planned, done, outcomes=outcomes, **more))


@pytest.mark.parametrize(
    ("verb", "title", "remark"),
    [
        (DELETE, "Deleted 1 of 1 task", "deleted 1 task"),
        (REPAIR, "Repaired 1 of 1 finding", "repaired 1 finding"),
        (RESTORE, "Restored 1 of 1 task", "restored 1 task"),
    ],
)
def test_one_task_that_went_as_planned_needs_a_remark_only(verb: Verb, title: str, remark: str) -> None:
    report = report_of(verb, 1, {Outcome.DONE: 1})
    assert (report.title, report.remark, report.in_part) == (title, remark, False)
    assert not report_of(verb, 1, {Outcome.DONE: 1}, caution="a new primary").remark
    assert not report_of(verb, 2, {Outcome.DONE: 2}).remark
    assert not report_of(verb, 1, {}).remark


def test_a_lock_that_is_not_as_it_was_must_be_read() -> None:
    lost = Example("work", b"a\x1b", Outcome.LOCK_EXPIRED)
    report = report_of(RESTORE, 1, {Outcome.LOCK_EXPIRED: 1}, examples=(lost,))
    assert not report.remark
    assert report.examples == (("a␛", "restored; its unique lock has run out since"),)


def test_what_needed_no_change_is_counted_and_not_listed() -> None:
    there, taken = Example("work", b"a", Outcome.ALREADY), Example("work", b"b", Outcome.TAKEN)
    report = report_of(RESTORE, 5, {Outcome.ALREADY: 3, Outcome.TAKEN: 2}, examples=(there, taken))
    assert [(one.number, one.tone) for one in report.counts] == [(3, Tone.QUIET), (2, Tone.CAUTION)]
    assert report.examples == (("b", "skipped: other task data stands under its id"),)
    assert report.more == 1
    assert not report.changed_something


def test_a_report_for_people_is_complete() -> None:
    changed = Example("work", b"a", Outcome.STATE_CHANGED)
    report = report_of(
        DELETE, 20, {Outcome.GONE: 1, Outcome.DONE: 4, Outcome.STATE_CHANGED: 2}, unknown=3, unconfirmed=1,
        examples=(changed,), state=JobState.STOPPED, error="the disk is full", caution="another server took over",
        journal=Path("/j/one.gz"),
    )  # fmt: skip
    assert list(report_lines(report)) == [
        "stopped before the end",
        "ended by an error: the disk is full",
        "deleted 4 of 20 tasks",
        "         1  already gone",
        "         2  skipped: its state has changed",
        "         3  unknown: sent, but the answer had not come",
        "         1  unconfirmed: sent twice; the first try did it, or somebody else",
        "        10  not touched",
        "another server took over",
        "a copy is in the journal /j/one.gz",
        "not as planned:",
        "  a  skipped: its state has changed",
        "  and 1 more",
    ]
    assert (report.changed_something, report.in_part) == (True, True)


def test_a_report_for_programs_keeps_its_fields() -> None:
    outcomes = {Outcome.GONE: 1, Outcome.DONE: 4, Outcome.DONE_AND_UNLOCKED: 1, Outcome.NOT_A_TASK: 2}
    counted = {
        "state": "done", "unlocked": 1, "gone": 1, "unconfirmed": 0, "skipped": {"not-a-task": 2}, "unknown": 0,
        "untouched": 0, "journal": None, "resumable": False, "caution": None, "error": None,
    }  # fmt: skip
    assert report_of(DELETE, 8, outcomes).facts == counted | {"deleted": 5}
    assert report_of(REPAIR, 8, outcomes).facts == counted | {"repaired": 5}
    restored = report_of(RESTORE, 4, {Outcome.DONE: 1, Outcome.WITHOUT_LOCK: 1, Outcome.ALREADY: 1, Outcome.TAKEN: 1})
    assert restored.facts == {
        "state": "done", "restored": 2, "there": 3, "untouched": 0, "caution": None, "error": None,
        "outcomes": {"restored": 1, "without-lock": 1, "already": 1, "taken": 1},
    }  # fmt: skip


def test_a_report_says_how_to_go_on_where_something_is_left() -> None:
    progress = ChangeProgress(
        DELETE, JobState.STOPPED, 9, 2, outcomes={Outcome.DONE: 2}, journal=Path("/j/a.journal.gz")
    )
    assert not [note for note in delete_words.report(progress).notes if "resume" in note.text]
    *_, rest = delete_words.report(replace(progress, resumable=True)).notes
    assert rest.text.startswith("the rest can be resumed: `archive-tui delete --resume a`, or on the screens")
    assert delete_words.report(replace(progress, resumable=True)).facts["resumable"]


def test_of_deleted_foreign_keys_the_journal_holds_the_ids_alone() -> None:
    progress = ChangeProgress(REPAIR, JobState.DONE, 2, 2, outcomes={Outcome.DONE: 2}, journal=Path("/j/one.gz"))
    report = repair_words.report(replace(progress, copied=False))
    assert report.title == "Deleted 2 of 2 foreign keys"
    assert [note.text for note in report.notes] == ["their ids, and no more of them, are in the journal /j/one.gz"]
    assert "how it was is in the journal" in repair_words.report(progress).notes[0].text


def test_a_clean_up_that_failed_must_be_read() -> None:
    done = ChangeProgress(CLEAN_UP, JobState.DONE, 3, 3, outcomes={Outcome.DONE: 3}, keys=9)
    assert cleanup_words.report(done).remark == "deleted 9 keys, 3 tasks among them"
    failed = cleanup_words.report(ChangeProgress(CLEAN_UP, JobState.FAILED, 0, error="the queue is in use"))
    assert (failed.remark, failed.in_part, failed.changed_something) == ("", True, False)
    assert [line.text for line in failed.ending] == ["ended by an error: the queue is in use"]
