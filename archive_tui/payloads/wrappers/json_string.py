"""A JSON string that is the whole payload, as whoever encodes twice writes it."""

import io
import json
import re

from archive_tui.payloads.decoder import Context, Fit, Peeled
from archive_tui.payloads.large.json_strings import string_cut
from archive_tui.text import decode, encode

_PIECE = 64 * 1024
"""Bytes that are decoded at once."""

_BEGINNING = re.compile(rb'\s*"')


class JsonString:
    """One string from the first byte to the last. What is inside decides whether that matters."""

    name = "JSON string"

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        if _BEGINNING.match(raw) is None:
            return None
        body = raw.strip()
        if len(body) < 3 or body[:1] != b'"' or body[-1:] != b'"':
            return None
        try:
            content = _decoded(body)
        except ValueError:  # not JSON; half a surrogate pair, which no encoding takes
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "a string in quotes from the first byte to the last", content)


def _decoded(body: bytes) -> bytes:
    """Decode a string piece by piece: in between, others of the process get their turn. Raises ValueError."""
    content = io.BytesIO()  # it grows in place, and gives away what it holds without a copy
    at, end = 1, len(body) - 1
    while at < end:
        cut = string_cut(body, at, end, _PIECE)
        content.write(encode(json.loads(f'"{decode(body[at:cut])}"')))
        at = cut
    return content.getvalue()
