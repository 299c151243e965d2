"""`archive-tui show`: one task, for people, for programs, or its payload byte for byte."""

import math
from typing import Any, TextIO

from archive_tui.asynq.keys import Keys
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.task import Task
from archive_tui.errors import ExitCode, NotFoundError, RefusedError, UsageError
from archive_tui.payloads.exact_json import decoded, exact_json
from archive_tui.payloads.redaction import masked_note
from archive_tui.payloads.rendering import document
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import block, encode, line, readable
from archive_tui.wording.people import size
from archive_tui.wording.programs import moment
from archive_tui.wording.task import facts


def show(session: Session, queue: str, task_id: bytes, *, form: str, out: TextIO) -> ExitCode:
    """Print one task: for people, as JSON, or its payload byte for byte."""
    truth = session.read_task(queue, task_id)
    readings = session.redaction.readings(session.payloads.readings(truth.payload, truth.type))
    task = session.redaction.task(truth, readings)
    if form == "raw":
        if task.message is None:
            raise NotFoundError(f"task {line(task_id)!r} has no readable message, so no payload")
        if note := masked_note(readings[0]):
            raise RefusedError(f"the payload is not written byte for byte: {note}; --show-secrets writes it all")
        out.flush()
        raw = getattr(out, "buffer", None)
        if raw is None:
            raise UsageError("this output takes text only: --raw needs a byte stream")
        raw.write(truth.payload)
        raw.flush()
        return ExitCode.DONE
    if form == "json":
        found = decoded(readings[0]) if task.message is not None else None
        print(exact_json({**_task_json(session.server.keys, task), "decoded": found}), file=out)
        return ExitCode.DONE
    for label, value in facts(task, session.clock()):
        print(f"{label:<14}" + value.replace("\n", "\n" + " " * 14), file=out)
    error = task.message.error_msg if task.message is not None else ""
    print(f"\nError\n{block(error) or '(none)'}\n", file=out)
    best = readings[0]
    payload = document(best)
    print(f"Payload, {line(best.name)}, {size(task.payload_bytes)}", file=out)
    if note := masked_note(best):
        print(f"({note}; --show-secrets shows it)", file=out)
    for remark in best.remarks:
        print(f"({line(remark)})", file=out)
    for index in range(len(payload)):
        print(payload.line(index), file=out)
    return ExitCode.DONE


def _task_json(keys: Keys, task: Task) -> dict[str, Any]:
    message = task.message
    return {
        **namespace_field(keys.namespace),
        "queue": readable(encode(task.queue)),
        "id": readable(task.id),
        "key": readable(keys.task(task.queue, task.id)) if task.member is None else None,
        "state": task.state.value if task.state is not None else None,
        "referenced": task.referenced,
        "stands_in": {index: _score_json(score) for index, score in task.stands_in.items()},
        "not_searched": list(task.unchecked),
        "memory_bytes": task.memory,
        "expires_at": moment(task.expires_at),
        "fields_expire_at": None
        if task.fields_expire_at is None
        else {name.decode("utf-8", "replace"): moment(end) for name, end in task.fields_expire_at.items()},
        "unique_lock": None
        if task.lock is None
        else {
            "key": readable(task.lock.key),
            "holder": readable(task.lock.holder) if task.lock.holder is not None else None,
            "seconds_left": task.lock.seconds_left,
            "named": task.lock.named,
        },
        "message": _message_json(message) if message is not None else None,
        "fields": {
            name.decode("utf-8", "replace"): readable(value)
            for name, value in task.fields.items()
            if name != b"msg" or message is None
        },
    }


def _score_json(score: float | None) -> float | int | str | None:
    """A score, in full where it is a whole number; JSON has no infinities."""
    if score is None or not math.isfinite(score):
        return None if score is None else str(score)
    return int(score) if score.is_integer() else score


def _message_json(message: TaskMessage) -> dict[str, Any]:
    return {
        "type": message.type,
        "payload": readable(message.payload),
        "id": message.id,
        "queue": message.queue,
        "retry": message.retry,
        "retried": message.retried,
        "error": message.error_msg,
        "timeout_seconds": message.timeout,
        "deadline": moment(message.deadline or None),
        "unique_key": message.unique_key,
        "last_failed_at": moment(message.last_failed_at or None),
        "retention_seconds": message.retention,
        "completed_at": moment(message.completed_at or None),
        "group": message.group_key,
        "headers": dict(message.headers),
    }
