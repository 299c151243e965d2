"""A session: one run of the program, its server, what its user may do there, and the jobs that are running."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from archive_tui.asynq.actions import Action
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import keeps_together
from archive_tui.asynq.limits import limits_of
from archive_tui.asynq.outcomes import RESTORE, Verb
from archive_tui.errors import ArchiveTuiError, NotPermittedError, RefusedError
from archive_tui.jobs.job import Job
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.watch import WatchJob, foretell
from archive_tui.journal import place
from archive_tui.journal.audit import Audit
from archive_tui.settings.namespace import DEFAULT_NAMESPACE
from archive_tui.store.link.replies import KEYS_APART
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.read import old_storage, permissions, queues
from archive_tui.store.read.permissions import Permissions
from archive_tui.text import line
from archive_tui.wording.people import exact

if TYPE_CHECKING:
    from archive_tui.asynq.forecast import Forecast
    from archive_tui.asynq.limits import Limits
    from archive_tui.asynq.task import Task
    from archive_tui.catalog.catalog import Catalog
    from archive_tui.changes.change import Plannable
    from archive_tui.changes.engine import ChangeJob
    from archive_tui.changes.sheet import Site
    from archive_tui.jobs.scan import ScanJob
    from archive_tui.payloads.readings import PayloadReader
    from archive_tui.payloads.redaction import Redaction
    from archive_tui.settings.model import Settings
    from archive_tui.store.facts import Connection, Extra
    from archive_tui.store.link.cluster_replicas import ClusterReplicas
    from archive_tui.store.link.replicas import Replicas
    from archive_tui.store.link.source import ClusterSource, Source
    from archive_tui.store.read.queues import QueueStats

AnyJob = TypeVar("AnyJob", bound=Job)


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """Result of the last scan of a queue."""

    findings: int
    """Findings of the queue, or of the installation; a minimum where the scan is not `complete`."""

    complete: bool
    """False for a scan that was stopped."""


_SNAPSHOT_INTERVAL = 86_400.0
"""Seconds until a snapshot is read again: nothing changes in it."""


def _stopped_at(moment: float) -> Callable[[], float]:
    """A clock that stands still."""
    return lambda: moment


class Session:
    """One server and everything that is going on with it. `clock` gives unix seconds and `stopwatch` seconds from any
    start; tests and screenshots fix them.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        interval: float = 2.0,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.wall_clock = clock
        """The time of day, for what is recorded here: journals, exports, audit."""
        self.clock = clock if settings.snapshot is None else _stopped_at(settings.snapshot.taken_at)
        """The moment from which ages are counted: of a dump file the one that it shows."""
        if settings.snapshot is not None:
            interval = _SNAPSHOT_INTERVAL
        self.stopwatch = stopwatch
        self.server = Server(settings)
        self.reader = self.server
        """Where scans and lists are read: the server, or a replica of it."""
        self._replicas: Replicas | ClusterReplicas | None = None
        self.info = ServerInfo(self.server.address)
        self._limits = limits_of(settings.archive_cap, settings.archive_days)
        self.watch = WatchJob(self.server, interval, self.clock, stopwatch, self._limits, self._look_at_replicas)
        self.permissions = Permissions()
        self.pace = Pace(settings.pace) if settings.pace is not None else Pace.POLITE
        """The share of the server's time that jobs take to begin with."""
        self.audit = Audit(settings.audit_file, settings.syslog, clock)
        self.scans: dict[str, ScanSummary] = {}
        self._old: frozenset[str] = frozenset()  # queues of before Asynq 0.18, as of the start
        self.free_bytes = place.free_bytes
        self._jobs: list[Job] = []
        self._changes: list[ChangeJob] = []  # those that were started here, as long as they run
        self._outdated: WeakKeyDictionary[ScanJob, set[str]] = WeakKeyDictionary()

    @cached_property
    def payloads(self) -> PayloadReader:
        """Reads payloads with our decoders, plug-ins and what the profile names; for any thread.

        Raises NotFoundError or UsageError for a descriptor set that cannot be used.
        """
        from archive_tui.decoding import payload_reader

        return payload_reader(self.settings.payloads)

    @cached_property
    def redaction(self) -> Redaction:
        """What of payloads, headers and errors is masked where it is shown."""
        from archive_tui.payloads.redaction import Redaction

        return Redaction.of(self.settings.redaction)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed: by choice, because the server is a replica, or because it does not permit
        this user to.
        """
        return bool(self.settings.read_only or self._role == "replica" or self.permissions.why_nowhere(Action.DELETE))

    @property
    def why_read_only(self) -> str:
        """The reason, in words."""
        if self.settings.snapshot is not None:
            return self.settings.snapshot.why_read_only
        if self.settings.read_only:
            return "this is a read-only session"
        if self._role == "replica":
            primary = (self.watch.overview.info or self.info).primary
            where = f", {primary} (--url {self._url_of(primary)})" if primary else ""
            return f"this server is a replica: connect to its primary{where} to change anything"
        return self.permissions.why_nowhere(Action.DELETE)

    def why_not(self, action: Action, queue: str) -> str | None:
        """Why something cannot be done in a queue; None where it can, as far as anybody knows."""
        if self.info.mode == "cluster" and not keeps_together(queue):
            return KEYS_APART
        if action is not Action.READ:
            if self.read_only:
                return self.why_read_only
            if self.is_old(queue):
                return old_storage.why_not(queue)
        return self.permissions.why_not(action, queue) or None

    def refuse_old(self, queue: str) -> None:
        """Raise RefusedError where Asynq before 0.18 wrote a queue, so that no change can be planned; blocks."""
        with self.server.pipe() as pipe:
            old_storage.refuse(pipe, queue)

    def is_old(self, queue: str) -> bool:
        """Tell whether Asynq before 0.18 wrote a queue, as far as anybody has looked."""
        stats = next((one for one in self.watch.overview.queues if one.name == queue), None)
        return stats.old if stats is not None else queue in self._old

    def scope(self) -> tuple[list[str] | None, list[str]]:
        """What a scan of all queues covers: all (None) where every queue may be read, else those that may; and those
        that may not. Where the screens are not open, the latter costs a walk over the keyspace: blocks.
        """
        if not self.permissions.unreadable:
            return None, []
        stats: Sequence[QueueStats] = self.watch.overview.queues
        if not self.watch.begun:
            with self.server.pipe(lenient=True) as pipe:
                registered, _ = queues.registered_if_there(pipe)
                found = {name for name in queues.discover(pipe) if name is not None}
                names = sorted(found.union(registered or ()))
                stats = queues.stats(pipe, names, registered, datetime.fromtimestamp(self.clock(), UTC))
        return [one.name for one in stats if not one.refused], [one.name for one in stats if one.refused]

    def _url_of(self, address: str) -> str:
        """The URL of another server, reached as this one is; without user and password."""
        scheme = "redis" if self.settings.tls is None else "rediss"
        return f"{scheme}://{address}/{self.settings.database}"

    @property
    def _role(self) -> str:
        return (self.watch.overview.info or self.info).role

    def open(self, *, may_be_empty: bool = False, every_namespace: bool = False) -> None:
        """Connect, make sure that this is an Asynq installation that we can read, and find out what we may do there.
        With `may_be_empty` so is a database without any key, with `every_namespace` one with an installation in
        another namespace.

        Raises ConnectError and kin.
        """
        self.info = self.server.identify()
        names = queues.recognise(self.server, may_be_empty=may_be_empty, every_namespace=every_namespace)
        with self.server.pipe(lenient=True) as pipe:
            self.permissions = permissions.discover(pipe, names, read_only=self.settings.read_only)
            if unreadable := self.permissions.why_unreadable:
                raise NotPermittedError(f"{self.server.address} cannot be read: {unreadable}")
            self._old = frozenset(old_storage.old_queues(pipe, names))
        if self.settings.prefer_replica and self.settings.snapshot is None and self.info.role != "replica":
            self._read_at_replica()

    def _read_at_replica(self) -> None:
        from archive_tui.store.link.cluster_replicas import ClusterReplicas

        self.reader, self._replicas = self.server.read_at_replica()
        if isinstance(self._replicas, ClusterReplicas):
            self._replicas.refresh()
        else:
            self.reader.identify()

    def _look_at_replicas(self) -> None:
        if self._replicas is not None:
            self._replicas.refresh()

    @property
    def source(self) -> Source | ClusterSource | None:
        """Where scans and lists are read; None where no replica is preferred."""
        return self._replicas.source if self._replicas is not None and self._role != "replica" else None

    def seen_at(self, began: float) -> float:
        """The moment of which something is true that was read from `began` on, in unix seconds: a replica shows what
        was before.
        """
        return began - (self.source.seconds if self.source is not None else 0)

    def run(self, job: AnyJob) -> AnyJob:
        """Start a job and keep account of it."""
        self._jobs = [one for one in self._jobs if not one.state.ended]
        self._jobs.append(job)
        job.start()
        return job

    def start(
        self,
        plan: Plannable,
        pace: Pace = Pace.POLITE,
        *,
        choice: str = "",
        reason: str = "",
        continues: Path | None = None,
    ) -> ChangeJob:
        """Carry out a plan that was confirmed; `choice` says how its tasks were chosen, `reason` why, and `continues`
        names the journal of the change whose rest it is. The only place from which screens and command line change
        anything of a task. Raises RefusedError.
        """
        from archive_tui.changes.engine import ChangeJob

        change = plan.change()
        self._must(change.action, change.queues, f"nothing can be {change.verb.past}")
        if change.verb is RESTORE:
            self._outdate(change.queues)
        job = self.run(
            ChangeJob(
                self.server,
                change,
                self.audit,
                pace,
                journal=self.journal_folder if self.settings.journal else None,
                choice=choice,
                reason=reason,
                continues=continues,
                clock=self.wall_clock,
                stopwatch=self.stopwatch,
            )
        )
        self._changes = [*(one for one in self._changes if not one.state.ended), job]
        return job

    def scan(
        self,
        catalog: Catalog,
        queues: Sequence[str] | None = None,
        pace: Pace = Pace.POLITE,
        *,
        messages: bool = False,
        locks: bool = False,
    ) -> ScanJob:
        """Start to scan some queues, or all (None), into a catalog; with `messages` those of all tasks are read,
        with `locks` stale ones are found.
        """
        from archive_tui.jobs.scan import ScanJob

        known = [one.name for one in self.watch.overview.queues] if self.watch.begun else None
        job = self.run(
            ScanJob(
                self.reader,
                catalog,
                queues,
                pace,
                self.wall_clock,
                stopwatch=self.stopwatch,
                messages=messages,
                locks=locks,
                also=known,
                beside_screens=self.watch.begun,
            )
        )
        restore = self.changing(RESTORE)
        self._outdated[job] = set(restore.change.queues) if restore is not None else set()
        return job

    def _outdate(self, queues: Iterable[str]) -> None:
        """Forget what scans have found in queues into which something is restored: it may be a finding again."""
        for queue in queues:
            self.scans.pop(queue, None)
            for outdated in self._outdated.values():
                outdated.add(queue)

    def outdated(self, job: ScanJob) -> bool:
        """Whether something was restored, since a scan began, into a queue that it covers."""
        queues = self._outdated.get(job, set())
        return bool(queues if job.queues is None else queues.intersection(job.queues))

    def _must(self, action: Action, queues: Iterable[str], otherwise: str) -> None:
        """Raises RefusedError where something cannot be done in one of these queues."""
        if refused := next((reason for queue in queues if (reason := self.why_not(action, queue))), None):
            raise RefusedError(f"{refused}: {otherwise}")

    @property
    def journal_folder(self) -> Path:
        """Where journals are."""
        return self.settings.journal_dir or place.default_folder()

    def site(self) -> Site:
        """What the sheet of a change says beside its plan: where and when it was planned."""
        from archive_tui.changes.sheet import Site

        free = self.free_bytes(self.journal_folder) if self.settings.journal else None
        source = self.source.sentence if self.source is not None else ""
        return Site(self.clock(), self.settings.production, self.settings.journal, free, self.limits, source)

    @property
    def running(self) -> Sequence[Job]:
        """The jobs that have not ended, the watch aside."""
        return [job for job in self._jobs if not job.state.ended and job is not self.watch]

    @property
    def writing(self) -> bool:
        """Whether a job changes Redis now."""
        return any(not job.state.ended for job in self._changes)

    def changing(self, verb: Verb) -> ChangeJob | None:
        """The change of this kind that is under way; None where none is."""
        return next((job for job in self._changes if job.change.verb is verb and not job.state.ended), None)

    def note_scan(self, job: ScanJob) -> None:
        """Remember what a scan has found, for the queues screen."""
        complete = job.progress.complete
        found = job.catalog.counts().by_queue
        wanted = set(job.queues) if job.queues is not None else {*job.keys_by_queue, *self._known()}
        if job.queues is None:
            wanted.add(INSTALLATION)
        for queue in wanted - self._outdated.get(job, set()):
            self.scans[queue] = ScanSummary(found.get(queue, 0), complete)
        if complete:
            self.watch.met_groups({queue: job.groups.get(queue, set()) for queue in wanted - {INSTALLATION}})

    def _known(self) -> set[str]:
        return {one.name for one in self.watch.overview.queues}

    def read_task(self, queue: str, task_id: bytes) -> Task:
        """Read one task in full; blocks. Raises NotFoundError, ConnectError and kin."""
        from archive_tui.store.read import tasks

        with self.server.pipe() as pipe:
            return tasks.read(pipe, queue, task_id)

    def limits(self, queue: str) -> Limits:
        """The limits of an archive: what the profile says, what was seen, or Asynq's defaults."""
        return self.watch.overview.limits.get(queue, self._limits)

    def archive_forecast(self, queue: str) -> Forecast:
        """What is foreseeable for one archive, however old the server is; blocks. Raises ConnectError and kin."""
        now = self.clock()
        with self.server.pipe() as pipe:
            (one,) = queues.stats(pipe, [queue], [queue], datetime.fromtimestamp(now, UTC))
            return foretell(pipe, one, now, too_old=False, limits=self.limits(queue))

    def connection(self, before: Connection | None = None) -> Connection:
        """Read how things stand with the connection; blocks. A server that does not answer says so in its node.

        With `before`, an earlier reading, only what changes by itself is asked for again: neither what the user may do
        nor the server's configuration.
        """
        from archive_tui.store.facts import Connection, Extra
        from archive_tui.store.link.source import Source
        from archive_tui.store.read import nodes as node_reading

        read_at = self.clock()
        nodes = node_reading.read_all(self.server, before.nodes if before is not None else (), self.wall_clock)
        settings, overview = self.settings, self.watch.overview
        if before is not None:
            user, missing, asked = before.user, before.missing, before.missing_asked
        else:
            user, missing, asked = self._missing()
            self._ask_again()
        missing |= {Extra(name) for node in nodes for name in node.refused if name in set(Extra)}
        if not any(node.fields_may_expire for node in nodes):
            missing -= {Extra.FIELD_TIMES}  # there is nothing to ask for
        return Connection(
            self.server.address,
            nodes,
            read_at,
            profile=settings.profile,
            production=settings.production,
            user=user or self.permissions.user,
            why_read_only=self.why_read_only if self.read_only else "",
            rights=tuple(self.permissions.rights()),
            missing=missing,
            missing_asked=asked,
            latencies=tuple(answer.took for answer in overview.answers),
            latencies_since=max(read_at - overview.answers[0].at, 0.0) if overview.answers else None,
            loopback=settings.loopback,
            service=line(settings.sentinels.service) if settings.sentinels is not None else "",
            sentinels=tuple(self.server.service.views()) if self.server.service is not None else (),
            reads_at=self.reader.address if isinstance(self.source, Source) and self.reader is not self.server else "",
            reading=tuple(one.reading for one in self.source.nodes) if self.source is not None else (),
            unserved=self.server.cluster.topology.unserved if self.server.cluster is not None else 0,
            namespace=settings.namespace if settings.namespace != DEFAULT_NAMESPACE else "",
            snapshot=exact(settings.snapshot.taken_at) if settings.snapshot is not None else "",
        )

    def _ask_again(self) -> None:
        """Find out anew what our user may do in the queues that the screens know by now."""
        queues = [one.name for one in self.watch.overview.queues]
        if not queues:
            return
        try:
            with self.server.pipe() as pipe:
                self.permissions = permissions.discover(pipe, queues, read_only=self.settings.read_only)
        except ArchiveTuiError:  # what was known stays: the node says why it does not answer
            return

    def _missing(self) -> tuple[str, frozenset[Extra], bool]:
        """Our user, what the server refuses of that which we can do without, and whether it could be asked."""
        from archive_tui.store.read import extras

        try:
            with self.server.pipe_to(self.server.nodes[0]) as pipe:
                return extras.missing(pipe)
        except ArchiveTuiError:  # its node says why it does not answer
            return "", frozenset(), False

    def close(self, timeout: float = 5.0) -> None:
        """Stop every job at its next safe point and wait for them, at most `timeout` seconds in all."""
        self.stop_jobs(timeout)
        self.server.close()
        if self.reader is not self.server:
            self.reader.close()

    def stop_jobs(self, timeout: float = 5.0) -> None:
        """The same, and stay connected: whoever gives jobs a catalog closes it when they have ended."""
        jobs = [*self.running, self.watch]
        for job in jobs:
            job.stop()
        until = time.monotonic() + timeout
        for job in jobs:
            if job.begun:
                job.wait(max(0.0, until - time.monotonic()))
