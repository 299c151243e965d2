"""The menu of what can be done about findings: the best choice first, each with what follows from it."""

from collections.abc import Iterator, Sequence

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import done_already
from archive_tui.changes.plan import Plan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.tui import commands
from archive_tui.tui.dialogs.choice import Choice

DELETE = "delete"
"""The name of the choice that is no repair: to delete what no index references."""

_ORPHANS = (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED)


def menu(plan: Plan, plans: Sequence[RepairPlan]) -> dict[str, Choice]:
    """The choices by their names: `DELETE`, or the position in `plans` as a string."""
    repairs = {str(number): Choice(f"{one.label}: {one.count:,}", _sentence(one)) for number, one in enumerate(plans)}
    orphans = {kind: plan.totals.by_kind[kind] for kind in _ORPHANS if kind in plan.totals.by_kind}
    if not orphans:
        return repairs
    done = not orphans.get(Kind.ORPHAN_ARCHIVED)
    sentence = "Asynq has lost track of it. A copy goes to the journal, ids and locks become free."
    if done:
        sentence = "The work was done, and Asynq has lost track of it. A copy goes to the journal."
    delete = {DELETE: Choice(f"delete ({commands.Delete}): {sum(orphans.values()):,}", sentence)}
    return {**delete, **repairs} if done else {**repairs, **delete}


def _sentence(plan: RepairPlan) -> str:
    return " ".join(_sentences(plan))


def _sentences(plan: RepairPlan) -> Iterator[str]:
    for repair in plan.counts:
        if warning := done_already(repair, plan.by_kind):
            yield warning
        yield repair.brief
