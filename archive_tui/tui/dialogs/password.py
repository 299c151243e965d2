"""Asks for a password, of which nothing is shown but how long it is."""

from archive_tui.settings.model import Secret
from archive_tui.text import clip
from archive_tui.tui.dialogs.entry import EntryDialog

_SHOWN = 100


class PasswordDialog(EntryDialog[Secret]):
    """Answers what was typed; None where that is nothing."""

    TITLE_IN_HELP = "Password"

    def __init__(self, of: str, *, passphrase: bool = False) -> None:
        """`of` is a server, or with `passphrase` the file of a key."""
        heading = "Passphrase" if passphrase else "Password"
        super().__init__(
            heading, f"for {clip(of, _SHOWN)}", "enter connects with it, esc does not; it is kept nowhere", hidden=True
        )

    def read(self, text: str) -> Secret | None:
        return Secret(text) if text else None
