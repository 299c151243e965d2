"""Make the pictures of every screen from the demo: `python screenshots/make.py`. The tests compare them again.

Seed, clock and sizes are fixed, and nothing moves in the installation that is shown, so that the pictures repeat.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from archive_tui.demo import demo
from archive_tui.destinations import Answer, Attempt, Destination, Destinations, Kind
from archive_tui.errors import ArchiveTuiError, ConnectError, LoginError
from archive_tui.session import Session
from archive_tui.settings.model import BadgeColor, Settings
from archive_tui.settings.url import parse_url
from archive_tui.store.facts import (
    Connection,
    Encryption,
    Extra,
    Memory,
    NodeFacts,
    Persistence,
    Replica,
    Right,
)
from archive_tui.tui.app import ArchiveApp
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.dialogs.explain import ExplainDialog
from archive_tui.tui.dialogs.retention import RetentionDialog
from archive_tui.tui.dialogs.run import RunDialog
from archive_tui.tui.lists.groups import Groups
from archive_tui.tui.screens.chooser import ChooserScreen
from archive_tui.tui.screens.connection import ConnectionScreen
from archive_tui.tui.screens.journal import JournalScreen
from archive_tui.tui.screens.queues import QueuesScreen
from archive_tui.tui.screens.scan import ScanScreen
from archive_tui.tui.screens.task import TaskScreen
from archive_tui.tui.screens.tasks import TasksScreen
from archive_tui.tui.screens.triage import TriageScreen
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine
from archive_tui.tui.widgets.remarks import RemarkLine
from archive_tui.tui.widgets.table import VirtualTable

NOW = 1_795_399_200  # 2026-11-23 02:00:00 UTC: the hour at which this program is used
HERE = Path(__file__).parent
_PATIENCE = 60.0

_KEYS = {":": "colon", "~": "tilde", "<": "less_than_sign", ">": "greater_than_sign", " ": "space"}

ListScreen = TasksScreen | ScanScreen | JournalScreen
LISTS = (TasksScreen, ScanScreen, JournalScreen)

Scene = Callable[[Pilot[None]], Awaitable[None]]


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str = "") -> None:
    """Wait for a condition, letting the app work."""
    give_up = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"this never came about: {what or condition}")
        await pilot.pause(0.02)
    await pilot.pause()


def app_of(pilot: Pilot[None]) -> ArchiveApp:
    """The app under the pilot."""
    assert isinstance(pilot.app, ArchiveApp)
    return pilot.app


def quiet(pilot: Pilot[None]) -> None:
    """Forget what was remarked on the way."""
    for screen in pilot.app.screen_stack:
        if isinstance(screen, CommandScreen):
            screen.remarks.forget()


async def queues(pilot: Pilot[None]) -> None:
    """The start screen, with everything read."""
    watch = app_of(pilot).session.watch
    await until(pilot, lambda: watch.overview.read_at is not None and not watch.overview.searching, "queues read")
    await until(pilot, lambda: pilot.app.screen.query_one("VirtualTable").row_count > 5, "queues drawn")  # type: ignore[attr-defined]
    await pilot.pause(0.3)


async def point_at(pilot: Pilot[None], queue: str) -> None:
    """Move the cursor of the start screen, with everything read, to a queue."""
    await queues(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, QueuesScreen)
    await pilot.press("g")
    for _ in range(screen.query_one(VirtualTable).row_count):
        current = screen.current()
        if current is not None and current.name == queue:
            return
        await pilot.press("j")
    raise LookupError(f"no queue {queue}")


async def settled(pilot: Pilot[None]) -> ListScreen:
    """The rows screen on top, with its job ended and its view up to date."""
    await until(pilot, lambda: isinstance(pilot.app.screen, LISTS), "rows screen")
    screen = pilot.app.screen
    assert isinstance(screen, LISTS)
    await until(pilot, lambda: screen.tasks.complete, "job ended")
    await until(
        pilot,
        lambda: screen.tasks.view.version == screen.tasks.catalog.version and not screen.tasks.sorting,
        "view drawn",
    )
    groups = getattr(screen, "groups", None)
    if isinstance(groups, Groups):
        await until(pilot, lambda: groups.drawn, "groups counted")
    await pilot.pause(0.25)
    return screen


async def tasks(pilot: Pilot[None]) -> None:
    """The archive of the queue that is full, filtered, with marks of which one is hidden."""
    await point_at(pilot, "default")
    await pilot.press("enter")
    screen = await settled(pilot)
    await pilot.press("space", "j", "space")
    text = "error:~refused age<60d"
    await pilot.press("slash", *[_KEYS.get(character, character) for character in text], "enter")
    await until(pilot, lambda: screen.tasks.view.query.text == text, "filtered")
    await pilot.press("j", "space", "j")
    head = screen.query_one("#head", HeadLine)
    await until(pilot, lambda: "hidden by filter" in head.render().plain, "hidden marks counted and said")
    await pilot.pause(0.25)


async def triage(pilot: Pilot[None]) -> None:
    """Errors by type and age, one row marked and one age chosen."""
    await point_at(pilot, "default")
    await pilot.press("T")
    await until(pilot, lambda: isinstance(pilot.app.screen, TriageScreen), "triage view")
    screen = pilot.app.screen
    assert isinstance(screen, TriageScreen)
    table = screen.query_one(VirtualTable)
    await until(pilot, lambda: not screen.reading() and table.row_count > 5, "counted")
    await pilot.press("j", "space")
    await until(pilot, lambda: len(screen.triaged.marks.marked) > 0 and not screen.reading(), "marked")
    await pilot.press("right", "right")
    await until(pilot, lambda: any(screen._marked.values()), "marks counted")
    quiet(pilot)
    await pilot.pause(0.25)


async def filter_(pilot: Pilot[None]) -> None:
    """A filter that is being typed, with a word that cannot be read."""
    await point_at(pilot, "default")
    await pilot.press("enter")
    screen = await settled(pilot)
    text = "error:~refused siez>1kB "
    await pilot.press("slash", *[_KEYS.get(character, character) for character in text])
    await until(pilot, lambda: screen.query_one(FilterBar).wrong and not screen.tasks.sorting, "the complaint")
    await pilot.pause(0.25)


async def clean(pilot: Pilot[None]) -> None:
    """What to keep of an archive."""
    await point_at(pilot, "default")
    await pilot.press("c")
    await until(pilot, lambda: isinstance(pilot.app.screen, RetentionDialog), "dialog open")
    await pilot.pause(0.25)


async def run(pilot: Pilot[None]) -> None:
    """How archived tasks are to be run."""
    await tasks(pilot)
    await pilot.press("R")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunDialog), "dialog open")
    await pilot.press("down", "tab", "2", "h", "tab", "2", "0")
    await pilot.pause(0.25)


async def task(pilot: Pilot[None]) -> None:
    """One task in full."""
    await point_at(pilot, "default")
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("slash", *"nightly", "enter", "j", "enter")
    await _opened(pilot)


async def binary(pilot: Pilot[None]) -> None:
    """A binary payload."""
    await point_at(pilot, "images:resize")
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("enter")
    await _opened(pilot)


async def _opened(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, TaskScreen), "task screen")
    screen = pilot.app.screen
    assert isinstance(screen, TaskScreen)
    await until(pilot, lambda: screen._loaded is not None, "task read")
    await pilot.pause(0.25)


async def scan(pilot: Pilot[None]) -> None:
    """A finished scan of all queues, sorted by type so that the server's own order does not show."""
    await queues(pilot)
    await pilot.press("a")
    await pilot.press("p", "p")
    screen = await settled(pilot)
    assert isinstance(screen, ScanScreen)
    screen.tasks.sort_by("id")
    await settled(pilot)
    quiet(pilot)
    await pilot.press("g", "j")
    await pilot.pause(0.25)


