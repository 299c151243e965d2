"""What a person prefers on every server: the keys and the theme at the top of the settings file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archive_tui.errors import UsageError
from archive_tui.settings.file import read_settings_file
from archive_tui.settings.model import Look
from archive_tui.settings.setting import THEME


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences of a person. Every one of them may be missing."""

    theme: Look | None = None
    """Colours of the screens; a profile or a flag wins over it."""

    keys: Mapping[str, object] = field(default_factory=dict)
    """Keys of commands by the ids of these, as they are written."""

    place: str = ""
    """Where the keys are written, for errors."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of columns by the kind of list that is to show them, in this order."""

    columns_place: str = ""
    """Where the columns are written, for errors."""

    filters: Mapping[str, str] = field(default_factory=dict)
    """Filters by the names that people gave them."""

    filters_place: str = ""
    """Where the filters are written, for errors."""


def read_preferences(path: Path | None = None) -> Preferences:
    """Read the preferences from a settings file, None: the default one; without a file there are none. Raises
    UsageError.
    """
    file = read_settings_file(path)
    path, content = file.path, file.content
    theme = content.get("theme")
    keys = content.get("keys", {})
    if not isinstance(keys, dict):
        raise UsageError(f'keys in {path} must be a section: [keys], and below it lines such as delete = "ctrl+x"')
    return Preferences(
        THEME.read(theme, f"theme in {path}") if theme is not None else None,
        keys,
        f"[keys] in {path}",
        _columns(content.get("columns", {}), path),
        f"[columns] in {path}",
        _filters(content.get("filters", {}), path),
        f"[filters] in {path}",
    )


def _columns(value: object, path: Path) -> Mapping[str, tuple[str, ...]]:
    """The names of columns by kinds of lists. Raises UsageError."""
    lists = value.values() if isinstance(value, dict) else [None]
    if not isinstance(value, dict) or not all(isinstance(names, list) and _all_text(names) for names in lists):
        raise UsageError(f'columns in {path} must be a section: [columns], and below it archive = ["died", "error"]')
    return {kind: tuple(names) for kind, names in value.items()}


def _filters(value: object, path: Path) -> Mapping[str, str]:
    """Filters by their names. Raises UsageError."""
    if not isinstance(value, dict) or not _all_text(list(value.values())):
        raise UsageError(f'filters in {path} must be a section: [filters], and below it refused = "error:~refused"')
    return dict(value)


def _all_text(values: Sequence[object]) -> bool:
    return all(isinstance(one, str) for one in values)
