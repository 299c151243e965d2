"""Running Asynq servers, as far as they say which queues they serve."""

from archive_tui.asynq import message
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import is_wrong_type


def served_queues(pipe: Pipe) -> frozenset[str] | None:
    """The queues that running servers serve; None where that cannot be read."""
    (servers,) = pipe.call([(b"ZRANGE", pipe.keys.servers, b"0", b"-1")], errors="return")
    if not isinstance(servers, list):
        return frozenset() if is_wrong_type(servers) else None
    replies = pipe.call([(b"GET", server) for server in servers], errors="return")
    if any(isinstance(info, Exception) for info in replies):
        return None
    return frozenset().union(*[message.served_queues(info) for info in replies if info is not None])
