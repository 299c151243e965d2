"""Questions that are sent ahead on one connection, and who takes their answers when they come."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.replies import Reply

Handler: TypeAlias = Callable[[list[Reply]], None]


class ReplyQueue:
    """The replies that are still to come. They come in the order of the questions, so whoever sends some says at once
    who takes how many.
    """

    def __init__(self) -> None:
        self._expected: deque[tuple[int, Handler, int]] = deque()
        self._pipe: Pipe | None = None
        self._stale = 0

    def __len__(self) -> int:
        return len(self._expected)

    @property
    def under_way(self) -> int:
        """About how many bytes the replies have that are still to come."""
        return sum(size for _, _, size in self._expected)

    def expect(self, count: int, handler: Handler, size: int = 0) -> None:
        """The next `count` replies, of about `size` bytes, are for this handler."""
        self._expected.append((count, handler, size))

    def answer(self, pipe: Pipe) -> int:
        """Wait for the oldest replies and hand them over; returns about how many bytes they had."""
        count, handle, size = self._expected.popleft()
        handle(pipe.receive(count))
        return size

    def drop(self) -> None:
        """Forget who waits for what. Replies that are still to come on this pipe are thrown away by `go_on`."""
        self._stale += sum(count for count, _, _ in self._expected)
        self._expected.clear()

    def go_on(self, pipe: Pipe) -> bool:
        """Make ready to go on on a pipe; False where it is another than before: what was asked will not be answered."""
        same = pipe is self._pipe
        if not same:
            self.drop()
            self._pipe, self._stale = pipe, 0
        if self._stale:
            pipe.receive(self._stale)
            self._stale = 0
        return same
