"""Stale histories on the command line: what a scan says of them, and `archive-tui delete --kind stale-history`."""

import json

import pytest
from support.asynq_data import everything, history_key
from support.command_line import Command, at, audit, journals
from support.schedulers import ALIVE, DEAD, HOUR, OTHER, beat, enqueue, vanish
from support.servers import Live


@pytest.fixture
def scheduled(any_server: Live) -> Live:
    """The histories of two entries that are gone, beside that of one that lives."""
    any_server.asynq.register("q")
    any_server.asynq.add("q", "fine", "pending")
    enqueue(any_server.client, DEAD, 3 * HOUR, 2 * HOUR)
    enqueue(any_server.client, OTHER, 30 * HOUR)
    enqueue(any_server.client, ALIVE, 3 * HOUR)
    beat(any_server.client, [ALIVE])
    return any_server


def test_a_scan_counts_them_for_the_installation(scheduled: Live, cli: Command) -> None:
    report = json.loads(cli(*at(scheduled, "scan", "--json")).out)
    assert [queue["queue"] for queue in report["queues"]] == ["q"]
    assert "stale-history" not in report["queues"][0]["findings"]
    found = report["installation"]["findings"]["stale-history"]
    assert found["count"] == 2
    assert found["bytes"] > 100
    assert (report["installation"]["unsure"], report["installation"]["why_unsure"]) == (0, None)


def test_a_scan_of_named_queues_does_not_look_for_them(scheduled: Live, cli: Command) -> None:
    assert json.loads(cli(*at(scheduled, "scan", "--json", "--queue", "q")).out)["installation"] is None
    assert cli(*at(scheduled, "scan", "--check", "--queue", "q")).code == 0


def test_a_scan_lists_them_without_a_queue(scheduled: Live, cli: Command) -> None:
    lines = cli(*at(scheduled, "scan", "--ndjson")).lines
    assert {line["id"] for line in lines} == {DEAD, OTHER}
    for line in lines:
        assert (line["queue"], line["kind"], line["state"], line["index"]) == (None, "stale-history", None, None)
        assert line["bytes"] > 50
        assert " from 20" in line["error"]


def test_a_scan_for_people_and_for_checks(scheduled: Live, cli: Command) -> None:
    ended = cli(*at(scheduled, "scan", "--check"))
    assert ended.code == 10
    head, *lines = ended.text.splitlines()
    assert "STALE HISTORY" in head
    (line,) = [line for line in lines if line.startswith("(no queue)")]
    assert line.removeprefix("(no queue)").split()[:4] == ["–", "–", "–", "2"]


def test_metrics_of_them_have_no_queue(scheduled: Live, cli: Command) -> None:
    said = cli(*at(scheduled, "scan", "--prometheus")).text
    assert 'archive_tui_findings{kind="stale-history"} 2\n' in said


def test_what_is_not_judged_is_said(scheduled: Live, cli: Command) -> None:
    vanish(scheduled.client, 600)
    ended = cli(*at(scheduled, "scan"))
    assert ended.err.startswith("2 histories not judged, and no finding while they are not: a scheduler was last heard")
    assert "(no queue)" not in ended.text
    ended = cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes"))
    assert ended.code == 0
    assert "2 histories not judged" in ended.err
    assert ended.text.startswith("nothing to delete: no stale history at ")


def test_the_plan_says_what_goes(scheduled: Live, cli: Command) -> None:
    before = everything(scheduled.client)
    ended = cli(*at(scheduled, "delete", "--kind", "stale-history", "--dry-run"))
    assert ended.code == 0
    said = " ".join(ended.text.split())
    assert "2 histories of schedulers that are gone, to delete from the installation" in said
    assert "events 3, from 20" in said
    assert "Asynq's web console shows the history of living entries only" in said
    assert f"first {OTHER}, …" in said or f"first {DEAD}, …" in said
    assert everything(scheduled.client) == before


def test_they_are_deleted_journaled_and_brought_back(scheduled: Live, cli: Command) -> None:
    before = everything(scheduled.client)
    ended = cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes", "--json", "--reason", "tidy"))
    assert ended.code == 0
    report = json.loads(ended.out)
    assert (report["queue"], report["kind"], report["planned"], report["events"]) == (None, "stale-history", 2, 3)
    assert report["first_event_at"] < report["last_event_at"]
    assert report["report"]["deleted"] == 2
    gone = {history_key(DEAD), history_key(OTHER)}
    assert everything(scheduled.client) == {key: value for key, value in before.items() if key not in gone}
    (journal,) = journals()
    shown = cli("journal", "show", str(journal), "--json").lines
    assert [(line["queue"], line["outcome"], len(line["events"])) for line in shown] == [
        (None, "deleted", 1), (None, "deleted", 2),
    ]  # fmt: skip
    assert shown[0]["fields"] == {}
    assert "(no queue)  history  " in cli("journal", "show", str(journal)).text
    assert "(no queue)" in cli("journal").text
    begun, done = audit()
    assert (begun["action"], begun["kinds"], begun["events"], begun["reason"]) == (
        "delete", {"stale-history": 2}, 3, "tidy",
    )  # fmt: skip
    assert done["deleted"] == 2
    plan = cli(*at(scheduled, "restore", str(journal), "--dry-run"))
    assert "2 histories of " in plan.text
    assert "Asynq keeps 2 histories for ever: no scheduler clears them" in plan.text
    restored = json.loads(cli(*at(scheduled, "restore", str(journal), "--yes", "--json")).out)
    assert [(one["queue"], one["registered"], one["planned"]) for one in restored["queues"]] == [(None, True, 2)]
    assert restored["report"]["restored"] == 2
    assert everything(scheduled.client) == before


def test_the_oldest_go_first(scheduled: Live, cli: Command) -> None:
    assert cli(*at(scheduled, "delete", "--kind", "stale-history", "--limit", "1", "--yes")).code == 0
    assert scheduled.client.exists(history_key(DEAD), history_key(OTHER)) == 1
    assert not scheduled.client.exists(history_key(OTHER))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["delete", "--kind", "stale-history", "--queue", "q"], "leave --queue out"),
        (["delete", "--kind", "orphan-archived"], "say which queue: --queue Q"),
        (["delete", "--archived"], "say which queue: --queue Q"),
        (["repair", "--kind", "stale-history", "--action", "clean", "--queue", "q"], "delete --kind stale-history"),
        (["export", "--kind", "stale-history", "--queue", "q", "x.ndjson"], "belongs to no queue"),
    ],
)
def test_what_does_not_go_together_is_refused(scheduled: Live, cli: Command, arguments: list[str], part: str) -> None:
    ended = cli(*at(scheduled, *arguments))
    assert (ended.code, part in ended.err) == (2, True), ended.err


def test_a_read_only_session_deletes_none(scheduled: Live, cli: Command) -> None:
    before = everything(scheduled.client)
    assert cli(*at(scheduled, "delete", "--kind", "stale-history", "--yes", "--read-only")).code == 5
    assert cli(*at(scheduled, "delete", "--kind", "stale-history", "--dry-run", "--read-only")).code == 0
    assert everything(scheduled.client) == before
