"""`archive-tui compare`: two tasks, or one and those that ended well, for people and for programs."""

import json

import pytest
from support.asynq_data import NOW
from support.command_line import Command, at
from support.servers import Live


@pytest.fixture
def two(any_server: Live) -> Live:
    any_server.asynq.register("q", "other")
    any_server.asynq.add("q", "one", payload=b'{"user": {"id": 1}, "same": true}', error_msg="refused")
    any_server.asynq.add("other", "two", "retry", payload=b'{"user": {"id": 2}, "same": true}', headers={"a": "b"})
    return any_server


def test_two_tasks_of_different_queues_for_people(two: Live, cli: Command) -> None:
    ended = cli(*at(two, "compare", "q", "one", "two", "--other-queue", "other"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.text.startswith("‹ q ▸ one · email:send · archived\n› other ▸ two · email:send · retry\n")
    assert "≠ user.id                   1                                    2\n" in ended.text
    assert "= same" not in ended.text
    assert "more are the same: --all shows them" in ended.text
    assert "= same" in cli(*at(two, "compare", "q", "one", "two", "--other-queue", "other", "--all")).text


def test_two_tasks_for_programs(two: Live, cli: Command) -> None:
    ended = cli(*at(two, "compare", "q", "one", "two", "--other-queue", "other", "--json"))
    found = ended.json
    assert (ended.code, found["first"]["id"], found["second"]["queue"]) == (0, "one", "other")
    assert found["payload"] == {
        "differences": 1, "same": 2, "not_shown": 0, "note": "",
        "rows": [{"at": "user.id", "verdict": "value", "first": 1, "second": 2, "note": ""}],
    }  # fmt: skip
    assert found["headers"]["rows"] == [{"at": "a", "verdict": "only-second", "first": None, "second": "b", "note": ""}]
    assert found["differences"] == sum(found[name]["differences"] for name in ("facts", "error", "headers", "payload"))


def test_a_task_and_those_that_ended_well(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "bad", payload=b'{"region": "ap", "n": 3}')
    for number in range(12):
        payload = json.dumps({"region": ["eu", "us"][number % 2], "n": number, "to": f"u{number}"}).encode()
        any_server.asynq.add("q", f"ok{number}", "completed", payload=payload, score=NOW + number, retention=60)
    any_server.asynq.add("q", "else", "completed", type="report:make", payload=b"{}")
    any_server.asynq.refer("q", "ghost", "completed")
    ended = cli(*at(any_server, "compare", "q", "bad", "--ended-well", "--json"))
    found = ended.json
    assert ended.code == 0
    assert found["ended_well"] == {
        "type": "email:send", "looked_at": 14, "of_type": 12, "unread": 1, "complete": True,
    }  # fmt: skip
    assert {row["at"]: row["verdict"] for row in found["payload"]["rows"]} == {"region": "value", "to": "only-second"}
    text = cli(*at(any_server, "compare", "q", "bad", "--ended-well")).text
    assert "14 completed tasks of the queue q looked at; 12 of this type\n" in text
    assert '≠ region "ap" "us" or "eu" · in 12 of 12 (none of the values that they have)' in " ".join(text.split())


def test_a_task_is_not_compared_with_itself(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", "completed", retention=60)
    text = cli(*at(any_server, "compare", "q", "one", "--ended-well")).text
    assert "the queue q keeps no completed task: Asynq keeps only those that were enqueued with Retention" in " ".join(
        text.split()
    )


def test_an_index_that_is_none_is_refused(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one")
    any_server.client.set("asynq:{q}:completed", "x")
    ended = cli(*at(any_server, "compare", "q", "one", "--ended-well"))
    assert (ended.code, "not the index that Asynq writes" in ended.complaint) == (5, True)


@pytest.mark.parametrize(
    ("arguments", "complaint", "code"),
    [
        (["q", "one"], "say what to compare with: either a second ID or --ended-well", 2),
        (["q", "one", "two", "--ended-well"], "say what to compare with: either a second ID or --ended-well", 2),
        (["q", "one", "--ended-well", "--other-queue", "x"], "--other-queue is the queue of a second ID: give one", 2),
        (["q", "one", "gone"], "queue 'q' holds no data for task 'gone': it may have run or been deleted", 6),
    ],
)
def test_what_cannot_be_compared_is_refused(
    two: Live, cli: Command, arguments: list[str], complaint: str, code: int
) -> None:
    ended = cli(*at(two, "compare", *arguments))
    assert (ended.complaint, ended.code) == (complaint, code)
