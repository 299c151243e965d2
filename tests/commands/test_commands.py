"""The commands without screens: what they print, where, and how they end."""

import base64
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import asynq_data
from support.asynq_data import NOW, key, lock_key
from support.command_line import Command, at, finish
from support.servers import Live, wait_until

from archive_tui import __version__
from archive_tui.catalog.catalog import Catalog
from archive_tui.commands import foreground, queues, scan
from archive_tui.jobs.pace import Pace
from archive_tui.session import Session

SECRET = "s3cr3t-word"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
KINDS = {"orphan-archived", "orphan-completed", "lost", "ghost", "mismatch", "husk", "foreign"}
DAY = 86_400


# queues


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
    failed = queue.pop("failed_by_day")
    assert failed == [0] * 14
    assert queue.pop("forecast")["breaks"] is False
    assert queue == {
        "queue": "q", "registered": True, "permitted": True, "paused": True,
        "archived": {"size": 5, "cap": 9999, "oldest_at": "2026-11-18T11:06:35Z"},
        "pending": 1, "active": 2, "scheduled": 3, "retry": 4, "completed": 6, "aggregating": 7, "groups": 1,
        "processed_today": 0,
    }  # fmt: skip
    assert empty["archived"] == {"size": 0, "cap": 9999, "oldest_at": None}
    assert empty["memory_bytes_estimate"] == 0


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
    head, *lines = ended.text.splitlines()
    assert head.split()[:3] == ["QUEUE", "ARCHIVED", "PENDING"]
    assert [re.split(r"  +", line)[0] for line in lines] == ["␛[31m␊evil", "left (leftover)", "q (paused)"]
    assert all("0/9,999" in line for line in lines)


@pytest.mark.parametrize("command", ["queues", "scan"])
def test_tables_stay_tables_whatever_queues_are_called(any_server: Live, cli: Command, command: str) -> None:
    any_server.asynq.register("plain", "x" * 500, "注文の列", "e\u0301" * 5)
    any_server.client.sadd("asynq:queues", b"\xff\xfe")
    lines = cli(*at(any_server, command)).text.splitlines()
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
    assert ended.json[0]["memory_bytes_estimate"] is None


