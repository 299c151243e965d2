"""Hands keys to the app one at a time, each when the one before has done all that it does.

Textual (8.2.8) spreads a key over several queues: a letter goes to the widget with the focus, while backspace, enter
and the keys of commands climb from there to the app, behind the letters that came meanwhile. So keys in one packet
overtook each other, and what was typed for a screen that was about to open went to the one before it. Here the next key
waits until the last has come to rest: its messages are handled, the screen that it opened is there and has the focus,
and what it asked for is shown. What cannot wait that long is dropped, and said to be.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any, Protocol, runtime_checkable

from textual import events
from textual.app import App, ScreenStackError
from textual.message_pump import MessagePump
from textual.screen import Screen

from archive_tui.wording.people import plural

_REST = 2.0
"""Seconds in which a key comes to rest, or the keys behind it go on all the same."""

_HOLD = 1.5
"""Seconds for which keys that were typed ahead are kept for what they were meant for."""

_LOOK = 0.01


@runtime_checkable
class CatchesUp(Protocol):
    """A screen that may have to read before it shows what was asked for."""

    def catching_up(self, key: str) -> bool:
        """Whether a key that was typed ahead is to wait, since what it would act on is not shown yet."""


@runtime_checkable
class Guarded(Protocol):
    """A screen for which nothing can be typed ahead: it must have been seen."""

    @property
    def seen_since(self) -> float | None:
        """When it was drawn, by the clock of events; None while it was not."""

    def tell_dropped(self, reason: str) -> None:
        """Say, where it is seen, that keys were dropped."""


class Keystrokes:
    """Give it every key and paste of the terminal with `put`. `handle` hands one to Textual; `say` tells the operator
    what was dropped; `failed` takes a defect of ours.
    """

    def __init__(
        self,
        app: App[Any],
        handle: Callable[[events.Event], Awaitable[None]],
        say: Callable[[str], object],
        failed: Callable[[Exception], object],
        rested: Callable[[], object] = lambda: None,
    ) -> None:
        self._app = app
        self._handle = handle
        self._say = say
        self._failed = failed
        self._all_rested = rested
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._task: asyncio.Task[None] | None = None
        self._came = 0.0
        self._rested = 0.0
        self.in_one_piece = False
        """Whether the key that is being handled came in one packet with the one before it."""

    @property
    def busy(self) -> bool:
        """Whether keys wait, or one is being handled."""
        return self._task is not None and not self._task.done()

    def put(self, event: events.Key | events.Paste) -> None:
        """Take the next key or paste."""
        self._waiting.append(event)
        if not self.busy:
            self._task = asyncio.get_running_loop().create_task(self._work(), name="keystrokes")

    def close(self) -> None:
        """The program ends: nothing of what waits is meant for anybody."""
        self._waiting.clear()

    async def _work(self) -> None:
        try:
            while self._waiting:
                if not await self._ready(self._waiting[0]):
                    continue
                event = self._waiting.popleft()
                self.in_one_piece, self._came = event.time == self._came, event.time
                before = self._app.screen, self._app.focused
                await self._handle(event)
                await self._rest(before)
                self.in_one_piece, self._rested = False, monotonic()
        except ScreenStackError:
            self._waiting.clear()  # the key has ended the program, whose screens are gone: nobody waits for the rest
        except Exception as error:
            self._failed(error)
        finally:
            self._all_rested()

    # Before a key

    async def _ready(self, event: events.Key | events.Paste) -> bool:
        """Wait until what a key was meant for is there; False where keys were dropped instead, or another screen came:
        then all is looked at anew.
        """
        screen = self._app.screen
        if event.time < self._rested and isinstance(screen, CatchesUp):
            key = event.key if isinstance(event, events.Key) else ""
            give_up = monotonic() + _HOLD
            while screen.catching_up(key):
                if monotonic() > give_up:
                    self._drop(monotonic(), "what they were typed for is still being read")
                    return False
                await asyncio.sleep(_LOOK)
                if self._app.screen is not screen:
                    await self._rest((screen, None))
                    return False
        if isinstance(screen, Guarded):
            seen = screen.seen_since
            if seen is None or event.time < seen:
                self._drop(event.time if seen is None else seen, "nobody had seen this yet", screen.tell_dropped)
                return False
        return bool(self._waiting)

    def _drop(self, until: float, why: str, say: Callable[[str], object] | None = None) -> None:
        """Forget the keys that came until a moment, and say so."""
        count = 0
        while self._waiting and self._waiting[0].time <= until:
            self._waiting.popleft()
            count += 1
        if count:
            (say or self._say)(f"{plural(count, 'key')} dropped: {why}")

    # After a key

    async def _rest(self, before: tuple[Screen[Any], object]) -> None:
        """Wait until nothing is left to be done for the key that was handed on."""
        give_up = monotonic() + _REST
        for pump in self._path():  # from the widget with the focus to the app, as the key climbs
            await self._worked_off(pump, give_up)
        moved = False
        while monotonic() < give_up and self._app.is_running:
            busy = [pump for pump in self._pumps() if pump.message_queue_size]
            if busy:
                for pump in busy:
                    await self._worked_off(pump, give_up)
            elif not self._app.screen.is_running or not all(one.is_running for one in self._app.screen.walk_children()):
                await asyncio.sleep(_LOOK / 2)
            elif not moved and (self._app.screen, self._app.focused) != before:
                moved = True  # what is new is laid out before somebody moves in it
                await self._laid_out(give_up)
            else:
                return

    def _path(self) -> Iterator[MessagePump]:
        focused = self._app.focused
        if focused is None:
            yield self._app.screen
        else:
            yield from (one for one in focused.ancestors_with_self if one is not self._app)
        yield self._app

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        for screen in self._app.screen_stack[-2:]:  # also the one that a dialog stands over, which takes its answer
            yield from screen.walk_children(with_self=True)

    async def _worked_off(self, pump: MessagePump, give_up: float) -> None:
        """Wait until a widget has handled all that it was sent so far."""
        done = asyncio.Event()
        if pump.is_running and pump.call_later(done.set):
            await self._within(done, give_up)

    async def _laid_out(self, give_up: float) -> None:
        done = asyncio.Event()
        if self._app.screen.call_after_refresh(done.set):
            await self._within(done, give_up)

    async def _within(self, done: asyncio.Event, give_up: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), max(give_up - monotonic(), 0.0))