async def delete(pilot: Pilot[None]) -> None:
    """The plan of a deletion."""
    await scan(pilot)
    await pilot.press("asterisk")
    screen = pilot.app.screen
    assert isinstance(screen, LISTS)
    await until(pilot, lambda: len(screen.marks.marked) > 1000, "marked")
    await pilot.press("ctrl+d")
    await until(pilot, lambda: pilot.app.screen is not screen, "dialog open")
    await pilot.pause(0.25)


async def explain(pilot: Pilot[None]) -> None:
    """What a kind of finding is."""
    await scan(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, LISTS)
    await pilot.press("slash", *[_KEYS.get(character, character) for character in "kind:husk"], "enter")
    await until(pilot, lambda: screen.tasks.view.query.text == "kind:husk", "filtered")
    await pilot.press("g", "h")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExplainDialog), "dialog open")
    await pilot.pause(0.25)


async def repair(pilot: Pilot[None]) -> None:
    """The plan of a repair: orphans put back into an archive that is full."""
    await scan(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, LISTS)
    text = "kind:orphan-archived queue:default type:invoice:sync"
    await pilot.press("slash", *[_KEYS.get(character, character) for character in text], "enter")
    await until(pilot, lambda: screen.tasks.view.query.text == text, "filtered")
    await pilot.press("asterisk")
    await until(pilot, lambda: len(screen.marks.marked) > 100, "marked")
    await pilot.press("m")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog), "choices")
    await pilot.press("down", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog), "plan")
    quiet(pilot)
    await pilot.pause(0.25)


