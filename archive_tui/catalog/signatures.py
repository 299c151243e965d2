"""Signatures: error messages with their variable parts replaced, so that like failures are counted together."""

import re

_ALONE = r"(?![^\W_])"
"""No letter or digit follows."""

_HEX = "[0-9a-fA-F]"
_GROUP = f"{_HEX}{{1,4}}"
_IPV4 = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_SPAN = rf"\d++(?:\.\d++)?(?:ns|us|µs|μs|ms|[hms])(?:\d++(?:\.\d++)?(?:ns|us|µs|μs|ms|[hms]))*+{_ALONE}"
_NUMBER = r"(?:[.,]\d+)*(?:[eE][+-]?\d+\b)?"

_FORMS = (
    # A quote inside a word is none: can't, didn't. It neither opens nor closes
    ("quoted", rf'"(?:[^"\\\n]++|\\.|"(?=[^\W_]))*+"{_ALONE}'),
    ("quoted", rf"'(?:[^'\n]|'(?=[^\W_])){{1,200}}+'{_ALONE}"),
    ("quoted", rf"`[^`\n]{{1,200}}`{_ALONE}"),
    ("quoted", "“[^”\n]{1,200}”"),
    ("url", r"""[a-z][a-z0-9+.-]*+://[^\s"'<>)\]]+"""),
    ("email", r"\w[\w.+-]*+@(?:[\w-]+\.)+[a-z]{2,}"),
    # Not the end of a tag, nor of another path: </html>
    ("path", r"/(?<![_./<>)\]}]/)(?:[\w.@%+=~-]++/?+)++"),
    ("path", r"[~.](?<![_/.][~.])\.?(?:/[\w.@%+=~-]++)++/?+"),
    ("path", r"""[A-Za-z]:\\[^\s"'<>|:*?]++"""),
    ("time", r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
             rf"(?: [A-Z]{{3,4}}\b)?(?: m=[+-][\d.]+)?)?{_ALONE}"),
    ("time", rf"\d{{8}}T\d{{6}}Z{_ALONE}"),
    ("time", r"[FMSTW][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d (?:[A-Z]{3}|[+-]\d{4})\b"),
    ("duration", _SPAN),
    ("duration", "-" + _SPAN),
    ("id", rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}{_ALONE}"),
    ("id", rf"[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{{25}}{_ALONE}"),  # ULID
    ("host", rf"{_IPV4}(?::\d+)?(?!\w)"),
    ("host", rf"\[{_HEX}*:[0-9a-fA-F:.]+(?:%\w+)?\](?::\d+)?"),
    # IPv6 without brackets has “::” or eight groups, and a digit: not bad::feed
    ("host", rf"{_HEX}(?:(?<=\d)|(?=[a-fA-F:]*\d)){_HEX}{{0,3}}:(?:(?:{_GROUP}:){{6}}{_GROUP}"
             rf"|(?:{_GROUP}:){{0,5}}:(?:(?:{_GROUP}:){{0,5}}{_GROUP})?)(?:%\w+)?(?![\w:])"),
    ("host", rf"::(?=[a-fA-F:]*\d)(?:{_GROUP}:){{0,5}}(?:{_IPV4}|{_GROUP})(?:%\w+)?(?![\w:])"),
    ("host", r"\w[\w-]*+(?:\.[\w-]++)*\.(?!go:)[a-z]{2,}:\d+\b"),  # not main.go:42
    ("hex", r"0[xX][0-9a-fA-F]+\b"),
    ("hex", rf"{_HEX}{_HEX}(?::{_HEX}{_HEX}){{5}}{_ALONE}"),  # MAC address
    ("hex", rf"\d(?=\d*[a-f])[0-9a-f]{{7,}}+{_ALONE}"),
    ("hex", rf"[a-f](?=[a-f]*\d)[0-9a-f]{{7,}}+{_ALONE}"),
    ("hex", rf"\d(?=\d*[A-F])[0-9A-F]{{7,}}+{_ALONE}"),
    ("hex", rf"[A-F](?=[A-F]*\d)[0-9A-F]{{7,}}+{_ALONE}"),
    # KSUID, and whatever else is as long and has a digit and a letter
    ("id", rf"\d(?=\d*[A-Za-z])[0-9A-Za-z]{{19,}}+{_ALONE}"),
    ("id", rf"[A-Za-z](?=[A-Za-z]*\d)[0-9A-Za-z]{{19,}}+{_ALONE}"),
    ("n", rf"\d(?<![_.].)\d*{_NUMBER}"),
    ("n", rf"-\d+{_NUMBER}"),
)  # fmt: skip
"""The placeholder of each form of variable text, and its pattern. The first that matches at a place is taken.

Each begins with the sign or the class of its first character, by which Python's engine skips it at once elsewhere; the
name is known by an empty group behind it, because one around it would come before that.
"""

_PARTS = re.compile(r"(?<![^\W_])(?:" + "|".join(f"{pattern}()" for _, pattern in _FORMS) + ")")
_PLACEHOLDERS = ("", *[f"<{name}>" for name, _ in _FORMS])
_LONGEST = 300


def _placeholder(match: "re.Match[str]") -> str:
    return _PLACEHOLDERS[match.lastindex or 0]


def signature(error: str) -> str:
    """Replace the variable parts of the first line of an error by placeholders; at most 300 characters of it."""
    first = error[:2000].lstrip().split("\n", 1)[0]
    return _PARTS.sub(_placeholder, first)[:_LONGEST]
