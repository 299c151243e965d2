"""A deletion of histories in words: the sheet of its plan and the report of what became of it."""

from collections.abc import Sequence

from archive_tui.asynq.outcomes import DELETE
from archive_tui.changes import delete_words
from archive_tui.changes.history_plan import HistoryPlan
from archive_tui.changes.report import Report, change_facts, report_of
from archive_tui.changes.sheet import Line, Sheet, Site, first_ids, for_good, hidden_by_filter, way_back
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import line, readable
from archive_tui.wording.people import exact, plural, size
from archive_tui.wording.programs import moment
from archive_tui.wording.tone import Tone

NOUN = "history"
"""What a plan of these is counted in."""

_COPIED = "the journal keeps every event: a restore brings them back, unless another history stands there"


def sheet(plan: HistoryPlan, site: Site, chosen: Sequence[Line] = ()) -> Sheet:
    """Put the plan of a deletion of histories into words; `chosen` says how they were chosen."""
    totals = plan.plan.totals
    count = plural(plan.count, NOUN)
    return Sheet(
        verb=DELETE,
        title=f"Delete {count}{for_good(site)}?",
        summary=f"{count} of schedulers that are gone, to delete from the installation",
        count=plan.count,
        what=(
            Line("of schedulers that are gone; they belong to no queue", "history" if plan.count == 1 else "histories"),
            *chosen,
            Line(_events(plan), "events"),
            Line(f"about {size(totals.stored_bytes)} in Redis", "size"),
            *[_of_entries(one) for one in first_ids(totals.first_ids, plan.count)],
            *hidden_by_filter(plan.plan.hidden),
        ),
        then=(
            Line("nothing changes for Asynq: no task is touched, and a scheduler that starts again gets new entries"),
            Line("Asynq's web console shows the history of living entries only, and none of these"),
            *([Line(unsure, tone=Tone.CAUTION)] if (unsure := _unsure(plan)) else []),
            *delete_words.rows_seen(plan.plan, site),
            Line("each is checked again by the server: what a living scheduler has, or has grown, is skipped"),
        ),
        way_back=tuple(way_back(site, totals.stored_bytes, DELETE.past, _COPIED)),
        typed=site.typed(plan.count),
        asks_reason=site.journal,
        facts={
            "planned": plan.count,
            "events": plan.events,
            "first_event_at": moment(plan.first_at),
            "last_event_at": moment(plan.last_at),
            "bytes_estimate": totals.stored_bytes,
            "first_ids": [readable(entry_id) for entry_id in totals.first_ids],
        },
    )


def _of_entries(named: Line) -> Line:
    """A line about ids, which are those of entries."""
    return named._replace(label={"id": "entry", "ids": "entries"}.get(named.label, named.label))


def _events(plan: HistoryPlan) -> str:
    if plan.first_at is None:
        return "none any more"
    return f"{plan.events:,}, from {exact(plan.first_at)} to {exact(plan.last_at)}"


def _unsure(plan: HistoryPlan) -> str:
    unsure = plan.schedulers.why_unsure
    return f"{unsure}: all of these will be skipped" if unsure else ""


def report(progress: ChangeProgress) -> Report:
    """Put into words what a deletion of histories has done."""
    copied = progress.journal is not None and bool(progress.made or progress.unknown)
    journal = f"a copy is in the journal {line(str(progress.journal))}" if copied else ""
    return report_of(progress, change_facts(progress), noun=NOUN, journal=journal, undoable=True)
