"""Members of indexes that are whole messages, as Asynq 0.17 and before kept them (docs/asynq-storage.md).

Such a member is the only copy of a live task. What has task data under `t:` is an id, whatever it looks like: only who
can look there may call a member a message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive_tui.text import decode, encode

if TYPE_CHECKING:
    from archive_tui.asynq.message import TaskMessage

_NAMES = ("Type", "ID", "Queue")
"""Fields that every message of 0.17.2 has (`TaskMessage` in internal/base/base.go), all of them strings."""

_INT32, _INT64 = 2**31, 2**63

_DECODER = json.JSONDecoder()


def message_in(member: bytes, queue: str) -> TaskMessage | None:
    """The message that a member of an index of this queue is, by its looks; None for an id. Asynq 0.17 wrote JSON."""
    if member[:1] == b"{":
        return _from_json(member)
    if encode(queue) not in member:
        return None  # nearly every id: told at once, and the start need not import protobuf for it
    from archive_tui.asynq import message

    decoded = message.decode(member)
    return decoded if decoded is not None and decoded.queue == queue and decoded.id and decoded.type else None


def _from_json(member: bytes) -> TaskMessage | None:
    try:
        text = decode(member)
        fields = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in _NAMES):
        return None
    from archive_tui.asynq.message import TaskMessage

    return TaskMessage(
        type=_text(fields["Type"]),
        payload=_payload(text),
        id=_text(fields["ID"]),
        queue=_text(fields["Queue"]),
        retry=_number(fields.get("Retry"), _INT32),
        retried=_number(fields.get("Retried"), _INT32),
        error_msg=_text(fields.get("ErrorMsg")),
        timeout=_number(fields.get("Timeout"), _INT64),
        deadline=_number(fields.get("Deadline"), _INT64),
        unique_key=_text(fields.get("UniqueKey")),
    )


def _text(value: Any) -> str:
    """A string as protobuf takes it: without lone surrogates."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: Any, beyond: int) -> int:
    return value if isinstance(value, int) and -beyond <= value < beyond else 0


def _payload(member: str) -> bytes:
    """The payload as it stands in a message that is JSON: no number may lose a digit, as it would if it were written
    anew. Empty for none.
    """
    payload, at = "", _beyond_space(member, 0) + 1
    while member[at := _beyond_space(member, at)] != "}":
        name, at = _DECODER.raw_decode(member, _beyond_space(member, at + (member[at] == ",")))
        begin = _beyond_space(member, _beyond_space(member, at) + 1)
        _, at = _DECODER.raw_decode(member, begin)
        if name == "Payload":
            payload = member[begin:at]
    return b"" if payload == "null" else encode(payload)


def _beyond_space(text: str, at: int) -> int:
    while text[at] in " \t\n\r":
        at += 1
    return at
