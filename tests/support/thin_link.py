"""A thin link between a terminal and who looks at it: so many bytes a second, and so long a way."""

import heapq
import os
import select
import time

import pyte

from support.terminal import Terminal

_PIECE = 256


class ThinLink:
    """What is typed arrives half a round trip later; what is drawn is carried at `rate` bytes a second, and is seen
    half a round trip after that. The program fills what lies before the narrow place and waits there, as on a pipe.
    """

    def __init__(self, terminal: Terminal, *, rate: float, round_trip: float, size: tuple[int, int]) -> None:
        self._terminal = terminal
        self._rate = rate
        self._way = round_trip / 2
        self._free_at = time.monotonic()
        self._typed: list[tuple[float, bytes]] = []
        self._drawn: list[tuple[float, bytes]] = []
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.carried = 0
        """Bytes that were seen so far."""

    @property
    def text(self) -> str:
        """What is seen at the far end."""
        return "\n".join(self._screen.display)

    def type(self, keys: str) -> None:
        """Press keys at the far end."""
        heapq.heappush(self._typed, (time.monotonic() + self._way, keys.encode()))

    def carry(self, seconds: float = 0.005) -> None:
        """Carry what is under way, for a moment."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            while self._typed and self._typed[0][0] <= now:
                os.write(self._terminal.master, heapq.heappop(self._typed)[1])
            if self._free_at <= now and select.select([self._terminal.master], [], [], 0)[0]:
                piece = os.read(self._terminal.master, _PIECE)
                self._free_at = max(self._free_at, now - 0.01) + len(piece) / self._rate
                heapq.heappush(self._drawn, (self._free_at + self._way, piece))
            while self._drawn and self._drawn[0][0] <= now:
                piece = heapq.heappop(self._drawn)[1]
                self.carried += len(piece)
                self._stream.feed(piece)
            time.sleep(0.001)

    def seconds_until(self, text: str, patience: float = 40.0) -> float:
        """Carry until a text is seen at the far end; how long that took."""
        began = time.monotonic()
        while text not in self.text:
            assert time.monotonic() - began < patience, f"{text!r} never arrived:\n{self.text}"
            self.carry()
        return time.monotonic() - began
