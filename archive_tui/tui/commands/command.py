"""A command of the screens, and how a method says that it carries one out."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from textual.binding import Binding

from archive_tui.tui.commands.keys import KEYMAP, key_name

_Method = TypeVar("_Method", bound=Callable[..., None])
_MARK = "_runs_command"


class _KeyInSentences(type):
    """Makes a command stand for its key in a sentence."""

    def __str__(cls: "type[Command]") -> str:  # type: ignore[misc]  # there are no other classes of it
        return cls.keys()[0]


class Command(metaclass=_KeyInSentences):
    """One command. In a sentence it is its key, whatever that is: `f"{commands.Stop} stops it"`."""

    key: ClassVar[str]
    """The keys it is bound to, separated by commas; the first is the one shown."""
    title: ClassVar[str]
    """Its words in the footer and the palette; an ellipsis at the end says that it asks before it acts."""
    help: ClassVar[str]
    """Its sentence for help and palette."""
    danger: ClassVar[bool] = False
    """Whether it changes Redis: read-only mode takes it away."""
    footer: ClassVar[bool] = True
    """Whether the footer shows it, where there is room."""
    transient: ClassVar[bool] = False
    """Whether the footer shows it only while there is something for it to do."""
    at_once: ClassVar[bool] = False
    """Whether it is obeyed whatever has the focus, also a line that somebody types into."""

    fixed: ClassVar[str] = ""
    """Why nobody can give it another key; empty where they can."""

    @classmethod
    def id(cls) -> str:
        """The name that people remap its keys by: `mark-all` for `MarkAll`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def bound(cls) -> list[str]:
        """Its keys by Textual's names: those that a person gave it, else its own."""
        return KEYMAP.get(cls.id(), cls.key).split(",")

    @classmethod
    def keys(cls) -> list[str]:
        """Its keys as people write them, the one that is shown first."""
        return [key_name(key) for key in cls.bound()]

    @classmethod
    def binding(cls, action: str) -> Binding:
        """Bind its keys to an action of Textual's."""
        return Binding(cls.key, action, cls.title, show=False, priority=cls.at_once, id=cls.id())


@dataclass(frozen=True, slots=True)
class Handler:
    """The method that runs a command."""

    owner: type
    """The class that has the method: the screen's own, or that of one of its parts."""
    method: str
    """The name of the method, which takes no arguments."""
    unless: str | None
    """The name of the method that says why the command cannot run now, or None where it can; None where it always can.
    """


def runs(command: type[Command], *, unless: Callable[[Any], object] | None = None) -> Callable[[_Method], _Method]:
    """Mark the method that runs a command. `unless` is a method of the same class that gives the reason why the command
    cannot run just now, and None where it can.
    """

    def mark(method: _Method) -> _Method:
        setattr(method, _MARK, (command, unless.__name__ if unless is not None else None))
        return method

    return mark


def handlers(owners: Iterable[type]) -> Mapping[type[Command], Handler]:
    """Find the methods that run commands, in these classes and their bases. A class listed earlier, and a class before
    its bases, has the last word about a command.
    """
    found: dict[type[Command], Handler] = {}
    for owner in owners:
        for base in owner.__mro__:
            for name, attribute in vars(base).items():
                command, unless = getattr(attribute, _MARK, (None, None))
                if command is not None:
                    found.setdefault(command, Handler(owner, name, unless))
    return found
