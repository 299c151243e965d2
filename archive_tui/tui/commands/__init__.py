"""Every command once: its key, its title, its sentence for help and palette, and whether it destroys.

Bindings, footer, help, palette and read-only mode are all derived from these classes. A screen lists the commands it
has. The method that carries a command out is marked with it, on the screen or on one of the parts that the screen has:

    @runs(commands.MarkAll, unless=why_not_mark_all)
    def mark_all(self) -> None:

A search for `MarkAll` finds the command, the screens that list it and the methods that run it. A screen class that
lists a command without a method cannot be made.

There is one module a group of commands. Everything in it is `commands.<name>` to everybody else, so that a new command
is one class in one place.
"""

from archive_tui.tui.commands.changing import *
from archive_tui.tui.commands.command import *
from archive_tui.tui.commands.comparing import *
from archive_tui.tui.commands.connection import *
from archive_tui.tui.commands.dialogs import *
from archive_tui.tui.commands.everywhere import *
from archive_tui.tui.commands.filter_line import *
from archive_tui.tui.commands.fixed import *
from archive_tui.tui.commands.jobs import *
from archive_tui.tui.commands.journal import *
from archive_tui.tui.commands.keys import *
from archive_tui.tui.commands.lists import *
from archive_tui.tui.commands.marking import *
from archive_tui.tui.commands.moving import *
from archive_tui.tui.commands.task import *
from archive_tui.tui.commands.triage import *
