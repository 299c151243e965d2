"""What our figures are compared with, and the screens, each in a process of its own:
`python tests/benchmarks/subjects.py NAME URL`.

A subject makes itself ready, prints `begin` and waits for a line; then it works, prints `end`, and last its figures as
JSON. So preparations disturb neither its own figures nor those of the witness.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import redis
from data import QUEUE
from gauges import count_sends, measured

from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.states import State
from archive_tui.settings.model import Settings
from archive_tui.settings.url import parse_url
from archive_tui.store.link.pipe import pack_each
from archive_tui.store.link.server import Server

SLICE = 20_000
"""On how many keys the usual recipe is run at most; else on a tenth."""

_COUNT = 1_000


def _client(settings: Settings) -> redis.Redis:
    """redis-py as everybody uses it."""
    if settings.socket:
        return redis.Redis(unix_socket_path=settings.socket)
    return redis.Redis(settings.host, settings.port)


def idle(_settings: Settings, figures: dict[str, Any]) -> None:
    """Nothing: what the machine itself does to a second client."""
    with measured(figures):
        time.sleep(2)


def floor(settings: Settings, figures: dict[str, Any]) -> None:
    """A bare SCAN MATCH COUNT 1000 loop, with redis-py as everybody uses it."""
    client, pattern = _client(settings), ASYNQ.tasks_pattern(QUEUE)
    client.ping()
    with measured(figures):
        met = cursor = 0
        while True:
            cursor, found = client.scan(cursor, match=pattern, count=_COUNT)
            met += len(found)
            if not cursor:
                break
    figures["keys"] = met


def reading(settings: Settings, figures: dict[str, Any]) -> None:
    """What no scan can do without that shows what it found: SCAN, and state and message of every key, packed by hand,
    1,000 in one buffer. The replies are thrown away.
    """
    head, tail = b"*4\r\n$5\r\nHMGET\r\n", b"$5\r\nstate\r\n$3\r\nmsg\r\n"
    met, cursor = 0, b"0"
    with contextlib.closing(Server(settings)) as server, server.pipe() as pipe, measured(figures):
        while True:
            cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", ASYNQ.tasks_pattern(QUEUE), b"COUNT", b"%d" % _COUNT)
            if found:
                pipe.send([pack_each(head, found, tail)], len(found))
                pipe.receive(len(found))
            met += len(found)
            if cursor == b"0":
                break
    figures["keys"] = met


def recipe(settings: Settings, figures: dict[str, Any]) -> None:
    """The usual script, on a slice: scan_iter and one ZSCORE a key."""
    client, archive = _client(settings), ASYNQ.index(QUEUE, State.ARCHIVED)
    enough = min(SLICE, int(client.dbsize()) // 10)
    looked = orphans = 0
    with measured(figures):
        for key in client.scan_iter(match=ASYNQ.tasks_pattern(QUEUE)):
            looked += 1
            orphans += client.zscore(archive, key.rsplit(b":", 1)[1]) is None
            if looked >= enough:
                break
    figures |= {"keys": looked, "found": orphans, "slice": True}


def unlink(settings: Settings, figures: dict[str, Any]) -> None:
    """Blind UNLINK of every key, 1,000 in one command."""
    client = _client(settings)
    met = list(client.scan_iter(match=ASYNQ.tasks_pattern(QUEUE), count=_COUNT))
    with measured(figures):
        for start in range(0, len(met), _COUNT):
            client.unlink(*met[start : start + _COUNT])
    figures["keys"] = len(met)


def screen(settings: Settings, figures: dict[str, Any]) -> None:
    """The scan screen, played from the scan to the deletion of everything it found."""
    import screens

    screens.play(settings, figures, lambda: measured(figures))


def terminal(_settings: Settings, figures: dict[str, Any]) -> None:
    """The screens as a terminal sees them: what they send, and how soon they answer."""
    import wire

    with measured(figures):
        wire.measure(sys.argv[2], figures)


SUBJECTS: dict[str, Callable[[Settings, dict[str, Any]], None]] = {
    subject.__name__: subject for subject in (idle, floor, reading, recipe, unlink, screen, terminal)
}

if __name__ == "__main__":
    count_sends()
    told: dict[str, Any] = {}
    SUBJECTS[sys.argv[1]](parse_url(sys.argv[2]), told)
    print(json.dumps(told))
