"""`archive-tui compare`: two tasks beside each other, or one and those of its type that ended well."""

import shutil
import sys
from typing import Any, TextIO

from archive_tui.asynq.task import Task
from archive_tui.commands.reading import finish
from archive_tui.comparison.layout import lines_of
from archive_tui.comparison.programs import for_programs
from archive_tui.comparison.rows import Comparison
from archive_tui.comparison.tasks import compare as compare_tasks
from archive_tui.errors import ExitCode
from archive_tui.jobs.well_ended import WellEndedJob
from archive_tui.session import Session
from archive_tui.text import encode, readable
from archive_tui.wording.programs import json_line

Name = tuple[str, bytes]
"""Queue and id of a task."""

_WIDTH = 100
"""Columns of what is not written to a terminal."""


def compare(
    session: Session, first: Name, second: Name, *, form: str, everything: bool, out: TextIO
) -> ExitCode:  # fmt: skip
    """Print in what two tasks differ. Raises NotFoundError where one of them is not there."""
    tasks = [session.read_task(*name) for name in (first, second)]
    comparison = compare_tasks(tasks[0], tasks[1], session.payloads, session.redaction, session.clock())
    if form == "json":
        sides = {"first": _side(tasks[0]), "second": _side(tasks[1])}
        print(json_line({**sides, **for_programs(comparison, everything=everything)}), file=out)
    else:
        _write(comparison, everything=everything, out=out)
    return ExitCode.DONE


def compare_ended_well(
    session: Session, queue: str, task_id: bytes, *, form: str, everything: bool, out: TextIO
) -> ExitCode:
    """Print in what a task differs from the completed tasks of its queue and type. Raises NotFoundError."""
    task = session.read_task(queue, task_id)
    job = WellEndedJob(session.reader, queue, task.type, session.payloads, session.redaction, leave_out=task.id)
    status = (lambda job: f"{job.found.looked_at:,} completed tasks read") if sys.stderr.isatty() else None
    if not finish(lambda: session.run(job), status):
        return ExitCode.INTERRUPTED
    comparison = job.found.compare(task)
    if form == "json":
        sides = {"first": _side(task), "ended_well": job.found.for_programs()}
        print(json_line({**sides, **for_programs(comparison, everything=everything)}), file=out)
    else:
        _write(comparison, everything=everything, out=out)
    return ExitCode.DONE


def _side(task: Task) -> dict[str, Any]:
    return {
        "queue": readable(encode(task.queue)),
        "id": readable(task.id),
        "type": task.type,
        "state": task.state.value if task.state is not None else None,
    }


def _write(comparison: Comparison, *, everything: bool, out: TextIO) -> None:
    width = shutil.get_terminal_size((_WIDTH, 0)).columns if out.isatty() else _WIDTH
    for text in lines_of(comparison, width, everything=everything):
        print(text, file=out)
    if not everything and comparison.same:
        print(f"\n{comparison.same:,} more are {comparison.alike}: --all shows them", file=out)
