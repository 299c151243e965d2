"""The job that writes tasks for other programs: it stops between tasks, goes on after a cut, and says what failed."""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.servers import Live

from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.errors import DisconnectedError, JournalError
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.record_export import PrivateFile, RecordJob, Sink
from archive_tui.jobs.records import JsonForm
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.redaction import SHOWN
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server import Server

COUNT = 2_500
"""Tasks of three batches."""


class Asks(RecordJob):
    """Does something before each batch is read."""

    before: Any = None

    def _ask(self, pipe: Pipe, rows: Sequence[TaskRow]) -> list[bytes | None]:
        self.before(self)
        return super()._ask(pipe, rows)


def exporting(live: Live, path: Path, before: Any) -> tuple[Asks, Catalog]:
    live.asynq.register("q")
    live.asynq.add_many("q", [b"%d" % number for number in range(COUNT)])
    server, catalog = Server(live.settings), Catalog()
    listing = ListJob(server, catalog, "q")
    listing.start()
    assert listing.wait(30)
    chosen = Selection(catalog, catalog.find(Query()))
    form = JsonForm(payload=True)
    job = Asks(server, chosen, form, lambda: PrivateFile(path), PayloadReader(), SHOWN, Pace.FULL)
    job.before = before
    job.start()
    assert job.wait(30)
    return job, catalog


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_a_lost_connection_costs_no_task_and_doubles_none(valkey: Live, tmp_path: Path) -> None:
    cuts = iter([False, True, False, True, False, False])

    def cut(_: RecordJob) -> None:
        if next(cuts, False):
            raise DisconnectedError("cut")

    job, catalog = exporting(valkey, tmp_path / "out", cut)
    catalog.close()
    assert (job.state, job.error, job.progress.written) == (JobState.DONE, None, COUNT)
    assert len(set(ids(tmp_path / "out"))) == len(ids(tmp_path / "out")) == COUNT


def test_stopped_it_leaves_whole_lines(valkey: Live, tmp_path: Path) -> None:
    job, catalog = exporting(valkey, tmp_path / "out.jsonl", lambda job: job.stop())
    catalog.close()
    assert job.state is JobState.STOPPED
    assert len(ids(tmp_path / "out.jsonl")) == job.progress.written == 1_000


def test_what_cannot_be_written_is_one_line(valkey: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Sink, part: bytes) -> None:
        raise PrivateFile._cannot(self, OSError(28, "No space left on device"))  # type: ignore[arg-type]

    monkeypatch.setattr(PrivateFile, "write", full)
    job, catalog = exporting(valkey, tmp_path / "out", lambda _: None)
    catalog.close()
    assert isinstance(job.error, JournalError)
    assert "cannot be written (No space left on device): make room there" in str(job.error)


def test_rows_that_left_the_catalog_are_not_written(valkey: Live, tmp_path: Path) -> None:
    chosen = Selection(Catalog(), array("q", [1, 2]))
    job = RecordJob(Server(valkey.settings), chosen, JsonForm(payload=False), lambda: PrivateFile(tmp_path / "out"),
                    PayloadReader(), SHOWN)  # fmt: skip
    job.start()
    assert job.wait(30)
    assert (job.state, job.progress.written, job.progress.planned) == (JobState.DONE, 0, 2)
    chosen.catalog.close()
