"""The jobs that the made-up shop has its workers do: a type of task, what it carries and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from archive_tui.asynq.message import TaskMessage
from archive_tui.demo import error_messages, payloads
from archive_tui.demo.error_messages import ErrorMaker

_HALF_AN_HOUR = 1_800
"""Seconds: the timeout that Asynq gives a task for which the producer chose none."""

_SHARE_WITH_HEADERS = 0.15


@dataclass(frozen=True, slots=True)
class Job:
    """One type of task."""

    type: str

    payload: Callable[[Random], bytes]
    """Makes the payload of one task."""

    error: ErrorMaker
    """Makes the error message of one failure."""

    retries: int = 25
    """Times that it is tried again; Asynq's default where its producer asks for nothing else."""

    timeout: int = _HALF_AN_HOUR
    """Seconds that one attempt may take."""


EMAIL = Job("email:deliver", payloads.email, error_messages.mail)
REPORT = Job("report:generate", payloads.report, error_messages.reporting, retries=5, timeout=600)
PICTURE = Job("image:resize", payloads.picture, error_messages.pictures, retries=10, timeout=120)
THUMBNAIL = Job("image:thumbnail", payloads.thumbnail, error_messages.pictures, retries=3, timeout=30)
PUSH = Job("push:notify", payloads.push, error_messages.calls, retries=3, timeout=15)
WEBHOOK = Job("webhook:send", payloads.webhook, error_messages.calls, retries=12, timeout=30)
INDEX = Job("search:index", payloads.documents, error_messages.calls)
INVOICE = Job("invoice:sync", payloads.invoice, error_messages.records, retries=8)
LOGS = Job("log:ship", payloads.log_lines, error_messages.calls, retries=0)
CLEANUP = Job("sessions:cleanup", payloads.empty, error_messages.records, retries=2)
EXPORT = Job("export:customers", payloads.export, error_messages.reporting, retries=1, timeout=3_600)

JOBS = {
    job.type: job
    for job in (EMAIL, REPORT, PICTURE, THUMBNAIL, PUSH, WEBHOOK, INDEX, INVOICE, LOGS, CLEANUP, EXPORT)
}  # fmt: skip


def make_id(random: Random) -> str:
    """A task id as Asynq makes it, a random UUID, but repeatable."""
    digits = f"{random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def enqueued(job: Job, queue: str, random: Random, task_id: str | None = None) -> TaskMessage:
    """The message of a task that its producer has just enqueued; `task_id` is made where the producer chose none."""
    message = TaskMessage(
        type=job.type,
        payload=job.payload(random),
        id=task_id or make_id(random),
        queue=queue,
        retry=job.retries,
        timeout=job.timeout,
    )
    if random.random() < _SHARE_WITH_HEADERS:
        trace, span = random.getrandbits(128), random.getrandbits(64)
        message.headers["traceparent"] = f"00-{trace:032x}-{span:016x}-01"
        message.headers["x-request-id"] = f"req-{random.getrandbits(40):010x}"
    return message


def fail(message: TaskMessage, error: str, at: int) -> None:
    """Note a failure in a message, as a worker does before it retries or archives the task; `at` is in unix seconds."""
    message.error_msg = error
    message.last_failed_at = at


def retry_delay(retried: int, random: Random) -> int:
    """Seconds until the next attempt by Asynq's default rule: from half a minute to more than a week."""
    return retried**4 + 15 + random.randrange(30) * (retried + 1)
