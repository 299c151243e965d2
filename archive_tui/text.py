"""Make untrusted text safe to display. Everything from Redis passes through here.

Task ids, types, queue names, errors, headers, payloads and server messages come from elsewhere. A terminal obeys what
it is sent: an escape sequence in an error message can retitle the window, write the clipboard or hide a row
(seen with every stock widget of Textual 8.2.8). So control, C1, bidirectional and other invisible characters become
visible signs here, and what comes out is shown as plain content, never parsed as markup.
"""

import base64
import unicodedata

_TAB_WIDTH = 4


def _sign(code: int) -> str:
    """The visible sign for one character that must not reach the terminal."""
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, decoded with surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"⟨U+{code:04X}⟩"


class _Signs(dict[int, str]):
    """A table for `str.translate` that decides about a character when it is met first and remembers the answer."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # Cc control, Cf format (bidirectional, zero width), Cs surrogates, Zl Zp line ends, Co private, Cn unassigned
        forbidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        self[code] = answer = _sign(code) if forbidden else character
        return answer


_LINE = _Signs()
_BLOCK = _Signs({0x0A: "\n"})


def decode(raw: bytes) -> str:
    """Decode bytes from Redis without losing any: what is not UTF-8 becomes lone surrogates; `encode` undoes it."""
    return raw.decode("utf-8", "surrogateescape")


def encode(value: str) -> bytes:
    """Encode text from `decode` to the bytes that it was given."""
    return value.encode("utf-8", "surrogateescape")


def line(value: str | bytes) -> str:
    """Make one safe line of foreign text: what could move the cursor or change the terminal becomes a visible sign."""
    if isinstance(value, bytes):
        value = decode(value)
    if value.isascii() and value.isprintable():
        return value
    return value.translate(_LINE)


def block(value: str | bytes) -> str:
    """Make safe lines of foreign text: as `line` does, but line ends stay line ends and tabs become spaces."""
    if isinstance(value, bytes):
        value = decode(value)
    value = value.replace("\r\n", "\n").expandtabs(_TAB_WIDTH)
    return value.translate(_BLOCK)


def clip(value: str | bytes, width: int) -> str:
    """Make one safe line of at most `width` characters, a cut shown by an ellipsis; 0 and less give an empty one."""
    if isinstance(value, bytes):
        value = decode(value)
    if width <= 0:
        return ""
    shown = line(value[: width + 1])
    return shown if len(shown) <= width else shown[: max(width - 1, 0)] + "…"


def readable(raw: bytes) -> str | dict[str, str]:
    """Put bytes into JSON as all file formats do: text where they are UTF-8, else `{"base64": …}`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
