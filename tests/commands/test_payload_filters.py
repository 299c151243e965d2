"""Filters that look into payloads on the command line: what they choose, what they leave out, and what they say."""

import json

import pytest
from support.asynq_data import key
from support.command_line import Command, at
from support.servers import Live


@pytest.fixture
def live(valkey: Live) -> Live:
    """Ten archived tasks and ten orphans, of which every fifth is of customer 8812, and one of either not decoded."""
    valkey.asynq.register("q", "plain")
    for number in range(10):
        payload = json.dumps({"user": {"id": 8812 if not number % 5 else number}}).encode()
        valkey.asynq.add("q", f"a{number}", payload=payload)
        valkey.asynq.add("q", f"o{number}", payload=payload, referenced=False)
        valkey.asynq.add("plain", f"p{number}", payload=payload)
    valkey.asynq.add("q", "a-binary", payload=bytes(range(256)))
    valkey.asynq.add("q", "o-binary", payload=bytes(range(256)), referenced=False)
    return valkey


def left(live: Live, queue: str = "q") -> set[str]:
    return {name.decode().rpartition(":")[2] for name in live.client.keys(f"asynq:{{{queue}}}:t:*")}


def test_what_nobody_can_tell_is_left_out_and_said(live: Live, cli: Command) -> None:
    before = left(live)
    where = ["--where", "-payload.user.id=8812"]
    ended = cli(*at(live, "delete", "--queue", "q", "--archived", *where, "--yes", "--json"))
    assert ended.code == 4
    assert "1 task left out: the payload cannot be decoded" in ended.err
    assert ended.json["payloads"] == {"read": 11, "unknown": 1, "complete": True}
    assert before - left(live) == {f"a{number}" for number in range(10) if number % 5}


def test_orphans_are_deleted_by_what_is_in_them(live: Live, cli: Command) -> None:
    before = left(live)
    where = ["--where", "payload.user.id>8811 id:o*"]
    ended = cli(*at(live, "delete", "--queue", "q", "--kind", "orphan-archived", *where, "--yes", "--json"))
    assert ended.json["payloads"]["unknown"] == 1
    assert before - left(live) == {"o0", "o5"}


def test_run_repair_export_and_triage_choose_by_payload(live: Live, cli: Command, tmp_path: object) -> None:
    where = ["--where", "payload.user.id=8812"]
    run = cli(*at(live, "run", "--queue", "plain", *where, "--yes", "--json"))
    assert (run.code, run.json["payloads"]) == (0, {"read": 10, "unknown": 0, "complete": True})
    assert {one.decode() for one in live.client.lrange("asynq:{plain}:pending", 0, -1)} == {"p0", "p5"}
    repair = ["--kind", "orphan-archived", "--action", "archive", *where, "--yes", "--json"]
    cli(*at(live, "repair", "--queue", "q", *repair))
    assert live.client.zscore("asynq:{q}:archived", "o5") is not None
    assert live.client.zscore("asynq:{q}:archived", "o1") is None
    rest = ["--where", "-payload.user.id<5"]
    exported = cli(*at(live, "export", "--queue", "plain", "--archived", *rest, f"{tmp_path}/f"))
    assert (exported.code, exported.text.split()[0]) == (0, "4")
    triaged = cli(*at(live, "triage", "q", "--json", "--where", "payload.user.id=8812"))
    assert (triaged.code, triaged.json["tasks"]) == (4, 4)
    assert triaged.json["payloads"] == {"read": 13, "unknown": 1, "complete": True}
    assert cli(*at(live, "triage", "plain", "--json", "--where", "id:p1")).json["payloads"] is None


def test_a_scan_prints_the_findings_that_match(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "scan", "--queue", "q", "--ndjson", "--where", "payload.user.id=8812"))
    assert ended.code == 4
    assert "1 task left out" in ended.err
    assert {one["id"] for one in ended.lines} == {"o0", "o5"}
    ended = cli(*at(live, "scan", "--queue", "q", "--ndjson", "--where", "decoder:none"))
    assert (ended.code, [one["id"] for one in ended.lines]) == (0, ["o-binary"])


def test_a_scan_counts_the_findings_that_match(live: Live, cli: Command) -> None:
    scan = ["scan", "--queue", "q", "--where", "payload.user.id=8812"]
    ended = cli(*at(live, *scan, "--json"))
    found = ended.json
    assert ended.code == 4
    assert (found["where"], found["not_judged"]) == ("payload.user.id=8812", 0)
    assert (found["payloads"]["unknown"], found["payloads"]["complete"]) == (1, True)
    (queue,) = found["queues"]
    assert queue["findings"]["orphan-archived"]["count"] == 2
    assert 0 < queue["findings"]["orphan-archived"]["bytes"] < 3_000
    metrics = cli(*at(live, *scan, "--prometheus")).text
    labels = 'queue="q",kind="orphan-archived",where="payload.user.id=8812"'
    assert f"archive_tui_findings{{{labels}}} 2\n" in metrics
    assert 'archive_tui_findings_unknown{where="payload.user.id=8812"} 1\n' in metrics
    assert "only findings that match: payload.user.id=8812" in cli(*at(live, *scan)).err
    plain = cli(*at(live, "scan", "--queue", "q", "--json", "--where", "id:o1")).json
    assert plain["payloads"] is None
    assert plain["queues"][0]["findings"]["orphan-archived"]["count"] == 1
    assert "where" not in cli(*at(live, "scan", "--queue", "q", "--json")).json


def test_check_is_of_the_findings_that_match(live: Live, cli: Command) -> None:
    assert cli(*at(live, "scan", "--queue", "q", "--check", "--where", "id:o1")).code == 10
    assert cli(*at(live, "scan", "--queue", "q", "--check", "--where", "id:nobody")).code == 0
    assert cli(*at(live, "scan", "--queue", "q", "--check", "--ndjson", "--where", "id:nobody")).code == 0


def test_what_was_not_decoded_can_be_chosen(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "delete", "--queue", "q", "--archived", "--where", "decoder:none", "--yes"))
    assert ended.code == 0
    assert not live.client.exists(key("q", "a-binary"))
    assert len(left(live)) == 21


def test_a_filter_that_cannot_be_read_reads_nothing(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "delete", "--queue", "q", "--archived", "--where", "payload.user.id", "--yes"))
    assert ended.code == 2
    assert "needs an operator and a value" in ended.complaint
