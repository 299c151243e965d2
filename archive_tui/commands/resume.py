"""`--resume JOURNAL` of `archive-tui delete`, `run`, `edit` and `repair`: the rest of a change that was interrupted."""

from pathlib import Path

from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.outcomes import DELETE, EDIT, REPAIR, RUN, Verb
from archive_tui.changes import resume_words
from archive_tui.changes.kept_plan import retire
from archive_tui.changes.resume import plan_rest
from archive_tui.commands.change import Manner, Planned, carry_out, refuse_change
from archive_tui.commands.queues import archived_now
from archive_tui.commands.reading import catalog_for
from archive_tui.errors import ExitCode, UsageError
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.text import line


def resume(session: Session, path: Path, verb: Verb, manner: Manner) -> ExitCode:
    """Plan the rest of the change of a journal, have it confirmed, and carry it out. Raises UsageError where the
    journal is of another change than `verb`.
    """
    header = Journal(path).header
    if resume_words.verb_of(header) is not verb:
        raise UsageError(_other(path, header.command, resume_words.verb_of(header)))
    refuse_change(session, verb, manner)
    queues = [queue for queue in header.queues if queue != INSTALLATION]
    for queue in queues:
        session.refuse_old(queue)
    with catalog_for(session) as catalog:
        rest = plan_rest(session.server, path, catalog, session.limits)
        if not rest.count and not manner.dry_run:
            retire(path)
        planned = Planned(
            sheet=resume_words.sheet(rest, session.site(), archived_now(session, queues)),
            nothing=f"nothing is left of {line(path.name)}: all of its plan was done, or left alone",
            start=lambda: session.start(
                rest.plan,
                session.pace,
                choice=resume_words.choice(rest),
                reason=manner.reason or header.reason,
                continues=path,
            ),
            report=resume_words.report(rest),
            choice={},
            ids=rest.plan.ids,
        )
        return carry_out(session, planned, manner)


def _other(path: Path, command: str, verb: Verb | None) -> str:
    what = f"the journal {line(path.name)} is of another command: {line(command) or 'none'}"
    return f"{what}: {_RESUMED[verb].format(line(path.name.partition('.')[0]))}" if verb in _RESUMED else what


_RESUMED = {
    DELETE: "`archive-tui delete --resume {}`",
    REPAIR: "`archive-tui repair --resume {}`",
    RUN: "`archive-tui run --resume {}`",
    EDIT: "`archive-tui edit --resume {}`",
}
"""The commands that resume a change, by its verb."""
