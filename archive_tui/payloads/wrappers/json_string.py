"""A JSON string that is the whole payload, as whoever encodes twice writes it."""

import json
import re

from archive_tui.payloads.decoder import Context, Fit, Peeled
from archive_tui.text import decode, encode

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
            content = encode(json.loads(decode(body)))
        except ValueError:  # not JSON; half a surrogate pair, which no encoding takes
            return None
        context.spend(self.name, len(content), len(raw))
        return Peeled(Fit.DOUBTFUL, "a string in quotes from the first byte to the last", content)
