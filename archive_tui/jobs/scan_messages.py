"""What a scan and the processes that walk for it say to each other.

The scan begins with an `Assignment`, and then says `GoOn` whenever the node answers (again). The process answers with
any number of `Report`, each of which is answered by the pace, and `Question.OTHERS`, which is answered by the names of
queues; in the end stands one `Ended` or `Failed`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from archive_tui.asynq.rows import RowBatch
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.node_scan import Phase, Wish
from archive_tui.jobs.pace import Pace
from archive_tui.settings.model import Settings


class Question(Enum):
    """A question of the process."""

    OTHERS = auto()
    """Which queues may have ids in indexes and no task data?"""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be scanned, and on which node."""

    settings: Settings
    """How the node is reached, secrets included: this goes through a pipe that nobody else holds."""

    wish: Wish
    queues: Sequence[str] | None
    """As for `NodeScan`, like the slots."""

    slots: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class GoOn:
    """Connect, and go on where the connection was lost."""

    round_trip: float
    """Seconds that a question takes which is no work."""

    pace: Pace
    fraction_of: Callable[[int], float]
    """Tells from a cursor how much is walked."""

    run_id: str
    """Name of the server process that is scanned, as `INFO` gives it; empty where it does not."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found since the last one, and how far the scan is."""

    batches: Sequence[RowBatch]
    histories: Sequence[bytes]
    keys_by_queue: Counter[str]
    """Those that were met since the last one."""

    not_tasks: int
    members: int
    phase: Phase
    walked: float
    fraction: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Everything was walked, checked and settled."""

    queues: Sequence[str]
    groups: Mapping[str, set[bytes]]
    apart: set[str]


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on with this connection, or not at all. Also the answer to a question that cannot be answered."""

    kind: type[ArchiveTuiError]
    why: str

    @classmethod
    def of(cls, error: ArchiveTuiError) -> Self:
        """What is said of an error."""
        return cls(type(error), str(error))

    @property
    def error(self) -> ArchiveTuiError:
        """The error, to be raised on the other side."""
        return self.kind(self.why)
