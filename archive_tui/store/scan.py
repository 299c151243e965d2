"""The scan for task data that Asynq has lost track of, in small steps. Reads only, no scripts (DESIGN.md section 5).

A page is one SCAN reply. What the indexes already explain is passed over: they were read before, in pieces. Only the
rest costs a second look, and that look reads the state and its index in one transaction. Asynq changes both in one
script, so what one transaction saw is no torn read: a finding is settled when it is made. Where the server refuses
transactions the look is taken twice, and only what both saw alike is a finding. What is not archived or completed
cannot be judged by one look: it is handed on to be settled.

Questions are sent ahead: while the replies to one page are worked on, the next page and the looks at the last one are
under way, so that neither side waits for the other, nor both for the network.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from redis.exceptions import ResponseError

from archive_tui.asynq import keys, message
from archive_tui.asynq.states import State
from archive_tui.asynq.task import RowBatch, TaskRow
from archive_tui.store.judging import judge
from archive_tui.store.membership import completed, referenced
from archive_tui.store.pipe import Pipe, Reply, is_refusal, pack, pack_each, raise_first, raise_unless_wrong_type
from archive_tui.store.queues import is_leftover
from archive_tui.store.tasks import REPLY_BUDGET, within_budget
from archive_tui.text import decode

_LOOK_LIMIT = 500
"""Tasks in one look: a transaction holds the server up for as long as it takes, here about half a millisecond."""

_PAGES_AHEAD = 3
_SAMPLE = 500
_HSTRLEN = b"*3\r\n$7\r\nHSTRLEN\r\n", b"$3\r\nmsg\r\n"
_HMGET = b"*4\r\n$5\r\nHMGET\r\n", b"$5\r\nstate\r\n$3\r\nmsg\r\n"
"""Commands that are sent millions of times, packed but for the key between their two parts."""

_CURSOR_BITS = 64
Candidate: TypeAlias = tuple[str, bytes]
"""Task data that may be unreferenced: queue and id."""

Handler: TypeAlias = Callable[[list[Reply]], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a scan brought: findings, the task keys it met, and how far we are (0 to 1).

    `not_tasks` counts keys that are no hashes. `unsettled` is task data that no index explains, in a state whose index
    one look cannot ask, or in none: see `settle`.
    """

    batches: list[RowBatch]
    keys_by_queue: dict[str, int]
    fraction: float
    not_tasks: int = 0
    unsettled: Sequence[Candidate] = ()

    @property
    def keys(self) -> int:
        """How many task keys the step met."""
        return sum(self.keys_by_queue.values())

    @property
    def rows(self) -> list[TaskRow]:
        """The findings one by one."""
        return [row for batch in self.batches for row in batch.rows()]


def fraction_of(cursor: int) -> float:
    """How much of the keyspace a SCAN cursor has behind it. Cursors count with their bits reversed, so reversing all
    64 of them gives the fraction whatever the table's size.
    """
    return int(f"{cursor:0{_CURSOR_BITS}b}"[::-1], 2) / (1 << _CURSOR_BITS)


@dataclass(slots=True)
class _Page:
    """One SCAN reply on its way to its findings: where it began, what follows, and how many looks are still open."""

    cursor: int
    following: int = 0
    answered: bool = False
    open: int = 0
    met: dict[str, int] = field(default_factory=dict)
    batches: list[RowBatch] = field(default_factory=list)
    not_tasks: int = 0
    unsettled: list[Candidate] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.answered and not self.open


@dataclass(frozen=True, slots=True)
class _Look:
    """A look to be taken at task data of one queue that no index explains, known by its ids; `size` is about how many
    bytes its replies have.
    """

    page: _Page
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


