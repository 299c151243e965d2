"""Where journals are kept, and how much room is there. Reads none of them, so a session needs no reader to open."""

import shutil
from pathlib import Path

import platformdirs


def default_folder() -> Path:
    """Where journals are kept unless a setting says otherwise."""
    return Path(platformdirs.user_state_dir("archive-tui", appauthor=False)) / "journal"


def free_bytes(folder: Path) -> int | None:
    """How much room the disk of a folder has, also where the folder is still to be made; None where nobody knows."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
