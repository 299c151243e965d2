"""The base of all dialogs. While one is open, no key of the screen below works."""

from collections.abc import Mapping
from time import monotonic
from typing import TypeVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from archive_tui.changes.sheet import Tone

Answer = TypeVar("Answer")

TONES: Mapping[Tone, str] = {
    Tone.PLAIN: "",
    Tone.QUIET: "$text-muted",
    Tone.CAUTION: "$text-warning",
    Tone.DANGER: "$text-error",
}
"""The style of each tone."""


class Dialog(ModalScreen[Answer | None]):
    """A box in the middle; Escape answers None, which means: nothing."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; }
    Dialog > Vertical {
        width: auto; min-width: 40; max-width: 96%; height: auto; max-height: 96%;
        background: $surface; border: round $primary; padding: 0 1; overflow-y: auto;
        border-title-color: $text; border-title-style: bold;
    }
    Dialog .buttons { height: auto; width: 100%; align-horizontal: right; margin-top: 1; }
    Dialog Button { margin-left: 2; min-width: 10; border: none; height: 1; background: $field; }
    Dialog Button:focus { background: $primary; color: $on-accent; text-style: bold; }
    """
    BINDINGS = [Binding("escape", "answer_nothing", "back", show=False, id="close-dialog")]

    def action_answer_nothing(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class GuardedDialog(Dialog[Answer]):
    """A dialog that somebody must have seen before they answer it: keys that were typed ahead are dropped."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._seen_since: float | None = None

    def on_mount(self) -> None:
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        self._seen_since = monotonic()

    @property
    def seen_since(self) -> float | None:
        """When it was drawn, by the clock of events; None while it was not."""
        return self._seen_since

    def tell_dropped(self, reason: str) -> None:
        """Say in the frame that keys were dropped."""
        self.query_one(Vertical).border_subtitle = Content.styled(reason, "bold $text-warning")
