"""The commands that start, hold and stop long reading."""

from archive_tui.tui.commands.command import Command


class ScanQueue(Command):
    key = "o"
    title = "orphan scan"
    help = "Scan the queue under the cursor for orphaned task data."


class ScanAll(Command):
    key = "a"
    title = "scan all"
    help = "Scan all queues for orphaned task data, leftover queues included."


class Stop(Command):
    key = "x"
    title = "stop"
    help = "Stop the running job at its next safe point, and keep what it has."
    transient = True


class PauseScan(Command):
    key = "z"
    title = "pause"
    help = "Hold the scan, or go on with it."
    transient = True


class ChangePace(Command):
    key = "p"
    title = "pace"
    help = "Change how much of the server's time the job may take: polite, gentle or full."
    transient = True


class Rescan(Command):
    key = "r"
    title = "rescan"
    help = "Forget what was found and scan again."
    footer = False


class ScanMessages(Command):
    key = "M"
    title = "rescan with messages and locks"
    help = (
        "Scan again and also read the message of every task, which finds those that do not decode, and every unique "
        "lock, which finds the stale ones; it takes longer. Pressed again, scan without."
    )
    footer = False