def test_a_size_that_is_unknown_is_null_never_0(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.client.set("asynq:{q}:pending", "x")
    any_server.client.set("asynq:{q}:archived", "x")
    (queue,) = cli(*at(any_server, "queues", "--json")).json
    assert queue["pending"] is None
    assert queue["archived"]["size"] is None


# scan


@pytest.fixture
def damaged(any_server: Live) -> Live:
    """An installation with findings of every kind, and with nasty names."""
    asynq = any_server.asynq
    asynq.register("q", "fine", "empty")
    asynq.add_many("fine", [b"%d" % number for number in range(10)])
    asynq.add("q", "one", referenced=False, error_msg="user 42: boom", last_failed_at=NOW, payload=b"x" * 100)
    asynq.add("q", b"\xff\x1b", referenced=False)
    asynq.add("q", "indexed", score=NOW - 5)
    asynq.add("q", "done", "completed", referenced=False)
    asynq.add("q", "broken", referenced=False, message=b"\xff\xff\xff")
    any_server.client.hset(key("q", "husk"), "state", "archived")
    asynq.add("left", "l1", "completed")
    asynq.add("left", "l2", "completed")
    return any_server


def test_a_scan_as_json(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--json"))
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.text.splitlines()
    report = json.loads(line)
    assert set(report) == {"server", "started_at", "finished_at", "complete", "keys_scanned", "queues"}
    info = damaged.client.info()
    assert report["server"] == {
        "version": info.get("valkey_version", info["redis_version"]), "mode": "standalone",
        "address": f"{damaged.settings.socket}/0",
    }  # fmt: skip
    assert TIME.fullmatch(report["started_at"])
    assert TIME.fullmatch(report["finished_at"])
    assert report["started_at"] <= report["finished_at"]
    assert (report["complete"], report["keys_scanned"]) == (True, 18)
    queues = {queue["queue"]: queue for queue in report["queues"]}
    assert list(queues) == ["empty", "fine", "left", "q"]
    for queue in queues.values():
        assert set(queue) == {"queue", "registered", "tasks", "archived", "findings"}
        assert set(queue["findings"]) == KINDS
        assert all(set(found) == {"count", "bytes"} for found in queue["findings"].values())
    assert {name: queue["tasks"] for name, queue in queues.items()} == {"empty": 0, "fine": 10, "left": 2, "q": 6}
    assert [queue["registered"] for queue in queues.values()] == [True, True, False, True]
    assert queues["q"]["archived"] == {"size": 1, "cap": 9999, "oldest_at": "2026-11-18T11:06:35Z"}
    assert queues["q"]["findings"]["orphan-archived"]["count"] == 2
    assert queues["q"]["findings"]["orphan-archived"]["bytes"] > 2 * 200
    assert queues["q"]["findings"]["husk"]["count"] == 2
    assert queues["q"]["findings"]["orphan-completed"]["count"] == 1
    assert queues["left"]["findings"]["orphan-completed"]["count"] == 2
    assert queues["fine"]["findings"]["orphan-archived"] == {"count": 0, "bytes": 0}


def test_a_scan_as_lines_of_json(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--ndjson"))
    assert (ended.code, ended.err) == (0, "")
    found = {json.dumps(line["id"]): line for line in ended.lines}
    for line in found.values():
        assert set(line) == {
            "queue", "id", "kind", "state", "type", "error", "signature", "last_failed_at", "payload_bytes", "bytes",
            "index",
        }  # fmt: skip
        assert line["kind"] in KINDS
        assert line["kind"] in ("husk", f"orphan-{line['state']}")
    one = found['"one"']
    assert isinstance(one.pop("bytes"), int)
    assert one == {
        "queue": "q", "id": "one", "kind": "orphan-archived", "state": "archived", "type": "email:send",
        "error": "user 42: boom", "signature": "user <n>: boom", "last_failed_at": "2026-11-18T11:06:40Z",
        "payload_bytes": 100, "index": None,
    }  # fmt: skip
    husk = found['"husk"']
    assert {name for name, value in husk.items() if value is not None} == {"queue", "id", "kind", "state"}
    broken = found['"broken"']
    assert {name for name, value in broken.items() if value is not None} == {"queue", "id", "kind", "state", "bytes"}
    nasty = found[json.dumps({"base64": base64.b64encode(b"\xff\x1b").decode()})]
    assert nasty["last_failed_at"] is None
    assert nasty["error"] == ""
    assert len(found) == 7


def test_a_scan_for_prometheus(damaged: Live, cli: Command) -> None:
    damaged.asynq.register('a"b\\c\nd')
    ended = cli(*at(damaged, "scan", "--prometheus"))
    assert (ended.code, ended.err) == (0, "")
    metrics: dict[str, float] = {}
    announced: set[str] = set()
    for line in ended.text.splitlines():
        if line.startswith("#"):
            found = re.fullmatch(r"# (HELP|TYPE) (\w+) .+", line)
            assert found, line
            announced.add(found[2])
            continue
        found = re.fullmatch(r'(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\d+)', line)
        assert found, line
        assert found[1] in announced
        metrics[line.rpartition(" ")[0]] = float(found[3])
    assert metrics['archive_tui_findings{queue="q",kind="orphan-archived"}'] == 2
    assert metrics['archive_tui_findings{queue="left",kind="orphan-completed"}'] == 2
    assert metrics['archive_tui_findings{queue="fine",kind="orphan-archived"}'] == 0
    assert metrics['archive_tui_archived_tasks{queue="fine"}'] == 10
    assert metrics['archive_tui_archived_tasks{queue="a\\"b\\\\c\\nd"}'] == 0
    assert metrics["archive_tui_scan_complete"] == 1


def test_prometheus_sends_a_terminal_nothing_that_it_obeys(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("a\x1b[31m\rb\x9bc\u202ed\ne")
    text = cli(*at(any_server, "scan", "--prometheus")).text
    assert text.replace("\n", "").isprintable()
    assert 'queue="a␛[31m␍b\\\\x9bc⟨U+202E⟩d\\ne"' in text


def test_a_scan_for_people(damaged: Live, cli: Command) -> None:
    damaged.client.set(key("q", "string"), "x")
    ended = cli(*at(damaged, "scan"))
    assert ended.code == 0
    head, *lines = ended.text.splitlines()
    assert re.split(r"  +", head) == [
        "QUEUE", "TASKS", "ORPHAN, ARCHIVED", "ORPHAN, COMPLETED", "HUSK", "FOREIGN", "BYTES",
    ]  # fmt: skip
    cells = {row[0]: row[1:-1] for row in (re.split(r"  +", line) for line in lines)}
    assert cells == {
        "empty": ["0", "0", "0", "0", "0"], "fine": ["10", "0", "0", "0", "0"],
        "left (leftover)": ["2", "0", "2", "0", "0"], "q": ["7", "2", "1", "2", "1"],
    }  # fmt: skip
    assert ended.err.splitlines() == ["1 key under t: that hold no task data"]


def test_a_scan_of_named_queues(damaged: Live, cli: Command) -> None:
    ended = cli(*at(damaged, "scan", "--json", "--queue", "left", "--queue", "fine"))
    assert {queue["queue"]: queue["tasks"] for queue in ended.json["queues"]} == {"left": 2, "fine": 10}
    assert ended.json["keys_scanned"] == 12
    ended = cli(*at(damaged, "scan", "--ndjson", "--queue", "left"))
    assert {line["id"] for line in ended.lines} == {"l1", "l2"}


@pytest.mark.parametrize("form", [[], ["--json"], ["--ndjson"], ["--prometheus"]])
def test_check_says_whether_anything_was_found(damaged: Live, cli: Command, form: list[str]) -> None:
    assert cli(*at(damaged, "scan", "--check", *form)).code == 10
    assert cli(*at(damaged, "scan", "--check", "--queue", "fine", *form)).code == 0


@pytest.mark.parametrize("pace", ["full", "polite", "gentle"])
def test_every_pace_finds_the_same(damaged: Live, cli: Command, pace: str) -> None:
    assert len(cli(*at(damaged, "scan", "--ndjson", "--pace", pace)).lines) == 7


def test_a_scan_that_reads_messages(damaged: Live, cli: Command) -> None:
    damaged.asynq.add("fine", "shell", "scheduled", message=b"\xff\xff")

    def husks(*flags: str) -> list[tuple[str, str]]:
        lines = cli(*at(damaged, "scan", "--queue", "fine", "--ndjson", *flags)).lines
        return [(one["id"], one["index"]) for one in lines if one["kind"] == "husk"]

    assert husks() == []
    assert husks("--messages") == [("shell", "scheduled")]


def test_a_scan_changes_nothing(damaged: Live, cli: Command) -> None:
    before = asynq_data.everything(damaged.client)
    for form in ("--json", "--ndjson", "--prometheus"):
        cli(*at(damaged, "scan", form))
    cli(*at(damaged, "queues"))
    cli(*at(damaged, "show", "q", "one"))
    assert asynq_data.everything(damaged.client) == before


# show


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_raw_is_the_payload_byte_for_byte(any_server: Live, cli: Command, payload: bytes) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", payload=payload)
    ended = cli(*at(any_server, "show", "q", "one", "--raw"))
    assert (ended.code, ended.out, ended.err) == (0, payload, "")


def test_a_task_as_json(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add(
        "q", "one", score=NOW, payload=b"\xff\x00", unique=lock_key("q"), error_msg="boom", retried=3, retention=60,
        last_failed_at=NOW, headers={"trace": "x"}, deadline=NOW + DAY, fields={b"result": b"\xfe", b"odd": b"\x1b"},
    )  # fmt: skip
    ended = cli(*at(any_server, "show", "q", "one", "--json"))
    assert (ended.code, ended.err) == (0, "")
    task = ended.json
    assert task.pop("memory_bytes") == any_server.client.memory_usage(key("q", "one"))
    assert 3500 < task["unique_lock"].pop("seconds_left") <= 3600
    lock = lock_key("q").decode()
    assert task == {
        "queue": "q", "id": "one", "key": "asynq:{q}:t:one", "state": "archived", "referenced": True,
        "stands_in": {"archived": NOW},
        "unique_lock": {"key": lock, "holder": "one"},
        "message": {
            "type": "email:send", "payload": {"base64": "/wA="}, "id": "one", "queue": "q", "retry": 25, "retried": 3,
            "error": "boom", "timeout_seconds": 1800, "deadline": "2026-11-19T11:06:40Z", "unique_key": lock,
            "last_failed_at": "2026-11-18T11:06:40Z", "retention_seconds": 60, "completed_at": None, "group": "",
            "headers": {"trace": "x"},
        },
        "fields": {"state": "archived", "unique_key": lock, "result": {"base64": "/g=="}, "odd": "\x1b"},
    }  # fmt: skip


def test_an_unreadable_task_as_json(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.client.hset(key("q", "husk"), "state", "nonsense")
    task = cli(*at(any_server, "show", "q", "husk", "--json")).json
    assert (task["message"], task["state"], task["referenced"], task["unique_lock"]) == (None, None, False, None)
    assert task["fields"] == {"state": "nonsense"}
    any_server.client.hset(key("q", "husk"), "msg", b"\xff\xff")
    task = cli(*at(any_server, "show", "q", "husk", "--json")).json
    assert task["message"] is None
    assert task["fields"] == {"state": "nonsense", "msg": {"base64": "//8="}}, "nothing else shows what it holds"


def test_a_task_for_people(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", payload=b'{"id":9007199254740993}', error_msg="first\n\x1b[31msecond")
    ended = cli(*at(any_server, "show", "q", "one"))
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.text
    lines = ended.text.splitlines()
    assert lines[0].split() == ["Id", "one"]
    error = lines.index("Error")
    assert lines[error + 1 : error + 3] == ["first", "␛[31msecond"]
    assert lines[-4:] == ["Payload, JSON, 23 B", "{", '  "id": 9007199254740993', "}"]


def test_an_orphan_for_people(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False, payload=b"\x00\x01")
    text = cli(*at(any_server, "show", "q", "one")).text
    assert "no index: orphaned task data" in text
    assert text.splitlines()[-1].startswith("00000000  00 01")


def test_ids_that_are_no_text_can_be_named(any_server: Live, process: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    any_server.asynq.register("caf\udce9")
    any_server.asynq.add("caf\udce9", b"\xff\n\x1b", payload=b"found")
    ended = finish(process("show", "--url", any_server.url, "--raw", b"caf\xe9", b"\xff\n\x1b"))
    assert (ended.code, ended.out, ended.err) == (0, b"found", "")


# How it ends


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["scan", "--queue", "none\x1b"], 6, "no queue 'none␛': `archive-tui queues` lists them"),
        (["show", "q", "none"], 6, "queue 'q' holds no data for task 'none': it may have run or been deleted"),
        (["show", "none", "one"], 6, "queue 'none' holds no data for task 'one': it may have run or been deleted"),
        (["show", "q", "list"], 6, "'asynq:{q}:t:list' is a list, not task data: Asynq did not write it"),
        (["show", "q", "husk", "--raw"], 6, "task 'husk' has no readable message, so no payload"),
        (["queues", "--password-file", "/none"], 6, "no password file /none"),
    ],
)
def test_what_is_not_there(any_server: Live, cli: Command, arguments: list[str], code: int, said: str) -> None:
    any_server.asynq.register("q")
    any_server.client.lpush(key("q", "list"), "x")
    any_server.client.hset(key("q", "husk"), "state", "archived")
    command, *rest = arguments
    ended = cli(*at(any_server, command, *rest))
    assert (ended.code, ended.complaint) == (code, said)


@pytest.mark.parametrize("command", [["queues"], ["scan", "--json"], ["show", "q", "one"]])
def test_nobody_there(cli: Command, free_port: int, command: list[str]) -> None:
    ended = cli(*command, "--url", f"redis://127.0.0.1:{free_port}")
    assert ended.code == 3
    assert "connection refused" in ended.complaint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--db", "99"], "no such database"),
        (["--user", "ann"], "refused this user and password"),
        (["--db", "1"], "is empty: check the database number"),
    ],
)
def test_no_way_in(any_server: Live, cli: Command, arguments: list[str], said: str) -> None:
    any_server.asynq.register("q")
    ended = cli(*at(any_server, "queues", *arguments))
    assert ended.code == 3
    assert said in ended.complaint


def test_a_database_of_before_018(any_server: Live, cli: Command) -> None:
    any_server.client.zadd("asynq:{q}:dead", {"x": 1})
    ended = cli(*at(any_server, "scan"))
    assert ended.code == 3
    assert "Asynq before 0.18" in ended.complaint


def test_what_is_not_permitted(any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all", "-scan")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    for command in (["queues"], ["scan"]):
        ended = cli(*at(any_server, *command, "--user", "ann"))
        assert ended.code == 5
        assert "scan" in ended.complaint


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["--nonsense"], ["queues", "extra"], ["scan", "--pace", "fast"], ["show", "q"],
     ["queues", "--db", "-1"], ["\x1b[31m\n"], ["scan", "--pace", "\x1b[31m\n"], ["delete"], ["journal", "nonsense"],
     ["export", "--queue", "q", "--archived", "-"], ["delete", "--queue", "q", "--kind", "foreign"],
     ["queues", "--db", "x"], ["queues", "--timeout", "0"], ["queues", "--url", "http://x"], ["queues", "--url", "h:1"],
     ["queues", "--ask-password"]],
)  # fmt: skip
def test_wrong_usage(cli: Command, arguments: list[str]) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert ended.complaint


def test_wrong_usage_says_where_to_read_on(cli: Command) -> None:
    said = cli("queues", "--db", "-1").complaint
    assert said.startswith("invalid value for '--db': -1 is not in the range")
    assert said.endswith("`archive-tui queues --help` shows what there is")


def test_foreign_keys_are_not_sent_to_a_repair_that_refuses_them(cli: Command) -> None:
    assert "repair" not in cli("delete", "--queue", "q", "--kind", "foreign").complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", f"redis://:{SECRET}@127.0.0.1:1", "queues"],
        ["queues", "--url", f"redis://ann:{SECRET}@127.0.0.1:1"],
        ["queues", "--url", f"redis://ann:{SECRET}@127.0.0.1:port"],
        ["--url", f"unix://ann:{SECRET}@/none"],
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    home: Path, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str]
) -> None:
    ended = finish(process(*arguments))
    assert ended.code == 2
    assert SECRET not in ended.err
    assert ended.complaint


def test_no_terminal_no_screens(any_server: Live, process: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    any_server.asynq.register("q")
    ended = finish(process("--url", any_server.url))
    assert ended.code == 2
    assert "archive-tui queues" in ended.complaint
    ended = finish(process("demo"))
    assert ended.code == 2


def test_where_to_connect_is_said_by_flags_before_or_after_or_by_the_environment(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    any_server.asynq.register("in-zero")
    any_server.client.execute_command("SELECT", 1)
    any_server.asynq.register("in-one")
    any_server.client.execute_command("SELECT", 0)

    def found(*arguments: str) -> str:
        return str(cli(*arguments).json[0]["queue"])

    socket = any_server.settings.socket
    assert found("--url", f"unix://{socket}", "queues", "--json") == "in-zero"
    assert found("queues", "--json", "--url", f"unix://{socket}?db=1") == "in-one"
    assert found("--url", f"unix://{socket}?db=1", "--db", "0", "queues", "--json") == "in-zero"
    assert found("--url", "unix:///none", "queues", "--json", "--url", f"unix://{socket}", "--db", "1") == "in-one"
    monkeypatch.setenv("ARCHIVE_TUI_URL", f"unix://{socket}?db=1")
    assert found("queues", "--json") == "in-one"
    profiles = tmp_path / "XDG_CONFIG_HOME" / "archive-tui" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f'[zero]\nurl = "unix://{socket}"\n')
    assert found("--profile", "zero", "queues", "--json") == "in-zero"
    ended = cli("--profile", "missing", "queues")
    assert ended.code == 6
    assert "it has: zero" in ended.complaint


def test_database_0_can_be_named_after_the_command(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("in-zero")
    any_server.client.execute_command("SELECT", 1)
    any_server.asynq.register("in-one")
    any_server.client.execute_command("SELECT", 0)
    ended = cli("queues", "--json", "--url", f"unix://{any_server.settings.socket}?db=1", "--db", "0")
    assert ended.json[0]["queue"] == "in-zero"


def test_passwords_come_from_the_environment_or_a_file(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all")
    (tmp_path / "word").write_text("word\n")
    assert cli(*at(any_server, "queues", "--user", "ann")).code == 3
    assert cli(*at(any_server, "queues", "--user", "ann", "--password-file", str(tmp_path / "word"))).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    assert cli(*at(any_server, "queues", "--user", "ann")).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", SECRET)
    ended = cli(*at(any_server, "queues", "--user", "ann"))
    assert ended.code == 3
    assert SECRET not in ended.complaint


def test_version_and_help(cli: Command) -> None:
    assert cli("--version").text == f"archive-tui, version {__version__}\n"
    ended = cli("--help")
    assert ended.code == 0
    assert all(command in ended.text for command in ("queues", "scan", "show", "demo"))
    for command in ("queues", "scan", "show"):
        assert cli(command, "--help").code == 0


def test_a_defect_is_one_line_and_a_private_file(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all")

    def defect(*_: object, **__: object) -> int:
        raise ZeroDivisionError("some\nthing \x1b[31m")

    monkeypatch.setattr(queues, "queues", defect)
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    ended = cli(*at(any_server, "queues", "--user", "ann"))
    assert ended.code == 1
    crash = home / "XDG_STATE_HOME" / "archive-tui" / "crash.log"
    assert ended.complaint == f"unexpected ZeroDivisionError: some␊thing ␛[31m; details in {crash}"
    assert crash.stat().st_mode & 0o777 == 0o600
    assert crash.parent.stat().st_mode & 0o777 == 0o700
    report = crash.read_text()
    assert "ZeroDivisionError" in report
    assert "Secret" not in report
    assert "password" not in report.lower()


def test_ctrl_c_ends_a_scan_with_what_it_has(
    own_server: Callable[..., Live], process: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    live = own_server()
    live.asynq.register("q")
    live.client.mset({key("q", f"{number}"): "x" for number in range(100_000)})
    live.client.config_resetstat()
    started = process("scan", "--url", live.url, "--json", "--pace", "gentle")
    wait_until(lambda: live.calls().get("scan", 0) >= 10)  # the first few measure the way to the server
    started.send_signal(signal.SIGINT)
    ended = finish(started)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert ended.json["complete"] is False
    assert 0 < ended.json["keys_scanned"] < 100_000


@pytest.mark.parametrize(("form", "code"), [("--json", 0), ("--ndjson", 4)])
def test_findings_that_could_not_be_kept_are_said(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, form: str, code: int
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add_many("q", [b"1", b"2", b"3"], referenced=False)
    monkeypatch.setattr(Catalog.__init__, "__defaults__", (None, 2))
    ended = cli(*at(any_server, "scan", form))
    assert (ended.code, ended.err.strip()) == (
        code,
        "archive-tui: only the first 2 rows are kept, the rest is counted",
    )
    if form == "--json":
        assert json.loads(ended.out)["queues"][0]["findings"]["orphan-archived"]["count"] == 3
    else:
        assert len(ended.out.splitlines()) == 2


def test_progress_is_shown_to_a_person_and_wiped_away(
    valkey: Live, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.asynq.register("q")
    valkey.client.mset({key("q", b"%d" % number): "x" for number in range(20_000)})
    monkeypatch.setattr(foreground, "_PROGRESS_EVERY", 0.01)
    session = Session(valkey.settings)
    session.open()
    code = scan.scan(session, names=[], pace=Pace.GENTLE, form="json", check=False, out=sys.stdout, progress=True)
    session.close()
    captured = capsys.readouterr()
    assert code == 0
    assert json.loads(captured.out)["complete"]
    *shown, wiped = captured.err.split("\r\x1b[K")
    assert wiped == ""
    fractions = [int(line.strip().partition("%")[0]) for line in shown if "%" in line]
    assert len(fractions) > 3
    assert fractions == sorted(fractions)


@pytest.fixture
def talkative(valkey: Live) -> Live:
    """An installation about which there is a lot to print."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(1500)], referenced=False, error_msg="x" * 500)
    return valkey


@pytest.mark.parametrize(
    ("arguments", "reads"),
    [
        (["scan", "--ndjson", "--pace", "full"], 10),
        (["scan", "--json"], 0),
        (["queues"], 0),
        (["show", "q", "huge"], 10),
    ],
    ids=["ndjson", "json", "queues", "show"],
)
def test_who_reads_no_further_is_no_error(
    talkative: Live, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str], reads: int
) -> None:
    talkative.asynq.add("q", "huge", payload=b"line\n" * 100_000)
    started = process(*arguments, "--url", talkative.url)
    assert started.stdout is not None
    if reads:
        assert started.stdout.read(reads)
    started.stdout.close()
    assert started.stderr is not None
    with started.stderr:
        assert started.stderr.read() == b""
    assert started.wait(30) == 0


@pytest.mark.parametrize("command", [["scan", "--ndjson"], ["show", "--json", "q", "one"]])
def test_json_sends_a_terminal_nothing_that_it_obeys(any_server: Live, cli: Command, command: list[str]) -> None:
    error = "\x9b31m\x9d0;title\x9c \u202e"
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", referenced=False, error_msg=error)
    ended = cli(*at(any_server, *command))
    shown = ended.json if ended.text.count("\n") == 1 else None
    assert shown is not None
    assert error in (shown.get("error"), (shown.get("message") or {}).get("error"))
    assert not any(sign in ended.text for sign in "\x9b\x9d\x9c\u202e")


@pytest.mark.parametrize("arguments", [["queues"], ["scan", "--ndjson"], ["show", "q", "one"]], ids=" ".join)
def test_a_terminal_that_is_not_utf8_is_no_reason_to_fail(
    valkey: Live, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str]
) -> None:
    valkey.asynq.register("q", "grüße")
    valkey.asynq.add("q", "one", referenced=False, error_msg="größer \x1b €")
    ended = finish(process(*arguments, "--url", valkey.url, env={"PYTHONIOENCODING": "ascii"}))
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("command", [["queues"], ["scan", "--json"], ["show", "q", "one"]], ids=" ".join)
def test_a_closed_error_output_is_no_reason_to_fail(valkey: Live, command: list[str]) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one")
    ended = closed("2>&-", *command, "--url", valkey.url)
    assert ended.returncode == 0
    assert b"q" in ended.stdout


@pytest.mark.parametrize("outputs", [">&-", ">&- 2>&-"], ids=["output", "both"])
def test_a_closed_output_is_a_failure_in_one_line(valkey: Live, outputs: str) -> None:
    ended = closed(outputs, "queues", "--url", valkey.url)
    told = b"archive-tui: there is no standard output to write to\n" if "2" not in outputs else b""
    assert (ended.returncode, ended.stderr) == (2, told)


def closed(outputs: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """The console script, run by a shell that closes some of its outputs."""
    script = str(Path(sys.executable).parent / "archive-tui")
    command = ["sh", "-c", f'"$0" "$@" {outputs}', script, *arguments]
    return subprocess.run(command, check=False, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "command",
    [["scan", "--json", "--ndjson"], ["scan", "--prometheus", "--ndjson"], ["show", "q", "one", "--raw", "--json"]],
    ids=" ".join,
)
def test_two_forms_at_once_are_refused(valkey: Live, cli: Command, command: list[str]) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one")
    ended = cli(*at(valkey, *command))
    assert ended.code == 2
    assert "exclude each other" in ended.complaint
    assert all(form in ended.complaint for form in command[-2:])
