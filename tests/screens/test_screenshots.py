"""The pictures in `screenshots/` are what the screens look like: made again, and compared."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[2] / "screenshots"
PARTS = 4
"""The pictures are made in so many parts, which may be made side by side."""

ESTIMATE = re.compile(r"~[0-9.–]+&#160;(?:[kMG]?B)")
"""MEMORY USAGE says what the allocator took, which differs from machine to machine."""

LEFT = re.compile(r"held,&#160;[0-9]+&#160;[a-z]+&#160;left")
"""The time to live of a lock is the server's own, by the real clock."""
BAR_END = re.compile("[▏▎▍▌▋▊▉]")
"""The end of a scroll bar: Textual reckons its window in two ways, an eighth of a cell apart, and the last one wins."""

IN_REDIS = re.compile(r"[0-9.]+&#160;k?B(?=<)")


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_screenshots", HERE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _comparable(svg: str) -> str:
    """Without estimates, and without the name that Rich makes from the content, and paddings that follow from both."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = ESTIMATE.sub("~", svg)
    svg = IN_REDIS.sub("B", svg)
    svg = LEFT.sub("left", svg)
    svg = BAR_END.sub("▌", svg)
    return re.sub(r'(x|textLength|width)="[0-9.]+"', "", svg).replace("&#160;", "")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_pictures_show_the_screens_as_they_are(part: int) -> None:
    script = _script()
    made = script.pictures(sorted(script.SCENES)[part::PARTS])
    committed = {name: (HERE / f"{name}.svg").read_text(encoding="utf-8") for name in made}
    different = [name for name, svg in made.items() if _comparable(svg) != _comparable(committed[name])]
    assert not different, "run `python screenshots/make.py`, and look at the pictures before they are committed"


def test_every_picture_has_its_scene_and_every_scene_its_picture() -> None:
    assert {path.stem for path in HERE.glob("*.svg")} == set(_script().SCENES)
