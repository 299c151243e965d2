"""One task beside those of its type that ended well: what is missing in it, what is extra, of another type, or
outside of what was seen.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.task import Task
from archive_tui.comparison.observations import (
    MOST_VALUES,
    Observations,
    Seen,
    Steps,
    label_of,
    length_of,
    values_in,
)
from archive_tui.comparison.rows import Comparison, Row, Section, Verdict
from archive_tui.comparison.tasks import title_of
from archive_tui.comparison.trees import WHOLE
from archive_tui.comparison.values import Kind, kind_of, text_of
from archive_tui.payloads.paths import EVERY
from archive_tui.payloads.readings import NO_TREE, PayloadReader, Reading
from archive_tui.payloads.redaction import Redaction
from archive_tui.payloads.tree import Tree
from archive_tui.payloads.writing import for_programs
from archive_tui.text import line
from archive_tui.wording.people import number, plural

_USUAL = 0.8
"""The share of the tasks that ended well from which on something is expected in every one."""

_FEW = 10
"""Tasks below which what they have in common says little."""

_FAR = 2
"""How many times longer than the longest something must be to be called long."""

_KEPT = "Asynq keeps only those that were enqueued with Retention, until that is over"


class WellEnded:
    """The completed tasks of one queue and type, as far as they were looked at; they are not kept."""

    def __init__(self, queue: str, task_type: str, reader: PayloadReader, redaction: Redaction) -> None:
        """What `redaction` masks is neither kept nor shown: of it no more is compared than whether it is there."""
        self.queue = queue
        self.type = task_type
        self.looked_at = 0
        """Completed tasks that were looked at, of every type."""
        self.unread = 0
        """Those of them whose messages could not be read: gone meanwhile, too large, or not to be decoded."""
        self.complete = False
        """Whether there are no more than those that were looked at."""
        self.tasks = 0
        """Tasks of the type."""
        self._reader, self._redaction = reader, redaction
        self._facts, self._headers, self._payloads = Observations(), Observations(), Observations()

    def add(self, message: TaskMessage) -> None:
        """Note a completed task of the type."""
        self.tasks += 1
        reading = self._read(message.payload)
        self._facts.add(_facts(message, len(message.payload), reading.name))
        self._headers.add(self._redaction.headers(message.headers))
        if reading.tree is not NO_TREE:
            self._payloads.add(reading.tree)

    def compare(self, task: Task) -> Comparison:
        """Compare a task with them. A large payload takes seconds: not for the UI loop."""
        message = task.message
        if not self.tasks or message is None:
            return Comparison(title_of(task), self.title, [], [self._why_nothing(task)])
        reading = self._read(task.payload)
        payload = Section("Payload")
        if reading.tree is NO_TREE:
            payload.note = f"this payload is read as {line(reading.name)}, which has no paths to compare"
        elif not self._payloads.trees:
            payload.note = "the payloads of those that ended well have no paths to compare"
        else:
            _add(payload, reading.tree, self._payloads)
        sections = [Section("Facts"), Section("Headers"), payload]
        _add(sections[0], _facts(message, len(task.payload), reading.name), self._facts, plain=True)
        _add(sections[1], self._redaction.headers(message.headers), self._headers)
        return Comparison(title_of(task), self.title, sections, self.remarks, "like theirs")

    def _read(self, payload: bytes) -> Reading:
        return self._redaction.reading(self._reader.best(payload, self.type))

    @property
    def title(self) -> str:
        """What the task is compared with, safe to show."""
        if not self.tasks:
            return f"none of {line(self.type) or '(no type)'} that ended well"
        if self.tasks == 1:
            return f"the only one of {line(self.type) or '(no type)'} that ended well"
        return f"{number(self.tasks)} of {line(self.type) or '(no type)'} that ended well"

    @property
    def remarks(self) -> list[str]:
        """How much this comparison is worth."""
        looked = f"{plural(self.looked_at, 'completed task')} of the queue {line(self.queue)} looked at"
        looked += "" if self.complete else ", the last ones to expire; there are more"
        remarks = [f"{looked}; {self.tasks:,} of this type"]
        if self.unread:
            remarks.append(f"{plural(self.unread, 'completed task')} could not be read")
        if self.tasks == 1:
            remarks.append("one task alone: what differs from it may be chance")
        elif self.tasks < _FEW:
            remarks.append(f"only {self.tasks} tasks: what they have in common may be chance")
        return remarks

    def _why_nothing(self, task: Task) -> str:
        """Why there is nothing to compare with."""
        if task.message is None:
            return "this task has no readable message: neither its type nor its payload is known"
        name = line(self.type) or "(no type)"
        if not self.looked_at:
            return f"the queue {line(self.queue)} keeps no completed task: {_KEPT}"
        among = f"among the {plural(self.looked_at, 'completed task')} of the queue {line(self.queue)}"
        if not self.complete:
            among = f"among {plural(self.looked_at, 'completed task')} that were looked at; there are more"
        return f"none of type {name} {among}: {_KEPT}"

    def for_programs(self) -> dict[str, object]:
        """What was looked at, for programs."""
        return {
            "type": self.type,
            "looked_at": self.looked_at,
            "of_type": self.tasks,
            "unread": self.unread,
            "complete": self.complete,
        }


def _facts(message: TaskMessage, payload_bytes: int, read_as: str) -> dict[str, Tree]:
    """What a producer chose for a task, and no moment of it. Not the retention: without one no task would be kept to be
    compared with.
    """
    return {
        "Tries allowed": message.retry,
        "Timeout, seconds": message.timeout,
        "Deadline": "set" if message.deadline else "none",
        "Unique": "yes" if message.unique_key else "no",
        "Group": message.group_key or "none",
        "Payload, bytes": payload_bytes,
        "Payload read as": read_as,
    }


def _add(section: Section, tree: Tree, others: Observations, *, plain: bool = False) -> None:
    """Compare a tree with what was seen in others, path by path; `plain` says that its keys and texts are our words."""
    here: dict[Steps, list[Tree]] = {}
    for steps, value in values_in(tree):
        here.setdefault(steps, []).append(value)
    for steps, values in here.items():
        for row in _present(steps, values, others):
            section.add(_unquoted(row, steps) if plain else row)
    if sum(map(len, here.values())) >= MOST_VALUES:
        section.note = f"its first {MOST_VALUES:,} values are compared, and what is missing is not told"
        return
    for steps, seen in others.seen.items():
        if (missing := _missing(steps, seen, others, here)) is not None:
            section.add(missing)


def _unquoted(row: Row, steps: Steps) -> Row:
    """The row of a fact."""
    first, second = ((text or "").replace('"', "") for text in (row.first, row.second))
    return replace(row, label=str(steps[-1]) if steps else row.label, first=first, second=second)


def _present(steps: Steps, values: list[Tree], others: Observations) -> Iterator[Row]:
    """Rows on what the task has at a path; none for what its parent tells already."""
    seen = others.seen.get(steps)
    if seen is None:
        if steps[:-1] in others.seen:
            note = "in none of those that ended well"
            yield Row(_label(steps), _shown(values), None, Verdict.ONLY_FIRST, note, _value(values), None)
        return
    strange, note, verdict = _strange(values, seen)
    label, words = _label(steps), f"{seen.words()} · {_share(seen, others)}"
    if strange:
        yield Row(label, _shown(strange), words, verdict, note, _value(strange), seen.for_programs())
    elif not all(kind_of(value).holds_others for value in values):
        yield Row(label, _shown(values), words, Verdict.SAME, "", _value(values), seen.for_programs())


def _strange(values: list[Tree], seen: Seen) -> tuple[list[Tree], str, Verdict]:
    """The values that are not like those that were seen, why, and how."""
    other_kind = [value for value in values if kind_of(value) not in seen.kinds]
    if other_kind:
        return other_kind, f"{kind_of(other_kind[0])}, where they have {' or '.join(seen.kinds)}", Verdict.TYPE
    for value in values:
        if note := _outside(value, seen):
            return [one for one in values if _outside(one, seen)], note, Verdict.VALUE
    return [], "", Verdict.SAME


def _outside(value: Tree, seen: Seen) -> str:
    """Why a value of a kind that was seen is outside of what was seen; empty: it is not."""
    kind, length = kind_of(value), length_of(value)
    if kind is Kind.NUMBER and isinstance(value, int | Decimal) and seen.low is not None and seen.high is not None:
        if value < seen.low:
            return "smaller than any of theirs"
        if value > seen.high:
            return "larger than any of theirs"
    if not kind.holds_others and seen.enumerated and text_of(value) not in seen.values:
        return "other than in all of them" if len(seen.values) == 1 else "none of the values that they have"
    if kind is Kind.OBJECT or length is None or seen.shortest is None or seen.longest is None:
        return ""  # of an object the keys that are missing say it
    if not length and seen.shortest:
        return "empty, and in none of them"
    if kind is Kind.LIST and not seen.shortest <= length <= seen.longest:
        return "fewer than in any of them" if length < seen.shortest else "more than in any of them"
    return "far longer than any of theirs" if length > _FAR * seen.longest else ""


def _missing(steps: Steps, seen: Seen, others: Observations, here: dict[Steps, list[Tree]]) -> Row | None:
    """A row on what those that ended well have, nearly always, and the task has not; None where it has it."""
    parents = here.get(steps[:-1], ()) if steps else ()
    if not parents or steps[-1] is EVERY:
        return None
    objects = sum(1 for parent in parents if kind_of(parent) is Kind.OBJECT)
    found = len(here.get(steps, ()))
    above = others.seen.get(steps[:-1])
    places = above.kinds[Kind.OBJECT] if above is not None else 0
    if found >= objects or not places or seen.count < _USUAL * places:
        return None
    note = "missing" if not found else f"missing in {objects - found:,} of {objects:,} places"
    return Row(
        _label(steps), None, f"{seen.words()} · {_share(seen, others)}", Verdict.ONLY_SECOND, note, None,
        seen.for_programs(),
    )  # fmt: skip


def _share(seen: Seen, others: Observations) -> str:
    return f"in {seen.trees:,} of {others.trees:,}"


def _label(steps: Steps) -> str:
    return label_of(steps) or WHOLE


_SHOWN = 3
"""Values of a path that stands several times that are shown."""


def _shown(values: list[Tree]) -> str:
    """What the task has at a path, for people: the first values, and how many more."""
    counts = Counter(text_of(value) for value in values)
    shown = " or ".join(text for text, _ in counts.most_common(_SHOWN))
    return shown if len(counts) <= _SHOWN else f"{shown} or {len(counts) - _SHOWN:,} others"


def _value(values: list[Tree]) -> object:
    """The same for programs: the value, or a list of the first of them."""
    plain = [text_of(value) if kind_of(value).holds_others else for_programs(value) for value in values[:_SHOWN]]
    return plain[0] if len(values) == 1 else plain
