"""The commands without screens: a second, thin front on the jobs. Results to stdout, everything else to stderr."""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from archive_tui.asynq import keys
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.forecast import Cause, Forecast, is_too_old
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.payload import document
from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.asynq.task import Task, TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.signatures import signature
from archive_tui.errors import NotFoundError, UsageError
from archive_tui.facts import facts
from archive_tui.formats import json_line as _json
from archive_tui.formats import moment as _time
from archive_tui.formats import readable as _text
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob, ScanProgress
from archive_tui.jobs.session import Session
from archive_tui.jobs.watch import foretell
from archive_tui.present import UNKNOWN, age, number, plural, size, span
from archive_tui.store import queues as store
from archive_tui.store.queues import QueueStats
from archive_tui.text import block, encode, line

FOUND_SOMETHING = 10
INTERRUPTED = 130
IN_PART = 4
_PAGE = 1_000
_PROGRESS_EVERY = 0.5
_LOOK_EVERY = 0.05
_PATIENCE = 300.0
"""Seconds for which a command waits for a server that went away."""


_ALWAYS_SHOWN = (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED)
"""Kinds whose counts stand in the table even where nothing was found."""


def queues(session: Session, *, as_json: bool, out: TextIO) -> int:
    """Print how every queue is doing, leftover queues included."""
    with session.server.pipe() as pipe:
        registered = store.registered(pipe)
        found = {name for name in store.discover(pipe) if name is not None}
        names = sorted(found.union(registered))
        stats = store.stats(pipe, names, registered, datetime.fromtimestamp(session.clock(), UTC))
        memory = dict(zip(names, store.memory(pipe, names), strict=True))
        now, too_old = session.clock(), is_too_old(session.info.product, session.info.version)
        foretold = {one.name: foretell(pipe, one, now, too_old=too_old) for one in stats}
    if as_json:
        print(_json([_queue_json(one, memory[one.name], foretold[one.name]) for one in stats]), file=out)
        return 0
    heads = ["QUEUE", "ARCHIVED", "PENDING", "ACTIVE", "SCHEDULED", "RETRY", "COMPLETED", "GROUPED", "MEMORY", "OLDEST"]
    lines = [[
        line(one.name) + _remarks(one),
        f"{_shown(one, State.ARCHIVED)}/{ARCHIVE_CAP:,}",
        *[_shown(one, state) for state in _COUNTED],
        UNKNOWN if memory[one.name] is None else f"~{size(memory[one.name])}",
        age(one.oldest_archived_at, now),
    ] for one in stats]  # fmt: skip
    _print_table(heads, lines, out)
    for warning in warnings(foretold):
        print(warning, file=out)
    return 0


def _remarks(one: QueueStats) -> str:
    said = {"leftover": not one.registered, "paused": one.paused, "not permitted": one.refused}
    return "".join(f" ({word})" for word, so in said.items() if so)


_COUNTED = (State.PENDING, State.ACTIVE, State.SCHEDULED, State.RETRY, State.COMPLETED, State.AGGREGATING)


def _shown(one: QueueStats, state: State) -> str:
    """How many tasks are in a state; unknown where the index is not of the type Asynq writes."""
    return number(one.counts.get(state))


def warnings(foretold: Mapping[str, Forecast]) -> Iterator[str]:
    """What is foretold to break, a line each; what concerns all queues once."""
    too_old = next((one for one in foretold.values() if one.cause is Cause.OLD_SERVER), None)
    if too_old is not None:
        yield f"warning: {too_old.sentence}"
    for name, one in foretold.items():
        if one.cause is not None and one.cause is not Cause.OLD_SERVER:
            yield f"warning: {line(name)}: {one.sentence}"


