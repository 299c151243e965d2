"""Ages on the screens count from one moment, and count on."""

import pytest
from support.asynq_data import NOW, lock_key
from support.pilot import Operator, operate
from support.servers import Live


class Clock:
    """A clock that the test sets."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with six tasks archived at one moment, the first with a lock for 40 s."""
    valkey.asynq.register("work")
    for number in range(6):
        lock = lock_key("work", payload=b"0") if number == 0 else None
        valkey.asynq.add("work", f"task-{number}", score=NOW - 10, unique=lock)
    valkey.client.expire(lock_key("work", payload=b"0"), 40)
    return valkey


def test_rows_of_one_moment_have_one_age_wherever_the_cursor_was(work: Live) -> None:
    clock = Clock()

    async def play(op: Operator) -> None:
        await op.tasks("work")
        for _ in range(4):
            clock.now += 1
            await op.press("j")
            assert len({age.strip() for age in op.column("Died", "Type")}) == 1
        clock.now += 20
        await op.until(lambda: {age.strip() for age in op.column("Died", "Type")} == {"34 s"}, "counted on")

    operate(work.settings, play, clock=clock)


def test_the_facts_of_a_task_count_on(work: Live) -> None:
    clock = Clock()

    async def play(op: Operator) -> None:
        await op.tasks("work")
        await op.point_at("task-0")
        await op.task()
        await op.sees("10 seconds ago", "held, ")
        clock.now += 60
        await op.sees("a minute ago", "expired since it was read")

    operate(work.settings, play, clock=clock)
