"""Scans that are left to processes of their own, however few keys there are."""

import contextlib
import os
import sys
from pathlib import Path

import pytest

from archive_tui.jobs import far_scan


def scan_by(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have scans run by `threads` of this process, or by `processes`."""
    for name in ("LEAST_KEYS", "LEAST_KEYS_ALONE"):
        monkeypatch.setattr(far_scan, name, 0 if way == "processes" else sys.maxsize)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(far_scan.CORES_ALONE)))


def scanning() -> list[int]:
    """The processes that scan for this one."""
    me = str(os.getpid())
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            ours = status.read_text().rpartition(")")[2].split()[1] == me
            if ours and b"scan_process" in (status.parent / "cmdline").read_bytes():
                found.append(int(status.parent.name))
    return found
