"""Asks for the path of a dump file."""

from pathlib import Path

from archive_tui.errors import UsageError
from archive_tui.settings.dump import read_head
from archive_tui.tui.dialogs.entry import EntryDialog


class DumpDialog(EntryDialog[Path]):
    """Answers the path of a file that may be a whole dump."""

    TITLE_IN_HELP = "Dump file"

    def __init__(self) -> None:
        about = "It is loaded into a private server of this machine, read-only, and never changed."
        super().__init__("A dump file (RDB)", about, "enter loads it, esc does not", example="/path/to/dump.rdb")

    def read(self, text: str) -> Path | None:
        if not (name := text.strip()):
            return None
        try:
            path = Path(name).expanduser()
        except RuntimeError:
            raise UsageError("nobody has that name here: write the whole path") from None
        if "\0" in name:
            raise UsageError("a path holds no zero bytes")
        read_head(path)
        return path
