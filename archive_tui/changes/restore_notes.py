"""What a person should know before they confirm that a journal is restored, in words."""

from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.changes.restore_plan import AS_LOST, AS_ORPHAN, RestorePlan
from archive_tui.store.write.restore import Target
from archive_tui.text import line
from archive_tui.wording.people import plural


def afterwards(plan: RestorePlan) -> str:
    """What Asynq will do when all of it is back."""
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
    if plan.fixed_ids:
        said.append(f"refuses new tasks under {plural(plan.fixed_ids, 'fixed id')} again")
    return f"Asynq {'; '.join(said)}" if said else ""


def _their(count: int) -> str:
    return "its" if count == 1 else "their"


def _of_these(due: int) -> str:
    return f", {due:,} of these at once as it has passed" if due else ""


def notes(plan: RestorePlan) -> list[str]:
    """The notes on a plan, the most serious first."""
    said = []
    if plan.elsewhere:
        said.append(f"the journal was written for {line(plan.elsewhere)}, not for this server and database")
    said += [
        f"puts the archive of {line(queue)} {more:,} above its {ARCHIVE_CAP:,}: when Asynq next archives a task, it "
        f"trims {more:,} of the oldest ids, and leaves their data as orphans"
        for queue, more in plan.over.items()
    ]
    if plan.there:
        said.append(f"{plan.there:,} have task data in Redis now: nothing is written over it")
    if plan.unsure:
        said.append(f"{plan.unsure:,} may never have been deleted: the run ended before it knew")
    if plan.locks:
        ran_out = f", {plan.expired_locks:,} have run out" if plan.expired_locks else ""
        said.append(f"{plural(plan.locks, 'unique lock')} taken again where free{ran_out}")
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
        said.append(f"{plural(plan.bare, 'id')} had no task data: there is nothing to put back")
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
