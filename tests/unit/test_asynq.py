"""What Asynq means: keys, states, messages, findings and tasks, without any server."""

import hashlib
from pathlib import Path

import pytest
from google.protobuf.internal import decoder, encoder
from hypothesis import given
from hypothesis import strategies as st
from support import asynq_data

from archive_tui.asynq import locks, message
from archive_tui.asynq.findings import ORPHAN_STATES, Kind, fits, judge, state_of
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.asynq.rows import TaskRow, row_of
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.asynq.task import Task, UniqueLock, fingerprint
from archive_tui.text import decode
from archive_tui.wording.task import facts

NAME = st.text(min_size=1, max_size=12) | st.binary(min_size=1, max_size=12).map(decode)
PLAIN_NAME = NAME.filter(lambda name: "}" not in name)

# A message as the Go library of Asynq 0.26 writes it, byte by byte: fields 1 to 6, 8, 9, 12 and 15.
GOLDEN = (
    b"\x0a\x0aemail:send\x12\x08\x7b\x22u\x22:42}\x1a\x03abc\x22\x07default\x28\x19\x30\x02\x3a\x04boom"
    b"\x40\x88\x0e\x48\x80\xc2\xd7\xaf\x06\x52\x01u\x58\x81\xc2\xd7\xaf\x06\x60\x3c\x68\x82\xc2\xd7\xaf\x06\x72\x02g1"
    b"\x7a\x06\x0a\x01k\x12\x01v"
)


def test_names_of_keys() -> None:
    assert ASYNQ.task("default", b"abc") == b"asynq:{default}:t:abc"
    assert ASYNQ.index("default", State.ARCHIVED) == b"asynq:{default}:archived"
    assert [ASYNQ.index("q", state) for state in (*LISTS, *SORTED_SETS)] == [
        b"asynq:{q}:" + name for name in (b"pending", b"active", b"scheduled", b"retry", b"archived", b"completed")
    ]
    assert ASYNQ.lease("q") == b"asynq:{q}:lease"
    assert ASYNQ.group("q", b"g1") == b"asynq:{q}:g:g1"
    assert ASYNQ.groups("q") == b"asynq:{q}:groups"
    assert ASYNQ.aggregation_sets("q") == b"asynq:{q}:aggregation_sets"
    assert ASYNQ.paused("q") == b"asynq:{q}:paused"
    assert ASYNQ.failed_on("q", "2026-11-18") == b"asynq:{q}:failed:2026-11-18"
    assert ASYNQ.processed_on("q", "2026-11-18") == b"asynq:{q}:processed:2026-11-18"
    assert asynq_data.lock_key("q").startswith(ASYNQ.unique_prefix("q"))
    assert ASYNQ.queues == b"asynq:queues"


def test_aggregating_tasks_have_no_index_of_their_own() -> None:
    with pytest.raises(ValueError, match="group"):
        ASYNQ.index("q", State.AGGREGATING)


@given(PLAIN_NAME, st.binary(max_size=20))
def test_a_task_key_says_queue_and_id(queue: str, task_id: bytes) -> None:
    assert ASYNQ.split_task(ASYNQ.task(queue, task_id)) == (queue, task_id)
    assert ASYNQ.queue_of(ASYNQ.task(queue, task_id)) == queue


@given(PLAIN_NAME)
def test_every_key_of_a_queue_says_which(queue: str) -> None:
    for key in (
        *[ASYNQ.index(queue, state) for state in (*LISTS, *SORTED_SETS)], ASYNQ.lease(queue), ASYNQ.groups(queue),
        ASYNQ.group(queue, b"x"), ASYNQ.aggregation_sets(queue), ASYNQ.paused(queue),
        ASYNQ.failed_on(queue, "2026-01-01"),
        ASYNQ.processed_on(queue, "2026-01-01"), ASYNQ.prefix(queue) + b"failed", asynq_data.lock_key(queue),
        ASYNQ.deadlines(queue), ASYNQ.old_archive(queue),
    ):  # fmt: skip
        assert ASYNQ.queue_of(key) == queue


@pytest.mark.parametrize(
    "key",
    [b"asynq:queues", b"asynq:servers", b"asynq:{q}", b"asynq:{q}:other", b"asynq:{}:t:x", b"asynq:{host:1:id}", b"x",
     b"asynq:{q}:pendings", b"xasynq:{q}:t:1", b"asynq:schedulers:{host:1:id}", b"asynq:workers:{host:1:id}"],
)  # fmt: skip
def test_keys_of_no_queue(key: bytes) -> None:
    assert ASYNQ.queue_of(key) is None
    assert ASYNQ.split_task(key) is None


