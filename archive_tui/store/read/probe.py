"""Probing suspects: task data that no index explains is read together with its index, as of one moment.

Asynq changes both in one script, so what one transaction saw is no torn read: a finding is settled when it is made.
Where the server refuses transactions a probe is sent twice, and only what both saw alike is a finding.

Probes are sent ahead, as many as their replies have room. A message may be large: until those of a queue have proven
small, each is asked for its length first.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from redis.exceptions import ResponseError

from archive_tui.asynq.rows import RowBatch
from archive_tui.asynq.states import State
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Pipe, pack, pack_around, pack_each
from archive_tui.store.link.replies import PLAIN, Reply, raise_first, raise_unless_wrong_type
from archive_tui.store.link.reply_queue import ReplyQueue
from archive_tui.store.read.budget import REPLY_BUDGET, within_budget
from archive_tui.store.read.carrying import SAMPLE, Sizes
from archive_tui.store.read.judgement import judge
from archive_tui.store.read.referenced import Referenced

_MOST_IDS = 500
"""Tasks in one probe: a transaction holds the server up for as long as it takes, here about half a millisecond."""

_HSTRLEN = pack_around(b"HSTRLEN", b"msg")
_HMGET = pack_around(b"HMGET", b"state", b"msg")

Candidate: TypeAlias = tuple[str, bytes]
"""Task data that may be unreferenced: queue and id."""


@dataclass(slots=True)
class Proven:
    """The outcome of probing some suspects, so far. Written by `Probe` alone."""

    open: int = 0
    """Questions that are not answered yet, sent or waiting to be sent."""

    batches: list[RowBatch] = field(default_factory=list)
    """Findings."""

    unsettled: list[Candidate] = field(default_factory=list)
    """Suspects that one probe cannot judge: task data in a state whose index it cannot ask, or in none, and what is no
    hash.
    """

    not_tasks: int = 0
    """Number of suspects that are no hashes."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One probe: task data of one queue and the index that its state may name."""

    proven: Proven
    queue: str
    ids: Sequence[bytes]

    size: int
    """About how many bytes its replies have."""

    index: State = State.ARCHIVED


