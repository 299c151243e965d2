"""Signatures: error messages with their variable parts replaced, so that like failures are counted together."""

import re

_PARTS = re.compile(
    r"""
    (?P<quoted>"[^"\n]{0,200}"|'[^'\n]{1,200}'|`[^`\n]{1,200}`)
  | (?P<url>\b[a-z][a-z0-9+.-]*://[^\s"'<>)\]]+)
  | (?P<id>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)
  | (?P<host>\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\[[0-9a-fA-F]*:[0-9a-fA-F:.]+\](?::\d+)?
        |\b(?:[\w-]+\.)+[a-z]{2,}:\d+\b)
  | (?P<hex>\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b)
  | (?P<n>(?<![\w.])-?\d+(?:[.,]\d+)*)
    """,
    re.VERBOSE,
)
_LONGEST = 300


def signature(error: str) -> str:
    """Replace quoted text, addresses, ids and numbers in the first line of an error; at most 300 characters of it."""
    first = error[:2000].lstrip().split("\n", 1)[0]
    return _PARTS.sub(lambda match: f"<{match.lastgroup}>", first)[:_LONGEST]
