"""Messages of many MiB are taken apart as the library decodes them."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_tui.asynq import large_message, message
from archive_tui.asynq.message import TaskMessage

WHOLE = TaskMessage(
    type="email:send", payload=b"\x00" * 3000 + b"{}", id="a", queue="q", retry=25, error_msg="boom", last_failed_at=9,
    headers={"trace": "1", "region": "eu"},
)  # fmt: skip
UNKNOWN = b"\xfa\x07\x03abc" + b"\xf8\x07\x05" + b"\xfd\x07abcd" + b"\xf9\x07abcdefgh"
"""Fields 127 and kin of every wire type."""


def put_together(raw: bytes) -> TaskMessage | None:
    """What a message was before it was taken apart."""
    apart = large_message.apart(raw)
    if apart is None:
        return None
    whole, payload = apart
    if payload:
        whole.payload = payload
    return whole


def test_a_message_is_taken_apart_and_nothing_is_lost() -> None:
    raw = WHOLE.SerializeToString() + UNKNOWN
    apart = large_message.apart(raw)
    assert apart is not None
    assert apart[1] == WHOLE.payload
    assert not apart[0].payload
    assert apart[0].error_msg == "boom"
    assert message.encode(put_together(raw) or TaskMessage()) == message.encode(TaskMessage.FromString(raw))


def test_of_two_payloads_the_last_counts() -> None:
    raw = TaskMessage(payload=b"first").SerializeToString() + TaskMessage(payload=b"last").SerializeToString()
    assert put_together(raw) == TaskMessage.FromString(raw)


def test_only_large_messages_are_taken_apart() -> None:
    small = WHOLE.SerializeToString()
    assert large_message.read(small) == (WHOLE, None)
    assert large_message.read(None) == (None, None)
    payload = random.Random(1).randbytes(large_message.LARGE)
    decoded, taken_out = large_message.read(TaskMessage(id="a", payload=payload).SerializeToString())
    assert decoded == TaskMessage(id="a")
    assert taken_out == payload
    assert large_message.read(b"\xff" * large_message.LARGE) == (None, None)


@settings(max_examples=300)
@given(raw=st.one_of(st.binary(max_size=60), st.binary(max_size=20).map(lambda tail: WHOLE.SerializeToString() + tail)))
def test_what_is_no_message_is_none_for_both(raw: bytes) -> None:
    assert put_together(raw) == message.decode(raw)


@given(at=st.integers(0, 3000), byte=st.integers(0, 255), end=st.integers(0, 3100))
def test_a_damaged_message_is_judged_as_the_library_does(at: int, byte: int, end: int) -> None:
    raw = bytearray(WHOLE.SerializeToString() + UNKNOWN)
    raw[at] = byte
    assert put_together(bytes(raw[:end])) == message.decode(bytes(raw[:end]))
