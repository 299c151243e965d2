"""The plan of putting tasks back, to be confirmed, and what became of it."""

from textual.content import Content

from archive_tui.changes.restore_notes import afterwards, notes
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.session import Session
from archive_tui.store.write.restore import Target
from archive_tui.text import line
from archive_tui.tui.dialogs.confirm import ConfirmDialog, listed, where
from archive_tui.tui.dialogs.report import Report, counted, examples, how_it_ended, not_known
from archive_tui.wording.people import ago, exact, plural

_WHERE = {Target.BACK: "where they stood", Target.ARCHIVE: "into the archive", Target.RUN: "into pending, to run once"}


class RestoreDialog(ConfirmDialog):
    """Answers True only after a deliberate yes, as for a deletion: what is put back may run, and runs in production."""

    DEFAULT_CSS = """
    RestoreDialog > Vertical { border: round $warning; }
    RestoreDialog #yes:focus { background: $warning; color: $background; }
    """

    def __init__(self, plan: RestorePlan, session: Session) -> None:
        super().__init__(
            f"Restore {plural(plan.count, 'task')}?",
            where(session.settings),
            _sheet(plan, session.clock()),
            "Restore",
            plan.count if plan.count > 1 or session.settings.production else None,
        )


def _sheet(plan: RestorePlan, now: float) -> Content:
    header = plan.journal.header
    parts: list[str | tuple[str, str]] = ["queue ", (listed(plan.by_queue), "bold"), "\n"]
    parts += [f"{_WHERE[plan.target]}: ", (listed(plan.places), "bold"), "\n"]
    deleted = f"{ago(header.created_at, now)}, {exact(header.created_at)}"
    parts.append((f"written {deleted}{' by ' + line(header.user) if header.user else ''}\n\n", "$text-muted"))
    if then := afterwards(plan):
        parts.append(f"then {then}\n")
    for note in notes(plan):
        parts.append((f"{note}\n", "$text-warning"))
    parts.append("each is written only where nothing stands; what cannot be is reported")
    return Content.assemble(*parts)


class RestoreReportDialog(Report):
    """What a restore has done."""

    def __init__(self, report: ChangeProgress) -> None:
        parts = how_it_ended(report.state, report.error)
        for outcome, count in sorted(report.outcomes.items()):
            parts.append(counted(count, report.verb.sentence(outcome), "" if outcome.achieved else "$text-warning"))
        parts += not_known(report.untouched)
        if report.examples:
            parts += ["\n", *examples(report)]
        super().__init__(f"Restored {report.made:,} of {plural(report.planned, 'task')}", parts)