def test_braces_in_a_queues_name() -> None:
    for queue in ("a{b}c", "}", "{", "{}", "a}:b"):
        assert ASYNQ.split_task(ASYNQ.task(queue, b"x")) == (queue, b"x")


def test_states() -> None:
    assert {State.parse(name.encode()) for name in asynq_data.STATES} == set(State)
    for unknown in (None, b"", b"dead", b"ARCHIVED", b"\xff"):
        assert State.parse(unknown) is None


def test_a_message_as_go_writes_it() -> None:
    decoded = message.decode(GOLDEN)
    assert decoded is not None
    assert (decoded.type, decoded.payload, decoded.id, decoded.queue) == ("email:send", b'{"u":42}', "abc", "default")
    assert (decoded.retry, decoded.retried, decoded.error_msg) == (25, 2, "boom")
    assert (decoded.timeout, decoded.deadline, decoded.unique_key) == (1800, 1_710_612_736, "u")
    assert (decoded.last_failed_at, decoded.retention, decoded.completed_at) == (1_710_612_737, 60, 1_710_612_738)
    assert (decoded.group_key, dict(decoded.headers)) == ("g1", {"k": "v"})
    assert message.encode(decoded) == GOLDEN


INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
CLEAN = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.builds(
    TaskMessage,
    type=CLEAN, payload=st.binary(max_size=50), id=CLEAN, queue=CLEAN, retry=INT32, retried=INT32, error_msg=CLEAN,
    timeout=INT64, deadline=INT64, unique_key=CLEAN, last_failed_at=INT64, retention=INT64, completed_at=INT64,
    group_key=CLEAN, headers=st.dictionaries(CLEAN, CLEAN, max_size=3),
)  # fmt: skip


def unknown_field(number: int, value: bytes) -> bytes:
    return encoder.TagBytes(number, 2) + encoder._VarintBytes(len(value)) + value


@given(MESSAGES)
def test_a_message_survives_writing_and_reading(original: TaskMessage) -> None:
    assert message.decode(message.encode(original)) == original


@given(MESSAGES, st.lists(st.tuples(st.integers(16, 5000), st.binary(max_size=20)), max_size=4))
def test_fields_of_a_later_asynq_are_kept(original: TaskMessage, unknown: list[tuple[int, bytes]]) -> None:
    extra = b"".join(unknown_field(number, value) for number, value in unknown)
    decoded = message.decode(original.SerializeToString() + extra)
    assert decoded is not None
    decoded.retried = 7
    written = message.encode(decoded)
    found = [(number, value) for number, value in top_level(written) if number > 15]
    assert found == unknown
    original.retried = 7
    again = message.decode(written)
    assert again is not None
    assert again.headers == original.headers
    assert again.error_msg == original.error_msg


def top_level(raw: bytes) -> list[tuple[int, bytes]]:
    """The fields of a protobuf message with length-delimited values; other fields have an empty value."""
    fields, at = [], 0
    while at < len(raw):
        tag, at = decoder._DecodeVarint(raw, at)
        size, at = decoder._DecodeVarint(raw, at)
        value = b""
        if tag & 7 == 2:
            value, at = raw[at : at + size], at + size
        fields.append((tag >> 3, value))
    return fields


@given(MESSAGES)
def test_the_same_message_gives_the_same_bytes(original: TaskMessage) -> None:
    backwards = TaskMessage()
    backwards.CopyFrom(original)
    headers = dict(original.headers)
    backwards.headers.clear()
    for name in reversed(list(headers)):
        backwards.headers[name] = headers[name]
    assert message.encode(backwards) == message.encode(original)


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\x0aabc", b"\x0a\x02\xff\xfe", b"hello", b'{"Type": "x"}'])
def test_what_is_no_message(raw: bytes) -> None:
    assert message.decode(raw) is None


@given(st.binary(max_size=60))
def test_no_bytes_break_the_decoder(raw: bytes) -> None:
    decoded = message.decode(raw)
    row = row_of("q", b"id", State.ARCHIVED, raw)
    assert row.readable == (decoded is not None)


@pytest.mark.parametrize("state", [*State, None])
def test_what_stands_in_its_index_is_no_finding(state: State | None) -> None:
    assert judge(state, referenced=True) is None


def test_what_unreferenced_data_is() -> None:
    assert judge(State.ARCHIVED, referenced=False) is Kind.ORPHAN_ARCHIVED
    assert judge(State.COMPLETED, referenced=False) is Kind.ORPHAN_COMPLETED
    for state in (*set(State) - {State.ARCHIVED, State.COMPLETED}, None):
        assert judge(state, referenced=False) is Kind.LOST
    for state in State:
        assert judge(state, referenced=True) is None
    assert {State.ARCHIVED, State.COMPLETED} == ORPHAN_STATES