def _queue_json(one: QueueStats, memory: int | None, foretold: Forecast) -> dict[str, Any]:
    return {
        "queue": _text(encode(one.name)),
        "registered": one.registered,
        "permitted": not one.refused,
        "paused": one.paused,
        "archived": _archived_json(one),
        **{state.value: one.counts.get(state) for state in _COUNTED},
        "groups": one.groups,
        "processed_today": one.processed_today,
        "failed_by_day": list(one.failed),
        "memory_bytes_estimate": memory,
        "forecast": {
            "breaks": foretold.breaks,
            "cause": foretold.cause.value if foretold.cause is not None else None,
            "breaks_at": _time(foretold.breaks_at),
            "together": foretold.together,
            "past_90_days": foretold.expired,
            "most_cross_on": (_time(foretold.most_at) or "")[:10] or None,
            "most_cross": foretold.most,
            "sentence": foretold.sentence or None,
        },
    }


def _archived_json(one: QueueStats) -> dict[str, Any]:
    return {
        "size": one.counts.get(State.ARCHIVED),
        "cap": ARCHIVE_CAP,
        "oldest_at": _time(one.oldest_archived_at),
    }


def _print_table(heads: Sequence[str], lines: Sequence[Sequence[str]], out: TextIO) -> None:
    widths = [max(len(row[column]) for row in [heads, *lines]) for column in range(len(heads))]
    for row in [heads, *lines]:
        cells = [row[0].ljust(widths[0]), *[cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]]
        print("  ".join(cells).rstrip(), file=out)


def scan(
    session: Session,
    *,
    names: Sequence[str],
    pace: Pace,
    messages: bool = False,
    form: str,
    check: bool,
    out: TextIO,
    progress: bool,
) -> int:
    """Scan queues (all where none is named) and print what was found in the asked form. With `messages`, those of all
    tasks are read.
    """
    refuse_unknown(session, names)
    catalog = Catalog()
    wanted, refused = (list(names), []) if names else session.scope()
    if refused:
        shown = ", ".join(line(name) for name in refused)
        print(f"not scanned, as this user may not read them: {shown}", file=sys.stderr)
    job = ScanJob(session.server, catalog, wanted, pace, messages=messages)
    try:
        session.run(job)
        interrupted = wait(job, (lambda: progress_line(job.progress)) if progress else None)
        if job.error is not None:
            raise job.error
        _print_scan(session, job, form, out)
        if catalog.trouble:
            print(f"archive-tui: {catalog.trouble}", file=sys.stderr)
            if form == "ndjson":
                return IN_PART
        if interrupted:
            return INTERRUPTED
        return FOUND_SOMETHING if check and catalog.counts().total else 0
    finally:
        job.stop()
        job.wait(5)
        catalog.close()


