"""The screens as a subject: the longest time for which the UI loop answered nobody, by what was going on."""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

from stage import ScanOnScreen

from archive_tui.settings.model import Settings

SIZE = (140, 40)
_PATIENCE = 1_200.0
_LOOK = 0.02
_TYPING = 0.05
"""Seconds from one key to the next."""

_AFTERMATH = 0.4
"""Seconds after a phase in which what it set off still counts as its doing."""

_SCROLL_EVERY = 0.25
_LONG = 0.05
_LATE = 0.03


class Stalls:
    """How late the UI loop comes back to somebody who asked to be woken a millisecond later, by phase.

    Of each phase's worst it knows how much of that time the UI thread worked itself; for the rest it waited for
    another thread of ours, or for the machine. A second thread looks where the loop is when it is late.
    """

    def __init__(self) -> None:
        self.phase = "idle"
        self.ended = False
        self._found: dict[str, dict[str, Any]] = {}
        self._places: dict[str, Counter[str]] = {}
        self._asked_at = time.perf_counter()
        self._loop_thread = threading.get_ident()

    async def watch(self) -> None:
        """Watch until cancelled."""
        threading.Thread(target=self._look, daemon=True).start()
        while True:
            self._asked_at, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            late, worked = time.perf_counter() - self._asked_at - 0.001, time.thread_time() - worked
            found = self._found.setdefault(self.phase, {"worst_ms": 0.0, "own_work_ms": 0.0, "over_50_ms": 0})
            found["over_50_ms"] += late > _LONG
            if late * 1000 > found["worst_ms"]:
                found |= {"worst_ms": late * 1000, "own_work_ms": worked * 1000}

    def _look(self) -> None:
        while not self.ended:
            time.sleep(_LOOK)
            if time.perf_counter() - self._asked_at > _LATE:
                frame = sys._current_frames().get(self._loop_thread)
                self._places.setdefault(self.phase, Counter())[_place(frame)] += 1

    @property
    def found(self) -> dict[str, dict[str, Any]]:
        """The worst stall of each phase, in milliseconds, and where the loop was most often when it was late."""
        for phase, places in self._places.items():
            if phase in self._found:
                self._found[phase]["places"] = dict(places.most_common(5))
        return self._found


def _place(frame: FrameType | None) -> str:
    """Where a thread is, as the innermost function of archive_tui or, where there is none, of Textual."""
    theirs = "elsewhere"
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_qualname
        if "/archive_tui/" in path:
            return name
        if theirs == "elsewhere" and "/textual/" in path:
            theirs = f"Textual {name}"
        frame = frame.f_back
    return theirs


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
        stalls.ended = True
    figures |= {"keys": found, "found": found, "stalls": stalls.found, "phase_seconds": took}
