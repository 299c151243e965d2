"""A restore in words: the sheet of its plan and the report of what became of it."""

from collections.abc import Iterator

from archive_tui.asynq.installation import shown, written
from archive_tui.asynq.outcomes import RESTORE
from archive_tui.asynq.states import State
from archive_tui.changes import recall_words
from archive_tui.changes.report import Report, named, report_of
from archive_tui.changes.restore_plan import AS_GHOST, AS_HISTORY, AS_LOCK, AS_LOST, AS_ORPHAN, AS_UNNAMED, RestorePlan
from archive_tui.changes.sheet import Line, Sheet, Site, listed, origin
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.write.restore import Target
from archive_tui.text import line
from archive_tui.wording.people import plural
from archive_tui.wording.programs import moment
from archive_tui.wording.tone import Tone

_GOAL = {Target.BACK: "where they stood", Target.ARCHIVE: "into the archive", Target.RUN: "into pending, to run once"}


def sheet(plan: RestorePlan, site: Site) -> Sheet:
    """Put the plan of a restore into words."""
    if plan.journal.header.is_run:
        return recall_words.sheet(plan, site, _facts(plan))
    then = afterwards(plan)
    noun = noun_of(plan)
    return Sheet(
        verb=RESTORE,
        title=f"Restore {plural(plan.count, noun)}?",
        summary=f"{plural(plan.count, noun)} of {line(plan.journal.path.name)} to restore",
        count=plan.count,
        what=tuple(_what(plan, site)),
        then=(
            *([Line(then)] if then else []),
            *[Line(note, tone=Tone.CAUTION) for note in notes(plan)],
            Line("restore never overwrites a key; it reports what it could not restore, and why"),
        ),
        way_back=(Line("what is restored can be deleted again, until a worker runs it"),),
        typed=site.typed(plan.count),
        grave=False,
        facts=_facts(plan),
    )


def noun_of(plan: RestorePlan) -> str:
    """What is restored, where it is all of one sort."""
    return "history" if plan.count and plan.places.get(AS_HISTORY) == plan.count else "task"


def _what(plan: RestorePlan, site: Site) -> Iterator[Line]:
    if plan.count:
        yield Line(listed({shown(queue): count for queue, count in plan.by_queue.items()}), "queue")
        yield Line(f"{_GOAL[plan.target]}: {listed(plan.places)}", "to")
    yield origin(plan.journal.header, site, "written")


def _facts(plan: RestorePlan) -> dict[str, object]:
    header = plan.journal.header
    return {
        "journal": str(plan.journal.path),
        "created": moment(header.created_at),
        "created_on": header.server,
        **namespace_field(header.namespace),
        "elsewhere": bool(plan.elsewhere),
        "torn": plan.torn,
        "target": plan.target.value,
        "planned": plan.count,
        "queues": [
            {
                "queue": written(queue),
                "registered": queue not in plan.unregistered,
                "planned": count,
                "beyond_cap": plan.over.get(queue, 0),
                "cap": plan.limits(queue).cap,
                "cap_from": plan.limits(queue).cap_from.value,
            }
            for queue, count in plan.by_queue.items()
        ],
        "places": plan.places,
        "due": plan.due,
        "restored_before": plan.before,
        "vanished": plan.vanished,
        "done_since": plan.done_since,
        "not_deleted": plan.kept,
        "unsure": plan.unsure,
        "taken": plan.there,
        "without_data": plan.bare,
        "unique_locks": plan.locks,
        "expired_locks": plan.expired_locks,
        "expiring": plan.timed,
        "expired": plan.expired,
        "fixed_ids": plan.fixed_ids,
    }


def report(progress: ChangeProgress, *, noun: str = "task") -> Report:
    """Put into words what a restore has done; each of what the plan names is a `noun`."""
    facts = {
        "state": progress.state.value,
        "restored": progress.made,
        "there": progress.achieved,
        "outcomes": named(progress, list(progress.outcomes)),
        "untouched": progress.untouched,
        "caution": progress.caution or None,
        "error": progress.error or None,
    }
    return report_of(progress, facts, noun=noun)


