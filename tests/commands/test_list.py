"""`archive-tui list`: what it prints, for people and for programs, and what it says where something is missing."""

import csv
import io
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from support.asynq_data import key
from support.command_line import Command, at
from support.servers import Live

from archive_tui.jobs.record_export import RecordJob

PAYLOADS = {
    "exact": b'{"user": {"id": 9007199254740993}, "amount": 1.10, "tags": ["a", "b"]}',
    "secret": b'{"user": {"id": 1}, "password": "hunter22"}',
    "formula": b'{"user": {"id": 2}, "note": "=HYPERLINK(\\"http://evil\\")", "change": "-5", "n": -5}',
    "bytes": bytes(range(256)),
    "surrogate": b'{"half": "\\ud83d", "esc": "\\u001b]52;c;x\\u0007"}',
}


@pytest.fixture
def live(valkey: Live) -> Live:
    """Two queues; in one a task for each payload, the first of them archived last."""
    valkey.asynq.register("q", "other")
    now = int(time.time())
    for number, (name, payload) in enumerate(PAYLOADS.items()):
        message: dict[str, Any] = {"payload": payload, "error_msg": "token=abcdef123456 refused"}
        valkey.asynq.add("q", name, score=now - 60 * number, headers={"trace-id": f"t{number}"}, **message)
    valkey.asynq.add("other", "elsewhere", score=now - 30, error_msg="late")
    return valkey


def ids(listed: Sequence[Any]) -> list[str]:
    return [one["id"] for one in listed]


def test_the_newest_stand_first_in_json(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "list", "q", "--json"))
    assert ended.code == 0
    assert ids(ended.json) == list(PAYLOADS)
    first = ended.json[0]
    assert (first["queue"], first["state"], first["type"], first["kind"]) == ("q", "archived", "email:send", None)
    assert "decoded" not in first
    assert "refused" in first["error"]
    assert "abcdef123456" not in first["error"]
    assert cli(*at(live, "list", "q", "--json", "--where", "id:none-such")).json == []


def test_of_all_queues(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "list", "--ndjson"))
    assert (ended.code, ids(ended.lines)) == (0, ["exact", "elsewhere", *list(PAYLOADS)[1:]])


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--limit", "2"], ["exact", "secret"]),
        (["--reverse", "--limit", "1"], ["surrogate"]),
        (["--where", "payload.user.id>1"], ["exact", "formula"]),
        (["--sort", "id"], ["bytes", "exact", "formula", "secret", "surrogate"]),
        (["--sort", "size", "--limit", "1"], ["bytes"]),
        (["--sort", "payload.user.id", "--where", "payload.user.id>0"], ["secret", "formula", "exact"]),
        (["--sort", "header.trace-id", "--reverse", "--limit", "1"], ["surrogate"]),
    ],
)
def test_which_and_in_which_order(live: Live, cli: Command, flags: list[str], expected: list[str]) -> None:
    assert ids(cli(*at(live, "list", "q", "--ndjson", *flags)).lines) == expected


def test_payloads_are_exact_and_masked(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "list", "q", "--ndjson", "--payload"))
    assert b'"id": 9007199254740993}, "amount": 1.10,' in ended.out
    assert b"hunter22" not in ended.out
    assert b"abcdef123456" not in ended.out
    assert ended.out.isascii()
    of = {one["id"]: one for one in ended.lines}
    assert of["exact"]["headers"] == {"trace-id": "t0"}
    assert of["secret"]["decoded"]["masked"] == ["password"]
    assert of["bytes"]["decoded"]["path"] == ["binary"]
    assert of["bytes"]["decoded"]["base64"].startswith("AAECAwQ")
    assert of["surrogate"]["decoded"]["value"]["half"] == {"base64": "7aC9"}


def test_a_table_of_columns_for_people_and_spreadsheets(live: Live, cli: Command) -> None:
    names = "id,payload.user.id,payload.note,payload.change,payload.n,payload.password,payload.esc,header.trace-id"
    rows = list(csv.reader(io.StringIO(cli(*at(live, "list", "q", "--csv", "--columns", names)).text)))
    assert rows[0] == names.split(",")
    of = {row[0]: row[1:] for row in rows[1:]}
    assert of["exact"] == ["9007199254740993", "", "", "", "", "", "t0"]
    assert of["formula"][:4] == ["2", '\'=HYPERLINK("http://evil")', "-5", "-5"]
    assert "hunter22" not in str(of)
    assert of["surrogate"][5] == "␛]52;c;x␇"
    text = cli(*at(live, "list", "q", "--columns", "id,payload.tags,payload.esc")).text
    lines = text.splitlines()
    assert lines[0].split() == ["ID", "PAYLOAD.TAGS", "PAYLOAD.ESC"]
    assert lines[1].split() == ["exact", '["a",', '"b"]']
    assert "\x1b" not in text


def test_the_usual_table(live: Live, cli: Command) -> None:
    lines = cli(*at(live, "list")).text.splitlines()
    assert lines[0].split() == ["QUEUE", "DIED", "TYPE", "RETRIED", "RETRY", "SIZE", "ID", "ERROR"]
    assert [line.split()[0] for line in lines[1:3]] == ["q", "other"]
    assert cli(*at(live, "list", "q", "--payload", "--limit", "1")).text.splitlines()[0].endswith("PAYLOAD")
    assert cli(*at(live, "list", "q", "--where", "id:none-such")).text == ""


def test_another_index(live: Live, cli: Command) -> None:
    live.asynq.add("q", "waits", "retry", score=int(time.time()) + 60)
    (one,) = cli(*at(live, "list", "q", "--state", "retry", "--json")).json
    assert (one["id"], one["state"]) == ("waits", "retry")
    assert "runs_at" in one


