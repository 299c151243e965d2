"""Drives the screens in the tests as an operator does: presses keys, and reads what stands on the terminal."""

import asyncio
import contextlib
import gc
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from rich.segment import Segment
from textual import events
from textual._context import visible_screen_stack
from textual.color import Color
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.strip import Strip

from archive_tui.destinations import Destinations
from archive_tui.jobs import batches, pace
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.tui.app import ArchiveApp
from archive_tui.tui.command_screen import CommandScreen
from support.asynq_data import NOW

PATIENCE = 20.0
"""Seconds after which something that is waited for has failed to come about."""

_LOOK = 0.02
_TURNS = 10
"""Turns of the event loop in which a key that was sent, or an answer from a thread, becomes a message for a widget."""

TABLE = "VirtualTable"
_GUTTERS = {"  ", "▌ ", " ●", "▌●"}
_NAMES = {
    "/": "slash", "*": "asterisk", " ": "space", "?": "question_mark", ":": "colon", "[": "left_square_bracket",
    ".": "full_stop", "@": "at", "-": "minus", "~": "tilde", "_": "underscore", "%": "percent_sign",
    '"': "quotation_mark",
}  # fmt: skip
"""What Textual calls the keys of these characters."""

_CHARACTERS = {name: character for character, name in _NAMES.items()}


def ticking(now: float = NOW) -> Callable[[], float]:
    """A clock that starts at a moment (unix seconds) and goes on from there."""
    offset = now - time.time()
    return lambda: time.time() + offset


def _contrast(segment: Segment) -> float:
    style = segment.style
    assert style is not None
    assert style.color is not None
    assert style.bgcolor is not None
    front, back = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
    dark, bright = sorted((_luminance(back.blend(front, 0.5) if style.dim else front), _luminance(back)))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class WatchedApp(ArchiveApp):
    """The app, with a record of every remark that it made."""

    def __init__(
        self, session: Session | None, *, tour: bool = False, destinations: Destinations | None = None
    ) -> None:  # fmt: skip
        super().__init__(session, tour=tour, destinations=destinations)
        self.said: list[str] = []


