"""An app for a widget alone, in the colours of ours."""

from textual.app import App

from archive_tui.settings.model import Look
from archive_tui.tui.themes import theme_for


class ThemedApp(App[None]):
    """Knows the colours that our widgets ask for."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme_for(Look.DARK, colors=256, dark=True).variables
