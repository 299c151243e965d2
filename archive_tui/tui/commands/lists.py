"""The commands of lists: which rows they show, in which order and how wide."""

from archive_tui.tui.commands.command import Command


class Open(Command):
    key = "enter"
    title = "open"
    help = "Open what the cursor stands on."


class AllArchives(Command):
    key = "A"
    title = "all archives"
    help = "Show the archived tasks of all queues in one list, with their queue."


class Filter(Command):
    key = "slash"
    title = "filter"
    help = "Show only rows that match what you type; stepping back shows all again."


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


class Export(Command):
    key = "e"
    title = "export…"
    help = "Write the marked tasks, or all that match, to a new file that `archive-tui restore` reads. Changes nothing."


class Follow(Command):
    key = "t"
    title = "follow"
    help = "Keep the newest row in sight while rows arrive; moving up ends it."
    footer = False


class ExactTimes(Command):
    key = "at"
    title = "times"
    help = "Write times out in UTC, or as ages again."
    footer = False


class ChooseColumns(Command):
    key = "C"
    title = "columns…"
    help = "Choose which columns lists of this kind show, and in which order."
    footer = False


class Wide(Command):
    key = "w"
    title = "wide"
    help = "Show whole columns and scroll sideways, or fit them to the screen."
    footer = False


class Groups(Command):
    key = "tab"
    title = "groups"
    help = (
        "Go to the groups beside the table, or in its place where that is narrow, and back. There opening shows one "
        "group alone, or all again, and marking marks all of it."
    )


class Rows(Groups):
    """What the same keys do while groups have them."""

    title = "rows"

    @classmethod
    def id(cls) -> str:
        return Groups.id()


class Narrow(Command):
    key = "enter"
    title = "show alone"
    help = "Let the list show only the tasks of this group; where it does already, all again."
