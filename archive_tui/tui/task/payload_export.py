"""Saving the payload of a task to a file: byte for byte, or decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive_tui.asynq.task import Task
from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.exact_json import is_json
from archive_tui.payloads.redaction import RedactedReading
from archive_tui.payloads.rendering import Form, Shown, View
from archive_tui.payloads.writing import written
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.save import SaveAnswer, SaveDialog, SaveForm
from archive_tui.wording.people import size

_PRIVATE = "The file is readable by you alone."

_ENDINGS = {"JSON": "json", "NDJSON": "ndjson", "text": "txt", "XML": "xml", "gzip": "gz", "zstd": "zst", "lz4": "lz4"}
"""Endings of files, by the outermost layer of a payload."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task as it was read, with its texts made readable."""

    task: Task
    """The task as it may be shown."""

    truth: Task
    """The task as it stands in Redis, or as a journal holds it: for changes, and to be saved byte for byte."""

    payload: Shown
    """The payload, in the view that is shown."""

    error: Shown
    """The error message as lines."""

    read_at: float
    """When it was read, in unix seconds."""

    readings: Sequence[RedactedReading]
    """All readings of the payload, best first; one at least."""

    views: Sequence[View]
    """The ways to look at the payload, best first; one at least."""

    error_readings: Sequence[RedactedReading]
    """All readings of the error message, best first; empty where there is no error."""

    view: int = 0
    """The view of the payload that is shown."""

    error_reading: int = 0
    """The reading of the error that is shown."""

    @property
    def reading(self) -> RedactedReading:
        """The reading of the payload that is shown; the best where its bytes are shown as they are."""
        view = self.views[self.view]
        return self.readings[0] if view.form in (Form.RAW, Form.HEX) else view.reading

    @property
    def masked(self) -> bool:
        """Whether something of the task is masked."""
        return self.task is not self.truth


class PayloadExport(Part):
    """Saves the payload of the task that is shown."""

    def __init__(self, screen: CommandScreen, loaded: Callable[[], Loaded | None]) -> None:
        """`loaded` gives the task that is shown, None while it is read."""
        super().__init__(screen)
        self._loaded = loaded

    def why_not_save(self) -> str | None:
        """Why there is no payload to take."""
        return "nothing was read" if self._loaded() is None else None

    @runs(commands.Save, unless=why_not_save)
    def save(self) -> None:
        """Ask for a file and a form, and save the payload to it."""
        if (loaded := self._loaded()) is None:
            return
        truth = f"{_PRIVATE} It holds what is masked here, too." if loaded.masked else _PRIVATE
        ending = _ENDINGS.get(loaded.readings[0].path[0], "bin")
        forms = [SaveForm("byte for byte, as it was sent", truth, f".{ending}")]
        reading = loaded.reading
        if reading.problem is None and reading.content and reading.format != BinaryDecoder.name:
            as_json = is_json(reading.tree) or reading.format == JsonDecoder.name
            shown = (
                f"{line(reading.name)}, written as JSON" if as_json and reading.write is None else line(reading.name)
            )
            forms.append(SaveForm(f"decoded: {shown}", _PRIVATE, ".json" if as_json else ".txt"))
        dialog = SaveDialog(file_stem(loaded.task.id) or "payload", "Save the payload", forms)
        self.screen.app.push_screen(dialog, lambda answer: None if answer is None else self._save(loaded, answer))

    @background("save")
    def _save(self, loaded: Loaded, answer: SaveAnswer) -> None:
        """Save the payload of the task that was asked for, whichever is shown by now."""
        content = _decoded(loaded.reading) if answer.form else loaded.truth.payload
        path = Path(answer.name)
        try:
            path = path.expanduser()
            _write_private(path, content)
        except FileExistsError:
            self._tell(f"{line(str(path))} exists already: choose another name", warning=True)
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._tell(f"not saved: {line(str(path))}: {reason}", warning=True)
        else:
            self._tell(f"saved {size(len(content))} to {line(str(path.absolute()))}")

    def _tell(self, remark: str, *, warning: bool = False) -> None:
        self.screen.app.call_from_thread(partial(self.screen.say, remark, warning=warning))


def _decoded(reading: RedactedReading) -> bytes:
    """A payload as it is shown decoded: JSON where that has all of the tree, else the text."""
    as_json = is_json(reading.tree) and reading.format != JsonDecoder.name
    text = written(reading.tree) if as_json else reading.text()
    return f"{text}\n".encode("utf-8", "surrogateescape")


def file_stem(name: str | bytes) -> str:
    """The name of a file for something of this name: letters, digits, hyphens, dots; empty where nothing is left."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in clip(name, 80)).lstrip(".-")


def _write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read; payloads hold personal data. Never overwrites."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
