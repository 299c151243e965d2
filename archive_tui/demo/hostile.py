"""Contents that a screen must survive: texts that try to be more than text, and keys that are not Asynq's."""

import base64

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.demo.filling import DAY, HOUR, Filling
from archive_tui.demo.job_types import EMAIL, Job, enqueued, fail
from archive_tui.demo.layout import Layout

_CLIPBOARD = "\x1b]52;c;" + base64.b64encode(b"rm -rf /").decode() + "\x07"
"""The escape sequence that has a terminal write its user's clipboard."""

IDS = (
    "first line\nsecond line",
    f"clipboard {_CLIPBOARD}",
    "\x1b[2J\x1b[Hcleared",
    "c1 \x9b31m red",
    "nul\x00inside",
    "tab\tand\rreturn",
    "[/markup]",
    "[@click=app.quit]x[/]",
    "[bold red]order-17[/]",
    "invoice-\u202egnp.exe",
    "zero\u200bwidth\ufeff",
    "  spaces around  ",
    "}:t:id that looks like a key",
    "注文-🧾-👩‍👩‍👧-四十二",
    "long-" + "0123456789" * 29 + "-tail",
    "nightly-report:2026-01-01",
)
"""Task ids that a producer may choose, for Asynq asks only that they are not empty."""

TYPES = (
    "表单:提交",
    "🧨:explode",
    "[reverse]type[/reverse]",
    "type\x1b[31m:red",
    "type:" + "very-" * 40 + "long",
)
"""Types of task beyond the ordinary."""

ERRORS = (
    f"template said: {_CLIPBOARD}done",
    "\x1b[2J\x1b[31mall red from here on",
    "\x1b]0;your title\x07renamed the window",
    "[/red] unbalanced [b markup [@click=app.quit]click me[/]",
    "right-to-left \u202eorre\u202c override",
    "数据库连接失败：超时 🐢 (第 3 次尝试)",
    "carriage\rreturn over carriage\b\b\b",
    "\nstarts with an empty line\n\n\tand has tabs\n",
    "not " + "w" * 3_000 + " breakable",
)
"""Error messages that a handler may return."""

DAMAGED = (
    b"damage:husk",
    b"damage:husk-pending",
    b"damage:garbled",
    b"damage:garbled-orphan",
    b"damage:string",
    b"damage:list",
)
"""Ids of the task data that is broken, all of them in the same queue."""


def fill(queue: Filling) -> None:
    """Put everything hostile into one queue; every kind of text once into the archive and once among the orphans."""
    texts: list[tuple[Job, str | None, str]] = [
        *((EMAIL, task_id, "dial tcp 10.0.0.7:587: connect: connection refused") for task_id in IDS),
        *((Job(type_, EMAIL.payload, EMAIL.error), None, "context deadline exceeded") for type_ in TYPES),
        *((EMAIL, None, error) for error in ERRORS),
    ]
    for age, (job, task_id, error) in enumerate(texts, start=1):
        at = queue.now - age * HOUR
        queue.layout.sorted(_failed(queue, job, task_id, error, at), State.ARCHIVED, at)
        orphan_id = None if task_id is None else f"{task_id} (lost)"
        queue.layout.data(_failed(queue, job, orphan_id, error, at - 92 * DAY), State.ARCHIVED)
    damage(queue.layout, queue.now)


def damage(layout: Layout, now: int) -> None:
    """Break the task data that `DAMAGED` names."""
    husk, husk_pending, garbled, garbled_orphan, string, list_ = DAMAGED
    layout.odd("HSET", husk, "state", State.ARCHIVED.value)
    layout.odd("HSET", husk_pending, "state", State.PENDING.value)
    layout.mention(husk_pending, State.PENDING, now)
    layout.odd("HSET", garbled, "msg", b"\x0a\xff\x01not a message", "state", State.ARCHIVED.value)
    layout.mention(garbled, State.ARCHIVED, now - 2 * HOUR)
    layout.odd("HSET", garbled_orphan, "msg", b"\x0a\x04\xff\xfe\xfd\xfc", "state", State.ARCHIVED.value)
    layout.odd("SET", string, "somebody's note to themselves")
    layout.odd("RPUSH", list_, "one", "two")


def _failed(queue: Filling, job: Job, task_id: str | None, error: str, at: int) -> TaskMessage:
    message = enqueued(job, queue.layout.queue, queue.random, task_id)
    message.retried = message.retry
    fail(message, error, at)
    return message
