"""The scan of a cluster: each of its primaries is scanned by itself, side by side, until every slot was walked where it
is now.

A slot that moves while its old owner and its new one are walked may be missed by both. So what has moved, or is being
moved, is walked again where it has come to; so is everything of a primary whose replica has taken over.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from archive_tui.asynq.keys import is_plain
from archive_tui.errors import ArchiveTuiError, DisconnectedError, MovedError
from archive_tui.jobs.far_scan import FarScan, Process, Processes, ProcessLostError
from archive_tui.jobs.job import Contact, Job, Stopped
from archive_tui.jobs.node_scan import NodeScan
from archive_tui.settings.address import Address
from archive_tui.settings.model import Settings
from archive_tui.store.link.clock import round_trip
from archive_tui.store.link.cluster import Cluster
from archive_tui.store.link.node import Node
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import KEYS_APART
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import ServerInfo, run_id_of
from archive_tui.store.link.topology import slot_of_queue
from archive_tui.store.read.keyspace import FractionBySlots, fraction_in_slot, keys_by_slot, walks_by_slots
from archive_tui.store.read.slots import in_flux
from archive_tui.text import line

_LOOK_EVERY = 0.5
"""Seconds between two looks whether a slot has arrived."""


class Share:
    """What one node is scanned for: some slots, of all queues or of some."""

    def __init__(self, node: Node, slots: frozenset[int], queues: Sequence[str] | None, scan: NodeScan) -> None:
        self.node = node
        self.slots = slots
        self.queues = queues
        self.scan: NodeScan | FarScan = scan
        self.contact = Contact()
        self.weight: float | None = None
        """Keys that are walked past; None: not known yet."""
        self.run_id: str | None = None
        self.gone = False
        """Whether the node serves nothing any more: its slots are walked where they are now."""
        self.error: Exception | None = None
        """Why it could not be scanned to the end."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done about it."""
        return self.gone or self.error is not None or self.scan.complete


