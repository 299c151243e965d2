"""What a reading holds of a payload that is walked over: JSON, lines of it, MessagePack, CBOR."""

from collections.abc import Callable
from typing import Generic, TypeVar

from archive_tui.payloads.large.nodes import Nodes
from archive_tui.payloads.large.scan import Scan
from archive_tui.payloads.large.text_document import LargeText
from archive_tui.payloads.nodes import Node
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.rendering import Document

MOMENT = 0.005
"""Seconds for which something is looked over before it is shown."""

_BEGINNING = 256 * 1024
"""Bytes that are looked over before anything is shown."""

_Scan = TypeVar("_Scan", bound=Scan)


class ScanContent(Generic[_Scan]):
    """The content of one format."""

    has_tree = True

    def __init__(
        self,
        name: str,
        scan: _Scan,
        nodes: Nodes[_Scan],
        laid_out: Callable[[str, _Scan, Redaction], Document],
        redaction: Redaction = SHOWN,
    ) -> None:
        """`name` is that of the format. `laid_out` makes the document of its lines."""
        self._name, self._scan, self._nodes = name, scan, nodes
        self._laid_out, self._redaction = laid_out, redaction

    def advance(self, seconds: float) -> bool:
        """Go on looking over it."""
        return self._scan.advance(seconds)

    def words(self) -> tuple[str, ...]:
        """What there is to know by now."""
        scan = self._scan
        if scan.problem is not None:
            return (f"not {self._name}: {scan.problem}", *scan.remarks)
        return tuple(scan.remarks) if scan.finished else (checking(scan.walked, len(scan.raw)), *scan.remarks)

    def masked(self, redaction: Redaction) -> "ScanContent[_Scan]":
        """The same as it may be shown."""
        return ScanContent(self._name, self._scan, self._nodes, self._laid_out, redaction)

    def root(self) -> Node:
        """Its tree, which grows while it is looked over."""
        return self._redaction.node(self._nodes.root())

    def document(self, format_: str) -> Document:
        """It as lines, laid out."""
        return self._laid_out(format_, self._scan, self._redaction)

    def raw(self, format_: str) -> Document:
        """Its bytes as text."""
        return LargeText(format_, self._scan.raw, self._redaction, self._scan)


def look_at_beginning(scan: Scan) -> None:
    """Look over what is to be known before anything is shown: a mistake there is found at once."""
    while scan.walked < _BEGINNING and scan.advance(MOMENT):
        pass


def checking(walked: int, size: int) -> str:
    """Say how much was looked over by now."""
    return f"still checking, {walked * 100 // max(size, 1)} %"
