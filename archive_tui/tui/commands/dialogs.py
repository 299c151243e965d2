"""The commands of dialogs, which work while one is open. What confirms and cancels is not among them: see `fixed`."""

from archive_tui.tui.commands.command import Command


class DialogCommand(Command):
    """A command of a dialog; the dialog says where it is seen."""

    footer = False


class CloseHelp(DialogCommand):
    key = "q,question_mark,enter"
    title = "close help"
    help = "Close the help."


class SearchHelp(DialogCommand):
    key = "slash"
    title = "search help"
    help = "Show only what holds the words that you type."


class NextKind(DialogCommand):
    key = "right,n"
    title = "next kind"
    help = "Explain the next kind of finding."


class PreviousKind(DialogCommand):
    key = "left,p"
    title = "previous kind"
    help = "Explain the kind before."


class CloseExplanation(DialogCommand):
    key = "q,enter,h"
    title = "close explanation"
    help = "Close the explanation."


class ToggleColumn(DialogCommand):
    key = "space"
    title = "show or hide column"
    help = "Show the column under the cursor, or hide it."


class ColumnUp(DialogCommand):
    key = "shift+up,K"
    title = "column up"
    help = "Move the column under the cursor up in the order."


class ColumnDown(DialogCommand):
    key = "shift+down,J"
    title = "column down"
    help = "Move the column under the cursor down in the order."


class AddColumn(DialogCommand):
    key = "a"
    title = "add column"
    help = "Add a column that shows a place in the payload or in a header."


class ResetColumns(DialogCommand):
    key = "r"
    title = "usual columns"
    help = "Show all columns in the usual order, and none of payloads."


class NextColumn(DialogCommand):
    key = "j"
    title = "next column"
    help = "Go to the next column."


class PreviousColumn(DialogCommand):
    key = "k"
    title = "previous column"
    help = "Go to the column before."


class CompletePath(DialogCommand):
    key = "tab"
    title = "complete path"
    help = "Go on with a path that messages of the list have; again, the next one."


class CompletePathBack(DialogCommand):
    key = "shift+tab"
    title = "complete path back"
    help = "Take the path before."


class NextForm(DialogCommand):
    key = "down"
    title = "next form"
    help = "Save in the next form: what it is good for stands below."


class PreviousForm(DialogCommand):
    key = "up"
    title = "previous form"
    help = "Save in the form before."


class PlanUp(DialogCommand):
    key = "pageup,up"
    title = "plan up"
    help = "Read the part of a plan above what is seen."


class PlanDown(DialogCommand):
    key = "pagedown,down"
    title = "plan down"
    help = "Read the part of a plan below what is seen."


class ExplainPlan(DialogCommand):
    key = "f1"
    title = "explain plan"
    help = "Explain the words of a plan."


class PaletteUp(DialogCommand):
    key = "up"
    title = "palette up"
    help = "Go to the command above while words are typed."


class PaletteDown(DialogCommand):
    key = "down"
    title = "palette down"
    help = "Go to the command below while words are typed."


class PalettePageUp(DialogCommand):
    key = "pageup"
    title = "palette page up"
    help = "Move up by one page of commands."


class PalettePageDown(DialogCommand):
    key = "pagedown"
    title = "palette page down"
    help = "Move down by one page of commands."
