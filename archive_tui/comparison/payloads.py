"""Differences of two payloads: path by path where both have trees, else line by line, or byte by byte."""

from archive_tui.comparison.rows import Row, Section, Verdict
from archive_tui.comparison.texts import add_bytes, add_lines
from archive_tui.comparison.trees import add_trees
from archive_tui.payloads.content import BINARY
from archive_tui.payloads.readings import NO_TREE
from archive_tui.payloads.redaction import RedactedReading

READ_AS = "(read as)"
"""The label of the row that says how the payloads are read."""


def payload_section(first: RedactedReading, second: RedactedReading) -> Section:
    """Compare two payloads, each in its best reading."""
    section = Section("Payload")
    same = first.path == second.path
    verdict = Verdict.SAME if same else Verdict.VALUE
    section.add(Row(READ_AS, first.name, second.name, verdict, "", list(first.path), list(second.path)))
    if first.tree is not NO_TREE and second.tree is not NO_TREE:
        add_trees(section, first.tree, second.tree)
    elif _is_text(first) and _is_text(second):
        if not same:
            section.note = "they are read in different ways, and so compared as text"
        add_lines(section, first.text(), second.text())
    else:
        problems = dict.fromkeys(problem for one in (first, second) if (problem := one.problem) is not None)
        section.note = "; ".join([*problems, "compared byte by byte, each at the same place of both"])
        add_bytes(section, first.content, second.content)
    return section


def _is_text(reading: RedactedReading) -> bool:
    return reading.problem is None and reading.format_key != BINARY
