"""The boxes of a task: error, payload and facts, laid out for the room that there is."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from archive_tui.payloads.rendering import Document, Shown, TreeDocument
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import LOW
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.fitted import FittedText
from archive_tui.tui.widgets.outline import OutlineView, PointedAt

NARROW = 100
"""Columns below which the boxes stack."""

ROOMY = 120
"""Columns from which there is room for all facts, without anybody asking for them."""

ERROR, PAYLOAD, FACTS = "error", "payload", "facts"
_ORDER = (ERROR, PAYLOAD, FACTS)


class TaskBoxes(Container):
    """Error first, payload second, facts last. One box is the current one: it has the focus, or had it last.

    The facts are folded away where there is little room, for a summary to stand in their place. On a low terminal, and
    where the operator has enlarged it, the current box stands alone.
    """

    DEFAULT_CSS = """
    TaskBoxes { width: 100%; height: 1fr; layout: horizontal; }
    TaskBoxes #texts { width: 1fr; }
    TaskBoxes .box { border: round $line; border-title-color: $text-muted; border-subtitle-color: $text-muted; }
    TaskBoxes .box { background: $background; }
    TaskBoxes .box:focus-within, TaskBoxes #facts-box:focus { border: heavy $primary; border-title-color: $text; }
    TaskBoxes #error-box { height: auto; max-height: 40%; min-height: 3; }
    TaskBoxes #error { height: auto; max-height: 100%; scrollbar-gutter: auto; }
    TaskBoxes #payload-box { height: 1fr; min-height: 4; }
    TaskBoxes #facts-box { width: 44%; max-width: 54; scrollbar-gutter: stable; }
    TaskBoxes #facts { height: auto; }
    TaskBoxes DocumentView { background: $background; }
    TaskBoxes.-narrow { layout: vertical; }
    TaskBoxes.-narrow #texts { width: 100%; height: 3fr; }
    TaskBoxes.-narrow #facts-box { width: 100%; max-width: 100%; height: 2fr; }
    TaskBoxes.-one #error-box, TaskBoxes.-one #error { height: 1fr; max-height: 100%; }
    TaskBoxes.-one #texts { height: 1fr; }
    TaskBoxes.-one #facts-box { width: 100%; max-width: 100%; height: 1fr; }
    """

    class Arranged(Message):
        """The boxes are laid out in another way, or another one is the current one."""

    def __init__(self) -> None:
        super().__init__()
        self.current = PAYLOAD
        """The box that keys go to."""
        self.unfolded: bool | None = None
        """Whether all facts are shown where there is room for them; None: nobody has said, and the width decides."""
        self._zoomed = False

    def compose(self) -> ComposeResult:
        with Vertical(id="texts"):
            with Vertical(id="error-box", classes="box"):
                yield DocumentView(id="error")
            with Vertical(id="payload-box", classes="box"):
                yield DocumentView(id="payload")
                yield OutlineView(id="tree")
        with VerticalScroll(id="facts-box", classes="box"):
            yield FittedText(id="facts")

    def on_mount(self) -> None:
        self._tree.display = False
        if self.low:
            self.current = ERROR
        self._arrange()

    # What is shown

    @property
    def documents(self) -> tuple[DocumentView, DocumentView]:
        """The lines of the error, and of the payload where that is not shown as a tree."""
        return self.query_one("#error", DocumentView), self.query_one("#payload", DocumentView)

    @property
    def boxes_searched(self) -> tuple[str, str]:
        """The names of the boxes of these views."""
        return ERROR, PAYLOAD

    @property
    def _tree(self) -> OutlineView:
        return self.query_one(OutlineView)

    @property
    def outline(self) -> OutlineView | None:
        """The tree of the payload; None where it is shown in another way."""
        return self._tree if self._tree.display else None

    @property
    def pointed_at(self) -> PointedAt | None:
        """The node of the payload under the cursor; None where no tree is shown."""
        return self._tree.pointed_at if self._tree.display else None

    @property
    def views(self) -> tuple[DocumentView, DocumentView | OutlineView]:
        """What shows the error, and what shows the payload."""
        error, payload = self.documents
        return error, self.outline or payload

    def show(self, box: str, shown: Shown) -> None:
        """Show the error, or the payload as lines or as a tree."""
        error, payload = self.documents
        if box == ERROR and isinstance(shown, Document):
            error.show(shown)
            return
        had_focus = self.screen.focused in (payload, self._tree)
        as_tree = isinstance(shown, TreeDocument)
        self._tree.display, payload.display = as_tree, not as_tree
        if isinstance(shown, TreeDocument):
            self._tree.show(shown)
        else:
            self._tree.show(None)
            if isinstance(shown, Document):
                payload.show(shown)
        if had_focus:
            self._focus()
        self._subtitle(PAYLOAD)

    @property
    def facts(self) -> FittedText:
        """The facts, all of them."""
        return self.query_one("#facts", FittedText)

    def entitle(self, box: str, words: str) -> None:
        """Give a box another title."""
        self._box(box).border_title = Content(words)

    @property
    def title_room(self) -> int:
        """Cells for the title of the payload's box, which stands between spaces in its frame."""
        return (self._box(PAYLOAD).size.width or self.app.size.width - 2) - 2

    @property
    def low(self) -> bool:
        """Whether there is room for one box alone."""
        return self.app.size.height < LOW

    @property
    def alone(self) -> bool:
        """Whether the current box stands alone."""
        return self._zoomed or self.low

    @property
    def zoomed(self) -> bool:
        """Whether the operator has enlarged a box."""
        return self._zoomed

    @property
    def folded(self) -> bool:
        """Whether a summary is to stand in the place of the facts."""
        return self.alone or not self._facts_wanted

    @property
    def _facts_wanted(self) -> bool:
        return self.app.size.width >= ROOMY if self.unfolded is None else self.unfolded

    # What the operator does with them

    def fold(self) -> None:
        """Show all facts, or fold them away. Where one box stands alone, go to the facts, or back from them."""
        if self.alone:
            self.go_to(PAYLOAD if self.current == FACTS else FACTS)
            return
        self.unfolded = not self._facts_wanted
        if not self.unfolded and self.current == FACTS:
            self.current = PAYLOAD
        self._arrange()
        self._focus()

    def zoom(self) -> None:
        """Give the current box all the room, or take it back."""
        self._zoomed = not self._zoomed
        if self.folded and not self.alone and self.current == FACTS:
            self.current = PAYLOAD
        self._arrange()
        self._focus()

    def step(self, direction: int) -> None:
        """Go to the next box (1), or the one before (-1)."""
        boxes = [box for box in _ORDER if self.alone or box != FACTS or not self.folded]
        at = boxes.index(self.current) if self.current in boxes else 0
        self.go_to(boxes[(at + direction) % len(boxes)])

    def go_to(self, box: str, *, focus: bool = True) -> None:
        """Make a box the current one; without `focus`, keys stay where they go."""
        if box != self.current:
            self.current = box
            self._arrange()
        if focus:
            self._focus()

    def focus_current(self) -> None:
        """Let keys go to the current box."""
        self._focus()

    def _focus(self) -> None:
        if self.current == FACTS and not self.alone and self.folded:
            self.current = PAYLOAD
        self.screen.set_focus(self._target(self.current))

    # Layout

    def on_resize(self) -> None:
        self._arrange()

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        """A click, too, makes a box the current one."""
        for box in _ORDER:
            if event.widget is self._target(box) and box != self.current:
                self.current = box
                self._arrange()

    def _arrange(self) -> None:
        self.set_class(self.app.size.width < NARROW, "-narrow")
        self.set_class(self.alone, "-one")
        self.query_one("#texts").display = not self.alone or self.current != FACTS
        for box in _ORDER:
            widget = self._box(box)
            widget.display = box == self.current if self.alone else box != FACTS or not self.folded
            self._subtitle(box)
        self.post_message(self.Arranged())

    @on(OutlineView.Moved)
    def _moved_in_tree(self) -> None:
        self._subtitle(PAYLOAD)

    def _subtitle(self, box: str) -> None:
        """Write below a box where in its tree the cursor is, and which box comes next where one stands alone."""
        parts = []
        if box == PAYLOAD and (node := self.pointed_at) is not None and node.path.steps:
            parts.append(clip(node.path.suffix, max(self.app.size.width // 2, 20)))
        if self.alone:
            parts.append(f"{commands.NextBox}: {_ORDER[(_ORDER.index(box) + 1) % len(_ORDER)]}")
        self._box(box).border_subtitle = Content(" · ".join(parts))

    def _box(self, box: str) -> Widget:
        return self.query_one(f"#{box}-box")

    def _target(self, box: str) -> Widget:
        """The widget of a box that takes keys."""
        if box == FACTS:
            return self._box(box)
        return self.views[0] if box == ERROR else self.views[1]