def afterwards(plan: RestorePlan) -> str:
    """Say what Asynq will do when all of it is back."""
    places = plan.places
    said = []
    if count := places.get(State.PENDING):
        said.append(f"runs {count:,} as soon as a worker is free")
    if count := places.get(State.SCHEDULED, 0) + places.get(State.RETRY, 0):
        due = plan.due.get(State.SCHEDULED, 0) + plan.due.get(State.RETRY, 0)
        said.append(f"runs {count:,} when {_their(count)} time comes{_of_these(due)}")
    if count := places.get(State.COMPLETED):
        said.append(
            f"deletes {count:,} completed when {_their(count)} retention ends"
            f"{_of_these(plan.due.get(State.COMPLETED, 0))}"
        )
    if count := places.get(State.ARCHIVED):
        said.append(f"keeps {count:,} in the archive, where its tools list and run them")
    if count := places.get(AS_ORPHAN, 0) + places.get(AS_LOST, 0):
        said.append(f"does not see {count:,}, which are in no index")
    if count := places.get(AS_UNNAMED, 0) - plan.done_since:
        said.append(f"does not look at {count:,} any more, in groups that lose their names again")
    if count := places.get(AS_GHOST):
        said.append(f"counts {plural(count, 'id')} without data as {'a task' if count == 1 else 'tasks'} again")
    if count := places.get(AS_LOCK):
        said.append(
            f"refuses new tasks under {plural(count, 'lock')} until {'it runs' if count == 1 else 'they run'} out"
        )
    if count := places.get(AS_HISTORY):
        said.append(f"keeps {plural(count, 'history')} for ever: no scheduler clears {'it' if count == 1 else 'them'}")
    if plan.fixed_ids:
        said.append(f"refuses new tasks under {plural(plan.fixed_ids, 'fixed id')} again")
    return f"Asynq {'; '.join(said)}" if said else ""


def _times(plan: RestorePlan) -> str:
    """What becomes of the times to live."""
    if plan.target is not Target.BACK:
        return "it is not restored with what is to live"
    ran_out = f", {plan.expired:,} have run out and are skipped (into the archive, or run, they come back)"
    return "restored as the moment that it was" + (ran_out if plan.expired else "")


def _their(count: int) -> str:
    return "its" if count == 1 else "their"


def _of_these(due: int) -> str:
    return f", {due:,} of these at once as it has passed" if due else ""


def notes(plan: RestorePlan) -> list[str]:
    """Everything a person should know before saying yes, the most serious first."""
    said = []
    if plan.elsewhere:
        said.append(f"the journal was written for {line(plan.elsewhere)}, not for this server and database")
    said += [
        f"puts the archive of {line(queue)} {more:,} above its {plan.limits(queue).size}: when Asynq next archives a "
        f"task, it trims the {more:,} that were archived first (of one second, the first by the alphabet), and may "
        "leave their data as orphans"
        for queue, more in plan.over.items()
    ]
    if plan.there:
        what = "stand" if noun_of(plan) == "history" else "have task data"
        said.append(f"{plan.there:,} {what} in Redis now: nothing is written over it")
    if plan.unsure:
        said.append(f"{plan.unsure:,} may never have been deleted: the run ended before it knew")
    if plan.done_since:
        gone = (
            f"{plan.done_since:,} are gone since their group was named: a worker has done them, or they were deleted. "
        )
        alone, again = "They are left alone", "They come back as lost tasks, and would be done again"
        said.append(gone + (again if plan.again else alone))
    if plan.locks:
        ran_out = f", {plan.expired_locks:,} have run out" if plan.expired_locks else ""
        said.append(f"{plural(plan.locks, 'unique lock')} taken again where free{ran_out}")
    if plan.timed:
        said.append(f"{plural(plan.timed, 'task')} had a time to live: {_times(plan)}")
    if plan.unregistered and plan.target is not Target.RUN:
        names = ", ".join(map(line, plan.unregistered))
        said.append(f"Asynq does not know {names}: what is restored there is found by a scan only")
    if lost := plan.places.get(AS_LOST):
        said.append(
            f"{lost:,} should still run, and nothing is put where a worker would take it: a scan finds them as lost, "
            "and m puts them where their state says, grouped ones into their group"
        )
    if plan.kept:
        said.append(f"{plan.kept:,} more were not deleted by that run, and are left alone")
    if plan.bare:
        said.append(f"{plural(plan.bare, 'id')} had no task data: there is nothing to restore")
    if plan.vanished:
        said.append(
            f"{plan.vanished:,} were restored before, and were not there any more when another server took over: they "
            "were lost with the old one, or have run since"
        )
    if plan.before and plan.again:
        said.append(f"{plan.before:,} were restored before: those that have run since come back once more")
    elif plan.before:
        said.append(f"{plan.before:,} more were restored before")
    if plan.torn:
        said.append("the run did not end by itself: the journal is whole up to its last batch")
    return said
