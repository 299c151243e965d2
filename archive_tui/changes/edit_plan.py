"""The plan of an edit: archived tasks that get another payload, what differs, and what follows from that.

An edited task is run as a `RunPlan` says, or stays in the archive. Every payload is read and edited when the plan is
made, so that the plan knows which tasks it cannot edit; the change makes the same edit again, of a message that is the
same byte for byte.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Protocol

from archive_tui.asynq import edits, locks, message
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.runs import RunMode
from archive_tui.asynq.task import Task, fingerprint
from archive_tui.catalog.selection import Selection
from archive_tui.catalog.seqs import seqs_of
from archive_tui.changes.plan import Plan
from archive_tui.changes.run_plan import Prospects, RunPlan, plan_run
from archive_tui.comparison.payloads import Read, payload_section
from archive_tui.comparison.rows import Section
from archive_tui.errors import RefusedError
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.payloads.editing.editable import Editable, editable
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import messages
from archive_tui.wording.people import plural

if TYPE_CHECKING:
    from archive_tui.changes.change import Change

SHOWN = 10
"""Tasks of which the plan has the differences."""


class Edit(Protocol):
    """What is done to a payload."""

    def shown(self, redaction: Redaction) -> Sequence[str]:
        """It as it may be shown, a line each; empty where the differences say it all."""

    @property
    def note(self) -> Mapping[str, Any]:
        """It as a kept plan has it."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person must know about it, a sentence each; foreign text."""

    def payload(self, raw: bytes, task_type: str) -> bytes:
        """The payload with it; the same bytes where nothing is to do. Raises EditError where it cannot be."""


@dataclass(frozen=True, slots=True)
class SetValues:
    """Values that are set at paths, in every payload."""

    assignments: Assignments

    reader: PayloadReader = field(default_factory=PayloadReader, compare=False)
    """Reads the payloads; without what a profile names, which cannot be written."""

    def shown(self, redaction: Redaction) -> Sequence[str]:
        return [one.shown(redaction) for one in self.assignments.each]

    @property
    def note(self) -> Mapping[str, Any]:
        return {"set": self.assignments.texts}

    @property
    def notes(self) -> Sequence[str]:
        return ()

    def payload(self, raw: bytes, task_type: str) -> bytes:
        return self.assignments.payload(self.reader, raw, task_type)


@dataclass(frozen=True, slots=True)
class NewPayload:
    """A payload that somebody wrote, for one task."""

    content: bytes

    notes: Sequence[str] = ()

    def shown(self, redaction: Redaction) -> Sequence[str]:
        return ()

    @property
    def note(self) -> Mapping[str, Any]:
        return {"payload": self.content.hex()}

    def payload(self, raw: bytes, task_type: str) -> bytes:
        return self.content


def edit_of(note: Mapping[str, Any]) -> Edit:
    """The edit of a kept plan. Raises KeyError, TypeError or ValueError where the note has none."""
    if "set" in note:
        return SetValues(Assignments.parse(note["set"]))
    return NewPayload(bytes.fromhex(note["payload"]))


