"""Synthetic queues, seeded and faithful to Asynq's layout, loaded as fast as the server takes them.

Messages come from templates: the real codec encodes one message for each type and error, the variable parts of it are
found again and cut out, and each task fills them in. Requests go out as whole buffers, with the replies switched off.

`python tests/benchmarks/data.py SHAPE TASKS SOCKET` fills a server.
"""

import random
import socket
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from archive_tui.asynq import message
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.limits import CAP as ARCHIVE_CAP
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.store.link.pipe import pack

QUEUE = "bench"
NOW = 1_795_399_200
"""The moment in which the data was made, in unix seconds."""

LARGE = 1024 * 1024
"""The payload of a large message, in bytes."""

_NOTE = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore"
_IDS_AT_ONCE = 1_000
_BUFFER = 1024 * 1024
_TYPES = ("email:deliver", "report:generate", "image:resize", "webhook:send", "search:index")
_ERRORS = (
    *(f"dial tcp 10.0.{a}.{b}:587: connect: connection refused" for a in range(4) for b in (9, 17, 83, 201)),
    *(f"HTTP 503 from https://api-{a}.example.com/v2/events: upstream overloaded" for a in range(8)),
    *(f'pq: duplicate key value violates unique constraint "users_{a}_key"' for a in range(6)),
    "context deadline exceeded",
)
_ID_SAMPLE = "f" * 8 + "-ffff-4fff-bfff-" + "f" * 12
_NUMBER_SAMPLE = 87_654_321
_DIED_SAMPLE = 1_700_000_001
_MISPLACED = 0.01
"""The share of tasks that a healthy queue has lost track of, and that a leaky one has not: what is neither clean nor
broken throughout."""


class Shape(StrEnum):
    """What a queue looks like."""

    HEALTHY = "healthy"  # all states in use; 1 % orphans
    LEAKY = "leaky"  # archived, and 99 % orphans
    LARGE = "large"  # the same with payloads of 1 MiB
    ARCHIVE = "archive"  # an archive as full as Asynq lets it be, and nothing else


@dataclass(frozen=True, slots=True)
class _Template:
    """A message in pieces: between them stand the task's id, a number and the moment of its failure."""

    pieces: tuple[bytes, ...]
    parts: tuple[str, ...]
    length: int

    def fill(self, task_id: bytes, number: bytes, died: bytes) -> bytes:
        values = {"id": task_id, "number": number, "died": died}
        filled = [self.pieces[0]]
        for part, piece in zip(self.parts, self.pieces[1:], strict=True):
            filled += [values[part], piece]
        return b"".join(filled)


