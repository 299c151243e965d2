"""Whose a key is, where it can be read in several ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import asynq_data

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.ownership import Ownership, Reading, is_tangled, readings

TAGS = ["}:t:", "}:g:", "}:unique:", "}:processed", "}:failed", "}:pending", "}:archived", "}:dead", "}:"]
NAMES = [f"a{tag}b" for tag in TAGS]
RESTS = [
    b"t:x", b"t:", b"g:mail", b"unique:t:md5", b"pending", b"active", b"lease", b"deadlines", b"scheduled", b"retry",
    b"archived", b"completed", b"groups", b"aggregation_sets", b"paused", b"processed", b"failed", b"dead",
    b"processed:2026-01-01", b"failed:2026-01-01",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("is_hash", [True, False])
def test_what_a_registered_name_explains_is_no_other_queues(name: str, rest: bytes, is_hash: bool) -> None:
    key = ASYNQ.prefix(name) + rest
    ownership = Ownership(ASYNQ, [name, "other"])
    assert ownership.claims(key) == [Reading(name, rest)]
    assert ownership.sole(key) == Reading(name, rest)
    assert ownership.reading(key, None, is_hash=is_hash) == Reading(name, rest)


@pytest.mark.parametrize("name", NAMES)
def test_a_key_of_a_later_asynq_is_its_queues_as_well(name: str) -> None:
    key = ASYNQ.prefix(name) + b"news"
    assert Ownership(ASYNQ, [name]).sole(key) == Reading(name, b"news")
    assert [one.queue for one in Ownership(ASYNQ, [name, "a"]).claims(key)][-1] == name


def test_a_shorter_registered_name_does_not_explain_what_it_would_not_write() -> None:
    key = b"asynq:{a}:custom}:t:x"
    assert Ownership(ASYNQ, ["a"]).claims(key) == [Reading("a}:custom", b"t:x")]


def message_of(queue: str, task_id: str) -> bytes:
    return asynq_data.a_message(queue, task_id).SerializeToString()


KEY = b"asynq:{a}:t:b}:t:c"
SHORT, LONG = Reading("a", b"t:b}:t:c"), Reading("a}:t:b", b"t:c")


@pytest.mark.parametrize(
    ("registered", "queue", "task_id", "expected"),
    [
        ([], "a", "b}:t:c", SHORT), ([], "a}:t:b", "c", LONG), ([], "z", "c", None),
        (["a", "a}:t:b"], "a", "b}:t:c", SHORT), (["a", "a}:t:b"], "a}:t:b", "c", LONG),
        (["a"], "a", "b}:t:c", SHORT), (["a"], "a}:t:b", "c", None),
        (["a}:t:b"], "a}:t:b", "c", LONG), (["a}:t:b"], "a", "b}:t:c", None),
    ],
)  # fmt: skip
def test_a_message_decides_between_names_and_never_against_a_registered_one(
    registered: list[str], queue: str, task_id: str, expected: Reading | None
) -> None:
    assert Ownership(ASYNQ, registered).reading(KEY, message_of(queue, task_id), is_hash=True) == expected


@pytest.mark.parametrize("raw", [None, b"", b"\xff\xff"])
def test_without_a_message_only_one_claim_is_enough(raw: bytes | None) -> None:
    assert Ownership(ASYNQ, []).reading(KEY, raw, is_hash=True) is None
    assert Ownership(ASYNQ, ["a", "a}:t:b"]).reading(KEY, raw, is_hash=True) is None
    assert Ownership(ASYNQ, ["a"]).reading(KEY, raw, is_hash=True) == SHORT
    assert Ownership(ASYNQ, ["a}:t:b"]).reading(KEY, raw, is_hash=True) == LONG


def test_what_is_no_hash_is_an_index_before_it_is_task_data() -> None:
    index = b"asynq:{a}:t:b}:pending"
    assert Ownership(ASYNQ, []).reading(index, None, is_hash=False) == Reading("a}:t:b", b"pending")
    assert Ownership(ASYNQ, ["a"]).reading(index, None, is_hash=False) == Reading("a", b"t:b}:pending")
    assert Ownership(ASYNQ, []).reading(index, message_of("a", "b}:pending"), is_hash=True) == Reading(
        "a", b"t:b}:pending"
    )
    group = b"asynq:{a}:g:b}:t:c"
    assert Ownership(ASYNQ, []).reading(group, None, is_hash=False) == Reading("a", b"g:b}:t:c")
    assert Ownership(ASYNQ, []).reading(group, message_of("a}:g:b", "c"), is_hash=True) == Reading("a}:g:b", b"t:c")


@pytest.mark.parametrize("key", [b"asynq:queues", b"asynq:{q}", b"asynq:{q}:other", b"asynq:{}:t:x", b"x}:t:y", b""])
def test_keys_of_no_queue(key: bytes) -> None:
    assert readings(ASYNQ, key) == []
    assert Ownership(ASYNQ, []).reading(key, None, is_hash=True) is None


@given(st.text("a}:{tg*\udcff", max_size=12).filter(bool), st.sampled_from(RESTS))
def test_every_key_of_a_queue_can_be_read_as_its_own(queue: str, rest: bytes) -> None:
    key = ASYNQ.prefix(queue) + rest
    found = readings(ASYNQ, key)
    assert Reading(queue, rest) in found
    assert is_tangled(key) or found == [Reading(queue, rest)]
    for one in found:
        assert ASYNQ.prefix(one.queue) + one.rest == key
    assert Reading(queue, rest) in Ownership(ASYNQ, [queue]).claims(key)
