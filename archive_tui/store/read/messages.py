"""Reading the messages of tasks alone, for whoever knows how large they are. Reads only."""

from collections.abc import Sequence

from archive_tui.store.link.pipe import Pipe, pack_around, pack_each

_BEFORE, _AFTER = pack_around(b"HMGET", b"msg")


def send(pipe: Pipe, queue: str, ids: Sequence[bytes]) -> None:
    """Ask for the messages of tasks; `take` takes the replies. Their sizes must add up to what may be in memory."""
    pipe.send([pack_each(_BEFORE, ids, _AFTER, start=pipe.keys.task_prefix(queue))], len(ids))


def take(pipe: Pipe, count: int) -> list[bytes | None]:
    """The next `count` messages; None where there is none, or the key is no hash."""
    return [reply[0] if isinstance(reply, list) else None for reply in pipe.receive(count)]
