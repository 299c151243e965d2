"""The limits of an archive: defaults, what a profile says, and what is seen."""

from pathlib import Path

import pytest
from support.asynq_data import NOW

from archive_tui.asynq.forecast import TOO_MANY, Cause, forecast
from archive_tui.asynq.limits import CAP, DAY, DEFAULTS, CapWatch, Limits, Origin, limits_of
from archive_tui.errors import UsageError
from archive_tui.settings.profiles import Choices, resolve


def seen(*archives: tuple[int, int], limits: Limits = DEFAULTS) -> int | None:
    """The cap that shows in the sizes of an archive and the moments of its oldest id, one after the other."""
    watch = CapWatch()
    for size, oldest_at in archives:
        watch.note("q", size, oldest_at, NOW, limits)
    return watch.caps.get("q")


@pytest.mark.parametrize("size", [500, 10_000, 10_239])
def test_an_archive_that_stays_at_a_size_while_its_oldest_goes_shows_its_cap(size: int) -> None:
    old = NOW - DAY
    assert seen((size, old), (size, old + 1), (size, old + 2)) is None
    assert seen((size, old), (size, old + 1), (size, old + 1), (size, old + 2), (size, old + 9)) == size


def test_what_else_moves_an_archive_shows_no_cap() -> None:
    old = NOW - DAY
    assert seen(*[(500, old)] * 9) is None  # nothing happens
    assert seen(*[(500 + step, old) for step in range(9)]) is None  # it grows
    assert seen(*[(500 - step, old + step) for step in range(9)]) is None  # somebody deletes the oldest
    assert seen(*[(500, old - step) for step in range(9)]) is None  # somebody restores older ones
    assert seen(*[(500, NOW - 90 * DAY + step) for step in range(9)]) is None  # the oldest expire


def test_an_archive_that_outgrows_its_cap_has_another() -> None:
    trimmed = [(500, NOW - DAY + step) for step in range(5)]
    assert seen(*trimmed) == 500
    assert seen(*trimmed, (400, NOW - DAY + 9)) == 500  # some were deleted
    assert seen(*trimmed, (501, NOW - DAY + 9)) is None


def test_a_profile_wins_over_what_is_seen_and_that_over_the_default() -> None:
    assert limits_of(None, None) == DEFAULTS == Limits(CAP, 90)
    assert limits_of(None, None).with_cap(10_239) == Limits(10_239, 90, Origin.SEEN)
    assert limits_of(500, 30).with_cap(10_239) == Limits(500, 30, Origin.PROFILE, Origin.PROFILE)
    assert DEFAULTS.denies(10_239)
    assert not DEFAULTS.denies(CAP)
    assert not DEFAULTS.with_cap(10_000).denies(10_239)


def test_a_profile_gives_limits(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[a]\narchive_cap = 500\narchive_days = 30\n[b]\narchive_cap = 0\n[c]\narchive_days = 1.5\n")
    settings = resolve(Choices(profile="a", environment={}), file)
    assert (settings.archive_cap, settings.archive_days) == (500, 30)
    for profile in ("b", "c"):
        with pytest.raises(UsageError, match="a whole number, 1 or more"):
            resolve(Choices(profile=profile, environment={}), file)


def test_a_forecast_is_made_for_the_limits_that_are_known() -> None:
    scores = [NOW - 31.0 * DAY] * TOO_MANY
    assert forecast(scores, NOW).cause is not Cause.EXPIRED
    known = forecast(scores, NOW, limits=limits_of(20_000, 30))
    assert known.cause is Cause.EXPIRED
    assert known.sentence.startswith("8,000 archived tasks are past 30 days; ")
    assert "default" not in known.sentence


def test_a_forecast_says_which_of_its_limits_is_only_the_default() -> None:
    expired = forecast([NOW - 91.0 * DAY] * TOO_MANY, NOW, limits=limits_of(20_000, None))
    assert expired.sentence.endswith("by its defaults"), "the days are, whatever is known of the cap"
    overfull = [NOW - float(age) for age in range(CAP + TOO_MANY)]
    assert forecast(overfull, NOW, limits=limits_of(None, 30)).sentence.endswith("by its defaults")
    assert not forecast(overfull, NOW, limits=limits_of(CAP, None)).sentence.endswith("by its defaults")


def test_the_share_of_an_archive_is_said_with_where_its_cap_is_from() -> None:
    assert DEFAULTS.share(65) == "65 of 9,999 by default"
    assert DEFAULTS.share(65, briefly=True) == "65 of 9,999"
    assert DEFAULTS.share(10_239) == "10,239, above the default 9,999"
    assert limits_of(500, None).share(65) == "65 of 500"
    assert DEFAULTS.with_cap(10_239).share(10_239) == "10,239 of 10,239"
