"""A connection in words: what is a warning and what is not, and what each row says."""

from dataclasses import replace
from typing import Any

import pytest
from support.asynq_data import NOW

from archive_tui.store.facts import (
    Connection,
    Encryption,
    Extra,
    Memory,
    NodeFacts,
    Persistence,
    Replica,
    Right,
    SentinelView,
    Upstream,
)
from archive_tui.wording.attention import notices, warnings
from archive_tui.wording.connection import as_text, consequence, missing_rows, node_rows, server_rows, user_rows
from archive_tui.wording.people import milliseconds
from archive_tui.wording.tone import Tone

GB = 1_000_000_000
DAY = 86_400

HEALTHY = NodeFacts(
    "10.0.0.1:6379",
    product="redis",
    version="8.2.1",
    mode="standalone",
    role="primary",
    uptime=40 * DAY,
    replicas=(Replica("10.0.0.2:6379", "online", 0, 1),),
    memory=Memory(GB, 4 * GB, 8 * GB, 1.04, "noeviction", 0),
    persistence=Persistence(
        NOW - 240,
        save_failed=False,
        saves=9,
        unsaved=3,
        schedule="3600 1 300 100",
        log=False,
        log_failed=False,
    ),
    clients=40,
    clients_limit=10_000,
    ours=3,
    answered_in=0.0004,
    ahead=0.02,
)


def connection(node: NodeFacts = HEALTHY, **changes: Any) -> Connection:
    return Connection("orders:6379/0", (node,), NOW, user="default", **changes)


def codes(node: NodeFacts) -> list[str]:
    return [one.code for one in warnings(connection(node), NOW)]


def rows(node: NodeFacts, **changes: Any) -> dict[str, str]:
    found = connection(node, **changes)
    return {row.label: row.text for row in [*node_rows(found), *server_rows(found, NOW)]}


def test_a_healthy_server_needs_no_attention() -> None:
    assert warnings(connection(), NOW) == []
    assert all(row.tone is Tone.PLAIN for row in server_rows(connection(loopback=True), NOW))
    said = rows(HEALTHY)
    assert said["Nodes"] == ("10.0.0.1:6379    primary  0.40 ms\n└ 10.0.0.2:6379  replica  0 B behind")
    assert said["Server"] == "Redis 8.2.1, standalone, up 40 d"
    assert said["Memory"] == "1.0 GB of 4.0 GB used (25%), fragmentation 1.04"
    assert said["On disk"] == (
        "RDB snapshot 4 minutes ago, 3 changes since; after 1 h with 1 change, 5 min with 100; no AOF log"
    )
    assert said["Clients"] == "3 connections of ours, 40 of all clients, at most 10,000; RESP2"


@pytest.mark.parametrize(
    ("policy", "limit", "code", "words"),
    [
        ("noeviction", 4 * GB, None, ""),
        ("allkeys-lru", 0, None, ""),
        ("", 4 * GB, None, ""),
        ("allkeys-lru", 4 * GB, "may-evict-task-data", "deletes any key"),
        ("allkeys-random", 4 * GB, "may-evict-task-data", "deletes any key"),
        ("volatile-lru", 4 * GB, "may-evict-locks", "unique locks"),
        ("volatile-ttl", 4 * GB, "may-evict-locks", "Task data and indexes stay"),
    ],
)
def test_eviction_is_a_warning_where_there_is_something_to_evict(
    policy: str, limit: int, code: str | None, words: str
) -> None:
    node = replace(HEALTHY, memory=replace(HEALTHY.memory, policy=policy, limit=limit))
    found = warnings(connection(node), NOW)
    assert [one.code for one in found] == ([code] if code else [])
    assert all(words in one.text and "noeviction" in one.text for one in found)
    assert [one.danger for one in found] == ([policy.startswith("allkeys")] if code else [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"trouble": "did not answer within 5 s"}, "unreachable"),
        ({"loading": "61 % loaded"}, "loading"),
        ({"memory": Memory(int(3.7 * GB), 4 * GB, policy="noeviction")}, "memory-full"),
        ({"memory": Memory(GB, 4 * GB, policy="noeviction", evicted=12)}, "has-evicted"),
        ({"persistence": Persistence(NOW - 10 * DAY, True, 4)}, "save-failed"),
        ({"persistence": Persistence(NOW, False, log=True, log_failed=True)}, "log-failed"),
        ({"persistence": Persistence(NOW, False, 0, schedule="", log=False)}, "nothing-saved"),
        ({"replicas": (Replica("r:1", "wait_bgsave"),)}, "replica-behind"),
        ({"replicas": (Replica("r:1", "online", 20_000_000, 0),)}, "replica-behind"),
        ({"replicas": (Replica("r:1", "online", 0, 30),)}, "replica-behind"),
        ({"upstream": Upstream("p:1", False, 42)}, "primary-away"),
        ({"upstream": Upstream("p:1", False, None)}, "primary-away"),
        ({"upstream": Upstream("p:1", False, syncing=True)}, "replica-syncing"),
        ({"encryption": Encryption("TLSv1.3", "AES", False)}, "not-verified"),
        ({"encryption": Encryption("TLSv1.3", "AES", True, NOW + 2 * DAY)}, "certificate-expires"),
        ({"clients": 9_400}, "connections-full"),
        ({"ahead": -14.0}, "clocks-apart"),
    ],
)
def test_what_needs_attention(changes: dict[str, Any], code: str) -> None:
    node = replace(HEALTHY, **changes)
    assert codes(node) == [code]
    (one,) = warnings(connection(node), NOW)
    assert one.sentence.startswith("10.0.0.1:6379 ")
    (notice,) = notices(connection(node), NOW)
    assert notice.sentence == f"this server {one.text}"
    assert "\n" not in one.text


