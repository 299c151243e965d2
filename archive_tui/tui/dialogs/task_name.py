"""Asks for a task by its queue and id."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from archive_tui.text import encode
from archive_tui.tui import commands
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.widgets.entry import Entry


class TaskNameDialog(Dialog[tuple[str, bytes]]):
    """Answers a queue and an id as they were typed."""

    DEFAULT_CSS = """
    TaskNameDialog > Vertical { width: 76; }
    TaskNameDialog .field { height: 1; }
    TaskNameDialog .field Label { width: 8; color: $text; }
    TaskNameDialog Input { border: none; height: 1; width: 1fr; background: $field; padding: 0 1; }
    TaskNameDialog Static { color: $text-muted; margin-top: 1; height: auto; }
    TaskNameDialog Static.-wrong { color: $text-error; }
    """
    FIXED_HERE = (commands.CloseDialog, commands.Answer, commands.NextField)
    TITLE_IN_HELP = "Queue and id of a task"

    def __init__(self, title: str, queue: str) -> None:
        """`queue` is offered."""
        super().__init__()
        self._title, self._queue = title, queue

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            with Horizontal(classes="field"):
                yield Label("Id")
                yield Entry(placeholder="of the other task", id="task-id", compact=True)
            with Horizontal(classes="field"):
                yield Label("Queue")
                yield Entry(self._queue, placeholder="where it is", id="queue-name", compact=True)
            yield Static("enter compares, esc does not; tab goes to the queue")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        task_id, queue = (self.query_one(name, Input).value.strip() for name in ("#task-id", "#queue-name"))
        if task_id and queue:
            self.dismiss((queue, encode(task_id)))
            return
        problem = self.query_one(Static)
        problem.set_class(True, "-wrong")
        problem.update("an id is missing" if not task_id else "a queue is missing")
