"""Running a command: exit codes, and one line on stderr for every failure."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from archive_tui.cli.commands import cli
from archive_tui.cli.completion import VARIABLE, answer
from archive_tui.errors import ArchiveTuiError, ExitCode, UsageError


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Every failure is one line on stderr."""
    if sys.stderr is None:  # closed by whoever started us: what we would say there is for nobody
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if arguments is None and (instruction := os.environ.get(VARIABLE)):
        return answer(cli, instruction)
    try:
        if sys.stdout is None:
            raise UsageError("there is no standard output to write to")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 is no reason to fail
        # Not `cli.main`: it would answer a broken pipe with exit code 1
        with cli.make_context("archive-tui", list(sys.argv[1:] if arguments is None else arguments)) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        _complain(_wrong_usage(error))
        return error.exit_code
    except ArchiveTuiError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing is wrong, and there is nowhere left to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except OSError as error:
        _complain(_cannot(error))
        return ExitCode.UNEXPECTED
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else ExitCode.DONE


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of writing. Whoever writes to a file of its own says which: what arrives here was for standard output."""


def _cannot(error: OSError) -> str:
    """The reason why the system refused something."""
    reason = error.strerror or str(error)
    return f"standard output cannot be written: {reason}" if error.errno in _NO_ROOM else reason


def _wrong_usage(error: click.ClickException) -> str:
    """Click's complaint in one line, with a pointer to the help."""
    from archive_tui.text import line

    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "archive-tui"
    said = " ".join(error.format_message().split()).rstrip(".")
    return f"{line(said[:1].lower() + said[1:])}; `{command} --help` shows what there is"


def _unexpected(error: Exception) -> int:
    """Report a defect of ours: one line for the user, the traceback (without variables) in a private file. An error of
    a library may quote what it met.
    """
    import traceback

    import platformdirs

    from archive_tui.payloads.redaction import Redaction
    from archive_tui.text import line

    redaction = Redaction()

    where = ""
    try:
        folder = Path(platformdirs.user_state_dir("archive-tui", appauthor=False))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "crash.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(redaction.text("".join(traceback.format_exception(error))))
        where = f"; details in {path}"
    except OSError:
        pass
    _complain(f"unexpected {type(error).__name__}: {line(redaction.text(str(error)))[:200]}{where}")
    return ExitCode.UNEXPECTED


def _complain(what: str) -> None:
    """Print the one line of a failure, if anybody can still read it."""
    with suppress(OSError):
        click.echo(f"archive-tui: {what}", err=True)


def main() -> None:
    """Run the console script."""
    code = run()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        os._exit(code)  # the terminal is gone: what is left cannot be written, and Python would make it exit code 120
    sys.exit(code)
