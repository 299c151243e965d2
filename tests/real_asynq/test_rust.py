"""What the Rust crate asynq 0.1.8 writes is read like Go's, and the damage that its inspector makes is found."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from archive_tui.asynq.findings import Kind

from .cleaner import Cleaner, everything, rows
from .dump import Dump, read_all
from .program import UnavailableError
from .rust_program import AsynqRust, build

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

QUEUE = "q"
CAP = 10_239


@pytest.fixture(scope="session")
def being_built(shared_folder: Path) -> Iterator[Future[Path]]:
    with ThreadPoolExecutor(1) as builder:
        yield builder.submit(build, shared_folder, "asynq_rust")


@pytest.fixture
def asynq(being_built: Future[Path], url: str) -> AsynqRust:
    """The crate at an embedded Valkey of one's own."""
    try:
        return AsynqRust(being_built.result(), url)
    except UnavailableError as reason:
        pytest.skip(str(reason))


def test_its_archive_is_deleted_and_restored_byte_for_byte(
    asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis, tmp_path: Path
) -> None:
    asynq("enqueue", QUEUE, "fail", 20)
    asynq("enqueue", QUEUE, "fail-once", 3, "unique")
    asynq("enqueue", QUEUE, "done", 5, "keep")
    asynq.work_off(QUEUE)
    before = Dump.of(client)
    assert cleaner.findings() == {}
    archive = cleaner.list_archive(QUEUE)
    assert len(rows(archive)) == 23
    assert {row.error for row in rows(archive)} == {"Other error: dial tcp 10.0.0.1:25: connect: connection refused"}

    deleted = cleaner.delete(everything(archive), journal_dir=tmp_path)
    assert deleted.made == 23
    assert deleted.journal is not None
    cleaner.restore(deleted.journal)
    assert Dump.of(client).tasks == before.tasks
    assert Dump.of(client).indexes == before.indexes


def test_an_archive_that_it_trims_has_no_orphans(asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis) -> None:
    """It keeps 10,239 ids, and deletes the data of what it drops."""
    asynq("enqueue", QUEUE, "fail", CAP + 40)
    asynq.work_off(QUEUE)
    assert client.zcard(f"asynq:{{{QUEUE}}}:archived") == CAP
    assert cleaner.findings() == {}
    assert not cleaner.forecast(QUEUE).stuck


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("archive-all-retry", {Kind.ORPHAN_ARCHIVED: 3}),
        ("delete-all-completed", {Kind.ORPHAN_COMPLETED: 2}),
        ("remove-queue", {Kind.ORPHAN_ARCHIVED: 3, Kind.ORPHAN_COMPLETED: 2}),
    ],
)
def test_what_its_inspector_loses_is_found(
    asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis, damage: str, found: dict[Kind, int]
) -> None:
    """`archive_all_retry_tasks` with nothing in retry empties the index of the archive, and then fails;
    `delete_all_completed_tasks` and `remove_queue` leave the data of tasks; the latter leaves the queue's name as well.
    """
    asynq("enqueue", QUEUE, "fail", 3)
    asynq("enqueue", QUEUE, "done", 2, "keep")
    asynq.work_off(QUEUE)
    asynq(damage, QUEUE, fails="attempt to perform arithmetic" if damage == "archive-all-retry" else "")
    catalog = cleaner.scan()
    assert {kind: count for kind, count in catalog.counts().by_kind.items() if count} == found
    assert {(row.queue, row.id.decode()) for row in rows(catalog)} == Dump.of(client).orphans
    assert cleaner.delete(everything(catalog)).made == sum(found.values())
    assert not [key for key in read_all(client) if b"}:t:" in key and key.split(b"}:t:")[1].startswith(_OF[damage])]


_OF = {"archive-all-retry": (b"fail",), "delete-all-completed": (b"done",), "remove-queue": (b"fail", b"done")}
"""What the ids of the tasks begin with that each loses."""
