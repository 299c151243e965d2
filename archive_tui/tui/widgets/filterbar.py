"""The line in which a filter is typed; hidden while there is none."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from archive_tui.text import line
from archive_tui.tui import commands
from archive_tui.tui.widgets.entry import Entry


class Suggestion(NamedTuple):
    """A text that may take the place of what is typed."""

    label: str
    """What people choose by; safe to show, on one line."""

    text: str
    """The whole text."""

    cursor: int
    """Where the cursor stands in it."""


class Assistant(Protocol):
    """Helps to type."""

    def suggest(self, text: str, cursor: int) -> Sequence[Suggestion]:
        """How the text may go on at its cursor."""

    def recall(self, part: str) -> Sequence[str]:
        """What was typed before and holds this part, the last first."""

    def remember(self, text: str) -> None:
        """Take note of a text that was typed."""

    def save(self, text: str) -> None:
        """Keep a text under a name, which is asked for."""


class _FilterEntry(Entry):
    """Gives the focus back in the same moment as enter is pressed: keys that follow fast are for the rows."""

    BINDINGS = [
        commands.CompleteFilter.binding("complete(1)"),
        commands.CompleteFilterBack.binding("complete(-1)"),
        commands.OlderFilter.binding("recall(1)"),
        commands.NewerFilter.binding("recall(-1)"),
        commands.FindFilter.binding("find"),
        commands.SaveFilter.binding("save"),
    ]

    @property
    def _bar(self) -> "FilterBar":
        return next(bar for bar in self.ancestors if isinstance(bar, FilterBar))

    async def action_submit(self) -> None:
        self._bar.submit()

    def action_complete(self, direction: int) -> None:
        """Take the next suggestion, or the one before."""
        self._bar.complete(direction)

    def action_recall(self, direction: int) -> None:
        """Take the text that was typed before, or the one after it."""
        self._bar.recall(direction)

    def action_find(self) -> None:
        """Take the last text that holds what is typed; once more, the one before it."""
        self._bar.find()

    def action_save(self) -> None:
        """Give the text a name."""
        self._bar.save()


class FilterBar(Vertical):
    """Posts `Changed` while the operator types. Enter goes back to the rows, Escape clears. A line below says what can
    be typed, as long as it is being typed, or what is wrong with it.
    """

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; background: $surface; }
    FilterBar Horizontal { height: 1; }
    FilterBar #hint { height: 1; color: $text-muted; padding: 0 1 0 3; text-wrap: nowrap; text-overflow: ellipsis;
        display: none; }
    FilterBar #hint.-wrong { color: $text-error; display: block; height: auto; max-height: 3; text-wrap: wrap; }
    FilterBar.-typing #hint.-helpful { display: block; }
    FilterBar Label { color: $text-accent; text-style: bold; padding: 0 1; }
    FilterBar #note { width: auto; height: 1; color: $text-muted; padding: 0 1; display: none; }
    FilterBar #note.-said { display: block; }
    FilterBar #note.-wrong { color: $text-warning; }
    FilterBar Input { border: none; height: 1; padding: 0; background: $surface; width: 1fr; }
    """

    BINDINGS = [commands.ClearFilter.binding("clear")]

    class Changed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Changed)

    class Submitted(Message):
        """The operator is through with the text."""

    def __init__(
        self,
        placeholder: str,
        *,
        label: str = "/",
        hint: str = "",
        anew: bool = False,
        give_back: Callable[[], None] | None = None,
        assistant: Assistant | None = None,
        beside: Sequence[type[commands.Command]] = (),
        id: str | None = None,
    ) -> None:
        """With `anew`, what is typed takes the place of the text that is there, since something else is looked for;
        without, it goes on with that. `give_back` gives the focus to what is looked through, once nothing is typed any
        more; None: the table. Without an `assistant` its keys do what they do elsewhere. `beside` are
        commands of the screen whose keys can be pressed while something is typed.
        """
        super().__init__(id=id)
        self._assistant = assistant
        self._beside = beside
        self._menu: Sequence[Suggestion] = ()
        self._at = 0
        self._draft = ""
        self._reason = ""
        self._give_back = give_back
        self._hint = hint
        self._anew = anew
        self._placeholder = placeholder
        self._label = label

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Label(self._label)
            yield _FilterEntry(placeholder=self._placeholder, compact=True, select_on_focus=self._anew)
            yield Static(id="note")
        yield Static(Content(self._hint), id="hint", classes="-helpful" if self._hint else "")

    @property
    def text(self) -> str:
        """What is looked for; empty for everything."""
        return self._input.value if self.is_mounted and self.query(Input) else ""

    @property
    def keys_while_typing(self) -> Mapping[type[commands.Command], Callable[[], object] | None]:
        """What keys do while something is typed, the most useful first, and what does it; None: the screen does."""
        helping: dict[type[commands.Command], Callable[[], object] | None] = {
            commands.CompleteFilter: partial(self.complete, 1),
            commands.OlderFilter: partial(self.recall, 1),
            commands.FindFilter: self.find,
            commands.SaveFilter: self.save,
        }
        return {
            commands.EndFilter: self.submit,
            commands.ClearFilter: self.clear,
            **(helping if self._assistant is not None else {}),
            **dict.fromkeys(self._beside),
        }

    @property
    def shown(self) -> str:
        """The text that stands on the screen; empty where the line is hidden."""
        return self.text if self.is_open else ""

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    @property
    def wrong(self) -> bool:
        """Whether what is typed cannot be read."""
        return self.query_one("#hint").has_class("-wrong")

    @property
    def typing(self) -> bool:
        """Whether somebody types."""
        return self.has_class("-typing")

    @property
    def typing_at_end(self) -> bool:
        """Whether somebody types, and what they type next stands at the end of the text."""
        return self.typing and self._input.cursor_position >= len(self._input.value)

    def conclude(self, reason: str) -> None:
        """Say what is wrong with the text that somebody is through with; with nothing to say, remember it."""
        self.complain(reason)
        if self._assistant is not None and self._input.value and not reason:
            self._assistant.remember(self._input.value)

    def complain(self, reason: str) -> None:
        """Say what is wrong with the text (one safe line), or, with nothing to say, that it is fine again."""
        self._reason = reason
        self._draw_hint()

    def _draw_hint(self) -> None:
        """Draw the suggestions, what is wrong, or what can be typed."""
        hint = self.query_one("#hint", Static)
        choosing = bool(self._menu) and self._input.value == self._menu[self._at].text
        hint.set_class(bool(self._reason) and not choosing, "-wrong")
        if not choosing:
            hint.update(Content(self._reason or self._hint))
            return
        parts: list[str | tuple[str, str]] = [f"{self._at + 1}/{len(self._menu)}  "]
        for number, one in enumerate(self._menu[self._at :]):
            parts += [(one.label, "reverse" if not number else ""), "  "]
        hint.update(Content.assemble(*parts))

    # Help with typing

    def complete(self, direction: int) -> None:
        """Take the next suggestion (1), or the one before (-1)."""
        if self._assistant is None:
            raise SkipAction
        if not self._chosen or len(self._menu) == 1:  # with one there is nothing to choose: go on behind it
            self._offer(self._assistant.suggest(self._input.value, self._input.cursor_position), direction)
        else:
            self._choose(self._at + direction)

    def find(self) -> None:
        """Take the last text that holds what is typed; once more, the one before it."""
        if self._assistant is None:
            raise SkipAction
        if self._chosen:
            self._choose(self._at + 1)
        else:
            self._offer_typed(self._input.value)

    def recall(self, direction: int) -> None:
        """Take the text that was typed before (1), or the one after it (-1): in the end the one that was begun."""
        if self._assistant is None:
            raise SkipAction
        if not self._chosen and direction > 0:
            self._offer_typed("")
        elif self._chosen and self._at + direction < 0:
            self._menu = ()
            self._set(self._draft, len(self._draft))
        elif self._chosen:
            self._choose(min(self._at + direction, len(self._menu) - 1))

    def save(self) -> None:
        """Give the text a name."""
        if self._assistant is None:
            raise SkipAction
        if self._input.value.strip() and not self.wrong:
            self._assistant.save(self._input.value)

    @property
    def _chosen(self) -> bool:
        """Whether what stands in the line was taken from the suggestions."""
        return bool(self._menu) and self._input.value == self._menu[self._at].text

    def _offer_typed(self, part: str) -> None:
        texts = self._assistant.recall(part) if self._assistant is not None else ()
        self._offer([Suggestion(line(text), text, len(text)) for text in texts if text != self._input.value], 1)

    def _offer(self, suggestions: Sequence[Suggestion], direction: int) -> None:
        self._draft = self._input.value
        self._menu = suggestions
        if suggestions:
            self._choose(0 if direction > 0 else -1)

    def _choose(self, at: int) -> None:
        self._at = at % len(self._menu)
        one = self._menu[self._at]
        self._set(one.text, one.cursor)

    def _set(self, text: str, cursor: int) -> None:
        self._input.value = text
        self._input.cursor_position = cursor
        self._draw_hint()

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
        self._input.cursor_position = len(self._input.value)
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
        self._menu = ()
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
        self._menu = ()
        self._draw_hint()
        self._leave()
        self.post_message(self.Submitted())

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
