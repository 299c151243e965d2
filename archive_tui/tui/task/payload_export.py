"""Taking the payload of a task out of the terminal: to its clipboard, or to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive_tui.asynq.task import Task
from archive_tui.payloads.redaction import RedactedReading
from archive_tui.payloads.rendering import Document
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.save import SaveDialog
from archive_tui.wording.people import size

_COPY_LIMIT = 100_000
"""Terminals drop or truncate OSC 52 above about this many bytes."""

_ENDINGS = {"JSON": "json", "NDJSON": "ndjson", "text": "txt", "XML": "xml", "gzip": "gz", "zstd": "zst", "lz4": "lz4"}
"""Endings of files, by the outermost layer of a payload."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task as it was read, with its texts made readable."""

    task: Task
    """The task as it may be shown."""

    truth: Task
    """The task as it stands in Redis, or as a journal holds it: for changes, and to be saved byte for byte."""

    payload: Document
    """The payload as lines, in the reading that is shown."""

    error: Document
    """The error message as lines."""

    read_at: float
    """When it was read, in unix seconds."""

    readings: Sequence[RedactedReading]
    """All readings of the payload, best first; one at least."""

    error_readings: Sequence[RedactedReading]
    """All readings of the error message, best first; empty where there is no error."""

    reading: int = 0
    """The reading of the payload that is shown."""

    error_reading: int = 0
    """The reading of the error that is shown."""

    @property
    def masked(self) -> bool:
        """Whether something of the task is masked."""
        return self.task is not self.truth


class PayloadExport(Part):
    """Copies and saves the payload of the task that is shown."""

    def __init__(
        self, screen: CommandScreen, loaded: Callable[[], Loaded | None], task_id: Callable[[], bytes | None]
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `task_id` its id, None where it is gone."""
        super().__init__(screen)
        self._loaded = loaded
        self._task_id = task_id

    def why_not_copy(self) -> str | None:
        """Why there is no payload to take."""
        return "nothing was read" if self._loaded() is None else None

    @runs(commands.Copy, unless=why_not_copy)
    def copy(self) -> None:
        """Send the payload to the terminal's clipboard."""
        if (loaded := self._loaded()) is None:
            return
        plain = loaded.payload.plain()
        if len(plain) > _COPY_LIMIT:
            too_much = f"{size(len(plain))} is too much for a terminal's clipboard: {commands.Save} saves it to a file"
            self.screen.say(too_much, warning=True)
            return
        self.screen.app.copy_to_clipboard(plain.decode("utf-8", "replace"))
        self.screen.say(f"sent to the terminal's clipboard; if it does not arrive, {commands.Save} saves to a file")

    @runs(commands.CopyId)
    def copy_id(self) -> None:
        """Send the id to the terminal's clipboard."""
        if (task_id := self._task_id()) is not None:
            self.screen.app.copy_to_clipboard(task_id.decode("utf-8", "replace"))
            self.screen.say("id sent to the terminal's clipboard")

    @runs(commands.Save, unless=why_not_copy)
    def save(self) -> None:
        """Ask for a file, and save the payload to it."""
        if (loaded := self._loaded()) is None:
            return
        ending = _ENDINGS.get(loaded.readings[0].path[0], "bin")
        note = "enter saves, esc does not. The file is readable by you alone."
        if loaded.masked:
            note = f"{note} It holds what is masked here, too."
        name = f"{file_stem(loaded.task.id) or 'payload'}.{ending}"
        dialog = SaveDialog(name, "Save the payload, byte for byte", note)
        self.screen.app.push_screen(dialog, partial(self._save, loaded.truth))

    def _save(self, task: Task, name: str | None) -> None:
        """Save the payload of the task that was asked for, whichever is shown by now."""
        if name is None:
            return
        path = Path(name)
        try:
            path = path.expanduser()
            _write_private(path, task.payload)
        except FileExistsError:
            self.screen.say(f"{line(str(path))} exists already: choose another name", warning=True)
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.screen.say(f"not saved: {line(str(path))}: {reason}", warning=True)
        else:
            self.screen.say(f"saved {size(len(task.payload))} to {line(str(path.absolute()))}")


def file_stem(name: str | bytes) -> str:
    """The name of a file for something of this name: letters, digits, hyphens, dots; empty where nothing is left."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in clip(name, 80)).lstrip(".-")


def _write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read; payloads hold personal data. Never overwrites."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
