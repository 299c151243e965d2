"""The commands that plan a change, and the one that explains what there is to change."""

from archive_tui.tui.commands.command import Command


class Delete(Command):
    key = "ctrl+d,delete"
    title = "delete…"
    help = "Plan the deletion of the marked tasks, or of the one under the cursor. Nothing happens before you confirm."
    danger = True


class Run(Command):
    key = "R"
    title = "run…"
    help = (
        "Run the marked tasks again, or the one under the cursor: asks how (once, with retries reset, later, or at a "
        "rate), then shows the plan."
    )
    danger = True


class Edit(Command):
    key = "E"
    title = "edit…"
    help = (
        "Edit a payload and run the task with it, or keep it archived. One task opens in $EDITOR; for the marked "
        "ones, type paths and values. Nothing happens before you confirm."
    )
    danger = True
    footer = False


class CleanOld(Command):
    key = "c"
    title = "clean old…"
    help = "Delete old tasks from the archive: asks what to keep by age and number, then shows the plan."
    danger = True
    footer = False


class UndoChange(Command):
    key = "u"
    title = "undo…"
    help = "Plan to undo the change that this report is about. Nothing happens before you confirm."
    danger = True


class Repair(Command):
    key = "m"
    title = "repair…"
    help = "Choose how to repair the marked findings, or the one under the cursor. Nothing happens before you confirm."
    danger = True


class RepairQueue(Command):
    key = "m"
    title = "repair…"
    help = "Repair the queue under the cursor: register or clean up a leftover queue, clear an archive that is stuck."
    danger = True
    footer = False


class Explain(Command):
    key = "h"
    title = "what is this"
    help = "Explain the kind of the finding under the cursor: its cause, what follows from it, and the way out."
