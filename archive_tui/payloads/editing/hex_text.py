"""Bytes in hexadecimal for an editor: sixteen a line, with their letters behind a bar, which are for the eye alone."""

import re

from archive_tui.payloads.editing.refusal import SyntaxFault

_BYTES_A_LINE = 16
_BAR = "  |"
_DIGITS = re.compile(r"[0-9A-Fa-f]")
_STRANGE = re.compile(r"[^0-9A-Fa-f\s]")

HEAD = (
    "# The bytes in hexadecimal. Spaces, line ends and what stands behind a bar do not count, nor do lines with a #.\n"
)


def as_hex(raw: bytes) -> str:
    """Write bytes for an editor."""
    width = 3 * _BYTES_A_LINE - 1
    lines = [
        f"{part.hex(' '):{width}}{_BAR}{''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in part)}|"
        for part in (raw[at : at + _BYTES_A_LINE] for at in range(0, len(raw), _BYTES_A_LINE))
    ]
    return HEAD + "".join(f"{line}\n" for line in lines)


def from_hex(text: str) -> bytes:
    """Read what came back. Raises SyntaxFault."""
    digits: list[str] = []
    last = 1
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            continue
        part = line.partition("|")[0]
        strange = _STRANGE.search(part)
        if strange is not None:
            raise SyntaxFault(f"line {number:,}, column {strange.start() + 1:,}: no digit of hexadecimal")
        found = _DIGITS.findall(part)
        last = number if found else last
        if len(found) % 2:
            raise SyntaxFault(f"line {number:,}: half a byte: every byte has two digits")
        digits += found
    return bytes.fromhex("".join(digits))