class ClusterScan:
    """Scans `queues`, or all (None), on every node that has any of them, as a part of a job. `make` makes the scan of
    one node, `make_far` that by a process of its own; `forget` drops what was found in some slots, which is found
    again if it is still there.
    """

    def __init__(
        self,
        job: Job,
        server: Server,
        info: ServerInfo,
        queues: Sequence[str] | None,
        make: Callable[[Sequence[str] | None, frozenset[int]], NodeScan],
        make_far: Callable[[Process, Settings, Sequence[str] | None, frozenset[int]], FarScan],
        forget: Callable[[frozenset[int]], None],
    ) -> None:
        assert server.cluster is not None  # noqa: S101 - it was identified as one
        self._job = job
        self._server = server
        self._cluster: Cluster = server.cluster
        self._by_slots = walks_by_slots(info)
        self._queues = queues
        self._make = make
        self._make_far = make_far
        self._forget = forget
        self._wanted = None if queues is None else frozenset(map(slot_of_queue, queues))
        self.shares: list[Share] = []
        self.restarts = 0
        self._notes: list[str] = []
        self.waits_for = ""
        """What it waits for, in words; empty while it does not."""

    @property
    def fraction(self) -> float:
        """The part of the work that is done, by the keys of each node."""
        known = [share.weight for share in self.shares if share.weight is not None]
        usual = sum(known) / len(known) if known else 1.0
        weights = [usual if share.weight is None else share.weight for share in self.shares]
        done = sum(weight * share.scan.fraction for weight, share in zip(weights, self.shares, strict=True))
        return done / sum(weights) if sum(weights) else 0.0

    @property
    def contacts(self) -> list[Contact]:
        """The contacts to the nodes that are being scanned."""
        return [share.contact for share in self.shares if not share.ended]

    @property
    def caution(self) -> str:
        """Why it is not complete although it has ended; empty where it is."""
        failed = {share.node.address: str(share.error) for share in self.shares if share.error is not None}
        parts = [f"{address} was not read: {why}" for address, why in failed.items()]
        if unserved := self._cluster.topology.unserved:
            parts.append(f"{unserved:,} slots are served by no node")
        apart = {queue for share in self.shares for queue in share.scan.apart}
        parts += [f"queue {line(queue)!r} was not scanned: {KEYS_APART}" for queue in sorted(apart)]
        return "; ".join([*parts, *self._notes])

    def note(self, why: str) -> None:
        """Note something else for which it is not complete."""
        self._notes.append(why)

    def run(self) -> None:
        """Scan until every slot that is served was walked where it is now. A node that fails is named in the end, and
        leaves the others going. Raises Stopped, and what is no fault of the connection.
        """
        moving = self._moving()
        self._begin({node: self._cluster.slots(node) for node in self._cluster.nodes})
        while True:
            self._work_through([share for share in self.shares if not share.ended])
            moving |= self._arrived()
            left = self._left(moving)
            if not left:
                return
            moving = self._moving()
            self._begin(left)

    def run_also(self, queues: Sequence[str]) -> None:
        """The same for some more queues."""
        self._queues, self._wanted = queues, frozenset(map(slot_of_queue, queues))
        done, self.shares = self.shares, []
        try:
            if queues:
                self.run()
        finally:
            self.shares = [*done, *self.shares]

    def _begin(self, slots: dict[Node, frozenset[int]]) -> None:
        """Add what is to be scanned in these slots."""
        for node, some_slots in slots.items():
            mine = some_slots if self._wanted is None else some_slots & self._wanted
            queues = None if self._queues is None else [queue for queue in self._queues if slot_of_queue(queue) in mine]
            if not mine or queues == []:
                continue
            alone = [[queue] for queue in queues] if queues is not None and self._by_slots else [queues]
            for some in alone:
                own = mine if some is None else frozenset(map(slot_of_queue, some))
                self.shares.append(Share(node, own, some, self._make(some, own)))

    def _work_through(self, shares: Sequence[Share]) -> None:
        """Scan some shares: those of one node one after the other, the nodes side by side."""
        by_node: dict[Address, list[Share]] = {}
        for share in shares:
            by_node.setdefault(share.node.endpoint, []).append(share)
        processes = Processes()
        threads = [
            threading.Thread(
                target=self._scan_node, args=(some, processes), name=f"scan of {address.host}:{address.port}"
            )
            for address, some in by_node.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._job.checkpoint()
        for share in shares:
            if share.error is not None and not isinstance(share.error, DisconnectedError):
                raise share.error

    def _scan_node(self, shares: Sequence[Share], processes: Processes) -> None:
        with Process(processes) as process:
            for share in shares:
                try:
                    self._job.reconnecting(partial(self._attempt, share, process), contact=share.contact)
                except Stopped:
                    return
                except Exception as error:  # raised again by the thread of the job
                    share.error = error

    def _attempt(self, share: Share, process: Process) -> None:
        self._cluster.refresh()
        if not self._cluster.serves(share.node):
            if not self._lives(share):
                self._forget(share.slots)
            share.gone = True
            return
        with self._server.pipe(share.node, lenient=True) as pipe:
            self._meet(pipe, share, process)
            trip = round_trip(pipe)
            self._job.connected(share.contact)
            try:
                share.scan.go_on(pipe, trip, lambda: self._server.pipe(share.node, lenient=True))
            except ProcessLostError:
                share.run_id = None  # begun again here: what was found is true
                raise MovedError("a process that scans was lost") from None
            except DisconnectedError:
                self._cluster.outdated()  # a process learns of the nodes for itself alone
                raise

    def _lives(self, share: Share) -> bool:
        """Whether a node that serves nothing any more gave its slots away, and did not fail: what was found is true."""
        try:
            info = self._server.info_at(share.node)
        except ArchiveTuiError:
            return False
        return info.role == "primary" and info.run_id == share.run_id

    def _meet(self, pipe: Pipe, share: Share, process: Process) -> None:
        """See which process answers, and begin where it is another than before, or may be."""
        run_id = run_id_of(pipe)
        if run_id and run_id == share.run_id:
            return
        if share.run_id is not None:
            self._forget(share.slots)
            self.restarts += 1
        share.run_id = run_id
        self._begin_share(pipe, share, process)

    def _begin_share(self, pipe: Pipe, share: Share, process: Process) -> None:
        """Find out how many keys there are to walk past, and begin the scan here, or where that pays in a process."""
        fraction_of: Callable[[int], float] | None = None
        if not self._by_slots:
            (size,) = pipe.call([(b"DBSIZE",)], errors="return")
            share.weight = float(size) if isinstance(size, int) else None
        elif share.queues is not None and len(share.queues) == 1 and is_plain(share.queues[0]):
            fraction_of = fraction_in_slot
            share.weight = float(sum(keys_by_slot(pipe, share.slots).values()))
        else:
            counts = keys_by_slot(pipe, self._cluster.slots(share.node))
            share.weight = float(sum(counts.values()))
            fraction_of = FractionBySlots(counts) if counts else None
        if not self._server.reads_replicas and process.pays(share.weight):
            share.scan = self._make_far(process, share.node.settings, share.queues, share.slots)
        else:
            share.scan = self._make(share.queues, share.slots)
        if fraction_of is not None:
            share.scan.measure(fraction_of)

    def _moving(self) -> frozenset[int]:
        """The wanted slots that are being moved now."""
        with self._server.pipe() as pipe:  # a node that does not answer is named by its share
            moving = in_flux(pipe)
        return moving if self._wanted is None else moving & self._wanted

    def _arrived(self) -> frozenset[int]:
        """The wanted slots that are being moved; waits until they have arrived, at most as long as the job's patience
        lasts.
        """
        began = time.monotonic()
        seen: frozenset[int] = frozenset()
        try:
            while moving := self._moving():
                seen |= moving
                self.waits_for = f"{len(moving):,} slots are being moved to another node"
                if self._job.patience is not None and time.monotonic() - began > self._job.patience:
                    raise DisconnectedError(f"{self.waits_for}: scan again when they have arrived")
                self._job.rest(_LOOK_EVERY)
        finally:
            self.waits_for = ""
        return seen

    def _left(self, moved: frozenset[int]) -> dict[Node, frozenset[int]]:
        """The slots that were not walked where they are now, or were moved meanwhile."""
        self._cluster.outdated()
        self._cluster.refresh()
        walked: dict[Address, frozenset[int]] = {}
        for share in self.shares:
            if not share.gone:
                address = share.node.endpoint
                walked[address] = walked.get(address, frozenset()) | share.slots
        left = {
            node: self._cluster.slots(node) - walked.get(node.endpoint, frozenset()) | moved
            for node in self._cluster.nodes
        }
        return {node: slots & self._cluster.slots(node) for node, slots in left.items() if self._has(node, slots)}

    def _has(self, node: Node, slots: frozenset[int]) -> bool:
        mine = slots & self._cluster.slots(node)
        return bool(mine if self._wanted is None else mine & self._wanted)