@pytest.mark.parametrize(
    "changes",
    [
        {"persistence": Persistence(NOW, False, 0, schedule=None, log=False)},  # nobody knows: CONFIG was refused
        {"encryption": Encryption("TLSv1.3", "AES", True, NOW + 60 * DAY)},
        {"ahead": 2.5, "answered_in": 2.0},  # a slow answer does not tell that much
        {"upstream": Upstream("p:1", True, 1), "role": "replica"},
        {"memory": Memory(), "persistence": Persistence(), "replicas": None, "clients": None, "ahead": None},
    ],
)
def test_what_is_unknown_or_well_is_no_warning(changes: dict[str, Any]) -> None:
    node = replace(HEALTHY, **changes)
    assert codes(node) == []
    assert all(text for text in rows(node).values())


def test_the_gravest_stands_first() -> None:
    node = replace(HEALTHY, clients=9_999, memory=replace(HEALTHY.memory, policy="allkeys-lfu"))
    assert codes(node) == ["may-evict-task-data", "connections-full"]


def test_nothing_of_a_dump_file_needs_attention() -> None:
    node = replace(HEALTHY, persistence=Persistence(NOW, False, 0, schedule="", log=False))
    found = connection(node, snapshot="2026-11-23 02:00:00 Z")
    assert warnings(found, NOW) == []
    assert [row.label for row in [*node_rows(found), *server_rows(found, NOW)]] == ["Snapshot", "Server", "Memory"]


def test_several_nodes_share_what_they_have_in_common() -> None:
    one = replace(HEALTHY, address="10.0.0.1:6379/0", mode="cluster")
    other = replace(
        one, address="10.0.0.9:6379/0", uptime=3 * DAY, clients=70, memory=replace(HEALTHY.memory, used=2 * GB)
    )
    away = NodeFacts("10.0.0.5:6379/0", trouble="did not answer within 5 s")
    found = replace(connection(), nodes=(one, other, away), unserved=1)
    said = {row.label: row.text for row in [*node_rows(found), *server_rows(found, NOW)]}
    assert said["Server"] == "Redis 8.2.1, cluster, 2 nodes, up 3 d to 40 d"
    assert said["Memory"] == (
        "3.0 GB in all; the fullest is 10.0.0.9:6379: 2.0 GB of 4.0 GB used (50%), fragmentation 1.04"
    )
    assert said["Clients"] == "6 connections of ours; the busiest node is 10.0.0.9:6379: 70, at most 10,000; RESP2"
    assert said["Eviction"] == "noeviction: nothing is evicted; where memory is full, writes are refused"
    assert "10.0.0.5:6379    away     did not answer within 5 s" in said["Nodes"].splitlines()
    assert [one.sentence for one in notices(found, NOW)] == [
        "this cluster has 1 slot that no node serves: queues there cannot be read or changed",
        "10.0.0.5:6379 cannot be read: did not answer within 5 s",
    ]