def test_a_leftover_queue_has_only_orphans_among_its_completed_tasks() -> None:
    assert judge(State.COMPLETED, referenced=True, leftover=True) is Kind.ORPHAN_COMPLETED
    assert judge(State.ARCHIVED, referenced=True, leftover=True) is None
    assert judge(State.PENDING, referenced=True, leftover=True) is None


def test_kinds_are_those_of_the_file_formats() -> None:
    assert [kind.value for kind in Kind] == [
        "orphan-archived", "orphan-completed", "lost", "ghost", "mismatch", "husk", "foreign", "stale-lock",
        "stale-history",
    ]  # fmt: skip
    assert Kind.ORPHAN_ARCHIVED.label == "orphan, archived"


def test_which_state_may_stand_in_which_index() -> None:
    for state in set(State) - {State.AGGREGATING}:
        assert fits(state, state.value)
        assert state_of(state.value) is state
    assert fits(State.ACTIVE, "lease")
    assert fits(State.AGGREGATING, "g:daily")
    assert not fits(State.AGGREGATING, "aggregating")
    assert not fits(State.PENDING, "lease")
    assert not fits(None, "archived")
    assert (state_of("lease"), state_of("g:daily")) == (State.ACTIVE, State.AGGREGATING)


def test_which_repairs_fit_which_kind() -> None:
    """As docs/asynq-storage.md says, and nothing that would make things worse."""
    for kind in Kind:
        for repair in offered(kind):
            assert repair.label
            assert repair.consequence
    assert offered(Kind.GHOST) == (Repair.REMOVE_ID,), "running a ghost makes a husk"
    assert offered(Kind.HUSK) == (Repair.CLEAN,)
    assert offered(Kind.FOREIGN) == (Repair.DELETE_KEY,)
    assert offered(None) == ()


def test_the_guide_says_of_each_kind_what_the_help_pages_say() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    for kind in Kind:
        said = kind.explained
        assert f"| {kind.label} | {said.what} | {said.cause} | {said.consequence} | {said.way_out} |" in guide


@given(st.binary(max_size=200))
def test_a_fingerprint_is_what_the_server_computes(raw: bytes) -> None:
    assert fingerprint(raw).hex() == hashlib.sha1(raw).hexdigest()[:16]


def test_a_row_says_what_the_message_says() -> None:
    row = row_of("q", b"abc", State.ARCHIVED, GOLDEN, kind=Kind.ORPHAN_ARCHIVED, scored_at=5, key_bytes=20)
    assert row == TaskRow(
        "q", b"abc", State.ARCHIVED, Kind.ORPHAN_ARCHIVED, "email:send", "boom", 2, 25, 1_710_612_737, 5, 8,
        20 + len(GOLDEN) + 250, fingerprint(GOLDEN), True, True,
    )  # fmt: skip


def test_a_row_without_a_message_claims_nothing() -> None:
    row = row_of("q", b"abc", State.ARCHIVED, None, key_bytes=20)
    assert not row.readable
    assert (row.type, row.error, row.payload_bytes, row.stored_bytes, row.fingerprint) == ("", "", None, None, b"")


def test_a_row_whose_message_does_not_decode_still_recognises_it() -> None:
    row = row_of("q", b"abc", State.ARCHIVED, b"\xff\xff", key_bytes=20)
    assert not row.readable
    assert row.fingerprint == fingerprint(b"\xff\xff")
    assert row.payload_bytes is None
    assert row.stored_bytes == 20 + 2 + 250


def a_task(**changes: object) -> Task:
    given_: dict[str, object] = {
        "queue": "q", "id": b"abc", "state": State.ARCHIVED, "fields": {b"state": b"archived", b"msg": GOLDEN},
        "message": message.decode(GOLDEN), **changes,
    }  # fmt: skip
    return Task(**given_)  # type: ignore[arg-type]


def test_a_task_is_referenced_by_the_index_of_its_own_state_only() -> None:
    assert a_task(stands_in={"archived": 5.0}).referenced
    assert not a_task(stands_in={"pending": None}).referenced
    assert not a_task(stands_in={}).referenced
    assert not a_task(state=None, stands_in={"archived": 5.0}).referenced


def said(task: Task, label: str) -> list[str]:
    return [value for name, value in facts(task, asynq_data.NOW) if name == label]


