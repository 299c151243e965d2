"""What is measured, each in a process of its own: `python tests/benchmarks/subjects.py NAME URL` prints JSON."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import redis

from archive_tui.asynq import keys
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.jobs.delete import DeleteJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import plan_matching
from archive_tui.jobs.scan import ScanJob
from archive_tui.jobs.session import Session
from archive_tui.settings import parse_url
from archive_tui.store.connection import Server
from archive_tui.tui.app import ArchiveApp

QUEUE = "bench"
_PATIENCE = 600.0


def floor(server: Server) -> dict[str, Any]:
    """A bare SCAN MATCH COUNT 1000 loop."""
    met = 0
    with server.pipe() as pipe:
        cursor = b"0"
        while True:
            cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", keys.tasks_pattern(QUEUE), b"COUNT", b"1000")
            met += len(found)
            if cursor == b"0":
                return {"keys": met}


def recipe(server: Server) -> dict[str, Any]:
    """The usual script, on a slice: scan_iter and one ZSCORE a key; extrapolated by the caller."""
    client = redis.Redis(unix_socket_path=server.settings.socket)
    archive = keys.index(QUEUE, State.ARCHIVED)
    orphans = looked = 0
    for key in client.scan_iter(match=keys.tasks_pattern(QUEUE)):
        looked += 1
        orphans += client.zscore(archive, key.rsplit(b":", 1)[1]) is None
        if looked >= 20_000:
            break
    return {"keys": looked, "slice": True}


def scan(server: Server) -> dict[str, Any]:
    """Our scan at full pace, with full detail into the catalog."""
    catalog = Catalog()
    job = ScanJob(server, catalog, [QUEUE], Pace.FULL)
    job.start()
    job.wait()
    progress = job.progress
    assert progress.complete, (progress, job.error)
    return {"keys": progress.keys, "found": progress.found}


def delete(server: Server) -> dict[str, Any]:
    """Our verified deletion of everything that a scan found; only the deletion is timed."""
    catalog = Catalog()
    scanning = ScanJob(server, catalog, [QUEUE], Pace.FULL)
    scanning.start()
    scanning.wait()
    plan = plan_matching(catalog, Query())
    began = time.perf_counter()
    job = DeleteJob(server, plan, Pace.FULL)
    job.start()
    job.wait()
    return {"keys": job.progress.deleted, "seconds": time.perf_counter() - began}


def unlink(server: Server) -> dict[str, Any]:
    """Blind UNLINK of every key, 1,000 in one command."""
    met: list[bytes] = []
    with server.pipe() as pipe:
        cursor = b"0"
        while True:
            cursor, found = pipe.one(b"SCAN", cursor, b"MATCH", keys.tasks_pattern(QUEUE), b"COUNT", b"1000")
            met += found
            if cursor == b"0":
                break
        began = time.perf_counter()
        for start in range(0, len(met), 1000):
            pipe.one(b"UNLINK", *met[start : start + 1000])
    return {"keys": len(met), "seconds": time.perf_counter() - began}


def screen(server: Server) -> dict[str, Any]:
    """The scan screen at 140 × 40: the longest time for which the UI loop answered nobody, by what was going on."""
    return asyncio.run(_screen(server))


async def _screen(server: Server) -> dict[str, Any]:
    stalls: dict[str, float] = {}
    phase = "start"

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late = time.perf_counter() - began - 0.001
            stalls[phase] = max(stalls.get(phase, 0.0), late)

    session = Session(server.settings)
    session.open()
    app = ArchiveApp(session)
    async with app.run_test(size=(140, 40)) as pilot:
        watcher = asyncio.create_task(watch())

        async def until(condition: Callable[[], bool]) -> None:
            give_up = time.monotonic() + _PATIENCE
            while not condition():
                if time.monotonic() > give_up:
                    raise TimeoutError(f"while {phase}: {app.screen}")
                await asyncio.sleep(0.02)

        await until(lambda: session.watch.overview.read_at is not None)
        app.open_scan(QUEUE)
        await pilot.pause()
        rows: Any = app.screen
        await pilot.press("p", "p")
        phase = "scanning"
        began = time.perf_counter()
        await until(rows.listing_complete)
        scanned = time.perf_counter() - began

        async def shown() -> None:
            await until(lambda: rows.view.query == rows.query_now and rows.view.version == rows.catalog.version)
            await asyncio.sleep(0.3)

        await shown()
        found = len(rows.view)
        for name in ("error", "id"):
            phase = f"sorting by {name}"
            rows._sort_by(name)
            await shown()
        phase = "filtering"
        await pilot.press("slash", "r", "e", "f", "enter")
        await shown()
        phase = "clearing the filter"
        await pilot.press("escape")
        await shown()
        phase = "jumping"
        for key in ("G", "g", "pagedown", "G"):
            await pilot.press(key)
        phase = "marking all"
        await pilot.press("asterisk")
        await until(lambda: len(rows.marks) == found)
        await asyncio.sleep(0.3)
        phase = "planning"
        await pilot.press("ctrl+d")
        await until(lambda: app.screen is not rows)
        phase = "deleting"
        await pilot.press(*str(found), "enter")
        await until(lambda: app.screen is rows)
        await until(lambda: app.screen is not rows)
        watcher.cancel()
    session.close()
    return {"keys": found, "scan_seconds": scanned, "stalls_ms": {name: late * 1000 for name, late in stalls.items()}}


SUBJECTS = {one.__name__: one for one in (floor, recipe, scan, delete, unlink, screen)}

if __name__ == "__main__":
    subject, url = sys.argv[1:]
    settings = parse_url(url)
    target = Server(settings)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    result = SUBJECTS[subject](target)
    result.setdefault("seconds", time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF)
    result["cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result["peak_mib"] = after.ru_maxrss / 1024
    print(json.dumps(result))
