"""The chooser: the profiles, the local server, a dump and the demo, what each answers, and the way to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from archive_tui.destinations import (
    NOTHING_TYPED,
    Answer,
    Attempt,
    Destination,
    Kind,
    Opened,
    Typed,
    wants_passphrase,
    wants_password,
)
from archive_tui.errors import ArchiveTuiError, ConnectError, LockedKeyError, UsageError
from archive_tui.settings.file import default_settings_file
from archive_tui.settings.model import Secret
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, QuitWanted
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dump import DumpDialog
from archive_tui.tui.dialogs.password import PasswordDialog
from archive_tui.tui.widgets.columns import Cell, Column, Tone
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.source import Rows
from archive_tui.tui.widgets.status import Status
from archive_tui.tui.widgets.table import VirtualTable
from archive_tui.wording.people import UNKNOWN, milliseconds

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class _Choice:
    """A row: a destination, and what is known of it by now."""

    destination: Destination
    answer: Answer | None = None
    error: ArchiveTuiError | None = None
    asked: bool = False
    """Whether somebody waits for its answer."""
    opening: bool = False
    """Whether it is being connected to."""
    loaded: str = ""
    """How much of a dump is loaded, in percent; empty where nobody says."""
    here: bool = False
    """Whether the screens beneath are over it."""


def _name(row: _Choice) -> str | Cell:
    one = row.destination
    if one.kind is not Kind.PROFILE:
        return f"   {one.name}"
    if one.production:
        return Cell(f" ● {line(one.name).upper()}", "production")
    return Cell(f" ● {line(one.name)}", one.color.value) if one.color is not None else f"   {line(one.name)}"


def _address(row: _Choice) -> str:
    if row.destination.kind is Kind.DEMO:
        return "an embedded server"
    if row.destination.kind is Kind.DUMP:
        return clip(line(str(row.destination.file)), _SHOWN) if row.destination.file is not None else UNKNOWN
    return clip(row.destination.address, _SHOWN) or UNKNOWN


def _state(row: _Choice) -> str | Cell:
    one = row.destination
    if row.opening:
        if one.kind is Kind.DUMP:
            return Cell(f"loading… {row.loaded} %" if row.loaded else "loading…", "accent")
        return Cell("starting…" if one.kind is Kind.DEMO else "connecting…", "accent")
    if row.here:
        return Cell("open now", "accent")
    if wants_password(row.error):
        return Cell("asks for a password", "warn")
    if wants_passphrase(row.error):
        return Cell("asks for a passphrase", "warn")
    if row.error is not None:
        absent = one.kind is Kind.SERVER and isinstance(row.error, ConnectError)
        return Cell("nothing answers" if absent else _briefly(row), "dim" if absent else "bad")
    if row.answer is not None:
        may = "read-only" if row.answer.why_read_only else "read-write"
        return f"{may}, {line(row.answer.role_and_product)}"
    if one.kind is Kind.DEMO:
        return Cell("a made-up installation, to try things", "dim")
    if one.kind is Kind.DUMP:
        return Cell("an RDB file, to look at and not to change", "dim")
    if one.program:
        return Cell(f"not asked: {line(one.program)} gives the password", "dim")
    return Cell("…", "dim")


def _briefly(row: _Choice) -> str:
    """The error without what its row says already."""
    one, said = row.destination, line(str(row.error))
    for known in (f"cannot reach {one.address}: ", f"{one.address} ", f"{one.address}: "):
        said = said.removeprefix(known)
    return said.removeprefix(f"profile {one.name!r} in {line(str(default_settings_file()))} ")


def _latency(row: _Choice) -> str:
    return milliseconds(row.answer.latency) if row.answer is not None else ""


_NARROWEST, _WIDEST = 15, 30
"""Cells of the names: as many as the longest needs, within these."""


def _columns(destinations: Sequence[Destination] = ()) -> list[Column[_Choice]]:
    names = [cell_len(line(one.name)) + 4 for one in destinations]
    width = min(max(_NARROWEST, *names), _WIDEST) if names else _NARROWEST
    return [
        Column("name", "Connection", _name, width, sortable=False,
               help="a profile of the settings file with its badge (production in red), the local server, a dump, or "
                    "the demo"),
        Column("address", "Server", _address, 14, enough=24, grow=1, most=40, sortable=False, priority=1,
               help="host, port and database, or the path of a socket"),
        Column("state", "Answers", _state, 20, grow=2, sortable=False,
               help="whether anything can be changed there, and what it is; or why it does not answer"),
        Column("latency", "Time", _latency, 7, "right", sortable=False, priority=2, help="how long one question takes"),
    ]  # fmt: skip


def _tone(row: _Choice) -> Tone | None:
    return "accent" if row.here else None


class ChooserScreen(CommandScreen):
    """What one can connect to, each row tested by itself. Over the screens of a session it leads back to them."""

    TITLE_IN_HELP = "Connections"
    COMMANDS_HERE: ClassVar[tuple[type[commands.Command], ...]] = (
        commands.Open,
        commands.TryAgain,
        commands.Back,
        commands.Leave,
    )
    CSS = """
    ChooserScreen #reason { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    ChooserScreen #reason.-bad { color: $text-error; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._destinations: list[Destination] = []
        self._fault = ""
        self._tests: dict[int, Attempt[Answer]] = {}
        self._opening: tuple[int, Attempt[Opened], Typed] | None = None
        self._loaded = ""
        self._loading: object = None
        self._errors: dict[int, ArchiveTuiError] = {}
        self._drawn: object = None
        self._came = False

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield VirtualTable[_Choice](_columns(), row_style=_tone, id="connections")
        yield Static(id="reason")

    def on_mount(self) -> None:
        self.read_again()

    def on_unmount(self) -> None:
        self._give_up()

    # What there is

    @runs(commands.TryAgain)
    def read_again(self) -> None:
        """Read the settings file anew, and test what is in it."""
        self._fault, self._errors = "", {}
        try:
            self._destinations = self.host.destinations.all()
        except UsageError as error:
            self._destinations, self._fault = [], line(str(error))
        self._tests = {
            number: self.host.destinations.test(one)
            for number, one in enumerate(self._destinations)
            if one.kind not in (Kind.DEMO, Kind.DUMP) and not one.program and not one.fault
        }
        self.query_one("#connections", VirtualTable).set_columns(_columns(self._destinations))
        self._drawn = None

    def _rows(self) -> list[_Choice]:
        return [self._row(number, one) for number, one in enumerate(self._destinations)]

    def _row(self, number: int, one: Destination) -> _Choice:
        test = self._tests.get(number)
        ended = test is not None and test.ended
        error = self._errors.get(number)
        if error is None and one.fault:
            error = ArchiveTuiError(one.fault)
        if error is None and test is not None and ended:
            error = test.error
        return _Choice(
            one,
            answer=test.result if test is not None and ended and error is None else None,
            error=error,
            asked=test is not None and not ended,
            opening=self._opening is not None and self._opening[0] == number,
            loaded=self._loaded,
            here=self._is_here(one),
        )

    def _is_here(self, one: Destination) -> bool:
        if not self.host.connected:
            return False
        settings = self.session.settings
        if one.kind is Kind.PROFILE:
            return settings.profile == one.name
        if one.kind is Kind.DEMO:
            return settings.profile == "demo"
        if one.kind is Kind.DUMP:
            return settings.snapshot is not None and settings.snapshot.file == one.file
        return settings.profile is None and settings.place == one.address

    # What is shown

    @property
    def thin(self) -> bool:
        return self.host.low_bandwidth

    @property
    def why_no_changes(self) -> str:
        return ""

    def status(self) -> Status:
        return super().status() if self.host.connected else Status("not connected", read_only=None)

    def tick(self) -> None:
        self._follow_opening()
        rows = self._rows()
        table = self.query_one("#connections", VirtualTable)
        drawn = (rows, self._fault, table.cursor_index, self.size)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.query_one("#head", HeadLine).show(title("Where to?"))
        table.empty_text = "Nothing to choose from."
        table.show(Rows(rows, list(range(len(rows)))))
        if not self._came and (here := next((number for number, row in enumerate(rows) if row.here), None)) is not None:
            table.move_to(here)
        self._came = True
        self._draw_reason()

    def _draw_reason(self) -> None:
        """What the row under the cursor has no room for."""
        row: _Choice | None = self.query_one("#connections", VirtualTable).cursor_row
        said, bad = self._reason(row)
        reason = self.query_one("#reason", Static)
        reason.set_class(bad, "-bad")
        reason.update(Content(said))
        reason.display = bool(said)

    def _reason(self, row: _Choice | None) -> tuple[str, bool]:
        if self._fault:
            return self._fault, True
        if row is None:
            return "", False
        if wants_password(row.error) and row.destination.kind is not Kind.DEMO:
            return f"it wants a password, or another than it got: {commands.Open} asks you for it", False
        if isinstance(row.error, LockedKeyError):
            return f"our key for TLS is encrypted: {commands.Open} asks you for its passphrase", False
        if row.error is not None:
            return clip(line(str(row.error)), _SHOWN), True
        if row.answer is not None:
            why = [one for one in (row.answer.why_read_only, row.answer.staleness) if one]
            return "; ".join(why), False
        if row.destination.kind is Kind.DEMO:
            return "an embedded server with sample data; it leaves nothing behind, and keeps its own journals", False
        if row.destination.kind is Kind.DUMP:
            said = "a private server of this machine loads it; the file is never changed"
            return (f"{said}; {commands.Back} gives up" if row.opening else said), False
        if not any(one.kind is Kind.PROFILE for one in self._destinations):
            return f"profiles are sections of {line(str(default_settings_file()))}", False
        return "", False

    @on(VirtualTable.Moved, "#connections")
    def _moved(self) -> None:
        self._draw_reason()

    def help_pages(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {
            "Profiles": [
                ("config.toml", f"a section a profile: {line(str(default_settings_file()))}; the guide has its keys"),
                ("not asked", "its password comes from a program, which is not run before you open the connection"),
                ("password", "where one is missing or refused, opening the connection asks for it; it is kept nowhere"),
                ("passphrase", "the same, of an encrypted key for TLS"),
            ]
        }

    # The way to one of them

    @on(VirtualTable.Opened, "#connections")
    def _opened(self) -> None:
        self.run_command(commands.Open)

    def why_not_open(self) -> str | None:
        number = self._current()
        if number is not None and self._opening is not None and self._opening[0] == number:
            return "still connecting"
        return None if number is not None else "nothing here"

    def _current(self) -> int | None:
        index: int | None = self.query_one("#connections", VirtualTable).cursor_index
        return index if index is not None and index < len(self._destinations) else None

    @runs(commands.Open, unless=why_not_open)
    def open(self) -> None:
        """Connect to what stands under the cursor; where a password is missing, ask for it."""
        number = self._current()
        if number is None:
            return
        one = self._destinations[number]
        if self._row(number, one).here:
            self.leave()
        elif one.kind is Kind.DUMP:
            self._ask_file(number)
        elif not self._ask_for(number, self._row(number, one).error, NOTHING_TYPED):
            self._begin(number)

    def _ask_file(self, number: int) -> None:
        def answered(file: Path | None) -> None:
            if file is not None:
                self._destinations[number] = replace(self._destinations[number], file=file)
                self._begin(number)

        self.app.push_screen(DumpDialog(), answered)

    def _ask_for(self, number: int, error: ArchiveTuiError | None, typed: Typed) -> bool:
        """Ask for what an error says is missing; False where it says no such thing. `typed`: what was typed before."""

        def answered(secret: Secret | None) -> None:
            if secret is None:
                return
            if isinstance(error, LockedKeyError):
                self._begin(number, typed._replace(passphrase=secret, key=error.key))
            else:
                self._begin(number, typed._replace(password=secret))

        if isinstance(error, LockedKeyError):
            self.app.push_screen(PasswordDialog(line(error.key), passphrase=True), answered)
        elif wants_password(error):
            self.app.push_screen(PasswordDialog(self._destinations[number].address), answered)
        else:
            return False
        return True

    def _begin(self, number: int, typed: Typed = NOTHING_TYPED) -> None:
        self._give_up()  # another one is wanted now
        self._errors.pop(number, None)
        self._loaded, self._loading = "", (mine := object())

        def loading(percent: str) -> None:
            if self._loading is not mine:
                raise ArchiveTuiError("given up")
            self._loaded = percent

        self._opening = number, self.host.destinations.open(self._destinations[number], typed, loading), typed
        self.look()

    def _follow_opening(self) -> None:
        if self._opening is None or not self._opening[1].ended:
            return
        (number, attempt, typed), self._opening = self._opening, None
        if attempt.result is not None:
            self.host.connect(attempt.result, lambda: None)
        elif attempt.error is not None:
            self._errors[number] = attempt.error
            if self.on_top:
                self._ask_for(number, attempt.error, typed)

    def _give_up(self) -> None:
        """Wait no longer for a connection that nobody wants any more."""
        if self._opening is not None:
            attempt, self._opening = self._opening[1], None
            self._loading = None  # ends what is being loaded
            attempt.give_up(ArchiveTuiError("given up"))
            if attempt.result is not None:
                attempt.result.close()

    def why_not_switch(self) -> str | None:
        return "these are the connections"

    def why_not_journals(self) -> str | None:
        return None if self.host.connected else "nothing is connected yet"

    def why_not_connection(self) -> str | None:
        return None if self.host.connected else "nothing is connected yet"

    @runs(commands.Back)
    def back(self) -> None:
        if self._opening is not None:
            self._give_up()
        else:
            self.leave()


class FirstChooserScreen(ChooserScreen):
    """The same where nothing is connected yet: it is the first screen, and there is nowhere to go back to."""

    TITLE_IN_HELP = "Connections at the start"
    COMMANDS_HERE: ClassVar[tuple[type[commands.Command], ...]] = (
        commands.Open,
        commands.TryAgain,
        commands.Back,
        commands.Quit,
    )

    @runs(commands.Back)
    def back(self) -> None:
        self._give_up()

    @runs(commands.Quit)
    def quit(self) -> None:
        self.post_message(QuitWanted())
