"""What other writers of Asynq's storage leave is judged by what it is, and no index of a wrong type stops a scan."""

from datetime import UTC, datetime

import pytest
from support.asynq_data import NOW, a_message, key, prefix
from support.damage import find
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.store.read import old_storage, queues
from archive_tui.store.write.repair import repair, types_of

Q = "default"


def py_asynq_unique(live: Live, task_id: str) -> None:
    """The unique enqueue of PyPI py-asynq 0.0.4 (read, not run): it hands its script two keys where three are used. The
    message becomes a string with a time to live under `t:`, and `pending` a hash, before the script fails.
    """
    live.asynq.register(Q)
    if live.client.set(key(Q, task_id), a_message(Q, task_id).SerializeToString(), nx=True, ex=3600):
        fields = {"msg": task_id, "state": "pending", "timeout": 1800, "deadline": 0, "unique_key": key(Q, task_id)}
        live.client.hset(prefix(Q) + b"pending", mapping=fields)


def scanned(live: Live, catalog: Catalog) -> set[tuple[bytes, Kind | None]]:
    job = ScanJob(live.connect(), catalog, None, Pace.FULL)
    job.start()
    assert job.wait(30)
    assert job.error is None
    assert job.progress.complete
    return {(row.id, row.kind) for row in catalog.rows(catalog.find(Query())).values()}


def test_what_the_unique_enqueue_of_py_asynq_leaves(any_server: Live, catalog: Catalog) -> None:
    py_asynq_unique(any_server, "one")
    any_server.asynq.add(Q, "loose", referenced=False)
    assert scanned(any_server, catalog) == {(b"one", Kind.FOREIGN), (b"loose", Kind.ORPHAN_ARCHIVED)}
    with any_server.pipe() as pipe:
        (stats,) = queues.stats(pipe, [Q], [Q], datetime.fromtimestamp(NOW, UTC))
        assert (stats.unreadable, State.PENDING in stats.counts, stats.old) == (("pending",), False, False)
        rows = [row for row in find(any_server, [Q]) if row.kind is Kind.FOREIGN]
        assert types_of(pipe, rows) == {(Q, b"one"): b"string"}
    assert any_server.client.type(prefix(Q) + b"pending") == b"hash"


def test_a_plain_task_of_py_asynq_is_in_its_place(any_server: Live, catalog: Catalog) -> None:
    any_server.asynq.register(Q)
    raw = a_message(Q, "one").SerializeToString()
    any_server.client.hset(key(Q, "one"), mapping={"msg": raw, "state": "pending", "timeout": 1800, "deadline": 0})
    any_server.client.lpush(prefix(Q) + b"pending", "one")
    assert scanned(any_server, catalog) == set()


INDEXES = [
    "pending", "active", "lease", "deadlines", "scheduled", "retry", "archived", "completed", "groups",
    "aggregation_sets", "g:mail", "dead",
]  # fmt: skip


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("kind", ["string", "hash", "list", "set", "zset"])
def test_no_index_of_a_wrong_type_stops_a_scan(any_server: Live, catalog: Catalog, index: str, kind: str) -> None:
    name = prefix(Q) + index.encode()
    {
        "string": lambda: any_server.client.set(name, "x"),
        "hash": lambda: any_server.client.hset(name, "x", "x"),
        "list": lambda: any_server.client.lpush(name, "x"),
        "set": lambda: any_server.client.sadd(name, "x"),
        "zset": lambda: any_server.client.zadd(name, {"x": NOW}),
    }[kind]()
    any_server.asynq.register(Q)
    any_server.asynq.add("other", "fine")
    any_server.asynq.add(Q, "loose", referenced=False)
    found = scanned(any_server, catalog)
    assert (b"loose", Kind.ORPHAN_ARCHIVED) in found
    assert found <= {(b"loose", Kind.ORPHAN_ARCHIVED), (b"x", Kind.GHOST)}
    with any_server.pipe() as pipe:
        queues.stats(pipe, [Q, "other"], [Q], datetime.fromtimestamp(NOW, UTC))
        assert set(old_storage.old_queues(pipe, [Q, "other"])) == ({Q} if index == "dead" else set())
        rows = [row for row in find(any_server, [Q]) if row.id == b"loose"]
        if index not in ("g:mail", "dead"):
            return
        assert repair(pipe, Repair.ARCHIVE, rows, float(NOW)) == [Outcome.DONE]
