"""The ways to read the members of an index with their task data: one is forced, which sizes and times would choose."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from archive_tui.store.read import index_check, joined, tasks
from archive_tui.store.read.carrying import Contest, Sizes

WAYS = ("joined", "carried", "measured")


@contextmanager
def going(way: str, *, at_once: int = 3) -> Iterator[None]:
    """Read short indexes, too, in this way, where the server permits it; `at_once` ids with one command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "LONG", 1)
        patch.setattr(joined, "AT_ONCE", at_once)
        patch.setattr(joined, "OVERLAP", 1)
        patch.setattr(tasks, "PIECE", 3 * at_once)
        patch.setattr(index_check, "SAMPLE", 0)
        patch.setattr(Contest, "measured", True)
        patch.setattr(Contest, "carry", lambda _: way != "measured")
        patch.setattr(Sizes, "let_carry", lambda *_: way != "measured")
        if way == "carried":
            patch.setattr(joined, "may_join", lambda *_: False)
        yield
