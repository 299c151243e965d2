"""`archive-tui connection`: what it says to people and to programs."""

import pytest
from support.command_line import Command, at
from support.servers import Live


def test_a_whole_user(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    ended = cli(*at(any_server, "connection", "--json"))
    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    assert (found["user"], found["read_only"], found["missing"]) == ("default", False, [])
    assert [one["code"] for one in found["warnings"]] == ["nothing-saved"]
    (node,) = found["nodes"]
    assert (node["product"], node["role"], node["replicas"]) == (any_server.name, "primary", [])
    assert node["memory"]["policy"] == "noeviction"
    assert node["clients"]["ours"] == 1
    text = cli(*at(any_server, "connection")).text
    assert "this server saves nothing to disk by itself" in text
    assert "  Change  permitted" in text


def test_what_a_user_may_not(any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    any_server.asynq.register("email", "other")
    for queue in ("email", "other"):
        any_server.asynq.add(queue, "one")
    any_server.user("u", "~asynq:queues", "~asynq:{email}:*", "+@all", "-config", "-memory|usage", "-time", "-unlink")
    any_server.client.config_set("maxmemory-policy", "volatile-lru")
    any_server.client.config_set("maxmemory", 10**9)
    try:
        monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
        found = cli(*at(any_server, "connection", "--user", "u", "--json")).json
    finally:
        any_server.client.config_set("maxmemory", 0)
        any_server.client.config_set("maxmemory-policy", "noeviction")
    assert found["user"] == "u"
    assert {one["command"] for one in found["missing"]} == {"TIME", "MEMORY USAGE", "CONFIG GET"}
    assert all(one["consequence"] for one in found["missing"])
    rights = {one["action"]: one for one in found["rights"]}
    assert rights["read"]["refused"] == [{"queue": "other", "commands": ["its keys"]}]
    assert {one["queue"]: one["commands"] for one in rights["delete"]["refused"]}["email"] == ["UNLINK"]
    (warning,) = found["warnings"]
    assert (warning["code"], warning["danger"]) == ("may-evict-locks", False)
    assert (found["nodes"][0]["persistence"]["schedule"], found["nodes"][0]["clock_ahead_seconds"]) == (None, None)
