"""`archive-tui restore`: the tasks of a journal restored as on the screens."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from archive_tui.asynq.outcomes import RESTORE
from archive_tui.changes import restore_words
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.commands.change import Manner, Planned, carry_out, refuse_change
from archive_tui.errors import ExitCode, RefusedError
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.store.write.restore import Target
from archive_tui.text import line


@dataclass(frozen=True, slots=True)
class Wish:
    """The way in which a journal is to be restored; see `plan_restore`."""

    target: Target = Target.BACK
    elsewhere: bool = False
    """True restores what was deleted from another server or database, too."""
    again: bool = False
    """True restores again what was restored before."""


def restore(session: Session, path: Path, wish: Wish, manner: Manner) -> ExitCode:
    """Plan a restore, have it confirmed, and carry it out."""
    refuse_change(session, RESTORE, manner)
    plan = plan_restore(session.server, Journal(path), wish.target, again=wish.again, limits=session.limits)
    if plan.elsewhere and not (manner.dry_run or wish.elsewhere):
        raise RefusedError(
            f"the journal was written for {line(plan.elsewhere)}, not for {session.server.address}: --elsewhere "
            "restores it here all the same"
        )
    planned = Planned(
        sheet=restore_words.sheet(plan, session.site()),
        nothing=f"nothing to restore from {line(path.name)} to {session.server.place}",
        start=lambda: session.start(replace(plan, anywhere=wish.elsewhere), session.pace, reason=manner.reason),
        report=partial(restore_words.report, noun=restore_words.noun_of(plan)),
        choice={},
        ids=plan.ids,
    )
    return carry_out(session, planned, manner)