def to_edit(task: Task, row: TaskRow, reader: PayloadReader) -> Editable:
    """Make the payload of one task ready for an editor, as it is in the row. Raises RefusedError where it has changed
    since, or cannot be edited.
    """
    if fingerprint(task.fields.get(b"msg", b"")) != row.fingerprint:
        raise RefusedError("this task has changed since the list was read: nothing was edited")
    try:
        return editable(reader, task.payload, task.type)
    except EditError as error:
        raise RefusedError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Sample:
    """The differences of one task."""

    id: bytes

    payload: Section
    """The payload as it is, beside what it becomes, both as they may be shown."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """Archived tasks that get another payload."""

    run: RunPlan
    """The tasks, and how they are run."""

    edit: Edit

    stays: bool = False
    """Whether they stay in the archive, edited."""

    texts: Sequence[str] = ()
    """The edit as it may be shown, a line each."""

    samples: Sequence[Sample] = ()
    """The differences of the first of them."""

    renamed: int = 0
    """Tasks whose unique lock gets another name."""

    unheld: int = 0
    """Of these, tasks that do not hold their lock any more: the new one is not taken either."""

    taken: int = 0
    """Of these, tasks whose new lock another task holds: they are skipped."""

    doubles: int = 0
    """Of these, tasks that become the same work as another of the plan."""

    unchanged: int = 0
    """Tasks that were left out because they are already as they are to be."""

    refused: Mapping[str, int] = field(default_factory=dict)
    """Tasks that were left out because they cannot be edited so, by the reason, the commonest first; foreign text."""

    def change(self) -> "Change[Any]":
        """The change that carries it out."""
        from archive_tui.changes.edit import EditChange

        return EditChange(self)

    def ids(self) -> Iterator[tuple[str, bytes]]:
        """Queue and id of each task, in the order of the plan."""
        return self.run.ids()

    @property
    def plan(self) -> Plan:
        """The rows."""
        return self.run.plan

    @property
    def count(self) -> int:
        """How many tasks."""
        return self.run.count


@dataclass(slots=True)
class _Review:
    """What a plan comes to, while the payloads are read."""

    edit: Edit
    afresh: bool
    redaction: Redaction
    reader: PayloadReader = field(default_factory=PayloadReader)
    kept: "array[int]" = field(default_factory=seqs_of)
    samples: list[Sample] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    locks: Counter[bytes] = field(default_factory=Counter)
    renamed: int = 0
    unheld: int = 0
    taken: int = 0
    unchanged: int = 0

    def look(self, pipe: Pipe, queue: str, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Edit the payloads of some tasks of a queue: number of the row, id, and the fingerprint of the message."""
        renamed: list[tuple[bytes, bytes | None, bytes]] = []
        found = chain.from_iterable(messages.with_locks(pipe, queue, [task_id for _, task_id, _ in rows]))
        for (seq, task_id, seen), (raw_message, unique_key) in zip(rows, found, strict=True):
            if raw_message is None or fingerprint(raw_message) != seen:
                self.kept.append(seq)  # the server says what has become of it
                continue
            made = self._edited(pipe, queue, task_id, raw_message, unique_key)
            if made is None:
                continue
            self.kept.append(seq)
            if made.lock:
                renamed.append((task_id, locks.named(pipe.keys, queue, unique_key, raw_message), made.lock))
        self._count_locks(pipe, renamed)

    def _edited(
        self, pipe: Pipe, queue: str, task_id: bytes, raw_message: bytes, unique_key: bytes | None
    ) -> edits.Edited | None:
        decoded = message.decode(raw_message)
        if decoded is None:
            self.refused["its message does not decode"] += 1
            return None
        try:
            payload = new_payload(self.edit, decoded.payload, decoded.type)
        except EditError as error:
            self.refused[str(error)] += 1
            return None
        if payload == decoded.payload:
            self.unchanged += 1
            return None
        if len(self.samples) < SHOWN:
            self.samples.append(self._sample(task_id, decoded.payload, payload, decoded.type))
        return edits.edited(pipe.keys, queue, raw_message, unique_key, payload, afresh=self.afresh)

    def _sample(self, task_id: bytes, before: bytes, after: bytes, task_type: str) -> Sample:
        readings = [self.reader.best(raw, task_type) for raw in (before, after)]
        return Sample(task_id, payload_section(*[Read(one, self.redaction.reading(one)) for one in readings]))

    def _count_locks(self, pipe: Pipe, renamed: Sequence[tuple[bytes, bytes | None, bytes]]) -> None:
        names = [name for _, old, new in renamed for name in (old or b"", new)]
        holders = messages.holders(pipe, names)
        for (task_id, _, new), old_holder, holder in zip(renamed, holders[::2], holders[1::2], strict=True):
            self.renamed += 1
            self.locks[new] += 1
            self.unheld += old_holder != task_id
            self.taken += holder not in (None, task_id)


def new_payload(edit: Edit, raw: bytes, task_type: str) -> bytes:
    """The payload of a task after an edit. Raises EditError, also for a payload without any bytes."""
    payload = edit.payload(raw, task_type)
    if not payload:
        raise EditError("nothing would be left of its payload")
    return payload


def plan_edit(
    server: Server,
    plan: Plan,
    edit: Edit,
    mode: RunMode,
    *,
    stays: bool = False,
    redaction: Redaction | None = None,
) -> EditPlan:
    """Edit the payloads of archived tasks, and look at what these will meet when they run. Reads all of them: not for
    the UI loop. `redaction` masks what is shown of them, None: by the default keys. Raises ConnectError and kin.
    """
    redaction = redaction or Redaction()
    review = _Review(edit, mode.afresh, redaction)
    with server.pipe() as pipe:
        for rows in plan.selection.batches():
            for queue, same in groupby(rows, key=lambda numbered: numbered[1].queue):
                review.look(pipe, queue, [(seq, row.id, row.fingerprint) for seq, row in same])
    fitting = _only(plan, review)
    run = RunPlan(fitting, mode) if stays else plan_run(server, fitting, mode)
    prospects = run.prospects if not stays else Prospects()
    return EditPlan(
        replace(run, prospects=prospects),
        edit,
        stays,
        edit.shown(redaction),
        review.samples,
        review.renamed,
        review.unheld,
        review.taken,
        sum(count - 1 for count in review.locks.values()),
        review.unchanged,
        dict(review.refused.most_common()),
    )


def _only(plan: Plan, review: _Review) -> Plan:
    """The plan with those that can be edited."""
    selection = plan.selection
    if len(review.kept) == len(selection):
        return plan
    hidden = set(selection.seqs[len(selection) - plan.hidden :]) if plan.hidden else set()
    chosen = Selection(selection.catalog, review.kept)
    reasons = [plan.left_out] if plan.left_out else []
    if review.unchanged:
        reasons.append(f"{plural(review.unchanged, 'task')} left out: nothing would change")
    if count := review.refused.total():
        reasons.append(f"{plural(count, 'task')} left out: they cannot be edited so")
    return replace(
        plan,
        selection=chosen,
        totals=chosen.totals(),
        hidden=sum(seq in hidden for seq in review.kept),
        left_out="; ".join(reasons),
    )
