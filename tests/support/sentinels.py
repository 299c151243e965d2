"""A service on loopback: a primary, its replica, and the Sentinels that watch them."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from archive_tui.settings.model import Settings
from archive_tui.settings.url import parse_url
from archive_tui.store.link.server import Server
from support.servers import Live, ServerProcess, free_port, live_of, wait_until

_QUICK = (
    *("info-period", "100", "ping-period", "100", "ask-period", "100", "publish-period", "500"),
    *("election-timeout", "1000", "default-down-after", "300", "min-link-reconnect-period", "100"),
)
"""Periods of `SENTINEL DEBUG`, in milliseconds: a failover takes two seconds, and not ten. After four periods of
publishing the other Sentinels undo a promotion of which they have not heard, and during a failover the state of the
servers is asked once a second: it takes at least half a second.
"""


_PATIENCE = 60.0
"""Seconds for a failover: where the Sentinels elect nobody at once, on a busy machine, they begin anew after twice the
`failover-timeout`.
"""


class SentinelProcess:
    """A Sentinel of the tests; `watch` makes it know a service."""

    def __init__(self, binary: str, directory: Path, *lines: str) -> None:
        self.port = free_port()
        self._file = directory / "sentinel.conf"
        self._file.write_text("\n".join((f"port {self.port}", f"dir {directory}", *lines, "")))
        self._arguments = [binary, str(self._file), "--sentinel"]
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, password: str | None = None) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.client = redis.Redis(port=self.port, password=password, retry=Retry(NoBackoff(), 0))
        wait_until(self._answers)
        with contextlib.suppress(redis.ResponseError):  # Redis 7.0 and newer
            self.client.execute_command("SENTINEL", "DEBUG", *_QUICK)

    def watch(self, service: str, port: int, quorum: int = 1) -> None:
        self.client.execute_command("SENTINEL", "MONITOR", service, "127.0.0.1", port, quorum)
        self.client.execute_command(
            "SENTINEL", "SET", service, "down-after-milliseconds", 300, "failover-timeout", 4000
        )

    def kill(self) -> None:
        if self._process is not None:
            self.client.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def primary(self, service: str) -> int:
        """The port of the primary that it names."""
        return int(self.client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)[1])

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


@dataclass
class Service:
    """Two servers that take turns as primary and replica, and who watches them."""

    name: str
    servers: tuple[Live, Live]
    sentinels: list[SentinelProcess]

    @property
    def primary(self) -> Live:
        port = self.sentinels[0].primary(self.name)
        return next(one for one in self.servers if self.port_of(one) == port)

    @property
    def replica(self) -> Live:
        primary = self.primary
        return next(one for one in self.servers if one is not primary)

    @staticmethod
    def port_of(live: Live) -> int:
        assert live.process is not None
        return live.process.port

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{one.port}' for one in self.sentinels)}/{self.name}"

    @property
    def settings(self) -> Settings:
        return replace(parse_url(self.url), timeout=2.0)

    def connect(self) -> Server:
        return Server(self.settings)

    def in_step(self) -> None:
        """Wait until the replica has all that the primary has."""
        assert self.primary.client.wait(1, 20_000) == 1

    def fail_over(self) -> None:
        """A planned failover, until all Sentinels name the new primary and the old one follows it."""
        old, new = self.primary, self.replica
        self.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", self.name)
        wait_until(lambda: all(one.primary(self.name) == self.port_of(new) for one in self.sentinels), _PATIENCE)
        wait_until(lambda: _is_replica(old))

    def lose_primary(self) -> None:
        """The primary is gone without a word, and the Sentinels have made the replica take over."""
        old, new = self.primary, self.replica
        assert old.process is not None
        old.process.kill()
        wait_until(lambda: all(one.primary(self.name) == self.port_of(new) for one in self.sentinels), _PATIENCE)

    def heal(self) -> None:
        """Bring back whoever is gone, and wait until all is well again."""
        primary, replica = self.primary, self.replica
        for one in (primary, replica):
            assert one.process is not None
            if not one.process.running:
                one.process.start()
        primary.client.execute_command("REPLICAOF", "NO", "ONE")
        primary.client.flushall()
        replica.client.execute_command("REPLICAOF", "127.0.0.1", self.port_of(primary))
        for sentinel in self.sentinels:  # they would wait for twice `failover-timeout` before another failover
            sentinel.client.execute_command("SENTINEL", "RESET", self.name)
        self.be_well()

    def be_well(self) -> None:
        """Wait until every Sentinel sees all the others, and the replica linked to the primary."""
        wait_until(lambda: all(self._sees_all(one) for one in self.sentinels))

    def _sees_all(self, sentinel: SentinelProcess) -> bool:
        facts = sentinel.client.sentinel_master(self.name)
        replicas = sentinel.client.sentinel_slaves(self.name)
        well = [one for one in replicas if one["flags"] == "slave" and one["master-link-status"] == "ok"]
        return facts["flags"] == "master" and facts["num-other-sentinels"] == len(self.sentinels) - 1 and len(well) == 1


def _is_replica(live: Live) -> bool:
    try:
        return bool(live.client.info("replication")["role"] == "slave")
    except redis.ConnectionError:  # a Sentinel ends all connections to a server that it makes a replica
        return False


@contextlib.contextmanager
def service(binary: str, directory: Path, sentinels: int = 3, name: str = "orders") -> Iterator[Service]:
    """Start a service and wait until its Sentinels know all of it."""
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        servers = []
        for number in (0, 1):
            folder = directory / f"server{number}"
            folder.mkdir()
            process = ServerProcess(binary, folder, "--repl-diskless-sync-delay", "0", port=free_port())
            stack.callback(process.kill)
            process.start()
            live = live_of(f"server{number}", process.settings, process)
            stack.callback(live.close)
            servers.append(live)
        watchers = []
        for number in range(sentinels):
            folder = directory / f"sentinel{number}"
            folder.mkdir()
            sentinel = SentinelProcess(binary, folder)
            stack.callback(sentinel.kill)
            sentinel.start()
            sentinel.watch(name, servers[0].process.port, min(2, sentinels))
            watchers.append(sentinel)
        made = Service(name, (servers[0], servers[1]), watchers)
        made.heal()
        yield made
