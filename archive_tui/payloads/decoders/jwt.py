"""JSON Web Tokens, decoded and never believed."""

import binascii
import re

from archive_tui.payloads.decoder import Context, Decoded, Fit
from archive_tui.payloads.decoders.json_text import fast_tree
from archive_tui.payloads.tree import NO_TREE, Tree

_TOKEN = re.compile(rb"\s*(?:Bearer\s+)?(eyJ[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\s*")


class JwtDecoder:
    """A signed token (RFC 7519): header and claims are decoded, the signature is shown."""

    name = "JWT"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        match = _TOKEN.fullmatch(raw)
        if match is None:
            return None
        parts = [_bytes(part) for part in match.groups()]
        header, claims = (NO_TREE if part is None else fast_tree(part, context.limits.depth - 1) for part in parts[:2])
        if header is NO_TREE or claims is NO_TREE or parts[2] is None:
            return None
        tree: Tree = {"header": header, "claims": claims, "signature": parts[2]}
        return Decoded(
            Fit.CERTAIN,
            "header, claims and signature, two of them JSON",
            tree,
            remarks=("the signature is not checked",),
        )


def _bytes(part: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(part.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(part) % 4))
    except binascii.Error:
        return None
