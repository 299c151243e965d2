"""The scan of a node by a process of its own, with the face of one in this process.

Python runs one thread at a time: three nodes that are scanned by threads take longer than one after the other. A
process costs 0.4 seconds of processor time and 37 MB to begin with, so only long walks get one: `Process.pays` decides
that, and nobody else.
"""

import math
import multiprocessing
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.node_scan import Phase, Scanning
from archive_tui.jobs.scan_messages import Assignment, Ended, Failed, GoOn, Question, Report
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server_info import run_id_of
from archive_tui.store.read.keyspace import fraction_of

LEAST_KEYS, LEAST_KEYS_ALONE = 200_000, 1_000_000
"""Keys to walk past that are worth a process: about two seconds of work where they are orphans. More where no other
node is walked at the same time, for then it gains a fifth at best, and its start takes 0.2 s: a third of the scan of
500,000 tasks of which all is well (measured on two cores, with the server on the same).
"""

CORES_ALONE = 3
"""Cores from which on a process pays where this one has nothing else to do. On two, with the server on the same,
2,000,000 orphans take 16.7 s with it and 14.9 without; beside screens 20 and 30.
"""

_LOOK_EVERY = 0.05
"""Seconds between two looks whether the scan is to be held or stopped, while nothing comes from the process."""


class Processes:
    """How many processes a scan may have: twice as many as there are cores, and none where there is but one."""

    def __init__(self) -> None:
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        """Cores that this process may use."""
        self._left = threading.Semaphore(2 * self.cores if self.cores > 1 else 0)

    def take(self) -> bool:
        """Take one of them, where there is any left."""
        return self._left.acquire(blocking=False)

    def give_back(self) -> None:
        """Give one back."""
        self._left.release()


class ProcessLostError(Exception):
    """The process has ended before its work, as where memory ran out. What it has reported is true."""


class Process:
    """A process that scans for one thread, one node after the other: started when it is first needed, and killed at the
    end of the block, because it only reads.
    """

    def __init__(self, processes: Processes, *, alone: bool = False, beside_screens: bool = False) -> None:
        """`alone`: no other node is scanned at the same time. `beside_screens`: this process draws some meanwhile."""
        self._processes = processes
        self._least_keys: float = LEAST_KEYS_ALONE if alone else LEAST_KEYS
        if alone and not beside_screens and processes.cores < CORES_ALONE:
            self._least_keys = math.inf
        self._taken = False
        self._lost = False
        self._connection: Connection[Any, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lose()
        if self._taken:
            self._processes.give_back()

    def lose(self) -> None:
        """Have nothing more to do with it."""
        self._lost = True
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pays(self, keys: float | None) -> bool:
        """Whether a walk past so many keys (None: nobody knows) is to be left to it. Never again once it was lost."""
        if self._lost or keys is None or keys < self._least_keys:
            return False
        self._taken = self._taken or self._processes.take()
        return self._taken

    def send(self, message: object) -> None:
        """Send it a message. Raises ProcessLostError."""
        try:
            self._connected().send(message)
        except OSError:
            self.lose()
            raise ProcessLostError from None

    def receive(self, meanwhile: Callable[[], None]) -> object:
        """Its next message; as long as there is none, `meanwhile` is called now and then. Raises ProcessLostError, and
        whatever `meanwhile` does.
        """
        try:
            connection = self._connected()
            while not connection.poll(_LOOK_EVERY):
                meanwhile()
            return connection.recv()
        except (EOFError, OSError):
            self.lose()
            raise ProcessLostError from None

    def _connected(self) -> "Connection[Any, Any]":
        if self._lost:
            raise ProcessLostError
        self._connection = self._connection or self._start()
        return self._connection

    def _start(self) -> "Connection[Any, Any]":
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            self._process = subprocess.Popen(
                # Without -P the working directory would come first, where anybody may have put a module
                [sys.executable, "-P", "-m", "archive_tui.jobs.scan_process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=[theirs.fileno()],
            )
        return ours


class FarScan:
    """Like `NodeScan`, but by a process, on connections of its own. It waits for messages with `job.hold`, so that it
    can be held and stopped.
    """

    def __init__(
        self,
        job: Scanning,
        process: Process,
        assignment: Assignment,
        others: Callable[[Pipe], Collection[str]],
    ) -> None:
        self._job = job
        self._process = process
        self._assignment: Assignment | None = assignment
        self._others = others
        self._fraction_of: Callable[[int], float] = fraction_of
        self.phase = Phase.TASK_DATA
        self.walked = 0.0
        self.fraction = 0.0
        self.keys = 0
        self.not_tasks = 0
        self.members = 0
        self.complete = False
        self.keys_by_queue: Counter[str] = Counter()
        self.apart: set[str] = set()
        self.queues: Collection[str] = ()
        self.groups: Mapping[str, set[bytes]] = {}

    def measure(self, fraction_of: Callable[[int], float]) -> None:
        """Let this tell from a cursor how much is walked."""
        self._fraction_of = fraction_of

    def go_on(self, pipe: Pipe, round_trip: float, another: Callable[[], AbstractContextManager[Pipe]]) -> None:
        """Scan until all is done. Raises ProcessLostError, and what `NodeScan` raises."""
        if self._assignment is not None:
            self._process.send(self._assignment)
            self._assignment = None
        self._process.send(GoOn(round_trip, self._job.pace, self._fraction_of, run_id_of(pipe)))
        try:
            end = self._listen(another)
        except BaseException:  # in the middle of what the process has to say: nobody can go on from there
            self._process.lose()
            raise
        if isinstance(end, Failed):
            raise end.error
        self.queues, self.groups, self.apart = end.queues, end.groups, end.apart
        self.walked, self.fraction, self.complete = 1.0, 1.0, True

    def _listen(self, another: Callable[[], AbstractContextManager[Pipe]]) -> Ended | Failed:
        """Take what the process has to say, up to its end."""
        while True:
            message = self._process.receive(self._job.hold)
            if isinstance(message, Report):
                self._take(message)
                self._job.hold()
                self._process.send(self._job.pace)
            elif message is Question.OTHERS:
                self._process.send(self._answer(another))
            elif isinstance(message, Ended | Failed):
                return message

    def _answer(self, another: Callable[[], AbstractContextManager[Pipe]]) -> tuple[str, ...] | Failed:
        try:
            with another() as pipe:
                return tuple(self._others(pipe))
        except ArchiveTuiError as error:
            return Failed.of(error)

    def _take(self, report: Report) -> None:
        self.keys_by_queue.update(report.keys_by_queue)
        self.keys += report.keys_by_queue.total()
        self.not_tasks, self.members = report.not_tasks, report.members
        self.phase, self.walked, self.fraction = report.phase, report.walked, report.fraction
        self._job.met(report.histories)
        self._job.found(report.batches)
        self._job.progressed()
