"""Editing archived tasks: the change that carries out an `EditPlan`. It is a run with another message."""

from dataclasses import asdict

from archive_tui.asynq import edits, message
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import EDIT, Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes import failover
from archive_tui.changes.auditing import Facts
from archive_tui.changes.edit_plan import EditPlan, new_payload
from archive_tui.changes.kept_plan import KeptPlan
from archive_tui.changes.run import RunBatch, RunChange
from archive_tui.jobs.job import Leaving
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write import run as store
from archive_tui.store.write.run import Runnable
from archive_tui.text import line


class EditChange(RunChange):
    """Gives the tasks of a plan another payload, and queues them as a run does, or leaves them in the archive. The
    journal has each as it was, with the digest of the message that it gets: by that a restore knows it again.
    """

    verb = EDIT
    leaving = Leaving(
        "Tasks are being edited", "What was edited stays so, and runs if it was to; the rest stays as it is."
    )
    caution = failover.caution("edited", "in the archive still, as it was")
    after_demotion = "what was edited last may not have reached the new one, and be as it was still; look there"

    def __init__(self, plan: EditPlan) -> None:
        super().__init__(plan.run)
        self._edit = plan
        self._keys: Keys | None = None
        if plan.stays:
            self.catalog = None  # its rows stay where they are

    @property
    def command(self) -> str:
        how = "kept archived" if self._edit.stays else self.plan.mode.label
        return f"{self.verb.base}: {how}"

    def facts(self) -> Facts:
        edit = self._edit
        return {**super().facts(), "set": [line(one) for one in edit.texts] or None, "kept_archived": edit.stays}

    def kept(self) -> KeptPlan:
        plan = self.plan.plan
        note = {"seen_at": plan.seen_at, "mode": asdict(self.plan.mode), "stays": self._edit.stays}
        return KeptPlan("edit", plan.selection, {**note, "edit": self._edit.edit.note})

    def connected(self, pipe: Pipe) -> None:
        super().connected(pipe)
        self._keys = pipe.keys

    def check(self, batch: RunBatch, copies: list[Copy]) -> None:
        super().check(batch, copies)
        places: list[int] = []
        for at in batch.chosen:
            made = self._made(copies[at])
            if made is None:
                batch.left_out[at] = Outcome.NOT_EDITABLE
            else:
                copies[at] = copies[at]._replace(edited=store.digest_of(made.message))
                places.append(at)
        batch.copies, batch.places = copies, places

    def runnable(self, copy: Copy, position: int) -> Runnable | Outcome:
        made = self._made(copy)
        if made is None:
            return Outcome.NOT_EDITABLE
        task = super().runnable(copy, position)
        if not isinstance(task, Runnable):
            return task
        return task._replace(message=made.message, lock=made.lock, stays=self._edit.stays)

    def _made(self, copy: Copy) -> edits.Edited | None:
        """The message that a task gets; None where the edit cannot be made, or changes nothing: other libraries than
        those of the plan may be installed when it is resumed.
        """
        raw_message = copy.field(b"msg") or b""
        decoded = message.decode(raw_message)
        if decoded is None or self._keys is None:
            return None
        try:
            payload = new_payload(self._edit.edit, decoded.payload, decoded.type)
        except EditError:
            return None
        if payload == decoded.payload:
            return None
        unique_key = copy.field(b"unique_key")
        return edits.edited(self._keys, copy.queue, raw_message, unique_key, payload, afresh=self.plan.mode.afresh)
