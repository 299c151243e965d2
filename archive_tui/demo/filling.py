"""One queue being filled: so many tasks in this state, so old, failed so often."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.demo.job_types import Job, enqueued, fail, make_id, retry_delay
from archive_tui.demo.layout import Layout, Writer, unique_key

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_LEASE = 30
"""Seconds a worker has a task before it must ask again."""

_AGGREGATION = 2 * MINUTE

_ARCHIVED_BY_HAND, _GIVEN_UP, _UNIQUE, _WITH_DEADLINE = 0.02, 0.08, 0.03, 0.03
"""Shares of the archived tasks: never run, not retried to the end, with a unique lock, with a deadline."""

Weights = dict[Job, int]
"""The weight of each job among the tasks of a queue."""


class Filling:
    """Fills one queue around the moment `now` (unix seconds); every number of tasks is multiplied by `scale`.

    What it makes depends on the seed and the queue's name alone, so that one queue's contents do not shift when
    another queue changes. Ages are seconds before `now`.
    """

    def __init__(self, writer: Writer, queue: str, jobs: Weights, *, seed: int, now: int, scale: float) -> None:
        self.layout = Layout(writer, queue)
        self.random = Random(f"{seed}/{queue}")
        self.now = now
        self._jobs = jobs
        self._scale = scale

    def pending(self, count: int, oldest: int) -> None:
        """Tasks that wait, the oldest enqueued `oldest` seconds ago, the newest just now."""
        for message, at in self._fresh(count, (1, oldest)):
            self.layout.pending(message, at * 10**9 + self.random.randrange(10**9))

    def active(self, count: int) -> None:
        """Tasks that workers have, their leases good for half a minute."""
        for message, _ in self._fresh(count, (0, MINUTE)):
            self.layout.active(message, self.now + _LEASE)

    def scheduled(self, count: int, latest: int) -> None:
        """Tasks whose time comes within `latest` seconds."""
        for message, _ in self._fresh(count, (0, DAY)):
            self.layout.sorted(message, State.SCHEDULED, self.now + self.random.randint(1, latest))

    def retry(self, count: int) -> None:
        """Tasks that failed and wait for their next attempt, as far away as Asynq's rule says."""
        for job in self._pick(self._scaled(count), self._tried_again):
            message = enqueued(job, self.layout.queue, self.random)
            message.retried = self.random.randint(1, min(job.retries, 9))
            delay = retry_delay(message.retried, self.random)
            failed_at = self.now - self.random.randrange(delay)
            fail(message, job.error(self.random), failed_at)
            self.layout.sorted(message, State.RETRY, failed_at + delay)

    def archived(
        self, count: int, ages: tuple[int, int], *, jobs: Weights | None = None, nightly: bool = False
    ) -> None:
        """Tasks in the archive, put there between the two ages; no scale makes an archive larger than it is at 1.

        Most failed to the last attempt, some were not worth another, and a few a person archived before they ran.
        With `nightly` it is exactly one a night with a fixed id, from the youngest age back, whatever the scale.
        """
        moments = self._nights(count, ages) if nightly else self._moments(self._scaled(count, most=1.0), ages)
        for message, at in self._dead(moments, jobs, nightly=nightly):
            if message.unique_key and at + DAY > self.now:  # unique for a day: the lock outlives the task
                self.layout.lock(message, at + DAY - self.now)
            self.layout.sorted(message, State.ARCHIVED, at, **_traces(message, at))

    def orphans(
        self,
        count: int,
        ages: tuple[int, int],
        *,
        jobs: Weights | None = None,
        nightly: bool = False,
        locked: bool = False,
    ) -> None:
        """Tasks that a full archive pushed out: their data says archived, and no index knows them.

        `nightly` is as for `archived`. With `locked`, each still holds a unique lock that was taken for a year.
        """
        moments = self._nights(count, ages) if nightly else self._moments(self._scaled(count), ages)
        for message, at in self._dead(moments, jobs, nightly=nightly):
            if locked:
                message.unique_key = unique_key(self.layout.queue, message.type, message.payload)
                self.layout.lock(message, at + 365 * DAY - self.now)
            self.layout.data(message, State.ARCHIVED, **_traces(message, at))

    def completed(self, count: int, retention: int, *, indexed: bool = True) -> None:
        """Tasks that succeeded and are kept with their result for `retention` seconds; orphans, unless `indexed`."""
        for message, at in self._fresh(count, (MINUTE, retention) if indexed else (retention, 3 * retention)):
            message.retention = retention
            message.completed_at = at
            result = b'{"ok":true,"rows":%d}' % self.random.randrange(10_000)
            if indexed:
                self.layout.sorted(message, State.COMPLETED, at + retention, result=result)
            else:
                self.layout.data(message, State.COMPLETED, result=result)

    def aggregating(self, group: str, count: int, *, in_set: bool = False) -> None:
        """Tasks that wait in a group, or in a set of that group which is being aggregated right now."""
        set_id = make_id(self.random) if in_set else None
        for message, at in self._fresh(count, (0, 10 * MINUTE)):
            message.group_key = group
            self.layout.aggregating(message, at, set_id)
        if set_id is not None:
            self.layout.aggregation_set(group, set_id, self.now + _AGGREGATION)

    def crashed(self, lost: Sequence[str], ghosts: Sequence[str], mismatches: Sequence[str]) -> None:
        """Tasks that are left where the server lost its last writes and somebody moved tasks by hand; by ids, at any
        scale.

        Lost tasks wait for an attempt that no index knows of, ghosts have no data any more, and mismatches stand in
        the archive while their data says that they wait for another attempt.
        """
        for task_id in (*lost, *mismatches):
            [job] = self._pick(1, self._tried_again)
            message = enqueued(job, self.layout.queue, self.random, task_id)
            message.retried = self.random.randint(1, job.retries)
            failed_at = self.now - self.random.randint(5 * DAY, 6 * DAY)
            fail(message, job.error(self.random), failed_at)
            self.layout.data(message, State.RETRY)
            if task_id in mismatches:
                self.layout.mention(task_id.encode(), State.ARCHIVED, failed_at)
        for task_id in ghosts:
            self.layout.mention(task_id.encode(), State.RETRY, self.now + self.random.randint(HOUR, DAY))

    def lock_taken_over(self, job: Job) -> None:
        """An archived unique task whose lock ran out, so that a newer task with the same payload holds it now."""
        [(old, at)] = self._dead([self.now - 2 * DAY], {job: 1})
        old.unique_key = unique_key(self.layout.queue, old.type, old.payload)
        self.layout.sorted(old, State.ARCHIVED, at)
        new = enqueued(job, self.layout.queue, self.random)
        new.payload = old.payload
        new.unique_key = old.unique_key
        self.layout.pending(new, self.now * 10**9)
        self.layout.lock(old, DAY, holder=new.id)

    def _scaled(self, count: int, most: float = math.inf) -> int:
        """Number of tasks for `count` at this scale, or at `most`: never none where there should be some."""
        return max(1, round(count * min(self._scale, most)))

    @property
    def _tried_again(self) -> Weights:
        """Those jobs of which a failed task may get another attempt."""
        return {job: weight for job, weight in self._jobs.items() if job.retries}

    def _pick(self, count: int, jobs: Weights | None = None) -> Sequence[Job]:
        weights = jobs or self._jobs
        return self.random.choices(list(weights), list(weights.values()), k=count)

    def _moments(self, count: int, ages: tuple[int, int]) -> list[int]:
        """So many moments between the younger and the older age, oldest first."""
        return sorted(self.now - self.random.randint(*ages) for _ in range(count))

    def _nights(self, count: int, ages: tuple[int, int]) -> list[int]:
        """A moment of each of so many days, oldest first."""
        return [self.now - ages[0] - night * DAY for night in reversed(range(count))]

    def _fresh(self, count: int, ages: tuple[int, int]) -> Iterator[tuple[TaskMessage, int]]:
        """Tasks that never failed, each with a moment; `count` is yet to be scaled."""
        moments = self._moments(self._scaled(count), ages)
        for job, at in zip(self._pick(len(moments)), moments, strict=True):
            yield enqueued(job, self.layout.queue, self.random), at

    def _dead(
        self, moments: Sequence[int], jobs: Weights | None = None, *, nightly: bool = False
    ) -> Iterator[tuple[TaskMessage, int]]:
        """Tasks as they are when they are archived, each with the moment of its death."""
        for job, at in zip(self._pick(len(moments), jobs), moments, strict=True):
            message = enqueued(job, self.layout.queue, self.random, _nightly_id(at) if nightly else None)
            fate = self.random.random()
            if fate >= _ARCHIVED_BY_HAND:
                given_up = fate < _ARCHIVED_BY_HAND + _GIVEN_UP
                message.retried = self.random.randint(0, job.retries) if given_up else job.retries
                fail(message, job.error(self.random), at)
            if fate >= 1 - _UNIQUE:
                message.unique_key = unique_key(message.queue, message.type, message.payload)
            elif fate >= 1 - _UNIQUE - _WITH_DEADLINE:
                message.timeout, message.deadline = 0, at - self.random.randrange(HOUR)
            yield message, at


def _traces(message: TaskMessage, at: int) -> dict[str, int]:
    """Fields that are left of an earlier state: only a worker removes the time since when a task was pending."""
    return {} if message.last_failed_at else {"pending_since": (at - HOUR) * 10**9}


def _nightly_id(at: int) -> str:
    """A fixed id, so that a report is made once a night; as long as the id is taken, it is not made at all."""
    return f"nightly-report:{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
