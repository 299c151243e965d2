"""The tree of the payload on the screen of a task: folding, and taking a node to the list below."""

from __future__ import annotations

from collections.abc import Callable

from archive_tui.catalog.filter.terms import at_path
from archive_tui.catalog.message_values import MessageValue
from archive_tui.payloads.content import text_of
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.nodes import Node
from archive_tui.payloads.paths import EVERY, MOST_STEPS, Path
from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.lists.task_list import UNREADABLE
from archive_tui.tui.task.below import Below
from archive_tui.tui.task.boxes import TaskBoxes
from archive_tui.wording.people import plural

_NO_TREE = f"no tree of the payload is shown: {commands.NextView} goes from view to view"

_LONGEST = 300
"""Characters of a value by which a list can be filtered: more is no longer read."""


class PayloadTree(Part):
    """Folds the tree of the payload, filters the list by what the cursor stands on, and makes a column of it."""

    def __init__(
        self,
        screen: CommandScreen,
        boxes: TaskBoxes,
        below: Below,
        why_lists_differ: Callable[[], str | None],
        leave: Callable[[], object],
    ) -> None:
        """`why_lists_differ` says why filters do not read the payload as the tree has it, None where they do; `leave`
        goes back to the list.
        """
        super().__init__(screen)
        self._boxes = boxes
        self._below = below
        self._why_lists_differ = why_lists_differ
        self._leave = leave

    # Folding

    def why_not_fold(self) -> str | None:
        """Why nothing can be unfolded here."""
        tree = self._boxes.outline
        if tree is None:
            return _NO_TREE
        return None if tree.foldable else "there is nothing to unfold here"

    @runs(commands.FoldNode, unless=why_not_fold)
    def fold(self) -> None:
        """Unfold what the cursor stands on, or fold it."""
        if (tree := self._boxes.outline) is not None:
            tree.toggle()

    def why_not_fold_all(self) -> str | None:
        """Why there is nothing to fold."""
        return _NO_TREE if self._boxes.outline is None else None

    @runs(commands.UnfoldAll, unless=why_not_fold_all)
    def unfold_all(self) -> None:
        """Unfold everything."""
        if (tree := self._boxes.outline) is not None and not tree.unfold_all():
            self.screen.say("too much to unfold at once: only what the cursor stands on is unfolded", warning=True)

    @runs(commands.FoldAll, unless=why_not_fold_all)
    def fold_all(self) -> None:
        """Fold everything."""
        if (tree := self._boxes.outline) is not None:
            tree.fold_all()

    # To the list below

    def why_not_take(self) -> str | None:
        """Why the list cannot know what the cursor stands on."""
        pointed_at = self._boxes.pointed_at
        if pointed_at is None:
            return _NO_TREE
        if (reason := self._why_lists_differ()) is not None:
            return reason
        if not pointed_at.path.steps:
            return "this is the whole payload"
        if len(pointed_at.path.steps) > MOST_STEPS:
            return f"it stands deeper than {MOST_STEPS} steps"
        return None

    def why_not_column(self) -> str | None:
        """Why what the cursor stands on cannot become a column."""
        if (why_not := self.why_not_take()) is not None:
            return why_not
        value = self._value()
        return f"{line(value.name)} is a column already" if value and self._below.columns.shows(value) else None

    def why_not_filter(self) -> str | None:
        """Why the list cannot be filtered by what the cursor stands on."""
        if (why_not := self.why_not_take()) is not None:
            return why_not
        node = self._boxes.pointed_at
        if node is not None and not len(node.node):
            text = node.node.text()
            if text == MASK:
                return "this value is masked"
            if len(text) > _LONGEST:
                return f"this value has {plural(len(text), 'character')}, too many for a filter"
            if self.screen.session.redaction.hides_at(node.path, text_of(node.node.value())):
                return f"a filter must not tell what {commands.ShowSecrets} shows"
        if self._below.tasks.filter_unreadable:
            return UNREADABLE
        return self.screen.why_not_leave()

    @runs(commands.FilterByNode, unless=why_not_filter)
    def filter(self) -> None:
        """Go back to the list, and let it show the tasks alone that have the same there."""
        if (pointed_at := self._boxes.pointed_at) is not None:
            node = pointed_at.node
            term = at_path(_wherever(pointed_at.path), node.value() if not len(node) else {})
            self._leave()
            self._below.tasks.narrow(term)

    def to_copy(self) -> tuple[str, Node] | None:
        """Path, as filters write it, and node of what the cursor stands on; None where no tree is shown."""
        pointed_at, value = self._boxes.pointed_at, self._value()
        return (value.name, pointed_at.node) if pointed_at is not None and value is not None else None

    def _value(self) -> MessageValue | None:
        pointed_at = self._boxes.pointed_at
        return MessageValue("payload", pointed_at.path) if pointed_at is not None else None

    @runs(commands.NodeAsColumn, unless=why_not_column)
    def as_column(self) -> None:
        """Let the list show what stands there."""
        if (value := self._value()) is not None:
            self._below.columns.add(value)
            self.screen.say(f"{line(value.name)} is a column of the list now")


def _wherever(path: Path) -> Path:
    """A path to whichever element of a list: the position says little, where another task has the same value."""
    return Path(tuple(EVERY if isinstance(step, int) else step for step in path.steps))
