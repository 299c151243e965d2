"""Lines of values of MessagePack and CBOR, as they are shown laid out."""

from archive_tui.payloads.rendering import broken
from archive_tui.payloads.tree import Tree
from archive_tui.payloads.writing import INDENT, quoted, written_at
from archive_tui.text import block, decode


def item_lines(tree: Tree, depth: int, label: str = "") -> list[str]:
    """The lines of an item that stands so deep, behind its label."""
    return _lines(f"{INDENT * depth}{label}{written_at(tree, depth)}")


def label_line(label: str, depth: int) -> str:
    """The line of a label behind which a long value, or a container, begins that stands so deep."""
    return block(f"{INDENT * depth}{label}")


def piece_lines(piece: bytes, depth: int, *, is_text: bool, before: str, behind: str) -> list[str]:
    """The lines of a piece of a long text, or of long bytes, between what stands around it."""
    content = quoted(decode(piece))[1:-1] if is_text else piece.hex()
    return _lines(f"{INDENT * depth}{before}{content}{behind}")


def _lines(written: str) -> list[str]:
    return [part for line in block(written).split("\n") for part in broken(line)]
