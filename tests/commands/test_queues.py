"""`archive-tui queues`: what it lists, for people and for programs."""

import base64
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import asynq_data
from support.asynq_data import NOW
from support.command_line import Command, at
from support.servers import Live

from archive_tui.commands import queues

DAY = 86_400


def test_queues_as_json(any_server: Live, cli: Command) -> None:
    asynq = any_server.asynq
    asynq.register("q", "empty")
    for count, state in enumerate(asynq_data.STATES, 1):
        asynq.add_many("q", [f"{state}{number}" for number in range(count)], state, score=NOW - count)
    any_server.client.set("asynq:{q}:paused", 1)
    asynq.add("caf\udce9", "one", "completed", score=2 * NOW)
    ended = cli(*at(any_server, "queues", "--json"))
    assert (ended.code, ended.err) == (0, "")
    byte, empty, queue = ended.json
    assert byte["queue"] == {"base64": base64.b64encode(b"caf\xe9").decode()}
    assert (byte["registered"], byte["completed"]) == (False, 1)
    memory = queue.pop("memory_bytes_estimate")
    assert memory > 1000
    assert queue.pop("memory_bytes_error") == 0  # every task was weighed
    failed = queue.pop("failed_by_day")
    assert failed == [0] * 14
    assert queue.pop("forecast")["breaks"] is False
    assert queue == {
        "queue": "q", "registered": True, "permitted": True, "paused": True,
        "archived": {"size": 5, "cap": 9999, "cap_from": "default",
                     "days": 90, "days_from": "default", "oldest_at": "2026-11-18T11:06:35Z"},
        "pending": 1, "active": 2, "scheduled": 3, "retry": 4, "completed": 6, "aggregating": 7, "groups": 1,
        "processed_today": 0, "complete": True,
    }  # fmt: skip
    assert empty["archived"] == {
        "size": 0, "cap": 9999, "cap_from": "default", "days": 90, "days_from": "default", "oldest_at": None,
    }  # fmt: skip
    assert empty["memory_bytes_estimate"] == 0


def test_what_is_assumed_of_an_archive_is_said(any_server: Live, cli: Command, home: Path) -> None:
    """A profile knows, a default is only assumed, and an archive that is larger than the default denies it."""
    any_server.asynq.register("large", "small")
    any_server.client.zadd("asynq:{large}:archived", {f"t{number}": number + 1 for number in range(10_239)})
    large, small = (one["archived"] for one in cli(*at(any_server, "queues", "--json")).json)
    assert (large["cap"], large["cap_from"]) == (None, None)
    assert (small["cap"], small["cap_from"], small["days"], small["days_from"]) == (9_999, "default", 90, "default")
    metrics = cli(*at(any_server, "scan", "--prometheus")).text.splitlines()
    assert 'archive_tui_archive_cap{queue="small",from="default"} 9999' in metrics
    assert not any(line.startswith('archive_tui_archive_cap{queue="large"') for line in metrics)
    profiles = home / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text("[p]\narchive_cap = 20_000\n")
    large, small = (one["archived"] for one in cli(*at(any_server, "queues", "--profile", "p", "--json")).json)
    assert (large["cap"], large["cap_from"], large["days_from"]) == (20_000, "profile", "default")
    text = cli(*at(any_server, "queues", "--profile", "p")).text
    assert "10,239/20,000" in text
    assert "Asynq's default" not in text


def test_queues_foretell_what_will_break(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("fine", "full")
    now = int(time.time())
    any_server.client.zadd("asynq:{full}:archived", {f"t{number}": now - 81 * DAY for number in range(8_412)})
    any_server.client.zadd("asynq:{fine}:archived", {"one": now - 81 * DAY})
    day = datetime.fromtimestamp(now + 9 * DAY, UTC).strftime("%Y-%m-%d")
    fine, full = cli(*at(any_server, "queues", "--json")).json
    assert (fine["forecast"]["breaks"], fine["forecast"]["sentence"]) == (False, None)
    assert (fine["forecast"]["most_cross_on"], fine["forecast"]["most_cross"]) == (day, 1)
    forecast = full["forecast"]
    assert (forecast["breaks"], forecast["cause"], forecast["together"]) == (True, "together", 8412)
    assert forecast["breaks_at"].startswith(day)
    warned = f"warning: full: 8,412 archived tasks cross 90 days together on {day}"
    assert cli(*at(any_server, "queues")).text.splitlines()[-1].startswith(warned)


def test_queues_of_a_server_that_is_too_old(any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning for all queues, and the cause with each; there is no such server on every machine."""
    monkeypatch.setattr(queues, "is_too_old", lambda product, version: bool(product and version))
    any_server.asynq.register("one", "two")
    text = cli(*at(any_server, "queues")).text
    (warning,) = [line for line in text.splitlines() if line.startswith("warning")]
    assert warning == "warning: this Redis is older than 6.2; Asynq 0.25+ fails half-way whenever it archives"
    found = cli(*at(any_server, "queues", "--json")).json
    assert [one["forecast"]["cause"] for one in found] == ["old-server", "old-server"]


def test_queues_for_people(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q", "\x1b[31m\nevil")
    any_server.client.set("asynq:{q}:paused", 1)
    any_server.asynq.add("left", "one", "completed")
    ended = cli(*at(any_server, "queues"))
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.text
    head, *lines, note = ended.text.splitlines()
    assert head.split()[:3] == ["QUEUE", "ARCHIVED", "PENDING"]
    assert note.startswith("9,999 is Asynq's default; Redis does not say what your servers keep")
    assert [re.split(r"  +", line)[0] for line in lines] == ["␛[31m␊evil", "left (leftover)", "q (paused)"]
    assert all("0/9,999" in line for line in lines)


@pytest.mark.parametrize("command", ["queues", "scan"])
def test_tables_stay_tables_whatever_queues_are_called(any_server: Live, cli: Command, command: str) -> None:
    any_server.asynq.register("plain", "x" * 500, "注文の列", "e\u0301" * 5)
    any_server.client.sadd("asynq:queues", b"\xff\xfe")
    lines = cli(*at(any_server, command)).text.splitlines()[:6]
    assert len(lines) == 6
    widths = {sum(2 if sign in "注文の列" else 0 if sign == "\u0301" else 1 for sign in line) for line in lines}
    assert len(widths) == 1, "the columns are not below one another"
    assert widths.pop() <= 160
    assert not any("{" in line for line in lines)


def test_memory_that_is_unknown_is_null(any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one")
    any_server.user("ann", "~*", "+@all", "-memory")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    ended = cli(*at(any_server, "queues", "--json", "--user", "ann"))
    assert ended.json[0]["memory_bytes_estimate"] is ended.json[0]["memory_bytes_error"] is None


def test_a_size_that_is_unknown_is_null_never_0(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:pending", "x")
    any_server.client.set("asynq:{q}:archived", "x")
    (queue,) = cli(*at(any_server, "queues", "--json")).json
    assert queue["pending"] is None
    assert queue["archived"]["size"] is None
