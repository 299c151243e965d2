"""How numbers, times and objects are written for people and for programs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive_tui
from archive_tui.wording.calendar import day_and_time
from archive_tui.wording.programs import day, json_line, moment


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_917_256, "2026-11-29T01:54:16Z"),
        (1_795_917_256.999, "2026-11-29T01:54:16Z"),
        (-0.5, "1969-12-31T23:59:59Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (-62_135_596_800, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_rfc_3339_in_utc_to_the_second(seconds: float, written: str) -> None:
    assert moment(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (253_402_300_800, "+010000-01-01T00:00:00Z"),
        (-62_135_596_801, "0000-12-31T23:59:59Z"),
        (-62_167_219_201, "-000001-12-31T23:59:59Z"),
        (2**53 + 1, "+285428751-11-12T07:36:33Z"),
        (2**63 - 1, "+292277026596-12-04T15:30:07Z"),
        (-(2**63), "-292277022657-01-27T08:29:52Z"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_moment_of_any_year_is_written_exactly(seconds: float, written: str) -> None:
    assert moment(seconds) == written
    assert day(seconds) == written.partition("T")[0]


def test_no_moment_is_none() -> None:
    assert moment(None) is None
    assert day(None) is None


@given(st.integers(-(2**63), 2**63 - 1))
def test_the_calendar_repeats_after_four_hundred_years(seconds: int) -> None:
    date, time = day_and_time(seconds)
    later, same = day_and_time(seconds + 146_097 * 86_400)
    assert same == time
    assert later[-6:] == date[-6:]
    assert int(later[:-6]) == int(date[:-6]) + 400


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_calendar_is_pythons_where_that_has_one(moment: datetime) -> None:
    assert " ".join(day_and_time(int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)))) == (
        f"{moment.year:04}-{moment:%m-%d %H:%M:%S}"
    )


def test_a_line_of_json_holds_nothing_that_a_terminal_obeys() -> None:
    hostile = "a\x1b[2J\x07\x7f\x9b\u202e\u2028é\ud800"
    written = json_line({"id": hostile})
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == {"id": hostile}


def test_no_other_module_writes_moments_for_programs() -> None:
    package = Path(archive_tui.__file__).parent
    marks = (".isoformat(", 'T{time}Z"')
    writers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(mark in path.read_text() for mark in marks)
    ]
    # A date within a payload is written as exactly as its producer did
    assert sorted(writers) == ["payloads/decoders/cbor.py", "wording/programs.py"]
