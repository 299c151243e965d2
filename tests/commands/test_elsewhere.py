"""Ghosts that are tasks of another installation, which keeps its keys under a prefix in the same database."""

from pathlib import Path

import pytest
from support.asynq_data import NOW, key, prefix
from support.command_line import Command, at
from support.damage import put
from support.servers import Live

THEIRS = [b"theirs", b"\xff"]


@pytest.fixture
def shared(any_server: Live) -> Live:
    """A queue with four ghosts, of which two have task data under a prefix."""
    any_server.asynq.register("q")
    for task_id in (*THEIRS, b"gone", b"gone too"):
        put(any_server.asynq, "q", task_id, "archived", NOW)
    for task_id in THEIRS:
        any_server.client.hset(b"billing:" + key("q", task_id), mapping={"state": "archived", "msg": b"x"})
    return any_server


def test_a_scan_counts_and_names_them(shared: Live, cli: Command) -> None:
    ended = cli(*at(shared, "scan", "--json"))
    (queue,) = ended.json["queues"]
    assert (queue["findings"]["ghost"]["count"], queue["ghosts_elsewhere"]) == (4, 2)
    lines = cli(*at(shared, "scan", "--ndjson")).lines
    theirs = sorted(str(one["id"]) for one in lines if one["elsewhere"])
    assert theirs == ["theirs", str({"base64": "/w=="})]
    assert [one["elsewhere"] for one in lines].count(False) == 2
    said = cli(*at(shared, "scan")).err
    assert "2 ghosts of q with task data under billing:asynq:…, which are tasks of another installation" in said


def test_a_plan_to_remove_ids_says_how_many_stay(shared: Live, cli: Command, home: Path) -> None:
    removing = at(shared, "repair", "--queue", "q", "--kind", "ghost", "--action", "remove-id")
    text = cli(*removing, "--dry-run").text
    assert "2 ids with task data under billing:asynq:…: tasks of another installation, left alone" in text
    report = cli(*removing, "--yes", "--json")
    assert report.code == 4, "not all of the plan was done"
    assert (report.json["planned"], report.json["elsewhere"]) == (4, 2)
    assert report.json["report"]["repaired"] == 2
    assert sorted(shared.client.zrange(prefix("q") + b"archived", 0, -1)) == sorted(THEIRS)


def test_what_may_not_be_looked_at_is_unknown(shared: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with the rights of the documents may list keys under a prefix, and not ask for them."""
    shared.client.execute_command("ACL", "SETUSER", "ann", "reset", "on", ">word", "~asynq:*", "+@all")
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "ann")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    try:
        (queue,) = cli(*at(shared, "scan", "--json")).json["queues"]
        assert (queue["findings"]["ghost"]["count"], queue["ghosts_elsewhere"]) == (4, None)
        assert {one["elsewhere"] for one in cli(*at(shared, "scan", "--ndjson")).lines} == {None}
        removing = at(shared, "repair", "--queue", "q", "--kind", "ghost", "--action", "remove-id", "--dry-run")
        said = "4 ids left alone: this user may not see whether they have task data under billing:asynq:…"
        assert said in cli(*removing).text
    finally:
        shared.client.execute_command("ACL", "DELUSER", "ann")


def test_nothing_is_said_where_there_is_no_other_installation(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    put(any_server.asynq, "q", b"gone", "archived", NOW)
    ended = cli(*at(any_server, "scan", "--json"))
    assert (ended.json["queues"][0]["ghosts_elsewhere"], ended.err) == (0, "")
    removing = at(any_server, "repair", "--queue", "q", "--kind", "ghost", "--action", "remove-id", "--dry-run")
    assert "another installation" not in cli(*removing).text
