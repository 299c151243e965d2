"""How fast, how large, how disturbing: `python tests/benchmarks [--tasks 1000000] [--json FILE]`.

Starts a server of its own, loads a leaky queue (99 % orphans) and a healthy one (all in an index), and measures each
subject in a process of its own, beside the floor (a bare SCAN loop) in the same run. Only the ratios mean anything on
another machine. While the scan and the deletion run, a second client measures its own PING.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import data

from archive_tui.demo.server import DemoServer
from archive_tui.settings import parse_url
from archive_tui.store.connection import Server

HERE = Path(__file__).parent
_PATIENCE = 1_800


class Ping(threading.Thread):
    """Another client of the same server: how long its PING takes, in milliseconds."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.taken: list[float] = []

    def run(self) -> None:
        with self._server.pipe() as pipe:
            while not self._ended.wait(0.002):
                began = time.perf_counter()
                pipe.one(b"PING")
                self.taken.append((time.perf_counter() - began) * 1000)

    def stop(self) -> dict[str, float]:
        """End it; percentiles in milliseconds."""
        self._ended.set()
        self.join()
        ranked = sorted(self.taken) or [0.0]
        return {
            "ping_p50_ms": ranked[len(ranked) // 2],
            "ping_p99_ms": ranked[int(len(ranked) * 0.99)],
            "ping_max_ms": ranked[-1],
        }


def measure(subject: str, url: str, server: Server) -> dict[str, Any]:
    """Run a subject in a process of its own, with a second client and the server's own account of its time."""
    with server.pipe() as pipe:
        pipe.one(b"CONFIG", b"RESETSTAT")
    ping = Ping(server)
    ping.start()
    done = subprocess.run(
        [sys.executable, str(HERE / "subjects.py"), subject, url],
        capture_output=True, text=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip
    result: dict[str, Any] = ping.stop()
    if done.returncode:
        raise SystemExit(f"{subject} failed:\n{done.stderr[-3000:]}")
    result |= json.loads(done.stdout)
    with server.pipe() as pipe:
        (stats,) = pipe.call([(b"INFO", b"commandstats")])
    result["server_seconds"] = dict(sorted(_server_time(stats.decode()), key=lambda one: -one[1])[:6])
    return result


def _server_time(stats: str) -> Iterator[tuple[str, float]]:
    for line in stats.splitlines():
        if line.startswith("cmdstat_") and not line.startswith("cmdstat_ping"):
            name, _, facts = line.removeprefix("cmdstat_").partition(":")
            yield name, int(dict(fact.split("=") for fact in facts.split(","))["usec"]) / 1e6


@contextmanager
def loaded(tasks: int, *, leaky: bool, payload_bytes: int) -> Iterator[tuple[str, Server]]:
    """A server with one queue of synthetic tasks."""
    with DemoServer() as demo:
        server = Server(parse_url(demo.url))
        with server.pipe() as pipe:
            data.load(pipe, tasks, leaky=leaky, payload_bytes=payload_bytes)
        yield demo.url, server
        server.close()


def run(tasks: int, payload_bytes: int) -> dict[str, Any]:
    """All measurements, by name."""
    results: dict[str, Any] = {}
    with loaded(tasks, leaky=False, payload_bytes=payload_bytes) as (url, server):
        for subject in ("floor", "scan"):
            results[f"healthy {subject}"] = measure(subject, url, server)
    with loaded(tasks, leaky=True, payload_bytes=payload_bytes) as (url, server):
        for subject in ("floor", "recipe", "scan", "screen"):
            results[f"leaky {subject}"] = measure(subject, url, server)
    for subject in ("unlink", "delete"):
        with loaded(tasks, leaky=True, payload_bytes=payload_bytes) as (url, server):
            results[f"leaky {subject}"] = measure(subject, url, server)
    return results


def show(results: dict[str, Any], tasks: int) -> None:
    """Print the table."""
    print(f"{tasks:,} tasks\n")
    print(f"{'':<16}{'seconds':>9}{'µs/task':>9}{'× floor':>9}{'CPU s':>8}{'MiB':>7}{'PING p99':>10}{'max':>9}")
    for name, one in results.items():
        case = name.split()[0]
        each = one["seconds"] / one["keys"] * 1e6
        floor = results[f"{case} floor"]["seconds"] / results[f"{case} floor"]["keys"] * 1e6
        note = "  (slice, extrapolated)" if one.get("slice") else ""
        print(
            f"{name:<16}{one['seconds']:>9.2f}{each:>9.2f}{each / floor:>9.1f}{one['cpu_seconds']:>8.2f}"
            f"{one['peak_mib']:>7.0f}{one['ping_p99_ms']:>8.2f}ms{one['ping_max_ms']:>7.1f}ms{note}"
        )
    print(
        f"\ndeletion: 1/{results['leaky delete']['seconds'] / results['leaky unlink']['seconds']:.1f} of blind UNLINK"
    )
    usual = results["leaky recipe"]["seconds"] / results["leaky recipe"]["keys"]
    ours = results["leaky scan"]["seconds"] / results["leaky scan"]["keys"]
    print(f"scan: {usual / ours:.1f} × as fast as scan_iter with one ZSCORE a key")
    print("\nlongest stalls of the UI loop:")
    for phase, late in results["leaky screen"]["stalls_ms"].items():
        print(f"  {phase:<22}{late:>7.0f} ms")
    print("\nserver time by command:")
    for name, one in results.items():
        spent = ", ".join(f"{command} {seconds:.2f} s" for command, seconds in one["server_seconds"].items())
        print(f"  {name:<16}{spent}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--payload", type=int, default=150, help="bytes of each payload")
    parser.add_argument("--json", type=Path, help="also write the raw figures here")
    arguments = parser.parse_args()
    measured = run(arguments.tasks, arguments.payload)
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    show(measured, arguments.tasks)
