"""Plans on disk: the rows of a change beside its journal, from before anything is changed until the change has ended
whole. With them, what an interruption has left undone can be resumed (`changes.resume`).

A plan takes about `ROW_BYTES` a task, 0600 in the folder of journals. Of plans that were left behind the newest are
kept, at most `MOST` of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive_tui.catalog import rows_file
from archive_tui.catalog.selection import Selection
from archive_tui.errors import CatalogError, JournalError
from archive_tui.journal import folder as journal_folder
from archive_tui.journal import place
from archive_tui.journal.interrupted import deal_with, is_being_written
from archive_tui.journal.reader import Journal
from archive_tui.journal.recorder import Room
from archive_tui.text import line
from archive_tui.wording.people import size

MOST = 20
"""Plans that are kept of changes that were interrupted."""


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What of a plan goes to disk."""

    kind: str
    """The name under which `changes.resume` knows how to make the plan again."""

    selection: Selection
    """Its rows."""

    note: Mapping[str, Any] = field(default_factory=dict)
    """What else it needs for that, as JSON takes it."""


def keep(journal: Path, plan: KeptPlan, choice: str) -> None:
    """Write a plan beside its journal; `choice` says how its tasks were chosen. Raises JournalError where there is no
    room or no permission for it: then nothing may be changed.
    """
    path = journal_folder.plan_path(journal)
    room = Room(len(plan.selection) * rows_file.ROW_BYTES, place.free_bytes(journal.parent))
    if not room.enough:
        raise JournalError(
            f"no room for the plan in {line(str(journal.parent))}: it needs about {size(room.needed)}, and "
            f"{size(room.free)} are free: make room, or choose another folder with --journal-dir"
        )
    try:
        rows_file.write(path, plan.selection, {**plan.note, "kind": plan.kind, "choice": choice})
    except CatalogError as error:
        raise JournalError(f"{error}: make room, or choose another folder with --journal-dir") from None
    for left_behind in journal_folder.with_plan(journal.parent)[MOST:]:
        if not is_being_written(left_behind):
            forget(left_behind)


def forget(journal: Path) -> None:
    """Remove the plan of a change that has ended whole, or of which nothing was done."""
    rows_file.remove(journal_folder.plan_path(journal))


def retire(journal: Path) -> None:
    """Take note that the rest of a change was taken up by another, which has a journal and a plan of its own, or has
    ended whole; and so that of the change which this one had resumed. Raises JournalError.
    """
    deal_with(journal)
    forget(journal)
    before = journal.with_name(Path(Journal(journal).header.continues).name or journal.name)
    if journal_folder.plan_path(before).exists():  # killed before it could take note of that itself
        retire(before)
