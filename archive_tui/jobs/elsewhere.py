"""Ghosts that may be somebody's tasks: how many ids have their task data under a prefix, in another installation.

Reads the whole keyspace once more, at a pace, and only where there are ghosts at all.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.selection import Selection
from archive_tui.jobs.pace import Pace
from archive_tui.settings.namespace import DEFAULT_NAMESPACE
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.read import namespaces
from archive_tui.text import encode


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The ghosts of a selection that other installations of the database know."""

    known: Mapping[str, int] = field(default_factory=dict)
    """Ids with task data under a prefix, by queue."""

    unsure: Mapping[str, int] = field(default_factory=dict)
    """Ids of which this user may not see whether they have any, by queue."""

    prefixes: tuple[bytes, ...] = ()
    """What stands before our namespace in the keys of these installations; empty where nobody looked, as without
    ghosts.
    """

    namespace: str = DEFAULT_NAMESPACE
    """Our namespace."""

    @property
    def namespaces(self) -> list[bytes]:
        """The namespaces of these installations; foreign text."""
        return [prefix + encode(self.namespace) for prefix in self.prefixes]

    def count(self, queue: str) -> int | None:
        """How many ids of a queue; None where that is not known."""
        return None if self.unsure.get(queue) else self.known.get(queue, 0)


def look(server: Server, selection: Selection, ghosts: int, pace: Pace = Pace.FULL) -> Elsewhere:
    """Look for the ghosts of a selection, of which it has so many, under every prefix. Blocks. Raises ConnectError and
    kin.
    """
    if not ghosts:
        return Elsewhere()
    known, unsure = Counter[str](), Counter[str]()
    with server.pipe() as pipe:
        rest = _Rest(pace)
        prefixes = namespaces.prefixes(pipe, rest)
        if prefixes:
            for rows in selection.batches():
                for (queue, _), seen in _others(pipe, prefixes, [row for _, row in rows]).items():
                    (known if seen else unsure)[queue] += 1
                rest()
    return Elsewhere(dict(known), dict(unsure), tuple(prefixes), server.keys.namespace)


def are_elsewhere(server: Server, rows: Sequence[TaskRow], prefixes: Sequence[bytes]) -> dict[tuple[str, bytes], bool]:
    """The ghosts among some rows that have task data under one of these prefixes, by queue and id; False where this
    user may not see whether they do. Blocks. Raises ConnectError and kin.
    """
    if not prefixes or not any(row.kind is Kind.GHOST for row in rows):
        return {}
    with server.pipe() as pipe:
        return _others(pipe, prefixes, rows)


def _others(pipe: Pipe, prefixes: Sequence[bytes], rows: Sequence[TaskRow]) -> dict[tuple[str, bytes], bool]:
    found: dict[tuple[str, bytes], bool] = {}
    ghosts = [row for row in rows if row.kind is Kind.GHOST]
    for queue, same in groupby(ghosts, key=lambda row: row.queue):
        there = namespaces.elsewhere(pipe, prefixes, queue, [row.id for row in same])
        found |= {(queue, task_id): seen for task_id, seen in there.items()}
    return found


class _Rest:
    """Leaves the server alone after each step, as long as the pace wants it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._began = time.monotonic()

    def __call__(self) -> None:
        pause = self._pace.rest_after(time.monotonic() - self._began)
        if pause:
            time.sleep(pause)
        self._began = time.monotonic()
