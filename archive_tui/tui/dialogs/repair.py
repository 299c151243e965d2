"""The plan of a repair, to be confirmed, and the report of what it has done."""

from collections import Counter
from collections.abc import Mapping

from textual.content import Content

from archive_tui.asynq.forecast import EXPIRY_DAYS, TOO_MANY, Cause, Forecast
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.states import ARCHIVE_CAP, State
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.session import Session
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.confirm import JOURNAL_OFF, ConfirmDialog, listed, no_room, where
from archive_tui.tui.dialogs.report import Report, counted, how_it_ended, left_alone, not_known
from archive_tui.wording.people import plural


def repair_dialog(plan: RepairPlan, session: Session) -> ConfirmDialog:
    """The dialog that shows what a repair will do and asks for a yes."""
    settings = session.settings
    asked = plan.count > 1 or settings.production or Repair.CLEAN in plan.counts
    return ConfirmDialog(
        f"Delete {plural(plan.count, 'foreign key')} for good?"
        if plan.by_hand
        else f"Set {plural(plan.count, 'finding')} right?",
        where(settings),
        _sheet(
            plan,
            {one.name: one.counts.get(State.ARCHIVED, 0) for one in session.watch.overview.queues},
            plan.plan.seen(session.clock()),
        )
        + _keeping(session, plan),
        "Delete" if plan.by_hand else "Set right",
        "delete" if plan.by_hand else plan.count if asked else None,
    )


def archive_dialog(plan: RepairPlan, forecast: Forecast, session: Session) -> ConfirmDialog:
    """The dialog that explains a stuck archive and asks whether to mend it."""
    size = plural(forecast.size, "id")
    what = (
        f"This archive holds {size}, {forecast.size - ARCHIVE_CAP:,} more than Asynq keeps."
        if forecast.cause is Cause.OVERFULL
        else f"{forecast.expired:,} of the {size} in this archive are older than {EXPIRY_DAYS} days."
    )
    said = (
        f"{what} Asynq 0.25 and later tries to remove all of them in one call, which fails (“too many results to "
        f"unpack”) after their data is gone. From {TOO_MANY:,} on it fails at every archiving: tasks that fail for "
        "good are left with the state `active` inside the archive, and Asynq's tools can neither run nor delete "
        "them.\n\n"
    )
    sheet = Content.assemble(("This archive is stuck.\n", "bold"), said) + _sheet(plan, {}) + _keeping(session, plan)
    return ConfirmDialog(
        f"Mend the archive: {plural(plan.count, 'id')}?", where(session.settings), sheet, "Mend", plan.count
    )


def clean_up_dialog(queue: str, session: Session) -> ConfirmDialog:
    """The dialog that asks whether all keys of a leftover queue may go."""
    sheet = Content.assemble(
        "queue ", (clip(queue, 60), "bold"), "\n\n",
        "Every key of this queue is deleted: the data of its tasks, completed and grouped ones too, its indexes, "
        "groups, locks and counters. Before each step the server confirms that the queue is still a leftover: not "
        "registered, nothing to do, served by nobody.\n",
        ("Work that still waits in its groups will not be done.", "bold $text-warning"),
    )  # fmt: skip
    sheet += _keeping(session, None)
    return ConfirmDialog("Clean up a leftover queue?", where(session.settings), sheet, "Clean up", None)


def _keeping(session: Session, plan: RepairPlan | None) -> Content:
    """Whether there will be a copy of what is changed; of a plan it is known how much room that takes."""
    if not session.settings.journal:
        return Content.styled(f"\n{JOURNAL_OFF}", "bold $text-error")
    room = session.room(plan.plan) if plan is not None else None
    if room is not None and not room.enough:
        return Content.styled(f"\n{no_room(room, 'changed')}", "bold $text-error")
    if plan is not None and plan.by_hand:
        return Content.styled("\nno copy of it is kept: this cannot be undone", "bold $text-error")
    if plan is None:
        said = (
            "the data of its tasks goes to the journal first: it can be restored, grouped tasks as lost ones, which m "
            "on a scan puts into their groups again"
        )
    elif Repair.CLEAN in plan.counts:
        said = "a copy goes to the journal first: what is deleted can be restored"
    else:
        said = "a copy goes to the journal first: it says how things were"
    return Content(f"\n{said}")


def _sheet(plan: RepairPlan, archived: Mapping[str, int], seen: str = "") -> Content:
    totals = plan.plan.totals
    parts: list[str | tuple[str, str]] = []
    for repair, count in plan.counts.items():
        parts += [(f"{repair.label}: {count:,}\n", "bold"), f"{repair.consequence}\n\n"]
    parts += ["queue ", (listed(totals.by_queue), "bold"), "\n"]
    kinds = {kind.label: count for kind, count in totals.by_kind.items() if kind is not None and kind in plan.repairs}
    parts += ["kind ", (listed(kinds), "bold"), "\n"]
    if Repair.DELETE_KEY in plan.counts:
        parts += ["type of key ", (listed(Counter(line(one) for one in plan.types.values())), "bold"), "\n"]
    ids = ", ".join(clip(task_id, 36) for task_id in totals.first_ids)
    parts.append((f"{ids}{', …' if totals.count > len(totals.first_ids) else ''}\n", "$text-muted"))
    if plan.plan.hidden:
        parts.append((f"{plural(plan.plan.hidden, 'task')} of these hidden by the filter\n", "bold $text-warning"))
    if plan.others:
        parts.append((f"{plural(plan.others, 'chosen row')} of other kinds left alone\n", "$text-warning"))
    if overflow := plan.overflow(archived):
        parts.append((f"{overflow}\n", "bold $text-warning"))
    if plan.frees:
        parts.append(f"frees {plan.frees}\n")
    if seen:
        parts.append(f"{seen}\n")
    parts.append("each is checked again by the server; what changed since is skipped")
    return Content.assemble(*parts)


class RepairReport(Report):
    """What a repair has done."""

    def __init__(self, report: ChangeProgress, *, copied: bool = True) -> None:
        """`copied`: whether the journal holds how things were, and not only which they were."""
        parts = how_it_ended(report.state, report.error)
        for outcome, count in sorted(report.outcomes.items()):
            tone = "" if outcome.done else "$text-muted" if outcome.needless else "$text-warning"
            parts.append(counted(count, report.verb.sentence(outcome), tone))
        parts += not_known(report.untouched, report.unknown)
        if report.unconfirmed:
            parts.append(
                f"\n{report.unconfirmed:,} of those not as planned any more were in a batch whose answer was lost with "
                "the connection: it set them right, or somebody else changed them\n"
            )
        if report.caution:
            parts.append((f"\n{report.caution}\n", "$text-warning"))
        if report.journal is not None:
            what = "how it was is" if copied else "their ids, and no more of them, are"
            parts.append((f"\n{what} in the journal {line(str(report.journal))}\n", "$text-muted"))
        parts += left_alone(report)
        super().__init__(f"Set {report.made:,} of {plural(report.planned, 'finding')} right", parts)