def test_another_index_of_all_queues(live: Live, cli: Command) -> None:
    later = int(time.time()) + 60
    live.asynq.add("q", "waits", "retry", score=later)
    live.asynq.add("other", "waits", "retry", score=later + 60)
    listed = cli(*at(live, "list", "--state", "retry", "--json")).json
    assert [(one["queue"], one["id"]) for one in listed] == [("other", "waits"), ("q", "waits")]
    assert cli(*at(live, "list", "--state", "retry", "--csv")).out.splitlines()[0].startswith(b"queue,")


def old_task(task_id: str, number: int) -> str:
    """A task as Asynq 0.17 kept it: a member of an index, all of it."""
    return json.dumps({
        "Type": "send", "Payload": {"n": number}, "ID": task_id, "Queue": "old", "Retry": 25, "Retried": 25,
        "ErrorMsg": "refused", "Timeout": 1800, "Deadline": 0, "UniqueKey": "",
    })  # fmt: skip


@pytest.fixture
def old(live: Live) -> Live:
    """Beside those queues one of before Asynq 0.18: 250 tasks archived in one second, three at other times, two pending
    in the one list and one in the other.
    """
    live.asynq.register("old")
    now = int(time.time())
    live.client.zadd("asynq:{old}:archived", {old_task(f"same{n}", n): now for n in range(250)})
    live.client.zadd("asynq:{old}:archived", {old_task(f"alone{n}", n): now - 60 * n - 1 for n in range(3)})
    live.client.lpush("asynq:{old}", old_task("first", 1), old_task("second", 2))
    live.client.lpush("asynq:{old}:pending", old_task("third", 3))
    return live


def test_tasks_of_before_018_have_their_payloads(old: Live, cli: Command) -> None:
    ended = cli(*at(old, "list", "old", "--payload", "--ndjson"))
    assert (ended.code, ended.err, len(ended.lines)) == (0, "", 253)
    for one in ended.lines:
        name = one["id"].strip("0123456789")
        assert one["decoded"]["value"] == {"n": int(one["id"].removeprefix(name))}
    pending = cli(*at(old, "list", "old", "--state", "pending", "--csv", "--columns", "id,payload.n"))
    assert (pending.code, sorted(pending.text.split())) == (0, ["first,1", "id,payload.n", "second,2", "third,3"])
    everywhere = cli(*at(old, "list", "--ndjson"))
    assert (everywhere.code, len(everywhere.lines)) == (0, 253 + len(PAYLOADS) + 1)


def test_filters_look_into_tasks_of_before_018(old: Live, cli: Command) -> None:
    found = cli(*at(old, "list", "old", "--where", "payload.n=2", "--sort", "payload.n", "--ndjson"))
    assert (found.code, sorted(ids(found.lines))) == (0, ["alone2", "same2"])
    waiting = cli(*at(old, "list", "old", "--state", "pending", "--where", "payload.n>1", "--ndjson"))
    assert (waiting.code, sorted(ids(waiting.lines))) == (0, ["second", "third"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nope"], 6, "no queue 'nope'"),
        (["q", "--state", "sleeping"], 2, "there is no such index to list"),
        (["q", "--sort", "colour"], 2, "there is no order “colour”: choose --sort from died"),
        (["q", "--columns", "colour"], 2, "there is no column “colour”: choose from queue"),
        (["q", "--columns", "id,payload.x[", "--csv"], 2, "in brackets stands a position"),
        (["q", "--columns", "id", "--json"], 2, "--columns are those of the table or of --csv"),
        (["q", "--json", "--csv"], 2, "exclude each other"),
        (["q", "--where", "age>"], 2, ""),
        (["q", "--limit", "0"], 2, "0 is not in the range x>=1"),
        (["q", "--limit", "1e3"], 2, "'1e3' is not a valid whole number"),
        (["q", "--columns", " ,", "--csv"], 2, "name at least one column"),
    ],
)
def test_what_cannot_be_listed(live: Live, cli: Command, arguments: list[str], code: int, said: str) -> None:
    ended = cli(*at(live, "list", *arguments))
    assert (ended.code, said in ended.complaint) == (code, True), ended.err


def test_a_message_that_goes_meanwhile_is_said(live: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    read = RecordJob._ask

    def gone_by_then(job: RecordJob, *arguments: Any) -> Any:
        live.client.delete(key("q", "exact"))
        return read(job, *arguments)

    monkeypatch.setattr(RecordJob, "_ask", gone_by_then)
    ended = cli(*at(live, "list", "q", "--payload", "--ndjson"))
    assert (ended.code, len(ended.lines)) == (4, 5)
    assert "1 task without payload: message gone" in ended.err
    assert ended.lines[0]["decoded"] is None


def test_a_queue_that_cannot_be_read_is_named(live: Live, cli: Command) -> None:
    live.asynq.register("torn")
    live.client.set("asynq:{torn}:archived", "no index")
    ended = cli(*at(live, "list", "--ndjson"))
    assert (ended.code, len(ended.lines)) == (4, 6)
    assert "queue torn is left out" in ended.err


def test_ids_that_are_no_text(live: Live, cli: Command) -> None:
    live.asynq.add("other", b"\xff\n\x1b[31m")
    ended = cli(*at(live, "list", "other", "--ndjson"))
    assert {"base64": "/wobWzMxbQ=="} in ids(ended.lines)
    assert b"\x1b" not in cli(*at(live, "list", "other")).out
