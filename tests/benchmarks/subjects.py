"""What is measured in Python, each in a process of its own: `python tests/benchmarks/subjects.py NAME URL`.

A subject makes itself ready, prints `begin` and waits for a line; then it works, prints `end`, and last its figures as
JSON. So preparations disturb neither its own figures nor those of the witness.
"""

import contextlib
import json
import resource
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from data import QUEUE
from redis.connection import AbstractConnection

from archive_tui.asynq import keys
from archive_tui.asynq.states import State
from archive_tui.settings.model import Settings
from archive_tui.settings.url import parse_url
from archive_tui.store.link.pipe import pack_each
from archive_tui.store.link.server import Server

SLICE = 20_000
"""On how many keys the usual recipe is run at most; else on a tenth."""

_COUNT = 1_000
_sends = 0


@contextlib.contextmanager
def measured(figures: dict[str, Any]) -> Iterator[None]:
    """Measure a block: seconds, processor time, peak memory of the process, and requests sent by redis-py."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin a new peak, where Linux offers it
    print("begin", flush=True)
    if not sys.stdin.readline():
        raise SystemExit("nobody is measuring any more")
    sends, before, began = _sends, resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    yield
    figures["seconds"] = time.perf_counter() - began
    print("end", flush=True)
    after = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures["peak_mib"] = peak_mib(after.ru_maxrss)
    figures["disk_mib"] = disk_mib()
    figures["round_trips"] = _sends - sends


def peak_mib(largest: int) -> float:
    """The peak of this process; `ru_maxrss`, the figure of other systems, counts its parent's on Linux, too."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return largest / (1024 if sys.platform != "darwin" else 1024 * 1024)


def disk_mib() -> float:
    """What the files take that this process has open, deleted ones included: the catalog is one."""
    sizes: dict[tuple[int, int], int] = {}
    with contextlib.suppress(OSError):
        for one in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found = one.stat()
                if stat.S_ISREG(found.st_mode):
                    sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values()) / 2**20


def count_sends() -> None:
    """Count whole buffers that leave through redis-py, be it many commands or one."""
    original = AbstractConnection.send_packed_command

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        global _sends  # noqa: PLW0603
        _sends += 1
        return original(self, *arguments, **options)

    AbstractConnection.send_packed_command = counted  # type: ignore[method-assign]


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
    client, pattern = _client(settings), keys.tasks_pattern(QUEUE)
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
            cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", keys.tasks_pattern(QUEUE), b"COUNT", b"%d" % _COUNT)
            if found:
                pipe.send([pack_each(head, found, tail)], len(found))
                pipe.receive(len(found))
            met += len(found)
            if cursor == b"0":
                break
    figures["keys"] = met


def recipe(settings: Settings, figures: dict[str, Any]) -> None:
    """The usual script, on a slice: scan_iter and one ZSCORE a key."""
    client, archive = _client(settings), keys.index(QUEUE, State.ARCHIVED)
    enough = min(SLICE, int(client.dbsize()) // 10)
    looked = orphans = 0
    with measured(figures):
        for key in client.scan_iter(match=keys.tasks_pattern(QUEUE)):
            looked += 1
            orphans += client.zscore(archive, key.rsplit(b":", 1)[1]) is None
            if looked >= enough:
                break
    figures |= {"keys": looked, "found": orphans, "slice": True}


def scan(settings: Settings, figures: dict[str, Any], *, check_indexes: bool = False) -> None:
    """Our scan of task data at full pace, with full detail into the catalog."""
    import ours

    with ours.opened(settings) as (server, catalog), measured(figures):
        figures["keys"], figures["found"] = ours.scan(server, catalog, check_indexes=check_indexes)


def scan_and_check(settings: Settings, figures: dict[str, Any]) -> None:
    """The same, and then every id of every index."""
    scan(settings, figures, check_indexes=True)


def listing(settings: Settings, figures: dict[str, Any]) -> None:
    """Our listing of the archive."""
    import ours

    with ours.opened(settings) as (server, catalog), measured(figures):
        figures["keys"] = ours.list_archive(server, catalog)


def archive_delete(settings: Settings, figures: dict[str, Any]) -> None:
    """The archive listed, and all of it deleted: what Asynq's one call does, checked task by task."""
    import ours

    with ours.opened(settings) as (server, catalog), measured(figures):
        ours.list_archive(server, catalog)
        figures["keys"] = ours.delete(ours.deletion(server, ours.plan_everything(catalog), None))


def delete(settings: Settings, figures: dict[str, Any]) -> None:
    """Our verified deletion of everything that a scan has found."""
    _delete(settings, figures, None)


def delete_journal(settings: Settings, figures: dict[str, Any]) -> None:
    """The same, with everything written to a journal before."""
    with tempfile.TemporaryDirectory(prefix="archive-tui-bench-") as folder:
        _delete(settings, figures, Path(folder))
        figures["journal_mib"] = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()) / 2**20


def _delete(settings: Settings, figures: dict[str, Any], journal: Path | None) -> None:
    import ours

    with ours.opened(settings) as (server, catalog):
        try:
            ours.scan(server, catalog, check_indexes=False)
            job = ours.deletion(server, ours.plan_everything(catalog), journal)
        except ours.NotThereError as missing:
            figures["left_out"] = str(missing)
            return
        with measured(figures):
            figures["keys"] = ours.delete(job)


def unlink(settings: Settings, figures: dict[str, Any]) -> None:
    """Blind UNLINK of every key, 1,000 in one command."""
    client = _client(settings)
    met = list(client.scan_iter(match=keys.tasks_pattern(QUEUE), count=_COUNT))
    with measured(figures):
        for start in range(0, len(met), _COUNT):
            client.unlink(*met[start : start + _COUNT])
    figures["keys"] = len(met)


def screen(settings: Settings, figures: dict[str, Any]) -> None:
    """The scan screen, played from the scan to the deletion of everything it found."""
    import screens

    screens.play(settings, figures, lambda: measured(figures))


SUBJECTS: dict[str, Callable[[Settings, dict[str, Any]], None]] = {
    one.__name__: one
    for one in (
        idle,
        floor,
        reading,
        recipe,
        scan,
        scan_and_check,
        listing,
        archive_delete,
        delete,
        delete_journal,
        unlink,
        screen,
    )
}

if __name__ == "__main__":
    count_sends()
    told: dict[str, Any] = {}
    SUBJECTS[sys.argv[1]](parse_url(sys.argv[2]), told)
    print(json.dumps(told))
