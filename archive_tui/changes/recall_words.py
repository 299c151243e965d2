"""The restore of a run or an edit in words: tasks that wait for a worker are taken back into the archive."""

from collections.abc import Iterator

from archive_tui.asynq.outcomes import RESTORE
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.changes.sheet import Line, Sheet, Site, listed, origin
from archive_tui.text import line
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone


def sheet(plan: RestorePlan, site: Site, facts: dict[str, object]) -> Sheet:
    """Put the plan into words. `facts` are for programs."""
    edited = plan.journal.header.is_edit
    done = "edited" if edited else "queued"
    locks = (
        "a unique lock that it held is its own again where it is free" if edited else "its unique lock is not touched"
    )
    return Sheet(
        verb=RESTORE,
        title=f"Take {plural(plan.there, 'task')} back into the archive?",
        summary=f"{plural(plan.there, 'task')} of {line(plan.journal.path.name)} to take back into the archive",
        count=plan.count,
        what=(
            Line(listed(plan.by_queue), "queue"),
            Line(
                f"{plural(plan.there, 'task')} of {plan.count:,} that were {done}",
                "have not run" if edited else "wait for a worker",
            ),
            origin(plan.journal.header, site, done),
        ),
        then=(
            Line(f"each is in the archive as it was: message, count of retries, age; {locks}"),
            *[Line(note, tone=Tone.CAUTION) for note in _notes(plan)],
            Line("the server checks each: what a worker has taken meanwhile is left alone, and reported"),
        ),
        way_back=(Line("what is in the archive can be run again"),),
        typed=site.typed(plan.count),
        grave=False,
        facts=facts,
    )


def _notes(plan: RestorePlan) -> Iterator[str]:
    if plan.elsewhere:
        yield f"the journal was written for {line(plan.elsewhere)}, not for this server and database"
    if plan.count > plan.there:
        yield f"{plan.count - plan.there:,} wait for a worker no more: they have run, run now, or were deleted"
    for queue, more in plan.over.items():
        yield (
            f"puts the archive of {line(queue)} {more:,} above its {plan.limits(queue).size}: Asynq soon drops "
            "as many, those archived first"
        )
    if plan.kept:
        done = "edited" if plan.journal.header.is_edit else "queued by that run"
        yield f"{plan.kept:,} more were not {done}, and are left alone"
    if plan.before:
        yield f"{plan.before:,} {'' if plan.again else 'more '}were taken back before"
    if plan.torn:
        yield "the run did not end by itself: the journal is whole up to its last batch"
