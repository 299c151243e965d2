"""Edits of archived tasks, for any screen that shows some: one in an editor, several by paths and values."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial

from archive_tui.asynq import message
from archive_tui.asynq.actions import Action
from archive_tui.asynq.outcomes import EDIT
from archive_tui.asynq.rows import TaskRow
from archive_tui.changes.edit_plan import SHOWN, Edit, NewPayload, SetValues, plan_edit, to_edit
from archive_tui.changes.expiry import with_times
from archive_tui.changes.plan import Plan, plan_rows
from archive_tui.changes.run_plan import runnable
from archive_tui.errors import ArchiveTuiError, UsageError
from archive_tui.outside.private_copy import private_copy
from archive_tui.outside.programs import Program, any_editor
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.payloads.editing.editable import Editable
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.store.read import messages
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import Wait, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.edit import EditDialog
from archive_tui.tui.dialogs.question import QuestionDialog
from archive_tui.tui.dialogs.run import HowToRun, RunDialog
from archive_tui.tui.lists import proposals
from archive_tui.tui.lists.change_flow import OVERTAKEN
from archive_tui.tui.lists.chosen_changes import ChosenChanges
from archive_tui.tui.lists.targets import Targets
from archive_tui.tui.terminal.lending import lend_terminal
from archive_tui.wording.people import plural

_LARGEST_SAMPLE = 64 * 1024
"""Bytes of a payload that is edited again with every letter that is typed."""


class ArchiveEdits(ChosenChanges):
    """Plans edits of archived tasks."""

    def why_not_edit(self) -> str | Wait | None:
        """Why nothing can be edited now."""
        running = self.screen.session.changing(EDIT) is not None
        another = f"other tasks are being edited: {commands.Stop} stops that" if running else None
        return self._refusal(Action.RESTORE) or self._flow.why_not("edit", another)

    @runs(commands.Edit, unless=why_not_edit)
    def edit(self) -> None:
        """Ask what to change of what is chosen: one task in an editor, several by paths and values."""
        self._flow.begin()
        self._count_targets(self._targets())

    @background("plan")
    def _count_targets(self, targets: Targets) -> None:
        marks, shown = targets.find()
        plan, _ = runnable(plan_rows(targets.catalog, marks, shown))
        rows = [row for _, row in next(plan.selection.batches(SHOWN), [])]
        opened: Editable | ArchiveTuiError | None = None
        samples: list[tuple[bytes, str]] = []
        if len(rows) == 1:
            try:
                task = self.screen.session.read_task(rows[0].queue, rows[0].id)
                opened = to_edit(task, rows[0], self.screen.session.payloads)
            except ArchiveTuiError as error:
                opened = error
        else:
            samples = self._samples(rows)
        self.screen.app.call_from_thread(self._ask_what, plan, targets.choice, rows, opened, samples)

    def _samples(self, rows: Sequence[TaskRow]) -> list[tuple[bytes, str]]:
        """The payloads of some tasks with their types; large ones are left out."""
        found = []
        with self.screen.session.server.pipe() as pipe:
            for row in rows:
                for piece in messages.with_locks(pipe, row.queue, [row.id]):
                    decoded = message.decode(piece[0][0] or b"") if len(piece[0][0] or b"") <= _LARGEST_SAMPLE else None
                    if decoded is not None:
                        found.append((decoded.payload, decoded.type))
        return found

    def _ask_what(
        self,
        plan: Plan,
        choice: str,
        rows: Sequence[TaskRow],
        opened: Editable | ArchiveTuiError | None,
        samples: Sequence[tuple[bytes, str]],
    ) -> None:
        if not self.screen.on_top:
            self._flow.abandon(OVERTAKEN)
        elif not plan.count:
            self._flow.abandon("Asynq could run none of these, and only such tasks are edited")
        elif isinstance(opened, ArchiveTuiError):
            self._flow.abandon(str(opened))
        elif opened is not None:
            self._open(plan, choice, opened)
        else:
            dialog = EditDialog(plan.count, samples, self.screen.session.redaction)
            self.screen.app.push_screen(dialog, partial(self._chosen_values, plan, choice))

    def _chosen_values(self, plan: Plan, choice: str, assignments: Assignments | None) -> None:
        if assignments is None:
            self._flow.cancel()
        else:
            self._ask_how(plan, choice, SetValues(assignments))

    # In an editor

    def _open(self, plan: Plan, choice: str, opened: Editable) -> None:
        try:
            program = any_editor(os.environ)
        except UsageError as error:
            self._flow.abandon(str(error))
        else:
            self._start_editor(plan, choice, opened, program, opened.text)

    def _start_editor(self, plan: Plan, choice: str, opened: Editable, program: Program, text: bytes) -> None:
        self.screen.app.run_worker(self._in_editor(plan, choice, opened, program, text), group="outside")

    async def _in_editor(self, plan: Plan, choice: str, opened: Editable, program: Program, text: bytes) -> None:
        """Let the operator edit. A text that cannot be read can be opened again, as it was typed."""
        try:
            with private_copy(f"payload{opened.suffix}", text) as path:
                code = await lend_terminal(self.screen.app, [*program.command, str(path)])
                text = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            self._flow.abandon(f"{program.name}: {line(error.strerror or str(error))}: nothing was edited")
            return
        if code:
            self._flow.abandon(f"{program.name} has failed (exit code {code}): nothing was edited")
            return
        if text == opened.text:
            self._flow.abandon("the payload is as it was: nothing was edited", warning=False)
            return
        try:
            payload = await asyncio.to_thread(opened.back, text)
        except EditError as error:
            what = clip(f"{opened.form}, {error}", 300)
            question = f"{what}. Open it again as you typed it?"
            dialog = QuestionDialog("This cannot be read", question, lambda: True, yes="Drop it", no="Open again")
            self.screen.app.push_screen(dialog, partial(self._open_again, plan, choice, opened, program, text))
            return
        if payload:
            self._ask_how(plan, choice, NewPayload(payload, opened.notes))
        else:
            self._flow.abandon("nothing would be left of the payload: nothing was edited")

    def _open_again(
        self, plan: Plan, choice: str, opened: Editable, program: Program, text: bytes, dropped: bool | None
    ) -> None:
        if dropped is False:
            self._start_editor(plan, choice, opened, program, text)
        else:
            self._flow.abandon("nothing was edited", warning=False)

    # How to run, and the plan

    def _ask_how(self, plan: Plan, choice: str, edit: Edit) -> None:
        if not self.screen.on_top:
            self._flow.abandon(OVERTAKEN)
            return
        title = f"Run {plural(plan.count, 'task')} with the new payload"
        dialog = RunDialog(plan.count, self.screen.session.clock, title=title, may_stay=True)
        self.screen.app.push_screen(dialog, partial(self._chosen_how, plan, choice, edit))

    def _chosen_how(self, plan: Plan, choice: str, edit: Edit, how: HowToRun | None) -> None:
        if how is None:
            self._flow.abandon("nothing was edited", warning=False)
        else:
            self._plan_edit(plan, choice, edit, how)

    @background("plan")
    def _plan_edit(self, plan: Plan, choice: str, edit: Edit, how: HowToRun) -> None:
        session = self.screen.session
        timed = with_times(session.server, plan)
        found = plan_edit(session.server, timed, edit, how.mode, stays=how.stays, redaction=session.redaction)
        if found.count:
            self.screen.app.call_from_thread(self._flow.confirm, proposals.edit_and_run(found, session, choice))
        else:
            reason = next(iter(found.refused), "nothing would change")
            self.screen.app.call_from_thread(self._flow.abandon, f"nothing to edit: {clip(reason, 200)}")
