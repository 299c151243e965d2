"""The job behind the queues screen: reads the state of every queue again and again, searches for leftover queues."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from archive_tui.asynq.forecast import Forecast, forecast, is_too_old
from archive_tui.asynq.limits import DEFAULTS, CapWatch, Limits
from archive_tui.asynq.states import State
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.job import Job
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.read import queues
from archive_tui.store.read.memory import Estimate, memory
from archive_tui.store.read.namespaces import Others
from archive_tui.store.read.queues import QueueStats

_MEMORY_EVERY = 30.0
_FORECAST_EVERY = 60.0
_DISCOVERY_SLICE = 0.05
_ANSWERS = 45
"""Answers whose times are remembered: a minute and a half, at two seconds each."""


class Answer(NamedTuple):
    """How long the server took to answer one command."""

    at: float
    """When it was asked, in unix seconds."""

    took: float
    """Seconds, there and back."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All queues at one moment."""

    queues: tuple[QueueStats, ...] = ()
    """The queues, by name."""

    info: ServerInfo | None = None
    """The server; None: not reached yet."""

    read_at: float | None = None
    """When the queues were read, in unix seconds; None: not yet."""

    latency: float | None = None
    """Seconds that the server took to answer one command; None: not measured yet."""

    answers: tuple[Answer, ...] = ()
    """How long the last answers took, the oldest first; the last one is `latency`."""

    searching: bool = True
    """The keyspace is still being walked for leftover queues."""

    unknown: str = ""
    """Why it is not known which queues are registered, in words; empty where it is."""

    other_namespaces: tuple[str, ...] = ()
    """The namespaces of other installations in this database, as far as the keyspace was walked; foreign text."""

    memory_refused: bool = False
    """The server refuses MEMORY USAGE."""

    limits: Mapping[str, Limits] = field(default_factory=dict)
    """The limits of each archive, as far as they are known."""

    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    """Forecasts by queue, as far as they have been made."""


