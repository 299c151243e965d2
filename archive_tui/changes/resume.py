"""Resuming a change that was interrupted: the rest of its plan, from the plan on disk and from what its journal says.

The rest is a plan like any other: it is confirmed anew, each task is checked again by the server, and what is done goes
into a journal of its own, which names the first. What the journal leaves open is in it, too: a task that was changed
after all is not as planned any more, and is left alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.limits import Limits, default_limits
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.runs import RunMode
from archive_tui.asynq.task_copy import Copy
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.rows_file import RowsFile
from archive_tui.catalog.selection import Selection
from archive_tui.changes.edit_plan import EditPlan, edit_of, plan_edit
from archive_tui.changes.expiry import with_times
from archive_tui.changes.history_plan import HistoryPlan, plan_histories
from archive_tui.changes.other_installations import with_other_installations
from archive_tui.changes.plan import Plan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import refuse_other_namespace
from archive_tui.changes.run_plan import RunPlan, plan_run
from archive_tui.errors import CatalogError, JournalError, NotFoundError, RefusedError
from archive_tui.journal.folder import plan_path
from archive_tui.journal.interrupted import is_being_written
from archive_tui.journal.outcomes import UNKNOWN, UNTRIED, is_back, was_deleted
from archive_tui.journal.reader import Header, Journal
from archive_tui.store.link.server import Server
from archive_tui.store.read.fingerprints import fingerprints_now
from archive_tui.text import line

_MOST_TASKS = 10_000
_MOST_BYTES = 64 * 1024 * 1024
"""The most that is read of the rest to say what has changed since: less than a second of the server's time."""

_WITHOUT_MESSAGE = (Kind.GHOST, Kind.FOREIGN, Kind.STALE_LOCK, Kind.STALE_HISTORY)

AnyPlan = Plan | RunPlan | EditPlan | RepairPlan | HistoryPlan


class Since(NamedTuple):
    """What became of the tasks of the rest since their plan was made."""

    looked_at: int
    """How many were looked at; of more than these, some that stand evenly among all."""

    whole: bool
    """Whether these are all that can be compared."""

    gone: int
    """How many of them have no task data any more."""

    changed: int
    """How many of them have another state or message."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a plan."""

    kind: str
    """The name of what is planned, as in `KeptPlan`."""

    plan: AnyPlan
    """The rest, as a plan."""

    journal: Path
    """The journal of the change that was interrupted."""

    header: Header
    """Its first line."""

    choice: str
    """How the tasks were chosen then."""

    planned: int
    """How many tasks the plan had."""

    done: int
    """How many were changed as planned."""

    passed_over: int
    """How many were left alone, because they were not as planned any more."""

    restored: int
    """How many were restored since; they are left alone."""

    unknown: int
    """How many of the rest may have been changed: their outcome never came."""

    since: Since

    @property
    def count(self) -> int:
        """How many tasks the rest has."""
        return self.plan.count


