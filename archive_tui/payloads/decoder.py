"""The protocols of decoders and wrappers: they try, and return None. Both keep the limits of one payload.

A `Decoder` reads a format, a `Wrapper` peels one layer off, under which the door looks again. Neither raises for bytes
that are not its own: whatever a library raises is a None. They raise only what `Refusal` is the base of.
"""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import Protocol

from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.wording.people import size

INSTALL = "pip install 'archive-tui[payloads]'"
"""Installs the libraries of all decoders."""


class Fit(IntEnum):
    """Certainty that bytes are what a decoder takes them for. Readings are sorted by it."""

    DOUBTFUL = 0
    """Possible, but chance makes such bytes as well. Offered behind the bytes themselves."""

    BYTES = 1
    """The bytes as they are: always right, and seldom of use."""

    LIKELY = 2
    """Nothing speaks against it, and chance seldom makes such bytes."""

    CERTAIN = 3
    """A checksum, a signature or a whole grammar agrees."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one payload may cost. The defaults are for an operator who looks at one task."""

    bytes_out: int = 64 * 1024 * 1024
    """Bytes that all wrappers together may give out."""

    wrappers: int = 8
    """Wrappers within each other."""

    depth: int = 200
    """Containers of a tree within each other. Whoever walks a tree may recurse."""

    values: int = 1_000_000
    """Values of a tree that is built one by one, as all but JSON's is."""

    seconds: float = 5.0
    """Time after which no other decoder is tried. Asked between decoders, and between pieces of a wrapper."""


class Refusal(Exception):  # noqa: N818  # an answer, not an error of the program
    """A payload was recognised but is not decoded; the message is the sentence to show."""


class LimitReached(Refusal):
    """A limit is reached: a bomb, or a payload beyond all measure."""


class LibraryMissing(Refusal):
    """The library that reads this format is not installed."""

    def __init__(self, library: str) -> None:
        super().__init__(f"the library {library} is not installed: {INSTALL}")


@dataclass(slots=True)
class Context:
    """One payload's way through the decoders: its task type, and what is left of the limits."""

    task_type: str = ""
    """Type of the task; empty where nobody knows it."""

    limits: Limits = field(default_factory=Limits)
    """The limits of the whole payload."""

    clock: Callable[[], float] = time.monotonic
    """Seconds that only go on."""

    programs: bool = True
    """Whether the programs of a profile may be run: not for a million payloads."""

    lazily: bool = False
    """Whether what has many MiB is to be read piece by piece, when somebody looks at it."""

    wrapped: int = 0
    """Wrappers that were peeled off these bytes; 0: they are the payload itself."""

    json: bytes | None = None
    """The bytes that were read as JSON last: nobody needs to look for an error in them."""

    missing: list[str] = field(default_factory=list)
    """Formats that could not be tried, because their libraries are not installed."""

    notes: list[str] = field(default_factory=list)
    """Sentences on what was not tried, for whoever wonders why the payload is not read better."""

    started: float = field(init=False)
    """When it began, by `clock`."""

    bytes_out: int = field(init=False, default=0)
    """Bytes that wrappers have given out so far."""

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.clock() - self.started > self.limits.seconds

    @property
    def room(self) -> int:
        """Bytes that wrappers may still give out."""
        return max(self.limits.bytes_out - self.bytes_out, 0)

    def spend(self, name: str, content: int, raw: int) -> None:
        """Count bytes that a wrapper gave out for `raw` bytes. Raises LimitReached."""
        if content > self.room:
            raise LimitReached(
                f"{name}: more than {size(self.limits.bytes_out)} come out of {size(raw)}; it is not unpacked"
            )
        self.bytes_out += content

    def check_time(self, name: str) -> None:
        """Raise LimitReached where the time is up."""
        if self.late:
            raise LimitReached(f"{name}: not done after {self.limits.seconds:g} s; it is not decoded")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder made of bytes."""

    fit: Fit
    """How certain it is."""

    why: str
    """The reason for this choice, a few words: "an object from the first byte to the last"."""

    tree: Tree = NO_TREE
    """The plain values; `NO_TREE` for a format without."""

    text: Callable[[], str] | None = None
    """Writes it for people, when somebody looks; None: the tree is written out."""

    remarks: tuple[str, ...] = ()
    """What an operator must know about it, a sentence each: "the signature is not checked"."""


@dataclass(frozen=True, slots=True)
class Peeled:
    """What a wrapper held."""

    fit: Fit
    """How certain it is that this was a wrapper. `DOUBTFUL`: only if what was inside is something."""

    why: str
    """The reason for it, a few words: "its signature and its checksum"."""

    content: bytes
    """The bytes inside."""

    remarks: tuple[str, ...] = ()
    """What an operator must know: "cut off: the end is missing"."""

    by_program: bool = False
    """Whether a program unpacked it, which runs only for the task that somebody looks at."""


class Decoder(Protocol):
    """Reads one format. Plug-ins are of this shape; a `Decoder` has no state that a payload changes."""

    name: str
    """Its name in paths, and in lower case behind `decoder:` in filters."""

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        """Read bytes, which are never empty; None: they are something else. Raises Refusal."""


class Wrapper(Protocol):
    """Peels one layer off."""

    name: str
    """Its name in paths."""

    def peel(self, raw: bytes, context: Context) -> Peeled | None:
        """Unpack bytes, which are never empty; None: they are something else. Raises Refusal."""


def library(module: str, package: str) -> ModuleType:
    """Import an optional library. Raises LibraryMissing; `package` is what pip installs."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise LibraryMissing(package) from None
