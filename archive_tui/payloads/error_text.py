"""Readings of error messages: a stack trace of Go without the frames of others, JSON and values of Go laid out."""

import json
import re
from collections.abc import Iterator

from archive_tui.payloads import go_values
from archive_tui.payloads.decoder import Fit
from archive_tui.payloads.decoders.json_text import laid_out
from archive_tui.payloads.readings import Reading
from archive_tui.wording.people import plural

_GOROUTINE = re.compile(r"goroutine \d+ .*\[[^\]\n]+\]:")
_FILE = re.compile(r"\t\S.*:\d+( \+0x[0-9a-f]+)?")
_NOT_THEIRS = re.compile(r"(created by )?(runtime[./]|panic\(|github\.com/hibiken/asynq\.)")
"""Functions of Go's runtime, and of Asynq: the same in every trace."""

_LEAST_JSON = 20
_TRIES = 20
"""Characters of JSON that is worth laying out, and places of a message at which it is looked for."""

_DECODER = json.JSONDecoder()


def error_readings(message: str) -> list[Reading]:
    """All readings of an error message, best first; the last is the message as it is."""
    raw = message.encode("utf-8", "surrogatepass")
    readings = []
    frames, others = _frames(message)
    if others and others < frames:
        why = f"{others:,} of {plural(frames, 'frame')} are of Go's runtime or Asynq"
        readings.append(Reading(("stack trace",), Fit.LIKELY, why, raw, write=lambda: "\n".join(_folded(message))))
    elif (spread := _spread(message)) is not None:
        readings.append(Reading(("JSON inside",), Fit.LIKELY, "a part of it is JSON", raw, write=lambda: spread))
    if (values := go_values.laid_out(message)) is not None:
        why = "a part of it is a value of Go, as %+v writes it"
        readings.append(Reading(("Go value inside",), Fit.LIKELY, why, raw, write=lambda: values))
    return [*readings, Reading(("text",), Fit.LIKELY, "as it is", raw, write=lambda: message)]


def _frames(message: str) -> tuple[int, int]:
    """Frames of the stack traces in a message, and how many of them are not the program's."""
    frames = [own for own, _ in _parts(message) if own is not None]
    return len(frames), frames.count(False)


def _parts(message: str) -> Iterator[tuple[bool | None, list[str]]]:
    """The lines of a message; those of a frame together, with True for one of the program and False for others."""
    lines = message.split("\n")
    at, inside = 0, False
    while at < len(lines):
        inside = inside or _GOROUTINE.fullmatch(lines[at].rstrip("\r")) is not None
        if inside and at + 1 < len(lines) and _FILE.fullmatch(lines[at + 1].rstrip("\r")) and lines[at][:1] != "\t":
            yield _NOT_THEIRS.match(lines[at]) is None, lines[at : at + 2]
            at += 2
        else:
            yield None, lines[at : at + 1]
            at += 1


def _folded(message: str) -> Iterator[str]:
    """The lines of a message, a line for frames that are not the program's."""
    hidden = 0
    for own, lines in [*_parts(message), (None, [])]:
        if own is False:
            hidden += 1
            continue
        if hidden:
            yield f"  … {plural(hidden, 'frame')} of Go's runtime or Asynq"
            hidden = 0
        yield from lines


def _spread(message: str) -> str | None:
    """The message with the first JSON in it laid out on lines of its own; None: there is none worth it."""
    for _, begin in zip(range(_TRIES), re.finditer(r"[{\[]", message), strict=False):
        try:
            value, end = _DECODER.raw_decode(message, begin.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | list) and value and end - begin.start() >= _LEAST_JSON:
            parts = message[: begin.start()].rstrip(), laid_out(message[begin.start() : end]), message[end:].lstrip()
            return "\n".join(part for part in parts if part)
    return None
