"""An example of an error, shown whole: a line of facts, and below it the text, which scrolls."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static


class ErrorExample(VerticalScroll):
    """`show` replaces it. It takes no more than a third of the screen."""

    DEFAULT_CSS = """
    ErrorExample { height: auto; min-height: 3; max-height: 34%; border-top: solid $line; padding: 0 1; }
    ErrorExample:focus { border-top: heavy $accent; }
    ErrorExample Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield Static(id="facts")
        yield Static(id="error")

    def show(self, facts: str, error: str) -> None:
        """Show this; both are safe text."""
        self.query_one("#facts", Static).update(Content.styled(facts, "$text-muted"))
        self.query_one("#error", Static).update(Content(error))
        self.scroll_home(animate=False)
