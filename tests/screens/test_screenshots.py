"""The pictures in `screenshots/` are what the screens look like: made again, and compared; and all that stands on them
can be read in every theme.
"""

import asyncio
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from support.pilot import sharing_styles
from support.readable import faults
from textual.pilot import Pilot

from archive_tui.settings.model import Settings
from archive_tui.tui.themes import THEMES

HERE = Path(__file__).parents[2] / "screenshots"
PARTS = 2
"""The pictures are made in so many parts, which may be made side by side; each fills a demo of its own."""

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


async def _unreadable(pilot: Pilot[None]) -> set[str]:
    """What cannot be read on the screen, in every theme."""
    app = pilot.app
    found = set()
    for theme in THEMES:
        app.register_theme(theme)
        app.theme = theme.name
        await pilot.pause(0.1)
        strips = app.screen._compositor.render_strips(app.size)
        segments = [segment for strip in strips for segment in strip]
        found |= {f"{theme.name}: {fault}" for fault in faults(theme, segments)}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_pictures_show_the_screens_as_they_are_and_every_theme_can_be_read(part: int) -> None:
    """Both at once: to bring a scene about takes longer than to look at it."""
    script = _script()
    different: list[str] = []
    unreadable: list[str] = []

    async def look(name: str, settings: Settings) -> None:
        async with script.showing(name, settings) as pilot:
            committed = (HERE / f"{name}.svg").read_text(encoding="utf-8")
            if _comparable(script.picture(pilot)) != _comparable(committed):
                different.append(name)
            unreadable.extend(f"{name}, {fault}" for fault in sorted(await _unreadable(pilot)))

    with script.installation() as settings, sharing_styles():
        for name in script.in_order(sorted(script.SCENES)[part::PARTS]):
            asyncio.run(look(name, settings))
    assert not unreadable, "\n".join(unreadable)
    assert not different, "run `python screenshots/make.py`, and look at the pictures before they are committed"


def test_every_picture_has_its_scene_and_every_scene_its_picture() -> None:
    assert {path.stem for path in HERE.glob("*.svg")} == set(_script().SCENES)
