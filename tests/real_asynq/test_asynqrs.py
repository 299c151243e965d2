"""What the Rust crate asynqrs 0.2.0 writes is Go's storage: read, changed and damaged like that."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.limits import CAP

from .cleaner import Cleaner, everything, rows
from .dump import Dump
from .program import UnavailableError
from .rust_program import AsynqRust, build

pytestmark = [pytest.mark.asynq, pytest.mark.slow]

QUEUE = "q"


@pytest.fixture(scope="session")
def being_built(shared_folder: Path) -> Iterator[Future[Path]]:
    with ThreadPoolExecutor(1) as builder:
        yield builder.submit(build, shared_folder, "asynqrs_rust")


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
    asynq("enqueue", QUEUE, "done", 5, "keep")
    asynq.work_off(QUEUE)
    before = Dump.of(client)
    assert cleaner.findings() == {}
    archive = cleaner.list_archive(QUEUE)
    assert len(rows(archive)) == 20
    assert {row.error for row in rows(archive)} == {"dial tcp 10.0.0.1:25: connect: connection refused"}
    assert all(row.readable and row.last_failed_at for row in rows(archive))

    deleted = cleaner.delete(everything(archive), journal_dir=tmp_path)
    assert deleted.made == 20
    assert deleted.journal is not None
    cleaner.restore(deleted.journal)
    assert Dump.of(client).tasks == before.tasks
    assert Dump.of(client).indexes == before.indexes


@pytest.mark.parametrize("group", [False, True])
def test_its_unique_locks_go_with_their_tasks(
    asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis, group: bool
) -> None:
    """As Go does it: in the hash and in the message, or with a group in the message alone."""
    asynq("enqueue", QUEUE, "done" if group else "fail", 3, "unique", *(["group"] if group else []))
    assert len(client.keys(f"asynq:{{{QUEUE}}}:unique:*")) == 3
    if group:
        assert cleaner.findings() == {}
        client.delete(*[f"asynq:{{{QUEUE}}}:{name}" for name in ("g:mail", "groups")])
        catalog = cleaner.scan()
        assert {row.kind for row in rows(catalog)} == {Kind.LOST}
        return
    asynq.work_off(QUEUE)
    assert cleaner.delete(everything(cleaner.list_archive(QUEUE))).unlocked == 3
    assert client.keys(f"asynq:{{{QUEUE}}}:unique:*") == []


def test_a_worker_trims_its_archive_with_the_data(asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis) -> None:
    """It keeps 9,999 ids as Go does, and deletes the data of what it drops."""
    asynq("enqueue", QUEUE, "a", CAP)  # before the others by the alphabet: it is dropped first
    asynq("archive-all-pending", QUEUE)
    asynq("enqueue", QUEUE, "fail", 21)
    asynq.work_off(QUEUE)
    assert client.zcard(f"asynq:{{{QUEUE}}}:archived") == CAP
    assert cleaner.findings() == {}


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("archive-all-pending", {Kind.ORPHAN_ARCHIVED: 31}),
        ("remove-queue", {Kind.ORPHAN_COMPLETED: 2}),
        ("delete-all-completed", {}),
        ("archive-all-retry", {}),
    ],
)
def test_what_its_inspector_loses_is_found(
    asynq: AsynqRust, cleaner: Cleaner, client: redis.Redis, damage: str, found: dict[Kind, int]
) -> None:
    """As Go's: archiving beyond the cap, and removing a queue, leave data."""
    asynq("enqueue", QUEUE, "done", 2, "keep")
    asynq.work_off(QUEUE)
    if damage == "archive-all-pending":
        asynq("enqueue", QUEUE, "fail", CAP + 31)
    asynq(damage, QUEUE)
    catalog = cleaner.scan()
    assert {kind: count for kind, count in catalog.counts().by_kind.items() if count} == found
    lost = {(row.queue, row.id.decode()) for row in rows(catalog)}
    leftover = {(QUEUE, f"done-{number:06}") for number in range(2)}  # their index stays, and nobody looks at it
    assert lost == (leftover if damage == "remove-queue" else Dump.of(client).orphans)
