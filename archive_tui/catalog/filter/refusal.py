"""The refusal of a filter: one line with the reason, which points at the place."""

from archive_tui.errors import UsageError
from archive_tui.text import clip

_SHOWN = 24


class FilterError(UsageError):
    """A filter that cannot be parsed; the message points at the mistake."""

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.position = position
        """Where the mistake is, in characters from 0."""
        rest = text[position:].split(maxsplit=1)
        where = f"at “{clip(rest[0], _SHOWN)}” (character {position + 1})" if rest else "at its end"
        super().__init__(f"the filter, {where}: {reason}")
