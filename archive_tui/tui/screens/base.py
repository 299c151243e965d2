"""What all screens share: status line, key bar, and commands that become bindings, help and palette entries."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar, cast

from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.restore import RestoreJob
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.scan import ScanJob
from archive_tui.session import Session
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.commands import Command
from archive_tui.tui.widgets.keybar import KeyBar
from archive_tui.tui.widgets.status import Status, StatusBar

_log = logging.getLogger(__name__)

EVERYWHERE: tuple[type[Command], ...] = (commands.Palette, commands.Help)

TICK = 0.2
"""Seconds between two looks at what the jobs have done: at most five updates a second reach a thin link."""

OVERTAKEN = "another screen was opened meanwhile: nothing was planned"
"""Why a plan that took its time is dropped: a dialog over what the operator looks at by now would be a surprise."""

_Parameters = ParamSpec("_Parameters")
_Screen = TypeVar("_Screen", bound="CommandScreen")


def background(
    group: str,
) -> Callable[[Callable[Concatenate[_Screen, _Parameters], None]], Callable[Concatenate[_Screen, _Parameters], None]]:
    """A method that runs off the UI loop. A defect in it is said on the screen, and ends neither app nor jobs."""

    def decorate(
        method: Callable[Concatenate[_Screen, _Parameters], None],
    ) -> Callable[Concatenate[_Screen, _Parameters], None]:
        def start(screen: _Screen, /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
            def work() -> None:
                try:
                    method(screen, *args, **kwargs)
                except Exception as error:
                    if not app.is_running:
                        return  # the program has ended meanwhile, and nobody waits for this any more
                    _log.exception("%s", method.__name__)
                    app.call_from_thread(screen.background_failed, group, error)

            app = screen.app
            screen.run_worker(work, name=method.__name__, thread=True, group=group)

        return start

    return decorate


class Host(Protocol):
    """What a screen needs of the app it lives in."""

    session: Session


class ScanWanted(Message):
    """The operator wants to see the scan of a queue; None for all queues."""

    def __init__(self, queue: str | None) -> None:
        super().__init__()
        self.queue = queue


class QuitWanted(Message):
    """The operator wants to leave the program."""


class CommandScreen(Screen[None]):
    """A screen with commands. Subclasses list them in `COMMANDS_HERE` and write a `do_…` method for each."""

    COMMANDS_HERE: ClassVar[tuple[type[Command], ...]] = ()
    TITLE_IN_HELP: ClassVar[str] = ""
    AUTO_FOCUS = "VirtualTable"

    def __init_subclass__(cls) -> None:
        cls.BINDINGS = [
            Binding(
                command.key, f"run_command('{command.name()}')", command.title, show=False, priority=command.at_once
            )
            for command in (*cls.COMMANDS_HERE, *EVERYWHERE)
        ]
        super().__init_subclass__()

    @property
    def session(self) -> Session:
        """What this run shares between its screens."""
        return cast("Host", self.app).session

    @property
    def on_top(self) -> bool:
        """Whether nothing stands over this screen; Textual's `is_current` is also true of the one right below."""
        return self.app.screen is self

    def on_mount(self) -> None:
        self.set_interval(TICK, self._tick)
        self._tick()

    def _tick(self) -> None:
        if self.is_current:
            self.tick()
            self.query_one(StatusBar).show(self.status())
            self.query_one(KeyBar).show(self._footer())

    def tick(self) -> None:
        """Look at what the jobs have done and show it; called a few times a second while the screen is on top."""

    def status(self) -> Status:
        """What the top line says."""
        session = self.session
        settings, overview = session.settings, session.watch.overview
        info = overview.info or session.info
        return Status(
            info.address,
            settings.profile,
            settings.production,
            info.role,
            f"{info.product} {info.version}".strip(),
            session.read_only,
            overview.latency,
            None if overview.read_at is None else max(session.clock() - overview.read_at, 0.0),
            session.watch.paused,
            session.watch.trouble,
            " · ".join(_running(session)),
        )

    def available(self) -> list[type[Command]]:
        """The commands that this session may use; read-only mode takes the destroying ones away."""
        read_only = self.session.read_only
        return [command for command in (*self.COMMANDS_HERE, *EVERYWHERE) if not (command.danger and read_only)]

    def _footer(self) -> list[type[Command]]:
        shown = [command for command in self.available() if command.footer and not self._pointless(command)]
        last = [command for command in shown if command in (commands.Help, commands.Leave, commands.Quit)]
        return [command for command in shown if command not in last] + last[::-1]

    def _pointless(self, command: type[Command]) -> bool:
        """Whether a command for running jobs has none to act on; it need not take room then."""
        return command.transient and self.refusal(command.name()) is not None

    def refusal(self, name: str) -> str | None:
        """Why a command cannot run now."""
        refuse = getattr(self, f"refuse_{name}", None)
        reason: str | None = refuse() if refuse is not None else None
        return reason

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A command that is obeyed at once must not take the keys that somebody types."""
        if action == "run_command" and isinstance(self.focused, Input):
            return not any(one.at_once and one.name() in parameters for one in self.COMMANDS_HERE)
        return super().check_action(action, parameters)

    def action_run_command(self, name: str) -> None:
        """Run a command, or say why it cannot run now."""
        command = next((one for one in (*self.COMMANDS_HERE, *EVERYWHERE) if one.name() == name), None)
        if command is None:
            return
        if command not in self.available():
            self.say(f"{command.title.rstrip('…')}: {self.session.why_read_only}", warning=True)
            return
        if reason := self.refusal(name):
            self.say(f"{command.title.rstrip('…')}: {reason}", warning=True)
            return
        self.app.clear_notifications()  # they are about what was done before, and would stand over what comes now
        getattr(self, f"do_{name}")()
        self._tick()

    def background_failed(self, group: str, error: Exception) -> None:
        """Work off the UI loop has failed; subclasses tidy up after the group."""
        said = str(error) if isinstance(error, ArchiveTuiError) else f"unexpected {type(error).__name__}: {error}"
        self.say(line(said), warning=True)

    def say(self, message: str, *, warning: bool = False, seconds: float = 4.0) -> None:
        """A short remark; never parsed as markup."""
        self.app.clear_notifications()
        self.notify(message, severity="warning" if warning else "information", markup=False, timeout=seconds)

    def do_help(self) -> None:
        from archive_tui.tui.dialogs.help import HelpDialog

        self.app.push_screen(HelpDialog(self.TITLE_IN_HELP, self.available(), self.help_pages()))

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What the help says beside the keys: a title, and what is written with what it means."""
        return {}

    def do_palette(self) -> None:
        self.app.action_command_palette()

    def do_leave(self) -> None:
        self.app.pop_screen()

    def do_back(self) -> None:
        self.app.pop_screen()


def _running(session: Session) -> Iterator[str]:
    for job in session.running:
        if isinstance(job, ScanJob):
            yield f"scan {job.progress.fraction:.0%}" + (" paused" if job.state is JobState.PAUSED else "")
        elif isinstance(job, DeleteJob):
            progress = job.progress
            yield f"deleting {progress.done:,} of {progress.planned:,}"
        elif isinstance(job, RestoreJob):
            restoring = job.progress
            yield f"restoring {restoring.done:,} of {restoring.planned:,}"
