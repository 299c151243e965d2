"""What a process that is measured notes about itself: time, memory, requests. Knows nothing of archive_tui."""

import contextlib
import os
import resource
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis.connection import AbstractConnection

_sends = 0
_LOOK_EVERY = 0.05
"""Seconds after which somebody looks again at what other processes hold: they are gone when the block has ended."""


@contextlib.contextmanager
def measured(figures: dict[str, Any]) -> Iterator[None]:
    """Measure a block: seconds, processor time and peak memory of the process and of those that it started, and
    requests that it sent itself by redis-py.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin a new peak, where Linux offers it
    print("begin", flush=True)
    if not sys.stdin.readline():
        raise SystemExit("nobody is measuring any more")
    sends, before, began = _sends, _cpu_seconds(), time.perf_counter()
    with _looked_at(family := Family(os.getpid())):
        yield
    figures["seconds"] = time.perf_counter() - began
    print("end", flush=True)
    figures["cpu_seconds"] = sum(_cpu_seconds()) - sum(before)
    figures["peak_mib"] = family.peak_mib or _mib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    figures["disk_mib"] = disk_mib()
    figures["round_trips"] = _sends - sends


def _cpu_seconds() -> tuple[float, float]:
    """Processor time of this process, and of those that it started and waited for."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, others = (one.ru_utime + one.ru_stime for one in both)
    return own, others


class Family:
    """The most memory that a process and those that it started have held together, where the system tells: between two
    looks each one's peak, added up as though all had come to it at once.

    It is looked at while they run. What the system keeps of a process that has ended, `ru_maxrss`, counts on Linux what
    the process that started it held at that moment.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0.0

    def look(self) -> None:
        """Look once more."""
        held = 0.0
        for pid in (self._pid, *_started_by(self._pid)):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
                    if line.startswith("VmHWM:"):
                        held += int(line.split()[1]) / 1024
                Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")  # its peak begins anew
        self._peak = max(self._peak, held)

    @property
    def peak_mib(self) -> float | None:
        """In MiB; None: the system does not tell."""
        return self._peak or None


def _started_by(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                yield from map(int, (thread / "children").read_text(encoding="ascii").split())


@contextlib.contextmanager
def _looked_at(family: Family) -> Iterator[None]:
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            family.look()

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield
    finally:
        family.look()
        ended.set()
        watching.join()


def _mib(ru_maxrss: int) -> float:
    return ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


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
