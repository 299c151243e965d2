"""What is changed from a screen of counts: archived tasks, or findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive_tui.tui import commands
from archive_tui.tui.command_screen import Part
from archive_tui.tui.commands import Command
from archive_tui.tui.lists.archive_changes import ArchiveChanges
from archive_tui.tui.lists.archive_edits import ArchiveEdits
from archive_tui.tui.lists.finding_changes import FindingChanges

if TYPE_CHECKING:
    from archive_tui.tui.lists.counts_screen import CountsScreen


@dataclass(frozen=True, slots=True)
class CountedChanges:
    """The changes of one kind of rows, for any screen of counts."""

    commands: tuple[type[Command], ...]
    """In the order of footer and help."""

    parts: tuple[type[Part], ...]
    """The classes of the parts that run them."""

    make: Callable[[CountsScreen], tuple[Part, ...]]
    """Makes one of each of these parts."""


def _of_archived_tasks(screen: CountsScreen) -> tuple[Part, ...]:
    queue, chosen = screen.triaged.queue, screen.chosen
    return tuple(
        part(screen, screen.flow, chosen.targets, queue=queue, why_not=chosen.why_not_change)
        for part in (ArchiveChanges, ArchiveEdits)
    )


def _of_findings(screen: CountsScreen) -> tuple[Part, ...]:
    findings = FindingChanges(
        screen,
        screen.flow,
        screen.chosen.targets,
        picked=screen.triaged.marks.marked_by_hand,
        pointed_at=screen.pointed_at,
        why_not=screen.chosen.why_not_change,
    )
    return (findings,)


OF_ARCHIVED_TASKS = CountedChanges(
    (commands.Delete, commands.Run, commands.Edit), (ArchiveChanges, ArchiveEdits), _of_archived_tasks
)
OF_FINDINGS = CountedChanges((commands.Repair, commands.Delete), (FindingChanges,), _of_findings)
