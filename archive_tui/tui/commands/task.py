"""The commands of one task and its payload."""

from archive_tui.tui.commands.command import Command


class NextTask(Command):
    key = "n"
    title = "next"
    help = "Show the next task of the list."
    footer = False


class PreviousTask(Command):
    key = "p"
    title = "previous"
    help = "Show the previous task of the list."
    footer = False


class NextView(Command):
    key = "v"
    title = "view"
    help = (
        "Show the payload in the next way: as a tree, laid out, as its bytes are, in hexadecimal, and as whatever else "
        "it may be; the error where that has the focus."
    )


class FoldNode(Command):
    key = "enter"
    title = "unfold"
    help = "Unfold what the cursor stands on in the tree of the payload, or fold it."
    footer = False


class UnfoldAll(Command):
    key = "plus"
    title = "unfold all"
    help = "Unfold everything in the tree of the payload."
    footer = False


class FoldAll(Command):
    key = "minus"
    title = "fold all"
    help = "Fold everything in the tree of the payload."
    footer = False


class FilterByNode(Command):
    key = "F"
    title = "filter by value"
    help = "Go back to the list, and let it show the tasks alone in whose payloads the same value stands at this place."
    footer = False


class NodeAsColumn(Command):
    key = "C"
    title = "as column"
    help = "Let the list show, as a column, what stands at this place of its payloads."
    footer = False


class CopyId(Command):
    key = "i"
    title = "copy id"
    help = "Send the task's id to the terminal's clipboard."
    footer = False


class Copy(Command):
    key = "y"
    title = "copy"
    help = "Send the payload as shown to the terminal's clipboard; the terminal may not take it."


class CopyMenu(Command):
    key = "Y"
    title = "copy…"
    help = "Choose what to copy: path or value under the cursor, payload, error, id, or a line for redis-cli."
    footer = False


class Save(Command):
    key = "e"
    title = "save…"
    help = "Save the payload to a file, byte for byte or decoded."


class OpenOutside(Command):
    key = "o"
    title = "pager"
    help = "Show the payload, or the error where it has the focus, in your pager or editor, read-only."
    footer = False


class Search(Command):
    key = "slash"
    title = "search"
    help = "Search in error and payload, or in a comparison; in a binary payload also for hexadecimal digits."


class SearchNext(Command):
    key = "ctrl+n,f3"
    title = "next match"
    help = "Go to the next match of the search."
    transient = True


class SearchPrevious(Command):
    key = "N,shift+f3"
    title = "previous match"
    help = "Go to the match before."
    footer = False


class ShowSecrets(Command):
    key = "exclamation_mark"
    title = "show masked"
    help = "Show the values that are masked here, such as passwords, or mask them again."
    footer = False


class FoldFacts(Command):
    key = "f"
    title = "facts"
    help = "Show all facts of the task, or fold them into a line or two."
    footer = False


class Zoom(Command):
    key = "z"
    title = "zoom"
    help = "Give the box with the focus the whole screen, or take it back."


class NextBox(Command):
    key = "tab"
    title = "next box"
    help = "Go to the next box: error, payload, facts."
    footer = False


class PreviousBox(Command):
    key = "shift+tab"
    title = "previous box"
    help = "Go to the box before."
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
