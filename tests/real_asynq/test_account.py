"""The account itself: whatever may go wrong is planted once, and must be found, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import redis

from .account import Account, Attempt, Fault, audit, report
from .dump import Dump, Ref
from .program import VERSIONS, Asynq, Library
from .servers import copied, valkey

pytestmark = [
    pytest.mark.asynq,
    pytest.mark.slow,
    pytest.mark.parametrize("library", VERSIONS[-1:], indirect=True, scope="session"),
]

QUEUE = "default"


@dataclass
class Books:
    """An installation at rest, and the account of how it came to be."""

    asynq: Asynq
    url: str
    account: Account = field(repr=False)
    dump: Dump = field(repr=False)

    def victim(self, what: str) -> Ref:
        """A task in that state, in its index; or an orphan."""
        if what == "orphan":
            return min(self.dump.orphans)
        return min((QUEUE, task_id) for task_id in self.dump.indexes[QUEUE][what])


@pytest.fixture(scope="module")
def books(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with valkey() as url:
        asynq = Asynq(library, url)
        folder = tmp_path_factory.mktemp("books") / "traffic"
        with asynq.traffic(folder, queues=QUEUE, prefill=10_100) as traffic, redis.Redis.from_url(url) as client:
            traffic.wait_until(lambda: client.zcard(f"asynq:{{{QUEUE}}}:completed") > 10, "tasks to be completed")
            account = traffic.end()
            # The operator in this traffic may have archived all that was scheduled
            assert asynq("enqueue", queue=QUEUE, type="report:build", id="later", **{"in": "1h"})["accepted"]
            account["accepted"][QUEUE, "later"] += 1
            yield Books(asynq, url, account, Dump.of(client))


def test_nothing_is_wrong(books: Books) -> None:
    complaints = audit(books.account, books.dump)
    assert not complaints, report(complaints)


@pytest.mark.parametrize(
    ("what", "taken", "claimed", "faults"),
    [
        ("scheduled", "data and id", False, {Fault.LOST}),
        ("scheduled", "data", False, {Fault.LOST, Fault.GHOST}),
        ("scheduled", "id", False, {Fault.STRANDED}),
        ("scheduled", "msg", False, {Fault.LOST, Fault.HUSK}),
        ("scheduled", "data and id", True, {Fault.NO_ORPHAN}),
        ("archived", "data and id", False, {Fault.LOST}),
        ("archived", "data and id", True, {Fault.NO_ORPHAN}),
        ("archived", "id", False, {Fault.NO_ORPHAN}),
        ("completed", "data and id", True, {Fault.NO_ORPHAN, Fault.SURPLUS}),
        ("orphan", "data", False, {Fault.LOST, Fault.VANISHED}),
        ("orphan", "data", True, set()),
        ("orphan", "nothing", True, {Fault.NO_ORPHAN, Fault.SURPLUS}),
    ],
)
def test_whatever_is_taken_is_missed(books: Books, what: str, taken: str, claimed: bool, faults: set[Fault]) -> None:
    """`claimed` tells whether archive_tui says that it deleted the task as an orphan."""
    victim = books.victim(what)
    claims = [Attempt(victim, orphan=True, deleted=True, refused=False, story="deleted by the test")] if claimed else []
    with copied(books.url) as url, redis.Redis.from_url(url) as client:
        prefix = f"asynq:{{{QUEUE}}}:"
        if "data" in taken:
            client.delete(f"{prefix}t:{victim[1]}")
        if "id" in taken:
            client.zrem(f"{prefix}{what}", victim[1])
        if "msg" in taken:
            client.hdel(f"{prefix}t:{victim[1]}", "msg")
        complaints = audit(books.account, Dump.of(client), claims)
    assert {(complaint.fault, complaint.ref) for complaint in complaints} == {(fault, victim) for fault in faults}
    assert all("accepted 1" in complaint.history for complaint in complaints)
    assert all("deleted by the test" in complaint.history for complaint in complaints if claimed)


def test_a_task_from_nowhere_is_noticed(books: Books) -> None:
    with copied(books.url) as url, redis.Redis.from_url(url) as client:
        stranger = books.asynq.at(url)("enqueue", queue=QUEUE, type="report:build", id="stranger")
        complaints = audit(books.account, Dump.of(client))
    assert stranger["accepted"]
    assert [(complaint.fault, complaint.ref) for complaint in complaints] == [(Fault.STRANGER, (QUEUE, "stranger"))]


def test_an_error_of_asynq_is_noticed(books: Books) -> None:
    """An account with errors is not exact, so it never passes for a good one."""
    books.account.errors.append("outcome unknown")
    complaints = audit(books.account, books.dump)
    books.account.errors.clear()
    assert [(complaint.fault, complaint.history) for complaint in complaints] == [(Fault.REFUSED, "outcome unknown")]
