"""The connection page: the server and its nodes, what our user may do there, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from archive_tui.store.facts import Connection
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, background
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.dialog import TONES
from archive_tui.tui.widgets.fitted import FittedText, hang
from archive_tui.tui.widgets.headline import HeadLine, title
from archive_tui.tui.widgets.page import Page
from archive_tui.tui.widgets.pieces import Piece, piece
from archive_tui.wording.attention import Notice, notices
from archive_tui.wording.connection import Row, as_text, missing_rows, node_rows, server_rows, user_rows
from archive_tui.wording.people import plural

_WIDE = 120
"""Columns from which server and user stand side by side."""

_LABEL = 11
_LEAST = 20
"""Cells for texts, however narrow the page is."""

_EVERY, _THIN_EVERY = 2.0, 10.0
"""Seconds between two readings, and for `--low-bandwidth`."""

_READING = "read"


class ConnectionScreen(CommandScreen):
    """What there is to know about the other end; refreshes by itself."""

    TITLE_IN_HELP = "Connection"
    AUTO_FOCUS = "Page"
    COMMANDS_HERE = (
        commands.CopyConnection,
        commands.ReadConnection,
        commands.PauseRefresh,
        commands.Back,
        commands.Leave,
    )
    CSS = """
    ConnectionScreen Page { height: 1fr; padding: 0 1; }
    ConnectionScreen #warnings, ConnectionScreen #nodes { height: auto; margin-bottom: 1; }
    ConnectionScreen #columns { height: auto; }
    ConnectionScreen #server { width: 1fr; height: auto; }
    ConnectionScreen #rest { width: 1fr; height: auto; margin-left: 3; }
    ConnectionScreen.-narrow #columns { layout: vertical; }
    ConnectionScreen.-narrow #server { width: 100%; margin-bottom: 1; }
    ConnectionScreen.-narrow #rest { width: 100%; margin-left: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._connection: Connection | None = None
        self._asked_at: float | None = None
        self._under_way = False
        self._drawn: object = None

    def body(self) -> ComposeResult:
        yield HeadLine(id="head")
        with Page():
            yield FittedText(id="warnings")
            yield FittedText(id="nodes")
            with Horizontal(id="columns"):
                yield FittedText(id="server")
                yield FittedText(id="rest")

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        self.set_class(self.app.size.width < _WIDE, "-narrow")

    def reading(self) -> bool:
        return self._connection is None

    # Reading

    def tick(self) -> None:
        every = _THIN_EVERY if self.session.settings.low_bandwidth else _EVERY
        now = self.session.stopwatch()
        due = self._asked_at is None or (now - self._asked_at >= every and not self.session.watch.paused)
        if due and not self._under_way and self.on_top:
            self._ask(self._connection)
        self._draw()

    def _ask(self, before: Connection | None) -> None:
        self._under_way = True
        self._asked_at = self.session.stopwatch()
        self._read(before)

    @background(_READING)
    def _read(self, before: Connection | None) -> None:
        connection = self.session.connection(before)
        self.app.call_from_thread(self._arrived, connection)

    def _arrived(self, connection: Connection) -> None:
        self._under_way = False
        self._connection = connection
        if self.is_mounted:
            self.look()

    def background_failed(self, group: str, error: Exception) -> None:
        if group == _READING:
            self._under_way = False
        super().background_failed(group, error)

    # Drawing

    def _draw(self) -> None:
        connection, now = self._connection, self.now()
        found = notices(connection, now) if connection is not None else []
        self._draw_head(connection, found)
        if connection is None:
            return
        nodes, server = node_rows(connection), server_rows(connection, now)
        user, missing = user_rows(connection), missing_rows(connection)
        drawn = (found, nodes, server, user, missing)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        noticed = self.query_one("#warnings", FittedText)
        noticed.display = bool(found)
        noticed.write(lambda width: _sentences(found, width))
        self.query_one("#nodes", FittedText).write(lambda width: _section("", nodes, width))
        self.query_one("#server", FittedText).write(lambda width: _section("Server", server, width))
        self.query_one("#rest", FittedText).write(
            lambda width: Content("\n\n").join(
                [_section("You", user, width), _section("Missing here, and what you lose by it", missing, width)]
            )
        )

    def _draw_head(self, connection: Connection | None, found: Sequence[Notice]) -> None:
        parts = [Piece(title("connection"), cut=True)]
        if connection is None:
            parts.append(piece("   asking the server…", "$text-muted"))
        elif found:
            tone = "bold $text-error" if found[0].danger else "bold $text-warning"
            parts.append(piece(f"   ⚠ {plural(len(found), 'thing')} to look at", tone))
        else:
            parts.append(piece("   nothing needs attention", "$text-success"))
        self.query_one("#head", HeadLine).show(parts)

    # Commands

    def why_not_copy(self) -> str | None:
        """Why there is nothing to copy."""
        return "nothing was read yet" if self._connection is None else None

    @runs(commands.CopyConnection, unless=why_not_copy)
    def copy(self) -> None:
        """Send the page as text to the terminal's clipboard."""
        if self._connection is not None:
            self.app.copy_to_clipboard("\n".join(as_text(self._connection, self.now())) + "\n")
            self.say("sent to the terminal's clipboard; `archive-tui connection` prints the same")

    def why_not_read(self) -> str | None:
        """Why nothing is read now."""
        return "still waiting for the last answer" if self._under_way else None

    @runs(commands.ReadConnection, unless=why_not_read)
    def read_again(self) -> None:
        """Read everything again."""
        self._ask(None)

    @runs(commands.PauseRefresh)
    def pause_refresh(self) -> None:
        """Stop refreshing by itself, or go on."""
        watch = self.session.watch
        (watch.resume if watch.paused else watch.pause)()

    def why_not_connection(self) -> str | None:
        return "this is the connection page"

    @runs(commands.Back)
    def back(self) -> None:
        self.run_command(commands.Leave)


def _sentences(found: Sequence[Notice], width: int) -> Content:
    """What needs attention, each with its sign."""
    room = max(width - 2, _LEAST)
    return Content("\n").join(
        Content.styled(f"⚠ {hang(one.sentence, room, 2)}", "bold $text-error" if one.danger else "$text-warning")
        for one in found
    )


def _section(heading: str, rows: Sequence[Row], width: int) -> Content:
    """A heading, and below it labels with their texts, on lines of so many cells."""
    indent = max([_LABEL, *(len(row.label) + 2 for row in rows)])
    room = max(width - indent, _LEAST)
    parts: list[str | tuple[str, str]] = [(f"{heading}\n", "bold $text-accent")] if heading and rows else []
    for row in rows:
        if not row.label:
            parts.append((f"{hang(row.text, max(width, _LEAST), 0)}\n", TONES[row.tone]))
            continue
        text = f"\n{' ' * indent}".join(_broken(line, room, indent) for line in row.text.split("\n"))
        parts.append((f"{row.label:<{indent}}", "$text-muted"))
        if row.spark:
            spark = row.spark[-room:]
            between = "  " if len(spark) + 2 + len(row.text) <= room else f"\n{' ' * indent}"
            parts += [(spark, "$text-accent"), between]
        parts.append((f"{text}\n", TONES[row.tone]))
    return Content.assemble(*parts).rstrip()


def _broken(line: str, room: int, indent: int) -> str:
    """A line in its columns where there is room for it; else broken at words, the rest farther to the right."""
    if len(line) <= room:
        return line
    return hang(line, max(room - 2, _LEAST), indent + 2) if "  " in line else hang(line, room, indent)