class Scan:
    """A scan over the task data of some queues, or of all. Call `step` until `done`.

    A lost connection leaves the scan where it was: call `step` again with a new pipe to the same server process. A
    cursor means nothing to another one: call `restart`.

    With `meet_groups` the same walk meets the sets of groups, whose names `groups` then has by queue.
    """

    def __init__(self, queues: Sequence[str] | None = None, *, count: int = 1000, meet_groups: bool = False) -> None:
        self._wanted = None if queues is None else set(queues)
        self._only = queues[0] if queues is not None and len(queues) == 1 else None
        self._pattern = keys.tasks_pattern(self._only, groups=meet_groups)
        self.count = count
        self.groups: dict[str, set[bytes]] = {}
        self._known: set[int] = set()
        self._sizes: dict[str, _Sizes] = {}
        self._leftover: set[str] = set()
        self._completed: set[int] = set()
        self._transactions = True
        self._zmscore = True
        self._proven = False
        self._pipe: Pipe | None = None
        self._stale = 0
        self._expected: deque[tuple[int, Handler, int]] = deque()
        self.restart()

    def restart(self) -> None:
        """Begin again from the start; what was found before may be found a second time."""
        self._cursor = 0
        self._begun = False
        self._known.clear()
        self._sizes.clear()
        self._leftover.clear()
        self._completed.clear()
        self.groups.clear()
        self._drop()

    def _drop(self) -> None:
        """Forget what is under way. Replies that are still to come on this pipe are read and thrown away."""
        self._stale += sum(count for count, _, _ in self._expected)
        self._expected = deque()
        self._pages: deque[_Page] = deque()
        self._unsent: deque[_Look] = deque()
        self._reading: Iterator[None] | None = None
        self._held: deque[tuple[_Page, list[bytes]]] = deque()
        self._asked = self._cursor

    @property
    def done(self) -> bool:
        """Whether the cursor has come back to 0."""
        return self._begun and self._cursor == 0

    @property
    def fraction(self) -> float:
        """How far the scan is, from 0 to 1."""
        return 1.0 if self.done else fraction_of(self._cursor)

    @property
    def queues(self) -> list[str]:
        """The queues whose task data, or whose groups, were met so far."""
        return sorted({*self._sizes, *self.groups})

    @property
    def indexed(self) -> int:
        """How many ids the indexes of the queues met so far hold."""
        return len(self._known)

    @property
    def leftover(self) -> frozenset[str]:
        """Those of the queues that were leftover when they were met."""
        return frozenset(self._leftover)

    def step(self, pipe: Pipe) -> Step:
        """Go on until a page is complete, or at least a few mebibytes or index pieces further.

        Questions sent ahead are answered in the steps that follow: use the pipe for nothing else meanwhile.
        """
        if self.done:
            return Step([], {}, 1.0)
        if pipe is not self._pipe:
            self._drop()
            self._pipe, self._stale = pipe, 0
        if self._stale:
            pipe.receive(self._stale)
            self._stale = 0
        took = 0
        while True:
            self._send(pipe)
            if self._reading is not None:
                took += REPLY_BUDGET
                self._read_on(pipe, self._reading)
            elif self._expected:
                count, handle, size = self._expected.popleft()
                handle(pipe.receive(count))
                took += size
            if (self._pages and self._pages[0].complete) or took > 2 * REPLY_BUDGET:
                self._send(pipe)
                return self._finish()

    def _finish(self) -> Step:
        """Hand over the oldest page if it is complete."""
        if not (self._pages and self._pages[0].complete):
            return Step([], {}, self.fraction)
        page = self._pages.popleft()
        self._cursor, self._begun = page.following, True
        return Step(page.batches, page.met, self.fraction, page.not_tasks, page.unsettled)

    # Asking

    def _send(self, pipe: Pipe) -> None:
        """Send what may be sent: the looks that are waiting, as far as their replies have room, then the next page."""
        if self._held:
            return
        under_way = sum(size for _, _, size in self._expected)
        room = REPLY_BUDGET if self._proven else 0
        while self._unsent and (not under_way or under_way + self._unsent[0].size <= room):
            look = self._unsent.popleft()
            under_way += look.size
            self._send_look(pipe, look)
        if not self._unsent:
            self._send_page(pipe)

    def _send_page(self, pipe: Pipe) -> None:
        if self._pages and (len(self._pages) >= _PAGES_AHEAD or not self._pages[-1].answered or not self._asked):
            return
        if self._begun and not self._asked:
            return
        page = _Page(self._asked)
        self._pages.append(page)
        pipe.send([pack((b"SCAN", b"%d" % page.cursor, b"MATCH", self._pattern, b"COUNT", b"%d" % self.count))])
        self._expect(1, lambda replies: self._on_page(pipe, page, replies[0]))

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
            self._expect(asked + 2, lambda replies: self._on_transaction(look, replies), look.size)
        else:
            pipe.send(packed, asked)
            self._expect(asked, lambda replies: self._on_first_look(pipe, look, packed, replies), look.size)

    def _expect(self, count: int, handler: Handler, size: int = 0) -> None:
        self._expected.append((count, handler, size))

    # Answers

    def _on_page(self, pipe: Pipe, page: _Page, reply: Reply) -> None:
        raise_first([reply])
        page.following = self._asked = int(reply[0])
        page.answered = True
        if self._held:
            self._hold(page, reply[1])
        else:
            self._sort_out(pipe, page, reply[1])

    def _sort_out(self, pipe: Pipe, page: _Page, found: list[bytes]) -> None:
        """Count the keys of a page by queue, and ask about those that no index explains.

        A page with a queue that was not met before is held until its indexes have been read.
        """
        if not found:
            return
        # The next page is on its way while we sort this one out.
        if not self._unsent:
            self._send_page(pipe)
        ambiguous: list[bytes] = []
        together = b"\n".join(found)
        if keys.GROUP_TAG_END in together:
            found = self._without_groups(found)
        if together.count(keys.TAG_END) > len(found):
            ambiguous = [key for key in found if key.count(keys.TAG_END) > 1]
            found = [key for key in found if key.count(keys.TAG_END) == 1]
        met = self._by_queue(found)
        new = [queue for queue in met if queue not in self._sizes]
        if new:
            self._hold(page, found + ambiguous)
            self._reading = self._meet(pipe, new)
            return
        page.met = met
        # Done by C nearly whole where the indexes explain all of a page, or nothing of it
        hashes = list(map(hash, found))
        strangers = set(hashes).difference(self._known)
        unknown = found
        if len(strangers) < len(found):
            unknown = [key for key, one in zip(found, hashes, strict=True) if one in strangers] if strangers else []
        if unknown:
            self._suspect(pipe, page, unknown, single=len(met) == 1)
        for key in ambiguous:
            self._ask_whose(pipe, page, key)

    def _without_groups(self, found: Sequence[bytes]) -> list[bytes]:
        """Note the sets of groups among some keys, and give back the rest."""
        rest = []
        for key in found:
            at, task_at = key.find(keys.GROUP_TAG_END), key.find(keys.TAG_END)
            if at < 0 or 0 <= task_at < at:
                rest.append(key)
                continue
            queue = decode(key[len(b"asynq:{") : at])
            if self._wanted is None or queue in self._wanted:
                self.groups.setdefault(queue, set()).add(key[at + len(keys.GROUP_TAG_END) :])
        return rest

    def _by_queue(self, found: Sequence[bytes]) -> dict[str, int]:
        """How many keys there are of each queue that is wanted."""
        if self._only is not None and found:
            return {self._only: len(found)}
        tags = Counter([key[: key.find(keys.TAG_END)] for key in found])
        places = {tag: keys.split_task(tag + keys.TAG_END) for tag in tags}
        return {
            place[0]: tags[tag]
            for tag, place in places.items()
            if place is not None and (self._wanted is None or place[0] in self._wanted)
        }

    def _meet(self, pipe: Pipe, queues: Sequence[str]) -> Iterator[None]:
        """Read the indexes of queues that were met for the first time."""
        while self._expected:  # what is under way comes first on this pipe
            count, handle, _ = self._expected.popleft()
            handle(pipe.receive(count))
            yield
        for queue in queues:
            if is_leftover(pipe, queue):
                self._leftover.add(queue)
                for piece in completed(pipe, queue):
                    self._completed.update(piece)
                    yield
            for piece in referenced(pipe, queue, without_completed=queue in self._leftover):
                self._known.update(piece)
                yield
            self._sizes[queue] = _Sizes()

    def _read_on(self, pipe: Pipe, reading: Iterator[None]) -> None:
        """Read another piece of an index; after the last one, sort out the pages that were held for it."""
        try:
            next(reading)
        except StopIteration:
            self._reading = None
            held, self._held = self._held, deque()
            for page, found in held:
                page.open -= 1
                if self._held:  # that one has met a new queue again
                    self._hold(page, found)
                else:
                    self._sort_out(pipe, page, found)

    def _hold(self, page: _Page, found: list[bytes]) -> None:
        page.open += 1
        self._held.append((page, found))

    def _suspect(self, pipe: Pipe, page: _Page, unknown: Sequence[bytes], *, single: bool) -> None:
        """Ask about task data that no index explains: for its length first, unless it is known to be small."""
        by_queue: dict[str, list[bytes]] = {}
        if single and self._only is not None:
            start = len(keys.task_prefix(self._only))
            by_queue[self._only] = [key[start:] for key in unknown]
        else:
            for key in unknown:
                place = keys.split_task(key)
                if place is not None and (self._wanted is None or place[0] in self._wanted):
                    by_queue.setdefault(place[0], []).append(place[1])
        for queue, ids in by_queue.items():
            self._ask(pipe, page, queue, ids)

    def _ask(self, pipe: Pipe, page: _Page, queue: str, ids: Sequence[bytes]) -> None:
        sizes = self._sizes[queue]
        if not sizes.small:
            pipe.send([pack_each(_HSTRLEN[0], ids, _HSTRLEN[1], start=keys.task_prefix(queue))], len(ids))
            page.open += 1
            self._expect(len(ids), lambda replies: self._on_lengths(page, queue, ids, replies))
            return
        for start in range(0, len(ids), _LOOK_LIMIT):
            part = ids[start : start + _LOOK_LIMIT]
            self._want(_Look(page, queue, part, sizes.largest * len(part)))

    def _ask_whose(self, pipe: Pipe, page: _Page, key: bytes) -> None:
        """Ask for the message of a key that can be read in several ways."""
        pipe.send([pack((b"HGET", key, b"msg"))])
        page.open += 1
        self._expect(1, lambda replies: self._on_whose(pipe, page, key, replies[0]))

    def _want(self, look: _Look) -> None:
        look.page.open += 1
        self._unsent.append(look)

    def _on_whose(self, pipe: Pipe, page: _Page, key: bytes, reply: Reply) -> None:
        """A key that can be read in several ways belongs where its own message says, else nowhere: a live task must
        not pass for the orphan of another queue.
        """
        page.open -= 1
        decoded = message.decode(reply) if isinstance(reply, bytes) else None
        said = (decoded.queue, decoded.id.encode()) if decoded is not None else None
        if said is None or said not in keys.splits(key) or (self._wanted is not None and said[0] not in self._wanted):
            return
        queue, task_id = said
        if queue not in self._sizes:
            for _ in self._meet(pipe, [queue]):
                pass
        page.met[queue] = page.met.get(queue, 0) + 1
        if hash(key) not in self._known:
            self._ask(pipe, page, queue, [task_id])

    def _on_lengths(self, page: _Page, queue: str, ids: Sequence[bytes], replies: list[Reply]) -> None:
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
        self._expect(len(first), lambda second: self._on_two_looks(look, first, second), look.size)

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
        ids, leftover = look.ids, look.queue in self._leftover
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
            if hash(prefix + task_id) not in self._completed or content.__class__ is not list or content[0] != archived
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


def round_trip(pipe: Pipe) -> float:
    """Seconds that a question takes which is no work for the server: the shortest of a few."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        pipe.one(b"SCAN", b"0", b"COUNT", b"1")
        found.append(time.perf_counter() - began)
    return min(found)
