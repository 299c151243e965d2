"""Waiting for a job in the foreground: signals, and progress in one line."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from archive_tui.jobs.job import Job, JobState
from archive_tui.wording.people import span

if TYPE_CHECKING:
    from archive_tui.jobs.progress import ChangeProgress
    from archive_tui.jobs.scan import ScanProgress

AnyJob = TypeVar("AnyJob", bound=Job)

_PROGRESS_EVERY = 0.5
_LOOK_EVERY = 0.05
_PATIENCE = 300.0
"""Seconds for which a command waits for a server that went away."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and the end of the SSH session end a command as ctrl+c does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with handling((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


@contextlib.contextmanager
def handling(numbers: Sequence[signal.Signals], handler: Callable[..., None]) -> Iterator[None]:
    """Have signals handled, but for those that are ignored (as nohup wants it); in the main thread only."""
    before = {}
    with contextlib.suppress(ValueError):  # not the main thread
        for one in numbers:
            if signal.getsignal(one) is not signal.SIG_IGN:
                before[one] = signal.signal(one, handler)
    try:
        yield
    finally:
        for one, previous in before.items():
            signal.signal(one, previous)


def attend(start: Callable[[], AnyJob], status: Callable[[AnyJob], str] | None) -> tuple[AnyJob, bool]:
    """Start a job and wait for its end, showing now and then what `status` says of it (None: nothing). Return the job,
    and True where ctrl+c or another signal of the kind came meanwhile. The first asks the job to stop at a point that
    leaves nothing half-done; the second raises KeyboardInterrupt at once.

    Signals count from before the start: one that arrives while the job begins stops it like any other, and what it has
    done is still reported.

    A server that goes away is waited for, but not for ever: nobody may be watching.
    """
    signals: list[int] = []
    shown_at = time.monotonic()
    trouble = ""

    # Noted only: what a handler raises in the middle of waiting leaves the locks of the wait in disorder
    def note(number: int, _frame: object) -> None:
        signals.append(number)

    try:
        with handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), note):
            job = start()
            job.patience = _PATIENCE
            while not job.wait(_LOOK_EVERY):
                if len(signals) > 1:
                    raise KeyboardInterrupt
                if signals:
                    job.stop()
                if status is not None and time.monotonic() - shown_at >= _PROGRESS_EVERY:
                    shown_at = time.monotonic()
                    _say(status(job))
                elif status is None and job.trouble and not trouble:
                    trouble = job.trouble
                    print(f"archive-tui: {trouble}: waiting for it, at most {span(_PATIENCE)}", file=sys.stderr)
                elif not job.trouble:
                    trouble = ""
    finally:
        if status is not None:
            _say("")
    return job, bool(signals)


def _say(text: str) -> None:
    """Print progress over the line printed before. Nobody has to read it: a closed stderr is no error."""
    with contextlib.suppress(OSError):
        print("\r\x1b[K" + text, end="", file=sys.stderr, flush=True)


def scan_line(now: ScanProgress) -> str:
    """The progress of a scan in one line."""
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    left = f", about {span(now.seconds_left)} left" if now.seconds_left is not None else ""
    expected = f" of about {now.expected}" if now.expected is not None else ""
    return f"{now.fraction:4.0%}  {now.keys:,} task keys, {now.found:,} found{expected}, {now.rate:,.0f}/s{left}"


def change_line(now: ChangeProgress) -> str:
    """The progress of a change in one line."""
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    if now.waiting:
        return f"{now.share:4.0%}  done; the replicas are gone: waiting whether one takes over"
    return f"{now.share:4.0%}  {now.done:,} of {now.planned:,}, {now.rate:,.0f}/s"