def plan_rest(server: Server, path: Path, catalog: Catalog, limits: Callable[[str], Limits] = default_limits) -> Rest:
    """Plan the rest of the change of a journal; its rows go into an empty catalog, which must stay open as long as the
    plan is used, and masks what is shown of them. May take seconds, and looks at the server: not for the UI loop.

    Raises NotFoundError where no plan is kept, JournalError where it cannot be read or the change still goes on, and
    RefusedError where it was made for another server.
    """
    journal = Journal(path)
    header = journal.header
    refuse_other_namespace(header, server.keys)
    if not header.is_of(server.settings, server.node_names):
        raise RefusedError(
            f"this change was planned for {line(header.server) or 'an unknown server'}, and this is "
            f"{server.address}: choose the tasks anew here"
        )
    if is_being_written(path):
        raise JournalError(f"the journal {line(str(path))} is being written: wait until that has ended")
    if not plan_path(path).exists():
        raise NotFoundError(
            f"nothing is left to resume of {line(path.name)}: its change ended with all that it was to do, was "
            "resumed, or kept no plan"
        )
    counts = Counter[str]()
    try:
        with RowsFile(plan_path(path)) as kept:
            note, planned = kept.note, kept.count
            for rows in kept.rows(_settled(journal, counts)):
                catalog.add(rows)
        selection = Selection(catalog, catalog.find(Query()))
        plan = Plan(selection, selection.totals(), seen_at=note.get("seen_at"))
        made = _MAKERS[note["kind"]](server, with_times(server, plan), note, limits)
    except CatalogError as error:
        raise JournalError(f"the plan of {line(path.name)}: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise JournalError(f"the plan of {line(path.name)} is damaged: choose its tasks anew") from None
    return Rest(
        note["kind"],
        made,
        path,
        header,
        str(note.get("choice", "")),
        planned,
        counts["done"],
        counts["passed_over"],
        counts["restored"],
        counts["unknown"],
        _since(server, selection),
    )


def _settled(journal: Journal, counts: Counter[str]) -> Iterator[list[tuple[str, bytes]]]:
    """The tasks of a journal that are not for the rest, by queue and id, a batch at a time; counts all of them."""
    outline = journal.outline()
    for batch, copies in journal.batches(outline):
        outcomes = outline.outcomes.get(batch, "").ljust(len(copies), UNKNOWN)
        backs = outline.restored.get(batch, "").ljust(len(copies), UNKNOWN)
        settled = []
        for copy, outcome, back in zip(copies, outcomes, backs, strict=False):
            what = _what_became(outcome, back)
            counts[what] += 1
            if what not in ("unknown", "untried"):
                settled.append(_row_of(copy))
        yield settled


def _what_became(outcome: str, back: str) -> str:
    """What became of a task by its codes in the journal, as `Rest` counts it."""
    if is_back(back):
        return "restored"
    if outcome == UNKNOWN:
        return "unknown"
    if outcome == UNTRIED:
        return "untried"
    return "done" if was_deleted(outcome) else "passed_over"


def _row_of(copy: Copy) -> tuple[str, bytes]:
    """The queue and id of the row that a copy was made for: a lock alone stands under its own name."""
    return copy.queue, copy.lock if copy.lock is not None and not copy.fields else copy.id


def _deletion(_server: Server, plan: Plan, _note: Mapping[str, Any], _limits: Callable[[str], Limits]) -> Plan:
    return plan


def _run(server: Server, plan: Plan, note: Mapping[str, Any], _limits: Callable[[str], Limits]) -> RunPlan:
    return plan_run(server, plan, RunMode(**note["mode"]))


def _edit(server: Server, plan: Plan, note: Mapping[str, Any], _limits: Callable[[str], Limits]) -> EditPlan:
    edit, mode, redaction = edit_of(note["edit"]), RunMode(**note["mode"]), plan.selection.catalog.redaction
    return plan_edit(server, plan, edit, mode, stays=bool(note["stays"]), redaction=redaction)


def _repair(server: Server, plan: Plan, note: Mapping[str, Any], limits: Callable[[str], Limits]) -> RepairPlan:
    repairs: dict[Kind | None, Repair] = {Kind(kind): Repair(repair) for kind, repair in note["repairs"].items()}
    return RepairPlan(with_other_installations(server, plan), repairs, limits=limits)


def _histories(server: Server, plan: Plan, _note: Mapping[str, Any], _limits: Callable[[str], Limits]) -> HistoryPlan:
    return plan_histories(server, plan)


_MAKERS: Mapping[str, Callable[[Server, Plan, Mapping[str, Any], Callable[[str], Limits]], AnyPlan]] = {
    "delete": _deletion,
    "run": _run,
    "edit": _edit,
    "repair": _repair,
    "histories": _histories,
}
"""How a plan is made again, by the `kind` of its `KeptPlan`."""


def _since(server: Server, selection: Selection) -> Since:
    """Compare what is left with what is there. What has no message by which to compare it is left out."""
    sample = replace(selection, seqs=selection.seqs[:: -(-len(selection) // _MOST_TASKS) or 1])
    looked_at = gone = changed = size = 0
    passed_over = len(sample) < len(selection)
    with server.pipe() as pipe:
        for numbered in sample.batches():
            rows = [row for _, row in numbered if row.fingerprint and row.kind not in _WITHOUT_MESSAGE]
            if size >= _MOST_BYTES:
                passed_over = passed_over or bool(rows)
                break
            size += sum(row.stored_bytes or 0 for row in rows)
            for queue, same in groupby(rows, key=_queue):
                members = list(same)
                found = [one for part in fingerprints_now(pipe, queue, [row.id for row in members]) for one in part]
                gone += found.count(None)
                changed += sum(
                    now is not None and now != (row.state, row.fingerprint)
                    for now, row in zip(found, members, strict=True)
                )
                looked_at += len(members)
    return Since(looked_at, not passed_over, gone, changed)


def _queue(row: TaskRow) -> str:
    return row.queue