class WatchJob(Job):
    """Keep `overview` fresh every `interval` seconds until stopped; a server that goes away is waited for."""

    def __init__(
        self,
        server: Server,
        interval: float = 2.0,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        limits: Limits = DEFAULTS,
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        """`beside` is called in every round, for what else is kept fresh; it raises ConnectError and kin in vain."""
        super().__init__("watch")
        self._limits = limits
        self._caps = CapWatch()
        self.overview = Overview()
        self.interval = interval
        self._server = server
        self._beside = beside
        self._clock = clock
        self._stopwatch = stopwatch
        self._names: set[str] = set()
        self._registered: set[str] = set()
        self._memory: dict[str, Estimate | None] = {}
        self._memory_at = -_MEMORY_EVERY
        self._groups: dict[str, set[bytes]] = {}
        self._rediscover = True
        self._forecasts: dict[str, tuple[float, Forecast]] = {}

    def refresh(self, *, leftovers: bool = False) -> None:
        """Read again soon; with `leftovers`, walk the keyspace for leftover queues again as well."""
        self._server.abilities.forget()  # what was refused may be permitted by now
        self._rediscover = self._rediscover or leftovers
        self._memory_at = -_MEMORY_EVERY
        self._forecasts = {}
        self._wake.set()

    def met_groups(self, groups: Mapping[str, set[bytes]]) -> None:
        """Count from now on the tasks in these sets too, by queue: a scan has met them. `asynq:{q}:groups` does not
        name all.
        """
        self._groups = {**self._groups, **groups}

    def work(self) -> None:
        # Whatever is wrong may end while we wait, and a screen that never recovers is worse than one that asks again
        self.reconnecting(self._attempt, on=ArchiveTuiError)

    def _attempt(self) -> None:
        self._server.identify()
        with self._server.pipe(lenient=True) as pipe:
            while True:
                self.checkpoint()
                info = self._server.look(pipe)
                self._read(pipe, info)
                self.connected()
                with suppress(ArchiveTuiError):
                    self._beside()
                if self._rediscover:
                    self._rediscover = False
                    try:
                        self._discover(pipe, info)
                    except BaseException:
                        self._rediscover = True  # what was cut off is taken up again
                        raise
                self.idle(self.interval)

    def _discover(self, pipe: Pipe, info: ServerInfo) -> None:
        """Search the keyspace in slices, half of the time at most, and keep the overview fresh meanwhile."""
        fresh_until = time.monotonic() + self.interval
        slice_began = time.monotonic()
        names: set[str] = set()
        groups: queues.GroupNames = {}
        others = Others()
        for name in queues.discover(pipe, groups, others):
            self.checkpoint()
            if name is not None:
                names.add(name)
                self._names.add(name)
            now = time.monotonic()
            if now - slice_began > _DISCOVERY_SLICE:
                self.rest(now - slice_began)
                slice_began = time.monotonic()
            if now > fresh_until:
                self._read(pipe, info)
                fresh_until = time.monotonic() + self.interval
        self._names, self._groups = names, groups
        self.overview = replace(self.overview, other_namespaces=tuple(sorted(others.names)))
        self._read(pipe, info, searching=False)

    def _read(self, pipe: Pipe, info: ServerInfo, *, searching: bool | None = None) -> None:
        began = self._stopwatch()
        registered, unknown = queues.registered_if_there(pipe)
        latency = self._stopwatch() - began
        if registered is not None and (left := self._registered - set(registered)):
            # Deleted from Asynq: a leftover queue if it still has keys, which only another search can tell
            self._names -= left
            self._rediscover = True
        if registered is not None:
            self._registered = set(registered)
        names = sorted(self._names.union(self._registered))
        now = self._clock()
        stats = queues.stats(pipe, names, registered, datetime.fromtimestamp(now, UTC), self._groups)
        if self.overview.read_at is not None and time.monotonic() - self._memory_at >= _MEMORY_EVERY:
            there = [one.name for one in stats if not (one.refused or one.away)]
            self._memory = dict(zip(there, memory(pipe, there), strict=True))
            self._memory_at = time.monotonic()
        for one in stats:
            self._caps.note(one.name, one.counts.get(State.ARCHIVED), one.oldest_archived_at, now, self._limits)
        caps = self._caps.caps
        limits = {one.name: self._limits.with_cap(caps.get(one.name)) for one in stats}
        if self.overview.read_at is not None:
            self._foretell(pipe, stats, is_too_old(info.product, info.version), now, limits)
        self.overview = replace(
            self.overview,
            queues=tuple(replace(one, memory=self._memory.get(one.name)) for one in stats),
            info=info,
            read_at=now,
            searching=self.overview.searching if searching is None else searching,
            latency=latency,
            answers=(*self.overview.answers, Answer(now, latency))[-_ANSWERS:],
            unknown=unknown,
            memory_refused=bool(self._memory) and all(size is None for size in self._memory.values()),
            limits=limits,
            forecasts={one.name: self._forecasts[one.name][1] for one in stats if one.name in self._forecasts},
        )

    def _foretell(
        self, pipe: Pipe, stats: Sequence[QueueStats], too_old: bool, now: float, limits: Mapping[str, Limits]
    ) -> None:
        """Make the forecasts again every minute: the scores of a full archive are ten replies."""
        for one in stats:
            made_at, made = self._forecasts.get(one.name, (-_FORECAST_EVERY, None))
            if made is None or time.monotonic() - made_at >= _FORECAST_EVERY:
                self._forecasts[one.name] = (
                    time.monotonic(),
                    foretell(pipe, one, now, too_old=too_old, limits=limits[one.name]),
                )


def foretell(pipe: Pipe, one: QueueStats, now: float, *, too_old: bool, limits: Limits) -> Forecast:
    """Make the forecast of one queue from the scores in its archive."""
    size = one.counts.get(State.ARCHIVED, 0)  # none of a queue that may not be read
    return forecast(
        queues.archived_scores(pipe, one.name) if size else [], now, size=size, too_old=too_old, limits=limits
    )
