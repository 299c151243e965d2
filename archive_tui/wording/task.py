"""The facts of one task beside its payload and error: labels and values, safe to show."""

from collections.abc import Iterator

from archive_tui.asynq.states import State
from archive_tui.asynq.task import Task
from archive_tui.text import line
from archive_tui.wording.people import UNKNOWN, age, ago, duration, exact, number, size, span

_DAY = 86_400
_LONG = 2_000
_LONGEST_NUMBER = 25
_SCORE_MEANS = {
    "scheduled": "to run",
    "retry": "to run",
    "completed": "expires",
    "lease": "until",
    "deadlines": "until",
}


def facts(task: Task, now: float, read_at: float | None = None) -> Iterator[tuple[str, str]]:
    """The facts as labels and values, in their order; a value may have several lines.

    `now` is unix seconds, and so is `read_at`, when the task was read; None: now. Times left count on from there.
    """
    yield "Id", line(task.id)
    yield "Queue", line(task.queue)
    state = task.fields.get(b"state")
    if task.member is not None:
        yield "State", f"{task.state}, by its index: a whole message, as Asynq before 0.18 kept it"
    else:
        yield "State", line(state) if state is not None else "missing"
    if task.message is None:
        missing = b"msg" not in task.fields
        yield "Message", "missing: the hash has no field msg" if missing else "does not decode as Asynq's TaskMessage"
    else:
        yield from _message_facts(task, now)
    yield from _redis_facts(task, now, now if read_at is None else read_at)


def summary(task: Task, now: float, read_at: float) -> list[str]:
    """The facts that tell most, the most telling first, each short enough for a line with the others.

    `now` is unix seconds, and so is `read_at`, when the task was read.
    """
    message = task.message
    pieces = [(line(message.type) or "(no type)") if message is not None else "no readable message"]
    died = task.stands_in.get(State.ARCHIVED.value)
    if died is not None:
        pieces.append(f"died {_short(died, now)}")
    elif message is not None and message.last_failed_at:
        pieces.append(f"last failed {_short(message.last_failed_at, now)}")
    if task.state is not State.ARCHIVED or died is None:
        pieces.append(f"state {line(task.state.value if task.state is not None else '(none)')}, {_where(task)}")
    if message is not None:
        pieces.append(f"{message.retried} of {message.retry} tries")
    if task.expires_at is not None:
        pieces.append(f"expires {_short(task.expires_at, now)}")
    if task.lock is not None:
        pieces.append(f"lock {_lock(task, now - read_at)}")
    return [*pieces, size(task.payload_bytes)]


def _short(moment: float, now: float) -> str:
    """Write a moment beside its age; of one within a day the time alone."""
    written = exact(moment)
    if abs(now - moment) < _DAY:
        written = written.partition(" ")[2]
    passed = age(moment, now)
    return f"{passed} ago ({written})" if moment <= now else f"{passed} ({written})"


def _where(task: Task) -> str:
    """In which indexes a task stands."""
    if task.stands_in:
        return f"in {', '.join(task.stands_in)}"
    if task.unchecked:
        return f"no index found; {', '.join(task.unchecked)} not searched to its end"
    return "no index" + (": orphaned task data" if task.state in (State.ARCHIVED, State.COMPLETED) else "")


def _message_facts(task: Task, now: float) -> Iterator[tuple[str, str]]:
    message = task.message
    if message is None:
        return
    yield "Type", line(message.type) or "(none)"
    if message.id.encode() != task.id:
        yield "Id in msg", f"{line(message.id) or '(none)'}: not the id of the key"
    if message.queue != task.queue:
        yield "Queue in msg", f"{line(message.queue) or '(none)'}: not the queue of the key"
    yield "Tries", _tries(message.retried, message.retry)
    died = task.stands_in.get(State.ARCHIVED.value)
    if died is not None:
        yield "Died", _moment(died, now)
    if message.last_failed_at:
        yield "Last failed", _moment(message.last_failed_at, now)
    if message.completed_at:
        yield "Completed", _moment(message.completed_at, now)
    yield "Timeout", duration(message.timeout) if message.timeout else "none"
    yield "Deadline", _moment(message.deadline, now) if message.deadline else "none"
    if message.retention:
        yield "Retention", duration(message.retention)
    if message.group_key:
        yield "Group", line(message.group_key)
    yield "Payload", _bytes(task.payload_bytes)
    for key, value in sorted(message.headers.items()):
        yield "Header", f"{line(key)[:_LONG]}: {line(value)[:_LONG]}"


def _bytes(count: int) -> str:
    """Write a number of bytes: short, and exact where that is something else."""
    return size(count) if count < 1_000 else f"{size(count)} ({number(count)} bytes)"


def _tries(retried: int, retry: int) -> str:
    """Write the tries. Asynq (up to 0.26.0) keeps `retried` when an archived task is run: it gets one more attempt."""
    return f"{retried} of {retry}" + ("; the next run is the last" if retried >= retry else "")


def _moment(moment: float, now: float) -> str:
    return f"{ago(moment, now)}\n{exact(moment)}"


def _redis_facts(task: Task, now: float, read_at: float) -> Iterator[tuple[str, str]]:
    if task.member is not None:
        yield "In Redis", f"{size(len(task.member))} in the index"
    else:
        yield "In Redis", size(task.memory) if task.memory is not None else f"{UNKNOWN} (MEMORY USAGE refused)"
    if task.expires_at is not None:
        yield "Expires", _moment(task.expires_at, now)
    for name, end in sorted((task.fields_expire_at or {}).items()):
        yield "Expires", f"field {line(name[:_LONG])} {_moment(end, now)}"
    if task.fields_expire_at is None:
        yield "Expires", f"{UNKNOWN} for single fields (HPEXPIRETIME refused)"
    for index, score in task.stands_in.items():
        meaning = _SCORE_MEANS.get(index)
        yield "Stands in", index + (f", {meaning} {exact(score)}" if meaning and score is not None else "")
    if not task.stands_in:
        yield "Stands in", _where(task)
    if task.lock is None:
        yield "Lock", "none"
    else:
        yield "Lock", f"{_lock(task, now - read_at)}\n{line(task.lock.key)[:_LONG]}"
    if pending := task.fields.get(b"pending_since"):
        seconds = int(pending) // 10**9 if pending.isdigit() and len(pending) < _LONGEST_NUMBER else None
        yield "Pending", _moment(seconds, now) if seconds is not None else line(pending)
    if result := task.fields.get(b"result"):
        yield "Result", line(result[:_LONG]) + ("…" if len(result) > _LONG else "")
    known = {b"msg", b"state", b"unique_key", b"pending_since", b"result", b"group"}
    for name, value in sorted(task.fields.items()):
        if name not in known:
            yield "Field", f"{line(name[:_LONG])}: {line(value[:_LONG])}"


def _lock(task: Task, since_read: float) -> str:
    lock = task.lock
    if lock is None or lock.holder is None:
        return "expired or released"
    if lock.seconds_left is not None and lock.seconds_left <= since_read:
        return "expired since it was read"
    if lock.holder != task.id:
        return f"held by another task, {line(lock.holder)[:_LONG]}"
    left = f"{span(lock.seconds_left - since_read)} left" if lock.seconds_left is not None else "for ever"
    unnamed = "" if lock.named else "; the task does not name it, so Asynq leaves it where it deletes the task"
    return f"held, {left}{unnamed}"
