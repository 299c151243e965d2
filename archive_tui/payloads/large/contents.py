"""Contents of many MiB, as readings hold them: JSON, lines of JSON, text, bytes. Each makes what a screen shows of it.

What is hidden stays hidden: values by their keys in the tree, and what patterns find on each line. The layout and the
bytes of JSON end before the first part with a key that is hidden.
"""

from archive_tui.payloads import readings
from archive_tui.payloads.decoder import Context, Fit
from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder, laid_out
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.plain_text import TextDecoder
from archive_tui.payloads.decoders.xml import is_like_xml
from archive_tui.payloads.large.documents import UNSEEN, PartsDocument
from archive_tui.payloads.large.hex_document import LargeHex
from archive_tui.payloads.large.json_document import LargeJson
from archive_tui.payloads.large.json_nodes import JsonNodes
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.large.scan_content import MOMENT, ScanContent, checking, look_at_beginning
from archive_tui.payloads.large.text_document import LargeText
from archive_tui.payloads.nodes import Node
from archive_tui.payloads.readings import Reading
from archive_tui.payloads.redaction import SHOWN, Redaction
from archive_tui.payloads.rendering import Document, TextDocument
from archive_tui.payloads.strange_bytes import not_utf8
from archive_tui.text import decode
from archive_tui.wording.people import size

_FIRST_LINES = 4 * 1024 * 1024
"""Bytes of lines of JSON that are looked over before anything is shown, until there are two lines."""

_SNIFF = 64 * 1024
"""Bytes that tell whether the rest may be text."""


class LargeTextContent:
    """Text, or what is shown as such."""

    has_tree = False

    def __init__(self, raw: bytes, redaction: Redaction = SHOWN, scan: JsonScan | None = None) -> None:
        """`scan` is that of the JSON that it may be as well."""
        self._raw, self._scan, self._redaction = raw, scan, redaction
        self._text = LargeText("", raw, redaction, scan)

    def advance(self, seconds: float) -> bool:
        """Go on looking over it."""
        return self._text.advance(seconds)

    def words(self) -> tuple[str, ...]:
        """What there is to know by now."""
        strange = (not_utf8(self._text.strange),) if self._text.strange else ()
        return strange if not self._text.growing else (checking(self._text.walked, len(self._raw)), *strange)

    def masked(self, redaction: Redaction) -> "LargeTextContent":
        """The same as it may be shown."""
        content = LargeTextContent(self._raw, redaction, self._scan)
        content.advance(MOMENT)
        return content

    def root(self) -> Node:
        """There is no tree."""
        raise NotImplementedError

    def document(self, format_: str) -> PartsDocument:
        """It as lines."""
        self._text.format = format_
        return self._text

    def raw(self, format_: str) -> PartsDocument:
        """The same."""
        return self.document(format_)


class LargeBytesContent:
    """Bytes as they are."""

    has_tree = False

    def __init__(
        self, raw: bytes, redaction: Redaction = SHOWN, *, has_keys: bool = False, as_text: bool = True
    ) -> None:
        """`has_keys` says that it may hold values under keys that are hidden, which nobody sees in bytes; `as_text`
        that there is no other reading of it as text.
        """
        self._raw, self._redaction, self._has_keys = raw, redaction, has_keys
        self._sealed = has_keys and redaction.on
        self._as_text = as_text
        self._text = LargeText("", raw, redaction) if as_text and not self._sealed else None

    def advance(self, seconds: float) -> bool:
        """Go on counting its lines."""
        return self._text is not None and self._text.advance(seconds)

    def words(self) -> tuple[str, ...]:
        """Nothing is known of it."""
        return ()

    def masked(self, redaction: Redaction) -> "LargeBytesContent":
        """The same as it may be shown."""
        content = LargeBytesContent(self._raw, redaction, has_keys=self._has_keys, as_text=self._as_text)
        content.advance(MOMENT)
        return content

    def root(self) -> Node:
        """There is no tree."""
        raise NotImplementedError

    def document(self, format_: str) -> Document:
        """It in hexadecimal."""
        return TextDocument(format_, UNSEEN) if self._sealed else LargeHex(self._raw, format_, self._redaction)

    def raw(self, format_: str) -> Document:
        """It as text."""
        if self._text is None:
            return TextDocument(format_, UNSEEN)
        self._text.format = format_
        return self._text


def json_readings(raw: bytes, context: Context) -> list[Reading]:
    """The readings of what begins as JSON does, or as lines of it; none for all else. A mistake that stands at
    the beginning is found at once, the others later.
    """
    depth = context.limits.depth
    start = raw[:_SNIFF].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start not in (b"{", b"["):
        return []
    scan = JsonScan(raw, depth=depth)
    look_at_beginning(scan)
    name = JsonDecoder.name
    if scan.problem is not None:
        lines = JsonScan(raw, depth=depth - 1, by_lines=True)
        while (lines.root is None or lines.root.count < 2) and lines.walked < _FIRST_LINES and lines.advance(MOMENT):
            pass
        if lines.problem is not None or lines.root is None or lines.root.count < 2:
            context.notes.append(f"not JSON: {scan.problem}")
            return []
        scan, name = lines, NdjsonDecoder.name
    kind = "lines of JSON" if scan.by_lines else "an object" if start == b"{" else "an array"
    large = ScanContent(name, scan, JsonNodes(scan), LargeJson)
    reading = Reading((name,), Fit.CERTAIN, kind, raw, write=lambda: _laid_out(raw, scan.by_lines), large=large)
    return [reading, *_as_bytes(raw, "UTF-8 without control characters", scan)]


def _laid_out(raw: bytes, by_lines: bool) -> str:
    """All of it as text, for whoever takes it away."""
    text = decode(raw).removeprefix("\ufeff")
    return "\n".join(map(laid_out, filter(str.strip, text.split("\n")))) if by_lines else laid_out(text)


def text_readings(raw: bytes, context: Context) -> list[Reading]:
    """The readings of what begins as text does; none for all else."""
    start = raw[:_SNIFF]
    if TextDecoder().decode(start[: len(start) - 4] if len(raw) > _SNIFF else start, Context()) is None:
        return []
    why = next((note for note in context.notes if note.startswith("not JSON: ")), "UTF-8 without control characters")
    if is_like_xml(start):
        why = f"XML of more than {size(readings.LEAST_LARGE)} is shown as text"
    return _as_bytes(raw, why, None)


def _as_bytes(raw: bytes, why: str, scan: JsonScan | None) -> list[Reading]:
    text = LargeTextContent(raw, scan=scan)
    text.advance(MOMENT)
    return [
        Reading((TextDecoder.name,), Fit.LIKELY, why, raw, write=lambda: decode(raw), large=text),
        bytes_as_they_are(raw, has_keys=scan is not None, as_text=False),
    ]


def bytes_reading(raw: bytes, context: Context) -> Reading | None:
    """The reading of many MiB as the bytes that they are."""
    decoded = BinaryDecoder().decode(raw, context)
    return bytes_as_they_are(raw, decoded.why) if decoded is not None else None


def bytes_as_they_are(
    raw: bytes, why: str = "its bytes as they are", *, has_keys: bool = False, as_text: bool = True
) -> Reading:
    """The reading of many MiB as bytes, for which see `LargeBytesContent`."""
    large = LargeBytesContent(raw, has_keys=has_keys, as_text=as_text)
    return Reading((BinaryDecoder.name,), Fit.BYTES, why, raw, write=lambda: raw.hex(" "), large=large)
