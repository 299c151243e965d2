"""JSON of many MiB, laid out part by part."""

import json
import re

from archive_tui.payloads.large.documents import ScanDocument
from archive_tui.payloads.large.json_scan import JsonScan
from archive_tui.payloads.rendering import broken
from archive_tui.payloads.writing import INDENT, quoted
from archive_tui.text import block, decode


class LargeJson(ScanDocument[JsonScan]):
    """JSON, or lines of it, laid out as `laid_out` does."""

    def _lines_in(self, part: int) -> list[str]:
        scan = self._scan
        depth = scan.depths[part]
        content = decode(self._raw[scan.starts[part] : scan.starts[part + 1]])
        lines = [INDENT * _levels(depth) + _piece(content)] if depth < 0 else _laid_out(content, depth)
        return [line for one in lines for shown in block(one).split("\n") for line in broken(shown)]

    def _has_whole_lines(self, part: int) -> bool:
        return self._scan.depths[part] >= 0

    def _goes_on_at(self, part: int) -> int | None:
        depth, begin = self._scan.depths[part], self._scan.starts[part]
        goes_on = depth < 0 and self._raw[begin : begin + 1] != b'"'  # no piece is cut right before the closing quote
        return len(INDENT) * _levels(depth) if goes_on else None


_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LAST_OF_STRING = re.compile(r'(?<!\\)(?:\\\\)*+"\s*,?\Z')


def _levels(depth: int) -> int:
    """How far the pieces of a string are indented, by the depth of a part that is one."""
    return ~depth + 1


def _laid_out(content: str, depth: int) -> list[str]:
    """The lines of a part of JSON that begins so deep, at the beginning of a line."""
    lines: list[str] = []
    line, opened, ended = "", False, False
    for sign in _TOKEN.findall(content):
        if sign in ("}", "]"):
            depth -= 1
            if opened:
                line += sign
            else:
                if line:
                    lines.append(line)
                line = INDENT * depth + sign
            opened, ended = False, True
            continue
        if line and (opened or (ended and sign != ",")):
            lines.append(line)
            line = ""
        line = line or INDENT * depth
        opened, ended = sign in ("{", "["), False
        if sign == ",":
            lines.append(line + ",")
            line = ""
        elif sign == ":":
            line += ": "
        else:
            depth += opened
            line += _string(sign)
    if line:
        lines.append(line)
    return lines


def _string(token: str) -> str:
    """A token as it is shown: escapes that a string does not need are the characters that they stand for."""
    if "\\" not in token or token[-1:] != '"' or len(token) == 1:
        return token
    try:
        return quoted(json.loads(token, strict=False))
    except ValueError:  # of a line that is cut off
        return token


def _piece(content: str) -> str:
    """A piece of a long string, with its quotes where it has them."""
    if "\\" not in content:
        return content
    first = content.startswith('"')
    last = _LAST_OF_STRING.search(content)
    body = content[first : last.start() + last[0].index('"') if last is not None else None]
    return ('"' if first else "") + _string(f'"{body}"')[1:-1] + (last[0].lstrip("\\") if last is not None else "")
