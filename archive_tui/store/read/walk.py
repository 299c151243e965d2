"""The scan for task data that Asynq has lost track of, in small steps. Reads only, no scripts.

A page is one SCAN reply, or a few where each brings little to probe. What the indexes already explain is passed over:
they were read before, in pieces. Only the rest is probed, each key together with its index. What is not archived or
completed cannot be judged by one probe: it is handed on to be settled.

Questions are sent ahead: while the replies to one page are worked on, the next page and the probes of the last one are
under way, so that neither side waits for the other, nor both for the network.

Each part of a scan has one owner: `Scan` walks and owns its pages, `Referenced` what the indexes explain, `Probe` the
probes that wait and what they have proven, `ReplyQueue` whose turn it is to be answered.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress

from archive_tui.asynq.keys import GROUP_TAG_END, LOCK_TAG_END, TAG_END, Keys
from archive_tui.asynq.ownership import Ownership, Reading, is_tangled, readings
from archive_tui.asynq.rows import RowBatch
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, is_wrong_type, raise_first, raise_unless_wrong_type
from archive_tui.store.link.reply_queue import ReplyQueue
from archive_tui.store.read import owners
from archive_tui.store.read.budget import REPLY_BUDGET
from archive_tui.store.read.keyspace import fraction_of
from archive_tui.store.read.probe import Candidate, Probe, Proven
from archive_tui.store.read.referenced import Referenced
from archive_tui.text import decode

_PAGES_AHEAD = 3
_REPLIES_A_PAGE = 8
_TAGS = (TAG_END, GROUP_TAG_END, LOCK_TAG_END)
_WORTH_A_PROBE = 100
"""Suspects that are probed without waiting for more: a transaction of a few costs several times as much for each."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step of a scan."""

    batches: list[RowBatch]
    """Findings, settled."""

    keys_by_queue: dict[str, int]
    """Number of task data keys that the step met, by queue."""

    fraction: float
    """Progress of the scan, from 0 to 1."""

    not_tasks: int = 0
    """Number of these keys that are no hashes."""

    unsettled: Sequence[Candidate] = ()
    """Task data that no index explains, in a state whose index one probe cannot ask, or in none: see `settle`."""

    locks: Sequence[bytes] = ()
    """The keys of unique locks that the step met: see `stale_locks`."""

    histories: Sequence[bytes] = ()
    """The keys of the histories of schedulers that the step met: see `histories.stale_among`."""

    @property
    def keys(self) -> int:
        """Number of task data keys that the step met."""
        return sum(self.keys_by_queue.values())


@dataclass(slots=True)
class _Page:
    """A few SCAN replies on their way to findings. Written by `Scan` alone, but for `proven`."""

    following: int = 0
    """The SCAN cursor behind the replies that have come."""

    replies: int = 0
    """Number of replies that have come."""

    asking: bool = False
    """True while another one is under way."""

    answered: bool = False
    """True once no more belong to it."""

    unsorted: int = 0
    """Replies that are not sorted out yet, and keys of which it is not known yet whose they are."""

    suspects: dict[str, list[bytes]] = field(default_factory=dict)
    """Ids by queue that wait to be probed together."""

    met: Counter[str] = field(default_factory=Counter)
    """Number of task data keys in them, by queue."""

    locks: list[bytes] = field(default_factory=list)
    """The keys of the unique locks in them."""

    histories: list[bytes] = field(default_factory=list)
    """The keys of the histories of schedulers in them."""

    proven: Proven = field(default_factory=Proven)
    """The outcome of probing its suspects; written by the probe."""

    @property
    def sorted_out(self) -> bool:
        """Tell whether nothing of what has come waits for an answer."""
        return not self.unsorted and not self.proven.open

    @property
    def complete(self) -> bool:
        """Tell whether everything is known that it can tell."""
        return self.answered and self.sorted_out


