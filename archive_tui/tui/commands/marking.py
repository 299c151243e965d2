"""The commands that mark rows."""

from archive_tui.tui.commands.command import Command


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
    help = (
        "Forget all marks, also those that the filter hides; pressed again, bring them back. With nothing marked after "
        "a change, undo the change: its plan asks first."
    )
    footer = False


class MarkGroup(Command):
    key = "space"
    title = "mark"
    help = "Mark every task of the group under the cursor; where all are marked, unmark them."
