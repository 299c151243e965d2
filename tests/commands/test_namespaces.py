"""Installations side by side in one database: a session reads and changes the one of its namespace, and no other."""

from typing import Any

import pytest
from support.asynq_data import everything
from support.command_line import Command, at, audit, journals
from support.damage import plant
from support.namespaces import as_in_asynq, copy_to, parts
from support.servers import Live

NAMESPACES = ("asynq", "billing:asynq", "asynq-prod")

CHANGES = (
    ("run", "--where", "id:archived-1"),
    ("delete", "--kind", "orphan-archived"),
    ("delete", "--kind", "stale-history"),
    ("delete", "--archived"),
    ("repair", "--kind", "lost", "--action", "follow-state"),
    ("repair", "--kind", "ghost", "--action", "remove-id"),
    ("repair", "--kind", "mismatch", "--action", "follow-index"),
    ("repair", "--kind", "husk", "--action", "clean"),
    ("repair", "--kind", "stale-lock", "--action", "release"),
)
"""Changes of every kind; each but that of histories of one queue."""


@pytest.fixture
def three(valkey: Live) -> Live:
    """A queue in each of three namespaces, one of them without `asynq` in its name, beside what is nobody's."""
    valkey.asynq.register("email")
    valkey.asynq.add("email", "one")
    for namespace in ("billing:asynq", "jobs"):
        copy_to(valkey.client, namespace)
    valkey.client.sadd("jobs:queues", "empty")
    valkey.client.zadd("asynq-prod:{left}:archived", {"gone": 1})
    valkey.client.hset("shop:{cart}:t:1", mapping={"state": "archived", "price": "3"})
    valkey.client.sadd("resque:queues", "mail")
    valkey.client.set("app:{user}:active", "x")
    return valkey


def test_all_namespaces_are_listed_each_with_its_queues(three: Live, cli: Command) -> None:
    listed = cli(*at(three, "queues", "--all-namespaces", "--json")).json
    assert {one["namespace"]: [queue["queue"] for queue in one["queues"]] for one in listed} == {
        "asynq": ["email"], "asynq-prod": ["left"], "billing:asynq": ["email"], "jobs": ["email", "empty"],
    }  # fmt: skip
    text = cli(*at(three, "queues", "--all-namespaces", "--namespace", "jobs")).text
    assert [one for one in text.splitlines() if one.startswith("namespace ")] == [
        "namespace asynq, 1 queue", "namespace asynq-prod, 1 queue", "namespace billing:asynq, 1 queue",
        "namespace jobs, 2 queues",
    ]  # fmt: skip


def test_a_namespace_of_which_there_is_nothing_is_refused_and_the_others_named(three: Live, cli: Command) -> None:
    refused = cli(*at(three, "queues", "--namespace", "asynq-staging"))
    assert refused.code == 3
    assert "holds nothing in the namespace asynq-staging; it holds others" in refused.complaint
    assert "--namespace asynq, --namespace asynq-prod, --namespace billing:asynq, --namespace jobs" in refused.complaint
    assert cli(*at(three, "queues", "--all-namespaces", "--namespace", "asynq-staging")).code == 0


def test_what_programs_read_names_another_namespace_than_asynqs_own(three: Live, cli: Command) -> None:
    fork = ["--namespace", "billing:asynq"]
    for command in (
        ["queues", "--json"],
        ["scan", "--json"],
        ["show", "email", "one", "--json"],
        ["triage", "email", "--json"],
    ):
        own, other = (cli(*at(three, *command), *flags).json for flags in ([], fork))
        own, other = (one[0] if isinstance(one, list) else one for one in (own, other))
        assert "namespace" not in own
        assert other["namespace"] == "billing:asynq"
    assert cli(*at(three, "show", "email", "one", "--json"), *fork).json["key"] == "billing:asynq:{email}:t:one"
    assert 'namespace="billing:asynq"' in cli(*at(three, "scan", "--prometheus"), *fork).text
    deleted = cli(*at(three, "delete", "--queue", "email", "--archived", "--yes"), *fork)
    assert deleted.code == 0
    assert [one.get("namespace") for one in audit()] == ["billing:asynq", None]
    (journal,) = cli("journal", "--json").json
    assert journal["namespace"] == "billing:asynq"
    assert f"{three.settings.address}, namespace billing:asynq" in cli("journal").text