class Operator:
    """Somebody at the keyboard."""

    def __init__(self, app: WatchedApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self._held = False

    # What there is to see

    @property
    def where(self) -> str:
        """The name of the screen on top."""
        return type(self.app.screen).__name__

    @property
    def below(self) -> list[str]:
        """The names of all screens, from the lowest to the top."""
        return [type(screen).__name__ for screen in self.app.screen_stack]

    @property
    def lines(self) -> list[str]:
        """What stands on the terminal, line by line."""
        return [strip.text for strip in self._strips()]

    @property
    def text(self) -> str:
        """What stands on the terminal."""
        return "\n".join(self.lines)

    def part(self, selector: str) -> list[str]:
        """What stands where a widget is, line by line."""
        return [strip.text for strip in self._strips(selector)]

    def words(self, selector: str | None = None) -> str:
        """What stands on the terminal or where a widget is, with every run of spaces and frame lines made one space."""
        return re.sub(r"[\s│╭╮╰╯─┃┏┓┗┛━]+", " ", "\n".join(strip.text for strip in self._strips(selector)))

    @property
    def dialog(self) -> str:
        """The words in the dialog on top."""
        return self.words("Dialog > Vertical")

    @property
    def rows(self) -> list[str]:
        """The rows in the table."""
        return [strip.text for strip in self._rows()]

    @property
    def cursor(self) -> str:
        """The row under the cursor."""
        found = [row for row in self.rows if row.startswith("▌")]
        assert len(found) == 1, f"{len(found)} cursors in\n{self.text}"
        return found[0]

    def column(self, title: str, until: str | None = None) -> list[str]:
        """The cells of a left-aligned column of the table, which ends where another begins, or at the edge."""
        header = self.part(TABLE)[0]
        start, end = header.index(title), len(header) if until is None else header.index(until)
        return [row.crop(start, end).text.strip(" ▼▲") for row in self._rows()]

    @property
    def ids(self) -> list[str]:
        """The ids in the table."""
        return self.column("Id")

    @property
    def marked(self) -> list[str]:
        """The ids in the table that are marked."""
        return [found for found, row in zip(self.ids, self.rows, strict=True) if row[1] == "●"]

    def _strips(self, selector: str | None = None) -> list[Strip]:
        visible_screen_stack.set(self.app._background_screens)  # what a dialog lets shine through
        screen = self.app.screen
        if selector is None:
            return screen._compositor.render_strips()
        if not (found := screen.query(selector)):
            return []
        region = found.first().scrollable_content_region  # without frame and scroll bars
        strips = screen._compositor.render_strips()
        return [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]

    def contrast(self, part: str) -> float:
        """How well the worst sign of a text on the terminal can be read: 1 not at all, 21 black on white (WCAG)."""
        for strip in self._strips():
            at = strip.text.find(part)
            if at >= 0:
                return min(_contrast(segment) for segment in strip.crop(at, at + len(part)) if segment.text.strip())
        raise AssertionError(f"no {part!r} in\n{self.text}")

    def _rows(self) -> list[Strip]:
        return [strip for strip in self._strips(TABLE)[1:] if strip.text[3:14].strip() and strip.text[:2] in _GUTTERS]

    @property
    def remarks(self) -> list[str]:
        """Every remark since they were last forgotten."""
        return self.app.said

    def forget_remarks(self) -> None:
        """Begin a new list of remarks."""
        self.app.said.clear()
        for screen in self.app.screen_stack:
            if isinstance(screen, CommandScreen):
                screen.remarks.forget()

    # What can be done

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, each seen through before the next."""
        for key in keys:
            self._send(key)
            await self.settle()

    async def settle(self) -> None:
        """Wait until all that has begun has come to its end: messages are handled, screens are mounted and laid out,
        and work off the UI loop has reported back. How busy the machine is makes no difference to what is seen then.

        Jobs go on; they reach the screen with its ticks. Work that a test holds up, or that waits for a slow link, is
        not waited for.
        """
        give_up = time.monotonic() + PATIENCE
        quiet = 0
        while quiet < 2 and self.app.is_running:  # what was drawn when it was looked at may have asked for more
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self.check()
            if busy := self._handling():
                quiet = 0
            else:
                self.app.screen._on_timer_update()  # lay out and draw now, not at the next refresh
                busy = self._unfinished()
                quiet = 0 if busy else quiet + 1
            if busy:
                assert time.monotonic() < give_up, f"never came to rest: {busy}\n{self.text}"
                await asyncio.sleep(_LOOK / 10)
        self.check()

    def _handling(self) -> str:
        """Which message or key is being handled, in words; empty if none is."""
        if self.app.keystrokes.busy:
            return "keys"
        for pump in (
            self.app,
            *(node for screen in self.app.screen_stack for node in screen.walk_children(with_self=True)),
        ):
            if not pump.is_running:
                return f"{pump} is being mounted"
            waits = pump._message_queue.ready_event._waiters  # else it is at a message that it has taken
            if pump.message_queue_size or pump._next_callbacks or not waits:
                return f"messages for {pump}"
        return ""

    def _unfinished(self) -> str:
        """What is left to be done without a message, in words; empty if nothing is."""
        top = self.app.screen
        if top._layout_required or top._callbacks:
            return f"{top} is being laid out"
        if self._held or any(link.is_slow for link in SlowLink.in_use):
            return ""
        return next((f"{worker} off the loop" for worker in self.app.workers if not worker.is_finished), "")

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Press keys while the test itself holds work off the UI loop up: it is not waited for in this block."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.press(*text)

    async def paste(self, text: str) -> None:
        """Paste a text, as a terminal with bracketed paste does."""
        event = events.Paste(text)
        event.set_sender(self.app)
        driver = self.app._driver
        assert driver is not None
        driver.send_message(event)
        await self.settle()

    async def burst(self, *keys: str) -> None:
        """Send keys in one piece, as they come over a link that stalled."""
        now = time.monotonic()
        for key in keys:
            self._send(key, now)
        await asyncio.sleep(0)

    def _send(self, key: str, moment: float | None = None) -> None:
        driver = self.app._driver
        assert driver is not None
        character = key if len(key) == 1 else _CHARACTERS.get(key)
        event = events.Key(_NAMES.get(key, key), character)
        event.time = event.time if moment is None else moment
        event.set_sender(self.app)
        driver.send_message(event)

    async def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        await self._unless_broken(self.pilot.resize_terminal(width, height))
        await self.settle()

    async def until(self, condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE) -> None:
        """Wait until something is so."""
        give_up = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > give_up:
                said = "\n".join(self.remarks)
                raise AssertionError(f"never came about: {what or condition}\n{self.text}\nremarks: {said}")
            await asyncio.sleep(_LOOK)
        await self.settle()

    async def sees(self, *parts: str) -> None:
        """Wait until all of this stands on the terminal."""

        def there() -> bool:
            text = self.text
            return all(part in text for part in parts)

        await self.until(there, f"on the terminal: {parts}")

    async def sees_no(self, part: str) -> None:
        """Wait until this stands on the terminal no more."""
        await self.until(lambda: part not in self.text, f"gone from the terminal: {part!r}")

    async def hears(self, part: str) -> None:
        """Wait until a remark holds this."""
        await self.until(lambda: any(part in remark for remark in self.remarks), f"a remark: {part!r}")

    async def triaged(self) -> None:
        """Wait until the triage view on top has counted the whole list, and shows it."""
        screen = self.app.screen
        await self.until(lambda: screen.triaged.tasks.final and not screen.reading() and self.rows, "counted")

    async def arrives(self, name: str) -> None:
        """Wait until this screen is on top."""
        await self.until(lambda: self.where == name, f"screen {name}")

    async def holds(self, condition: Callable[[], Any], seconds: float = 0.5) -> None:
        """See that something stays so for a while: long enough for several refreshes of the screens."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert condition(), f"did not stay so: {condition}\n{self.text}"
            self.check()
            await asyncio.sleep(_LOOK)

    async def point_at(self, part: str) -> None:
        """Move the cursor down to the row that holds this."""
        await self.press("g")
        while part not in self.cursor:
            before = self.cursor
            await self.press("j")
            assert self.cursor != before, f"no row with {part!r} in\n{self.text}"

    async def queues(self) -> None:
        """Wait for the start screen, with everything read."""
        await self.sees("/9,999")
        await self.sees_no("looking for leftover queues")
        await self.until(lambda: any(row.startswith("▌") for row in self.rows), "queues drawn")

    async def tasks(self, queue: str) -> None:
        """Go from the queues to the archive of one, and wait until all its tasks are listed."""
        await self.queues()
        await self.point_at(f"  {queue}")
        await self.press("enter")
        await self.listed()

    async def listed(self, count: int | None = None) -> None:
        """Wait until the archive is read (and holds so many tasks), and drawn as far as there is room."""
        await self.arrives("TasksScreen")

        def drawn() -> bool:
            tasks = self.app.screen.tasks
            read = tasks.catalog.counts().total
            if (
                not tasks.complete
                or "reading the" in self.lines[1]
                or tasks.sorting
                or tasks.view.version != tasks.catalog.version
            ):
                return False
            return count in (None, read) and len(self.rows) >= min(read, len(self.part(TABLE)) - 1)

        await self.until(drawn, "archive listed")

    async def read(self) -> None:
        """Wait until the journal on screen is read."""
        await self.arrives("JournalScreen")
        await self.until(lambda: self.app.screen.tasks.complete, "journal read")

    async def unfiltered(self) -> None:
        """Wait until the table shows all rows again."""
        await self.sees_no("match of")
        await self.until(lambda: not self.app.screen.tasks.sorting, "all rows")

    async def task(self) -> None:
        """Open the task under the cursor of a list, and wait until it is read."""
        await self.press("enter")
        await self.until(lambda: self.where.endswith("TaskScreen"), "the screen of a task")
        await self.until(lambda: not self.app.screen.reading(), "the task read")

    async def task_in_journal(self) -> None:
        """Open the task under the cursor of a journal, and wait until it is read."""
        await self.press("enter")
        await self.arrives("JournalTaskScreen")
        await self.sees("Payload ·")

    async def scan(self, queue: str | None = None) -> None:
        """Scan a queue, or all, from the queues, and wait for the end."""
        await self.queues()
        if queue is not None:
            await self.point_at(f"  {queue}")
        await self.press("a" if queue is None else "o")
        await self.scanned()

    async def scanned(self) -> None:
        """Wait until the scan on screen is complete, and drawn as far as there is room."""
        await self.arrives("ScanScreen")
        await self.sees("complete in")
        screen = self.app.screen
        tasks = screen.tasks
        await self.until(lambda: tasks.view.version == tasks.catalog.version, "rows drawn")
        await self.until(lambda: screen.groups.drawn, "errors grouped")

    async def plan(self) -> None:
        """Open the plan of a deletion."""
        await self.press("ctrl+d")
        await self.arrives("ConfirmDialog")

    async def ended(self) -> None:
        """Wait until the app has come to its end."""
        give_up = time.monotonic() + PATIENCE
        while self.app.is_running:
            assert time.monotonic() < give_up, "the app goes on"
            await asyncio.sleep(_LOOK)

    def check(self) -> None:
        """A defect that the app has met ends the test with it; the app itself would end with one line."""
        if self.app.failure is not None:
            raise self.app.failure

    async def _unless_broken(self, work: Awaitable[Any]) -> None:
        """Wait for the pilot, which waits in vain for an app that has met a defect."""
        task = asyncio.ensure_future(work)
        while not task.done() and self.app.failure is None:
            await asyncio.wait([task], timeout=0.05)
        if self.app.failure is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        else:
            await task
        self.check()


@contextlib.contextmanager
def _recording_remarks() -> Iterator[None]:
    """Give every remark to the app under test as well."""
    say = CommandScreen.say

    def recorded(screen: CommandScreen, message: str, **options: Any) -> None:
        cast("WatchedApp", screen.app).said.append(message)
        say(screen, message, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CommandScreen, "say", recorded)
        yield


_parsed_styles: dict[tuple[object, ...], list[RuleSet]] = {}


@contextlib.contextmanager
def sharing_styles() -> Iterator[None]:
    """Parse the style sheets of Textual and ours once for all apps, not for every test again."""
    parse = Stylesheet._parse_rules

    def parse_once(sheet: Stylesheet, *source: Any, **options: Any) -> list[RuleSet]:
        key = (tuple(sheet._variables.items()), source, tuple(options.items()))
        if key not in _parsed_styles:
            _parsed_styles[key] = parse(sheet, *source, **options)
        return _parsed_styles[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


Scenario = Callable[[Operator], Awaitable[None]]


def operate(
    settings: Settings | None,
    scenario: Scenario,
    *,
    destinations: Destinations | None = None,
    size: tuple[int, int] = (230, 40),
    clock: Callable[[], float] | None = None,
    interval: float = 0.2,
    tour: bool = False,
) -> WatchedApp:
    """Open the screens on a server (None: before one is chosen), play a scenario, and return the app as it was at its
    end.
    """

    async def play() -> WatchedApp:
        app = WatchedApp(session, tour=tour, destinations=destinations)
        async with app.run_test(size=size) as pilot:
            operator = Operator(app, pilot)
            operator.check()
            await scenario(operator)
            operator.check()
        operator.check()
        app.close_session()
        return app

    session = Session(settings, clock=clock or ticking(), interval=interval) if settings is not None else None
    try:
        if session is not None:
            session.open()
        with _recording_remarks(), sharing_styles():
            return asyncio.run(play())
    finally:
        if session is not None:
            session.close()


class Stalls:
    """How long the UI loop was kept from its work at most while a block ran, in seconds that this process computed.

    What other processes take of the machine does not count, nor does waiting for an answer.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> "Stalls":
        gc.collect()
        gc.freeze()  # what other tests have left behind is no reason for a stall of ours
        self._beating = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._beating

    async def _beat(self) -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0.002)
            now = time.process_time()
            self.longest, last = max(self.longest, now - last), now


class SlowLink:
    """A way to a server over which every answer takes `delay` seconds longer. Both may be changed at any time:
    `delay`, and `held`, which lets no answer through for as long as it is so.
    """

    in_use: ClassVar[list["SlowLink"]] = []

    def __init__(self, target: str, path: Path) -> None:
        self.path = path
        self.delay = 0.0
        self.in_use.append(self)
        self._target = target
        self._through = threading.Event()
        self._through.set()
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def is_slow(self) -> bool:
        """Whether an answer takes longer than it would without this link."""
        return self.delay > 0 or not self._through.is_set()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no answer through while the block runs."""
        self._through.clear()
        try:
            yield
        finally:
            self._through.set()

    def close(self) -> None:
        """End it, and every connection over it."""
        self.in_use.remove(self)
        self._through.set()
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._target)
            except OSError:  # the server is away: whoever wanted it is told so
                near.close()
                far.close()
                continue
            self._open += [near, far]
            for one, other, slow in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, args=(one, other, slow), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(1 << 20):
                if slow:
                    time.sleep(self.delay)
                    self._through.wait()
                other.sendall(piece)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def slowly(settings: Settings, directory: Path) -> Iterator[tuple[Settings, SlowLink]]:
    """Settings that reach a server over a slow link, on which scans and deletions nevertheless take short steps, so
    many of them that there is time to do something meanwhile.
    """
    assert settings.socket is not None
    link = SlowLink(settings.socket, directory / "slow.sock")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "_KEYS", dict.fromkeys(Pace, (50, 50)))
        patch.setattr(batches, "_FIRST_COPIED_TASKS", 25)
        patch.setattr(batches, "_COPIED_TASKS", 25)
        try:
            yield replace(settings, socket=str(link.path)), link
        finally:
            link.close()