async def _emptied(pilot: Pilot[None]) -> None:
    """The archive of a queue deleted, with a reason, and the start screen again."""
    await point_at(pilot, "email")
    await pilot.press("enter")
    screen = await settled(pilot)
    await pilot.press("asterisk")
    await until(pilot, lambda: len(screen.marks.marked) > 0, "marked")
    await pilot.press("ctrl+d")
    await until(pilot, lambda: pilot.app.screen is not screen, "dialog open")
    await pilot.press("tab", *"wrong", "space", *"credentials", "enter", *str(len(screen.marks.marked)), "enter")
    await until(pilot, lambda: type(pilot.app.screen).__name__ == "ReportDialog", "report")
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("escape")
    await pilot.pause(0.1)


async def journal(pilot: Pilot[None]) -> None:
    """What a journal holds."""
    await _emptied(pilot)
    await pilot.press("J")
    await until(pilot, lambda: pilot.app.screen.query_one("VirtualTable").row_count > 0, "listed")  # type: ignore[attr-defined]
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("space", "j", "space")
    quiet(pilot)
    await pilot.pause(0.25)


async def help_(pilot: Pilot[None]) -> None:
    """The generated sheet of keys."""
    await point_at(pilot, "default")
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("question_mark")
    await pilot.pause(0.25)


CONNECTION = Connection(
    "orders-redis:6379/0",
    (
        NodeFacts(
            "orders-redis:6379/0",
            product="valkey",
            version="9.1.2",
            mode="standalone",
            role="primary",
            uptime=41 * 86_400,
            replicas=(
                Replica("10.0.3.7:6379", "online", 1_204, 1),
                Replica("10.0.3.8:6379", "online", 18_400_000, 2),
            ),
            memory=Memory(3_410_000_000, 4_000_000_000, 8_000_000_000, 1.08, "volatile-lru", 0),
            persistence=Persistence(
                NOW - 240.0, False, 812, unsaved=1_804, log=True, log_failed=False),
            clients=48,
            clients_limit=10_000,
            ours=3,
            encryption=Encryption("TLSv1.3", "TLS_AES_256_GCM_SHA384", True, NOW + 61 * 86_400.0),
            answered_in=0.0021,
            ahead=0.012,
        ),
    ),
    NOW,
    profile="prod",
    production=True,
    user="cleaner",
    rights=(
        Right("read", 7),
        Right("delete", 7),
        Right(
            "restore", 7, dict.fromkeys(("billing", "critical"), ("HSET",)), "the server refuses user cleaner HSET"
        ),
    ),
    missing=frozenset({Extra.MEMORY_USAGE, Extra.CONFIG, Extra.LPOS}),
    latencies=tuple((1.9 + (number * 7 % 5) / 5 + (9.3 if number == 31 else 0)) / 1000 for number in range(45)),
    latencies_since=88.0,
)  # fmt: skip
"""What the picture of the connection page shows: figures of a server that lives change from run to run."""


async def connection(pilot: Pilot[None]) -> None:
    """The connection page of a server with replicas."""
    await queues(pilot)
    app_of(pilot).session.connection = lambda _before=None: CONNECTION  # type: ignore[method-assign]
    await pilot.press("i")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConnectionScreen), "connection page")
    await until(pilot, lambda: not pilot.app.screen.reading(), "read")  # type: ignore[attr-defined]
    quiet(pilot)
    await pilot.pause(0.25)


def _profile(name: str, settings: Settings, answer: Answer | ArchiveTuiError) -> tuple[Destination, Attempt[Answer]]:
    """A profile, and what it answered."""

    def work() -> Answer:
        if isinstance(answer, ArchiveTuiError):
            raise answer
        return answer

    attempt = Attempt(work, _PATIENCE, lambda _answer: None)
    attempt.wait()
    return Destination(name, Kind.PROFILE, replace(settings, profile=name)), attempt


