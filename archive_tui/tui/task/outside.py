"""Showing payload or error of a task in another program: the operator's pager or editor, read-only."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from archive_tui.errors import UsageError
from archive_tui.outside.private_copy import private_copy
from archive_tui.outside.programs import Program, viewers
from archive_tui.payloads.rendering import Shown
from archive_tui.text import block, clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.task.boxes import ERROR, TaskBoxes
from archive_tui.tui.task.payload_export import Loaded, file_stem
from archive_tui.tui.terminal.lending import lend_terminal

_LIKE_JSON = ("JSON", "MessagePack", "CBOR", "form")
"""Formats whose readings look like JSON, so that an editor colours them as such."""


class ShowOutside(Part):
    """Opens what the box with the focus shows in another program, in the place of the screens."""

    def __init__(self, screen: CommandScreen, boxes: TaskBoxes, loaded: Callable[[], Loaded | None]) -> None:
        """`loaded` gives the task that is shown, None while it is read."""
        super().__init__(screen)
        self._boxes = boxes
        self._loaded = loaded
        self._open = False

    def why_not_open(self) -> str | None:
        """Why there is nothing to open."""
        if self._open:
            return "another program shows it"
        return "nothing was read" if self._loaded() is None else None

    @runs(commands.OpenOutside, unless=why_not_open)
    def open(self) -> None:
        """Open it in pager or editor; where both are set, ask in which."""
        if (loaded := self._loaded()) is None:
            return
        try:
            programs = viewers(os.environ)
        except UsageError as error:
            self.screen.say(str(error), warning=True)
            return
        if len(programs) == 1:
            self._start(loaded, programs, "0")
        else:
            choices = {str(number): one.name for number, one in enumerate(programs)}
            dialog = ChoiceDialog("Open, read-only, in", choices, "0")
            self.screen.app.push_screen(dialog, partial(self._start, loaded, programs))

    def _start(self, loaded: Loaded, programs: list[Program], number: str | None) -> None:
        if number is None:
            return
        error_box = self._boxes.current == ERROR
        document = loaded.error if error_box else loaded.payload
        reading = None if error_box else loaded.views[loaded.view].reading
        ending = "json" if reading is not None and reading.format in _LIKE_JSON and not reading.problem else "txt"
        name = f"{file_stem(loaded.task.id) or 'task'}.{ending}"
        self._open = True
        self.screen.app.run_worker(self._show(document, name, programs[int(number)]), group="outside")

    async def _show(self, document: Shown, name: str, program: Program) -> None:
        """Show a document as it is on the screen; what a terminal would obey is a visible sign there, too."""
        try:
            content = await asyncio.to_thread(lambda: block(document.plain()).encode("utf-8", "replace") + b"\n")
            with private_copy(name, content) as path:
                code = await lend_terminal(self.screen.app, [*program.read_only, str(path)], shows=not program.edits)
                changed = program.edits and await asyncio.to_thread(_differs, path, content)
        except OSError as error:
            self.screen.say(f"not opened in {program.name}: {line(error.strerror or str(error))}", warning=True)
            return
        finally:
            self._open = False
        if code:
            self.screen.say(f"{program.name} {_ended(code)}", warning=True)
        elif changed:
            self.screen.say(f"changed in {program.name}, and not kept: that was a copy to read", warning=True)


def _differs(path: Path, content: bytes) -> bool:
    """Whether a file no longer holds this."""
    try:
        return path.stat().st_size != len(content) or path.read_bytes() != content
    except OSError:
        return False


def _ended(code: int) -> str:
    """How a program ended that did not end well."""
    if code > 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return clip(f"was ended by signal {-code}", 60)