def test_facts_of_a_task() -> None:
    lock = UniqueLock(b"asynq:{q}:unique:u", b"abc", 61.0)
    task = a_task(stands_in={"archived": float(asynq_data.NOW - 60)}, lock=lock, memory=1234)
    assert said(task, "Id") == ["abc"]
    assert said(task, "Queue in msg") == ["default: not the queue of the key"]
    assert said(task, "Tries") == ["2 of 25"]
    assert said(task, "Died") == ["a minute ago\n2026-11-18 11:05:40 Z"]
    assert said(task, "Header") == ["k: v"]
    assert said(task, "Payload") == ["8 B"]
    assert said(task, "In Redis") == ["1.2 kB"]
    assert said(task, "Lock") == ["held, 1 min left\nasynq:{q}:unique:u"]
    assert said(task, "Stands in") == ["archived"]
    assert said(a_task(stands_in={"retry": float(asynq_data.NOW)}), "Stands in") == [
        "retry, to run 2026-11-18 11:06:40 Z"
    ]


def test_facts_of_an_orphan_and_of_a_task_that_could_not_be_searched_for() -> None:
    assert said(a_task(), "Stands in") == ["no index: orphaned task data"]
    assert said(a_task(unchecked=("pending",)), "Stands in") == ["no index found; pending not searched to its end"]
    assert said(a_task(state=State.PENDING), "Stands in") == ["no index"]


def test_facts_of_locks() -> None:
    def of(holder: bytes | None, left: float | None) -> str:
        return said(a_task(lock=UniqueLock(b"k", holder, left)), "Lock")[0]

    assert of(b"abc", None) == "held, for ever\nk"
    assert of(None, None) == "expired or released\nk"
    assert of(b"\x1bother", 5) == "held by another task, ␛other\nk"
    assert said(a_task(), "Lock") == ["none"]


def test_a_lock_runs_out_while_it_is_looked_at() -> None:
    def after(seconds: float, holder: bytes = b"abc") -> str:
        task = a_task(lock=UniqueLock(b"k", holder, 40.0))
        return dict(facts(task, asynq_data.NOW + seconds, asynq_data.NOW))["Lock"].split("\n")[0]

    assert after(0) == "held, 40 s left"
    assert after(15) == "held, 25 s left"
    assert after(40) == after(3600, b"other") == "expired since it was read"


def test_times_that_no_calendar_holds_are_exact() -> None:
    far = message.decode(GOLDEN)
    assert far is not None
    far.deadline, far.last_failed_at, far.timeout = 2**63 - 1, 2**53 + 1, 2**53 + 1
    task = a_task(message=far, fields={b"pending_since": b"%d" % (2**63 - 1)})
    assert said(task, "Deadline")[0].endswith("\n+292277026596-12-04 15:30:07 Z")
    assert said(task, "Last failed")[0].endswith("\n+285428751-11-12 07:36:33 Z")
    assert said(task, "Timeout") == ["9,007,199,254,740,993 s"]
    assert said(task, "Pending")[0].endswith("\n2262-04-11 23:47:16 Z")


def test_facts_of_a_message_that_cannot_be_read() -> None:
    assert said(a_task(message=None), "Message") == ["does not decode as Asynq's TaskMessage"]
    assert said(a_task(message=None, fields={b"state": b"archived"}), "Message") == [
        "missing: the hash has no field msg"
    ]
    assert said(a_task(message=None, fields={}, state=None), "State") == ["missing"]


@given(
    MESSAGES,
    st.dictionaries(
        st.binary(max_size=8) | st.sampled_from([b"result", b"pending_since"]), st.binary(max_size=30), max_size=4
    ),
    st.dictionaries(st.sampled_from(["archived", "lease"]), st.floats(allow_nan=False), max_size=2),
)
def test_no_task_breaks_its_facts_or_slips_past_the_text_door(
    decoded: TaskMessage, fields: dict[bytes, bytes], stands_in: dict[str, float | None]
) -> None:
    for label, value in facts(
        a_task(id=b"\x1b\xff", message=decoded, fields=fields, stands_in=stands_in), asynq_data.NOW
    ):
        assert label
        assert all(ord(one) >= 0x20 or one == "\n" for one in value)
        assert not any(0x7F <= ord(one) < 0xA0 for one in value)
        value.encode()


def test_a_pending_since_of_many_digits_breaks_nothing() -> None:
    assert said(a_task(fields={b"pending_since": b"9" * 5000}), "Pending")


def test_what_the_name_of_a_lock_says() -> None:
    for lock in locks.by_rule(ASYNQ, "q", "email:send", b"{}"):
        assert locks.read(ASYNQ, lock) == ("q", "email:send")
    assert locks.read(ASYNQ, locks.by_rule(ASYNQ, "q", "nil", b"")[-1]) == ("q", "nil")
    for other in (b"asynq:{q}:unique:send:not an md5", b"asynq:{q}:note:send:", b"asynq:{a}:t:b}:unique:send:"):
        assert locks.read(ASYNQ, other) is None
