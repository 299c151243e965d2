"""Form encoding, as browsers and webhooks write it (`application/x-www-form-urlencoded`)."""

import re
from urllib.parse import parse_qsl

from archive_tui.payloads.decoder import Context, Decoded, Fit, LimitReached
from archive_tui.payloads.tree import object_of

_PAIR = rb"[A-Za-z0-9_.~%+*\-\[\]:$@!]+=[A-Za-z0-9_.~%+*\-\[\]:/?@!$'(),;]*"
_FORM = re.compile(_PAIR + rb"(&" + _PAIR + rb")*\s*")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")


class FormDecoder:
    """Keys and values; two of them, or an escape, make it likely."""

    name = "form"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        if b"=" not in raw or _FORM.fullmatch(raw) is None:
            return None
        if raw.count(b"&") >= context.limits.values:
            raise LimitReached(f"form: it has more than {context.limits.values:,} values")
        try:
            pairs = parse_qsl(
                raw.strip().decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="surrogateescape"
            )
        except ValueError:
            return None
        sure = len(pairs) > 1 or _ESCAPE.search(raw) is not None
        why = f"{len(pairs):,} keys with values" if len(pairs) > 1 else "a key with a value"
        return Decoded(Fit.LIKELY if sure else Fit.DOUBTFUL, why, object_of(pairs))
