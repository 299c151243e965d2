"""A run in words: the sheet of its plan and the report of what became of it."""

from collections.abc import Iterator, Sequence

from archive_tui.asynq.outcomes import RUN
from archive_tui.asynq.runs import LOOKS_EVERY, RunMode
from archive_tui.changes import delete_words
from archive_tui.changes.report import Report, change_facts, report_of
from archive_tui.changes.run_plan import RunPlan
from archive_tui.changes.sheet import (
    CHECKED_AGAIN,
    Line,
    Sheet,
    Site,
    first_ids,
    hidden_by_filter,
    left_out,
    listed,
    way_back,
)
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import line, readable
from archive_tui.wording.people import duration, exact, plural
from archive_tui.wording.programs import moment
from archive_tui.wording.tone import Tone

_COPIED = "as long as a task has not run, restoring the journal takes it back; what ran cannot be undone"


def sheet(plan: RunPlan, site: Site, chosen: Sequence[Line] = ()) -> Sheet:
    """Put the plan of a run into words; `chosen` says how its tasks were chosen."""
    totals, mode, prospects = plan.plan.totals, plan.mode, plan.prospects
    tasks = plural(plan.count, "task")
    return Sheet(
        verb=RUN,
        title=f"Run {tasks} again?",
        summary=f"{tasks} to run from the archive of queue {listed(totals.by_queue)}",
        count=plan.count,
        what=(
            Line("with retries reset" if mode.afresh else "once, as with Asynq's own Run", "how"),
            Line(when(mode, plan.count, site.now), "when"),
            Line(listed(totals.by_queue), "queue"),
            *chosen,
            Line(listed(totals.by_type), "type"),
            *first_ids(totals.first_ids, plan.count),
            *hidden_by_filter(plan.plan.hidden),
            *left_out(plan.plan.left_out),
        ),
        then=(
            *attempts(plan),
            *service(plan),
            *dangers(plan),
            *plan.plan.expiring.line("taken off what is to live"),
            *([released(mode, plan.count)] if mode.scheduled else []),
            *delete_words.rows_seen(plan.plan, site),
            CHECKED_AGAIN,
        ),
        way_back=tuple(way_back(site, plan.plan.totals.stored_bytes, RUN.past, _COPIED)),
        typed=site.typed(plan.count),
        grave=False,
        asks_reason=site.journal,
        facts={
            "planned": plan.count,
            "retries_reset": mode.afresh,
            "first_at": moment(mode.first(site.now)) if mode.scheduled else None,
            "last_at": moment(mode.first(site.now) + mode.spread(plan.count)) if mode.scheduled else None,
            "per_second": mode.per_second,
            "types": totals.by_type,
            "one_attempt": prospects.single,
            "overdue": prospects.overdue,
            "grouped": prospects.grouped,
            "locks_free": prospects.unlocked,
            "locks_held_by_others": prospects.duplicated,
            "looked_at": plan.count if prospects.looked_at is None else prospects.looked_at,
            **plan.plan.expiring.facts,
            "first_ids": [readable(task_id) for task_id in totals.first_ids],
        },
    )


def report(progress: ChangeProgress) -> Report:
    """Put into words what a run has done: the tasks wait for a worker, or for their time."""
    changed = progress.journal is not None and bool(progress.made or progress.unknown)
    journal = f"as long as they have not run, they can be taken back: restore {line(str(progress.journal))}"
    return report_of(progress, change_facts(progress), journal=journal if changed else "", undoable=True)


def when(mode: RunMode, count: int, now: float) -> str:
    """The time at which tasks begin, in words. `now` is unix seconds."""
    if not mode.scheduled:
        return "as soon as a worker is free"
    first = mode.first(now)
    begins = exact(first) if first > now else "now"
    if mode.delay and mode.at is None:
        begins = f"{begins} (in {duration(mode.delay)})"
    if mode.per_second is None:
        return begins
    spread = mode.spread(count)
    until = f" until about {exact(first + spread)}" if spread else ""
    return f"{mode.per_second:g} a second, from {begins}{until}"


def attempts(plan: RunPlan) -> Iterator[Line]:
    """How often each task is tried."""
    single, count = plan.prospects.single, plan.count
    if plan.mode.afresh:
        yield Line("each may fail as often as a new task; its message is written again with `retried` at 0")
    elif single == count:
        yield Line(f"exactly one attempt{'' if count == 1 else ' each'}: what fails is archived again at once")
    elif single:
        yield Line(f"exactly one attempt for {single:,}; {count - single:,} have retries left, and may come back later")
    else:
        yield Line("retries are left: what fails comes back later, until they are used up")


def service(plan: RunPlan) -> Iterator[Line]:
    """Say what keeps the tasks from running at all."""
    for queue, service in plan.prospects.services.items():
        if not service.registered:
            yield Line(f"Asynq does not know queue {line(queue)}: register it first", "beware", Tone.CAUTION)
        if service.paused:
            yield Line(f"queue {line(queue)} is paused: nothing runs until it is resumed", "beware", Tone.CAUTION)
        elif service.served is False:
            yield Line(
                f"no running Asynq server serves queue {line(queue)}: the tasks wait for one", "beware", Tone.CAUTION
            )


def dangers(plan: RunPlan, *, locks: bool = True) -> Iterator[Line]:
    """Say what the tasks will meet, as far as they were looked at; without `locks` nothing of their unique locks."""
    prospects = plan.prospects
    of = f", of the first {prospects.looked_at:,}" if prospects.looked_at is not None else ""
    if count := prospects.overdue:
        past = "its deadline is past" if count == 1 else "their deadlines are past"
        yield Line(f"{plural(count, 'task')}{of} will fail at once: {past}", "deadline", Tone.CAUTION)
    if locks and (count := prospects.duplicated):
        yield Line(
            f"another task holds {_their(count)} of {plural(count, 'task')}{of}: the same work may be queued already",
            "unique lock",
            Tone.CAUTION,
        )
    if locks and (count := prospects.unlocked):
        beside = "has run out and is not taken again: the same work may be enqueued beside"
        yield Line(f"{_their(count)} of {plural(count, 'task')}{of} {beside}", "unique lock")
    if count := prospects.grouped:
        alone = (
            "was enqueued into a group, and runs alone" if count == 1 else "were enqueued into a group, and run alone"
        )
        yield Line(f"{plural(count, 'task')}{of} {alone}", "group", Tone.CAUTION)


def _their(count: int) -> str:
    return "the lock" if count == 1 else "the lock of each"


def released(mode: RunMode, count: int) -> Line:
    """How tasks that run later begin."""
    at_once = ""
    if mode.per_second is not None and count > 1:
        together = max(1, round(mode.per_second * LOOKS_EVERY))
        at_once = f", about {min(together, count):,} at a time"
    looks = f"its servers look every {LOOKS_EVERY} s by default{at_once}"
    return Line(f"they wait in Asynq's own `scheduled`, also when you quit: {looks}")
