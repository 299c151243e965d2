"""Reads keys from what a terminal sends: each as it was pressed, however many arrive in one piece.

Textual's parser (8.2.8) waits for more after an escape, and takes `esc j` in one packet for `alt+j`, `esc b` for
`ctrl+left`, and `esc /abc` for `/abc` without the escape. A sequence that it does not know arrives as typed text. So
the bytes are cut into single keys and whole sequences first, and it is given one of them at a time.
"""

from __future__ import annotations

import re
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from archive_tui.tui.terminal.background import BackgroundTold, read_answer

_ESCAPE_ALONE = 0.1
"""Seconds after which an escape that nothing follows is the key."""

_TORN = 1.0
"""Seconds for which the rest of a sequence is waited for: a link that stalls may tear it apart."""

_ESC = "\x1b"
_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"

_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[M[\s\S]{3}"  # the mouse, in its oldest form
    r"|\[\[?[0-?]*[ -/]*[@-~]"  # CSI; `[[A` is F1 on the console of Linux
    r"|O[A-DFHIMP-SXa-dj-y]"  # SS3
    r"|\][0-9][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    r"|P[0-9]?[!$+>|][^\x1b]*\x1b\\"  # DCS
    r")"
)
_BEGUN = re.compile(
    r"\x1b(?:\[(?:M[\s\S]{0,2}|\[?[0-?]*[ -/]*)|O|\](?:[0-9][^\x07\x1b]*\x1b?)?|P(?:[0-9]?[!$+>|][^\x1b]*\x1b?)?)?\Z"
)
_Tail = tuple[re.Pattern[str], re.Pattern[str]]
"""The rest of a sequence whose start was given up: all of it, and a part of it."""

_TAIL_OF_ESCAPE: _Tail = re.compile(r"\[\[?[0-?]*[ -/]*[@-~]|O[A-DFHP-S]"), re.compile(r"(?:\[\[?[0-?]*[ -/]*|O)\Z")
_TAIL_OF_KEY: _Tail = re.compile(r"[0-9;]*[A-DFHP-S~]"), re.compile(r"[0-9;]+\Z")
_TAIL_OF_ANSWER: _Tail = (
    re.compile(r"[0-9A-Za-z/:;#.-]*(?:\x07|\x1b?\\)"),
    re.compile(r"(?:[0-9A-Fa-f/]{2,}\x1b?|\x1b)\Z"),
)
_TAIL_COMES = 10.0
"""Seconds for which a tail is known when it comes: it must not be taken for letters, which are commands."""

_TYPED = re.compile(r"\x1b[\]OP]?\Z")
"""What somebody may have typed, although a sequence begins like that."""


class Keyboard:
    """`feed` it what the terminal sends, and ask for the `rest` while it sends nothing. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._parser = XTermParser()
        self._waiting = ""
        self._since = 0.0
        self._pasted: str | None = None
        self._tail: _Tail | None = None
        """What the next piece may begin with, although it was not typed; None: nothing was given up."""
        self._tail_until = 0.0

    def feed(self, data: bytes) -> Iterator[Message]:
        """The keys, pastes and answers in what the terminal sent."""
        self._waiting += self._decoder.decode(data)
        self._since = self._clock()
        if self._tail is not None and self._waiting and not self._drop_tail(self._tail):
            return
        while self._waiting:
            if self._pasted is not None:
                yield from self._paste()
                if self._pasted is not None:
                    return
            elif (start := self._waiting.find(_ESC)) != 0:
                yield from self._parser.feed(self._cut(start if start > 0 else len(self._waiting)))
            elif found := _SEQUENCE.match(self._waiting):
                yield from self._sequence(self._cut(found.end()))
            elif _BEGUN.match(self._waiting):
                return
            else:
                self._cut(1)
                yield events.Key("escape", _ESC)

    def rest(self) -> Iterator[Message]:
        """What was held back, where nothing more came for long enough."""
        if not self._waiting or self._pasted is not None:
            return
        known = _TYPED.match(self._waiting) or not self._waiting.startswith(_ESC)
        patience = _ESCAPE_ALONE if known and self._tail is None else _TORN
        if self._clock() - self._since < patience:
            return
        held, self._tail = self._cut(len(self._waiting)), None
        if held == _ESC:
            self._await_tail(_TAIL_OF_ESCAPE, _TORN)
            yield events.Key("escape", _ESC)
        elif held.startswith(_ESC) and known:
            self._await_tail(_TAIL_OF_KEY, _TORN)
            yield events.Key("escape", _ESC)
            yield from self._parser.feed(held[1:])
        elif held.startswith(_ESC):  # nobody types such a thing: the rest of it is late, or never comes
            self._await_tail(_TAIL_OF_ANSWER if held[1] in "]P" else _TAIL_OF_KEY, _TAIL_COMES)
        else:
            yield from self._parser.feed(held)

    def _await_tail(self, tail: _Tail, seconds: float) -> None:
        self._tail, self._tail_until = tail, self._clock() + seconds

    def _drop_tail(self, tail: _Tail) -> bool:
        """Drop the rest of a sequence whose start was given up; False while it is not all there."""
        whole, part = tail
        self._tail = None
        if self._clock() < self._tail_until:
            if found := whole.match(self._waiting):
                self._cut(found.end())
            elif part.match(self._waiting):
                self._tail = tail
                return False
        return True

    def _cut(self, length: int) -> str:
        piece, self._waiting = self._waiting[:length], self._waiting[length:]
        return piece

    def _paste(self) -> Iterator[Message]:
        text, end, rest = self._waiting.partition(_PASTE_END)
        if not end:  # the end may have come in part
            held = next((n for n in range(len(_PASTE_END) - 1, 0, -1) if text.endswith(_PASTE_END[:n])), 0)
            self._pasted = (self._pasted or "") + text[: len(text) - held]
            self._waiting = text[len(text) - held :]
            return
        yield events.Paste(((self._pasted or "") + text).replace("\x00", ""))
        self._pasted, self._waiting = None, rest

    def _sequence(self, sequence: str) -> Iterator[Message]:
        if sequence == _PASTE:
            self._pasted = ""
            return
        if sequence[1] in "]P":  # answers to questions, perhaps of another program
            if (dark := read_answer(sequence)) is not None:
                yield BackgroundTold(dark)
            return
        known = False
        for message in self._parser.feed(sequence):
            known = True
            yield message
        if not known:  # it would wait for more, and hand out what it does not know as typed text
            old, self._parser = self._parser, XTermParser()
            self._parser.last_x, self._parser.last_y = old.last_x, old.last_y
            self._parser.mouse_pixels = old.mouse_pixels
            self._parser.terminal_size = old.terminal_size
            self._parser.terminal_pixel_size = old.terminal_pixel_size
