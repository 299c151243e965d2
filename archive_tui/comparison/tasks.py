"""Differences of two tasks: facts, error, headers and payload."""

from collections.abc import Iterable, Iterator

from archive_tui.asynq.task import Task
from archive_tui.comparison.payloads import payload_section
from archive_tui.comparison.rows import Comparison, Row, Section, Verdict
from archive_tui.comparison.texts import add_lines
from archive_tui.comparison.trees import add_trees
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.text import clip, line
from archive_tui.wording.task import facts


def compare(first: Task, second: Task, reader: PayloadReader, now: float, redaction: Redaction) -> Comparison:
    """Compare two tasks as they may be shown; ages count from `now` (unix seconds). Large payloads take seconds: not
    for the UI loop.
    """
    (first, mine), (second, theirs) = (redaction.task_with_readings(task, reader) for task in (first, second))
    sections = [_facts(first, second, now), _errors(first, second), _headers(first, second)]
    payload = payload_section(mine[0], theirs[0])
    remarks = masked_remarks([*mine[0].hidden, *theirs[0].hidden])
    return Comparison(title_of(first), title_of(second), [*sections, payload], remarks)


def masked_remarks(hidden: Iterable[str]) -> list[str]:
    """What is said of keys that are hidden in payloads; nothing where none is."""
    keys = ", ".join(line(key) or "credentials in texts" for key in dict.fromkeys(hidden))
    return [f"masked, and so not compared: {clip(keys, _SHOWN)} (--show-secrets shows it)"] if keys else []


_SHOWN = 100
"""Characters of the names of keys that are shown."""


def title_of(task: Task) -> str:
    """A task by queue, id, type and state, safe to show."""
    state = task.state.value if task.state is not None else "no state"
    return f"{line(task.queue)} ▸ {line(task.id)} · {line(task.type) or '(no type)'} · {state}"


_ELSEWHERE = frozenset(("Header",))
"""Labels of facts that have a section of their own."""


def _facts(first: Task, second: Task, now: float) -> Section:
    section = Section("Facts")
    mine, theirs = _by_label(first, now), _by_label(second, now)
    for name in dict.fromkeys((*mine, *theirs)):
        one, two = mine.get(name), theirs.get(name)
        verdict = Verdict.SAME if one == two else Verdict.VALUE
        if one is None or two is None:
            verdict = Verdict.ONLY_SECOND if one is None else Verdict.ONLY_FIRST
        label, number = name
        section.add(Row(label if number == 1 else f"{label} {number}", one, two, verdict, "", one, two))
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


def _errors(first: Task, second: Task) -> Section:
    section = Section("Error")
    add_lines(section, *(task.message.error_msg if task.message is not None else "" for task in (first, second)))
    return section


def _headers(first: Task, second: Task) -> Section:
    section = Section("Headers")
    mine, theirs = (dict(task.message.headers) if task.message is not None else {} for task in (first, second))
    if mine or theirs:
        add_trees(section, dict(sorted(mine.items())), dict(sorted(theirs.items())))
    return section
