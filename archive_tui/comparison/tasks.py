"""Differences of two tasks: facts, error, headers and payload."""

from collections.abc import Iterator
from dataclasses import dataclass

from archive_tui.asynq.task import Task
from archive_tui.comparison.payloads import Read, payload_section
from archive_tui.comparison.rows import Comparison, Row, Section, Verdict
from archive_tui.comparison.texts import add_lines
from archive_tui.comparison.trees import MASKED, Node, add_trees
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.text import line
from archive_tui.wording.task import facts


def compare(first: Task, second: Task, reader: PayloadReader, redaction: Redaction, now: float) -> Comparison:
    """Compare two tasks; ages count from `now` (unix seconds). What `redaction` masks is compared all the same, and not
    shown. Large payloads take seconds: not for the UI loop.
    """
    one, two = (_Side.of(task, reader, redaction) for task in (first, second))
    sections = [_facts(one, two, now), _errors(one, two), _headers(one, two), payload_section(one.payload, two.payload)]
    return Comparison(title_of(first), title_of(second), sections)


@dataclass(frozen=True, slots=True)
class _Side:
    """A task, and what may be shown of it."""

    task: Task
    shown: Task
    payload: Read

    @classmethod
    def of(cls, task: Task, reader: PayloadReader, redaction: Redaction) -> "_Side":
        readings = reader.readings(task.payload, task.type)
        masked = redaction.readings(readings)
        return cls(task, redaction.task(task, masked), Read(readings[0], masked[0]))

    @property
    def headers(self) -> Node:
        """The headers, in the order of their names."""
        both = (dict(sorted(one.message.headers.items())) if one.message is not None else {}
                for one in (self.task, self.shown))  # fmt: skip
        return Node(*both)

    @property
    def errors(self) -> tuple[str, str]:
        """The error message, and the same as it may be shown."""
        error, shown = (one.message.error_msg if one.message is not None else "" for one in (self.task, self.shown))
        return error, shown


def title_of(task: Task) -> str:
    """A task by queue, id, type and state, safe to show."""
    state = task.state.value if task.state is not None else "no state"
    return f"{line(task.queue)} ▸ {line(task.id)} · {line(task.type) or '(no type)'} · {state}"


_ELSEWHERE = frozenset(("Header",))
"""Labels of facts that have a section of their own."""


def _facts(first: _Side, second: _Side, now: float) -> Section:
    section = Section("Facts")
    truths = _by_label(first.task, now), _by_label(second.task, now)
    mine, theirs = _by_label(first.shown, now), _by_label(second.shown, now)
    for name in dict.fromkeys((*mine, *theirs)):
        one, two = mine.get(name), theirs.get(name)
        verdict = Verdict.SAME if truths[0].get(name) == truths[1].get(name) else Verdict.VALUE
        note = MASKED if verdict is Verdict.VALUE and one == two else ""
        if one is None or two is None:
            verdict = Verdict.ONLY_SECOND if one is None else Verdict.ONLY_FIRST
        label, number = name
        section.add(Row(label if number == 1 else f"{label} {number}", one, two, verdict, note, one, two))
    return section


def _by_label(task: Task, now: float) -> dict[tuple[str, int], str]:
    """The facts by their label; of a label that stands several times, each by its number from 1."""
    by_label: dict[tuple[str, int], str] = {}
    for label, value in _lines_of(task, now):
        number = 1
        while (label, number) in by_label:
            number += 1
        by_label[label, number] = value
    return by_label


def _lines_of(task: Task, now: float) -> Iterator[tuple[str, str]]:
    for label, value in facts(task, now):
        if label == "Field":
            name, _, content = value.partition(": ")
            yield f"Field {name}", content
        elif label not in _ELSEWHERE:
            yield label, " · ".join(value.split("\n"))


def _errors(first: _Side, second: _Side) -> Section:
    section = Section("Error")
    (error, shown), (other, other_shown) = first.errors, second.errors
    add_lines(section, shown, other_shown)
    if not section.differing and error != other:
        section.note = MASKED
    return section


def _headers(first: _Side, second: _Side) -> Section:
    section = Section("Headers")
    mine, theirs = first.headers, second.headers
    if mine.value or theirs.value:
        add_trees(section, mine, theirs)
    return section
