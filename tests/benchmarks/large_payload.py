"""A payload of 50 MiB on the screen of its task: `python tests/benchmarks/large_payload.py [FORMAT …]`.

For each format: seconds from the key to the first page, the longest time in which the event loop stood still by then,
the same until the rest was looked over, and the peak of memory as a multiple of the payload.
"""

import asyncio
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

import redis

from archive_tui.asynq.message import TaskMessage
from archive_tui.embedded.server import EmbeddedServer

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.pilot import Operator, WatchedApp

from archive_tui.session import Session
from archive_tui.settings.model import Settings

MEBIBYTE = 1024 * 1024
_BEAT = 0.002


def _rows(count: int) -> bytes:
    rows = [{"id": n, "email": f"customer{n}@example.com", "tags": ["a", "b"], "user": {"id": n}} for n in range(count)]
    return json.dumps(rows).encode()


FORMATS: dict[str, Callable[[], bytes]] = {
    "small": lambda: _rows(8),
    "json": lambda: _rows(520_000),
    "ndjson": lambda: b"\n".join(b'{"id": %d, "email": "customer%d@example.com"}' % (n, n) for n in range(1_000_000)),
    "text": lambda: b"a line of a log that is not very long at all\n" * (50 * MEBIBYTE // 45),
    "binary": lambda: random.Random(3).randbytes(MEBIBYTE) * 50,
    "gzip": lambda: gzip.compress(_rows(520_000), 1),
}


def fill(path: str, name: str) -> None:
    """Put two tasks into an archive, the second with the payload; in a process of its own."""
    client = redis.Redis(unix_socket_path=path)
    client.sadd("asynq:queues", "q")
    for number, payload in enumerate((b"{}", FORMATS[name]())):
        message = TaskMessage(type="bench", payload=payload, id=str(number), queue="q").SerializeToString()
        client.hset(f"asynq:{{q}}:t:{number}", mapping={"msg": message, "state": "archived"})
        client.zadd("asynq:{q}:archived", {str(number): 1_795_000_000 - number})


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def _begin_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def measure(path: str, size: int) -> str:
    """Open the first task, go on to the second, and watch."""
    session = Session(Settings(socket=path))
    session.open()
    app = WatchedApp(session)
    stalls = [0.0]

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT)
            stalls[0] = max(stalls[0], time.perf_counter() - began - _BEAT)

    async with app.run_test(size=(140, 40)) as pilot:
        operator = Operator(app, pilot)
        await operator.tasks("q")
        await operator.task()
        beating = asyncio.create_task(beat())
        _begin_peak()
        before, began = _memory("VmRSS"), time.perf_counter()
        app.simulate_key("n")
        screen = operator.app.screen
        while screen._loaded is None or screen._loaded.task.id != b"1":  # noqa: ASYNC110
            await asyncio.sleep(_BEAT)
        await pilot.pause(0)
        first, stall = time.perf_counter() - began, stalls[0]
        stalls[0] = 0.0
        while any(one.large is not None and one.large.advance(0) for one in screen._loaded.readings):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        verdict = time.perf_counter() - began
        beating.cancel()
        peak = (_memory("VmHWM") - before) / size
        await asyncio.sleep(0)
    return f"{first:6.2f} s  {stall * 1000:5.0f} ms  {verdict:6.1f} s  {stalls[0] * 1000:5.0f} ms  {peak:7.2f} x"


def main() -> None:
    """Measure every format that is named, or all."""
    if sys.argv[1:2] == ["fill"]:
        fill(*sys.argv[2:])
        return
    print(f"load {os.getloadavg()[0]:.1f}    first page    stall  verdict    stall   memory")
    for name in sys.argv[1:] or FORMATS:
        size = len(gzip.decompress(FORMATS["gzip"]())) if name == "gzip" else len(FORMATS[name]())
        gc.collect()
        with EmbeddedServer() as server:
            path = str(server.directory / "valkey.sock")
            subprocess.run([sys.executable, __file__, "fill", path, name], check=True)
            print(f"{name:>8} {size / MEBIBYTE:5.1f} MiB", asyncio.run(measure(path, size)), flush=True)


if __name__ == "__main__":
    main()
