"""What a scan expects to find in the end, from what it has found so far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.jobs.expectation import expectation


@pytest.mark.parametrize(("found", "walked"), [(1_000, 0.009), (9, 0.5), (1_000, 1.0), (0, 0.5)])
def test_too_little_or_everything_is_known(found: int, walked: float) -> None:
    assert expectation(found, 300 * found, walked) is None


def test_it_tells_no_more_than_it_knows() -> None:
    expected = expectation(10_034, 10_034 * 412, 0.01)
    assert expected is not None
    assert (expected.findings, expected.error) == (1_003_400, 19_535)
    assert str(expected) == "1,000,000 ± 1.9 %, 413.4 MB"


@given(st.integers(min_value=2_000, max_value=200_000))
def test_it_comes_down_to_the_number_itself(total: int) -> None:
    errors = []
    for walked in (0.01, 0.1, 0.5, 0.99):
        found = round(total * walked)
        expected = expectation(found, found, walked)
        assert expected is not None
        assert abs(expected.findings - total) <= expected.error
        errors.append(expected.error)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < total * 0.01 + 10
