"""What is seen beside a subject: by another client of the same server, and by the server itself."""

import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from server import BenchServer

_EVERY = 0.002


class Ping(threading.Thread):
    """Another client of the same server: how long its PING takes.

    It also notes by how much it was itself woken too late, which is the share of the machine, not of the server.
    """

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._ended = threading.Event()
        self._taken: list[float] = []
        self._late: list[float] = []

    def run(self) -> None:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self._path)
            while not self._ended.is_set():
                began = time.perf_counter()
                link.sendall(b"PING\r\n")
                if link.recv(64) != b"+PONG\r\n":
                    raise AssertionError("PING was not answered")
                answered = time.perf_counter()
                self._taken.append(answered - began)
                time.sleep(_EVERY)
                self._late.append(time.perf_counter() - answered - _EVERY)

    def stop(self) -> dict[str, float]:
        """End it; percentiles in milliseconds."""
        self._ended.set()
        self.join()
        taken = [one * 1000 for one in sorted(self._taken)]
        late = [one * 1000 for one in sorted(self._late)]
        return {
            "pings": len(taken),
            "ping_p50_ms": percentile(taken, 0.5),
            "ping_p99_ms": percentile(taken, 0.99),
            "ping_max_ms": percentile(taken, 1),
            "woken_late_p99_ms": percentile(late, 0.99),
        }


def percentile(ranked: Sequence[float], share: float) -> float:
    """The value below which a share of some ranked values lie; 0 where there are none."""
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else 0.0


class Watch:
    """The second client and the server's own account, from `start` to `stop`. Not reusable."""

    def __init__(self, server: BenchServer) -> None:
        self._server = server
        self._ping = Ping(str(server.socket))
        self._cpu = 0.0

    def start(self) -> None:
        """Begin."""
        self._server.forget_statistics()
        self._cpu = self._server_cpu()
        self._ping.start()

    def stop(self) -> dict[str, Any]:
        """End, and tell: percentiles in milliseconds, the server's time in seconds."""
        seen: dict[str, Any] = self._ping.stop()
        client = self._server.client
        seen["server_cpu_seconds"] = self._server_cpu() - self._cpu
        calls, spent = 0, {}
        for name, facts in client.info("commandstats").items():
            command = name.removeprefix("cmdstat_")
            if command.partition("|")[0] in _OURS:
                continue
            calls += facts["calls"]
            spent[command] = {"calls": facts["calls"], "seconds": facts["usec"] / 1e6}
        seen["commands"] = calls
        seen["server_seconds"] = dict(sorted(spent.items(), key=lambda one: -one[1]["seconds"]))
        slow = [entry for entry in client.slowlog_get(100_000) if _counted(entry["command"])]
        worst = max(slow, key=lambda entry: entry["duration"], default=None)
        seen["slowest_call_ms"] = worst["duration"] / 1000 if worst else None
        seen["slowest_call"] = _short(worst["command"]) if worst else ""
        return seen

    def _server_cpu(self) -> float:
        cpu = self._server.client.info("cpu")
        return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


_OURS = {"ping", "config", "slowlog", "info"}
"""What only the witness sends; a client of the library that sends INFO once is not worth telling apart."""


def _counted(command: bytes) -> bool:
    return command.split(b" ", 1)[0].lower().decode("utf-8", "replace") not in _OURS


def _short(command: bytes) -> str:
    """The command with its first arguments, for a person."""
    words = command.decode("utf-8", "backslashreplace").split()
    if words[0].upper() == "EVAL":
        return "EVAL of a script"
    shown = [word if len(word) <= 30 else word[:27] + "…" for word in words[:4]]
    return " ".join(shown) + (" …" if len(words) > 4 else "")
