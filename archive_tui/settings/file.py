"""The settings file: where it is, what it holds, and whether others may touch it.

`config.toml` in the user's configuration folder; `profiles.toml`, its name before, is read where only that is there.
Its sections are profiles, but for those whose names are `RESERVED`.

Whoever can write to the file chooses the programs that we run and the servers that we change, so it is refused where
others can, as ssh refuses its own (OpenSSH 9, `read_config_file_depth` with SSHCONF_CHECKPERM): the owner must be the
user or root. As in Debian's ssh, the group may write where nobody else is in it.
"""

import grp
import os
import pwd
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from archive_tui.errors import UsageError
from archive_tui.text import line

RESERVED = frozenset({"keys", "columns", "filters"})
"""Sections that are no profiles."""

_NAME, _OLD_NAME = "config.toml", "profiles.toml"
_NOTED = "config-toml-noted"
"""A file in the user's state folder: that the old name was spoken of."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file as it is written."""

    path: Path
    """The file."""

    content: Mapping[str, object] = field(default_factory=dict)
    """Its values and sections; empty where there is no file."""

    exists: bool = False
    """Whether there is such a file."""

    readable_by_others: bool = False
    """Whether others than its owner can read it."""

    @property
    def profiles(self) -> Mapping[str, Mapping[str, object]]:
        """The sections that are profiles, by their names, in the order in which they are written."""
        return {
            name: section
            for name, section in self.content.items()
            if isinstance(section, dict) and name not in RESERVED
        }


def default_settings_file() -> Path:
    """The settings file of the user: `config.toml`, or `profiles.toml` where only that is there."""
    folder = _folder()
    return folder / _OLD_NAME if not (folder / _NAME).exists() and (folder / _OLD_NAME).exists() else folder / _NAME


def read_settings_file(path: Path | None = None) -> SettingsFile:
    """Read a settings file, None: the default one. Where there is no file, nothing is set. Raises UsageError."""
    path = path or default_settings_file()
    shown = line(str(path))
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = tomllib.loads(file.read().decode())
    except FileNotFoundError:
        return SettingsFile(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"the settings file {shown} cannot be read: {reason}") from None
    if status.st_uid not in (os.getuid(), 0):
        raise UsageError(f"{shown} belongs to another user, who could choose what is run here: make it yours (chown)")
    if _others_can_write(status):
        raise UsageError(f"others can write to {shown}, and it names what is run: chmod go-w {shown}")
    return SettingsFile(path, content, exists=True, readable_by_others=bool(status.st_mode & 0o044))


def about_old_file() -> str:
    """A sentence about a file with the old name; empty where there is none, or where it was said once how to rename
    the only one.
    """
    old, new = _folder() / _OLD_NAME, _folder() / _NAME
    if not old.exists():
        return ""
    if new.exists():
        return f"{line(str(old))} is not read, because {_NAME} is there beside it: move what you need, and delete it"
    noted = Path(platformdirs.user_state_dir("archive-tui", appauthor=False)) / _NOTED
    if noted.exists():
        return ""
    with suppress(OSError):  # where it cannot be kept, it is said again
        noted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted.touch(mode=0o600)
    return f"{_OLD_NAME} is called {_NAME} now, and is still read: mv {line(str(old))} {line(str(new))}"


def _folder() -> Path:
    return Path(platformdirs.user_config_dir("archive-tui", appauthor=False))


def _others_can_write(status: os.stat_result) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_private_group(status.st_gid)


def _is_private_group(number: int) -> bool:
    """Whether nobody but the user is in a group: it is the one of their login, and has their name."""
    try:
        user, group = pwd.getpwuid(os.getuid()), grp.getgrgid(number)
    except KeyError:
        return False
    return number == user.pw_gid and group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}
