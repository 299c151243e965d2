"""The forecast: when an archive breaks Asynq, and when it does not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.asynq_data import NOW
from support.servers import Live

from archive_tui.asynq.forecast import TOO_MANY, Cause, Forecast, forecast, is_too_old
from archive_tui.asynq.limits import CAP as ARCHIVE_CAP
from archive_tui.asynq.limits import DEFAULTS
from archive_tui.store.read.queues import archived_scores

DAY = 86_400
HOUR = 3_600


def spread(count: int, start: float, end: float) -> list[float]:
    """So many scores, evenly from a moment to another."""
    step = (end - start) / max(count - 1, 1)
    return [start + step * number for number in range(count)]


def test_nothing_is_foretold_of_an_empty_archive() -> None:
    assert forecast([], NOW) == Forecast(0)
    assert forecast([], NOW).sentence == ""


@pytest.mark.parametrize(("count", "cause"), [(TOO_MANY, Cause.EXPIRED), (TOO_MANY - 1, None)])
def test_what_is_past_the_line_goes_with_the_next_archiving(count: int, cause: Cause | None) -> None:
    line = NOW - DEFAULTS.seconds
    scores = [*spread(count - 1, line - DAY, line - 1), line, *spread(500, NOW - 29 * DAY, NOW - HOUR)]
    found = forecast(scores, NOW)
    assert (found.cause, found.expired, found.breaks_at) == (cause, count, None)
    if cause:
        assert found.together == count
        assert found.sentence.startswith(
            "8,000 archived tasks are past 90 days; Asynq 0.25+ fails to archive the next task"
        )
        assert found.preventable


@pytest.mark.parametrize(("count", "cause"), [(TOO_MANY, Cause.TOGETHER), (TOO_MANY - 1, None)])
def test_an_incident_that_crosses_at_once(count: int, cause: Cause | None) -> None:
    """All within 40 minutes, 81 days ago; since then one an hour."""
    incident = spread(count, NOW - 81 * DAY, NOW - 81 * DAY + 40 * 60)
    found = forecast([*incident, *spread(24 * 29, NOW - 29 * DAY, NOW - HOUR)], NOW)
    assert found.cause == cause
    assert (found.most, found.most_at) == (count, (NOW + 9 * DAY) // DAY * DAY)
    if cause:
        assert found.breaks_at == incident[-1] + DEFAULTS.seconds
        assert found.together == count
        assert found.sentence == (
            "8,000 archived tasks cross 90 days together on 2026-11-27; Asynq 0.25+ fails to archive then, by its "
            "defaults"
        )


def test_a_queue_that_archives_often_takes_an_incident_in_small_pieces() -> None:
    """The incident took ten hours, and the queue archives every 20 minutes: 300 cross between two archivings."""
    incident = spread(8_100, NOW - 81 * DAY, NOW - 81 * DAY + 10 * HOUR)
    assert forecast([*incident, *spread(1_000, NOW - 30 * DAY, NOW - 60)], NOW).cause is None
    with_a_pause = [NOW - 30 * DAY - 1.0, *spread(1_000, NOW - 26 * DAY, NOW - 60)]
    assert forecast([*incident, *with_a_pause], NOW).cause is Cause.TOGETHER
    assert forecast([*incident, *spread(1_000, NOW - HOUR, NOW)], NOW).cause is Cause.TOGETHER


def test_a_queue_that_fills_its_archive_every_day_never_sees_ninety_days() -> None:
    scores = spread(ARCHIVE_CAP, NOW - DAY, NOW - 1)
    assert forecast(scores, NOW).cause is None
    assert forecast(spread(ARCHIVE_CAP, NOW - 60, NOW - 1), NOW).cause is None


def test_after_an_incident_and_silence_the_day_is_known_long_before() -> None:
    """A week after the queue fell silent it no longer counts on what came before."""
    found = forecast(spread(ARCHIVE_CAP, NOW - 31 * DAY, NOW - 31 * DAY + HOUR), NOW)
    assert found.cause is Cause.TOGETHER
    assert found.breaks_at is not None
    assert NOW + 59 * DAY - HOUR < found.breaks_at < NOW + 59 * DAY + HOUR


def test_what_the_cap_pushes_out_before_does_not_cross() -> None:
    """8,010 cross together in 10 days. At 53 a day the cap has pushed out 141 of them by then; at 20 a day, none."""
    incident = spread(8_010, NOW - 80 * DAY, NOW - 80 * DAY + 60)
    assert forecast([*incident, *spread(1_600, NOW - 29 * DAY, NOW)], NOW).cause is None
    assert forecast([*incident, *spread(600, NOW - 29 * DAY, NOW)], NOW).cause is Cause.TOGETHER


def test_an_archive_with_far_more_than_it_holds() -> None:
    scores = spread(ARCHIVE_CAP + TOO_MANY - 1, NOW - 40 * DAY, NOW)
    found = forecast(scores, NOW)
    assert found.cause is Cause.OVERFULL
    assert found.sentence.startswith("17,998 ids in an archive for 9,999")
    assert forecast(scores[1:], NOW).cause is None


@pytest.mark.parametrize(
    ("product", "version", "expected"),
    [
        ("redis", "6.0.16", True), ("redis", "5.0.7", True), ("redis", "6.2.0", False), ("redis", "7.0.15", False),
        ("redis", "10.0.0", False), ("redis", "", False), ("valkey", "7.2.5", False), ("valkey", "", False),
    ],
)  # fmt: skip
def test_which_servers_cannot_run_the_script(product: str, version: str, expected: bool) -> None:
    assert is_too_old(product, version) is expected
    found = forecast([NOW - 5.0], NOW, too_old=expected)
    assert (found.cause is Cause.OLD_SERVER) == expected
    assert not found.preventable
    assert ("older than 6.2" in found.sentence) == expected


CLUMPS = st.lists(
    st.tuples(st.sampled_from([1, 50, 4_000, 7_999, 8_000]), st.integers(-100 * DAY, -8 * DAY), st.integers(0, DAY)),
    max_size=4,
)


@given(CLUMPS)
def test_what_it_calls_fine_survives_its_longest_pauses(clumps: list[tuple[int, int, int]]) -> None:
    """Played forward: archivings as far apart as the longest pause meet 8,000 ids past the line exactly where it says
    so. Nothing was archived for a week, so it counts on nothing being pushed out.
    """
    scores = sorted(
        float(NOW + start + length * number // count) for count, start, length in clumps for number in range(count)
    )
    found = forecast(scores, NOW)
    recent = [score for score in scores if score >= NOW - 30 * DAY]
    pause = max(after - before for before, after in pairwise([NOW - 30 * DAY, *recent, NOW]))
    if found.cause is Cause.TOGETHER:
        assert found.breaks_at is not None
        assert found.breaks_at > NOW
        past = [
            score for score in scores if found.breaks_at - pause < max(score + DEFAULTS.seconds, NOW) <= found.breaks_at
        ]
        assert len(past) >= TOO_MANY
    elif found.cause is None and len(scores) <= ARCHIVE_CAP and len(recent) < len(scores):
        now = float(NOW)
        while scores:
            expired = [score for score in scores if score + DEFAULTS.seconds <= now]
            assert len(expired) < TOO_MANY
            scores = scores[len(expired) :]
            now += pause


def test_scores_are_read_in_pieces_the_oldest_first(any_server: Live) -> None:
    any_server.client.zadd("asynq:{q}:archived", {f"t{number}": NOW - number for number in range(2_500)})
    with any_server.pipe() as pipe:
        any_server.client.config_resetstat()
        scores = archived_scores(pipe, "q")
        assert any_server.calls()["zrange"] == 3
        assert scores == [float(NOW - number) for number in range(2_500)][::-1]
        assert archived_scores(pipe, "q", 1_500) == sorted(scores)[: len(archived_scores(pipe, "q", 1_500))]
        assert archived_scores(pipe, "nothing") == []
        any_server.client.set("asynq:{text}:archived", 1)
        assert archived_scores(pipe, "text") == []
