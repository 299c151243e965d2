"""Rows of a journal: when a task died, whatever the score in its index means."""

import pytest
from support.asynq_data import NOW, a_message

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.states import State
from archive_tui.asynq.task_copy import Copy
from archive_tui.jobs.journals import row_of_copy


@pytest.mark.parametrize(
    ("state", "died"),
    [(State.ARCHIVED, NOW), (State.COMPLETED, None), (State.RETRY, None), (State.SCHEDULED, None)],
)
def test_only_the_score_of_an_archive_is_a_death(state: State, died: int | None) -> None:
    """Elsewhere it is a moment to come: when the task expires, or runs."""
    raw = a_message("q", "one").SerializeToString()
    copy = Copy("q", b"one", (b"msg", raw, b"state", state.value.encode()), state, b"%d" % NOW)
    assert row_of_copy(ASYNQ, copy).scored_at == died
