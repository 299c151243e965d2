"""The question what to change in the payloads of several tasks: paths and values, with what they would do at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from archive_tui.changes.edit_plan import SetValues, new_payload
from archive_tui.changes.edit_words import shown
from archive_tui.comparison.payloads import READ_AS, Read, payload_section
from archive_tui.payloads.editing.assignments import Assignments
from archive_tui.payloads.editing.refusal import EditError
from archive_tui.payloads.paths import seen
from archive_tui.payloads.readings import NO_TREE, PayloadReader
from archive_tui.payloads.redaction import Redaction
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry
from archive_tui.wording.people import plural

_PATHS = 5
"""Paths that are shown as examples."""

_LINES = 6
"""Differences that are shown while the value is typed; the plan has more."""

_WIDTH = 66


class EditDialog(Dialog[Assignments]):
    """Answers what to set: a line each, with an empty one always below. It changes nothing: the question how to run,
    and the plan, follow.
    """

    DEFAULT_CSS = """
    EditDialog > Vertical { width: 72; }
    EditDialog #lines { height: auto; margin: 1 0; }
    EditDialog Input { border: none; height: 1; background: $field; padding: 0 1; }
    EditDialog #does { height: auto; min-height: 4; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Edit"

    def __init__(self, count: int, samples: Sequence[tuple[bytes, str]], redaction: Redaction) -> None:
        """`samples` are payloads of the first tasks, with their types."""
        super().__init__()
        self._count = count
        self._samples = samples
        self._redaction = redaction
        self._reader = PayloadReader()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Edit the payloads of {plural(self._count, 'task')}"
            yield Static(Content(self._examples()))
            with Vertical(id="lines"):
                yield Entry(placeholder='payload.region="eu"', compact=True)
            yield Static(self._hint(), id="does")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Next…", id="next", compact=True)

    def _examples(self) -> str:
        for raw, task_type in self._samples:
            tree = self._reader.tree(raw, task_type)
            if tree is not NO_TREE and (paths := [f"payload{path.suffix}" for path in seen(tree, _PATHS)]):
                return f"A path and a value. Here are {clip(', '.join(paths), 2 * _WIDTH)}"
        return "A path into the payload, and a value of JSON"

    def _hint(self) -> Content:
        return Content.styled("a text stands in double quotes; enter goes on", "$text-muted")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        lines = self.query_one("#lines", Vertical)
        if all(entry.value for entry in lines.query(Input)):
            lines.mount(Entry(placeholder="another path and value, where there is one", compact=True))
        self.query_one("#does", Static).update(self._does())

    @property
    def _typed(self) -> list[str]:
        """The lines that say something."""
        return [entry.value for entry in self.query(Input) if entry.value.strip()]

    def _does(self) -> Content:
        """What it would do to the first tasks."""
        if not self._typed:
            return self._hint()
        try:
            edit = SetValues(Assignments.parse(self._typed), self._reader)
        except EditError as error:
            return Content.styled(clip(str(error), 3 * _WIDTH), "$text-muted")
        reasons = Counter[str]()
        differences = Counter[str]()
        changed = 0
        for raw, task_type in self._samples:
            try:
                new = new_payload(edit, raw, task_type)
            except EditError as error:
                reasons[clip(str(error), _WIDTH)] += 1
                continue
            if new == raw:
                reasons["is so already"] += 1
                continue
            changed += 1
            differences.update(self._differences(raw, new, task_type))
        shown_first = islice(differences.items(), _LINES)
        first = f"of the first {len(self._samples):,}" if len(self._samples) < self._count else "of these"
        return Content("\n").join([
            Content.styled(f"{first}, {changed:,} would change", "bold"),
            *[Content(f"{one}{f'   in {count:,}' if count > 1 else ''}") for one, count in shown_first],
            *[Content.styled(f"{count:,}: {reason}", "$text-warning") for reason, count in reasons.most_common(2)],
        ])  # fmt: skip

    def _differences(self, raw: bytes, new: bytes, task_type: str) -> Iterator[str]:
        readings = [self._reader.best(one, task_type) for one in (raw, new)]
        section = payload_section(*[Read(one, self._redaction.reading(one)) for one in readings])
        return (clip(shown(row), _WIDTH) for row in section.shown(everything=False) if row.label != READ_AS)

    @on(Input.Submitted)
    @on(Button.Pressed, "#next")
    def _next(self, event: Input.Submitted | Button.Pressed) -> None:
        event.stop()
        try:
            self.dismiss(Assignments.parse(self._typed or [""]))
        except EditError as error:
            self.query_one("#does", Static).update(Content.styled(clip(str(error), 3 * _WIDTH), "$text-error"))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)
