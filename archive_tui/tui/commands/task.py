"""The commands of one task and its payload."""

from archive_tui.tui.commands.command import Command


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
