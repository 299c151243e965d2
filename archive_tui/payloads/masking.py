"""Masking of values in text by the keys before them: in JSON, XML and forms exactly, in prose and logs by patterns.

Every function takes the text and a `Hides`, which tells whether the value of a key is to be hidden, and puts `MASK` in
the place of such values. Null, true and false, and what is empty, stay: they are no secrets, and often the cause of the
failure.
"""

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

MASK = "***"
"""Stands for a value that is hidden; its length tells nothing."""

Hides = Callable[[str], bool]
"""Tells whether the value of a key is hidden."""

_PLAIN = frozenset(("", "null", "nil", "<nil>", "none", "true", "false", "undefined", MASK))
"""Values that hide nothing, in lower case."""


def _unless_plain(value: str) -> str:
    return value if value.strip().lower() in _PLAIN else MASK


# JSON

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:\s*+)?', re.DOTALL)
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\[\]{}]++")
_EMPTY = re.compile(r"\[\s*+\]|\{\s*+\}")

Inner = Callable[[str], str]
"""Masks what stands inside of a string."""


def in_json(text: str, hides: Hides, inner: Inner) -> str:
    """Mask values in JSON that is known to be right; several values may follow each other, as in NDJSON. What is not
    hidden stays as it was written; `inner` masks inside of strings that are values.
    """
    return _put(text, _json_spans(text, hides, inner))


def _json_spans(text: str, hides: Hides, inner: Inner) -> Iterator[tuple[int, int, str]]:
    at = 0
    while (match := _STRING.search(text, at)) is not None:
        at = match.end()
        begin, end = match.span()
        if match[1] is None:
            if (string := _unquoted(text[begin:end])) and (masked := inner(string)) != string:
                yield begin, end, json.dumps(masked, ensure_ascii=False)
        elif hides(_unquoted(text[begin : match.start(1)])):
            begin, at = at, _json_end(text, at)
            value = text[begin:at]
            if value not in ('""', "null", "true", "false") and _EMPTY.fullmatch(value) is None:
                yield begin, at, f'"{MASK}"'


def _unquoted(string: str) -> str:
    if "\\" not in string:
        return string[1:-1]
    try:
        return str(json.loads(string, strict=False))
    except ValueError:
        return string[1:-1]


def _json_end(text: str, at: int) -> int:
    """The end of the value that begins here."""
    first = text[at : at + 1]
    if first and first in "[{":
        depth = 0
        for token in _BRACKETS.finditer(text, at):
            depth += (token[0] in "[{") - (token[0] in "]}")
            if depth == 0:
                return token.end()
        return len(text)
    match = (_STRING if first == '"' else _SCALAR).match(text, at)
    if match is None:
        return at
    return match.end() - len(match[1] or "") if first == '"' else match.end()


# XML

