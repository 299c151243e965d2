"""What a process that is measured notes about itself: time, memory, requests. Knows nothing of archive_tui."""

import contextlib
import resource
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis.connection import AbstractConnection

_sends = 0


@contextlib.contextmanager
def measured(figures: dict[str, Any]) -> Iterator[None]:
    """Measure a block: seconds, processor time and peak memory of the process and of those that it started and waited
    for, and requests that it sent itself by redis-py.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin a new peak, where Linux offers it
    print("begin", flush=True)
    if not sys.stdin.readline():
        raise SystemExit("nobody is measuring any more")
    sends, before, began = _sends, _cpu_seconds(), time.perf_counter()
    yield
    figures["seconds"] = time.perf_counter() - began
    print("end", flush=True)
    figures["cpu_seconds"] = sum(_cpu_seconds()) - sum(before)
    figures["peak_mib"] = peak_mib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if _cpu_seconds()[1] > before[1]:
        figures["peak_mib"] += _mib(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    figures["disk_mib"] = disk_mib()
    figures["round_trips"] = _sends - sends


def _cpu_seconds() -> tuple[float, float]:
    """Processor time of this process, and of those that it started and waited for."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, others = (one.ru_utime + one.ru_stime for one in both)
    return own, others


def peak_mib(largest: int) -> float:
    """The peak of this process; `ru_maxrss`, the figure of other systems, counts its parent's on Linux, too."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return _mib(largest)


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
