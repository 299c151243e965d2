"""Read the keys that a person gave to commands, and refuse what could surprise: `[keys]` in the file of profiles."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from archive_tui.errors import UsageError
from archive_tui.tui import commands, dialogs, screens
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import Command
from archive_tui.tui.dialogs.dialog import Dialog

_Base = TypeVar("_Base")

_THOUGHTLESS = frozenset({"enter", "escape", "tab", "space"})
"""Keys that are pressed in passing, and that a pasted text holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """What may have the keys: a screen, a dialog, or the line of a filter. No two of its commands share a key."""

    title: str
    commands: tuple[type[Command], ...]
    """Every command that has keys there."""
    own: tuple[type[Command], ...]
    """Those of them that only this place has, or few others."""
    typed_into: bool = False
    """Whether something is typed there while they work."""


def all_screens() -> list[type[CommandScreen]]:
    """Every screen with commands, by the order of their names."""
    return _defined_in(screens, CommandScreen)


def all_dialogs() -> list[type[Dialog[Any]]]:
    """Every dialog, by the order of their names."""
    return [one for one in _defined_in(dialogs, Dialog) if one.TITLE_IN_HELP]


def _defined_in(package: ModuleType, base: type[_Base]) -> list[type[_Base]]:
    """The classes of a package that come from a base."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found: set[type[_Base]] = set()
    waiting = [base]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if one.__module__.startswith(f"{package.__name__}."):
            found.add(one)
    return sorted(found, key=lambda one: one.__name__)


def commands_on(screen: type[CommandScreen]) -> tuple[type[Command], ...]:
    """Every command that has keys on a screen: its own, those of its list, and those of the whole program."""
    return tuple(dict.fromkeys((*screen.listed(), *commands.MOVES, *commands.QUITS)))


def places() -> Iterator[Place]:
    """Every place whose keys are ours: the screens, what stands in front of them, and the line of a filter."""
    for screen in all_screens():
        yield Place(screen.TITLE_IN_HELP or screen.__name__, commands_on(screen), screen.listed())
    for dialog in all_dialogs():
        own = (*dialog.COMMANDS_HERE, *dialog.FIXED_HERE)
        yield Place(f"{dialog.TITLE_IN_HELP} (dialog)", (*own, *commands.QUITS), own, dialog.TYPED_INTO)
    yield Place("Line of a filter", (*commands.FILTER_LINE, *commands.QUITS), commands.FILTER_LINE, typed_into=True)


def all_commands() -> dict[str, type[Command]]:
    """Every command that some place has, by its id."""
    return {command.id(): command for place in places() for command in place.commands}


def give_keys(given: Mapping[str, object], place: str) -> None:
    """Give commands the keys of a person, until the program ends. Raises UsageError, like `read_keymap`."""
    keymap = read_keymap(given, place)
    commands.KEYMAP.clear()
    commands.KEYMAP.update(keymap)


def read_keymap(given: Mapping[str, object], place: str) -> dict[str, str]:
    """The keys of commands, by their ids: Textual's names, separated by commas. `place` is where they are written, for
    errors. Raises UsageError.
    """
    if not given:
        return {}
    known = all_commands()
    typing = {command for place in places() if place.typed_into for command in place.own} | {*commands.QUITS}
    keymap = {}
    for name, value in given.items():
        if (command := known.get(name)) is None:
            close = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "`archive-tui keys` lists them"
            raise UsageError(f"{place}: there is no command {name!r}; {hint}")
        if command.fixed:
            keys = " ".join(command.keys())
            raise UsageError(f"{place}: {name} keeps its keys ({keys}): {command.fixed}")
        keymap[name] = ",".join(_keys_of(command, value, place, typing=command in typing))
    for problem in _conflicts(keymap):
        raise UsageError(f"{place}: {problem}")
    return keymap


def _keys_of(command: type[Command], value: object, place: str, *, typing: bool) -> Iterator[str]:
    """The keys in the value of one command; `typing`: it works while something is typed."""
    values: list[object] = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str) and text.strip()]
    if not texts or len(texts) < len(values):
        raise UsageError(f'{place}: {command.id()} must be a key in quotes, such as "ctrl+x", or a list of keys')
    for text in texts:
        try:
            key = commands.parse_key(text)
        except ValueError as reason:
            raise UsageError(f"{place}: {command.id()} = {text!r}: {reason}; choose another key") from None
        if command.danger and key in _THOUGHTLESS:
            raise UsageError(
                f"{place}: {command.id()} changes data, and {text!r} is pressed in passing: choose another key"
            )
        if typing and (key == "space" or len(commands.key_name(key)) == 1):
            raise UsageError(
                f"{place}: {command.id()} works while you type, so {text!r} could not be typed: choose another"
            )
        yield key


def _conflicts(keymap: Mapping[str, str]) -> Iterator[str]:
    """What two commands of one place would share."""
    for place in places():
        taken: dict[str, type[Command]] = {}
        for command in place.commands:
            for key in keymap.get(command.id(), command.key).split(","):
                other = taken.setdefault(key, command)
                if other is not command and keymap.keys() & {other.id(), command.id()}:
                    yield (
                        f"{other.id()} and {command.id()} would share the key {commands.key_name(key)!r} "
                        f"on the screen of {place.title}: give one of them another"
                    )
