"""How often Python looks for garbage in cycles while jobs run."""

import gc


def collect_rarely() -> None:
    """Look for cycles after 20,000 new objects, not after 700: a job makes millions, none of them in cycles, and the
    looking took a tenth of a scan's processor time. For the whole process, and safe to call again.
    """
    gc.set_threshold(20_000, 20, 50)
