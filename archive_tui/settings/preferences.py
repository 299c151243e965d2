"""What a person prefers on every server: the keys and the theme at the top of the file of profiles."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archive_tui.errors import UsageError
from archive_tui.settings.model import Look


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences of a person. Every one of them may be missing."""

    theme: Look | None = None
    """Colours of the screens; a profile or a flag wins over it."""

    keys: Mapping[str, object] = field(default_factory=dict)
    """Keys of commands by the ids of these, as they are written."""

    place: str = ""
    """Where the keys are written, for errors."""


def read_preferences(path: Path) -> Preferences:
    """Read the preferences from the file of profiles; without a file there are none. Raises UsageError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the profile file {path} cannot be read: {error}") from None
    keys = content.get("keys", {})
    if not isinstance(keys, dict):
        raise UsageError(f'keys in {path} must be a section: [keys], and below it lines such as delete = "ctrl+x"')
    return Preferences(parse_look(content.get("theme"), f"theme in {path}"), keys, f"[keys] in {path}")


def parse_look(value: object, place: str) -> Look | None:
    """A choice of colours from a settings file; None where there is none. Raises UsageError."""
    if value is None:
        return None
    if value not in list(Look):
        raise UsageError(f"{place} must be one of {', '.join(Look)}, in quotes")
    return Look(str(value))
