"""The screens as a subject: the longest time for which the UI loop answered nobody, by what was going on."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from stage import ScanOnScreen

from archive_tui.settings import Settings

SIZE = (140, 40)
_PATIENCE = 1_200.0
_LOOK = 0.02
_TYPING = 0.05
"""Seconds from one key to the next."""

_AFTERMATH = 0.4
"""Seconds after a phase in which what it set off still counts as its doing."""

_SCROLL_EVERY = 0.25
_LONG = 0.05


class Stalls:
    """How late the UI loop comes back to somebody who asked to be woken a millisecond later, by phase.

    Of each phase's worst it knows how much of that time the UI thread worked itself; for the rest it waited for
    another thread of ours, or for the machine.
    """

    def __init__(self) -> None:
        self.phase = "idle"
        self._found: dict[str, dict[str, float]] = {}

    async def watch(self) -> None:
        """Watch until cancelled."""
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            late, worked = time.perf_counter() - began - 0.001, time.thread_time() - worked
            found = self._found.setdefault(self.phase, {"worst_ms": 0.0, "own_work_ms": 0.0, "over_50_ms": 0})
            found["over_50_ms"] += late > _LONG
            if late * 1000 > found["worst_ms"]:
                found |= {"worst_ms": late * 1000, "own_work_ms": worked * 1000}

    @property
    def found(self) -> dict[str, dict[str, float]]:
        """The worst stall of each phase, in milliseconds."""
        return self._found


def play(settings: Settings, figures: dict[str, Any], measured: Callable[[], AbstractContextManager[None]]) -> None:
    """Play the whole scenario on a server."""
    screen = ScanOnScreen(settings)
    try:
        with measured():
            asyncio.run(_play(screen, figures))
    finally:
        screen.session.close()


async def _play(screen: ScanOnScreen, figures: dict[str, Any]) -> None:
    stalls = Stalls()
    took: dict[str, float] = {}
    async with screen.app.run_test(size=SIZE):
        watcher = asyncio.create_task(stalls.watch())

        async def press(*keys: str) -> None:
            for key in keys:
                screen.press(key)
                await asyncio.sleep(_TYPING)

        async def until(condition: Callable[[], bool], scrolling: tuple[str, ...] = ()) -> None:
            """Wait; somebody may leaf through the table meanwhile."""
            give_up = time.monotonic() + _PATIENCE
            scrolled = time.monotonic()
            pressed = 0
            while not condition():
                screen.check()
                if time.monotonic() > give_up:
                    raise TimeoutError(f"while {stalls.phase}: {screen.app.screen}")
                if scrolling and time.monotonic() - scrolled > _SCROLL_EVERY:
                    screen.press(scrolling[pressed % len(scrolling)])
                    pressed, scrolled = pressed + 1, time.monotonic()
                await asyncio.sleep(_LOOK)

        async def phase(name: str, end: Callable[[], bool], *keys: str, scrolling: tuple[str, ...] = ()) -> None:
            """One phase: press keys, wait until what they set off has ended, and a moment more."""
            stalls.phase = name
            began = time.perf_counter()
            if keys:
                await press(*keys)
            await until(end, scrolling)
            took[name] = max(took.get(name, 0.0), time.perf_counter() - began)
            await asyncio.sleep(_AFTERMATH)

        await until(lambda: screen.ready)
        await asyncio.sleep(1)  # idle: what the machine alone does to a loop
        stalls.phase = "opening"
        screen.open()
        await until(screen.opened)
        for _ in range(4):
            if not screen.at_full_pace:
                await press("p")
        leafing = ("pagedown", "down", "down", "pageup", "G", "g")
        await phase("scanning", lambda: screen.scanned, scrolling=leafing)
        await phase("completing", lambda: screen.settled)
        found = screen.shown
        for column in ("error", "id"):
            stalls.phase = f"sorting by {column}"
            screen.sort_by(column)
            await phase(f"sorting by {column}", lambda: screen.settled, scrolling=("down", "pagedown"))
        await phase("filtering", lambda: screen.settled and screen.shown < found, "slash", "r", "e", "f", "u", "enter")
        await phase("clearing the filter", lambda: screen.settled and screen.shown == found, "escape")
        for key in ("G", "g", "pagedown", "G", "pageup", "g"):
            await phase("jumping", lambda: True, key)
        await phase("marking all", lambda: screen.marked == found, "asterisk")
        await phase("planning", lambda: screen.confirming, "ctrl+d")
        await phase("confirming", lambda: not screen.confirming, *str(found), "enter")
        await phase("deleting", lambda: screen.reported, scrolling=leafing)
        watcher.cancel()
    figures |= {"keys": found, "found": found, "stalls": stalls.found, "phase_seconds": took}