_XML = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|<!(?:[^>\"'\[]|\"[^\"]*\"|'[^']*'|\[.*?\])*>"
    r"|<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>|[^<]+|<",
    re.DOTALL,
)
_TAG_NAME = re.compile(r"</?\s*([^\s/>]+)")
_ATTRIBUTE = re.compile(r"""(\s)([^\s=/>"']+)(\s*=\s*)("[^"]*"|'[^']*')""")


def in_xml(text: str, hides: Hides, inner: Inner) -> str:
    """Mask values in XML that is well-formed: of attributes, and all that stands in an element."""
    return "".join(_xml_parts(text, hides, inner))


def _xml_parts(text: str, hides: Hides, inner: Inner) -> Iterator[str]:
    def attribute(match: "re.Match[str]") -> str:
        value = match[4][1:-1]
        value = _unless_plain(value) if hides(match[2]) else inner(value)
        return match[1] + match[2] + match[3] + match[4][0] + value + match[4][0]

    depth = hidden_at = 0  # depth of the hidden element, from 1; 0: none is open
    masked = False
    for match in _XML.finditer(text):
        token = match[0]
        if token.startswith(("<!", "<?")) and not token.startswith("<![CDATA["):
            if not hidden_at:
                yield inner(token)
        elif token.startswith("</"):
            if depth == hidden_at:
                hidden_at = 0
            depth -= 1
            if not hidden_at:
                yield token
        elif token.startswith("<") and not token.startswith("<![CDATA["):
            closed = token.endswith("/>")
            if not hidden_at:
                name = _TAG_NAME.match(token)
                if not closed and name is not None and hides(name[1]):
                    hidden_at, masked = depth + 1, False
                yield _ATTRIBUTE.sub(attribute, token)
            elif not masked:
                masked = True
                yield MASK
            depth += not closed
        elif not hidden_at:
            yield inner(token)
        elif not masked:
            masked = token.strip().lower() not in _PLAIN
            yield MASK if masked else token


# Forms


def in_form(text: str, hides: Hides, inner: Inner) -> str:
    """Mask values in form encoding, such as `user=a&password=b`."""
    pairs = []
    for pair in text.split("&"):
        key, equals, value = pair.partition("=")
        if equals and hides(unquote_plus(key)):
            value = _unless_plain(value)
        elif inner(plain := unquote_plus(value)) != plain:
            value = MASK
        pairs.append(key + equals + value)
    return "&".join(pairs)


# Prose, logs, and what else is text

_KEY = re.compile(
    r"""(?:
        (?P<quote>\\*+["'`])(?P<quoted>[^"'`\\\n]{1,100}+)(?P=quote)\s*+(?P<after>=>|:=|[:=])
      | (?<![\w.\-%])(?P<dashes>--)?(?P<bare>(?:[\w@$]|%[0-9a-fA-F]{2})(?:[\w.\-%+]|\[[\w.\-%]*+\])*+)
        (?(dashes)(?P<flag>\s*+=|(?=\s))|\s*+(?P<between>=>|:=|[:=]))
    )\s*+""",
    re.VERBOSE,
)
"""A key and what leads from it to its value."""

_WORD_BEFORE = re.compile(r"([\w]+)[ ]$")
_OPENING = re.compile(r"""(\\*+)(["'`])""")
_BARE_VALUE = re.compile(r"""(?:[^\s,;&"'`)}\]<>|\\]|[,;&)}\]<>|](?!\s|\Z|["'`,;&)}\]<>|\\]|[\w.\-%\[\]]+[=:]))++""")
_CONTAINER = re.compile(r"(?:\[\]\*?[\w.]+|&|map)?[\[{(]")
_MORE_WORDS = re.compile(r"[ ]+\w")
_NESTED = re.compile(r"""(\\*+["'`])|[\[\]{}()]""")
_QUOTES = "\"'`"
_SCHEMES = frozenset(("bearer", "basic", "digest", "token", "negotiate", "apikey", "hmac", "aws4-hmac-sha256"))
_STANDALONE = re.compile(r"\b(Bearer|Basic)([ ]++)([A-Za-z0-9._~+/\-]{8,}+=*+)", re.IGNORECASE)
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*+://[^\s/?#:@\"'<>]*+:)([^\s/?#\"'<>]+)(?=@)")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_\-]{5,}+\.[A-Za-z0-9_\-]{5,}+\.[A-Za-z0-9_\-]*+")
_PEM = re.compile(
    r"(-----BEGIN (?:[A-Z0-9]+ ){0,4}?PRIVATE KEY-----).*?(?:(-----END (?:[A-Z0-9]+ ){0,4}?PRIVATE KEY-----)|\Z)",
    re.DOTALL,
)
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:\-]*+)(?:\s[^<>]*+)?>([^<>]++)(?=</)")
_LONG = 16
"""Characters from which a word in prose is more likely a credential."""


def in_text(text: str, hides: Hides) -> str:
    """Mask values in any text, by patterns: `password=…`, `"token": "…"`, `Authorization: …`, `Bearer …`, `--secret …`,
    `://user:…@`, JSON Web Tokens and private keys. Behind a colon and a space in prose, only what looks like a
    credential: `invalid token: it has expired` stays.
    """
    text = _put(text, _key_spans(text, hides))
    text = _ELEMENT.sub(lambda match: _element(match, hides), text) if "</" in text else text
    text = _USER_INFO.sub(rf"\1{MASK}", text) if "://" in text else text
    text = _JWT.sub(MASK, text) if "eyJ" in text else text
    text = _PEM.sub(lambda match: f"{match[1]}{MASK}{match[2] or ''}", text) if "PRIVATE KEY-----" in text else text
    lower = text.lower()
    return _STANDALONE.sub(_scheme, text) if "bearer " in lower or "basic " in lower else text


def _put(text: str, spans: Iterator[tuple[int, int, str]]) -> str:
    """Put texts in the place of others, which are given in their order."""
    parts, last = [], 0
    for begin, end, instead in spans:
        parts += [text[last:begin], instead]
        last = end
    return "".join([*parts, text[last:]]) if parts else text


