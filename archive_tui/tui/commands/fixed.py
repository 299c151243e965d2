"""The keys that answer dialogs. Nobody can give them away: a change is confirmed by the same keys on every machine."""

from archive_tui.tui.commands.command import Command


class FixedCommand(Command):
    """What a key does that cannot be given another; `fixed` says why."""

    footer = False
    fixed = "what confirms and what cancels is the same on every machine"


class CloseDialog(FixedCommand):
    key = "escape"
    title = "close"
    help = "Close the dialog without an answer: nothing happens."


class Answer(FixedCommand):
    key = "enter"
    title = "answer"
    help = "Take what has the focus. In a plan that is Cancel, until all that must be typed stands there."


class NextField(FixedCommand):
    key = "tab,shift+tab"
    title = "next field"
    help = "Go to the next field or button of a dialog, or to the one before."


class TypeCount(FixedCommand):
    key = "0,1,2,3,4,5,6,7,8,9"
    title = "type the count"
    help = "Type the count that a plan asks for, wherever the focus is. Any other sign locks the plan."
