"""archive_tui on a machine as busy as it may be: run as a program, it waits for keys as long as they take to arrive and
to be handled, and no remark goes because time passes. What stays is the order of things, which is what the tests of
typing ask about.
"""

from archive_tui.cli import main
from archive_tui.tui import keystrokes
from archive_tui.tui.terminal import keyboard
from archive_tui.tui.widgets import remarks

_LONG = 3600.0

if __name__ == "__main__":
    for module, name, seconds in (
        (keyboard, "_ESCAPE_ALONE", _LONG),
        (keyboard, "_TORN", _LONG),
        (keystrokes, "_HOLD", _LONG),
        (keystrokes, "_REST", _LONG),
        (remarks, "_TICK", _LONG),
        (remarks, "_READ", 0.0),
    ):
        assert hasattr(module, name)
        setattr(module, name, seconds)
    main()
