"""What one run of the program shares between its screens: the server, and the jobs that are running."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from archive_tui.asynq.task import Task
from archive_tui.errors import RefusedError
from archive_tui.jobs.audited import AuditedDeleteJob
from archive_tui.jobs.delete import DeleteJob
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.watch import WatchJob
from archive_tui.journal.audit import Audit
from archive_tui.settings import Settings
from archive_tui.store import queues, tasks
from archive_tui.store.connection import Server, ServerInfo

AnyJob = TypeVar("AnyJob", bound=Job)


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What the last scan of a queue found. `complete` is False for a scan that was stopped: the count is a minimum."""

    findings: int
    complete: bool


class Session:
    """One server and everything that is going on with it. `clock` gives unix seconds and `stopwatch` seconds from any
    start; tests and screenshots fix them.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        interval: float = 2.0,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.server = Server(settings)
        self.info = ServerInfo(self.server.address)
        self.watch = WatchJob(self.server, interval, clock, stopwatch)
        self.audit = Audit(syslog=settings.syslog, clock=clock)
        self.scans: dict[str, ScanSummary] = {}
        self._jobs: list[Job] = []

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed: by choice, or because the server is a replica."""
        return self.settings.read_only or self._role == "replica"

    @property
    def why_read_only(self) -> str:
        """The reason, in words."""
        if self.settings.read_only:
            return "this is a read-only session"
        return "this server is a replica: connect to its primary to change anything"

    @property
    def _role(self) -> str:
        return (self.watch.overview.info or self.info).role

    def open(self) -> None:
        """Connect, and make sure that this is an Asynq installation that we can read. Raises ConnectError and kin."""
        self.info = self.server.identify()
        queues.recognise(self.server)

    def run(self, job: AnyJob) -> AnyJob:
        """Start a job and keep account of it."""
        self._jobs = [one for one in self._jobs if not one.state.ended]
        self._jobs.append(job)
        job.start()
        return job

    def delete(self, plan: Plan, pace: Pace = Pace.POLITE, *, choice: str = "", reason: str = "") -> DeleteJob:
        """Carry out a plan that was confirmed; `choice` says how its tasks were chosen, `reason` why.

        The only place from which screens and command line delete. Raises RefusedError.
        """
        if self.read_only:
            raise RefusedError(f"{self.why_read_only}: nothing can be deleted")
        return self.run(AuditedDeleteJob(self.server, plan, self.audit, pace, choice=choice, reason=reason))

    @property
    def running(self) -> Sequence[Job]:
        """The jobs that have not ended, the watch aside."""
        return [job for job in self._jobs if not job.state.ended and job is not self.watch]

    @property
    def deleting(self) -> DeleteJob | None:
        """The deletion that is under way, if one is."""
        return next((job for job in self.running if isinstance(job, DeleteJob)), None)

    def note_scan(self, job: ScanJob) -> None:
        """Remember what a scan has found, for the queues screen."""
        complete = job.progress.complete
        found = job.catalog.counts().by_queue
        wanted = set(job.queues) if job.queues is not None else {*job.keys_by_queue, *self._known()}
        for queue in wanted:
            self.scans[queue] = ScanSummary(found.get(queue, 0), complete)

    def _known(self) -> set[str]:
        return {one.name for one in self.watch.overview.queues}

    def read_task(self, queue: str, task_id: bytes) -> Task:
        """Read one task in full; blocks. Raises NotFoundError, ConnectError and kin."""
        with self.server.pipe() as pipe:
            return tasks.read(pipe, queue, task_id)

    def close(self, timeout: float = 5.0) -> None:
        """Stop every job at its next safe point and wait for them, at most `timeout` seconds in all."""
        jobs = [*self.running, self.watch]
        for job in jobs:
            job.stop()
        until = time.monotonic() + timeout
        for job in jobs:
            if job.begun:
                job.wait(max(0.0, until - time.monotonic()))
        self.server.close()
