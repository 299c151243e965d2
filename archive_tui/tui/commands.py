"""Every command once: its key, its title, its sentence for help and palette, and whether it destroys.

Bindings, footer, help, palette and read-only mode are all derived from these classes. A screen lists the commands it
has. The method that carries a command out is marked with it, on the screen or on one of the parts that the screen has:

    @runs(commands.MarkAll, unless=why_not_mark_all)
    def mark_all(self) -> None:

A search for `MarkAll` finds the command, the screens that list it and the methods that run it. A screen class that
lists a command without a method cannot be made.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from textual.binding import Binding

_Method = TypeVar("_Method", bound=Callable[..., None])
_MARK = "_runs_command"


class Command:
    """One command."""

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
    """Whether it is obeyed before the keys behind it are handed on: a link that stalls delivers several in one piece,
    and those that follow are for what it opens.
    """

    @classmethod
    def id(cls) -> str:
        """The name that people remap its keys by: `mark-all` for `MarkAll`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def keys(cls) -> list[str]:
        """Its keys as people write them, the one that is shown first."""
        return [KEY_NAMES.get(key, key) for key in cls.key.split(",")]

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


KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "asterisk": "*",
    "colon": ":",
    "escape": "esc",
    "delete": "del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}
"""Keys as people write them, by Textual's names."""


class Move(Command):
    """A command whose keys belong to the widget that has the focus. A list moves its cursor, a document scrolls."""

    footer = False


class Up(Move):
    key = "up,k"
    title = "up"
    help = "Move up by one row."


class Down(Move):
    key = "down,j"
    title = "down"
    help = "Move down by one row."


class PageUp(Move):
    key = "pageup"
    title = "page up"
    help = "Move up by one page."


class PageDown(Move):
    key = "pagedown"
    title = "page down"
    help = "Move down by one page."


class First(Move):
    key = "home,g"
    title = "first"
    help = "Go to the first row."


class Last(Move):
    key = "end,G"
    title = "last"
    help = "Go to the last row."


class ScrollLeft(Move):
    key = "left"
    title = "left"
    help = "Scroll left, where lines or columns are wider than the screen."


class ScrollRight(Move):
    key = "right"
    title = "right"
    help = "Scroll right."


MOVES = (Up, Down, PageUp, PageDown, First, Last, ScrollLeft, ScrollRight)
"""How to move in a list or a document."""


class QuitAnywhere(Command):
    key = "ctrl+q"
    title = "quit"
    help = "Quit, from anywhere; asks first while tasks are being changed."
    footer = False
    at_once = True


class QuitAtOnce(Command):
    key = "ctrl+c"
    title = "quit at once"
    help = "Quit at once; what is running stops where nothing is half-done."
    footer = False
    at_once = True


QUITS = (QuitAnywhere, QuitAtOnce)
"""The commands of the program as a whole."""


class Open(Command):
    key = "enter"
    title = "open"
    help = "Open what the cursor stands on."


class Back(Command):
    key = "escape"
    title = "back"
    help = "One step back: close the filter, then forget the marks, then leave the screen."
    footer = False


class Leave(Command):
    key = "q"
    title = "back"
    help = "Leave this screen."


class Quit(Command):
    key = "q"
    title = "quit"
    help = "Leave archive-tui. Jobs that are running stop at their next safe point."


class Help(Command):
    key = "question_mark"
    title = "help"
    help = "Show every key of this screen."


class Palette(Command):
    key = "colon,ctrl+p"
    title = "palette"
    help = "Search the commands of this screen by name."
    footer = False


class Filter(Command):
    key = "slash"
    title = "filter"
    help = "Show only rows that match what you type; esc shows all again."
    at_once = True


class Sort(Command):
    key = "s"
    title = "sort"
    help = "Choose the column to sort by; choosing it again turns the order round."


class Refresh(Command):
    key = "r"
    title = "refresh"
    help = "Read everything again now."
    footer = False


class PauseRefresh(Command):
    key = "z"
    title = "pause"
    help = "Stop refreshing by itself, or go on."
    footer = False


class ScanQueue(Command):
    key = "o"
    title = "orphan scan"
    help = "Scan the queue under the cursor for orphaned task data."


class ScanAll(Command):
    key = "a"
    title = "scan all"
    help = "Scan all queues for orphaned task data, leftover queues included."


