"""Storage that Asynq 0.17.2 itself has written: recognised, listed and shown, and nothing in it changed."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.asynq_data import everything
from support.damage import find
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.rows import TaskRow
from archive_tui.asynq.states import LISTS, State
from archive_tui.store.read import old_storage, queues, tasks
from archive_tui.store.write.repair import repair

SOURCES = Path(__file__).parents[1] / "asynq_go_017"
QUEUE = "old"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that enqueues with Asynq 0.17.2."""
    if shutil.which("go") is None:
        pytest.skip("Go is missing")
    binary = tmp_path_factory.mktemp("asynq017") / "asynqold"
    built = subprocess.run(
        ["go", "build", "-o", str(binary), "."], cwd=SOURCES, capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"Asynq 0.17.2 cannot be had: {built.stderr.strip().splitlines()[-1]}")
    return binary


@pytest.fixture
def ids(valkey: Live, program: Path) -> dict[State, bytes]:
    """The task in each state."""
    database, socket = str(valkey.settings.database), str(valkey.settings.socket)
    ended = subprocess.run(
        [program, "-socket", socket, "-db", database, "-queue", QUEUE], capture_output=True, text=True, check=False
    )
    assert not ended.returncode, ended.stderr
    valkey.asynq.register("new")
    valkey.asynq.add("new", "fine")
    return {State(state): task_id.encode() for state, task_id in json.loads(ended.stdout).items()}


def test_it_is_recognised_and_closes_no_other(valkey: Live, ids: dict[State, bytes]) -> None:
    assert queues.recognise(valkey.connect()) == ["new", QUEUE]
    with valkey.pipe() as pipe:
        assert set(old_storage.old_queues(pipe, ["new", QUEUE])) == {QUEUE}
        (stats,) = queues.stats(pipe, [QUEUE], [QUEUE], datetime.now(UTC))
    assert {state: count for state, count in stats.counts.items() if count} == dict.fromkeys(ids, 1)
    assert find(valkey, [QUEUE, "new"]) == []
    assert valkey.scan().findings == set()


def test_its_tasks_are_listed_and_shown(valkey: Live, ids: dict[State, bytes]) -> None:
    with valkey.pipe() as pipe:
        for state, task_id in ids.items():
            (piece,) = tasks.listed(pipe, QUEUE, state)
            ((row,),) = tasks.rows(pipe, QUEUE, state, piece)
            assert (row.id, row.state, row.type, row.readable) == (task_id, state, "send", True)
            assert (row.error, row.retried) == (("boom", 1) if state is State.RETRY else ("", 0))
            task = tasks.read(pipe, QUEUE, task_id)
            assert (task.state, json.loads(task.payload)) == (state, {"n": 1, "state": state.value})
            assert task.member is not None
            if state is State.RETRY:
                assert task.lock is not None
                assert task.lock.holder == task_id


def test_no_repair_removes_a_task(valkey: Live, ids: dict[State, bytes]) -> None:
    before = everything(valkey.client)
    with valkey.pipe() as pipe:
        for state in ids:
            for ((member, _),) in [piece for piece in tasks.listed(pipe, QUEUE, state) if state not in LISTS]:
                row = TaskRow(QUEUE, member, None, Kind.GHOST, readable=False, index_name=state.value)
                assert repair(pipe, Repair.REMOVE_ID, [row], 0.0) == [Outcome.WHOLE_MESSAGE]
    assert everything(valkey.client) == before
