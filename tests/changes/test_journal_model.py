"""Random histories of a queue with deletions, restores and faults: every task that was accepted was processed, is
there, or stands in a journal byte for byte.
"""

import errno
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.asynq_data import NOW, key, lock_key, prefix
from support.changes import deletion, restoring_job
from support.proxy import Cutter
from support.servers import Live

from archive_tui.asynq.message import TaskMessage
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.marks import Marks
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_rows
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.errors import ArchiveTuiError
from archive_tui.jobs.job import Job
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal import writer
from archive_tui.journal.reader import Journal
from archive_tui.store.link.server import Server
from archive_tui.store.write.restore import Target

QUEUE = "q"
IDS = [b"%d" % number for number in range(12)]
IN_MEMORY = Path("/dev/shm")
"""Journals go there where there is such a place: these are thousands of syncs, and no disk is tested."""

SOME = st.just(IDS) | st.lists(st.sampled_from(IDS), min_size=1, max_size=8, unique=True)
FATE = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(["archived", "archived", "archived", "completed", "scheduled", "retry", "pending"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 10, 1500]),
)

Fields = dict[bytes, bytes]
Fate = tuple[bytes, str, bool, bool, int]


def finish(job: Job) -> Job:
    job.start()
    assert job.wait(30)
    return job


