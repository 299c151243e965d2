"""`archive-tui show`: one task, for people, as JSON and as raw payload."""

import gzip
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asynq_data import NOW, key, lock_key
from support.command_line import Command, at, finish
from support.servers import Live

DAY = 86_400
"""Seconds."""


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
        "not_searched": [], "stands_in": {"archived": NOW}, "expires_at": None, "fields_expire_at": {},
        "unique_lock": {"key": lock, "holder": "one", "named": True},
        "message": {
            "type": "email:send", "payload": {"base64": "/wA="}, "id": "one", "queue": "q", "retry": 25, "retried": 3,
            "error": "boom", "timeout_seconds": 1800, "deadline": "2026-11-19T11:06:40Z", "unique_key": lock,
            "last_failed_at": "2026-11-18T11:06:40Z", "retention_seconds": 60, "completed_at": None, "group": "",
            "headers": {"trace": "x"},
        },
        "fields": {"state": "archived", "unique_key": lock, "result": {"base64": "/g=="}, "odd": "\x1b"},
        "decoded": {
            "path": ["binary"], "why": "its bytes as they are", "remarks": [], "problem": None, "value": None,
            "text": None, "base64": "/wA=", "masked": [],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "refused", "unknown"),
    [
        ("pending", "-lpos", ["pending", "active"]),
        ("archived", "-zscore", ["scheduled", "retry", "archived", "completed", "lease", "deadlines"]),
        ("archived", "-lpos", ["pending", "active"]),
    ],
)
def test_what_could_not_be_searched_is_unknown(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, state: str, refused: str, unknown: list[str]
) -> None:
    any_server.asynq.register("q")
    any_server.asynq.add("q", "one", state)
    any_server.user("ann", "~*", "+@all", refused)
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "ann")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    task = cli(*at(any_server, "show", "q", "one", "--json")).json
    assert task["not_searched"] == unknown
    assert task["referenced"] is (None if state in unknown else True)


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


def test_a_decoded_payload_as_json(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("q")
    payloads = {
        "json": gzip.compress(b'{"id": 9007199254740993, "price": 1.10, "x": [1e999, NaN], "a": {"b": 1, "b": 2}}'),
        "pack": b"\x81\xa3raw\xc4\x01\xff",
        "text": b"words",
    }
    for name, payload in payloads.items():
        any_server.asynq.add("q", name, payload=payload)
    ended = {name: cli(*at(any_server, "show", "q", name, "--json")) for name in payloads}
    decoded = {name: one.json["decoded"] for name, one in ended.items()}
    assert decoded["json"]["path"] == ["gzip", "JSON"]
    value = b'{"id": 9007199254740993, "price": 1.10, "x": [1E+999, "NaN"], "a": [["b", 1], ["b", 2]]}'
    assert value in ended["json"].out
    assert decoded["json"]["remarks"] == ["it holds NaN, which JSON does not have"]
    assert decoded["pack"]["value"] == {"raw": {"base64": "/w=="}}
    assert (decoded["text"]["value"], decoded["text"]["text"]) == (None, "words")
    shown = cli(*at(any_server, "show", "q", "json")).out.decode().splitlines()
    assert "(it holds NaN, which JSON does not have)" in shown
