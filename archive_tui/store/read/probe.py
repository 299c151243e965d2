"""The second look at task data that no index explains: at its state and its index, in one transaction.

Looks at pages of a scan are sent ahead, as many as their replies have room. A message may be large: until those of a
queue have proven small, each is asked for its length first.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from redis.exceptions import ResponseError

from archive_tui.asynq import keys
from archive_tui.asynq.rows import RowBatch
from archive_tui.asynq.states import State
from archive_tui.store.link.pipe import Pipe, Reply, is_refusal, pack, pack_each, raise_first, raise_unless_wrong_type
from archive_tui.store.link.reply_queue import Conversation
from archive_tui.store.read.judgement import judge
from archive_tui.store.read.tasks import REPLY_BUDGET, within_budget

_LOOK_LIMIT = 500
"""Tasks in one look: a transaction holds the server up for as long as it takes, here about half a millisecond."""

_SAMPLE = 500
_HSTRLEN = b"*3\r\n$7\r\nHSTRLEN\r\n", b"$3\r\nmsg\r\n"
_HMGET = b"*4\r\n$5\r\nHMGET\r\n", b"$5\r\nstate\r\n$3\r\nmsg\r\n"
"""Commands that are sent millions of times, packed but for the key between their two parts."""

Candidate: TypeAlias = tuple[str, bytes]
"""Task data that may be unreferenced: queue and id."""


@dataclass(slots=True)
class Page:
    """A few SCAN replies on their way to their findings: where the first began, what follows, and how many looks are
    still open. `suspects` are to be looked at together; once it is `answered`, no more replies belong to it.
    """

    cursor: int
    following: int = 0
    replies: int = 0
    asking: bool = False
    answered: bool = False
    open: int = 0
    suspects: dict[str, list[bytes]] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)
    batches: list[RowBatch] = field(default_factory=list)
    not_tasks: int = 0
    unsettled: list[Candidate] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all is known that it can tell."""
        return self.answered and not self.open


@dataclass(frozen=True, slots=True)
class _Look:
    """A look to be taken at task data of one queue that no index explains, known by its ids; `size` is about how many
    bytes its replies have.
    """

    page: Page
    queue: str
    ids: Sequence[bytes]
    size: int
    index: State = State.ARCHIVED


@dataclass(slots=True)
class _Sizes:
    """What is known of the message sizes of a queue. SCAN meets keys in an order that has nothing to do with their
    size, so those met so far tell of those to come.
    """

    seen: int = 0
    largest: int = 0

    def note(self, lengths: Sequence[int]) -> None:
        self.seen += len(lengths)
        self.largest = max(self.largest, *lengths)

    @property
    def small(self) -> bool:
        """Whether a whole look is safe without asking for each length first."""
        return self.seen >= _SAMPLE and self.largest * _LOOK_LIMIT <= REPLY_BUDGET


