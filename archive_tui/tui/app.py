"""The application: theme, signals, palette, and the ways out."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import events, on
from textual.app import App
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import WorkerFailed

from archive_tui.destinations import Destinations, Opened
from archive_tui.jobs.collector import collect_rarely
from archive_tui.outside.private_copy import sweep
from archive_tui.settings.model import Look, Settings
from archive_tui.settings.preferences import Preferences
from archive_tui.tui import commands
from archive_tui.tui.command_screen import (
    TICK,
    CommandScreen,
    ConnectionWanted,
    DestinationsWanted,
    JournalsWanted,
    QuitWanted,
    ScanWanted,
)
from archive_tui.tui.kept_screens import KeptScreens
from archive_tui.tui.keymap import give_keys
from archive_tui.tui.keystrokes import Keystrokes
from archive_tui.tui.lists.appearance import ListAppearance
from archive_tui.tui.lists.filter_memory import FilterMemory
from archive_tui.tui.screens.queues import QueuesScreen
from archive_tui.tui.terminal.background import BackgroundTold, background_is_dark, may_be_asked
from archive_tui.tui.terminal.driver import TerminalDriver, ThinLinkDriver
from archive_tui.tui.terminal_watch import TerminalWatch
from archive_tui.tui.themes import color_count, theme_for, theme_for_background

if TYPE_CHECKING:
    from archive_tui.session import Session
    from archive_tui.tui.screens.scan import ScanScreen
    from archive_tui.tui.tour.tour import Tour


class Dress(NamedTuple):
    """The colours of a session."""

    theme: Theme

    themes: Callable[[bool], Theme] | None
    """Gives the theme for a background that is dark, or not; None where it does not depend on that."""


_log = logging.getLogger(__name__)


class ArchiveApp(App[None]):
    """archive-tui on a terminal. Returns its exit code in `return_code`."""

    TITLE = "archive-tui"
    ENABLE_COMMAND_PALETTE = False  # ours is a dialog of ours
    BINDINGS: ClassVar = [
        commands.QuitAtOnce.binding("interrupt"),
        commands.QuitAnywhere.binding("quit_politely"),
        commands.Suspend.binding("suspend_process"),
        commands.Redraw.binding("redraw"),
    ]
    CSS = """
    CommandScreen { background: $background; }
    Button, Input, OptionList { background-tint: transparent; }
    Button { border: none; tint: transparent; }
    Button:disabled { color: $text-muted; opacity: 100%; text-opacity: 100%; text-style: none; border: none; }
    Button:ansi { background: $background; border: none; }
    Button:ansi:focus { background: $background; color: $foreground; text-style: bold reverse; }
    Input:ansi { background: $background; color: $foreground; text-style: underline; }
    Input > .input--placeholder { color: $text-muted; text-style: none; }
    Input > .input--cursor {
        background: $input-cursor-background; color: $input-cursor-foreground; text-style: $input-cursor-text-style;
    }
    OptionList > .option-list--option-disabled { color: $text-muted; }
    * { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
    Input { scrollbar-size: 0 0; }
    """

    def __init__(
        self,
        session: Session | None,
        theme: Theme | None = None,
        themes: Callable[[bool], Theme] | None = None,
        appearance: ListAppearance | None = None,
        filters: FilterMemory | None = None,
        *,
        destinations: Destinations | None = None,
        dress: Callable[[Settings], Dress] | None = None,
        tour: bool = False,
        queue: str | None = None,
    ) -> None:
        """`session` None: what to connect to is asked first, among `destinations`. `theme` None: the dark one in full
        colours. `themes` gives the theme for a terminal that tells whether its background is dark; None: it stays as it
        is. `dress` gives both for another session; None: they stay. `tour`: what to try is said, step by step. `queue`:
        its archive is shown first.
        """
        self._themes = themes
        self._dress = dress
        self._dark: bool | None = None  # the terminal's background, as it told
        self._chosen_theme = theme or theme_for(Look.DARK, colors=256, dark=True)
        self.destinations = destinations or Destinations()
        self.low_bandwidth = session.settings.low_bandwidth if session else self.destinations.low_bandwidth
        driver = ThinLinkDriver if self.low_bandwidth else TerminalDriver
        super().__init__(driver_class=driver, ansi_color=self._chosen_theme.ansi or None)  # None: as the theme has it
        # Before anything is composed: from Python 3.12 on Textual's tasks begin at once, and the first screen would be
        # styled before a theme that is set in `on_mount` has brought its variables (Textual 8.2.8)
        self.register_theme(self._chosen_theme)
        self.theme = self._chosen_theme.name
        self.stylesheet.set_variables(self.get_css_variables())
        self._session = session
        self._opened: Opened | None = None  # what the session stands on, where it was opened from here
        self.appearance = appearance or ListAppearance()
        self.filters = filters or FilterMemory()
        self.set_keymap(commands.KEYMAP)
        self.animation_level = "none"
        self.failure: BaseException | None = None
        self._ending = False
        self.keystrokes = Keystrokes(self, super().on_event, self._say, self._handle_exception, self._keys_rested)
        self.terminal_watch = TerminalWatch(partial(self.exit, None), self._stop_jobs)
        self.kept = KeptScreens(self)
        self._first_queue = queue
        self._scans: dict[str | None, ScanScreen] = {}
        self.tour: Tour | None = None
        if tour and session is not None:
            from archive_tui.tui.tour.tour import SKIP_KEYS, Tour

            self.tour = Tour(session)
            self.bind(SKIP_KEYS, "skip_tour_step", show=False)

    async def on_event(self, event: events.Event) -> None:
        """Let keys go in their order, one at a time; what climbs up to the app was handed on before."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key in commands.QuitAtOnce.bound():
            self.action_interrupt()  # also where a key before it hangs
        else:
            self.keystrokes.put(event)

    def _keys_rested(self) -> None:
        """What keys asked for is there: send it."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.painter.rested()

    def _say(self, remark: str) -> None:
        """Say something on the screen that is seen, or on the one beneath its dialog."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, CommandScreen):
                screen.say(remark, warning=True)
                return

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """What shows through beneath the screen on top: nothing but where that is a dialog. Textual (8.2.8) counts the
        one right below in any case: it lays that out and draws it again with whatever is opened over it.
        """
        return super()._background_screens if self.screen.is_modal else []

    @property
    def session(self) -> Session:
        """The session that the screens are over; there is none before the first was chosen."""
        if self._session is None:
            raise RuntimeError("nothing is connected yet")
        return self._session

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    def _stop_jobs(self) -> None:
        if self._session is not None:
            self._session.stop_jobs()

    def close_session(self) -> None:
        """Close the session, and end what it stands on."""
        if self._session is not None:
            self._session.close()
        if self._opened is not None:
            self._opened.close()

    @property
    def follows_background(self) -> bool:
        """Whether the theme depends on the terminal's background."""
        return self._themes is not None

    def on_background_told(self, event: BackgroundTold) -> None:
        """Take the theme for this background."""
        self._dark = event.dark
        if self._themes is not None and (theme := self._themes(event.dark)).name != self.theme:
            self.register_theme(theme)
            self.theme = theme.name

    def on_mount(self) -> None:
        self.terminal_watch.start(asyncio.get_running_loop())
        if self._session is None:
            from archive_tui.tui.screens.chooser import FirstChooserScreen

            self.push_screen(FirstChooserScreen())
            return
        if not self.session.watch.begun:
            self.session.watch.start()
        queues = QueuesScreen()
        self.push_screen(queues)
        if self._first_queue is not None:
            queues.open_archive(self._first_queue)
        if self.tour is not None:
            self.set_interval(TICK, partial(self.tour.look, self))

    @on(ScanWanted)
    def _scan_wanted(self, event: ScanWanted) -> None:
        self.open_scan(event.queue)

    def open_scan(self, queue: str | None) -> None:
        """Open the scan of a queue (None: of all); a scan that was left goes on and is shown again."""
        from archive_tui.tui.screens.scan import ScanScreen

        screen = self._scans.get(queue)
        if screen is None:
            screen = self._scans[queue] = ScanScreen(queue)
            self.install_screen(screen, name=f"scan-{len(self._scans)}")
        if screen not in self.screen_stack:
            self.push_screen(screen)
        else:
            while self.screen is not screen:
                self.pop_screen()

    @on(JournalsWanted)
    def _journals_wanted(self) -> None:
        """Open the list of journals, or go back to the one that is open below."""
        from archive_tui.tui.screens.journals import JournalsScreen

        self._open_or_go_back(JournalsScreen, commands.Journals)

    @on(ConnectionWanted)
    def _connection_wanted(self) -> None:
        """Open the connection page, or go back to the one that is open below."""
        from archive_tui.tui.screens.connection import ConnectionScreen

        self._open_or_go_back(ConnectionScreen, commands.Connection)

    def _open_or_go_back(self, wanted: type[CommandScreen], command: type[commands.Command]) -> None:
        """Open a screen, or leave those above the one that is open already."""
        above: list[CommandScreen] = []
        for screen in reversed(self.screen_stack):
            if isinstance(screen, wanted):
                break
            above += [screen] if isinstance(screen, CommandScreen) else []
        else:
            self.push_screen(wanted())
            return
        if reason := next((reason for screen in above if (reason := screen.why_not_leave())), None):
            above[0].say(f"{command.title}: {reason}", warning=True)
            return
        for _ in above:
            self.pop_screen()

    @on(DestinationsWanted)
    def _destinations_wanted(self) -> None:
        """Open the list of what one can connect to, or go back to the one that is open below."""
        from archive_tui.tui.screens.chooser import ChooserScreen

        self._open_or_go_back(ChooserScreen, commands.SwitchConnection)

    def connect(self, opened: Opened, refused: Callable[[], None]) -> None:
        """Go over to another session. Where that would stop a change or an export, ask first; `refused` is called where
        the answer is no, and the other session is closed.
        """

        def stay() -> None:
            opened.close()
            refused()

        self._unless_stopping(lambda: self.call_later(self._take, opened), stay, "switch", "Switching")

    async def _take(self, opened: Opened) -> None:
        """Close the session that was, and begin with another one from its queues."""
        self._stop_jobs()
        kept = [*self.kept.screens, *self._scans.values()]
        with self.batch_update():
            while len(self.screen_stack) > 1:
                await self.pop_screen()
            for screen in kept:
                if self.is_screen_installed(screen):
                    self.uninstall_screen(screen)
                if screen.is_running:
                    await screen.remove()
            self.close_session()
            self._session, self._opened = opened.session, opened
            self.kept, self._scans, self.tour = KeptScreens(self), {}, None
            self._wear(opened.session.settings)
            self.session.watch.start()
            await self.push_screen(QueuesScreen())

    def _wear(self, settings: Settings) -> None:
        """Take the colours that these settings want."""
        if self._dress is None:
            return
        theme, self._themes = self._dress(settings)
        if self._themes is not None and self._dark is not None:
            theme = self._themes(self._dark)
        if theme.name != self.theme:
            self.register_theme(theme)
            self.theme = theme.name

    @on(QuitWanted)
    def action_quit_politely(self) -> None:
        """Leave; where leaving would stop a change or an export, ask first."""
        self._unless_stopping(self.exit, lambda: None, "leave", "Leaving")

    def _unless_stopping(self, act: Callable[[], object], stay: Callable[[], None], verb: str, doing: str) -> None:
        """Do something that ends what is running; where that is a change or an export, ask first."""
        from archive_tui.tui.dialogs.question import QuestionDialog

        running = self._session.running if self._session is not None else []
        stopped = [(job, job.leaving) for job in running if job.leaving is not None]
        if not stopped:
            act()
        elif not isinstance(self.screen, QuestionDialog):
            title, it = stopped[0][1].running, "it"
            text = f"{doing} stops it after the batch it is working on. {stopped[0][1].stays}"
            if len(stopped) > 1:
                title, it = f"{len(stopped)} jobs are running", "them"
                each = " ".join(f"{leaving.running}: {leaving.stays}" for _, leaving in stopped)
                text = f"{doing} stops each after the batch it is working on. {each}"

            def answered(yes: bool | None) -> None:
                (act if yes else stay)()

            question = QuestionDialog(
                title,
                text,
                lambda: any(not job.state.ended for job, _ in stopped),
                yes=f"Stop {it} and {verb}",
                no="Stay",
            )
            self.push_screen(question, answered)

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """Leave, whoever asks for it. Jobs end first: the screens take with them the tables that these work on."""
        self._ending = True
        self.keystrokes.close()
        self._stop_jobs()
        super().exit(result, return_code, message)

    def action_suspend_process(self) -> None:
        """Go back to the shell, together with whatever runs us, such as a script."""
        if not isinstance(self._driver, TerminalDriver):
            return
        if os.getsid(0) == os.getpgrp():  # as in `ssh -t host archive-tui`: stopped, it could not be reached any more
            self._say("suspend: there is no shell to go back to")
        else:
            os.killpg(0, signal.SIGTSTP)

    def action_redraw(self) -> None:
        """Draw everything again."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.painter.forget()
        self.refresh(layout=True)

    @property
    def leaving(self) -> bool:
        """Whether a signal asked us to end: nothing may stop us any more."""
        return self.terminal_watch.asked

    def action_skip_tour_step(self) -> None:
        """Go on to the next step of the tour."""
        if self.tour is not None:
            self.tour.skip()
            self.tour.look(self)

    def action_interrupt(self) -> None:
        """ctrl+c: leave at once, jobs stopping at their next safe point."""
        self.exit(return_code=130)

    def _handle_exception(self, error: Exception) -> None:
        """A defect of ours ends the app with a line, not with a traceback that prints the variables of every frame. A
        widget that finds the program ending as it is mounted lacks its own parts: that is no defect.
        """
        if self._ending:
            _log.info("while leaving: %r", error)
            return
        self.failure = error.error if isinstance(error, WorkerFailed) else error
        self._return_code = 1
        self.exit(return_code=1)


def share_the_interpreter() -> None:
    """The screens share the interpreter with jobs that compute without pause. They get their turn after a millisecond,
    not after five; and the collector need not walk through all of Textual while everybody waits.
    """
    sys.setswitchinterval(0.001)
    gc.freeze()
    collect_rarely()
    gc.enable()  # off since the start of `archive-tui`


def run(
    session: Session | None,
    destinations: Destinations,
    *,
    mouse: bool = False,
    look: Callable[[Settings | None], Look] = lambda _settings: Look.AUTO,
    preferences: Preferences | None = None,
    tour: bool = False,
    queue: str | None = None,
) -> int:
    """Open the screens and return the exit code. Raises UsageError for preferences that cannot be followed."""
    preferences = preferences or Preferences()
    give_keys(preferences.keys, preferences.place)
    appearance = ListAppearance(preferences.columns, preferences.columns_place)
    filters = FilterMemory(preferences.filters, preferences.filters_place)
    share_the_interpreter()
    sweep()
    colors = color_count()

    def dress(settings: Settings | None) -> Dress:
        chosen = look(settings)
        follows = chosen in (Look.AUTO, Look.ANSI) and colors and may_be_asked(os.environ)
        themes = partial(theme_for_background, chosen, colors) if follows else None
        return Dress(theme_for(chosen, colors=colors, dark=background_is_dark(os.environ)), themes)

    theme, themes = dress(session.settings if session is not None else None)
    app = ArchiveApp(
        session, theme, themes, appearance, filters, destinations=destinations, dress=dress, tour=tour, queue=queue
    )
    try:
        app.run(mouse=mouse)
    finally:
        app.terminal_watch.stop()
        app.close_session()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0
