"""The jobs that list tasks into a catalog, the newest first: those of an index of one queue, or of all queues."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.errors import DisconnectedError, MovedError, NotPermittedError, RefusedError
from archive_tui.jobs.job import Job, JobState
from archive_tui.store.link.server import Server
from archive_tui.store.read import listing, old_storage
from archive_tui.store.read.queues import registered_if_there
from archive_tui.text import line


@dataclass(frozen=True, slots=True)
class ListProgress:
    """Progress of a listing."""

    state: JobState
    """State of the job."""

    listed: int = 0
    """Ids read."""

    complete: bool = False
    """The whole index was read."""

    read_at: float | None = None
    """When it had been read, in unix seconds; None: it has not yet."""

    trouble: str = ""
    """Why the job waits for the server; empty: it does not."""

    phase: str = ""
    """What it is doing, in words."""

    left_out: Mapping[str, str] = field(default_factory=dict)
    """The queues that cannot be read, each with the reason."""


class Listing(Job):
    """List indexes of queues.

    In a catalog that was filled before, rows are updated and keep their numbers; at the end those are removed that no
    index holds any more.
    """

    def __init__(self, server: Server, catalog: Catalog, clock: Callable[[], float]) -> None:
        super().__init__("list")
        self.catalog = catalog
        self._server = server
        self._left_out: dict[str, str] = {}
        self._listed = 0
        self._complete = False
        self._clock = clock
        self._read_at: float | None = None
        self._phase = "connecting"

    @property
    def progress(self) -> ListProgress:
        """The progress now; safe to read from any thread."""
        return ListProgress(
            self.state, self._listed, self._complete, self._read_at, self.trouble, self._phase, self._left_out
        )

    def work(self) -> None:
        self.reconnecting(self._attempt)

    def _attempt(self) -> None:
        self._listed = 0
        self.catalog.begin_listing()
        self._list_all()
        self.catalog.end_listing()
        self._complete = True
        self._read_at = self._clock()

    @abstractmethod
    def _list_all(self) -> None:
        """List every index that is wanted."""

    def _list(self, queue: str, state: State, of: str = "") -> None:
        """List an index; `of` names the queue in the words about what the job is doing. Raises RefusedError."""
        with self._server.pipe() as pipe:
            self.connected()
            self._phase = f"reading the {'archive' if state is State.ARCHIVED else state.value}'s tasks{of}"
            for batches in listing.batches(pipe, queue, state):
                self.checkpoint()
                self.catalog.enlist(batches)
                self._listed += sum(len(batch.values) for batch in batches)


class ListJob(Listing):
    """List an index of one queue."""

    def __init__(
        self,
        server: Server,
        catalog: Catalog,
        queue: str,
        state: State = State.ARCHIVED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(server, catalog, clock)
        self.queue = queue
        self.index = state

    def _list_all(self) -> None:
        self._list(self.queue, self.index)


class ListAllJob(Listing):
    """List an index of all queues, one after the other.

    A queue that cannot be read is left out, with the reason, and so is one of before Asynq 0.18 where plans are made of
    the list: one that holds any of its tasks could not be carried out.
    """

    def __init__(
        self,
        server: Server,
        catalog: Catalog,
        known: Sequence[str] = (),
        why_not: Callable[[str], str | None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        *,
        state: State = State.ARCHIVED,
        for_plans: bool = True,
    ) -> None:
        """`known` are queues beside those that are registered; `why_not` says why a queue may not be read, None where
        it may.
        """
        super().__init__(server, catalog, clock)
        self.queues: tuple[str, ...] = ()
        """The queues, once they are known."""
        self.index = state
        self._known = tuple(known)
        self._why_not = why_not
        self._for_plans = for_plans

    def _list_all(self) -> None:
        with self._server.pipe(lenient=True) as pipe:
            self.connected()
            self._phase = "looking which queues there are"
            names, _ = registered_if_there(pipe)
            self.queues = tuple(sorted({*self._known, *(names or ())}))
            left_out = {queue: reason for queue in self.queues if (reason := self._why_not(queue))}
            may_be_old = [queue for queue in self.queues if self._for_plans and queue not in left_out]
            for queue in old_storage.old_queues(pipe, may_be_old):
                left_out[queue] = "written by Asynq before 0.18: open it by itself"
        self._left_out = left_out
        for at, queue in enumerate(self.queues, 1):
            if queue in self._left_out:
                continue
            self.checkpoint()
            try:
                self._list(queue, self.index, f" of {line(queue)}, queue {at:,} of {len(self.queues):,}")
            except NotPermittedError:
                self._leave_out(queue, "not permitted to this user")
            except MovedError:
                raise
            except DisconnectedError as error:
                if self._server.cluster is None:
                    raise
                self._leave_out(queue, str(error))  # the other nodes go on
            except RefusedError as error:
                self._leave_out(queue, str(error))

    def _leave_out(self, queue: str, reason: str) -> None:
        self._left_out = {**self._left_out, queue: reason}  # whoever watches may be reading the other
