"""Resuming a change that was interrupted: plan what is left of it, and hand the plan to the flow of changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes import resume_words
from archive_tui.changes.kept_plan import retire
from archive_tui.changes.resume import Rest, plan_rest
from archive_tui.tui.command_screen import CommandScreen, Part, background
from archive_tui.tui.lists.change_flow import Proposal

if TYPE_CHECKING:
    from archive_tui.tui.lists.change_flow import ChangeFlow


class Resuming(Part):
    """Plans the rest of the change of a journal."""

    def __init__(self, screen: CommandScreen, flow: ChangeFlow) -> None:
        super().__init__(screen)
        self._flow = flow

    def background_failed(self, group: str, error: Exception) -> None:
        self._flow.background_failed(group, error)

    @background("plan")
    def plan(self, path: Path) -> None:
        """Plan the rest; the flow has begun."""
        session = self.screen.session
        catalog = Catalog(redaction=session.redaction)
        try:
            rest = plan_rest(session.server, path, catalog, session.limits)
            if not rest.count:
                retire(path)
        except BaseException:
            catalog.close()
            raise
        self.screen.app.call_from_thread(self._confirm, rest, catalog)

    def _confirm(self, rest: Rest, catalog: Catalog) -> None:
        if not rest.count:
            catalog.close()
            self._flow.abandon("nothing is left of this change: all of its plan was done, or left alone")
            return
        session = self.screen.session
        archived = {one.name: one.counts.get(State.ARCHIVED, 0) for one in session.watch.overview.queues}
        self._flow.confirm(
            Proposal(
                rest.plan,
                resume_words.sheet(rest, session.site(), archived),
                resume_words.report(rest),
                resume_words.choice(rest),
                catalog.close,
                continues=rest.journal,
                reason=rest.header.reason,
            )
        )
