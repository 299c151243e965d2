"""Reading the messages of tasks alone, for whoever knows how large they are. Reads only."""

from collections.abc import Iterator, Sequence

from archive_tui.store.link.pipe import Pipe, pack_around, pack_each
from archive_tui.store.read.budget import within_budget

_BEFORE, _AFTER = pack_around(b"HMGET", b"msg")


def send(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> None:
    """Ask for the messages of tasks; `take` takes the replies. Their sizes must add up to what may be in memory."""
    pipe.send([pack_each(_BEFORE, ids, _AFTER, start=pipe.keys.task_prefix(queue))], len(ids))


def take(pipe: Pipe, count: int) -> list[bytes | None]:
    """The next `count` messages; None where there is none, or the key is no hash."""
    return [reply[0] if isinstance(reply, list) else None for reply in pipe.receive(count)]


def with_locks(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> Iterator[list[tuple[bytes | None, bytes | None]]]:
    """The messages of tasks of a queue, each with the unique lock that its hash names, in their order and in pieces of
    which each fits into memory; None where there is none.
    """
    task_keys = [pipe.keys.task(queue, task_id) for task_id in ids]
    lengths = pipe.call([(b"HSTRLEN", key, b"msg") for key in task_keys], errors="return")
    for batch in within_budget(list(zip(task_keys, lengths, strict=True))):
        replies = pipe.call([(b"HMGET", key, b"msg", b"unique_key") for key, _ in batch], errors="return")
        yield [(reply[0], reply[1]) if isinstance(reply, list) else (None, None) for reply in replies]


def holders(pipe: Pipe, lock_keys: Sequence[bytes]) -> list[bytes | None]:
    """The id that holds each of these unique locks; None: nobody does."""
    replies = pipe.call([(b"GET", key) for key in lock_keys], errors="return")
    return [reply if isinstance(reply, bytes) else None for reply in replies]
