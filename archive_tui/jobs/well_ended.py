"""The job that reads a sample of the completed tasks of one queue and type, for comparing a task with them."""

from archive_tui.asynq.message import decode
from archive_tui.comparison.well_ended import WellEnded
from archive_tui.jobs.job import Job
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.store.link.server import Server
from archive_tui.store.read.completed import completed_messages

MOST_LOOKED_AT = 5_000
"""Completed tasks that are looked at, at most: those that expire last first."""

MOST_COMPARED = 200
"""Tasks of the type after which no more are looked for."""

_MOST_BYTES = 64 * 1024 * 1024
"""Bytes of messages after which no more are read."""


class WellEndedJob(Job):
    """Read completed tasks of a queue until enough are of the type."""

    def __init__(
        self,
        server: Server,
        queue: str,
        task_type: str,
        reader: PayloadReader,
        redaction: Redaction,
        *,
        leave_out: bytes = b"",
    ) -> None:
        """`leave_out` is the id of the task that is compared: it is not compared with itself."""
        super().__init__("well-ended")
        self._what = queue, task_type, reader, redaction
        self.found = WellEnded(*self._what)
        """What was read; whole once the job is done."""
        self._server = server
        self._leave_out = leave_out

    @property
    def doing(self) -> str:
        return f"reading completed tasks, {self.found.looked_at:,}"

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        self.found = found = WellEnded(*self._what)
        read = 0
        with self._server.pipe() as pipe:
            self.connected()
            for batch in completed_messages(pipe, found.queue):
                for task_id, raw in batch:
                    self.checkpoint()
                    if task_id == self._leave_out:
                        continue
                    if found.tasks >= MOST_COMPARED or found.looked_at >= MOST_LOOKED_AT or read >= _MOST_BYTES:
                        return
                    found.looked_at += 1
                    read += len(raw or b"")
                    message = decode(raw) if raw is not None else None
                    if message is None:
                        found.unread += 1
                    elif message.type == found.type:
                        found.add(message)
        found.complete = True
