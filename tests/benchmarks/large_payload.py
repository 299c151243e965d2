"""A payload of 50 MiB on the screen of its task: `python tests/benchmarks/large_payload.py [KIND …]`.

For each kind of payload: seconds from the key to the first page, and until all of it was looked over; the longest time
in which the event loop stood still to the first page, until all was looked over, in each of its views while one moves
in it, and in a search; and the peak of memory as a multiple of the payload.

A stall is counted as the processor time that this process took meanwhile, where that is less than the time on the
clock: what other programs of a busy machine take is not ours.
"""

import asyncio
import base64
import gc
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cbor2
import msgpack
import redis
import zstandard

from archive_tui.asynq.message import TaskMessage
from archive_tui.embedded.server import EmbeddedServer

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.pilot import Operator, WatchedApp

from archive_tui.payloads.readings import Reading
from archive_tui.session import Session
from archive_tui.settings.model import Settings
from archive_tui.tui.app import share_the_interpreter

MEBIBYTE = 1024 * 1024
_BEAT = 0.002


def _rows(count: int) -> bytes:
    rows = [{"id": n, "email": f"customer{n}@example.com", "tags": ["a", "b"], "user": {"id": n}} for n in range(count)]
    return json.dumps(rows).encode()


def _values(count: int = 520_000) -> list[dict[str, object]]:
    return json.loads(_rows(count))  # type: ignore[no-any-return]


def _xml() -> bytes:
    row = b"<row><id>%d</id><email>customer%d@example.com</email><tag a='1'>b</tag></row>"
    return b"<rows>%b</rows>" % b"\n".join(row % (n, n) for n in range(620_000))


def _protobuf() -> bytes:
    row = TaskMessage(type="email:send", payload=b"customer@example.com", id="1", queue="q").SerializeToString()
    return (b"\x0a" + bytes((len(row),)) + row) * (50 * MEBIBYTE // (len(row) + 2))


KINDS: dict[str, Callable[[], bytes]] = {
    "small": lambda: _rows(8),
    "json": lambda: _rows(520_000),
    "one string": lambda: json.dumps({"text": "a line of a log\n" * (3 * MEBIBYTE)}).encode(),
    "ndjson": lambda: b"\n".join(b'{"id": %d, "email": "customer%d@example.com"}' % (n, n) for n in range(1_000_000)),
    "text": lambda: b"a line of a log that is not very long at all\n" * (50 * MEBIBYTE // 45),
    "binary": lambda: random.Random(3).randbytes(MEBIBYTE) * 50,
    "gzip": lambda: gzip.compress(_rows(520_000), 1),
    "zstd": lambda: zstandard.compress(_rows(520_000)),
    "base64": lambda: base64.b64encode(_rows(400_000)),
    "json string": lambda: json.dumps(_rows(440_000).decode()).encode(),
    "msgpack": lambda: msgpack.packb(_values(740_000)),
    "cbor": lambda: cbor2.dumps(_values(740_000)),
    "xml": _xml,
    "form": lambda: b"&".join(b"id%d=%d&email%d=customer%%40example.com" % (n, n, n) for n in range(1_250_000)),
    "protobuf": _protobuf,
    "utf16": lambda: _rows(260_000).decode().encode("utf-16"),
}
"""The payloads; those in wrappers hold about 50 MiB, or take that."""

_UNPACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstandard.decompress}


def fill(path: str, name: str) -> None:
    """Put two tasks into an archive, the second with the payload; in a process of its own."""
    client = redis.Redis(unix_socket_path=path)
    client.sadd("asynq:queues", "q")
    for number, payload in enumerate((b"{}", KINDS[name]())):
        message = TaskMessage(type="bench", payload=payload, id=str(number), queue="q").SerializeToString()
        client.hset(f"asynq:{{q}}:t:{number}", mapping={"msg": message, "state": "archived"})
        client.zadd("asynq:{q}:archived", {str(number): 1_795_000_000 - number})


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def _begin_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


class _Beat:
    """Notes for how long the event loop stands still."""

    def __init__(self) -> None:
        self._longest = 0.0

    async def run(self) -> None:
        """Beat until it is cancelled."""
        while True:
            began, worked = time.perf_counter(), time.process_time()
            await asyncio.sleep(_BEAT)
            stood = min(time.perf_counter() - began, time.process_time() - worked) - _BEAT
            self._longest = max(self._longest, stood)

    def taken(self) -> str:
        """The longest time since this was asked last."""
        longest, self._longest = self._longest, 0.0
        return f"{longest * 1000:5.0f} ms"


def _is_looked_over(reading: Reading) -> bool:
    """Whether a part of it has not been looked over; to ask `advance` would make the loop wait for its turn."""
    return reading.large is not None and any(word.startswith("still checking") for word in reading.large.words())


async def measure(path: str, size: int) -> str:
    """Open the first task, go on to the second, and watch."""
    session = Session(Settings(socket=path))
    session.open()
    share_the_interpreter()
    app = WatchedApp(session)
    beat = _Beat()
    async with app.run_test(size=(140, 40)) as pilot:
        operator = Operator(app, pilot)
        await operator.tasks("q")
        await operator.task()
        beating = asyncio.create_task(beat.run())
        _begin_peak()
        before, began = _memory("VmRSS"), time.perf_counter()
        app.simulate_key("n")
        screen = operator.app.screen
        while screen._loaded is None or screen._loaded.task.id != b"1":  # noqa: ASYNC110
            await asyncio.sleep(_BEAT)
        await pilot.pause(0)
        first, stalls = time.perf_counter() - began, [beat.taken()]
        while any(map(_is_looked_over, screen._loaded.readings)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        verdict = time.perf_counter() - began
        stalls.append(beat.taken())
        names = []
        for number in range(len(screen._loaded.views)):
            if number:
                app.simulate_key("v")
                while screen._loaded.view != number:  # noqa: ASYNC110
                    await asyncio.sleep(_BEAT)
            for key in ("down", "pagedown", "end", "pageup", "home"):
                await pilot.press(key)
            names.append(f"{screen._loaded.views[number].name} {beat.taken().strip()}")
        await pilot.press("slash", *"zq")
        while screen.searching.reading:  # noqa: ASYNC110
            await asyncio.sleep(_BEAT)
        names.append(f"search {beat.taken().strip()}")
        peak = (_memory("VmHWM") - before) / size
        beating.cancel()
    best = screen._loaded.readings[0]
    what = f"{best.name}{f' ({best.problem})' if best.problem else ''}"
    return f"{first:6.2f} s  {stalls[0]}  {verdict:6.1f} s  {stalls[1]}  {peak:7.2f} x  {what}: {', '.join(names)}"


def main() -> None:
    """Measure every kind that is named, or all."""
    if sys.argv[1:2] == ["fill"]:
        fill(*sys.argv[2:])
        return
    print(f"load {os.getloadavg()[0]:.1f}             first page    stall   all        stall   memory")
    for name in sys.argv[1:] or KINDS:
        raw = KINDS[name]()
        size = len(_UNPACKED.get(name, bytes)(raw))
        del raw
        gc.collect()
        with EmbeddedServer() as server:
            path = str(server.directory / "valkey.sock")
            subprocess.run([sys.executable, __file__, "fill", path, name], check=True)
            print(f"{name:>11} {size / MEBIBYTE:5.1f} MiB", asyncio.run(measure(path, size)), flush=True)


if __name__ == "__main__":
    main()
