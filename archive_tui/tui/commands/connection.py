"""The commands of the connection page."""

from archive_tui.tui.commands.command import Command


class Connection(Command):
    key = "i"
    title = "connection"
    help = (
        "Show the server and its replicas, what this user may do, latency, memory, and what is missing here. "
        "The palette opens it from every screen."
    )
    footer = False


class CopyConnection(Command):
    key = "y"
    title = "copy"
    help = "Send all of the page as text to the terminal's clipboard; the terminal may not take it."


class ReadConnection(Command):
    key = "r"
    title = "refresh"
    help = "Read everything again now, also what this user may do and what is missing."


class SwitchConnection(Command):
    key = "ctrl+o"
    title = "connections"
    help = "Choose another server, profile or the demo. Asks first while tasks are being changed."
    footer = False


class TryAgain(Command):
    key = "r"
    title = "try again"
    help = "Read the profiles anew, and ask every server again."
