"""Listing the archives of all queues: one after the other, with what cannot be read named and left out."""

import json
from collections.abc import Callable
from typing import Any

from support.asynq_data import NOW
from support.catalogs import Hooked, ids, once
from support.servers import Live, wait_until

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.jobs.job import JobState
from archive_tui.jobs.listing import ListAllJob

Run = Callable[[Any], Any]


def tasks_of(catalog: Catalog) -> set[tuple[str, bytes]]:
    return {(row.queue, row.id) for row in catalog.rows(catalog.find(Query())).values()}


def test_all_archives_are_listed_with_their_queues(any_server: Live, catalog: Catalog, run_job: Run) -> None:
    any_server.asynq.register("a", "b", "empty")
    for queue in ("a", "b", "leftover"):
        any_server.asynq.add(queue, "same", score=NOW)
    job = run_job(ListAllJob(any_server.connect(), catalog, ["a", "leftover"]))
    assert job.wait(20)
    assert (job.state, job.progress.complete, job.progress.left_out) == (JobState.DONE, True, {})
    assert tasks_of(catalog) == {("a", b"same"), ("b", b"same"), ("leftover", b"same")}
    assert job.queues == ("a", "b", "empty", "leftover")


def test_a_queue_that_cannot_be_read_is_named_and_the_others_are_read(
    any_server: Live, catalog: Catalog, run_job: Run
) -> None:
    any_server.asynq.register("a", "broken", "hidden", "old", "secret", "z")
    for queue in ("a", "hidden", "secret", "z"):
        any_server.asynq.add(queue, f"of-{queue}", score=NOW)
    any_server.client.set("asynq:{broken}:archived", "a string")
    member = {"Type": "send", "Payload": {}, "ID": "one", "Queue": "old", "Retry": 25, "Retried": 0, "ErrorMsg": ""}
    any_server.client.zadd("asynq:{old}:archived", {json.dumps(member): NOW})
    any_server.user("ann", *[f"~asynq:{{{name}}}*" for name in ("a", "broken", "old", "z")], "~asynq:queues", "+@all")
    server = any_server.connect(username="ann", password="word")
    job = run_job(ListAllJob(server, catalog, why_not=lambda queue: "asked before" if queue == "hidden" else None))
    assert job.wait(20)
    assert job.state is JobState.DONE, job.error
    assert tasks_of(catalog) == {("a", b"of-a"), ("z", b"of-z")}
    left_out = job.progress.left_out
    assert set(left_out) == {"broken", "hidden", "old", "secret"}
    assert "is a string" in left_out["broken"]
    assert left_out["hidden"] == "asked before"
    assert "before 0.18" in left_out["old"]
    assert left_out["secret"] == "not permitted to this user"


def test_a_second_listing_of_all_forgets_what_has_gone(valkey: Live, catalog: Catalog, run_job: Run) -> None:
    valkey.asynq.register("a", "b")
    for queue in ("a", "b"):
        valkey.asynq.add(queue, "goes", score=NOW)
        valkey.asynq.add(queue, "stays", score=NOW)
    assert run_job(ListAllJob(valkey.connect(), catalog)).wait(20)
    valkey.asynq.run("a", "goes")
    assert run_job(ListAllJob(valkey.connect(), catalog)).wait(20)
    assert tasks_of(catalog) == {("a", b"stays"), ("b", b"goes"), ("b", b"stays")}


def test_a_listing_of_all_survives_a_server_that_goes_away(lasting: Live, hooked: Hooked, run_job: Run) -> None:
    numbers = {b"%d" % number for number in range(1500)}
    lasting.asynq.register("a", "b")
    for queue in ("a", "b"):
        lasting.asynq.add_many(queue, numbers)
    assert lasting.process is not None
    hooked.hook = once(lasting.process.kill)
    job = run_job(ListAllJob(lasting.connect(), hooked))
    wait_until(lambda: job.state is JobState.DISCONNECTED)
    assert not job.progress.complete
    assert "of a, queue 1 of 2" in job.progress.phase
    lasting.process.start()
    assert job.wait(20)
    assert ids(hooked) == numbers
    assert (job.progress.listed, job.progress.complete) == (3000, True)
