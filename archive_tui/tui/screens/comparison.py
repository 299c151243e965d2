"""Two tasks beside each other, or one and those of its type that ended well: what differs, or everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.style import Style
from textual import events, on
from textual.app import ComposeResult

from archive_tui.asynq.task import Task
from archive_tui.comparison.layout import Tint, tinted_lines
from archive_tui.comparison.rows import Comparison
from archive_tui.comparison.tasks import compare
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.well_ended import WellEndedJob
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.rendering import TextDocument
from archive_tui.text import clip
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.task.search import TaskSearch
from archive_tui.tui.themes import BADGE
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.filterbar import FilterBar
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.tui.widgets.status import SECRETS_SHOWN
from archive_tui.wording.people import plural, size

_COPY_LIMIT = 100_000
"""Bytes above which terminals drop what is sent to their clipboard (OSC 52), or cut it off."""

_LOOK_EVERY = 0.2
"""Seconds between two looks whether anybody still waits for a job."""

_SHORT_ID, _SHOWN_ID = 14, 36
"""Characters of an id in the head: where there is little room, and of a UUID."""

_ROOMY = 120
"""Columns from which on the head has room for whole ids."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A task to compare, and who reads it."""

    queue: str
    id: bytes
    read: Callable[[str, bytes], Task]
    """Reads it in full; blocks. Raises NotFoundError, ConnectError and kin."""

    def task(self) -> Task:
        """Read it. Raises what `read` raises."""
        return self.read(self.queue, self.id)


class ComparisonView(DocumentView):
    """The comparison as lines. It is the only document of its screen that can be searched."""

    DEFAULT_CSS = """
    ComparisonView > .comparison--heading { text-style: bold; }
    ComparisonView > .comparison--same { color: $text-muted; }
    ComparisonView > .comparison--differs { color: $text-warning; }
    ComparisonView > .comparison--first { color: $text-error; }
    ComparisonView > .comparison--second { color: $text-success; }
    """
    COMPONENT_CLASSES = {f"comparison--{tint.name.lower()}" for tint in Tint}

    boxes_searched = ("comparison",)
    current = "comparison"
    alone = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tints: Sequence[Tint] = ()
        """What each line is; empty where there is no comparison."""

    def style_of(self, line: int) -> Style:
        tint = self.tints[line] if line < len(self.tints) else Tint.PLAIN
        return self.rich_style + self.get_component_rich_style(f"comparison--{tint.name.lower()}", partial=True)

    @property
    def views(self) -> tuple[DocumentView]:
        """Itself."""
        return (self,)

    def go_to(self, box: str, *, focus: bool = True) -> None:
        """It is where keys go already."""


