"""MessagePack and CBOR of many MiB, as readings hold them."""

from collections.abc import Iterator
from itertools import islice

from archive_tui.payloads.decoder import Context, Fit, LibraryMissing, library
from archive_tui.payloads.decoders.binary_values import fit_of
from archive_tui.payloads.large import cbor_format
from archive_tui.payloads.large.binary_document import LargeBinary
from archive_tui.payloads.large.binary_format import LIST, MAP, Format
from archive_tui.payloads.large.binary_nodes import BinaryNodes
from archive_tui.payloads.large.binary_scan import BinaryScan
from archive_tui.payloads.large.cbor_format import Cbor
from archive_tui.payloads.large.contents import bytes_as_they_are
from archive_tui.payloads.large.msgpack_format import MessagePack
from archive_tui.payloads.large.scan_content import ScanContent, look_at_beginning
from archive_tui.payloads.nodes import Kind, Node, walk
from archive_tui.payloads.readings import Reading
from archive_tui.payloads.writing import written

_LOOKED_AT = 1_000
"""Values by which it is judged whether it was meant so."""

_FAR = 1024
"""Bytes from which bytes that turn out not to be the format may well have been meant so."""

_FORMATS: tuple[tuple[Format, str], ...] = ((MessagePack(), "msgpack"), (Cbor(), "cbor2"))
"""The formats with their libraries; of two that fit equally well, the first is preferred."""


def binary_readings(raw: bytes, context: Context) -> list[Reading]:
    """The readings of what begins as MessagePack or CBOR does, the best first, and of its bytes; none for all else. A
    mistake that stands at the beginning is found at once, the others later.
    """
    found = [reading for format_, needed in _FORMATS for reading in _readings(raw, format_, needed, context)]
    if not found:
        return []
    return [*sorted(found, key=lambda reading: -reading.fit), bytes_as_they_are(raw, has_keys=True)]


def _readings(raw: bytes, format_: Format, needed: str, context: Context) -> Iterator[Reading]:
    begin = cbor_format.beginning(raw) if isinstance(format_, Cbor) else 0
    if not begin and format_.kinds[raw[0]] not in (LIST, MAP) and raw[0] not in format_.containers:
        return
    try:
        library(needed, needed)
    except LibraryMissing:
        context.missing.append(format_.name)
        return
    scan = BinaryScan(raw, format_, begin=begin, depth=context.limits.depth)
    look_at_beginning(scan)
    if scan.problem is not None or scan.root is None:
        if scan.walked > _FAR:
            context.notes.append(f"not {format_.name}: {scan.problem}")
        return
    large = ScanContent(format_.name, scan, BinaryNodes(scan), LargeBinary)
    fit = Fit.CERTAIN if begin else fit_of(list(_texts(large.root())))
    why = (
        "its own mark"
        if begin
        else "a map from the first byte on"
        if scan.root.is_object
        else "a list from the first byte on"
    )
    yield Reading((format_.name,), fit, why, raw, write=lambda: written(_whole(large)), large=large)


def _texts(root: Node) -> Iterator[str]:
    """Keys and texts at the beginning of a tree."""
    for _, node in islice(walk(root), _LOOKED_AT):
        if isinstance(node.step, str):
            yield node.step
        if node.kind is Kind.TEXT:
            yield node.text()


def _whole(large: ScanContent[BinaryScan]) -> object:
    """All of it as a tree, for whoever takes it away."""
    while large.advance(1):
        pass
    return large.root().value()
