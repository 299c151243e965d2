"""A deletion in words: the sheet of its plan and the report of what became of it."""

from collections.abc import Iterator, Mapping, Sequence

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import DELETE
from archive_tui.catalog.selection import Totals
from archive_tui.changes.plan import Plan
from archive_tui.changes.report import Report, change_facts, report_of
from archive_tui.changes.sheet import (
    CHECKED_AGAIN,
    Line,
    Sheet,
    Site,
    ages,
    first_ids,
    for_good,
    hidden_by_filter,
    left_out,
    listed,
    way_back,
)
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import line, readable
from archive_tui.wording.people import age, plural, size

_ERROR = 34
"""Characters of an error of several."""


def sheet(plan: Plan, site: Site, chosen: Sequence[Line] = ()) -> Sheet:
    """Put the plan of a deletion into words; `chosen` says how its tasks were chosen."""
    totals, kinds = plan.totals, kinds_of(plan.totals.by_kind)
    unsized = f", beside {plural(totals.unsized, 'task')} of unknown size" if totals.unsized else ""
    return Sheet(
        verb=DELETE,
        title=f"Delete {plural(plan.count, 'task')}{for_good(site)}?",
        summary=f"{plural(plan.count, 'task')} to delete ({kinds}) from queue {listed(totals.by_queue)}",
        count=plan.count,
        what=(
            Line(listed(totals.by_queue), "queue"),
            Line(kinds, "kind"),
            *chosen,
            Line(listed(totals.by_type), "type"),
            *errors(totals),
            *([Line(how_old, "age")] if (how_old := ages(totals.oldest, totals.newest, site.now)) else []),
            Line(f"about {size(totals.stored_bytes)} in Redis{unsized}", "size"),
            *first_ids(totals.first_ids, plan.count),
            *hidden_by_filter(plan.hidden),
            *left_out(plan.left_out),
        ),
        then=(
            Line(_afterwards(totals)),
            *([Line(freed, "frees")] if (freed := frees(totals)) else []),
            *plan.expiring.line("the journal keeps the times" if site.journal else "Redis would delete them by itself"),
            *rows_seen(plan, site),
            CHECKED_AGAIN,
        ),
        way_back=tuple(way_back(site, totals.stored_bytes, DELETE.past, "the journal keeps a copy to restore from")),
        typed=site.typed(plan.count),
        asks_reason=site.journal,
        facts={
            "planned": totals.count,
            "bytes_estimate": totals.stored_bytes,
            "unsized": totals.unsized,
            "types": totals.by_type,
            "unique_locks": totals.locked,
            "fixed_ids": totals.fixed_ids,
            **plan.expiring.facts,
            "first_ids": [readable(task_id) for task_id in totals.first_ids],
        },
    )


def report(progress: ChangeProgress) -> Report:
    """Put into words what a deletion has done."""
    copied = progress.journal is not None and bool(progress.made or progress.unknown)
    journal = f"a copy is in the journal {line(str(progress.journal))}" if copied else ""
    return report_of(progress, change_facts(progress), journal=journal, undoable=True)


def errors(totals: Totals) -> Iterator[Line]:
    """The commonest errors of a plan's tasks; no line where they have none."""
    if totals.by_error:
        yield Line(listed(totals.by_error, longest=_ERROR), "error")


def kinds_of(by_kind: Mapping[Kind | None, int]) -> str:
    """The kinds of a plan's rows with their counts; rows of the archive have none."""
    return listed({"archived" if kind is None else kind.label: count for kind, count in by_kind.items()})


def frees(totals: Totals) -> str:
    """What becomes free when all of it is deleted; empty where nothing does."""
    freed = []
    if totals.locked:
        freed.append(f"up to {plural(totals.locked, 'unique lock')} that these tasks still hold")
    if totals.fixed_ids:
        freed.append(
            f"{plural(totals.fixed_ids, 'fixed id')} that block{'s' if totals.fixed_ids == 1 else ''} new tasks"
        )
    return " and ".join(freed)


def rows_seen(plan: Plan, site: Site) -> Iterator[Line]:
    """How old the plan's rows are, no line where nobody knows; where a replica is preferred, also what was read."""
    if plan.seen_at is not None:
        how = "read from the archive" if None in plan.totals.by_kind else "found by a scan that began"
        yield Line(f"{how} {age(plan.seen_at, site.now)} ago")
    if site.source:
        yield Line(site.source)


def _afterwards(totals: Totals) -> str:
    """What Asynq will do, or no longer do, when all of it is deleted."""
    one = totals.count == 1
    if totals.fixed_ids:
        ids = "this id" if one else "these ids"
        return f"Asynq can enqueue {ids} again{', and others under the locks' if totals.locked else ''}"
    if totals.locked:
        return f"Asynq can enqueue others under {'this lock' if one else 'these locks'} again"
    if None in totals.by_kind:
        return f"Asynq's tools list and run {'it' if one else 'them'} no more"
    return f"nothing changes for Asynq, which has lost track of {'it' if one else 'them'} already"