class ComparisonScreen(CommandScreen):
    """A comparison. It reads both tasks itself, off the UI loop, and shows what they were then."""

    TITLE_IN_HELP = "Comparison"
    AUTO_FOCUS = "ComparisonView"
    COMMANDS_HERE = (
        commands.Stop,
        commands.SearchNext,
        commands.ShowAlike,
        commands.Search,
        commands.CopyComparison,
        commands.SearchPrevious,
        commands.ShowSecrets,
        commands.ReadAgain,
        commands.Back,
        commands.Leave,
    )
    PARTS = (TaskSearch,)

    def __init__(self, first: Compared, second: Compared | None) -> None:
        """`second` is None for those of its type that ended well."""
        super().__init__()
        self._first, self._second = first, second
        self._view = ComparisonView(id="comparison")
        self._search_bar = FilterBar(
            "in the comparison",
            label="search",
            anew=True,
            give_back=self._focus_view,
            beside=(commands.SearchNext,),
        )
        self.searching = TaskSearch(self, self._view, self._search_bar)
        self.parts = (self.searching,)
        self._everything = self._secrets = False
        self._comparison: Comparison | None = None
        self._job: WellEndedJob | None = None
        self._problem = ""
        self._ticket = self._answered = 0
        self._text = ""
        self._width = 0

    def _focus_view(self) -> None:
        self._view.focus()

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        yield self._view
        yield self._search_bar

    def on_mount(self) -> None:
        self._begin()

    def on_unmount(self) -> None:
        self._ticket += 1
        if self._job is not None:
            self._job.stop()

    def reading(self) -> bool:
        return self._answered != self._ticket or super().reading()

    def tick(self) -> None:
        if self._view.scrollable_content_region.width != self._width and self._comparison is not None:
            self._lay_out()
        self._draw_head()

    def _draw_head(self) -> None:
        room = _SHOWN_ID if self.size.width >= _ROOMY else _SHORT_ID
        other = clip(self._second.id, room) if self._second is not None else "those that ended well"
        parts = [Piece(title("compare", f"{clip(self._first.id, room)} and {other}"), cut=True)]
        if self._secrets:
            parts.append(piece(f" {SECRETS_SHOWN} ", BADGE))
        if self._problem:
            parts.append(piece(f"   {commands.ReadAgain} reads again", "$text-muted"))
        elif self._comparison is None:
            looked_at = f", {self._job.found.looked_at:,} looked at" if self._job is not None else ""
            trouble = self._job.trouble if self._job is not None else ""
            parts.append(piece(f"   {trouble or f'reading{looked_at}'}…", "$text-warning", cut=True))
        else:
            counted = plural(self._comparison.differing, "difference")
            parts.append(piece(f"   {counted}", "bold $text-accent", gives_way=2))
            alike = f"{self._comparison.same:,} {self._comparison.alike}"
            how = f"   {alike}, shown, too" if self._everything else f"   {alike}: {commands.ShowAlike} shows them"
            parts.append(piece(how if self._comparison.same else "", "$text-muted", gives_way=1))
        self.query_one("#head", HeadLine).show(parts)

    # Reading

    def _begin(self) -> None:
        self._ticket += 1
        self._comparison, self._problem = None, ""
        self._view.tints = ()
        self._view.show(TextDocument("", "reading…"))
        self._read(self._ticket, SHOWN if self._secrets else self.session.redaction)

    @background("read")
    def _read(self, ticket: int, redaction: Redaction) -> None:
        session = self.session
        try:
            first = self._first.task()
            if self._second is not None:
                comparison = compare(first, self._second.task(), session.payloads, redaction, session.clock())
            else:
                job = WellEndedJob(
                    session.reader, first.queue, first.type, session.payloads, redaction, leave_out=first.id
                )
                self._job = session.run(job)
                while not job.wait(_LOOK_EVERY):
                    if ticket != self._ticket:
                        job.stop()
                if job.error is not None:
                    raise job.error
                comparison = job.found.compare(first)
        except ArchiveTuiError as error:
            if ticket == self._ticket:
                self.app.call_from_thread(self._failed, ticket, str(error))
        else:
            if ticket == self._ticket:
                self.app.call_from_thread(self._arrived, ticket, comparison)

    def background_failed(self, group: str, error: Exception) -> None:
        """The comparison could not be made, or not laid out."""
        self._answered = self._ticket
        super().background_failed(group, error)

    def _failed(self, ticket: int, problem: str) -> None:
        if ticket == self._ticket and self.is_mounted:
            self._answered = ticket
            self._problem = problem
            self._view.show(TextDocument("", problem))
            self.look()

    def _arrived(self, ticket: int, comparison: Comparison) -> None:
        if ticket == self._ticket and self.is_mounted:
            self._comparison = comparison
            self._lay_out()

    @on(events.Resize)
    def _resized(self) -> None:
        self.call_after_refresh(self.look)

    def _lay_out(self) -> None:
        """Lay the comparison out for the room there is, off the UI loop: it may have thousands of rows."""
        if self._comparison is not None:
            self._ticket += 1
            self._width = max(self._view.scrollable_content_region.width, 1)
            self._lay(self._ticket, self._comparison, self._width, self._everything)

    @background("layout")
    def _lay(self, ticket: int, comparison: Comparison, width: int, everything: bool) -> None:
        lines = tinted_lines(comparison, width, everything=everything)
        text = "\n".join(text for text, _ in lines)
        document = TextDocument("", text)
        self.app.call_from_thread(self._laid_out, ticket, text, document, [tint for _, tint in lines])

    def _laid_out(self, ticket: int, text: str, document: TextDocument, tints: Sequence[Tint]) -> None:
        if ticket != self._ticket or not self.is_mounted:
            return
        self._answered = ticket
        self._text = text
        self._view.tints = tints
        self._view.show(document)
        self.searching.documents_changed()
        self.look()

    @runs(commands.ReadAgain)
    def read_again(self) -> None:
        """Read both again, and compare them anew."""
        self._begin()

    def why_not_stop(self) -> str | None:
        """Why there is nothing to stop."""
        return None if self._job is not None and not self._job.state.ended else "nothing is running"

    @runs(commands.Stop, unless=why_not_stop)
    def stop(self) -> None:
        """Stop reading those that ended well, and compare with what was read."""
        if self._job is not None:
            self._job.stop()

    # Looking

    def why_not_look(self) -> str | None:
        """Why there is no comparison to look at."""
        return None if self._comparison is not None else self._problem or "still reading"

    @runs(commands.ShowAlike, unless=why_not_look)
    def show_alike(self) -> None:
        """Show also what is the same, or only what differs."""
        self._everything = not self._everything
        self._lay_out()

    def why_not_show_secrets(self) -> str | None:
        """Why there is nothing to show or to mask."""
        return None if self.session.redaction.on else "nothing is masked in this session"

    @runs(commands.ShowSecrets, unless=why_not_show_secrets)
    def show_secrets(self) -> None:
        """Show what is masked, or mask it again."""
        self._secrets = not self._secrets
        self._begin()
        if self._secrets:
            self.say(f"everything of both is shown, and copied: {commands.ShowSecrets} masks it again", warning=True)

    @on(FilterBar.Submitted)
    def _search_submitted(self, event: FilterBar.Submitted) -> None:
        event.stop()
        self.searching.submitted()

    @on(FilterBar.Changed)
    def _search_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.searching.text_changed()

    @runs(commands.CopyComparison, unless=why_not_look)
    def copy(self) -> None:
        """Send the comparison, as it is laid out, to the terminal's clipboard."""
        length = len(self._text.encode())
        if length > _COPY_LIMIT:
            self.say(
                f"{size(length)} is too much for a terminal's clipboard: `archive-tui compare` prints it", warning=True
            )
            return
        self.app.copy_to_clipboard(self._text)
        self.say("sent to the terminal's clipboard; if it does not arrive, `archive-tui compare` prints it")

    @runs(commands.Back)
    def back(self) -> None:
        """Undo the search, then leave."""
        if not self._search_bar.clear():
            self.run_command(commands.Leave)
