"""The line about a change that was interrupted: what it was, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archive_tui.asynq.outcomes import VERBS
from archive_tui.jobs.interrupted import InterruptedJob
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.wording.people import exact, plural

if TYPE_CHECKING:
    from archive_tui.journal.folder import Listed
    from archive_tui.session import Session


class InterruptedChanges:
    """Looks for changes that did not end whole whenever it is asked to, off the UI loop."""

    def __init__(self) -> None:
        self._job: InterruptedJob | None = None
        self._found: Sequence[Listed] = ()

    def look(self, session: Session) -> None:
        """Look again."""
        if self._job is None or self._job.state.ended:
            self._job = session.run(InterruptedJob(session.journal_folder, session.settings, session.server.node_names))

    @property
    def sentence(self) -> str:
        """The one that was interrupted last, in words; empty for none."""
        if self._job is not None and self._job.state.ended:
            self._found = self._job.found
        if not self._found:
            return ""
        from archive_tui.journal.outcomes import command_of

        newest = self._found[0]
        header = newest.header
        verb = VERBS.get(command_of(header.command))
        tasks = plural(header.planned, "task") if header.planned is not None else "tasks"
        of = f" of {clip(', '.join(map(line, header.queues[:3])), 40)}" if header.queues else ""
        more = f" (and {plural(len(self._found) - 1, 'other change')})" if len(self._found) > 1 else ""
        way_on = (
            f"{commands.RestoreJournal} goes on with the rest, or restores it"
            if newest.resumable
            else f"{commands.RestoreJournal} restores it. The rest is untouched: choose it again to go on"
        )
        return (
            f"{verb.ongoing if verb is not None else 'changing'} {tasks}{of} was interrupted, begun "
            f"{exact(header.created_at or newest.modified_at)}{more}: {commands.Journals} lists it, "
            f"{commands.Open} shows what is gone, {way_on}"
        )
