"""The commands that move in a list or a document."""

from archive_tui.tui.commands.command import Command


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
    help = "Scroll left, where lines or columns are wider than the screen; in a tree, fold, or go out to what holds it."


class ScrollRight(Move):
    key = "right"
    title = "right"
    help = "Scroll right; in a tree, unfold, or go into what is unfolded."


MOVES = (Up, Down, PageUp, PageDown, First, Last, ScrollLeft, ScrollRight)
"""How to move in a list or a document."""
