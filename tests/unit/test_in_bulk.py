"""What is done for many tasks at once gives exactly what it gives for each alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.asynq import locks, message
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.rows import values_of, values_of_all
from archive_tui.asynq.states import State
from archive_tui.asynq.task import fingerprint
from archive_tui.asynq.task_copy import Copy
from archive_tui.changes.delete import DeleteBatch, _all_as_planned
from archive_tui.journal import format
from archive_tui.store.link.pipe import pack, pack_each
from archive_tui.store.read import snapshots as reading
from archive_tui.store.read.judgement import judge
from archive_tui.store.write.delete import Doomed, Standing

plain_text = st.text(alphabet=st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=12)
ids = st.lists(
    st.binary(min_size=1, max_size=40) | st.uuids().map(lambda one: str(one).encode()), min_size=1, unique=True
)
messages = st.builds(
    TaskMessage,
    type=plain_text,
    payload=st.binary(max_size=30),
    id=plain_text,
    retried=st.integers(0, 30),
    error_msg=plain_text,
    unique_key=st.just("") | plain_text,
    last_failed_at=st.integers(0, 2**40),
).map(message.encode)
raw_messages = st.one_of(messages, messages, messages, st.just(b""), st.just(b"\xff\xff"), st.none())


def contents_of(task_ids: list[bytes], draw: Callable[..., object], state: st.SearchStrategy[bytes]) -> list[object]:
    return [draw(st.none() | st.tuples(state, raw_messages).map(list)) for _ in task_ids]


@given(ids, st.data())
def test_rows_of_many_are_the_rows_of_each(task_ids: list[bytes], data: st.DataObject) -> None:
    raws = [data.draw(raw_messages) for _ in task_ids]
    many = values_of_all(task_ids, raws, 9)  # type: ignore[arg-type]
    if many is None:
        assert any(not raw or message.decode(raw) is None for raw in raws)
    else:
        assert many == [values_of(one, raw, 9 + len(one)) for one, raw in zip(task_ids, raws, strict=True)]


def test_rows_of_a_large_message_are_left_to_the_careful_way() -> None:
    raw = message.encode(TaskMessage(type="t", error_msg="x" * 70_000))
    assert values_of_all([b"one"], [raw], 9) is None


@pytest.mark.parametrize("leftover", [False, True])
@given(task_ids=ids, data=st.data())
def test_a_page_is_judged_as_each_of_its_tasks(leftover: bool, task_ids: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.sampled_from([State.ARCHIVED, State.COMPLETED]))
    alike = data.draw(st.booleans())
    states = st.just(index.value.encode()) if alike else st.sampled_from([b"archived", b"completed", b"pending", b"?"])
    contents = [[data.draw(states), data.draw(messages)] for _ in task_ids]
    if not alike:
        contents = contents_of(task_ids, data.draw, states)  # type: ignore[assignment]
    scores = [None if alike else data.draw(st.none() | st.just(b"12")) for _ in task_ids]
    whole = judge("q", index, task_ids, contents, scores, len(ASYNQ.task_prefix("q")), leftover=leftover)
    each = [
        judge("q", index, [one], [content], [score], len(ASYNQ.task_prefix("q")), leftover=leftover)
        for one, content, score in zip(task_ids, contents, scores, strict=True)
    ]
    assert {row.id: row for batch in whole.batches for row in batch.rows()} == {
        row.id: row for judged in each for batch in judged.batches for row in batch.rows()
    }
    assert sorted(whole.unsettled) == sorted(one for judged in each for one in judged.unsettled)
    assert sorted(one for found in whole.elsewhere.values() for one in found) == sorted(
        one for judged in each for found in judged.elsewhere.values() for one in found
    )
    assert whole.not_tasks == sum(judged.not_tasks for judged in each)
    assert whole.largest == max(judged.largest for judged in each)


@given(ids, st.data())
def test_lines_of_many_are_the_lines_of_each(task_ids: list[bytes], data: st.DataObject) -> None:
    """Also where one among them is out of the ordinary, so that they are not written in one go."""
    stood = data.draw(st.sampled_from([None, State.ARCHIVED, State.COMPLETED]))
    scored = st.just(None) if stood is None else st.sampled_from([b"1", b"1795399200", b"inf"])
    fields = st.tuples(st.just(b"msg"), st.binary(max_size=30), st.just(b"state"), st.just(b"archived")).map(list)
    copies = [Copy("q", one, data.draw(fields), stood, data.draw(scored)) for one in task_ids]
    strange = data.draw(
        st.sampled_from(
            [
                None,
                Copy("r", b"other queue", [b"msg", b"m", b"state", b"archived"]),
                Copy("q", b"state first", [b"state", b"archived", b"msg", b"m"]),
                Copy("q", b"more", [b"msg", b"m", b"state", b"archived", b"result", b"\xff"]),
                Copy("q", b"less", [b"msg", b"m"]),
                Copy("q", b"nothing", []),
                Copy("q", b"locked", [b"msg", b"m", b"state", b"archived"], None, None, b"lock", 7),
                Copy("q", b"other state", [b"msg", b"m", b"state", b"retry"], State.RETRY, b"3"),
                Copy("q", b"expires", [b"msg", b"m", b"state", b"archived"], until=1_795_399_200_000),
                Copy("q", b"in part", [b"msg", b"m", b"state", b"archived"], field_until={b"msg": 1, b"\xff": 2}),
                Copy(INSTALLATION, b"of no queue", [b"event", b"12"]),
                Copy("q", b"strange names", [b"\xff", b"m", b"base64:/w==", b"", b"", b"x"]),
            ]
        )
    )
    if strange is not None:
        copies.insert(data.draw(st.integers(0, len(copies))), strange)
    together = b"".join(format.task_lines(copies))
    assert together == b"".join(b"".join(format.task_lines([one])) for one in copies)
    lines = [json.loads(one) for one in together.splitlines()]
    assert [format.task_of(line) for line in lines] == copies
    assert {(type(line["fields"]), *line) for line in lines} == {(dict, *lines[0])}, "all have one shape"


def test_lines_written_in_one_go_are_those_of_the_careful_way() -> None:
    """A lock that is none makes no difference but to the way that is taken."""
    plain = [
        Copy("q", b"id%d" % at, [b"msg", b"\x00m", b"state", b"archived"], State.ARCHIVED, b"%d" % at)
        for at in range(3)
    ]
    queer = Copy("q", b"x", [])
    careful = b"".join(format.task_lines([*plain, queer]))
    assert careful == b"".join(format.task_lines(plain)) + b"".join(format.task_lines([queer]))


@given(ids)
def test_requests_packed_together_are_those_packed_alone(values: list[bytes]) -> None:
    alone = b"".join(pack((b"HSTRLEN", ASYNQ.task("q", one), b"msg")) for one in values)
    head, tail = b"*3\r\n$7\r\nHSTRLEN\r\n", b"$3\r\nmsg\r\n"
    assert pack_each(head, values, tail, start=ASYNQ.task_prefix("q")) == alone
    assert b"*%d\r\n" % len(values) + pack_each(b"", values) == pack(tuple(values))
    started = tuple(b"t:" + one for one in values)
    assert b"*%d\r\n" % len(values) + pack_each(b"", values, start=b"t:") == pack(started)


def batch_of(doomed: list[Doomed], **options: Any) -> DeleteBatch:
    return DeleteBatch(
        queue="q",
        ids=[one.id for one in doomed],
        seqs=range(len(doomed)),
        doomed=doomed,
        standing=Standing.ORPHAN,
        indexes=[None] * len(doomed),
        **options,
    )


def test_a_call_is_small_for_the_server_also_where_tasks_hold_more_than_their_message() -> None:
    """A worker may have written a result before its task failed for good: the list knows the messages alone."""
    fields = (b"msg", b"m" * 100, b"state", b"archived", b"result", b"r" * 50_000)
    copies = [Copy("q", b"%d" % number, fields) for number in range(100)]
    doomed = [Doomed(one.id, State.ARCHIVED, b"", Standing.ORPHAN) for one in copies]
    batch = batch_of(doomed, weight=35_000, largest=350, copies=copies)
    batch.slice(500)
    assert batch.calls is not None
    assert [at for call in batch.calls for at in call.at] == list(range(100))
    assert max(len(call.at) for call in batch.calls) * 50_000 < 1024 * 1024


MESSAGES = [b"", b"m", b"n" * 2000]
PLANNED = st.just((b"msg", b"m", b"state", b"archived"))
FIELDS = st.one_of(
    *[st.just((b"msg", one, b"state", state)) for one in MESSAGES for state in (b"archived", b"active", b"")],
    st.just((b"state", b"archived", b"msg", b"m")),
    st.just((b"msg", b"m", b"state", b"archived", b"result", b"")),
    st.sampled_from([(), (b"msg", b"m"), (b"state", b"archived"), (b"msg", b"m", b"other", b"archived")]),
    st.just(reading.NOT_A_HASH),
)


@given(
    st.sampled_from([State.ARCHIVED, State.ACTIVE, None]),
    st.lists(st.tuples(PLANNED | FIELDS, st.just(b"m") | st.sampled_from(MESSAGES)), min_size=1),
)
def test_a_lot_that_is_as_planned_is_so_in_each_of_its_tasks(
    state: State | None, found: list[tuple[tuple[bytes, ...], bytes]]
) -> None:
    copies = [Copy("q", b"%d" % number, fields) for number, (fields, _) in enumerate(found)]
    doomed = [
        Doomed(one.id, state, fingerprint(seen), Standing.ORPHAN, unique=False)
        for one, (_, seen) in zip(copies, found, strict=True)
    ]
    batch = batch_of(doomed)
    each = [state is not None and fields == (b"msg", seen, b"state", state.value.encode()) for fields, seen in found]
    assert _all_as_planned(batch, copies) == all(each)


lock_names = plain_text.map(ASYNQ.unique_prefix("q").decode().__add__)
namers = st.one_of(
    FIELDS,
    st.tuples(st.just(b"msg"), messages),
    st.tuples(st.just(b"msg"), st.builds(TaskMessage, type=plain_text, unique_key=lock_names).map(message.encode)),
    st.tuples(st.just(b"msg"), messages, st.just(b"unique_key"), lock_names.map(str.encode)),
)


@given(st.lists(st.builds(Copy, st.just("q"), st.just(b"id"), namers), max_size=4))
def test_tasks_that_are_not_looked_at_for_a_lock_name_none(copies: list[Copy]) -> None:
    if not locks.may_be_named(value for copy in copies for value in copy.fields):
        assert all(reading.lock_of(ASYNQ, copy) is None for copy in copies)