def test_what_is_so_of_several_nodes_is_said_once() -> None:
    full = replace(HEALTHY.memory, policy="allkeys-lru")
    nodes = tuple(replace(HEALTHY, address=f"10.0.0.{number}:6379/0", memory=full) for number in (1, 2, 3))
    (all_of_them,) = notices(replace(connection(), nodes=nodes), NOW)
    assert all_of_them.sentence.startswith("each of the 3 nodes may evict task data")
    (some,) = notices(replace(connection(), nodes=(*nodes[:2], HEALTHY)), NOW)
    assert some.sentence.startswith("each of 10.0.0.1:6379, 10.0.0.2:6379 may evict")
    assert [one.address for one in warnings(replace(connection(), nodes=nodes), NOW)] == [
        node.address for node in nodes
    ]


def test_latency_in_words_and_as_a_picture() -> None:
    found = connection(latencies=(0.001, 0.001, 0.004), latencies_since=4.0)
    (row,) = [row for row in node_rows(found) if row.label == "Latency"]
    assert (row.text, len(row.spark), row.spark[-1]) == ("median 1.0 ms, worst 4.0 ms in the last 4 s", 3, "█")
    assert [milliseconds(one) for one in (0.00008, 0.0031, 0.048, 1.24)] == ["0.08 ms", "3.1 ms", "48 ms", "1.2 s"]


@pytest.mark.parametrize(
    ("right", "words", "tone"),
    [
        (Right("read", 3), "permitted: list, scan, show and export tasks", Tone.PLAIN),
        (Right("read"), "unknown until it is tried", Tone.QUIET),
        (Right("delete", 2, {"a": ("EVAL", "DEL"), "b": ("DEL",)}, "x"), "refused: delete tasks; x", Tone.CAUTION),
        (Right("delete", 3, {"a": ("its keys",)}, "x"), "but not in a: x", Tone.CAUTION),
        (Right("restore", 9, dict.fromkeys("abcde", ("HSET",))), "not in a, b, c and 2 more", Tone.CAUTION),
    ],
)
def test_what_the_user_may_do(right: Right, words: str, tone: Tone) -> None:
    row = user_rows(connection(rights=(right,)))[-1]
    assert words in row.text
    assert row.tone is tone


def test_what_is_not_asked_in_a_read_only_session() -> None:
    found = connection(rights=(Right("read", 2), Right("delete")), why_read_only="this is a read-only session")
    assert [row.text for row in user_rows(found)][1:] == [
        "this is a read-only session",
        "permitted: list, scan, show and export tasks",
        "not asked, as nothing may be changed: delete tasks",
    ]


def test_every_lack_has_its_consequence() -> None:
    node = replace(HEALTHY, refused=("INFO memory", "INFO clients"))
    found = missing_rows(connection(node, missing=frozenset(Extra), missing_asked=False))
    assert [row.label for row in found] == [*(extra.value for extra in Extra), "INFO memory", "INFO clients", ""]
    assert all(consequence(extra) for extra in Extra)
    assert missing_rows(connection())[0].text.startswith("nothing:")


def test_foreign_text_is_safe() -> None:
    right = Right("read", 2, {"q\x1b[2J": ("its keys",)})
    found = replace(connection(rights=(right,)), user="u\x1b]0;x\x07", profile="p\x1b[2J")
    text = "\n".join(as_text(found, NOW))
    assert text.replace("\n", "").isprintable()
    assert "10.0.0.2:6379" in text


def test_sentinels_that_agree_are_one_line_and_others_one_each() -> None:
    views = (SentinelView("s1:26379", "10.0.0.1:6379"), SentinelView("s2:26379", "10.0.0.1:6379"))
    (row,) = [row for row in node_rows(connection(service="orders", sentinels=views)) if row.label == "Sentinels"]
    assert row.text.splitlines() == ["2 Sentinels of orders: primary 10.0.0.1:6379", "s1:26379, s2:26379"]
    assert row.tone is Tone.PLAIN
    views = (replace(views[0], down=True), SentinelView("s2:26379", trouble="did not answer within 5 s"))
    (row,) = [row for row in node_rows(connection(service="orders", sentinels=views)) if row.label == "Sentinels"]
    assert row.text.splitlines() == [
        "service orders",
        "s1:26379: primary 10.0.0.1:6379, which it does not reach",
        "s2:26379: did not answer within 5 s",
    ]
    assert row.tone is Tone.CAUTION