class Scan:
    """A scan over the task data of some queues, or of all. Call `step` until `done`.

    A lost connection leaves the scan where it was: call `step` again with a new pipe to the same server process. A
    cursor means nothing to another one: call `restart`.
    """

    def __init__(
        self,
        queues: Sequence[str] | None = None,
        *,
        count: int = 1000,
        meet_groups: bool = False,
        meet_locks: bool = False,
        meet_histories: bool = False,
        wanted: Callable[[str], bool] | None = None,
    ) -> None:
        """`count` is how many keys the server visits for one SCAN reply. With `meet_groups` the same walk meets the
        sets of groups, for `groups`, with `meet_locks` the unique locks as well, and where it is of all queues with
        `meet_histories` those of schedulers. Queues that are not `wanted` are passed over.
        """
        self._choose = wanted
        self._wanted = None if queues is None else set(queues)
        self._only = queues[0] if queues is not None and len(queues) == 1 else None
        self._meets = {"groups": meet_groups, "locks": meet_locks, "histories": meet_histories}
        self.count = count
        self.groups: dict[str, set[bytes]] = {}
        """By queue, the names of the group and aggregation sets that were met, without `g:`."""
        self._referenced = Referenced()
        self._replies = ReplyQueue()
        self._probe = Probe(self._replies, self._referenced)
        self.restart()

    def restart(self) -> None:
        """Begin again from the start; what was found before may be found a second time."""
        self._cursor = 0
        self._begun = False
        self.fraction_of: Callable[[int], float] = fraction_of
        """Tells from a cursor how much of the keyspace is walked: see `keyspace`."""
        self._ownership: Ownership | None = None
        self._referenced.clear()
        self._probe.restart()
        self.groups.clear()
        self._pages: deque[_Page] = deque()
        self._drop()

    def _drop(self) -> None:
        """Forget what is under way, but for the replies of a page that were worked on already. Replies that are still
        to come on this pipe are read and thrown away.
        """
        self._replies.drop()
        self._probe.drop()
        oldest = next(iter(self._pages), None)
        self._pages = deque()
        self._reading: Iterator[None] | None = None
        self._held: deque[Callable[[], None]] = deque()  # what waits for the indexes that are being read
        self._asked = self._cursor
        if oldest is not None and oldest.replies and oldest.sorted_out:
            oldest.answered = True  # a link that breaks often must not cost many replies each time
            self._asked = oldest.following
            self._pages.append(oldest)
        self._few = False  # whether the last reply brought little to probe
        self._goes_on = False  # whether the oldest page waits for another reply

    @property
    def done(self) -> bool:
        """Tell whether the cursor has come back to 0."""
        return self._begun and self._cursor == 0

    @property
    def fraction(self) -> float:
        """Progress of the scan, from 0 to 1."""
        return 1.0 if self.done else self.fraction_of(self._cursor)

    @property
    def queues(self) -> list[str]:
        """The queues whose task data, or whose groups, were met so far."""
        return sorted({*self._referenced.queues, *self.groups})

    @property
    def indexed(self) -> int:
        """Number of ids in the indexes of the queues met so far."""
        return len(self._referenced.tasks)

    @property
    def leftover(self) -> frozenset[str]:
        """Those of the queues that were leftover when they were met."""
        return frozenset(self._referenced.leftover)

    def step(self, pipe: Pipe) -> Step:
        """Go on until a page is complete, or at least one SCAN reply, a few mebibytes or index pieces further.

        Questions sent ahead are answered in the steps that follow: use the pipe for nothing else meanwhile.
        """
        if self.done:
            return Step([], {}, 1.0)
        if not self._replies.go_on(pipe):
            self._drop()
            for page in self._pages:
                self._probe_suspects(pipe, page)
        if self._ownership is None:
            self._ownership = owners.ownership(pipe)
        took = 0
        self._goes_on = False
        while True:
            self._send(pipe)
            if self._reading is not None:
                took += REPLY_BUDGET
                self._read_on(self._reading)
            elif self._replies:
                took += self._replies.answer(pipe)
            if (self._pages and self._pages[0].complete) or self._goes_on or took > 2 * REPLY_BUDGET:
                self._send(pipe)
                return self._finish()

    def _finish(self) -> Step:
        """Hand over the oldest page if it is complete."""
        if not (self._pages and self._pages[0].complete):
            return Step([], {}, self.fraction)
        page = self._pages.popleft()
        self._cursor, self._begun = page.following, True
        proven = page.proven
        return Step(
            proven.batches, page.met, self.fraction, proven.not_tasks, proven.unsettled, page.locks, page.histories
        )

    # Asking

    def _send(self, pipe: Pipe) -> None:
        """Send what may be sent: the probes that are waiting, as far as their replies have room, then the next page."""
        if self._held:
            return
        self._probe.send(pipe)
        if not self._probe.waiting:
            self._send_page(pipe)

    def _send_page(self, pipe: Pipe) -> None:
        page = self._pages[-1] if self._pages else None
        if page is None or page.answered:
            at_the_end = not self._asked and (self._begun or page is not None)
            if at_the_end or len(self._pages) >= _PAGES_AHEAD:
                return
            page = _Page()
            self._pages.append(page)
        if page.asking:
            return
        page.asking = True
        pattern = pipe.keys.tasks_pattern(self._only, **self._meets)
        pipe.send([pack((b"SCAN", b"%d" % self._asked, b"MATCH", pattern, b"COUNT", b"%d" % self.count))])
        self._replies.expect(1, lambda replies: self._on_page(pipe, page, replies[0]))

    # Answers

    def _on_page(self, pipe: Pipe, page: _Page, reply: Reply) -> None:
        raise_first([reply])
        page.following = self._asked = int(reply[0])
        page.asking = False
        page.replies += 1
        page.answered = not self._asked or not self._few or page.replies >= _REPLIES_A_PAGE
        page.unsorted += 1
        self._goes_on = not page.answered and page is self._pages[0]
        if self._held:
            self._held.append(partial(self._sort_out, pipe, page, reply[1]))
        else:
            self._sort_out(pipe, page, reply[1])

    def _sort_out(self, pipe: Pipe, page: _Page, found: list[bytes]) -> None:
        """Count the keys of a reply by queue, and ask about those that no index explains. Only at the end of this is
        the reply no longer open: a connection that is lost in the middle must not lose any of them.

        One with a queue that was not met before is held until its indexes have been read. Where there is but one
        queue, what its indexes explain is passed over before anything else is asked of a key: that is nearly all.
        """
        if not found:
            self._probe_suspects(pipe, page)
            page.unsorted -= 1
            return
        # The next page is on its way while we sort this one out.
        if not self._probe.waiting:
            self._send_page(pipe)
        if self._only in self._referenced.queues:
            unexplained = self._unexplained(found)
            page.met[self._only] += len(found) - len(unexplained)
            found = unexplained
        tangled: list[bytes] = []
        together = b"\n".join(found)
        histories = pipe.keys.histories
        if histories in together:
            page.histories += [key for key in found if key.startswith(histories)]
            found = [key for key in found if not key.startswith(histories)]
            together = b"\n".join(found)
        if together.count(b"}") > len(found):  # cheaper than to look for `}:`
            tangled = [key for key in found if is_tangled(key)]
            found = [key for key in found if not is_tangled(key)]
            together = b"\n".join(found)
        if together.count(TAG_END) < len(found):
            found = self._tasks_among(len(pipe.keys.start), page, found)
        met = self._by_queue(pipe.keys, found)
        new = [queue for queue in met if queue not in self._referenced.queues]
        if new:
            self._hold(pipe, new, partial(self._sort_out, pipe, page, found + tangled))
            return
        page.met.update(met)
        if self._only is None:
            found = self._unexplained(found)
        self._few = len(found) < _WORTH_A_PROBE
        self._suspect(pipe.keys, page, found)
        self._probe_suspects(pipe, page)
        for key in tangled:
            self._untangle(pipe, page, key)
        page.unsorted -= 1

    def _unexplained(self, found: list[bytes]) -> list[bytes]:
        """Those keys that no index explains. Done by C nearly whole."""
        hashes = list(map(hash, found))
        strangers = set(hashes).difference(self._referenced.tasks)
        if len(strangers) in (0, len(found)):
            return found if strangers else []
        return list(compress(found, map(strangers.__contains__, hashes)))

    def _tasks_among(self, begin: int, page: _Page, found: Sequence[bytes]) -> list[bytes]:
        """Note the sets of groups and the locks among some keys, and give back those of task data. The names of their
        queues `begin` at this position.
        """
        tasks = []
        for key in found:
            places = {tag: at for tag in _TAGS if (at := key.find(tag)) >= 0}
            tag = min(places, key=places.__getitem__, default=b"")
            queue = decode(key[begin : places.get(tag, 0)])
            if tag == TAG_END:
                tasks.append(key)
            elif tag == GROUP_TAG_END:
                self._note_group(queue, key[places[tag] + len(tag) :])
            elif tag and self._wants(queue):
                page.locks.append(key)
        return tasks

    def _note_group(self, queue: str, name: bytes) -> None:
        if self._wants(queue):
            self.groups.setdefault(queue, set()).add(name)

    def _by_queue(self, keys: Keys, found: Sequence[bytes]) -> dict[str, int]:
        """Number of keys of each queue that is wanted."""
        if self._only is not None and found:
            return {self._only: len(found)}
        tags = Counter([key[: key.find(TAG_END)] for key in found])
        splits = {tag: keys.split_task(tag + TAG_END) for tag in tags}
        return {split[0]: tags[tag] for tag, split in splits.items() if split is not None and self._wants(split[0])}

    def _meet(self, pipe: Pipe, queues: Sequence[str]) -> Iterator[None]:
        """Read the indexes of queues that were met for the first time."""
        while self._replies:  # what is under way comes first on this pipe
            self._replies.answer(pipe)
            yield
        for queue in queues:
            yield from self._referenced.read(pipe, queue)

    def _hold(self, pipe: Pipe, queues: Sequence[str], resume: Callable[[], None]) -> None:
        """Have something wait until the indexes of these queues have been read."""
        self._held.append(resume)
        if self._reading is None:
            self._reading = self._meet(pipe, queues)

    def _read_on(self, reading: Iterator[None]) -> None:
        """Read another piece of an index; after the last one, go on with what was held for it."""
        try:
            next(reading)
        except StopIteration:
            self._reading = None
            held, self._held = self._held, deque()
            for resume in held:
                if self._held:  # one before has met a new queue again
                    self._held.append(resume)
                else:
                    resume()

    def _suspect(self, keys: Keys, page: _Page, unknown: Sequence[bytes]) -> None:
        """Sort what no index explains by queue, to be probed."""
        if self._only is not None and unknown:
            start = len(keys.task_prefix(self._only))
            page.suspects.setdefault(self._only, []).extend([key[start:] for key in unknown])
            return
        for key in unknown:
            split = keys.split_task(key)
            if split is not None and self._wants(split[0]):
                page.suspects.setdefault(split[0], []).append(split[1])

    def _probe_suspects(self, pipe: Pipe, page: _Page) -> None:
        """Probe the suspects of a page, if there are enough of them, or no more will come."""
        for queue, ids in list(page.suspects.items()):
            if page.answered or len(ids) >= _WORTH_A_PROBE:
                del page.suspects[queue]
                self._probe.ask(pipe, queue, ids, page.proven)

    def _untangle(self, pipe: Pipe, page: _Page, key: bytes) -> None:
        """Find out whose a key is that may be read in several ways: by its content, where it can be."""
        assert self._ownership is not None  # noqa: S101 - read before the first page
        claims = self._ownership.claims(key)
        if not any(self._wants(claim.queue) for claim in claims):
            return
        page.unsorted += 1
        if len(readings(pipe.keys, key)) == 1:
            self._claimed(pipe, page, key, claims[0])
        else:
            pipe.send([pack((b"HGET", key, b"msg"))])
            self._replies.expect(1, lambda replies: self._on_whose(pipe, page, key, replies[0]))

    def _on_whose(self, pipe: Pipe, page: _Page, key: bytes, reply: Reply) -> None:
        raise_unless_wrong_type([reply])
        assert self._ownership is not None  # noqa: S101 - as above
        wrong = is_wrong_type(reply)
        self._claimed(pipe, page, key, self._ownership.reading(key, None if wrong else reply, is_hash=not wrong))

    def _claimed(self, pipe: Pipe, page: _Page, key: bytes, reading: Reading | None) -> None:
        """Go on with a key whose reading is known; None: it is nobody's."""
        if reading is not None and reading.task_id is not None and self._wants(reading.queue):
            self._take(pipe, page, key, reading.queue, reading.task_id)
            return
        if reading is not None and reading.group is not None:
            self._note_group(reading.queue, reading.group)
        page.unsorted -= 1

    def _wants(self, queue: str) -> bool:
        return (self._wanted is None or queue in self._wanted) and (self._choose is None or self._choose(queue))

    def _take(self, pipe: Pipe, page: _Page, key: bytes, queue: str, task_id: bytes) -> None:
        """Count a key whose queue is known, and ask about it where no index explains it."""
        if queue not in self._referenced.queues:
            self._hold(pipe, [queue], partial(self._take, pipe, page, key, queue, task_id))
            return
        page.met[queue] += 1
        if hash(key) not in self._referenced.tasks:
            self._probe.ask(pipe, queue, [task_id], page.proven)
        page.unsorted -= 1