def refuse_unknown(session: Session, names: Sequence[str]) -> None:
    """Raise NotFoundError for the first of these that is no queue."""
    with session.server.pipe() as pipe:
        for name in names:
            if not store.exists(pipe, name):
                raise NotFoundError(f"no queue {line(name)!r}: `archive-tui queues` lists them")


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """A polite kill, or the end of the SSH session, ends a command as ctrl+c does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


@contextlib.contextmanager
def _handling(numbers: Sequence[signal.Signals], handler: Callable[..., None]) -> Iterator[None]:
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


def wait(job: Job, tell: Callable[[], str] | None) -> bool:
    """Wait for the end, saying now and then what `tell` says; True where ctrl+c or another signal of the kind came
    meanwhile. The first asks the job to stop at a point that leaves nothing half-done; with the second we do not wait
    for that, and KeyboardInterrupt is raised.

    A server that goes away is waited for, but not for ever: nobody may be watching.
    """
    job.patience = _PATIENCE
    asked: list[int] = []
    told_at = time.monotonic()
    trouble = ""

    # Noted only: what a handler raises in the middle of waiting leaves the locks of the wait in disorder
    def note(number: int, _frame: object) -> None:
        asked.append(number)

    try:
        with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), note):
            while not job.wait(_LOOK_EVERY):
                if len(asked) > 1:
                    raise KeyboardInterrupt
                if asked:
                    job.stop()
                if tell is not None and time.monotonic() - told_at >= _PROGRESS_EVERY:
                    told_at = time.monotonic()
                    _say(tell())
                elif tell is None and job.trouble and not trouble:
                    trouble = job.trouble
                    print(f"archive-tui: {trouble}: waiting for it, at most {span(_PATIENCE)}", file=sys.stderr)
                elif not job.trouble:
                    trouble = ""
    finally:
        if tell is not None:
            _say("")
    return bool(asked)


def _say(text: str) -> None:
    """Progress, in the place of what was said before; nothing depends on anybody hearing it."""
    with contextlib.suppress(OSError):
        print("\r\x1b[K" + text, end="", file=sys.stderr, flush=True)


def progress_line(now: ScanProgress) -> str:
    """How far a scan is, in one line."""
    if now.state is JobState.DISCONNECTED:
        return f"disconnected, retrying: {now.trouble}"[:100]
    left = f", about {span(now.seconds_left)} left" if now.seconds_left is not None else ""
    return f"{now.fraction:4.0%}  {now.keys:,} task keys, {now.found:,} found, {now.rate:,.0f}/s{left}"


def _print_scan(session: Session, job: ScanJob, form: str, out: TextIO) -> None:
    if form == "ndjson":
        for row in _rows(job.catalog):
            print(_json(_row_json(row)), file=out)
        return
    report = _scan_json(session, job)
    if form == "json":
        print(_json(report), file=out)
    elif form == "prometheus":
        _print_prometheus(report, out)
    else:
        _print_summary(report, job.progress, out)


def _rows(catalog: Catalog) -> Iterator[TaskRow]:
    seqs = catalog.find(Query())
    for start in range(0, len(seqs), _PAGE):
        part = seqs[start : start + _PAGE]
        found = catalog.rows(part)
        yield from (found[seq] for seq in part if seq in found)


def _row_json(row: TaskRow) -> dict[str, Any]:
    return {
        "queue": _text(encode(row.queue)),
        "id": _text(row.id),
        "kind": row.kind.value if row.kind is not None else None,
        "state": row.state.value if row.state is not None else None,
        "type": row.type if row.readable else None,
        "error": row.error if row.readable else None,
        "signature": signature(row.error) if row.readable else None,
        "last_failed_at": _time(row.last_failed_at),
        "payload_bytes": row.payload_bytes,
        "bytes": row.stored_bytes,
        "index": _text(encode(row.place)) if row.place else None,
    }


def _scan_json(session: Session, job: ScanJob) -> dict[str, Any]:
    progress = job.progress
    info = session.info
    with session.server.pipe() as pipe:
        registered = store.registered(pipe)
        wanted = job.queues if job.queues is not None else sorted({*registered, *job.keys_by_queue})
        stats = store.stats(pipe, wanted, registered, datetime.fromtimestamp(session.clock(), UTC))
    sums = job.catalog.sums()
    return {
        "server": {"version": info.version or None, "mode": info.mode or None, "address": info.address},
        "started_at": _time(progress.started_at),
        "finished_at": _time(progress.finished_at),
        "complete": progress.complete,
        "keys_scanned": progress.keys,
        "queues": [
            {
                "queue": _text(encode(one.name)),
                "registered": one.registered,
                "tasks": job.keys_by_queue.get(one.name, 0),
                "archived": _archived_json(one),
                "findings": {
                    kind.value: {"count": count, "bytes": bytes_}
                    for kind in Kind
                    for count, bytes_ in [sums.get((one.name, kind), (0, 0))]
                },
            }
            for one in stats
        ],
    }


def _print_summary(report: dict[str, Any], progress: ScanProgress, out: TextIO) -> None:
    found_at_all = {kind for queue in report["queues"] for kind, found in queue["findings"].items() if found["count"]}
    kinds = [kind for kind in Kind if kind in _ALWAYS_SHOWN or kind.value in found_at_all]
    heads = ["QUEUE", "TASKS", *[kind.label.upper() for kind in kinds], "BYTES"]
    lines = []
    for queue in report["queues"]:
        findings = queue["findings"]
        total = sum(found["bytes"] or 0 for found in findings.values())
        name = queue["queue"] if isinstance(queue["queue"], str) else str(queue["queue"])
        lines.append([
            line(name) + ("" if queue["registered"] else " (leftover)"),
            number(queue["tasks"]),
            *[number(findings[kind.value]["count"]) for kind in kinds],
            f"~{size(total)}",
        ])  # fmt: skip
    _print_table(heads, lines, out)
    if not progress.complete:
        print("the scan was stopped: these counts are minimums", file=sys.stderr)
    if progress.not_tasks:
        print(f"{plural(progress.not_tasks, 'key')} under t: that hold no task data", file=sys.stderr)


def _print_prometheus(report: dict[str, Any], out: TextIO) -> None:
    print("# HELP archive_tui_findings What is wrong with the tasks of a queue, by kind.", file=out)
    print("# TYPE archive_tui_findings gauge", file=out)
    for queue in report["queues"]:
        for kind, found in queue["findings"].items():
            print(f'archive_tui_findings{{queue="{_label(queue["queue"])}",kind="{kind}"}} {found["count"]}', file=out)
    print("# HELP archive_tui_archived_tasks Ids in the archive.\n# TYPE archive_tui_archived_tasks gauge", file=out)
    for queue in report["queues"]:
        if queue["archived"]["size"] is not None:
            labels = f'{{queue="{_label(queue["queue"])}"}}'
            print(f"archive_tui_archived_tasks{labels} {queue['archived']['size']}", file=out)
    print("# HELP archive_tui_scan_complete 1 if all keys were seen.\n# TYPE archive_tui_scan_complete gauge", file=out)
    print(f"archive_tui_scan_complete {int(report['complete'])}", file=out)


def _label(name: Any) -> str:
    shown = name if isinstance(name, str) else name["base64"]
    return str(shown).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def show(session: Session, queue: str, task_id: bytes, *, form: str, out: TextIO) -> int:
    """Print one task: for people, as JSON, or its payload byte for byte."""
    task = session.read_task(queue, task_id)
    if form == "raw":
        if task.message is None:
            raise NotFoundError(f"task {line(task_id)!r} has no readable message, so no payload")
        out.flush()
        raw = getattr(out, "buffer", None)
        if raw is None:
            raise UsageError("this output takes text only: --raw needs a byte stream")
        raw.write(task.payload)
        raw.flush()
        return 0
    if form == "json":
        print(_json(_task_json(task)), file=out)
        return 0
    for label, value in facts(task, session.clock()):
        print(f"{label:<14}" + value.replace("\n", "\n" + " " * 14), file=out)
    error = task.message.error_msg if task.message is not None else ""
    print(f"\nError\n{block(error) or '(none)'}\n", file=out)
    payload = document(task.payload)
    print(f"Payload, {payload.format}, {size(len(task.payload))}", file=out)
    for index in range(len(payload)):
        print(payload.line(index), file=out)
    return 0


def _task_json(task: Task) -> dict[str, Any]:
    message = task.message
    return {
        "queue": _text(encode(task.queue)),
        "id": _text(task.id),
        "key": _text(keys.task(task.queue, task.id)),
        "state": task.state.value if task.state is not None else None,
        "referenced": task.referenced,
        "stands_in": {
            index: score if score is None or math.isfinite(score) else str(score)
            for index, score in task.stands_in.items()
        },
        "memory_bytes": task.memory,
        "unique_lock": None
        if task.lock is None
        else {
            "key": _text(task.lock.key),
            "holder": _text(task.lock.holder) if task.lock.holder is not None else None,
            "seconds_left": task.lock.seconds_left,
        },
        "message": _message_json(message) if message is not None else None,
        "fields": {
            name.decode("utf-8", "replace"): _text(value) for name, value in task.fields.items() if name != b"msg"
        },
    }


def _message_json(message: TaskMessage) -> dict[str, Any]:
    return {
        "type": message.type,
        "payload": _text(message.payload),
        "id": message.id,
        "queue": message.queue,
        "retry": message.retry,
        "retried": message.retried,
        "error": message.error_msg,
        "timeout_seconds": message.timeout,
        "deadline": _time(message.deadline or None),
        "unique_key": message.unique_key,
        "last_failed_at": _time(message.last_failed_at or None),
        "retention_seconds": message.retention,
        "completed_at": _time(message.completed_at or None),
        "group": message.group_key,
        "headers": dict(message.headers),
    }