class History(RuleBasedStateMachine):
    """What Asynq and an operator do to one queue. The model of Asynq is checked against the library by
    `real_asynq/test_model.py`. `live` and `cutter` are given by the test.
    """

    live: Live
    cutter: Cutter
    done: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.live.client.flushdb()
        self.cutter.left = None
        self.live.asynq.register(QUEUE)
        self.folder = Path(tempfile.mkdtemp(prefix="archive-tui-model-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.serial = 0
        self.accepted: dict[bytes, list[Fields]] = {}
        """Every form of data that a task had when it came to rest, by its id."""
        self.processed: set[bytes] = set()
        self.did: Counter[str] = Counter()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.done.update(self.did)

    # What Asynq does

    def _data(self, task_id: bytes) -> Fields:
        found: Fields = self.live.client.hgetall(key(QUEUE, task_id))
        return found

    def _note(self, task_id: bytes) -> None:
        self.accepted.setdefault(task_id, []).append(self._data(task_id))

    @initialize(tasks=st.lists(FATE, min_size=4, max_size=12))
    def fill(self, tasks: list[Fate]) -> None:
        """There is something to begin with."""
        self.enqueue(tasks)

    @rule(tasks=st.lists(FATE, min_size=1, max_size=6))
    def enqueue(self, tasks: list[Fate]) -> None:
        """Tasks are accepted, and meet their fate up to a state; an id must be free."""
        for task_id, state, referenced, locked, size in tasks:
            if not self.live.client.exists(key(QUEUE, task_id)) and not self._indexed(task_id):
                self._enqueue(task_id, state, referenced, locked, size)

    def _enqueue(self, task_id: bytes, state: str, referenced: bool, locked: bool, size: int) -> None:
        self.serial += 1
        lock = lock_key(QUEUE, payload=b"%d" % self.serial) if locked else None
        payload = b"%d" % self.serial + b"x" * size
        fields = {b"result": b"\xff" * size} if state == "completed" else None
        referenced = referenced or state not in ("archived", "completed")
        self.live.asynq.add(
            QUEUE, task_id, state, referenced=referenced, score=NOW + self.serial, unique=lock, payload=payload,
            fields=fields,
        )  # fmt: skip
        self._note(task_id)

    @rule(task_id=st.sampled_from(IDS))
    def run(self, task_id: bytes) -> None:
        """Somebody runs an archived task with Asynq's own tools."""
        if self.live.client.zscore(prefix(QUEUE) + b"archived", task_id) is not None:
            self.live.asynq.run(QUEUE, task_id)
            self._note(task_id)

    @rule(succeeds=st.booleans())
    def work(self, succeeds: bool) -> None:
        """A worker takes a pending task, which succeeds or is archived again with another message."""
        if not self.live.client.llen(prefix(QUEUE) + b"pending"):
            return
        task_id = self.live.asynq.take(QUEUE)
        self.serial += 1
        if succeeds:
            self.live.asynq.succeed(QUEUE, task_id)
            self.processed.add(task_id)
            self.accepted[task_id] = []
        else:
            message = TaskMessage.FromString(self._data(task_id)[b"msg"])
            message.error_msg, message.last_failed_at = f"failed {self.serial}", NOW
            self.live.asynq.fail(QUEUE, task_id, "archived")
            self.live.client.hset(key(QUEUE, task_id), "msg", message.SerializeToString())
            self._note(task_id)

    @rule(task_id=st.sampled_from(IDS))
    def trim(self, task_id: bytes) -> None:
        """A full archive loses an id and keeps its data."""
        self.live.client.zrem(prefix(QUEUE) + b"archived", task_id)

    def _indexed(self, task_id: bytes) -> bool:
        return any(
            self.live.client.zscore(prefix(QUEUE) + index, task_id) is not None
            for index in (b"archived", b"completed", b"scheduled", b"retry", b"lease")
        )

    # What an operator does, and what may happen meanwhile

    @precondition(lambda self: any(self._data(task_id) for task_id in IDS))
    @rule(
        listed=st.booleans(),
        chosen=SOME,
        fault=st.sampled_from(["none", "none", "cut", "disk", "stop", "stale"]),
        at=st.integers(0, 3000),
        moved=st.sampled_from(IDS),
    )
    def delete(self, listed: bool, chosen: list[bytes], fault: str, at: int, moved: bytes) -> None:
        """Some of what a scan or a listing found is deleted."""
        server = self.live.connect(socket=str(self.cutter.path), label="model")
        catalog = Catalog()
        finish(ListJob(server, catalog, QUEUE) if listed else ScanJob(server, catalog, [QUEUE], Pace.FULL))
        rows = catalog.rows(catalog.find(Query()))
        marks = Marks()
        marks.add([seq for seq, row in rows.items() if row.id in chosen])
        plan = plan_rows(catalog, marks, list(rows))
        job = deletion(server, plan, Pace.FULL, self._disturbing(fault, moved, lambda: job), self.folder)
        self._under(fault, at, job)
        catalog.close()
        server.close()

    def _disturbing(self, fault: str, moved: bytes, job: Callable[[], Job]) -> Callable[[Any, Any], None]:
        def disturb(_pipe: Any, _rows: Any) -> None:
            if fault == "stale":
                self.run(moved)
            elif fault == "stop":
                job().stop()

        return disturb

    @precondition(lambda self: self._journals())
    @rule(
        which=st.integers(0, 5),
        fault=st.sampled_from(["none", "none", "cut", "disk", "stop"]),
        at=st.integers(0, 3000),
        where_to=st.sampled_from([Target.BACK, Target.BACK, Target.ARCHIVE, Target.RUN]),
    )
    def restore(self, which: int, fault: str, at: int, where_to: Target) -> None:
        """A journal is put back."""
        paths = self._journals()
        server: Server = self.live.connect(socket=str(self.cutter.path), label="model")
        try:
            plan = plan_restore(server, Journal(paths[which % len(paths)]), where_to)
        except ArchiveTuiError:
            return  # cut off before its header was written
        before = {one: self._data(one) for one in IDS}
        job = restoring_job(server, plan, Pace.FULL, clock=lambda: NOW)
        self._under(fault, at, job)
        for task_id in IDS:
            if not before[task_id] and self._data(task_id):
                self._check_restored(task_id, where_to)
                self._note(task_id)
            else:
                assert self._data(task_id) == before[task_id], "written over"
        server.close()

    def _check_restored(self, task_id: bytes, target: Target) -> None:
        """What came back is what was deleted, but for its new state."""
        now = self._data(task_id)
        forms = [dict(form) for form in self.accepted.get(task_id, [])]
        for form in (now, *forms):
            if target is not Target.BACK:
                form.pop(b"state", None)
                form.pop(b"pending_since", None)
        assert now in forms or task_id in self.processed, "restored with other bytes"

    def _under(self, fault: str, at: int, job: Job) -> None:
        """Run a job while something breaks."""
        with pytest.MonkeyPatch.context() as patch:
            if fault == "cut":
                self.cutter.left = at
            elif fault == "disk":
                patch.setattr(writer.os, "write", _full_after(at % 4))
            finish(job)
        self.cutter.left = None
        progress: Any = job.progress
        self.did[f"{progress.verb.base} {fault}"] += progress.made

    def _journals(self) -> list[Path]:
        return sorted(self.folder.glob("*.journal.gz"))

    # What must always hold

    @invariant()
    def nothing_is_lost(self) -> None:
        kept: dict[bytes, list[Fields]] = {}
        for path in self._journals():
            try:
                journal = Journal(path)
            except ArchiveTuiError:
                continue
            for _, copies in journal.batches(journal.outline()):
                for copy in copies:
                    fields = dict(zip(copy.fields[::2], copy.fields[1::2], strict=True))
                    kept.setdefault(copy.id, []).append(fields)
        for task_id, forms in self.accepted.items():
            if forms and not self._data(task_id):
                assert forms[-1] in kept.get(task_id, []), f"{task_id!r} is lost"


def _full_after(count: int) -> Callable[[int, Any], int]:
    calls = [0]
    real = os.write

    def write(file: int, content: Any) -> int:
        calls[0] += 1
        if calls[0] > count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, content)

    return write


@pytest.mark.slow
def test_every_accepted_task_is_processed_present_or_in_a_journal(
    valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive_tui.jobs.job._FIRST_WAIT", 0.01)
    assert valkey.settings.socket is not None
    cutter = Cutter(tmp_path / "c", valkey.settings.socket)
    History.live, History.cutter, History.done = valkey, cutter, Counter()
    try:
        for _ in range(4):  # chance may make histories in which little happens
            run_state_machine_as_test(
                History, settings=settings(max_examples=50, stateful_step_count=30, deadline=None)
            )
            if all(_done(kind) > least for kind, least in _LEAST.items()):
                break
    finally:
        cutter.close()
    for kind, least in _LEAST.items():
        assert _done(kind) > least, f"these histories were too tame: {History.done}"


_LEAST = {"delete": 30, "restore": 5}


def _done(kind: str) -> int:
    return sum(count for name, count in History.done.items() if name.startswith(kind))
