"""Bytes of many MiB in hexadecimal."""

from collections import OrderedDict
from collections.abc import Callable

from archive_tui.payloads.large.documents import KEPT, UNSEEN
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.redaction import Redaction
from archive_tui.payloads.rendering import HEX_WIDTH, HexDocument
from archive_tui.payloads.search import LineMatches


class LargeHex(HexDocument):
    """Bytes in hexadecimal; of a stretch in which a pattern finds something to mask, the offsets alone."""

    _STRETCH = 64
    _AROUND = 256
    """Lines that are masked together, and bytes before and behind them that are looked at with them."""

    def __init__(self, raw: bytes, format_: str, redaction: Redaction) -> None:
        super().__init__(raw, format_)
        self._redaction = redaction
        self._open: OrderedDict[int, bool] = OrderedDict()

    def line(self, index: int) -> str:
        line = super().line(index)
        return line if self._shows(index // self._STRETCH) else f"{line[:8]}  {MASK}"

    def _shows(self, stretch: int) -> bool:
        if not self._redaction.on:
            return True
        shown = self._open.get(stretch)
        if shown is None:
            size = self._STRETCH * HEX_WIDTH
            part = self._raw[max(stretch * size - self._AROUND, 0) : (stretch + 1) * size + self._AROUND]
            shown = self._open[stretch] = not self._redaction.may_hide(part) or self._redaction.raw(part) is part
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
        return shown

    def plain(self) -> bytes:
        return self._raw if not self._redaction.on else UNSEEN.encode()

    def matches(self, needle: str, cancelled: Callable[[], bool] = lambda: False) -> LineMatches | None:
        """Find a text, or these hexadecimal digits, in what is shown; None: called off."""
        if not self._redaction.on:
            return super().matches(needle, cancelled)
        return self._found(needle, cancelled, self._shows_all)

    def _shows_all(self, begin: int, end: int) -> bool:
        """Whether all bytes from one to before another are shown."""
        size = self._STRETCH * HEX_WIDTH
        return all(map(self._shows, range(begin // size, -(-end // size))))
