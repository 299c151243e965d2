"""An edit in words: the sheet of its plan with the first differences, and the report of what became of it."""

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any

from archive_tui.asynq.outcomes import EDIT
from archive_tui.changes import delete_words, run_words
from archive_tui.changes.edit_plan import SHOWN, EditPlan, Sample
from archive_tui.changes.report import Report, change_facts, report_of
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
from archive_tui.comparison.payloads import READ_AS
from archive_tui.comparison.rows import Row
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import clip, line, readable
from archive_tui.wording.people import plural
from archive_tui.wording.programs import moment
from archive_tui.wording.tone import Tone

_COPIED = "as long as a task has not run, restoring the journal gives it its payload back; what ran cannot be undone"
_COPIED_STAYS = "restoring the journal gives each its payload back, as long as it has not run with this one"

_VALUE = 32
"""Characters of a value in a difference: two fit into a line of a dialog of 80 columns, with their path."""
_PATH = 40
_ID = 14
_OF_A_TASK = 3
"""Differences of one task that are shown where the plan has several; of a single one, all that fit."""
_OF_THE_ONLY = 10
_REASONS = 3


def sheet(plan: EditPlan, site: Site, chosen: Sequence[Line] = ()) -> Sheet:
    """Put the plan of an edit into words; `chosen` says how its tasks were chosen."""
    totals, mode = plan.plan.totals, plan.run.mode
    tasks = plural(plan.count, "task")
    doing = "edit, and keep archived" if plan.stays else "edit and run"
    return Sheet(
        verb=EDIT,
        yes="" if plan.stays else "Edit and run",
        title=f"{doing.capitalize()} {tasks}?" if not plan.stays else f"Edit {tasks} in the archive?",
        summary=f"{tasks} to {doing}, of the archive of queue {listed(totals.by_queue)}",
        count=plan.count,
        what=(
            *(Line(clip(one, 2 * _VALUE + _PATH), "set" if not at else "and") for at, one in enumerate(plan.texts)),
            *([] if plan.stays else _how(plan, site)),
            Line(listed(totals.by_queue), "queue"),
            *chosen,
            Line(listed(totals.by_type), "type"),
            *first_ids(totals.first_ids, plan.count),
            *hidden_by_filter(plan.plan.hidden),
            *left_out(plan.plan.left_out),
            *reasons(plan),
        ),
        differences=tuple(differences(plan)),
        then=(
            Line("the payload is written anew; all else of the message stays, also fields that nobody here knows"),
            *(Line(line(one), tone=Tone.CAUTION) for one in plan.edit.notes),
            *_formats(plan.samples),
            *_locks(plan),
            *([] if plan.stays else _running(plan)),
            *plan.plan.expiring.line("taken off what is edited"),
            *delete_words.rows_seen(plan.plan, site),
            CHECKED_AGAIN,
        ),
        way_back=tuple(
            way_back(site, totals.stored_bytes, EDIT.past, _COPIED_STAYS if plan.stays else _COPIED),
        ),
        typed=site.typed(plan.count),
        grave=False,
        asks_reason=site.journal,
        facts={
            "planned": plan.count,
            "set": [readable(one.encode("utf-8", "surrogateescape")) for one in plan.texts],
            "kept_archived": plan.stays,
            "retries_reset": mode.afresh,
            "first_at": moment(mode.first(site.now)) if mode.scheduled and not plan.stays else None,
            "per_second": mode.per_second,
            "types": totals.by_type,
            "unchanged": plan.unchanged,
            "not_editable": {line(reason): count for reason, count in plan.refused.items()},
            "locks_renamed": plan.renamed,
            "locks_not_held": plan.unheld,
            "locks_held_by_others": plan.taken,
            "alike": plan.doubles,
            "overdue": plan.run.prospects.overdue,
            "grouped": plan.run.prospects.grouped,
            **plan.plan.expiring.facts,
            "first_ids": [readable(task_id) for task_id in totals.first_ids],
            "differences": [_difference_facts(one) for one in plan.samples],
        },
    )


def report(progress: ChangeProgress) -> Report:
    """Put into words what an edit has done."""
    changed = progress.journal is not None and bool(progress.made or progress.unknown)
    journal = f"as long as they have not run, they get their payloads back: restore {line(str(progress.journal))}"
    return report_of(progress, change_facts(progress), journal=journal if changed else "", undoable=True)


