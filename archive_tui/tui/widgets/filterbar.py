"""The line in which a filter is typed; hidden while there is none."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from archive_tui.tui.widgets.entry import Entry


class _FilterEntry(Entry):
    """Gives the focus back in the same moment as enter is pressed: keys that follow fast are for the rows."""

    async def action_submit(self) -> None:
        for bar in self.ancestors:
            if isinstance(bar, FilterBar):
                bar.submit()


class FilterBar(Vertical):
    """Posts `Changed` while the operator types. Enter goes back to the rows, Escape clears. A line below says what can
    be typed, as long as it is being typed, or what is wrong with it.
    """

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; background: $surface; }
    FilterBar Horizontal { height: 1; }
    FilterBar #hint { height: 1; color: $text-muted; padding: 0 1 0 3; text-wrap: nowrap; text-overflow: ellipsis;
        display: none; }
    FilterBar #hint.-wrong { color: $text-error; display: block; }
    FilterBar.-typing #hint.-helpful { display: block; }
    FilterBar Label { color: $text-accent; text-style: bold; padding: 0 1; }
    FilterBar #note { width: auto; height: 1; color: $text-muted; padding: 0 1; display: none; }
    FilterBar #note.-said { display: block; }
    FilterBar #note.-wrong { color: $text-warning; }
    FilterBar Input { border: none; height: 1; padding: 0; background: $surface; width: 1fr; }
    """

    BINDINGS = [Binding("escape", "clear", show=False, id="clear-filter")]

    class Changed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Changed)

    def __init__(
        self,
        placeholder: str,
        *,
        label: str = "/",
        hint: str = "",
        give_back: Callable[[], None] | None = None,
        id: str | None = None,
    ) -> None:
        """`give_back` gives the focus to what is looked through, once nothing is typed any more; None: the table."""
        super().__init__(id=id)
        self._give_back = give_back
        self._hint = hint
        self._placeholder = placeholder
        self._label = label

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self._label)
            yield _FilterEntry(placeholder=self._placeholder, compact=True)
            yield Static(id="note")
        yield Static(Content(self._hint), id="hint", classes="-helpful" if self._hint else "")

    @property
    def text(self) -> str:
        """What is looked for; empty for everything."""
        return self._input.value if self.is_mounted and self.query(Input) else ""

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    @property
    def wrong(self) -> bool:
        """Whether what is typed cannot be read."""
        return self.query_one("#hint").has_class("-wrong")

    def complain(self, reason: str) -> None:
        """Say what is wrong with the text (one safe line), or, with nothing to say, that it is fine again."""
        hint = self.query_one("#hint", Static)
        hint.set_class(bool(reason), "-wrong")
        hint.update(Content(reason or self._hint))

    def note(self, said: str, *, wrong: bool = False) -> None:
        """Say at the end of the line what came of the text (one safe line); empty: nothing."""
        note = self.query_one("#note", Static)
        note.set_class(bool(said), "-said")
        note.set_class(wrong, "-wrong")
        note.update(Content(said))

    @property
    def is_open(self) -> bool:
        """Whether the line is on screen."""
        return bool(self.display)

    def open(self) -> None:
        """Show the line and type into it."""
        self.display = True
        self.add_class("-typing")
        self.screen.set_focus(self._input)  # at once: what is typed next belongs here

    def write(self, text: str) -> None:
        """Show a text that was not typed, as if it had been; nobody is told. An empty one hides the line."""
        with self._input.prevent(Input.Changed):
            self._input.value = text
        self.complain("")
        self.display = bool(text) or self._input.has_focus

    def clear(self) -> bool:
        """Forget the text and hide the line; False where there was nothing to forget."""
        was = self.is_open
        self._input.value = ""
        self.complain("")
        self.display = False
        self._leave()
        return was

    def action_clear(self) -> None:
        """Escape here closes this line and does nothing else."""
        self.clear()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def submit(self) -> None:
        """Go back to the rows; an empty line is hidden."""
        if not self._input.value:
            self.display = False
        self._leave()

    def _leave(self) -> None:
        """Give the focus back to what is filtered."""
        self.remove_class("-typing")
        if self._give_back is not None:
            self._give_back()
            return
        for kind in ("VirtualTable", "OptionList"):  # these only where the rows are out of sight
            for widget in self.screen.query(kind).results():
                if widget.focusable:
                    self.screen.set_focus(widget)
                    return
