"""Importing ahead: the first picture waits for nothing but what it shows.

Most of the start is importing modules: all of ours take twice as long as Textual and redis-py together. So what stands
on the way to the first queues (the command line, `session`, `tui.app`, `tui.screens.queues`, and all that these import
at their head) imports other screens, dialogs, plans, catalog and decoders in the functions that need them. Once the
queues are on the screen, a thread imports the rest while the operator reads, so that no key has to.

`tests/unit/test_start.py` names what must not come along again.
"""

import importlib
import pkgutil
import threading

from archive_tui.tui import dialogs, screens


def import_ahead() -> threading.Thread:
    """Import every screen and every dialog with all they need, in the background; the thread that does it."""
    thread = threading.Thread(target=_import_all, name="import ahead", daemon=True)
    thread.start()
    return thread


def _import_all() -> None:
    for package in (screens, dialogs):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
