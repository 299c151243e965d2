"""The base of all screens: the lines at top and bottom, and commands that become bindings, help and palette entries."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeVar, cast

from textual import on
from textual.app import ComposeResult
from textual.events import Key
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from archive_tui.errors import ArchiveTuiError
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.commands import Command, Handler, handlers, runs
from archive_tui.tui.kept_screens import KeptScreens
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.remarks import RemarkLine
from archive_tui.tui.widgets.status import Status, StatusBar
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import exact, plural, position

if TYPE_CHECKING:
    from archive_tui.destinations import Destinations, Opened
    from archive_tui.session import Session
    from archive_tui.tui.dialogs.palette import PaletteEntry
    from archive_tui.tui.lists.appearance import ListAppearance
    from archive_tui.tui.lists.filter_memory import FilterMemory

_log = logging.getLogger(__name__)

EVERYWHERE: tuple[type[Command], ...] = (
    commands.Journals,
    commands.SwitchConnection,
    commands.Palette,
    commands.Help,
)
"""The commands that every screen has."""

FROM_PALETTE: tuple[type[Command], ...] = (commands.Connection,)
"""The commands that the palette of every screen has; where a screen does not list them, they have no key there."""

TICK = 0.2
"""Seconds between two looks at what the jobs have done."""

LOW = 20
"""Lines below which a terminal has room for little more than a list."""

_FIRST_PICTURE = 0.06
"""Seconds that the first picture of a screen waits for what is still being read: most of the time it comes sooner, and
nothing is drawn twice.
"""

_THIN_TICK = 1.0
"""The same for `--low-bandwidth`."""

_THIN_STEP = 10.0
"""Seconds in whose steps the age of the data is told for `--low-bandwidth`."""

_Parameters = ParamSpec("_Parameters")


class Worker(Protocol):
    """Who may work off the UI loop: a screen, or a part of one."""

    @property
    def screen(self) -> Screen[Any]:
        """The screen, or the one it is a part of."""

    def background_failed(self, group: str, error: Exception) -> None:
        """Tidy up after work of this group that has failed, and say so."""


_Worker = TypeVar("_Worker", bound=Worker)


def background(
    group: str,
) -> Callable[[Callable[Concatenate[_Worker, _Parameters], None]], Callable[Concatenate[_Worker, _Parameters], None]]:
    """Make a method run off the UI loop. A defect in it is said on the screen, and ends neither app nor jobs."""

    def decorate(
        method: Callable[Concatenate[_Worker, _Parameters], None],
    ) -> Callable[Concatenate[_Worker, _Parameters], None]:
        def start(worker: _Worker, /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
            def work() -> None:
                try:
                    method(worker, *args, **kwargs)
                except Exception as error:
                    if not app.is_running:
                        return  # the program has ended meanwhile, and nobody waits for this any more
                    _log.exception("%s", method.__name__)
                    app.call_from_thread(worker.background_failed, group, error)

            screen = worker.screen
            app = screen.app
            screen.run_worker(work, name=method.__name__, thread=True, group=group)

        return start

    return decorate


@dataclass(frozen=True, slots=True)
class Wait:
    """A reason that passes by itself: the command waits for that, and runs then."""

    remark: str
    """What the operator is told meanwhile."""


class Host(Protocol):
    """The app, as far as a screen needs it."""

    session: Session
    connected: bool
    """Whether there is a session."""
    low_bandwidth: bool
    """Whether the link to the terminal was thin at the start."""
    destinations: Destinations
    kept: KeptScreens
    appearance: ListAppearance
    filters: FilterMemory
    connect: Callable[[Opened, Callable[[], None]], None]
    """Goes over to another session."""
    tour: object | None
    """The tour over the demo; None without one."""


class ScanWanted(Message):
    """The operator wants to see the scan of a queue; None for all queues."""

    def __init__(self, queue: str | None) -> None:
        super().__init__()
        self.queue = queue


class JournalsWanted(Message):
    """The operator wants to see the list of journals."""


class ConnectionWanted(Message):
    """The operator wants to see the connection page."""


class DestinationsWanted(Message):
    """The operator wants to see what else one can connect to."""


class QuitWanted(Message):
    """The operator wants to leave the program."""


class CommandScreen(Screen[None]):
    """A screen with commands. Subclasses list them in `COMMANDS_HERE`. For each of them the screen, or one of the
    `PARTS` that it has, has a method marked with `runs`; a class that lacks one cannot be made.
    """

    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = ()
    """The commands of this screen, in the order of footer and help: that of their worth. Where the footer has no room,
    the last ones go first.
    """
    PARTS: ClassVar[tuple[type, ...]] = ()
    """The classes of the parts that bring methods for commands with them."""
    TITLE_IN_HELP: ClassVar[str] = ""
    AUTO_FOCUS = "VirtualTable"

    _handlers: ClassVar[Mapping[type[Command], Handler]] = {}

    def __init_subclass__(cls) -> None:
        if "compose" in cls.__dict__:
            raise TypeError(f"{cls.__name__} has a compose of its own: what stands between the lines is its `body`")
        listed = cls.listed()
        cls._handlers = handlers((cls, *cls.PARTS))
        for command in listed:
            if command not in cls._handlers:
                raise TypeError(f"{cls.__name__} lists {command.__name__}, but nothing it has runs that command")
        taken: dict[str, type[Command]] = {}
        for command in listed:
            for key in command.key.split(","):
                if (other := taken.setdefault(key, command)) is not command:
                    raise TypeError(f"{cls.__name__}: {other.__name__} and {command.__name__} share the key {key}")
        cls.BINDINGS = [command.binding(f"run_command('{command.id()}')") for command in listed]
        super().__init_subclass__()

    def __init__(self) -> None:
        super().__init__()
        self.parts: tuple[Any, ...] = ()
        """One of each of the `PARTS`."""
        self.waiting: type[Command] | None = None
        """The command that waits for its time; any other command takes its place."""
        self._moment_shown = 0.0
        self._first_picture_waits = True
        self.remarks = RemarkLine()
        """The line above the footer."""

    def compose(self) -> ComposeResult:
        yield StatusBar()
        if cast("Host", self.app).tour is not None:
            from archive_tui.tui.tour.tour import TourLine

            yield TourLine()
        yield from self.body()
        yield self.remarks
        yield KeyBar()

    def _working_parts(self) -> list[Part]:
        """The parts that are no widgets."""
        return [part for part in self.parts if isinstance(part, Part)]

    def body(self) -> Iterable[Widget]:
        """The widgets between the top line and the remarks."""
        return ()

    @property
    def host(self) -> Host:
        """The app."""
        return cast("Host", self.app)

    @property
    def session(self) -> Session:
        """What this run shares between its screens."""
        return self.host.session

    @property
    def thin(self) -> bool:
        """Whether as little as possible is to be sent to the terminal."""
        return self.session.settings.low_bandwidth

    @property
    def why_no_changes(self) -> str:
        """Why nothing can be changed from here, in words; empty where something can."""
        return self.session.why_read_only if self.session.read_only else ""

    @property
    def kept(self) -> KeptScreens:
        """The lists that were left with marks."""
        return cast("Host", self.app).kept

    def now(self) -> float:
        """The moment that this screen shows, in unix seconds by the clock of this run. Beneath a dialog it stands
        still: no age counts on there.
        """
        if self.on_top or not self._moment_shown:
            self._moment_shown = self.session.clock()
        return self._moment_shown

    @property
    def on_top(self) -> bool:
        """Whether nothing stands over this screen. False while the program ends, which takes the screens away first."""
        return self.app.screen_stack[-1:] == [self]

    def on_mount(self) -> None:
        self.set_interval(_THIN_TICK if self.thin else TICK, self.look)
        self.set_timer(_FIRST_PICTURE, self._draw_at_last)
        self.look()

    def _draw_at_last(self) -> None:
        """Draw the first picture, whether all of it is there or not."""
        if self._first_picture_waits:
            self._first_picture_waits = False
            self.refresh()

    def _compositor_refresh(self) -> None:
        """Draw what has changed, unless this is the first picture and what it is to show is about to come. Textual
        (8.2.8) remembers what was not drawn.
        """
        self._first_picture_waits = self._first_picture_waits and self.reading()
        if not self._first_picture_waits:
            super()._compositor_refresh()

    def _screen_resized(self, size: Size) -> None:
        """Lay it out for another size. Textual (8.2.8) sends a size to each new screen that is laid out for it already,
        and would draw all of it a second time.
        """
        if size != self.outer_size:
            super()._screen_resized(size)

    def on_screen_suspend(self) -> None:
        """Show no keys beneath a dialog: none of them works there. Another screen covers them anyway, and hiding them
        would lay out this one again.
        """
        if any(screen.is_modal for screen in self.app.screen_stack[-1:]):
            self.query_one(KeyBar).visible = False

    def on_screen_resume(self) -> None:
        """Show the keys again."""
        self.query_one(KeyBar).visible = True

    def look(self) -> None:
        """Show what the jobs have done by now, if this screen is in sight or right below the one that is."""
        if self in self.app.screen_stack[-2:]:
            self.tick()
            self.query_one(StatusBar).show(self.status(), counting=self.on_top)
            self.remarks.place(self.place())
            self._draw_footer()

    def catching_up(self, key: str) -> bool:
        """Whether a key that was typed ahead is to wait, since what was asked for is not shown yet. What is typed into
        a line need not, and to stop something is never too early.
        """
        return not isinstance(self.focused, Input) and key not in commands.Stop.bound() and self.reading()

    def reading(self) -> bool:
        """Whether what was asked for is not shown yet."""
        return any(part.reading for part in self.parts if isinstance(part, Part))

    def tick(self) -> None:
        """Look at what the jobs have done and show it; called a few times a second, also beneath a dialog."""

    def place(self) -> str:
        """Where the cursor stands in the list of this screen: "row 2 of 1,204"; empty where none is in sight."""
        table = next(iter(self.query(VirtualTable)), None)
        if table is None or not table.display or table.cursor_index is None:
            return ""
        return position(table.cursor_index, table.row_count, final=table.complete)

    @property
    def unmasked(self) -> bool:
        """Whether this screen shows what is masked elsewhere, because the operator asked for it."""
        return any(part.unmasked for part in self._working_parts())

    def status(self) -> Status:
        """What the top line says."""
        session = self.session
        settings, overview = session.settings, session.watch.overview
        info = overview.info or session.info
        return Status(
            info.address,
            settings.profile,
            settings.production,
            info.kind,
            f"{info.product} {info.version}".strip(),
            session.read_only,
            None if settings.low_bandwidth or settings.snapshot is not None else overview.latency,
            self._data_age(),
            not info.linked,
            session.watch.paused,
            session.watch.trouble,
            " · ".join(job.doing for job in session.running if job.doing),
            session.writing,
            namespace_field(settings.namespace).get("namespace", ""),
            exact(settings.snapshot.taken_at) if settings.snapshot is not None else "",
            settings.color,
            settings.unverified,
            settings.redaction.shown or self.unmasked,
        )

    def _data_age(self) -> float | None:
        """Seconds since what is shown was true; None where nobody knows. A replica that does not hear its primary
        answers from what it heard last.
        """
        overview = self.session.watch.overview
        if overview.read_at is None or overview.info is None or self.session.settings.snapshot is not None:
            return None
        if not overview.info.linked and overview.info.unlinked_for is None:
            return None
        seconds = max(self.session.clock() - overview.read_at, 0.0) + (overview.info.unlinked_for or 0.0)
        if self.session.settings.low_bandwidth:  # rounded up: the data is no older than what is said
            return math.ceil(seconds / _THIN_STEP) * _THIN_STEP
        return seconds

    # Commands

    @classmethod
    def listed(cls) -> tuple[type[Command], ...]:
        """All commands of this screen, each once, in the order of footer and help."""
        return tuple(dict.fromkeys((*cls.COMMANDS_HERE, *EVERYWHERE)))

    def available(self) -> list[type[Command]]:
        """The commands that this session may use; read-only mode takes the destroying ones away."""
        refused = self.why_no_changes
        return [command for command in self.listed() if not (command.danger and refused)]

    def on_descendant_focus(self) -> None:
        """Name the keys of what has the focus now."""
        if self.on_top and self.query(KeyBar):
            self._draw_footer()

    @property
    def _typed_into(self) -> FilterBar | None:
        """The line that somebody types into; what they press is text there, whatever it does elsewhere."""
        above = self.focused.ancestors if self.focused is not None else ()
        return next((one for one in above if isinstance(one, FilterBar)), None)

    def _draw_footer(self) -> None:
        if (typed_into := self._typed_into) is not None:
            self.query_one(KeyBar).show(tuple(typed_into.keys_while_typing), ())
            return
        shown = [command for command in self.available() if command.footer and not self._pointless(command)]
        taken = {old: command for part in self._working_parts() for old, command, _ in part.taken()}
        shown = [*taken.values(), *(command for command in shown if command not in taken)]
        always = [command for command in (commands.Help, commands.Leave, commands.Quit) if command in shown]
        self.query_one(KeyBar).show([command for command in shown if command not in always], always)

    def _pointless(self, command: type[Command]) -> bool:
        """Whether a command for running jobs has none to act on; it need not take room then."""
        return command.transient and self.refusal(command) is not None

    def _owner(self, handler: Handler) -> Any:
        """The object that has the method: this screen, or one of its parts."""
        return next(owner for owner in (self, *self.parts) if isinstance(owner, handler.owner))

    def refusal(self, command: type[Command]) -> str | Wait | None:
        """Why a command cannot run now; None where it can."""
        handler = self._handlers[command]
        if handler.unless is None:
            return None
        reason: str | Wait | None = getattr(self._owner(handler), handler.unless)()
        return reason

    def action_run_command(self, name: str) -> None:
        """Run the command whose keys were pressed; `name` is its id."""
        self.run_command(next(one for one in self.listed() if one.id() == name))

    def run_command(self, command: type[Command]) -> None:
        """Run a command, or say why it cannot run now."""
        self.waiting = None  # something else is wanted now
        if command.danger and (refused := self.why_no_changes):
            self.say(f"{command.title.rstrip('…')}: {refused}", warning=True)
            return
        reason = self.refusal(command)
        if isinstance(reason, Wait):
            self.waiting = command
            self.say(reason.remark)
            return
        if reason is not None:
            self.say(f"{command.title.rstrip('…')}: {reason}", warning=True)
            return
        self.remarks.make_way()
        handler = self._handlers[command]
        getattr(self._owner(handler), handler.method)()
        self.look()

    def background_failed(self, group: str, error: Exception) -> None:
        """Work off the UI loop has failed; subclasses tidy up after the group."""
        said = str(error) if isinstance(error, ArchiveTuiError) else f"unexpected {type(error).__name__}: {error}"
        self.say(line(said), warning=True)

    def say(self, message: str, *, warning: bool = False, seconds: float = 4.0) -> None:
        """Make a short remark, never parsed as markup. A warning stays until it was seen. Where another screen is open
        by now, the remark is made there.
        """
        screens = [screen for screen in self.app.screen_stack if isinstance(screen, CommandScreen)]
        if screens:  # else the program has ended
            screens[-1].remarks.say(message, urgent=warning, seconds=seconds)

    @runs(commands.Help)
    def help(self) -> None:
        from archive_tui.tui.dialogs.help import HelpDialog

        listed: list[type[Command]] = [*self.available(), *commands.MOVES, *commands.QUITS]
        listed = list(dict.fromkeys(listed))
        self.app.push_screen(HelpDialog(self.TITLE_IN_HELP, listed, self._pages(), self.help_topic()))

    def _pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What is said beside the keys: the columns of the lists, what the screen says itself, and the words of all."""
        from archive_tui.tui.glossary import PLAN, WORDS

        columns = [entry for table in self.query(VirtualTable).results() for entry in table.described]
        return {
            **({"Columns": columns} if columns else {}),
            **self.help_pages(),
            "Words on the screens": WORDS,
            "The plan of a change": PLAN,
        }

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What the help says beside the keys: a title, and what is written with what it means."""
        return {}

    def help_topic(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What the help says first, of what stands under the cursor; the same shape as `help_pages`."""
        return {title: entries for part in self._working_parts() for title, entries in part.help_topic().items()}

    @runs(commands.Palette)
    def palette(self) -> None:
        from archive_tui.tui.dialogs.palette import Palette

        self.app.push_screen(Palette(self._palette_entries()), self._run_from_palette)

    def _palette_entries(self) -> list[PaletteEntry]:
        """The commands of this screen and of the others, each with the reason why it cannot act here and now."""
        from archive_tui.tui.dialogs.palette import PaletteEntry

        entries = []
        here = self.listed()
        for command in dict.fromkeys((*here, *FROM_PALETTE)):
            reason = self.refusal(command)
            if command.danger and self.why_no_changes:
                reason = self.why_no_changes
            if isinstance(reason, Wait):
                reason = reason.remark
            why_not = None if reason is None else f"not now: {reason}"
            entries.append(PaletteEntry(command, why_not, has_key=command in here))
        elsewhere = self._elsewhere().items()
        return entries + [PaletteEntry(command, where) for command, where in elsewhere if command not in FROM_PALETTE]

    def _run_from_palette(self, command: type[Command] | None) -> None:
        if command is None:
            return
        if command in self.listed() or command in FROM_PALETTE:
            self.run_command(command)
        else:
            self.say(f"{command.title.rstrip('…')}: {self._elsewhere()[command]}", warning=True)

    def _elsewhere(self) -> dict[type[Command], str]:
        """The commands that this screen does not have, with the screens that do, or why none does now. What people take
        for one command, since it has the same title and keys, is there once.
        """
        from archive_tui.tui.keymap import all_screens, commands_on

        here = {_as_seen(command) for command in commands_on(type(self))}
        first: dict[object, type[Command]] = {}
        titles: dict[type[Command], dict[str, None]] = {}
        for screen in all_screens():
            for command in commands_on(screen):
                if (seen := _as_seen(command)) not in here:
                    titles.setdefault(first.setdefault(seen, command), {})[screen.TITLE_IN_HELP] = None
        refused = self.why_no_changes
        return {
            one: f"nowhere now: {refused}" if one.danger and refused else f"works on: {', '.join(where)}"
            for one, where in titles.items()
        }

    def on_key(self, event: Key) -> None:
        """Say of a key that does nothing here where it works, or how to find those that do something."""
        if event.key in self.active_bindings or not commands.is_deliberate(event):
            return
        name = commands.key_name(event.key)
        elsewhere = self._elsewhere()
        if able := [command for command in elsewhere if event.key in command.bound()]:
            command = max(able, key=lambda one: len(elsewhere[one]))  # what works in the most places
            self.say(f"{name} does nothing here: {command.title.rstrip('…')} {elsewhere[command]}", warning=True)
            return
        self.say(f"{name} does nothing here: {commands.Help} shows every key", warning=True)

    @on(KeyBar.Pressed)
    def _pressed_in_footer(self, event: KeyBar.Pressed) -> None:
        typed_into = self._typed_into
        if typed_into is not None and (act := typed_into.keys_while_typing.get(event.command)) is not None:
            act()
            self.look()
            return
        for part in self._working_parts():
            for _, command, act in part.taken():
                if command is event.command:
                    act()
                    return
        self.run_command(event.command)

    def why_not_journals(self) -> str | None:
        """Why the list of journals cannot be shown now."""
        return None

    @runs(commands.Journals, unless=why_not_journals)
    def journals(self) -> None:
        self.post_message(JournalsWanted())

    def why_not_connection(self) -> str | None:
        """Why the connection page cannot be shown now."""
        return None

    @runs(commands.Connection, unless=why_not_connection)
    def connection(self) -> None:
        self.post_message(ConnectionWanted())

    def why_not_switch(self) -> str | None:
        """Why no other connection can be chosen from here."""
        return None

    @runs(commands.SwitchConnection, unless=why_not_switch)
    def switch_connection(self) -> None:
        self.post_message(DestinationsWanted())

    def why_not_leave(self) -> str | None:
        """Why this screen cannot be left now."""
        return None

    @property
    def kept_as(self) -> str | None:
        """The name under which this screen is opened again with its marks; None where it goes when it is left."""
        return None

    @property
    def marked(self) -> int:
        """How many rows are marked here."""
        return 0

    def open_again(self) -> None:
        """Catch up with what has happened since this screen was left, and kept."""

    @runs(commands.Leave, unless=why_not_leave)
    def leave(self) -> None:
        marked, name = self.marked, self.kept_as
        for part in self._working_parts():
            part.left()
        if name is not None and marked:
            self.kept.keep(name, self)
        self.app.pop_screen()
        if name is not None and marked:
            self.say(f"{plural(marked, 'mark')} kept: there again when this list is opened again")

    @runs(commands.Back)
    def back(self) -> None:
        self.app.pop_screen()


def _as_seen(command: type[Command]) -> tuple[str, tuple[str, ...]]:
    """What people know a command by: its title and its keys."""
    return command.title.rstrip("…"), tuple(command.keys())


class Part:
    """A part of a screen that draws nothing itself. It may run commands, and work off the UI loop."""

    def __init__(self, screen: CommandScreen) -> None:
        self.screen = screen

    @property
    def reading(self) -> bool:
        """Whether what this part was asked for is not shown yet."""
        return False

    @property
    def unmasked(self) -> bool:
        """Whether this part lets the screen show what is masked elsewhere."""
        return False

    def help_topic(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What the help says first, of what stands under the cursor."""
        return {}

    def left(self) -> None:
        """Take note that the screen is left; it may be kept."""

    def taken(self) -> Sequence[tuple[type[Command], type[Command], Callable[[], object]]]:
        """Commands of the screen whose keys a widget of this part takes while it has the focus; for each what the keys
        do there, and what does it.
        """
        return ()

    def background_failed(self, group: str, error: Exception) -> None:
        """Tidy up after work of this group that has failed, and say so."""
        self.screen.background_failed(group, error)
