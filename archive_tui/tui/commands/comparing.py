"""The commands of comparing tasks."""

from archive_tui.tui.commands.command import Command


class Compare(Command):
    key = "equals_sign"
    title = "compare"
    help = (
        "Compare the two marked tasks, or the marked one with the one under the cursor: in the triage view, with the "
        "example of its row. On a task, ask what to compare it with."
    )
    footer = False


class ShowAlike(Command):
    key = "v"
    title = "all"
    help = "Show also what is the same on both sides, or only what differs."


class CopyComparison(Command):
    key = "y"
    title = "copy"
    help = "Send the comparison as shown to the terminal's clipboard; the terminal may not take it."
