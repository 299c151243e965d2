"""The first question at three in the morning, key by key, on a real terminal: how many keys an answer takes."""

import re
from collections.abc import Callable, Iterator

import pytest
import redis
from support.terminal import Terminal

from archive_tui.asynq import message
from archive_tui.asynq.keys import ASYNQ
from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.states import State
from archive_tui.embedded.server import EmbeddedServer

DAY = 86_400
DOWN, LEFT, RIGHT, ENTER, TAB, CTRL_D = "\x1b[B", "\x1b[D", "\x1b[C", "\r", "\t", "\x04"

ARCHIVED = (
    ("email:send", "dial tcp 10.0.0.7:587: refused", 60, 40),
    ("report:make", "context deadline exceeded", 60, 120),
    ("report:make", "context deadline exceeded", 40 * DAY, 23),
    ("report:make", "context deadline exceeded", 100 * DAY, 19),
    ("report:make", "open /var/lib/report-17.pdf: no such file", 60, 7),
)
"""Type, error, age in seconds, and how many."""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        (now, _) = client.time()
        client.sadd(ASYNQ.queues, "reports")
        for type_, error, age, count in ARCHIVED:
            for number in range(count):
                task_id = f"{type_}-{error[:4]}-{age}-{number}".encode()
                raw = message.encode(TaskMessage(id=task_id.decode(), queue="reports", type=type_, error_msg=error))
                client.hset(ASYNQ.task("reports", task_id), mapping={"msg": raw, "state": "archived"})
                client.zadd(ASYNQ.index("reports", State.ARCHIVED), {task_id: now - age - 30})
        running = Terminal("--url", server.url, size=(120, 40))
        try:
            running.until(lambda: "209/9,999" in running.text, "the queue")
            yield running
        finally:
            running.close()


def press(terminal: Terminal, keystrokes: list[tuple[str, Callable[[], bool] | str]]) -> int:
    """Press one key after the other, waiting for what each brings about; returns how many."""
    for key, shown in keystrokes:
        terminal.type(key)
        if isinstance(shown, str):
            terminal.sees(shown)
        else:
            terminal.until(shown, repr(key))
    return len(keystrokes)


def test_why_the_last_of_a_type_failed_takes_four_keys(terminal: Terminal) -> None:
    """The list is newest first; the groups beside it count the errors of the type, with those of the last days."""
    keys_pressed = press(
        terminal,
        [
            (ENTER, "report:make"),
            (TAB, "context deadline exceeded"),
            (RIGHT, "report:make"),
            (ENTER, "169 match of 209"),
        ],
    )
    terminal.sees("/ type==report:make")
    terminal.until(lambda: "162" in terminal.text and "dial tcp" not in terminal.text, "the errors of that type alone")
    assert keys_pressed <= 8


def test_why_tasks_failed_takes_one_key_in_the_triage_view(terminal: Terminal) -> None:
    press(terminal, [("T", "context deadline exceeded")])
    for text in ("email:send", "report:make", "162", "120", "23", "19"):
        terminal.sees(text)


def test_deleting_an_error_older_than_thirty_days_takes_nine_keys(terminal: Terminal) -> None:
    """The typed count is among them: 42."""
    keys_pressed = press(
        terminal,
        [
            ("T", "context deadline exceeded"),
            (LEFT, "▸19"),
            (LEFT, "▸23"),
            (" ", "23 marked"),
            (" ", "42 marked"),
            (CTRL_D, "Type 42 to confirm:"),
        ],
    )
    has_first = re.compile(r"to confirm: +4 ")
    terminal.type("4")
    terminal.until(lambda: has_first.search(terminal.text) is not None or "dropped" in terminal.text, "4")
    if has_first.search(terminal.text) is None:  # typed in the moment before the plan counted as seen
        terminal.type("4")
    keys_pressed += 1 + press(
        terminal,
        [
            ("2", lambda: re.search(r"to confirm: +42 ", terminal.text) is not None),
            (ENTER, lambda: "42 deleted" in terminal.text or "deleted 42" in terminal.text.lower()),
        ],
    )
    assert keys_pressed <= 14


def test_what_is_typed_ahead_does_the_same(terminal: Terminal) -> None:
    terminal.type("T" + LEFT + LEFT + "  " + CTRL_D)
    terminal.sees("Delete 42 tasks")