class SecondLook:
    """Looks at task data of any queue, and adds what they find to the page that it was met on.

    What the server or its user lacks is learned from its refusals, and done without. `leftover` and `completed` are
    known to whoever scans: the queues that are such, and the hashes of the keys of what stands among the completed
    tasks of these.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.leftover: set[str] = set()
        self.completed: set[int] = set()
        self._conversation = conversation
        self._unsent: deque[_Look] = deque()
        self._sizes: dict[str, _Sizes] = {}
        self._transactions = True
        self._zmscore = True
        self._proven = False

    @property
    def waiting(self) -> bool:
        """Whether looks wait for their turn to be sent."""
        return bool(self._unsent)

    def drop(self) -> None:
        """Forget the looks that wait."""
        self._unsent.clear()

    def restart(self) -> None:
        """Forget what is known of queues as well."""
        self.drop()
        self._sizes.clear()
        self.leftover.clear()
        self.completed.clear()

    def send(self, pipe: Pipe) -> None:
        """Send the looks that are waiting, as far as their replies have room."""
        under_way = self._conversation.under_way
        room = REPLY_BUDGET if self._proven else 0
        while self._unsent and (not under_way or under_way + self._unsent[0].size <= room):
            look = self._unsent.popleft()
            under_way += look.size
            self._send_look(pipe, look)

    def ask(self, pipe: Pipe, page: Page, queue: str, ids: Sequence[bytes]) -> None:
        """Ask about task data that no index explains: for its length first, unless it is known to be small."""
        sizes = self._sizes.setdefault(queue, _Sizes())
        if not sizes.small:
            page.open += 1
            pipe.send([pack_each(_HSTRLEN[0], ids, _HSTRLEN[1], start=keys.task_prefix(queue))], len(ids))
            self._conversation.expect(len(ids), lambda replies: self._on_lengths(page, queue, ids, replies))
            return
        for start in range(0, len(ids), _LOOK_LIMIT):
            part = ids[start : start + _LOOK_LIMIT]
            self._want(_Look(page, queue, part, sizes.largest * len(part)))

    def _want(self, look: _Look) -> None:
        look.page.open += 1
        self._unsent.append(look)

    def _send_look(self, pipe: Pipe, look: _Look) -> None:
        index, count = keys.index(look.queue, look.index), len(look.ids)
        packed = [pack_each(_HMGET[0], look.ids, _HMGET[1], start=keys.task_prefix(look.queue))]
        if self._zmscore:
            packed += (b"*%d\r\n" % (2 + count), pack_each(b"", (b"ZMSCORE", index)), pack_each(b"", look.ids))
            asked = count + 1
        else:
            packed += [pack((b"ZSCORE", index, task_id)) for task_id in look.ids]
            asked = 2 * count
        if self._transactions:
            pipe.send_transaction(packed, asked)
            self._conversation.expect(asked + 2, lambda replies: self._on_transaction(look, replies), look.size)
        else:
            pipe.send(packed, asked)
            self._conversation.expect(
                asked, lambda replies: self._on_first_look(pipe, look, packed, replies), look.size
            )

    def _on_lengths(self, page: Page, queue: str, ids: Sequence[bytes], replies: list[Reply]) -> None:
        """Cut suspects into looks whose replies stay small."""
        raise_unless_wrong_type(replies)
        page.open -= 1
        sized = [one for one in zip(ids, replies, strict=True) if isinstance(one[1], int)]
        page.not_tasks += len(ids) - len(sized)
        if len(sized) < len(ids):
            others = [one for one, length in zip(ids, replies, strict=True) if not isinstance(length, int)]
            page.unsettled += [(queue, task_id) for task_id in others]
        if sized:
            self._sizes[queue].note([length for _, length in sized])
        for start in range(0, len(sized), _LOOK_LIMIT):
            for part in within_budget(sized[start : start + _LOOK_LIMIT]):
                self._want(_Look(page, queue, [one[0] for one in part], 1 + sum(one[1] for one in part)))

    def _on_transaction(self, look: _Look, replies: list[Reply]) -> None:
        *queued, result = replies
        try:
            raise_first(queued)
            raise_first([result])
            contents, scores = _split(result, len(look.ids))
        except ResponseError as error:
            self._again_without(look, error)
            return
        self._judge(look, contents, scores)

    def _on_first_look(self, pipe: Pipe, look: _Look, packed: Sequence[bytes], first: list[Reply]) -> None:
        pipe.send(packed, len(first))
        self._conversation.expect(len(first), lambda second: self._on_two_looks(look, first, second), look.size)

    def _on_two_looks(self, look: _Look, first: list[Reply], second: list[Reply]) -> None:
        """Where there are no transactions: a hash must be the same both times, and whoever stood in the index at
        either time counts as standing in it.
        """
        count = len(look.ids)
        try:
            before, scores_before = _split(first, count)
            after, scores_after = _split(second, count)
        except ResponseError as error:
            self._again_without(look, error)
            return
        contents = [one if one == other else None for one, other in zip(before, after, strict=True)]
        scores = [other if one is None else one for one, other in zip(scores_before, scores_after, strict=True)]
        self._judge(look, contents, scores)

    def _again_without(self, look: _Look, error: ResponseError) -> None:
        """Learn from a refusal what this server or user lacks, and look again without it."""
        said = str(error).lower()
        if not is_refusal(error):
            raise error
        if "zmscore" in said:  # since Redis 6.2
            self._zmscore = False
        elif self._transactions and ("multi" in said or "exec" in said):
            self._transactions = False
        else:
            raise error
        self._unsent.appendleft(look)

    def _judge(self, look: _Look, contents: Sequence[Reply], scores: Sequence[Reply]) -> None:
        """Make rows of what is a finding.

        Most orphans are archived ones, so that index is asked first; where the state turns out to be another one, the
        suspect is looked at again with the index of that state.
        """
        page = look.page
        page.open -= 1
        self._proven = True
        ids, leftover = look.ids, look.queue in self.leftover
        if leftover and look.index is State.ARCHIVED:
            ids, contents, scores = self._not_among_completed(look, contents, scores)
        judged = judge(look.queue, look.index, ids, contents, scores, leftover=leftover)
        page.batches += judged.batches
        page.not_tasks += judged.not_tasks
        page.unsettled += [(look.queue, task_id) for task_id in judged.unsettled]
        self._sizes[look.queue].note([judged.largest])
        for index, elsewhere in judged.elsewhere.items():
            self._want(_Look(page, look.queue, elsewhere, look.size, index))

    def _not_among_completed(
        self, look: _Look, contents: Sequence[Reply], scores: Sequence[Reply]
    ) -> tuple[Sequence[bytes], Sequence[Reply], Sequence[Reply]]:
        """A look without archived tasks that stand among the completed ones of a leftover queue: the index check tells
        what they are.
        """
        prefix, archived = keys.task_prefix(look.queue), State.ARCHIVED.value.encode()
        kept = [
            (task_id, content, score)
            for task_id, content, score in zip(look.ids, contents, scores, strict=True)
            if hash(prefix + task_id) not in self.completed or content.__class__ is not list or content[0] != archived
        ]
        return [one[0] for one in kept], [one[1] for one in kept], [one[2] for one in kept]


def _split(replies: Sequence[Reply], count: int) -> tuple[Sequence[Reply], Sequence[Reply]]:
    """The hashes and the scores among the replies to a look; scores come one by one or all in one reply."""
    contents, scores = replies[:count], replies[count:]
    for reply in replies:
        if isinstance(reply, Exception):
            raise_unless_wrong_type(replies)
            break
    if len(scores) != count or isinstance(scores[0], list):
        scores = scores[0] if isinstance(scores[0], list) else [*scores] * count
    return contents, scores
