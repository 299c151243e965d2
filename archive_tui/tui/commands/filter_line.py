"""The commands that help while a filter is typed."""

from archive_tui.tui.commands.command import Command
from archive_tui.tui.commands.fixed import FixedCommand


class FilterCommand(Command):
    """A command of the line in which a filter is typed."""

    footer = False


class EndFilter(FixedCommand):
    key = "enter"
    title = "done"
    help = "Go back to what is looked through: it shows what matches."


class ClearFilter(FixedCommand):
    key = "escape"
    title = "clear"
    help = "Forget what is typed, and show everything again."


class CompleteFilter(FilterCommand):
    key = "tab"
    title = "complete"
    help = "Go on with a field, a value that was seen, or a filter that has a name; again, the next suggestion."


class CompleteFilterBack(FilterCommand):
    key = "shift+tab"
    title = "complete back"
    help = "Take the suggestion before."


class OlderFilter(FilterCommand):
    key = "up"
    title = "older filter"
    help = "Take the filter that was typed before."


class NewerFilter(FilterCommand):
    key = "down"
    title = "newer filter"
    help = "Take the filter that was typed after it, in the end the one that was begun."


class FindFilter(FilterCommand):
    key = "ctrl+r"
    title = "find filter"
    help = "Take the last filter that holds what is typed; again, the one before."


class SaveFilter(FilterCommand):
    key = "ctrl+s"
    title = "name filter"
    help = "Give the filter a name, for this run."


FILTER_LINE = (
    EndFilter,
    ClearFilter,
    CompleteFilter,
    CompleteFilterBack,
    OlderFilter,
    NewerFilter,
    FindFilter,
    SaveFilter,
)
"""The commands of the line in which a filter is typed."""
