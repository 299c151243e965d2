"""The rules of DESIGN.md section 3: which task data Asynq has lost track of."""

from enum import StrEnum

from archive_tui.asynq.states import State


class Kind(StrEnum):
    """What is wrong with a task; the values are those of the file formats."""

    ORPHAN_ARCHIVED = "orphan-archived"
    ORPHAN_COMPLETED = "orphan-completed"

    @property
    def label(self) -> str:
        """The kind in words, for a screen."""
        return self.value.replace("-", ", ", 1)

    @property
    def state(self) -> State:
        """The state that task data of this kind names."""
        return _STATE_OF[self]


_ORPHAN_OF = {State.ARCHIVED: Kind.ORPHAN_ARCHIVED, State.COMPLETED: Kind.ORPHAN_COMPLETED}
_STATE_OF = {kind: state for state, kind in _ORPHAN_OF.items()}

ORPHAN_STATES = frozenset(_ORPHAN_OF)
"""States whose unreferenced task data is an orphan: nothing will ever run, list or expire it."""


def judge(state: State | None, *, referenced: bool, leftover: bool = False) -> Kind | None:
    """Judge task data whose state and index were read in one atomic step; None where nothing is wrong with it.

    Asynq changes hash and index in one script, so a pair that was read together and does not match is no torn read.

    In a `leftover` queue completed tasks are orphans although their index stands: `DeleteQueue(force)` forgets to
    delete both (seen with 0.24.1, 0.25.1 and 0.26.0), and nothing expires them any more.
    """
    if state is None or (referenced and not (leftover and state is State.COMPLETED)):
        return None
    return _ORPHAN_OF.get(state)
