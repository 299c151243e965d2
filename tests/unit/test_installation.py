"""What belongs to no queue: how it is named for people, for programs, and in a journal."""

import json
from pathlib import Path

from archive_tui.asynq.installation import INSTALLATION, shown, written
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.task_copy import Copy
from archive_tui.journal import format
from archive_tui.journal.reader import Journal
from archive_tui.journal.recorder import Recorder, Run


def test_the_installation_is_named_for_people_and_null_for_programs() -> None:
    assert (shown(INSTALLATION), written(INSTALLATION)) == ("(no queue)", None)
    assert (shown("a\x1b"), written("a")) == ("a␛", "a")


def test_no_key_can_be_read_as_one_of_a_queue_without_a_name() -> None:
    assert ASYNQ.queues_in(b"asynq:{}:t:x") == []


def test_a_journal_has_null_in_the_place_of_the_queue(tmp_path: Path) -> None:
    recorder = Recorder.in_folder(tmp_path, Run("here", "delete", ["q", INSTALLATION], 1), 0, lambda: 0.0)
    recorder.begin([Copy(INSTALLATION, b"one", [b"event", b"12"])], 10)[1].result()
    recorder.close("done", {})
    journal = Journal(recorder.path)
    assert journal.header.queues == ("q", INSTALLATION)
    ((_, copies),) = journal.batches(journal.outline())
    assert copies == [Copy(INSTALLATION, b"one", [b"event", b"12"])]
    (line,) = format.task_lines(copies)
    assert json.loads(line)["queue"] is None