def _scheme(match: "re.Match[str]") -> str:
    """Mask what follows Bearer or Basic, unless it is a word as prose has it."""
    return f"{match[1]}{match[2]}{MASK}" if _is_strange(match[3]) else match[0]


def _element(match: "re.Match[str]", hides: Hides) -> str:
    if not hides(match[1]) or match[2].strip().lower() in _PLAIN:
        return match[0]
    return match[0][: -len(match[2])] + MASK


def _is_strange(word: str) -> bool:
    """Whether a word looks like a credential and not like one of prose."""
    word = word.rstrip(".:!?")
    if len(word) >= _LONG or any(letter.isdigit() for letter in word):
        return True
    inside = word[1:]
    return not word.replace("-", "").isalpha() or (inside != inside.lower() and inside != inside.upper())


def _key_spans(text: str, hides: Hides) -> Iterator[tuple[int, int, str]]:
    at = 0
    while (match := _KEY.search(text, at)) is not None:
        begin = match.end()
        at = max(begin, match.start() + 1)
        key = match["quoted"] or match["bare"]
        joint = match["after"] or match["between"]
        key = unquote_plus(key) if "%" in key else key
        if not hides(key):
            before = _WORD_BEFORE.search(text, max(match.start() - 40, 0), match.start()) if match["bare"] else None
            if before is None or not hides(f"{before[1]} {key}"):
                if match["bare"]:
                    at = match.end("bare")
                continue
        header = key.lower().endswith(("authorization", "cookie"))
        end = _value_end(text, begin, header=header)
        spaced = joint == ":" and match["bare"] is not None and text[begin - 1 : begin].isspace()
        prose = spaced and not header and _is_among_words(text, match.start(), end)
        value = text[begin:end]
        if value.strip("\\\"'` ").lower() in _PLAIN or _EMPTY.fullmatch(value) or (prose and not _is_credential(value)):
            at = max(begin, at)
            continue
        opening = _OPENING.match(value)
        quotes = opening[0] if opening is not None else ""
        yield begin, end, quotes + MASK + (quotes if quotes and value.endswith(quotes) else "")
        at = max(end, at)


def _is_among_words(text: str, begin: int, end: int) -> bool:
    """Whether other words stand on the line, before a key or behind its value."""
    line = text[text.rfind("\n", 0, begin) + 1 : begin]
    return bool(line.strip(" \t-")) or _MORE_WORDS.match(text, end) is not None


def _is_credential(value: str) -> bool:
    """Whether what follows a colon in prose looks like a credential."""
    return _OPENING.match(value) is not None or _is_strange(value)


def _value_end(text: str, at: int, *, header: bool) -> int:
    """The end of a value that begins here: of a quoted one behind its quote, of a container behind its bracket."""
    opening = _OPENING.match(text, at)
    if opening is not None:
        return _quoted_end(text, opening.end(), opening[0])
    if (container := _CONTAINER.match(text, at)) is not None:
        return _nested_end(text, container.end() - 1)
    if header:
        return _line_end(text, at)
    bare = _BARE_VALUE.match(text, at)
    if bare is None:
        return at
    if bare[0].lower() in _SCHEMES and text[bare.end() : bare.end() + 1] == " ":
        second = _BARE_VALUE.match(text, bare.end() + 1)
        return second.end() if second is not None else bare.end()
    return bare.end()


def _line_end(text: str, at: int) -> int:
    """The end of the line, or of the quoted text in which it stands."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    ends = ["\n", *(quote for quote in _QUOTES if line.count(quote) % 2)]
    end = min((found for sign in ends if (found := text.find(sign, at)) >= 0), default=len(text))
    return at + len(text[at:end].rstrip().rstrip("\\"))


def _quoted_end(text: str, at: int, quote: str) -> int:
    """The place behind the quote that ends a string; one behind a further backslash is inside of it."""
    while (found := text.find(quote, at)) >= 0:
        if text[found - 1] != "\\" or found == at:
            return found + len(quote)
        at = found + len(quote)
    return len(text)


def _nested_end(text: str, at: int) -> int:
    depth = 0
    while (match := _NESTED.search(text, at)) is not None:
        at = match.end()
        if match[1] is not None:
            at = _quoted_end(text, at, match[1])
            continue
        depth += 1 if match[0] in "[{(" else -1
        if depth == 0:
            return at
    return len(text)
