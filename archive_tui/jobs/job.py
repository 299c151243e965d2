"""The base of all jobs: a thread, a state, pausing, stopping, and waiting for a server that went away."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from archive_tui.errors import ArchiveTuiError, DisconnectedError, MovedError
from archive_tui.jobs.collector import collect_rarely
from archive_tui.text import line

_log = logging.getLogger(__name__)
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0
_MOVED_WAIT = 0.05


class JobState(StrEnum):
    """Stages of a job's life."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    DISCONNECTED = "disconnected"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.STOPPED, JobState.FAILED)


class Leaving(NamedTuple):
    """Words for somebody who quits while a job changes something."""

    running: str
    """As in "A deletion is running"."""

    stays: str
    """What becomes of what was done, and of the rest."""


class Stopped(Exception):  # noqa: N818 - not an error: how a job's thread unwinds when it was asked to stop
    """Raised inside a job's thread, at a point where stopping leaves nothing half-done."""


class Contact:
    """Whether a server is heard. A job that works with several has one for each."""

    def __init__(self) -> None:
        self.trouble = ""
        """Why it is not heard, in words; empty while it is."""
        self.heard_at = 0.0
        """When it was heard (again), by the monotonic clock."""

    def heard(self) -> None:
        """Note that it answers (again)."""
        self.trouble = ""
        self.heard_at = time.monotonic()


class Job(ABC):
    """Work in a thread of its own. Whoever watches reads `state`, `error` and the job's own progress; whoever
    controls calls `pause`, `resume` and `stop`. Nothing calls back: a job never waits for a screen.
    """

    def __init__(self, name: str) -> None:
        self.error: ArchiveTuiError | None = None
        self.trouble = ""
        self.patience: float | None = None
        """Seconds for which the server may be away before the job fails; None: for ever, somebody is watching."""
        self._contact = Contact()
        self._state = JobState.READY
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ended = threading.Event()

    @property
    def state(self) -> JobState:
        """Where the job is; paused counts as such as soon as it was asked for."""
        if self._state is JobState.RUNNING and not self._go.is_set():
            return JobState.PAUSED
        return self._state

    @property
    def paused(self) -> bool:
        """Whether it was asked to hold."""
        return not self._go.is_set()

    @property
    def begun(self) -> bool:
        """Whether it was ever started."""
        return self._state is not JobState.READY

    @property
    def doing(self) -> str:
        """What it is doing and how far it is, for the top line; empty for what is of no interest there."""
        return ""

    @property
    def leaving(self) -> Leaving | None:
        """What to say to somebody who quits meanwhile; None where nobody need be asked."""
        return None

    def start(self) -> None:
        """Begin. A job runs once."""
        self._state = JobState.RUNNING
        self._thread.start()

    def stop(self) -> None:
        """Ask for an end at the next point that leaves nothing half-done; what was reached so far is kept."""
        self._stop.set()
        self._go.set()
        self._wake.set()

    def pause(self) -> None:
        """Hold at the next such point until `resume`."""
        self._go.clear()

    def resume(self) -> None:
        """Go on."""
        self._go.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended; False where the timeout (seconds) ran out first."""
        return self._ended.wait(timeout)

    @abstractmethod
    def work(self) -> None:
        """The work itself; calls `checkpoint` and `rest` between its steps."""

    def checkpoint(self) -> None:
        """A point at which the job may be held or stopped. Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        if not self._go.is_set():
            self._go.wait()
            if self._stop.is_set():
                raise Stopped

    def rest(self, seconds: float) -> None:
        """Leave the server alone for a while. Raises Stopped."""
        if seconds > 0 and self._stop.wait(seconds):
            raise Stopped

    def idle(self, seconds: float) -> None:
        """Wait for the next round, or until somebody sets `_wake`. Raises Stopped."""
        self._wake.wait(seconds)
        self._wake.clear()
        self.checkpoint()

    def reconnecting(
        self,
        attempt: Callable[[], None],
        on: type[ArchiveTuiError] = DisconnectedError,
        contact: Contact | None = None,
    ) -> None:
        """Run `attempt` until it ends without losing the server (the one of `contact`, where there are several); it
        must be able to go on where it was cut off.

        A server that is away is a state, not an error, until `patience` has run out. Raises Stopped, and whatever
        `attempt` raises that is not `on`.
        """
        contact = contact or self._contact
        wait = _FIRST_WAIT
        away_since: float | None = None
        while True:
            began = time.monotonic()
            try:
                return attempt()
            except MovedError:
                self.rest(_MOVED_WAIT)  # nobody is away: it is asked elsewhere
            except on as error:
                now = time.monotonic()
                if now - began > _LONGEST_WAIT:
                    wait = _FIRST_WAIT  # it had worked for a while: a new trouble
                if away_since is None or contact.heard_at > away_since:
                    away_since = now
                if self.patience is not None and now - away_since >= self.patience:
                    raise type(error)(f"{error}; it did not come back for {self.patience:,.0f} seconds") from None
                contact.trouble = str(error)
                self._note_contacts()
                self.rest(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    def connected(self, contact: Contact | None = None) -> None:
        """Tell that the server answers (again): the one of `contact`, where there are several."""
        (contact or self._contact).heard()
        self._note_contacts()

    @property
    def contacts(self) -> Sequence[Contact]:
        """The contacts to the servers that the job works with now."""
        return (self._contact,)

    def _note_contacts(self) -> None:
        """A job is disconnected where no server is heard; while some are, it goes on and says which are not."""
        troubles = [contact.trouble for contact in self.contacts]
        self.trouble = next(filter(None, troubles), "")
        self._state = JobState.DISCONNECTED if troubles and all(troubles) else JobState.RUNNING

    def _run(self) -> None:
        collect_rarely()
        try:
            self.work()
            self._state = JobState.DONE
        except Stopped:
            self._state = JobState.STOPPED
        except ArchiveTuiError as error:
            self.error = error
            self._state = JobState.FAILED
        except Exception as error:
            # A defect of ours must end this job with a line, not the screens with a traceback.
            _log.exception("job %s failed", self._thread.name)
            self.error = ArchiveTuiError(f"unexpected {type(error).__name__}: {line(str(error))}")
            self._state = JobState.FAILED
        finally:
            self._ended.set()
