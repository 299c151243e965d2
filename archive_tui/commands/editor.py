"""The operator's editor, on the terminal on which a command runs."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from archive_tui.errors import UsageError
from archive_tui.outside.private_copy import private_copy
from archive_tui.outside.programs import any_editor, others_environment
from archive_tui.text import line


def edited(content: bytes, suffix: str) -> bytes:
    """Open a text in the editor, and return what its file holds when that has ended. `suffix` is the end of the file's
    name. Raises UsageError, in one sentence, where there is no editor or it has failed.
    """
    program = any_editor(os.environ)
    try:
        with private_copy(f"payload{suffix}", content) as path:
            code = _run([*program.command, str(path)])
            if code:
                ended = f"exit code {code}" if code > 0 else f"signal {-code}"
                raise UsageError(f"{program.name} has failed ({ended}): nothing was edited")
            return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{program.name} has left no file that can be read: nothing was edited") from None
    except OSError as error:
        raise UsageError(f"{program.name}: {line(error.strerror or str(error))}: nothing was edited") from None


def _run(command: Sequence[str]) -> int:
    with _keys_of_signals():
        return subprocess.run(command, env=others_environment(os.environ), check=False).returncode


@contextmanager
def _keys_of_signals() -> Iterator[None]:
    """Leave ctrl+c and ctrl+backslash to the editor. Not by ignoring them: it would inherit that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