class ShownDestinations(Destinations):
    """What the picture of the chooser shows: addresses and times that are the same everywhere."""

    def __init__(self) -> None:
        super().__init__()
        primary = Answer("valkey", "9.1.2", "standalone", "primary", "primary", 0.004, "")
        reader = replace(primary, product="redis", version="8.2.3", latency=0.019, why_read_only="read-only session")
        cluster = replace(primary, mode="cluster", kind="cluster of 3")
        self._shown = [
            _profile("prod", Settings(host="orders-redis", production=True), cluster),
            _profile("billing", Settings(host="billing-redis", color=BadgeColor.BLUE), primary),
            _profile("reports", Settings(host="reports-redis", database=3, color=BadgeColor.GREEN), reader),
            _profile("staging", Settings(host="10.4.0.9"), LoginError("10.4.0.9:6379/0 asks for a password")),
            _profile("old", Settings(host="10.4.0.2", color=BadgeColor.YELLOW),
                     ConnectError("cannot reach 10.4.0.2:6379/0: connection refused: is the server running?")),
        ]  # fmt: skip
        local = Destination("local server", Kind.SERVER, Settings())
        self._shown.append((local, _profile("", Settings(), ConnectError("nothing"))[1]))

    def all(self) -> list[Destination]:
        beside = [Destination("a dump file…", Kind.DUMP), Destination("demo", Kind.DEMO)]
        return [*(one for one, _ in self._shown), *beside]

    def test(self, destination: Destination) -> Attempt[Answer]:
        return next(attempt for one, attempt in self._shown if one is destination)


async def chooser(pilot: Pilot[None]) -> None:
    """What one can connect to."""
    app_of(pilot).destinations = ShownDestinations()
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChooserScreen), "chooser")
    table = pilot.app.screen.query_one(VirtualTable)
    await until(pilot, lambda: table.row_count == 8 and table.cursor_index == 0, "destinations")
    await pilot.press("down")
    pilot.app.screen.query_one(VirtualTable).refresh()
    await until(pilot, lambda: "row 2 of 8" in str(pilot.app.screen.query_one(RemarkLine).render()), "its place")


SCENES: dict[str, tuple[Scene, tuple[int, int]]] = {
    "queues": (queues, (120, 20)),
    "queues-80x24": (queues, (80, 24)),
    "connection": (connection, (120, 30)),
    "connection-80x24": (connection, (80, 24)),
    "tasks": (tasks, (120, 24)),
    "tasks-80x24": (tasks, (80, 24)),
    "triage": (triage, (120, 26)),
    "filter": (filter_, (120, 20)),
    "clean": (clean, (120, 20)),
    "run": (run, (120, 24)),
    "task": (task, (120, 30)),
    "task-80x24": (task, (80, 24)),
    "binary": (binary, (120, 26)),
    "scan": (scan, (120, 26)),
    "scan-80x24": (scan, (80, 24)),
    "delete": (delete, (120, 26)),
    "explain": (explain, (100, 30)),
    "repair": (repair, (120, 28)),
    "journal": (journal, (120, 24)),
    "help": (help_, (100, 30)),
    "chooser": (chooser, (120, 16)),
    "chooser-80x24": (chooser, (80, 24)),
}


@asynccontextmanager
async def showing(name: str, settings: Settings) -> AsyncIterator[Pilot[None]]:
    """The app with one scene on its screen."""
    scene, size = SCENES[name]
    session = Session(settings, clock=lambda: NOW, stopwatch=lambda: 0.0)
    session.free_bytes = lambda _folder: 41_000_000_000  # the disk of whoever makes the pictures is nobody's business
    session.open()
    try:
        async with ArchiveApp(session).run_test(size=size) as pilot:
            await scene(pilot)
            yield pilot
    finally:
        session.close()


def picture(pilot: Pilot[None]) -> str:
    """The SVG of the scene on the screen."""
    return pilot.app.export_screenshot(title="archive-tui")


@contextmanager
def installation() -> Iterator[Settings]:
    """How to reach the demo that all scenes show."""
    with demo(workers=False, now=NOW) as url, tempfile.TemporaryDirectory() as folder:
        settings = replace(parse_url(url), label="orders-redis:6379/0", profile="prod", production=True)
        yield replace(settings, journal_dir=Path(folder))


def in_order(names: Iterable[str]) -> list[str]:
    """The scenes of one installation, one after the other: what "journal" deletes is gone for those after it."""
    return sorted(names, key="journal".__eq__)


async def write(names: list[str]) -> None:
    """Make the pictures of some scenes."""
    with installation() as settings:
        for name in in_order(names):
            async with showing(name, settings) as pilot:
                (HERE / f"{name}.svg").write_text(picture(pilot), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1:] or list(SCENES)))
