"""Members of indexes that are whole messages, as Asynq before 0.18 kept them."""

import pytest

from archive_tui.asynq.whole_messages import message_in

TASK = '"Type":"send","ID":"one","Queue":"old"'


@pytest.mark.parametrize(
    ("member", "payload"),
    [
        (f'{{{TASK},"Payload":{{"price":1.10,"id":1234567890.12345678}}}}', '{"price":1.10,"id":1234567890.12345678}'),
        (f'{{"Payload":{{"html":"\\u003cb\\u003e"}},{TASK}}}', '{"html":"\\u003cb\\u003e"}'),
        (f'{{ "Payload" : [ 1 , {{}} ] ,\n{TASK} }}', "[ 1 , {} ]"),
        (f'{{"Payload":{{"Payload":1}},{TASK},"Payload":{{"Payload":2}}}}', '{"Payload":2}'),
        (f'{{"Payload":{{"half":"\\ud800"}},{TASK}}}', '{"half":"\\ud800"}'),
        (f'{{"Payload":null,{TASK}}}', ""),
        (f"{{{TASK}}}", ""),
    ],
)  # fmt: skip
def test_a_payload_is_what_was_written(member: str, payload: str) -> None:
    message = message_in(member.encode(), "old")
    assert message is not None
    assert message.payload == payload.encode()


@pytest.mark.parametrize("member", [b"{", b"{}", b'{"Type":"send"', b'{"Type":1,"ID":"one","Queue":"old"}'])
def test_what_is_no_message_is_none(member: bytes) -> None:
    assert message_in(member, "old") is None
