"""MessagePack and CBOR of many MiB, laid out part by part."""

from collections.abc import Callable

from archive_tui.payloads.large.binary_format import ENDLESS
from archive_tui.payloads.large.binary_layout import item_lines, label_line, piece_lines
from archive_tui.payloads.large.binary_scan import AS_TEXT, COMMA, FIRST, LAST, BinaryContainer, BinaryScan
from archive_tui.payloads.large.documents import ScanDocument
from archive_tui.payloads.masking import MASK
from archive_tui.payloads.sieve import Sieve
from archive_tui.payloads.writing import INDENT, written_key
from archive_tui.text import encode


class LargeBinary(ScanDocument[BinaryScan]):
    """What has heads, laid out as `written` does."""

    def _lines_in(self, part: int) -> list[str]:
        if self._scan.pieces[part]:
            return self._piece(part)
        lines = self._laid_out(part)
        count = self._scan.first_lines[part + 1] - self._scan.first_lines[part]
        if len(lines) == count:
            return lines
        if self._redaction.on:
            return [MASK] * count  # what is masked goes over several lines
        return [*lines[: count - 1], *[" ".join(lines[count - 1 :])], *[""] * (count - len(lines))]

    def _piece(self, part: int) -> list[str]:
        scan = self._scan
        what, container = scan.pieces[part], scan.owners[part]
        is_text = bool(what & AS_TEXT)
        opening, closing = ('"', '"') if is_text else ("h'", "'")
        depth = _levels(container)
        before = opening if what & FIRST else ""
        behind = (closing if what & LAST else "") + ("," if what & COMMA else "")
        piece = self._raw[scan.starts[part] : scan.ends[part]]
        return piece_lines(piece, depth, is_text=is_text, before=before, behind=behind)

    def _laid_out(self, part: int) -> list[str]:
        """The lines of a part that begins with an item, or with the end of a container."""
        scan, raw = self._scan, self._raw
        at, stop, container, number = scan.starts[part], scan.ends[part], scan.owners[part], scan.numbers[part]
        lines: list[str] = []
        if container is None:
            container, at = self._opened(lines, scan.untagged(at), "")
        depth = container.depth + 1
        while True:
            while not container.has(number, raw, at):
                at += container.size == ENDLESS
                lines.append(INDENT * container.depth + ("}" if container.is_object else "]"))
                if container.above is None:
                    return lines
                container, number = container.above, container.number + 1
                depth = container.depth + 1
                if container.has(number, raw, at):
                    lines[-1] += ","
            if at >= stop:
                return lines
            label = ""
            if container.is_object:
                end = scan.format.end(raw, at, len(raw)) or stop
                label = f"{written_key(scan.format.tree(raw[at:end]))}: "
                at = end
            if at >= stop:
                return [*lines, label_line(label.rstrip(), depth)]
            inner = scan.untagged(at)
            if inner in scan.containers:
                container, at = self._opened(lines, inner, label)
                number, depth = 0, container.depth + 1
                continue
            end = scan.format.end(raw, at, stop) or stop
            lines += item_lines(self._redaction.masked(scan.format.tree(raw[at:end])), depth, label)
            at, number = end, number + 1
            if container.has(number, raw, at):
                lines[-1] += ","

    def _opened(self, lines: list[str], at: int, label: str) -> tuple[BinaryContainer, int]:
        """Add the line on which a container begins; gives it, and where its first item begins."""
        container = self._scan.containers[at]
        lines.append(label_line(f"{label}{'{' if container.is_object else '['}", container.depth))
        return container, self._scan.format.read(self._raw, at)[1]

    def _safe_lines(self, part: int) -> list[str]:
        if self._scan.pieces[part] or not self._redaction.on:
            return super()._safe_lines(part)
        lines = self._lines_in(part)
        text = "\n".join(lines)
        if not self._redaction.may_hide(encode(text)):
            return lines
        masked = self._masked(text).split("\n")
        return masked if len(masked) == len(lines) else [MASK] * len(lines)

    def _has_whole_lines(self, part: int) -> bool:
        return not self._scan.pieces[part]

    def _goes_on_at(self, part: int) -> int | None:
        what = self._scan.pieces[part]
        return len(INDENT) * _levels(self._scan.owners[part]) if what and not what & FIRST else None

    def _may_hold(self, sieve: Sieve) -> Callable[[bytes], bool]:
        return lambda part: sieve.binary(part, chunked=self._scan.chunked)


def _levels(container: BinaryContainer | None) -> int:
    """How far the pieces of a long value in a container are indented."""
    return container.depth + 2 if container is not None else 0