def test_the_rights_of_the_documents_are_for_one_namespace(
    three: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its name in the place of `asynq`, as docs/permissions.md says; nothing else may be read."""
    three.client.execute_command("ACL", "SETUSER", "ann", "on", ">word", "~billing:asynq:*", "+@all")
    monkeypatch.setenv("ARCHIVE_TUI_USERNAME", "ann")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    fork = ["--namespace", "billing:asynq"]
    try:
        assert cli(*at(three, "scan", "--json"), *fork).json["queues"][0]["tasks"] == 1
        assert cli(*at(three, "delete", "--queue", "email", "--archived", "--yes"), *fork).code == 0
        assert cli(*at(three, "scan", "--json")).code == 5
    finally:
        three.client.execute_command("ACL", "DELUSER", "ann")
    assert three.client.exists("asynq:{email}:t:one", "jobs:{email}:t:one") == 2


@pytest.fixture
def side_by_side(valkey: Live) -> Live:
    """The same damage in three namespaces."""
    plant(valkey, healthy=12)
    for namespace in NAMESPACES[1:]:
        copy_to(valkey.client, namespace)
    return valkey


def within(namespace: str) -> list[str]:
    return [] if namespace == "asynq" else ["--namespace", namespace]


def findings(live: Live, cli: Command, namespace: str) -> Any:
    report = cli(*at(live, "scan", "--json", "--locks", "--messages"), *within(namespace)).json
    assert report.pop("namespace", "asynq") == namespace
    return report["queues"], report["installation"], report["keys_scanned"]


def test_a_scan_finds_the_damage_of_its_own_namespace_alone(side_by_side: Live, cli: Command) -> None:
    found = [findings(side_by_side, cli, namespace) for namespace in NAMESPACES]
    assert sum(one["count"] for queue in found[0][0] for one in queue["findings"].values()) > 100
    for other in found[1:]:
        assert [_without_bytes(queue) for queue in other[0]] == [_without_bytes(queue) for queue in found[0][0]]
        assert other[1]["findings"]["stale-history"]["count"] == found[0][1]["findings"]["stale-history"]["count"] == 1
        assert other[2] == found[0][2]


def _without_bytes(queue: dict[str, Any]) -> dict[str, Any]:
    """The findings of a queue without their size: longer keys take more."""
    return queue | {"findings": {kind: one["count"] for kind, one in queue["findings"].items()}}


def test_changes_and_restores_touch_their_own_namespace_alone(side_by_side: Live, cli: Command) -> None:
    """Whatever is done in one of them: in it the same becomes of everything, and nothing in the others."""
    live = side_by_side
    for number, namespace in enumerate(NAMESPACES):
        before = everything(live.client)
        for change in CHANGES:
            queue = [] if "stale-history" in change else ["--queue", "healthy" if "--archived" in change else "damaged"]
            queue = ["--queue", "healthy"] if change[0] == "run" else queue
            asked = [*at(live, change[0], *queue, *change[1:], "--yes", "--json"), *within(namespace)]
            ended = cli(*asked)
            assert ended.code in (0, 4), (asked, ended.err, ended.text)
            assert ended.json.get("namespace", "asynq") == namespace
            assert ended.json["planned"] > 0, asked
        _others_stand(live, before, namespace)
        after = parts(live, NAMESPACES)
        assert as_in_asynq(after[namespace], namespace) == as_in_asynq(after["asynq"], "asynq")
        assert len(journals()) == (number + 1) * len(CHANGES)

    of = {one["file"]: one.get("namespace", "asynq") for one in cli("journal", "--json").json}
    for namespace in NAMESPACES:
        before = everything(live.client)
        for journal in sorted((file for file in of if of[file] == namespace), reverse=True):
            ended = cli(*at(live, "restore", journal, "--yes"), *within(namespace))
            assert ended.code in (0, 4), (journal, ended.err)
        other = next(file for file in of if of[file] != namespace)
        refused = cli(*at(live, "restore", other, "--yes", "--elsewhere"), *within(namespace))
        assert refused.code == 5
        said = f"this journal is of the namespace {of[other]}, and its tasks belong nowhere else: this is {namespace}"
        assert refused.complaint == f"{said}; say --namespace {of[other]}"
        assert everything(live.client) != before
        _others_stand(live, before, namespace)
        after = parts(live, NAMESPACES)
        assert as_in_asynq(after[namespace], namespace) == as_in_asynq(after["asynq"], "asynq")


def _others_stand(live: Live, before: dict[bytes, bytes], namespace: str) -> None:
    own = namespace.encode() + b":"
    now = everything(live.client)
    for key in before.keys() | now.keys():
        if not key.startswith(own) and b":schedulers:{" not in key:  # a list that may expire meanwhile
            assert now.get(key) == before.get(key), key
