"""Differences of two payloads: path by path where both have trees, else line by line, or byte by byte."""

from dataclasses import dataclass

from archive_tui.comparison.rows import Row, Section, Verdict
from archive_tui.comparison.texts import add_bytes, add_lines
from archive_tui.comparison.trees import MASKED, Node, add_trees
from archive_tui.payloads.content import BINARY
from archive_tui.payloads.readings import NO_TREE, Reading
from archive_tui.payloads.redaction import MASK, RedactedReading, masked_note

READ_AS = "(read as)"
"""The label of the row that says how the payloads are read."""


@dataclass(frozen=True, slots=True)
class Read:
    """The best reading of a payload, and the same as it may be shown."""

    reading: Reading

    shown: RedactedReading

    @property
    def node(self) -> Node | None:
        """Its tree; None: it has none, or none that may be shown."""
        has_tree = self.reading.tree is not NO_TREE and self.shown.tree is not NO_TREE
        return Node(self.reading.tree, self.shown.tree) if has_tree else None

    @property
    def is_text(self) -> bool:
        """Whether it can be read as text."""
        return self.shown.problem is None and self.reading.format_key != BINARY


def payload_section(first: Read, second: Read) -> Section:
    """Compare two payloads, each in its best reading."""
    section = Section("Payload")
    same = first.reading.path == second.reading.path
    verdict = Verdict.SAME if same else Verdict.VALUE
    paths = [list(one.reading.path) for one in (first, second)]
    section.add(Row(READ_AS, first.reading.name, second.reading.name, verdict, "", *paths))
    notes = dict.fromkeys(masked_note(one.shown) for one in (first, second))
    mine, theirs = first.node, second.node
    if mine is not None and theirs is not None:
        add_trees(section, mine, theirs)
    elif first.is_text and second.is_text:
        if not same:
            notes["they are read in different ways, and so compared as text"] = None
        add_lines(section, first.shown.text(), second.shown.text())
        _add_hidden(section, first, second)
    else:
        notes |= dict.fromkeys(one.shown.problem or "" for one in (first, second))
        notes["compared byte by byte, each at the same place of both"] = None
        add_bytes(section, first.shown.content, second.shown.content)
        _add_hidden(section, first, second)
    section.note = "; ".join(filter(None, notes))
    return section


def _add_hidden(section: Section, first: Read, second: Read) -> None:
    """Add a row where payloads differ although what is shown of them does not."""
    if not section.differing and first.reading.content != second.reading.content:
        section.add(Row("(masked)", MASK, MASK, Verdict.VALUE, MASKED, MASK, MASK))
