"""The commands of the journals: what was deleted, and how it comes to life again."""

from archive_tui.tui.commands.command import Command


class Journals(Command):
    key = "J"
    title = "journal"
    help = "Show what was changed, when and by whom, and restore it."


class RestoreJournal(Command):
    key = "ctrl+r,b"
    title = "restore…"
    help = (
        "Plan to restore all tasks of the journal under the cursor, or to go on with the rest of a change that was "
        "interrupted. Nothing happens before you confirm."
    )
    danger = True


class Restore(Command):
    key = "ctrl+r,b"
    title = "restore…"
    help = "Plan to restore the marked tasks, or the one under the cursor. Nothing happens before you confirm."
    danger = True


class Again(Command):
    key = "a"
    title = "restored ones"
    help = (
        "Also show what was restored before, to restore it once more: after a failover that lost it, for instance. "
        "What has run since would run again."
    )
    footer = False