class Probe:
    """Probes suspects of any queue, and adds what that shows to the `Proven` they came with.

    Its answers come through a queue of replies that it shares with whoever scans; `referenced` is only read.
    """

    def __init__(self, replies: ReplyQueue, referenced: Referenced) -> None:
        self._replies = replies
        self._referenced = referenced
        self._waiting: deque[_Request] = deque()
        self._sizes: dict[str, Sizes] = {}
        self._answered = False

    @property
    def waiting(self) -> bool:
        """Tell whether probes wait for their turn to be sent."""
        return bool(self._waiting)

    def drop(self) -> None:
        """Forget the probes that wait."""
        self._waiting.clear()

    def restart(self) -> None:
        """Forget what is known of queues as well."""
        self.drop()
        self._sizes.clear()

    def send(self, pipe: Pipe) -> None:
        """Send the probes that are waiting, as far as their replies have room."""
        under_way = self._replies.under_way
        room = REPLY_BUDGET if self._answered else 0
        while self._waiting and (not under_way or under_way + self._waiting[0].size <= room):
            request = self._waiting.popleft()
            under_way += request.size
            self._send(pipe, request)

    def ask(self, pipe: Pipe, queue: str, ids: Sequence[bytes], proven: Proven) -> None:
        """Probe task data that no index explains: ask for its length first, unless it is known to be small."""
        sizes = self._sizes.setdefault(queue, Sizes())
        # SCAN meets keys in an order that has nothing to do with their size: those met tell of those to come
        if sizes.seen < SAMPLE or not sizes.let_carry(_MOST_IDS):
            proven.open += 1
            pipe.send([pack_each(_HSTRLEN[0], ids, _HSTRLEN[1], start=pipe.keys.task_prefix(queue))], len(ids))
            self._replies.expect(len(ids), lambda replies: self._on_lengths(proven, queue, ids, replies))
            return
        for start in range(0, len(ids), _MOST_IDS):
            part = ids[start : start + _MOST_IDS]
            self._enqueue(_Request(proven, queue, part, sizes.largest * len(part)))

    def _enqueue(self, request: _Request) -> None:
        request.proven.open += 1
        self._waiting.append(request)

    def _send(self, pipe: Pipe, request: _Request) -> None:
        index, count = pipe.keys.index(request.queue, request.index), len(request.ids)
        transaction, zmscore = pipe.abilities.has(Ability.TRANSACTIONS), pipe.abilities.has(Ability.ZMSCORE)
        used = [Ability.ZMSCORE] * zmscore + [Ability.TRANSACTIONS] * transaction
        packed = [pack_each(_HMGET[0], request.ids, _HMGET[1], start=pipe.keys.task_prefix(request.queue))]
        if zmscore:
            packed += (b"*%d\r\n" % (2 + count), pack_each(b"", (b"ZMSCORE", index)), pack_each(b"", request.ids))
            asked = count + 1
        else:
            packed += [pack((b"ZSCORE", index, task_id)) for task_id in request.ids]
            asked = 2 * count

        def on_transaction(replies: list[Reply]) -> None:
            *queued, result = replies
            try:
                raise_first(queued)
                raise_first([result])
                contents, scores = _split(result, count)
            except ResponseError as error:
                self._again_without(pipe, request, error, used)
                return
            self._take(pipe, request, contents, scores)

        def on_first(first: list[Reply]) -> None:
            pipe.send(packed, asked)
            self._replies.expect(asked, lambda second: on_second(first, second), request.size)

        def on_second(first: list[Reply], second: list[Reply]) -> None:
            try:
                contents, scores = _alike(_split(first, count), _split(second, count))
            except ResponseError as error:
                self._again_without(pipe, request, error, used)
                return
            self._take(pipe, request, contents, scores)

        if transaction:
            pipe.send_transaction(packed, asked)
            self._replies.expect(asked + 2, on_transaction, request.size)
        else:
            pipe.send(packed, asked)
            self._replies.expect(asked, on_first, request.size)

    def _again_without(self, pipe: Pipe, request: _Request, error: ResponseError, used: Sequence[Ability]) -> None:
        """Learn from a refusal what this server or user lacks, and probe again without it."""
        if not pipe.abilities.lose(error, *used):
            raise error
        self._waiting.appendleft(request)

    def _on_lengths(self, proven: Proven, queue: str, ids: Sequence[bytes], replies: list[Reply]) -> None:
        """Cut suspects into probes whose replies stay small."""
        raise_unless_wrong_type(replies)
        proven.open -= 1
        sized = [one for one in zip(ids, replies, strict=True) if isinstance(one[1], int)]
        if len(sized) < len(ids):
            strangers = [one for one, length in zip(ids, replies, strict=True) if not isinstance(length, int)]
            proven.not_tasks += len(strangers)
            proven.unsettled += [(queue, task_id) for task_id in strangers]
        if sized:
            self._sizes[queue].note([length for _, length in sized])
        for start in range(0, len(sized), _MOST_IDS):
            for part in within_budget(sized[start : start + _MOST_IDS]):
                self._enqueue(_Request(proven, queue, [one[0] for one in part], 1 + sum(one[1] for one in part)))

    def _take(self, pipe: Pipe, request: _Request, contents: Sequence[Reply], scores: Sequence[Reply]) -> None:
        """Add what a probe has shown to what is proven.

        Most orphans are archived ones, so that index is asked first; where the state turns out to be another one, the
        suspect is probed again with the index of that state.
        """
        proven = request.proven
        proven.open -= 1
        self._answered = True
        ids, leftover = request.ids, request.queue in self._referenced.leftover
        prefix = pipe.keys.task_prefix(request.queue)
        if leftover and request.index is State.ARCHIVED:
            ids, contents, scores = self._not_among_completed(prefix, request, contents, scores)
        judged = judge(request.queue, request.index, ids, contents, scores, len(prefix), leftover=leftover)
        proven.batches += judged.batches
        proven.not_tasks += judged.not_tasks
        proven.unsettled += [(request.queue, task_id) for task_id in judged.unsettled]
        self._sizes[request.queue].note([judged.largest])
        for index, elsewhere in judged.elsewhere.items():
            self._enqueue(_Request(proven, request.queue, elsewhere, request.size, index))

    def _not_among_completed(
        self, prefix: bytes, request: _Request, contents: Sequence[Reply], scores: Sequence[Reply]
    ) -> tuple[Sequence[bytes], Sequence[Reply], Sequence[Reply]]:
        """Ids and replies of a probe without archived tasks that stand among the completed ones of a leftover queue:
        the index check tells what they are. `prefix` is the start of their keys.
        """
        archived, completed = State.ARCHIVED.value.encode(), self._referenced.completed
        others = [
            (task_id, content, score)
            for task_id, content, score in zip(request.ids, contents, scores, strict=True)
            if hash(prefix + task_id) not in completed or content.__class__ is not list or content[0] != archived
        ]
        return [one[0] for one in others], [one[1] for one in others], [one[2] for one in others]


_Answers: TypeAlias = tuple[Sequence[Reply], Sequence[Reply]]
"""The hashes and the scores that a probe has read."""


def _split(replies: Sequence[Reply], count: int) -> _Answers:
    """Part the replies to a probe: scores come one by one or all in one. An index of another type holds no ids."""
    raise_unless_wrong_type(replies)
    contents, scores = replies[:count], replies[count:]
    if len(scores) != count or isinstance(scores[0], list):
        scores = scores[0] if isinstance(scores[0], list) else [None] * count
    elif not PLAIN.issuperset(map(type, scores)):
        scores = [None if isinstance(score, Exception) else score for score in scores]
    return contents, scores


def _alike(first: _Answers, second: _Answers) -> _Answers:
    """The answers that two probes one after the other have in common: a hash must be the same both times, else it
    counts as None, and whoever stood in the index at either time counts as standing in it.
    """
    contents = [one if one == other else None for one, other in zip(first[0], second[0], strict=True)]
    scores = [other if one is None else one for one, other in zip(first[1], second[1], strict=True)]
    return contents, scores
