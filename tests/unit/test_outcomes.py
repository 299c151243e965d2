"""Outcomes: a sentence for each in every change, and codes that never change."""

import pytest

from archive_tui.asynq.outcomes import CLEAN_UP, DELETE, REPAIR, RESTORE, VERBS, Outcome, Verb
from archive_tui.journal import outcomes as codes


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.base)
def test_every_outcome_has_a_sentence(verb: Verb) -> None:
    sentences = [verb.sentence(outcome) for outcome in Outcome]
    assert len(set(sentences)) == len(Outcome)
    for outcome in Outcome:
        sentence = verb.sentence(outcome)
        assert outcome.done == (sentence.startswith(verb.outcome) and outcome is not Outcome.VANISHED)
        assert sentence.startswith((verb.outcome, "skipped: ", "already gone", "already there", "back: "))


def test_the_codes_are_these_for_ever() -> None:
    assert [codes.outcome_of(code, "delete") for code in "0123456789abcdef"] == [Outcome(at) for at in range(16)]
    assert codes.outcome_of("m", "repair") is Outcome.WHOLE_MESSAGE
    assert codes.outcome_of("q", "delete") is Outcome.OTHER_QUEUE
    assert codes.outcome_of("i", "repair") is Outcome.OTHER_INSTALLATION
    assert [codes.outcome_of(code, "run") for code in "gu"] == [Outcome.NO_DATA, Outcome.ID_IN_USE]
    assert [codes.outcome_of(code, "delete") for code in "syl"] == [
        Outcome.LISTED, Outcome.MAY_LIVE, Outcome.TOO_LARGE,
    ]  # fmt: skip
    assert [codes.restored_of(code) for code in "bcdefg"] == [
        Outcome.NO_DATA, Outcome.HAS_RUN, Outcome.NOT_A_TASK, Outcome.OTHER_QUEUE, Outcome.GROUP_SHARED,
        Outcome.HISTORY_THERE,
    ]  # fmt: skip
    assert [codes.restored_of(code) for code in "0123456789a"] == [
        Outcome.DONE, Outcome.WITHOUT_LOCK, Outcome.LOCK_EXPIRED, Outcome.ALREADY, Outcome.TAKEN, Outcome.ID_IN_USE,
        Outcome.VANISHED, Outcome.EXPIRED, Outcome.WITHOUT_TIMES, Outcome.LOCK_TAKEN, Outcome.LOCK_OVER,
    ]  # fmt: skip
    assert [codes.restored_code(Outcome.DONE), codes.restored_code(Outcome.VANISHED)] == ["0", "6"]
    for sign in (codes.UNKNOWN, codes.UNTRIED, "z", ""):
        assert codes.outcome_of(sign, "delete") is None
    assert codes.restored_of(codes.UNKNOWN) is None


def test_two_codes_meant_something_else_in_repairs() -> None:
    assert codes.outcome_of("8", "repair: remove the id") is Outcome.NOT_A_GHOST
    assert codes.outcome_of("9", "repair") is Outcome.NO_DESTINATION
    assert (codes.outcome_of("8", "clean up"), codes.outcome_of("9", "")) == (Outcome.QUEUE_AWAKE, Outcome.COPY_STALE)


def test_what_was_done_has_the_name_of_its_change() -> None:
    names = {verb.base: verb.name(Outcome.DONE) for verb in (DELETE, REPAIR, RESTORE, CLEAN_UP)}
    assert names == {"delete": "deleted", "repair": "done", "restore": "restored", "clean up": "deleted"}
    assert DELETE.name(Outcome.DONE_AND_UNLOCKED) == "deleted_and_unlocked"
    assert codes.name_of(Outcome.DONE, "repair: run once") == "done"
    assert codes.name_of(Outcome.DONE, "something that a newer build does") == "done"
