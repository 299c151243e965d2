"""Decoding as a profile wants it: programs and descriptor sets behind the door to payloads."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from archive_tui.errors import NotFoundError, UsageError
from archive_tui.payloads.decoder import Context, Fit, Peeled, Refusal, Wrapper
from archive_tui.payloads.decoders.protobuf_types import TypedProtobufDecoder
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.registry import standard
from archive_tui.settings.model import PayloadSettings

_SECONDS = 10.0
"""Time that a program has for one payload."""

_SHOWN = 200
"""Characters of a program's error message that are shown."""


def payload_reader(settings: PayloadSettings) -> PayloadReader:
    """Make the reader of a run. Raises NotFoundError or UsageError for a descriptor set that cannot be used."""
    registry = standard().with_first(
        wrappers=[Program(pattern, command) for pattern, command in settings.programs.items()]
    )
    if settings.descriptors is not None:
        registry = registry.behind_json(_typed(settings.descriptors, settings))
    return PayloadReader(registry)


def _typed(path: Path, settings: PayloadSettings) -> TypedProtobufDecoder:
    try:
        return TypedProtobufDecoder(path.read_bytes(), settings.messages)
    except FileNotFoundError:
        raise NotFoundError(f"no descriptor set {path}, which the profile names") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"the descriptor set {path} cannot be used: {reason}") from None


class Program(Wrapper):
    """A program that reads a payload from its standard input and writes what it is to its standard output.

    It runs without a shell, only for the task that somebody looks at, and is killed when its time is up. What it writes
    is looked at again: text, or JSON.
    """

    def __init__(self, pattern: str, command: Sequence[str], seconds: float = _SECONDS) -> None:
        """`pattern` is for the types of tasks (`report:*`), `command` the program and its arguments."""
        self.name = Path(command[0]).name
        self._pattern = pattern
        self._command = list(command)
        self._seconds = seconds

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if not context.programs or context.wrapped or not fnmatchcase(context.task_type, self._pattern):
            return None
        content = self._run(raw, context.room)
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.CERTAIN, f"the profile names this program for {self._pattern}", content, by_program=True)

    def _run(self, raw: bytes, most: int) -> bytes:
        """Give a payload to the program; at most one byte more than `most` comes back. Raises Refusal."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIVE_TUI_")}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
            given.write(raw)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    self._command,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise Refusal(f"the program {self.name} cannot be started: {error.strerror}") from None
            late = threading.Event()
            timer = threading.Timer(self._seconds, _kill, [process, late])
            timer.start()
            try:
                with process:
                    content = process.stdout.read(most + 1) if process.stdout is not None else b""
                    if len(content) > most:
                        _kill(process)
            finally:
                timer.cancel()
            if late.is_set():
                raise Refusal(f"the program {self.name} was not done after {self._seconds:g} s, and was killed")
            if process.returncode and len(content) <= most:
                complaints.seek(0)
                words = complaints.read(4 * _SHOWN).decode("utf-8", "replace").strip().partition("\n")[0][:_SHOWN]
                raise Refusal(f"the program {self.name} ended with {process.returncode}{': ' if words else ''}{words}")
            return content


def _kill(process: "subprocess.Popen[bytes]", late: threading.Event | None = None) -> None:
    """Kill a program and whatever it has started; `late` is set first, where its time is up."""
    if late is not None:
        late.set()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