class Mark(Command):
    key = "space"
    title = "mark"
    help = "Mark the task under the cursor, or unmark it, and move on."


class MarkRange(Command):
    key = "v"
    title = "range"
    help = "Begin a range at the cursor; pressed again, mark everything from there to the cursor."
    footer = False


class MarkAll(Command):
    key = "asterisk"
    title = "mark all"
    help = "Mark every task that matches the filter, also those off the screen."


class Unmark(Command):
    key = "u"
    title = "unmark"
    help = "Forget all marks, also those that the filter hides."
    footer = False


class Delete(Command):
    key = "ctrl+d,delete"
    title = "delete…"
    help = "Plan the deletion of the marked tasks, or of the one under the cursor. Nothing happens before you confirm."
    danger = True


class CleanOld(Command):
    key = "c"
    title = "clean old…"
    help = "Delete old tasks from the archive: asks what to keep by age and number, then shows the plan."
    danger = True
    footer = False


class Repair(Command):
    key = "m"
    title = "repair…"
    help = "Choose how to repair the marked findings, or the one under the cursor. Nothing happens before you confirm."
    danger = True


class RepairQueue(Command):
    key = "m"
    title = "repair…"
    help = "Repair the queue under the cursor: register or clean up a leftover queue, clear an archive that is stuck."
    danger = True
    footer = False


class Explain(Command):
    key = "h"
    title = "what is this"
    help = "Explain the kind of the finding under the cursor: its cause, what follows from it, and the way out."


class Journals(Command):
    key = "J"
    title = "journal"
    help = "Show what was deleted, when and by whom, and restore it."


class Restore(Command):
    key = "ctrl+r,b"
    title = "restore…"
    help = "Plan to restore the marked tasks, or the one under the cursor. Nothing happens before you confirm."
    danger = True


class Again(Command):
    key = "a"
    title = "restored ones"
    help = (
        "Also show what was restored before, to restore it once more: after a failover that lost it, for instance. "
        "What has run since would run again."
    )
    footer = False


class Stop(Command):
    key = "x"
    title = "stop"
    help = "Stop the running job at its next safe point, and keep what it has."
    transient = True


class PauseScan(Command):
    key = "z"
    title = "pause"
    help = "Hold the scan, or go on with it."
    transient = True


class ChangePace(Command):
    key = "p"
    title = "pace"
    help = "Change how much of the server's time the job may take: polite, gentle or full."
    transient = True


class Rescan(Command):
    key = "r"
    title = "rescan"
    help = "Forget what was found and scan again."
    footer = False


class ScanMessages(Command):
    key = "M"
    title = "rescan with messages and locks"
    help = (
        "Scan again and also read the message of every task, which finds those that do not decode, and every unique "
        "lock, which finds the stale ones; it takes longer. Pressed again, scan without."
    )
    footer = False


class Follow(Command):
    key = "t"
    title = "follow"
    help = "Keep the newest row in sight while rows arrive; moving up ends it."
    footer = False


class Wide(Command):
    key = "w"
    title = "wide"
    help = "Show whole columns and scroll sideways, or fit them to the screen."
    footer = False


class Groups(Command):
    key = "tab"
    title = "groups"
    help = "Go to the groups beside the table, where enter shows only one kind or type, and back."


class NextTask(Command):
    key = "n"
    title = "next"
    help = "Show the next task of the list."


class PreviousTask(Command):
    key = "p"
    title = "previous"
    help = "Show the previous task of the list."


class CopyId(Command):
    key = "i"
    title = "copy id"
    help = "Send the task's id to the terminal's clipboard."
    footer = False


class Copy(Command):
    key = "y"
    title = "copy"
    help = "Send the payload as shown to the terminal's clipboard; the terminal may not take it."


class Save(Command):
    key = "e"
    title = "save…"
    help = "Save the payload, byte for byte, to a file."


class Search(Command):
    key = "slash"
    title = "search"
    help = "Search in the payload; in a binary payload also for hexadecimal digits."


class SearchNext(Command):
    key = "ctrl+n,f3"
    title = "next match"
    help = "Go to the next match of the search."
    footer = False


class Wrap(Command):
    key = "w"
    title = "wrap"
    help = "Break long lines at the edge of the screen, or scroll sideways."
    footer = False


class ReadAgain(Command):
    key = "r"
    title = "refresh"
    help = "Read the task again."
    footer = False
