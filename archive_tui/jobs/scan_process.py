"""A process that walks one node for a scan, so that every node, and the scan itself, can have a core of its own.

A program of its own, run as `python -m archive_tui.jobs.scan_process DESCRIPTOR` by `archive_tui.jobs.far_scan`. The
descriptor is its end of a pipe; when the other end is closed, however that came, it has no more to do. It reads from
the server and writes nothing anywhere.
"""

import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, cast

from archive_tui.asynq.rows import RowBatch
from archive_tui.errors import ArchiveTuiError, DisconnectedError
from archive_tui.jobs.collector import collect_rarely
from archive_tui.jobs.node_scan import NodeScan
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan_messages import Assignment, Ended, Failed, GoOn, Question, Report
from archive_tui.store.link.node import Node
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server
from archive_tui.store.link.server_info import run_id_of
from archive_tui.text import line

_REPORT_EVERY = 0.1
_ROWS_A_REPORT = 5_000
_AHEAD = 2
"""Reports that may be unanswered: who holds the scan, or cannot keep up with it, holds this process."""


class ScanProcess:
    """Scans what it is told to, one assignment after the other."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self.pace = Pace.POLITE
        self._connection = connection
        self._unanswered = 0
        self._batches: list[RowBatch] = []
        self._rows = 0
        self._histories: list[bytes] = []
        self._told: Counter[str] = Counter()
        self._reported_at = 0.0

    def run(self) -> None:
        """Work until the other end is closed. Raises EOFError or OSError then."""
        message = self._connection.recv()
        while True:
            message = self._work(cast("Assignment", message))

    def _work(self, assignment: Assignment) -> object:
        """Scan; returns the next message that is not for this scan."""
        self._scan = NodeScan(self, assignment.wish, assignment.queues, self._others, assignment.slots)
        self._told.clear()
        server = Server(assignment.settings)
        try:
            while isinstance(message := self._connection.recv(), GoOn):
                answer = self._attempt(server, message)
                self._report()
                while self._unanswered:
                    self._take_orders()
                self._connection.send(answer)
        finally:
            server.close()
        return message

    def _attempt(self, server: Server, order: GoOn) -> Ended | Failed:
        self.pace = order.pace
        try:
            server.identify()
            node = self._node(server)
            with server.pipe(node, lenient=True) as pipe:
                if run_id_of(pipe) != order.run_id:
                    raise DisconnectedError(f"another server answers at {node.address}")
                self._scan.measure(order.fraction_of)
                self._scan.go_on(pipe, order.round_trip, lambda: server.pipe(node, lenient=True))
        except ArchiveTuiError as error:
            return Failed.of(error)
        except Exception as error:  # as a job does with a defect of ours
            return Failed(ArchiveTuiError, f"unexpected {type(error).__name__}: {line(str(error))}")
        return Ended(tuple(self._scan.queues), dict(self._scan.groups), self._scan.apart)

    def _node(self, server: Server) -> Node:
        """The node that is to be scanned. Raises DisconnectedError where it has no keys any more."""
        if server.cluster is None:
            return server.nodes[0]
        wanted = server.settings.endpoint
        node = next((node for node in server.nodes if node.endpoint == wanted), None)
        if node is None:
            raise DisconnectedError(f"{wanted} serves no slot any more")
        return node

    def _others(self, _: Pipe) -> Collection[str]:
        while self._unanswered:
            self._take_orders()
        self._connection.send(Question.OTHERS)
        answer = self._connection.recv()
        if isinstance(answer, Failed):
            raise answer.error
        return cast("Collection[str]", answer)

    # What the scan of the node needs

    def hold(self) -> None:
        """Hand on what there is, if it is time for that; waits for whoever has not taken what came before."""
        if self._rows >= _ROWS_A_REPORT or time.monotonic() - self._reported_at >= _REPORT_EVERY:
            self._report()

    def rest(self, seconds: float) -> None:
        """Leave the server alone for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._connection.poll(left):
                self._take_orders()

    def found(self, batches: Sequence[RowBatch]) -> None:
        """Take findings."""
        self._batches += batches
        self._rows += sum(len(batch.values) for batch in batches)

    def met(self, histories: Sequence[bytes]) -> None:
        """Take the keys of histories of schedulers."""
        self._histories += histories

    def progressed(self) -> None:
        """Note that there is progress: the next report tells it."""

    def _report(self) -> None:
        while self._unanswered >= _AHEAD:
            self._take_orders()
        scan = self._scan
        new = scan.keys_by_queue - self._told
        self._told.update(new)
        self._connection.send(
            Report(
                self._batches,
                self._histories,
                new,
                scan.not_tasks,
                scan.members,
                scan.phase,
                scan.walked,
                scan.fraction,
            )
        )
        self._unanswered += 1
        self._batches, self._rows, self._histories = [], 0, []
        self._reported_at = time.monotonic()

    def _take_orders(self) -> None:
        self.pace = self._connection.recv()
        self._unanswered -= 1


def main() -> None:
    """Work for whoever holds the other end of the pipe."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c is for the program, which then closes its end
    with suppress(EOFError, OSError), Connection(int(sys.argv[1])) as connection:
        ScanProcess(connection).run()


if __name__ == "__main__":
    main()
