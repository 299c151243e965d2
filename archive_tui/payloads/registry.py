"""The registry: which decoders and wrappers there are, in the order in which they are tried and preferred.

Plug-ins are found by name in the entry-point group `archive_tui.payloads`. Each names a class that is made without
arguments and has the shape of `Decoder` or `Wrapper`::

    [project.entry-points."archive_tui.payloads"]
    acme = "acme_payloads:AcmeDecoder"

They come before our own, because whoever installs one wants it. One that cannot be loaded, or that raises, never stops
the program: its error is in `Registry.problems`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from archive_tui.payloads.decoder import Decoder, Wrapper
from archive_tui.payloads.decoders.binary import BinaryDecoder
from archive_tui.payloads.decoders.cbor import CborDecoder
from archive_tui.payloads.decoders.form import FormDecoder
from archive_tui.payloads.decoders.gob import GobDecoder
from archive_tui.payloads.decoders.json_text import JsonDecoder
from archive_tui.payloads.decoders.jwt import JwtDecoder
from archive_tui.payloads.decoders.messagepack import MessagePackDecoder
from archive_tui.payloads.decoders.ndjson import NdjsonDecoder
from archive_tui.payloads.decoders.plain_text import TextDecoder
from archive_tui.payloads.decoders.protobuf_wire import ProtobufDecoder
from archive_tui.payloads.decoders.xml import XmlDecoder
from archive_tui.payloads.wrappers.base64_text import Base64, Base64Url
from archive_tui.payloads.wrappers.brotli_stream import Brotli
from archive_tui.payloads.wrappers.deflate import Gzip, Zlib
from archive_tui.payloads.wrappers.json_string import JsonString
from archive_tui.payloads.wrappers.lz4_frame import Lz4Frame
from archive_tui.payloads.wrappers.snappy import Snappy
from archive_tui.payloads.wrappers.utf16 import Utf16
from archive_tui.payloads.wrappers.zstd import Zstandard

GROUP = "archive_tui.payloads"
"""The entry-point group of plug-ins."""

WRAPPERS: tuple[Callable[[], Wrapper], ...] = (
    Gzip,
    Zlib,
    Zstandard,
    Lz4Frame,
    Snappy,
    Brotli,
    JsonString,
    Base64,
    Base64Url,
    Utf16,
)
"""Our wrappers, in the order in which they are tried."""

DECODERS: tuple[Callable[[], Decoder], ...] = (
    JsonDecoder,
    NdjsonDecoder,
    JwtDecoder,
    XmlDecoder,
    FormDecoder,
    MessagePackDecoder,
    CborDecoder,
    GobDecoder,
    ProtobufDecoder,
    TextDecoder,
    BinaryDecoder,
)
"""Our decoders: of two that fit equally well, the one that stands first is preferred."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Decoders and wrappers in their order."""

    decoders: tuple[Decoder, ...]
    """The formats; the last one reads everything."""

    wrappers: tuple[Wrapper, ...]
    """The layers."""

    problems: tuple[str, ...] = ()
    """A sentence for each plug-in that could not be loaded."""

    def with_first(self, *, decoders: Iterable[Decoder] = (), wrappers: Iterable[Wrapper] = ()) -> "Registry":
        """The same with others before them, such as those that a profile names."""
        return Registry((*decoders, *self.decoders), (*wrappers, *self.wrappers), self.problems)

    def behind_json(self, *decoders: Decoder) -> "Registry":
        """The same with decoders behind JSON, which keeps its fast way: those that judge by the type of the task."""
        at = next(number for number, decoder in enumerate(self.decoders) if isinstance(decoder, JsonDecoder)) + 1
        return Registry((*self.decoders[:at], *decoders, *self.decoders[at:]), self.wrappers, self.problems)


@cache
def standard() -> Registry:
    """Our decoders and wrappers, behind those of plug-ins."""
    ours = Registry(tuple(make() for make in DECODERS), tuple(make() for make in WRAPPERS))
    return _with_plugins(ours, entry_points(group=GROUP))


@cache
def standard_wrappers() -> tuple[Wrapper, ...]:
    """Our wrappers, without those of plug-ins."""
    return tuple(make() for make in WRAPPERS)


def _with_plugins(ours: Registry, found: Iterable[EntryPoint]) -> Registry:
    decoders: list[Decoder] = []
    wrappers: list[Wrapper] = []
    problems: list[str] = []
    for point in sorted(found, key=lambda point: point.name):
        try:
            plugin = point.load()()
            str(plugin.name)
        except Exception as error:  # whatever somebody else's code does
            problems.append(f"the payload plug-in {point.name} cannot be loaded: {type(error).__name__}: {error}")
            continue
        if hasattr(plugin, "decode"):
            decoders.append(plugin)
        elif hasattr(plugin, "peel"):
            wrappers.append(plugin)
        else:
            problems.append(f"the payload plug-in {point.name} has neither decode() nor peel()")
    return Registry((*decoders, *ours.decoders), (*wrappers, *ours.wrappers), tuple(problems))