def reasons(plan: EditPlan) -> Iterator[Line]:
    """The reasons why tasks were left out, the commonest first."""
    for reason, count in islice(plan.refused.items(), _REASONS):
        yield Line(f"{plural(count, 'task')}: {clip(reason, 2 * _VALUE + _PATH)}", "left out", Tone.CAUTION)
    if (more := len(plan.refused) - _REASONS) > 0:
        yield Line(f"and {plural(more, 'other reason')}", "left out", Tone.CAUTION)


def differences(plan: EditPlan) -> Iterator[Line]:
    """The differences of the first tasks, a line each."""
    most = _OF_THE_ONLY if plan.count == 1 else _OF_A_TASK
    for sample, label in zip(plan.samples, labels([sample.id for sample in plan.samples]), strict=True):
        rows = list(_rows(sample))
        if not rows:
            yield Line("the same values in other bytes", label)
        for row in rows[:most]:
            yield Line(shown(row), label)
        if (more := len(rows) + sample.payload.left_out - most) > 0:
            yield Line(f"and {more:,} more", label, Tone.QUIET)
    if plan.count > len(plan.samples) == SHOWN:
        yield Line(f"and {plural(plan.count - SHOWN, 'task')} more", "", Tone.QUIET)


def labels(ids: Sequence[bytes]) -> list[str]:
    """Ids cut to the room of a label: their beginnings; of those that look alike so, what follows what they share."""
    texts = [line(one) for one in ids]
    heads = [clip(text, _ID) for text in texts]
    found = []
    for text, head in zip(texts, heads, strict=True):
        alike = {other for other, its_head in zip(texts, heads, strict=True) if its_head == head}
        shared = len(list(takewhile(lambda letters: len(set(letters)) == 1, zip(*alike, strict=False))))
        found.append(clip(f"…{text[shared:]}", _ID) if len(alike) > 1 else head)
    return found


def shown(row: Row) -> str:
    """A difference in one safe line: `user.region: "us" → "eu"`."""
    label = clip(row.label, _PATH)
    if row.first is None:
        return f"{label}: {clip(row.second or '', 2 * _VALUE)}, which is new"
    if row.second is None:
        return f"{label}: {clip(row.first, 2 * _VALUE)} goes"
    note = f" ({line(row.note)})" if row.note else ""
    return f"{label}: {clip(row.first, _VALUE)} → {clip(row.second, _VALUE)}{note}"


def _rows(sample: Sample) -> Iterator[Row]:
    return (row for row in sample.payload.shown(everything=False) if row.label != READ_AS)


def _difference_facts(sample: Sample) -> dict[str, Any]:
    return {
        "id": readable(sample.id),
        "differences": [
            {"path": row.label, "before": row.first_value, "after": row.second_value}
            for row in islice(_rows(sample), _OF_THE_ONLY)
        ],
    }


def _how(plan: EditPlan, site: Site) -> Iterator[Line]:
    mode = plan.run.mode
    yield Line("with retries reset" if mode.afresh else "once, as with Asynq's own Run", "how")
    yield Line(run_words.when(mode, plan.count, site.now), "when")


def _formats(samples: Sequence[Sample]) -> Iterator[Line]:
    """The first payload that reads as something else afterwards."""
    for sample in samples:
        for row in sample.payload.rows:
            if row.label == READ_AS and row.differs:
                text = f"it was {line(row.first or '')}, and reads as {line(row.second or '')} now"
                yield Line(f"{clip(sample.id, _ID)}: {text}", "beware", Tone.CAUTION)
                return


def _locks(plan: EditPlan) -> Iterator[Line]:
    if not plan.renamed:
        return
    whose = "" if plan.count == 1 else f" for {plural(plan.renamed, 'task')}"
    yield Line(f"the name changes{whose}: it ends with the MD5 of the payload", "unique lock")
    if plan.taken:
        yield Line(
            f"{plural(plan.taken, 'task')} skipped: another task holds the new lock, for the same work",
            "unique lock",
            Tone.CAUTION,
        )
    if plan.unheld:
        yield Line(f"{plan.unheld:,} of these had run out, and are not taken again", "unique lock")
    if plan.doubles:
        yield Line(
            f"{plural(plan.doubles, 'task')} the same work as another of these: what is locked already is skipped",
            "unique lock",
            Tone.CAUTION,
        )


def _running(plan: EditPlan) -> Iterator[Line]:
    """What holds for every run."""
    run = plan.run
    yield from run_words.attempts(run)
    yield from run_words.service(run)
    yield from run_words.dangers(run, locks=False)
    if run.mode.scheduled:
        yield run_words.released(run.mode, run.count)
