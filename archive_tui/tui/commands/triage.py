"""The commands of the triage view: which tasks failed of which error and type, and when."""

from archive_tui.tui.commands.command import Command


class Triage(Command):
    key = "T"
    title = "triage"
    help = "Show a table of errors by type and age, with counts, first and last time, and an example of each error."


class DrillDown(Command):
    key = "enter"
    title = "tasks"
    help = "Show the list of the tasks under the cursor: of the row, or of one age where a column of ages is chosen."


class MarkCell(Command):
    key = "space"
    title = "mark"
    help = "Mark every task of the row or age under the cursor, and move on; where all are marked, unmark them."


class Example(Command):
    key = "tab"
    title = "example"
    help = "Scroll the example of the error, which is shown whole, and back."
    footer = False
