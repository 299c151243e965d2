"""Keys: what Textual calls them, what people call them, and which ones a person has given to commands."""

import unicodedata

from textual.events import Key
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, format_key

__all__ = ["BROKEN_ARROWS", "KEYMAP", "KEY_NAMES", "is_deliberate", "key_name", "parse_key"]

KEY_NAMES = {
    "escape": "esc",
    "delete": "del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "space": "space",
    "tab": "tab",
    "enter": "enter",
    "backspace": "backspace",
}
"""Keys that people call otherwise than Textual does, or that have a name although they stand for a character."""

KEYMAP: dict[str, str] = {}
"""The keys that a person has given to commands: Textual's names, separated by commas, by the id of the command. Filled
once, before the screens open.
"""

BROKEN_ARROWS = frozenset("ABCDFHPQRSO[")
"""What is left of an arrow or function key whose escape sequence arrives in pieces: `esc`, `[`, `D`."""

_SPELLINGS = {name: key for key, name in KEY_NAMES.items()} | {
    "return": "enter",
    "pgdown": "pagedown",
    "page_up": "pageup",
}
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "ctrl+h": "backspace", "ctrl+@": "ctrl+space"}
"""Keys that a terminal sends as others."""

_KNOWN = frozenset(key.value for key in Keys if key.value[0] != "<") | {"ctrl+slash"}
_NOT_SENT = frozenset(f"ctrl+{shift}{digit}" for shift in ("", "shift+") for digit in range(10))


def key_name(key: str) -> str:
    """A key, by Textual's name, as people write it."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, KEY_NAMES.get(last) or format_key(last)])


def is_deliberate(event: Key) -> bool:
    """Whether somebody has pressed a key that could be a command's: a sign, enter, delete, a function key, or one with
    ctrl or shift; but not what moves the focus, or steps back.
    """
    modified = event.key.startswith(("f", "ctrl+", "shift+")) and event.key != "shift+tab"
    return event.is_printable or modified or event.key in ("enter", "delete")


def parse_key(text: str) -> str:
    """Textual's name of a key that a person wrote: `ctrl+x`, `f5`, `del`, `?`. Raises ValueError with the reason why
    there is no such key, or why nobody should use it.
    """
    written = text.strip()
    if len(written) == 1:
        if written in BROKEN_ARROWS:
            raise ValueError("on a slow link an arrow key may arrive in pieces, of which this is one")
        if written.isalnum():
            return written
        name = unicodedata.name(written, "").lower().replace(" ", "_").replace("-", "_")
        if not written.isprintable() or not name:
            raise ValueError("there is no such key")
        return KEY_NAME_REPLACEMENTS.get(name, name)
    *modifiers, last = written.lower().split("+")
    last = _SPELLINGS.get(last, last)
    if len(last) == 1 and not last.isalnum():
        last = parse_key(last)
    key = "+".join([*modifiers, last])
    if key in _SAME:
        raise ValueError(f"a terminal sends {key} as {_SAME[key]}")
    if "alt" in modifiers:
        raise ValueError("a terminal sends it as esc and another key, and esc is one step back")
    if key not in _KNOWN or key in _NOT_SENT:
        raise ValueError("there is no such key, or terminals do not send it")
    return key
