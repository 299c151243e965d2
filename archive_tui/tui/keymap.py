"""Read the keys that a person gave to commands, and refuse what could surprise: `[keys]` in the file of profiles."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from archive_tui.errors import UsageError
from archive_tui.tui import commands, screens
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import Command

_THOUGHTLESS = frozenset({"enter", "escape", "tab", "space"})
"""Keys that are pressed in passing, and that a pasted text holds."""


def all_screens() -> list[type[CommandScreen]]:
    """Every screen with commands, by the order of their names."""
    for module in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    found, waiting = set(), [CommandScreen]
    while waiting:
        waiting += (screen := waiting.pop()).__subclasses__()
        if screen.__module__.startswith(f"{screens.__name__}."):
            found.add(screen)
    return sorted(found, key=lambda screen: screen.__name__)


def commands_on(screen: type[CommandScreen]) -> tuple[type[Command], ...]:
    """Every command that has keys on a screen: its own, those of its list, and those of the whole program."""
    return tuple(dict.fromkeys((*screen.listed(), *commands.MOVES, *commands.QUITS)))


def all_commands() -> dict[str, type[Command]]:
    """Every command that some screen has, by its id."""
    return {command.id(): command for screen in all_screens() for command in commands_on(screen)}


def give_keys(given: Mapping[str, object], place: str) -> None:
    """Give commands the keys of a person, until the program ends. Raises UsageError, like `read_keymap`."""
    keymap = read_keymap(given, place)
    commands.KEYMAP.clear()
    commands.KEYMAP.update(keymap)


def read_keymap(given: Mapping[str, object], place: str) -> dict[str, str]:
    """The keys of commands, by their ids: Textual's names, separated by commas. `place` is where they are written, for
    errors. Raises UsageError.
    """
    known = all_commands()
    keymap = {}
    for name, value in given.items():
        if (command := known.get(name)) is None:
            close = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "`archive-tui keys` lists them"
            raise UsageError(f"{place}: there is no command {name!r}; {hint}")
        keymap[name] = ",".join(_keys_of(command, value, place))
    for problem in _conflicts(keymap):
        raise UsageError(f"{place}: {problem}")
    return keymap


def _keys_of(command: type[Command], value: object, place: str) -> Iterator[str]:
    """The keys in the value of one command."""
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
        if command in commands.QUITS and len(commands.key_name(key)) == 1:
            raise UsageError(
                f"{place}: {command.id()} works while you type, so {text!r} could not be typed: choose another"
            )
        yield key


def _conflicts(keymap: Mapping[str, str]) -> Iterator[str]:
    """What two commands of one screen would share."""
    for screen in all_screens():
        taken: dict[str, type[Command]] = {}
        for command in commands_on(screen):
            for key in keymap.get(command.id(), command.key).split(","):
                other = taken.setdefault(key, command)
                if other is not command and keymap.keys() & {other.id(), command.id()}:
                    yield (
                        f"{other.id()} and {command.id()} would share the key {commands.key_name(key)!r} "
                        f"on the screen of {screen.TITLE_IN_HELP or screen.__name__}: give one of them another"
                    )
