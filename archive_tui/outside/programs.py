"""The operator's own programs that show a text: pager and editor, as the environment names them."""

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from archive_tui.errors import UsageError
from archive_tui.text import clip

_WITHOUT_CHOICE = ("less", "more")
"""What is there on most machines, the better one first."""

_EDITORS = ("editor", "nano", "vim", "vi")
"""The same of editors; the first is Debian's choice."""

_OWN = "ARCHIVE_TUI_"

_READ_ONLY = {"vi": "-R", "vim": "-R", "nvim": "-R", "view": "-R", "nano": "-v"}
"""The flag by which an editor only shows a file, for those that have one and the same meaning of it for years."""

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is there."""

    command: tuple[str, ...]
    """Its path and its arguments; the name of a file follows."""

    edits: bool = False
    """Whether it can change the file."""

    @property
    def name(self) -> str:
        """Its name for people."""
        return clip(PurePath(self.command[0]).name, _LONGEST)

    @property
    def read_only(self) -> tuple[str, ...]:
        """The command that shows a file; an editor is asked not to change it where it can be."""
        flag = _READ_ONLY.get(PurePath(self.command[0]).name) if self.edits else None
        return (*self.command, flag) if flag is not None and flag not in self.command else self.command


def pager(environment: Mapping[str, str]) -> Program | None:
    """The program of PAGER; None where it is not set. Raises UsageError where there is no such program."""
    return _named(environment, "PAGER")


def editor(environment: Mapping[str, str]) -> Program | None:
    """The program of VISUAL, else of EDITOR; None where neither is set. Raises UsageError where there is none such."""
    return _named(environment, "VISUAL", edits=True) or _named(environment, "EDITOR", edits=True)


def any_editor(environment: Mapping[str, str]) -> Program:
    """The program of VISUAL or EDITOR, else an editor that most machines have. Raises UsageError where there is none,
    or what is set cannot be used.
    """
    if (chosen := editor(environment)) is not None:
        return chosen
    for name in _EDITORS:
        if path := shutil.which(name, path=environment.get("PATH")):
            return Program((path,), edits=True)
    raise UsageError("there is no editor here: set EDITOR to one")


def others_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs of others: without our own variables, which may hold passwords."""
    return {name: value for name, value in environment.items() if not name.startswith(_OWN)}


def viewers(environment: Mapping[str, str]) -> list[Program]:
    """The programs that show a text: pager and editor where they are set, else what most machines have. One at least.

    Raises UsageError where there is none, or what is set cannot be used.
    """
    chosen = [one for one in (pager(environment), editor(environment)) if one is not None]
    if chosen:
        return chosen
    for name in _WITHOUT_CHOICE:
        if path := shutil.which(name, path=environment.get("PATH")):
            return [Program((path,))]
    raise UsageError("there is neither less nor more here: set PAGER or EDITOR to a program that shows a file")


def _named(environment: Mapping[str, str], variable: str, *, edits: bool = False) -> Program | None:
    value = environment.get(variable, "").strip()
    if not value:
        return None
    try:
        name, *arguments = shlex.split(value)
    except ValueError:
        raise UsageError(f"{variable} is “{clip(value, _LONGEST)}”: a quote in it is not closed") from None
    path = shutil.which(name, path=environment.get("PATH"))
    if path is None:
        raise UsageError(f"{variable} names {clip(name, _LONGEST)}, and there is no such program")
    return Program((path, *arguments), edits)
