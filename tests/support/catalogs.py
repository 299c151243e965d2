"""Catalogs that call back; the ids in a catalog, and the number of a task's row."""

from collections.abc import Callable, Sequence

from archive_tui.asynq.rows import RowBatch, TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query


class Hooked(Catalog):
    """A catalog that calls back, in the job's own thread, whenever it has taken rows in."""

    def __init__(self, hook: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.hook = hook

    def add(self, rows: Sequence[TaskRow], *, update: bool = False) -> int:
        new = super().add(rows, update=update)
        self.hook()
        return new

    def enlist(self, batches: Sequence[RowBatch]) -> None:
        super().enlist(batches)
        self.hook()

    def append(self, batches: Sequence[RowBatch]) -> None:
        super().append(batches)
        self.hook()


def once(action: Callable[[], object]) -> Callable[[], None]:
    """Something to be done the first time only."""
    left = [action]

    def act() -> None:
        if left:
            left.pop()()

    return act


def ids(catalog: Catalog) -> set[bytes]:
    return {row.id for row in catalog.rows(catalog.find(Query())).values()}


def seq_of(catalog: Catalog, queue: str, task_id: bytes) -> int | None:
    """The number of a task's row; None: there is none."""
    rows = catalog.rows(catalog.find(Query()))
    return next((seq for seq, row in rows.items() if (row.queue, row.id) == (queue, task_id)), None)