def _message(type_: str, error: str, note: str, task_id: str, number: int, died: int) -> TaskMessage:
    return TaskMessage(
        type=type_,
        payload=f'{{"user_id":{number},"note":"{note}"}}'.encode(),
        id=task_id,
        queue=QUEUE,
        retry=25,
        retried=25,
        error_msg=error,
        timeout=1800,
        last_failed_at=died,
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _template(type_: str, error: str, note: str) -> _Template:
    """Cut one encoded message up, and make sure that it gives what the codec gives when it is filled otherwise."""
    raw = message.encode(_message(type_, error, note, _ID_SAMPLE, _NUMBER_SAMPLE, _DIED_SAMPLE))
    samples = {"id": _ID_SAMPLE.encode(), "number": b"%d" % _NUMBER_SAMPLE, "died": _varint(_DIED_SAMPLE)}
    places = sorted((raw.index(sample), name) for name, sample in samples.items())
    pieces, end = [], 0
    for start, name in places:
        pieces.append(raw[end:start])
        end = start + len(samples[name])
    template = _Template((*pieces, raw[end:]), tuple(name for _, name in places), len(raw))
    other = ("01234567-89ab-4cde-8f01-23456789abcd", 12_345_678, NOW)
    filled = template.fill(other[0].encode(), b"%d" % other[1], _varint(other[2]))
    if filled != message.encode(_message(type_, error, note, *other)):
        raise AssertionError(f"the template for {type_!r} and {error!r} is not what the codec makes")
    return template


def _heads_and_tails(note: str, state: State, rng: random.Random) -> list[tuple[bytes, ...]]:
    """For each type and error, the constant parts of a whole `HSET key msg … state …`, in the order in which
    `_task_commands` joins them with the variable ones."""
    made = []
    errors = _ERRORS if len(note) < 10_000 else _ERRORS[::10]  # every template holds the note
    for type_ in _TYPES:
        for error in errors:
            template = _template(type_, error, note)
            assert template.parts == ("number", "id", "died"), template.parts
            key_length = len(ASYNQ.task(QUEUE, _ID_SAMPLE.encode()))
            before = b"*6\r\n$4\r\nHSET\r\n$%d\r\n%b" % (key_length, ASYNQ.task_prefix(QUEUE))
            between = b"\r\n$3\r\nmsg\r\n$%d\r\n%b" % (template.length, template.pieces[0])
            name = state.value.encode()
            after = template.pieces[3] + b"\r\n$5\r\nstate\r\n$%d\r\n%b\r\n" % (len(name), name)
            made.append((before, between, template.pieces[1], template.pieces[2], after))
    # Common and rare types, as in real life
    weights = [1 / (1 + position // len(errors)) ** 2 for position in range(len(made))]
    return rng.choices(made, weights, k=4_096)


def ids(rng: random.Random, count: int) -> list[bytes]:
    """Task ids as Asynq makes them: UUIDs of version 4."""
    digits = rng.randbytes(16 * count).hex().encode()
    return [
        b"%b-%b-4%b-a%b-%b" % (d[:8], d[8:12], d[13:16], d[17:20], d[20:])
        for d in (digits[at : at + 32] for at in range(0, len(digits), 32))
    ]


def _states(shape: Shape, tasks: int) -> list[tuple[State, bool, int]]:
    """Which states, whether an index holds them, and how many."""
    archived = min(ARCHIVE_CAP, max(1, tasks // 100))
    if shape is Shape.ARCHIVE:
        return [(State.ARCHIVED, True, min(ARCHIVE_CAP, tasks))]
    if shape is not Shape.HEALTHY:
        return [(State.ARCHIVED, True, archived), (State.ARCHIVED, False, tasks - archived)]
    lost = max(1, int(tasks * _MISPLACED))
    part = (tasks - archived - lost) // 10
    return [
        (State.ARCHIVED, True, archived),
        (State.COMPLETED, True, 3 * part),
        (State.RETRY, True, part),
        (State.SCHEDULED, True, part),
        (State.PENDING, True, tasks - archived - lost - 5 * part),
        (State.ARCHIVED, False, lost),
    ]


def orphans(shape: Shape, tasks: int) -> int:
    """How many orphans a scan must find."""
    return sum(count for _, indexed, count in _states(shape, tasks) if not indexed)


def commands(shape: Shape, tasks: int, seed: int = 1) -> Iterator[bytes]:
    """The commands that make a queue, in pieces that may be sent one after the other."""
    rng = random.Random(seed)
    large = shape is Shape.LARGE
    note = rng.randbytes((LARGE - 30) // 2).hex() if large else _NOTE
    yield pack((b"SADD", ASYNQ.queues, QUEUE.encode()))
    number = 10_000_000
    for state, indexed, count in _states(shape, tasks):
        parts = _heads_and_tails(note, state, rng)
        for start in range(0, count, _IDS_AT_ONCE):
            new = ids(rng, min(_IDS_AT_ONCE, count - start))
            yield from _task_commands(new, number, parts, rng, at_once=1 if large else _IDS_AT_ONCE)
            if indexed:
                yield _index_command(state, new, start)
            number += len(new)


def _task_commands(
    new: Sequence[bytes], number: int, parts: Sequence[tuple[bytes, ...]], rng: random.Random, at_once: int
) -> Iterator[bytes]:
    choices = rng.choices(parts, k=len(new))
    ages = array("L", rng.randbytes(8 * len(new)))
    pieces: list[bytes] = []
    for position, (task_id, (before, between, first, second, after)) in enumerate(zip(new, choices, strict=True)):
        died = _varint(NOW - ages[position] % 7_000_000)
        pieces += (before, task_id, between, b"%d" % (number + position), first, task_id, second, died, after)
        if (position + 1) % at_once == 0:
            yield b"".join(pieces)
            pieces.clear()
    yield b"".join(pieces)


def _index_command(state: State, new: Sequence[bytes], start: int) -> bytes:
    key = ASYNQ.index(QUEUE, state)
    if state is State.PENDING:
        return pack((b"LPUSH", key, *new))
    ahead = -1 if state is State.ARCHIVED else 1  # archived before now; run or expired after it
    scored = [part for at, task_id in enumerate(new) for part in (b"%d" % (NOW + ahead * (start + at)), task_id)]
    return pack((b"ZADD", key, *scored))


def load(path: str, shape: Shape, tasks: int) -> None:
    """Fill the server at a unix socket, and make sure that everything has arrived."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(b"CLIENT REPLY OFF\r\n")
        waiting: list[bytes] = []
        size = 0
        for piece in commands(shape, tasks):
            waiting.append(piece)
            size += len(piece)
            if size >= _BUFFER:
                link.sendall(b"".join(waiting))
                waiting, size = [], 0
        link.sendall(b"".join(waiting))
        asked = [(b"CLIENT", b"REPLY", b"ON"), (b"DBSIZE",)]
        indexes = sorted({state for state, indexed, _ in _states(shape, tasks) if indexed})
        for state in indexes:
            asked.append((b"LLEN" if state is State.PENDING else b"ZCARD", ASYNQ.index(QUEUE, state)))
        link.sendall(b"".join(map(pack, asked)))
        with link.makefile("rb") as replies:
            answers = [replies.readline().strip() for _ in asked]
    counts = [
        sum(count for other, indexed, count in _states(shape, tasks) if indexed and other is state) for state in indexes
    ]
    made = sum(count for _, _, count in _states(shape, tasks))
    expected = [b"+OK", *(b":%d" % count for count in (made + 1 + len(indexes), *counts))]
    if answers != expected:
        raise SystemExit(f"the server did not take all of it: {answers}, expected {expected}")


if __name__ == "__main__":
    load(sys.argv[3], Shape(sys.argv[1]), int(sys.argv[2]))
