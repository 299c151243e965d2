"""XML, without expanding anything that it declares."""

import re
from typing import Any
from xml.parsers import expat

from archive_tui.payloads.decoder import Context, Decoded, Fit, LimitReached, Limits, Refusal
from archive_tui.payloads.tree import Tree
from archive_tui.payloads.writing import INDENT

_BEGINNING = re.compile(rb"(\xef\xbb\xbf)?\s*<[?!A-Za-z_]")
_TOKEN = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|<[^>]*>|[^<]+", re.DOTALL)


def is_like_xml(raw: bytes) -> bool:
    """Tell whether bytes begin as a document does."""
    return _BEGINNING.match(raw) is not None


class XmlDecoder:
    """A whole document. In the tree, an element is a dict of its attributes (`@name`), children and text (`#text`), or
    its text where it has nothing else; children of one name are a list.
    """

    name = "XML"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        if not is_like_xml(raw):
            return None
        builder = _Builder(context.limits)
        try:
            builder.parse(raw)
        except (expat.ExpatError, ValueError, LookupError):  # not well-formed; an encoding that Python lacks
            return None
        text = raw.decode(builder.encoding, "replace")
        return Decoded(
            Fit.CERTAIN,
            f"one element, {builder.root_name}, from the first byte to the last",
            builder.root,
            lambda: text if "\n" in text.strip() else _laid_out(text),
        )


class _Builder:
    """Builds a tree of what the parser meets."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._elements = 0
        self._open: list[tuple[str, dict[str, Tree], list[str]]] = []
        self.root: Tree = {}
        self.root_name = ""
        self.encoding = "utf-8"

    def parse(self, raw: bytes) -> None:
        """Parse all of a document. Raises ExpatError, ValueError, LookupError, Refusal."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.XmlDeclHandler = self._declaration
        parser.Parse(raw, True)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and not encoding.lower().startswith("utf-16"):
            "".encode(encoding)  # LookupError for one that Python does not have
            self.encoding = encoding

    def _entity(self, name: str, *_: Any) -> None:
        raise Refusal(f"XML: it declares entities ({name[:40]}), which are never expanded here; it is not decoded")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= self._limits.depth:
            raise LimitReached(f"XML: it nests deeper than {self._limits.depth} levels")
        self._elements += 1
        if self._elements > self._limits.values:
            raise LimitReached(f"XML: it has more than {self._limits.values:,} elements")
        self._open.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        name, children, parts = self._open.pop()
        text = "".join(parts)
        text = text if text.strip() or not children else ""
        node: Tree = children
        if not children:
            node = text
        elif text:
            children["#text"] = text.strip()
        if not self._open:
            self.root, self.root_name = {name: node}, name
            return
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = node
        elif isinstance(siblings[name], list):
            siblings[name].append(node)
        else:
            siblings[name] = [siblings[name], node]


def _laid_out(text: str) -> str:
    """Lay a document that is one line out, an element that holds others over lines of its own."""
    lines: list[str] = []
    depth = 0
    tokens = _TOKEN.findall(text)
    for number, token in enumerate(tokens):
        if token.startswith("</"):
            depth = max(depth - 1, 0)
            inline = (
                number and not tokens[number - 1].startswith(("</", "<!--")) and not tokens[number - 1].endswith("/>")
            )
            if inline and lines:
                lines[-1] += token
                continue
            lines.append(INDENT * depth + token)
        elif token.startswith("<") and not token.startswith("<![CDATA["):
            lines.append(INDENT * depth + token)
            depth += not token.startswith(("<?", "<!")) and not token.endswith("/>")
        elif lines and (token.strip() or len(tokens) == 1):
            lines[-1] += token
        elif not lines:
            lines.append(token)
    return "\n".join(lines)
