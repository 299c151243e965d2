"""Every command once: its key, its word for the footer, its sentence for help and palette, and whether it destroys.

Bindings, footer, help screen, palette and read-only mode are all derived from these classes. A screen lists the
commands it has; for a command `MarkAll` it has a method `do_mark_all`, and may have `refuse_mark_all`, which gives
the reason why the command cannot run just now.
"""

import re
from typing import ClassVar


class Command:
    """What there is to say about one command. `key` may name several keys, the first is the one shown."""

    key: ClassVar[str]
    title: ClassVar[str]
    help: ClassVar[str]
    danger: ClassVar[bool] = False
    footer: ClassVar[bool] = True
    transient: ClassVar[bool] = False
    """Shown in the footer only while there is something for it to do."""

    at_once: ClassVar[bool] = False
    """Obeyed before the keys behind it are handed on: a link that stalls delivers several in one piece, and those that
    follow are for what it opens.
    """

    @classmethod
    def name(cls) -> str:
        """The name that methods are called by: `mark_all` for `MarkAll`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def shown_key(cls) -> str:
        """The first key as people write it."""
        return KEY_NAMES.get(cls.key.split(",")[0], cls.key.split(",")[0])


KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "asterisk": "*",
    "colon": ":",
    "escape": "esc",
    "delete": "del",
}


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
    help = (
        "Delete what has been in the archive for long, or is beyond the newest so many: asks, and then shows the plan."
    )
    danger = True
    footer = False


class Mend(Command):
    key = "m"
    title = "set right…"
    help = "Choose what to do about the marked findings, or the one under the cursor: put back, run, set right, remove."
    danger = True


class MendQueue(Command):
    key = "m"
    title = "set right…"
    help = "Set the queue under the cursor right: register or clean up a leftover queue, mend an archive that is stuck."
    danger = True
    footer = False


class Explain(Command):
    key = "h"
    title = "what is this"
    help = "Explain the kind of the finding under the cursor: its cause, what follows from it, and the way out."


class Journals(Command):
    key = "J"
    title = "journal"
    help = "Show what was deleted, when and by whom, and bring it back."


class Restore(Command):
    key = "ctrl+r,b"
    title = "restore…"
    help = "Plan to put back the marked tasks, or the one under the cursor. Nothing happens before you confirm."
    danger = True


class Again(Command):
    key = "a"
    title = "restored ones"
    help = (
        "Also show what was restored before, to put it back once more: after a failover that lost it, for instance. "
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
    title = "rescan with messages"
    help = (
        "Scan again and also read the message of every task, which finds those that do not decode and takes longer; "
        "pressed again, scan without."
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
