"""Asynq's TaskMessage: decoding and encoding the field `msg` of a task's hash (docs/asynq-storage.md).

Fields that `message.proto` does not know, of a later Asynq, are kept when a message is encoded again.
"""

from google.protobuf.message import DecodeError

from archive_tui.asynq.message_pb2 import ServerInfo, TaskMessage

__all__ = ["TaskMessage", "decode", "encode", "served_queues"]


def decode(raw: bytes) -> TaskMessage | None:
    """The message, or None where it does not decode; strings that are not UTF-8 count as that, as they do for Asynq."""
    try:
        return TaskMessage.FromString(raw)
    except DecodeError:
        return None


def encode(message: TaskMessage) -> bytes:
    """The bytes that Asynq would store; headers in a fixed order, so that the same message gives the same bytes."""
    return message.SerializeToString(deterministic=True)


def served_queues(raw_server_info: bytes) -> frozenset[str]:
    """The queues that a running Asynq server says it serves; none where it cannot be read."""
    try:
        return frozenset(ServerInfo.FromString(raw_server_info).queues)
    except DecodeError:
        return frozenset()
