"""How numbers, times and objects are written for people and for programs."""

import json
from pathlib import Path

import pytest

import archive_tui
from archive_tui.wording.programs import json_line, moment


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
    "seconds", [None, float("inf"), float("-inf"), float("nan"), 253_402_300_800, -62_135_596_801, 2**62, -(2.0**80)]
)
def test_a_moment_that_no_calendar_holds_is_none(seconds: float | None) -> None:
    assert moment(seconds) is None


def test_a_line_of_json_holds_nothing_that_a_terminal_obeys() -> None:
    hostile = "a\x1b[2J\x07\x7f\x9b\u202e\u2028é\ud800"
    written = json_line({"id": hostile})
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == {"id": hostile}


def test_no_other_module_writes_moments_for_programs() -> None:
    package = Path(archive_tui.__file__).parent
    writers = [str(path.relative_to(package)) for path in package.rglob("*.py") if ".isoformat(" in path.read_text()]
    assert writers == ["wording/programs.py"]
