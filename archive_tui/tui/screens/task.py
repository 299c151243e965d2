"""One task in full: payload, error and facts; next and previous without leaving."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content

from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.task import Task
from archive_tui.catalog.view import GONE, View
from archive_tui.errors import ArchiveTuiError, NotFoundError
from archive_tui.payloads.rendering import Document, TextDocument, document
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.save import SaveDialog
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.fitted import FittedText, hang
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.wording.people import size
from archive_tui.wording.task import facts

_COPY_LIMIT = 100_000
"""Terminals drop or truncate OSC 52 above about this many bytes."""

_FACTS_EVERY = 5.0
"""Seconds after which the times among the facts count on."""

_LABEL = 12


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task as it was read, with its payload made readable."""

    task: Task
    """The task as it stands in Redis, or as a journal holds it."""

    payload: Document
    """The payload as lines."""

    error: Document
    """The error message as lines."""

    read_at: float
    """When it was read, in unix seconds."""


class TaskScreen(CommandScreen):
    """The task at an index of a view; the view stands still while this screen is open."""

    TITLE_IN_HELP = "Task"
    AUTO_FOCUS = "#payload"
    COMMANDS_HERE = (
        commands.NextTask,
        commands.PreviousTask,
        commands.Search,
        commands.SearchNext,
        commands.Copy,
        commands.CopyId,
        commands.Save,
        commands.Wrap,
        commands.ReadAgain,
        commands.Back,
        commands.Leave,
    )
    CSS = """
    TaskScreen #task { height: 1fr; layout: horizontal; }
    TaskScreen #facts-box { width: 44%; max-width: 54; scrollbar-gutter: stable; }
    TaskScreen #texts { width: 1fr; }
    TaskScreen .box { border: round $line; border-title-color: $text-muted; background: $background; }
    TaskScreen .box:focus-within { border: round $primary; }
    TaskScreen #payload-box { height: 2fr; min-height: 4; }
    TaskScreen #error-box { height: auto; max-height: 40%; min-height: 3; }
    TaskScreen #error { height: auto; max-height: 100%; }
    TaskScreen #facts { height: auto; }
    TaskScreen DocumentView { background: $background; }
    TaskScreen.-narrow #task { layout: vertical; }
    TaskScreen.-narrow #texts { width: 100%; height: 3fr; }
    TaskScreen.-narrow #facts-box { width: 100%; max-width: 100%; height: 2fr; }
    """

    def __init__(self, view: View, index: int, breadcrumb: str, moved: Callable[[int], object], *, final: bool) -> None:
        """`moved` is told the key of the task that is shown, so that the table below can follow; `final` says that
        the view will not grow.
        """
        super().__init__()
        self._moved = moved
        self._final = final
        self._view = view
        self._index = index
        self._breadcrumb = breadcrumb
        self._loaded: Loaded | None = None
        self._ticket = self._answered = 0
        self._facts: list[str | tuple[str, str]] = []
        self._facts_at = 0.0

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        with Container(id="task"):
            with Vertical(id="texts"):
                with Vertical(id="payload-box", classes="box"):
                    yield DocumentView(id="payload")
                with Vertical(id="error-box", classes="box"):
                    yield DocumentView(id="error")
            with VerticalScroll(id="facts-box", classes="box"):
                yield FittedText(id="facts")
        yield FilterBar("in the payload", label="search")

    def on_mount(self) -> None:
        self.query_one("#payload-box").border_title = "Payload"
        self.query_one("#error-box").border_title = "Error"
        self.query_one("#facts-box").border_title = "Facts"
        self.on_resize()
        self._load()

    def on_resize(self) -> None:
        narrow = self.size.width < 100
        self.set_class(narrow, "-narrow")
        task = self.query_one("#task")
        texts, facts_box = self.query_one("#texts"), self.query_one("#facts-box")
        if narrow:
            task.move_child(texts, before=facts_box)
        else:
            task.move_child(facts_box, before=texts)

    def reading(self) -> bool:
        return self._answered != self._ticket

    def tick(self) -> None:
        self._draw_head()
        if self.now() - self._facts_at >= _FACTS_EVERY:
            self._draw_facts()

    @property
    def _row(self) -> TaskRow | None:
        rows = self._view.page(self._index, 1)
        return rows[0] if rows and rows[0] is not GONE else None

    def _draw_head(self) -> None:
        row = self._row
        name = line(row.id[:200]) if row is not None else "(gone)"
        position = Content.styled(
            f"{self._index + 1:,} of {'' if self._final else '≥ '}{len(self._view):,}", "$text-muted"
        )
        width = self.size.width - 3 - position.cell_length
        path = title(self._breadcrumb, name).truncate(max(width, 0), ellipsis=True)
        gap = max(width - path.cell_length, 1)
        self.query_one("#head", HeadLine).show(Content.assemble(path, " " * gap, position))

    # Reading

    def _load(self) -> None:
        """Read the task off the UI loop; what was asked for before does not replace what is asked for now."""
        self._ticket += 1
        row = self._row
        if row is None:
            self._answered = self._ticket
            self._show_problem("this task has left the list: it was deleted")
            return
        self._show_problem("reading…")
        self._read(self._ticket, row.queue, row.id)

    @background("read")
    def _read(self, ticket: int, queue: str, task_id: bytes) -> None:
        try:
            task = self.read_task(queue, task_id)
            loaded = Loaded(task, document(task.payload), _error_document(task), self.session.clock())
        except ArchiveTuiError as error:
            self.app.call_from_thread(self._failed, ticket, error)
        else:
            self.app.call_from_thread(self._arrived, ticket, loaded)

    def read_task(self, queue: str, task_id: bytes) -> Task:
        """One task in full; blocks. Raises NotFoundError, ConnectError and kin."""
        return self.session.read_task(queue, task_id)

    def facts_of(self, task: Task, read_at: float) -> Iterable[tuple[str, str]]:
        """What there is to say about it beside payload and error; it was read at `read_at` (unix seconds)."""
        return facts(task, self.session.clock(), read_at)

    def _failed(self, ticket: int, error: ArchiveTuiError) -> None:
        if ticket != self._ticket or not self.is_mounted:
            return
        self._answered = ticket
        if isinstance(error, NotFoundError):
            self._show_problem(str(error))
        else:
            self._show_problem(f"{error} ({commands.ReadAgain} reads again)")

    def _show_problem(self, problem: str) -> None:
        self._loaded, self._facts = None, []
        self.query_one("#payload", DocumentView).show(TextDocument("", problem))
        self.query_one("#error", DocumentView).show(TextDocument("", ""))
        self.query_one("#facts", FittedText).write(lambda width: Content(""))
        self._title_payload("Payload")

    def _arrived(self, ticket: int, loaded: Loaded) -> None:
        if ticket != self._ticket or not self.is_mounted:
            return
        self._answered = ticket
        self._loaded = loaded
        task = loaded.task
        self.query_one("#payload", DocumentView).show(loaded.payload)
        self._title_payload(f"Payload · {loaded.payload.format} · {size(len(task.payload))}")
        error_view = self.query_one("#error", DocumentView)
        error_view.show(loaded.error)
        self._draw_facts()

    def _draw_facts(self) -> None:
        """Draw the facts where one of them has changed: their times count on."""
        loaded = self._loaded
        self._facts_at = self.session.clock()
        if loaded is None:
            return
        parts: list[str | tuple[str, str]] = []
        for label, value in self.facts_of(loaded.task, loaded.read_at):
            first, *rest = value.split("\n")
            parts += [(f"{label:<{_LABEL}}", "$text-muted"), f"{first}\n"]
            for more in rest:
                parts += [" " * _LABEL, (f"{more}\n", "$text-muted")]
        if parts != self._facts:
            self._facts = parts
            self.query_one("#facts", FittedText).write(partial(_hang, parts))

    def _title_payload(self, words: str) -> None:
        self.query_one("#payload-box").border_title = Content(words)

    # Commands

    def why_not_next_task(self) -> str | None:
        return "this is the last task of the list" if self._index + 1 >= len(self._view) else None

    @runs(commands.NextTask, unless=why_not_next_task)
    def next_task(self) -> None:
        self._go(self._index + 1)

    def why_not_previous_task(self) -> str | None:
        return "this is the first task of the list" if self._index == 0 else None

    @runs(commands.PreviousTask, unless=why_not_previous_task)
    def previous_task(self) -> None:
        self._go(self._index - 1)

    def _go(self, index: int) -> None:
        self._index = index
        self.query_one(FilterBar).clear()
        self._draw_head()
        self._load()
        self._moved(self._view.key(index))

    @runs(commands.ReadAgain)
    def read_again(self) -> None:
        self._load()

    def why_not_copy(self) -> str | None:
        return "nothing was read" if self._loaded is None else None

    @runs(commands.Copy, unless=why_not_copy)
    def copy(self) -> None:
        if self._loaded is None:
            return
        plain = self._loaded.payload.plain()
        if len(plain) > _COPY_LIMIT:
            self.say(f"{size(len(plain))} is too much for a terminal's clipboard: e saves it to a file", warning=True)
            return
        self.app.copy_to_clipboard(plain.decode("utf-8", "replace"))
        self.say("sent to the terminal's clipboard; if it does not arrive, e saves to a file")

    @runs(commands.CopyId)
    def copy_id(self) -> None:
        row = self._row
        if row is not None:
            self.app.copy_to_clipboard(row.id.decode("utf-8", "replace"))
            self.say("id sent to the terminal's clipboard")

    @runs(commands.Save, unless=why_not_copy)
    def save(self) -> None:
        if self._loaded is None:
            return
        task = self._loaded.task
        ending = {"JSON": "json", "text": "txt"}.get(self._loaded.payload.format, "bin")
        stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in clip(task.id, 80))
        self.app.push_screen(SaveDialog(f"{stem.lstrip('.') or 'payload'}.{ending}"), partial(self._save, task))

    def _save(self, task: Task, name: str | None) -> None:
        """Save the payload of the task that was asked for, whichever is shown by now."""
        if name is None:
            return
        path = Path(name)
        try:
            path = path.expanduser()
            _write_private(path, task.payload)
        except FileExistsError:
            self.say(f"{line(str(path))} exists already: choose another name", warning=True)
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.say(f"not saved: {line(str(path))}: {reason}", warning=True)
        else:
            self.say(f"saved {size(len(task.payload))} to {line(str(path.absolute()))}")

    @runs(commands.Search)
    def search(self) -> None:
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _search_changed(self, event: FilterBar.Changed) -> None:
        self._search(event.text, following=False)

    @runs(commands.SearchNext)
    def search_next(self) -> None:
        self._search(self.query_one(FilterBar).text, following=True)

    def _search(self, needle: str, *, following: bool) -> None:
        found = self.query_one("#payload", DocumentView).search(needle, following=following)
        if needle and not found:
            self.say("not found")

    @runs(commands.Wrap)
    def wrap(self) -> None:
        views = self.query(DocumentView)
        wrap = not self.query_one("#payload", DocumentView).wrap
        for view in views:
            view.wrap = wrap
        self.say("long lines are broken" if wrap else "long lines scroll sideways")

    @runs(commands.Back)
    def back(self) -> None:
        if not self.query_one(FilterBar).clear():
            self.app.pop_screen()


def _error_document(task: Task) -> Document:
    if task.message is None or not task.message.error_msg:
        return TextDocument("", "(none)")
    return TextDocument("", task.message.error_msg)


def _write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read; payloads hold personal data. Never overwrites."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _hang(parts: list[str | tuple[str, str]], width: int) -> Content:
    """Labels and values as one text; long values are broken, at words if they have any, and indented."""
    pieces: list[Content] = []
    room = max(width - _LABEL, 8)
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        body = text.removesuffix("\n")
        if len(body) > room and body.strip():
            text = hang(body, room, _LABEL) + text[len(body) :]
        pieces.append(Content.styled(text, style))
    return Content("").join(pieces).rstrip()
