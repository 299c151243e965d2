"""A repair in words: the sheet of its plan and the report of what became of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from archive_tui.asynq.forecast import TOO_MANY, Cause, Forecast
from archive_tui.asynq.limits import Limits, Origin
from archive_tui.asynq.outcomes import DELETE, REPAIR
from archive_tui.asynq.repairs import Repair, done_already
from archive_tui.changes import delete_words
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.report import Report, change_facts, report_of
from archive_tui.changes.sheet import (
    CHECKED_AGAIN,
    JOURNAL_OFF,
    Line,
    Sheet,
    Site,
    ages,
    first_ids,
    hidden_by_filter,
    left_out,
    listed,
    room_lines,
)
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import line, readable
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone


def sheet(plan: RepairPlan, site: Site, archived: Mapping[str, int], chosen: Sequence[Line] = ()) -> Sheet:
    """Put the plan of a repair into words. `archived` says how many ids each queue's archive holds now, `chosen` how
    the findings were chosen.
    """
    totals = plan.plan.totals
    beyond = plan.beyond_cap(archived, site.limits)
    limits = [site.limits(queue) for queue in totals.by_queue]
    kinds = delete_words.kinds_of({kind: count for kind, count in totals.by_kind.items() if kind in plan.repairs})
    found = plural(plan.count, "finding")
    return Sheet(
        verb=DELETE if plan.by_hand else REPAIR,
        title=f"Delete {plural(plan.count, 'foreign key')} for good?" if plan.by_hand else f"Repair {found}?",
        summary=f"{found} ({kinds}) of queue {listed(totals.by_queue)}",
        count=plan.count,
        what=(
            *[Line(f"{repair.label}: {count:,}", "action") for repair, count in plan.counts.items()],
            Line(listed(totals.by_queue), "queue"),
            Line(kinds, "kind"),
            *_key_types(plan),
            *chosen,
            *delete_words.errors(totals),
            *([Line(how_old, "age")] if (how_old := ages(totals.oldest, totals.newest, site.now)) else []),
            *first_ids(totals.first_ids, totals.count),
            *hidden_by_filter(plan.plan.hidden),
            *left_out(plan.plan.left_out),
            *_others(plan),
            *plan.plan.others.lines(),
        ),
        then=(
            *_done_already(plan),
            *[Line(repair.consequence) for repair in plan.counts],
            *([Line(freed, "frees")] if (freed := _frees(plan)) else []),
            *plan.plan.expiring.line("taken off what is to live" if plan.lets_live else "the journal keeps the times"),
            *_overflow(beyond, limits),
            *delete_words.rows_seen(plan.plan, site),
            CHECKED_AGAIN,
        ),
        way_back=tuple(_way_back(plan, site)),
        typed=_typed(plan, site),
        facts={
            "planned": plan.count,
            "types": totals.by_type,
            "unique_locks": totals.locked,
            "fixed_ids": totals.fixed_ids,
            "beyond_cap": beyond,
            **_assumed(limits),
            **plan.plan.expiring.facts,
            **plan.plan.others.facts,
            "first_ids": [readable(task_id) for task_id in totals.first_ids],
        },
    )


def archive_sheet(plan: RepairPlan, forecast: Forecast, site: Site) -> Sheet:
    """Put into words what is wrong with a stuck archive, and the plan that repairs it."""
    holds = plural(forecast.size, "id")
    what = (
        f"This archive holds {holds}, {forecast.size - forecast.limits.cap:,} above its {forecast.limits.size}."
        if forecast.cause is Cause.OVERFULL
        else f"{forecast.expired:,} of the {holds} in this archive are older than {forecast.limits.days} days."
    )
    why = (
        "Asynq 0.25 and later tries to remove all of them in one call. The call fails (“too many results to unpack”), "
        f"but only after it deleted their data. From {TOO_MANY:,} on, every archiving fails like this: a task that "
        "fails for good stays in the archive with the state `active`, and Asynq's tools can neither run nor delete it."
    )
    found = sheet(plan, site, {})
    return replace(
        found,
        title=f"Repair the archive: {plural(plan.count, 'id')}?",
        what=(Line(f"This archive is stuck. {what} {why}"), *found.what),
        typed=str(plan.count),
    )


def report(progress: ChangeProgress, *, undoable: bool = False) -> Report:
    """Put into words what a repair has done. Foreign keys are deleted, and no copy is kept of them. `undoable` says
    whether a restore brings back what it took away.
    """
    kept = "their ids, and no more of them, are" if not progress.copied else "how it was is"
    journal = f"{kept} in the journal {line(str(progress.journal))}" if progress.journal is not None else ""
    if not progress.copied:
        return report_of(replace(progress, verb=DELETE), change_facts(progress), noun="foreign key", journal=journal)
    return report_of(progress, change_facts(progress), noun="finding", journal=journal, undoable=undoable)


def _typed(plan: RepairPlan, site: Site) -> str:
    if plan.by_hand:
        return DELETE.base
    return str(plan.count) if Repair.CLEAN in plan.counts else site.typed(plan.count)


def _done_already(plan: RepairPlan) -> Iterator[Line]:
    for repair in plan.counts:
        if warning := done_already(repair, plan.by_kind):
            yield Line(warning, tone=Tone.CAUTION)


def _key_types(plan: RepairPlan) -> Iterator[Line]:
    if Repair.DELETE_KEY in plan.counts:
        yield Line(listed(Counter(line(one) for one in plan.types.values())), "type of key")


def _others(plan: RepairPlan) -> Iterator[Line]:
    if plan.others:
        yield Line(f"{plural(plan.others, 'chosen row')} of other kinds left alone", tone=Tone.CAUTION)


def _frees(plan: RepairPlan) -> str:
    """What becomes free; empty where no id was ever held."""
    if set(plan.counts) == {Repair.RELEASE}:
        return f"{plural(plan.count, 'unique lock')} that no task holds"
    if not plan.deletes_data:
        return "" if set(plan.counts) == {Repair.REMOVE_ID} else "nothing: ids and unique locks stay as they are"
    freed = delete_words.frees(plan.plan.totals)
    if not freed:
        return "no unique lock and no fixed id that anybody knows of"
    # Of a plan with rows of several kinds it is not known which of them hold the locks
    return f"at most {freed}" if plan.others else freed


def _overflow(beyond: int, limits: Sequence[Limits]) -> Iterator[Line]:
    if beyond:
        by_default = " by default" if any(one.cap_from is Origin.DEFAULT for one in limits) else ""
        yield Line(
            f"{plural(beyond, 'id')} more than Asynq keeps{by_default}: it soon drops as many, those archived first",
            "beware",
            Tone.CAUTION,
        )


def _assumed(limits: Sequence[Limits]) -> dict[str, object]:
    """The cap of the archive as facts; null where several queues have different ones, or there is none."""
    known = {(one.cap, one.cap_from.value) for one in limits}
    cap, cap_from = known.pop() if len(known) == 1 else (None, None)
    return {"cap": cap, "cap_from": cap_from}


def _way_back(plan: RepairPlan, site: Site) -> Iterator[Line]:
    if not site.journal:
        yield JOURNAL_OFF
        return
    room = room_lines(site, plan.plan.totals.stored_bytes, "changed")
    if any(one.tone is Tone.DANGER for one in room):
        yield from room
    elif plan.by_hand:
        yield Line("no copy of it is kept: this cannot be undone", tone=Tone.DANGER)
    elif Repair.CLEAN in plan.counts:
        yield Line("a copy goes to the journal first: what is deleted can be restored")
    else:
        yield Line("a copy goes to the journal first: it says how things were")
