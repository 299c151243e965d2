"""The commands of every screen: back, help and the ways out."""

from archive_tui.tui.commands.command import Command


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


class Suspend(Command):
    key = "ctrl+z"
    title = "suspend"
    help = "Go back to the shell; `fg` there comes back. What is running stands still meanwhile."
    footer = False
    at_once = True


class Redraw(Command):
    key = "ctrl+l"
    title = "redraw"
    help = "Draw the whole screen again, where something else has written on the terminal."
    footer = False
    at_once = True


QUITS = (QuitAnywhere, QuitAtOnce, Suspend, Redraw)
"""The commands of the program as a whole."""


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
