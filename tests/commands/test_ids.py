"""`--dry-run --ids`: every task of a plan for programs, and nothing changed."""

import pytest
from support.command_line import Command, at, journals
from support.contents import content
from support.servers import Live

MANY = 2_500
"""Tasks of several batches."""


@pytest.fixture
def live(valkey: Live) -> Live:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(MANY)])
    valkey.asynq.add("q", b"\xff\n", referenced=False)
    valkey.asynq.add("q", "lost", "pending", referenced=False)
    return valkey


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["delete", "--archived"], {str(number) for number in range(MANY)}),
        (["delete", "--archived", "--where", "id:1?", "--limit", "3"], 3),
        (["delete", "--kind", "orphan-archived"], {"/wo="}),
        (["run", "--where", "id==7"], {"7"}),
        (["repair", "--kind", "lost", "--action", "run"], {"lost"}),
        (["delete", "--archived", "--where", "id:none-such"], set()),
    ],
)
def test_every_task_of_a_plan(live: Live, cli: Command, command: list[str], expected: set[str] | int) -> None:
    before = content(live)
    ended = cli(*at(live, command[0], "--queue", "q", *command[1:], "--dry-run", "--ids"))
    assert ended.code == 0, ended.err
    ids = [one["id"] for one in ended.lines]
    found = {one if isinstance(one, str) else one["base64"] for one in ids}
    assert {one["queue"] for one in ended.lines} <= {"q"}
    assert len(found) == len(ids) == expected if isinstance(expected, int) else found == expected
    assert ended.err, "the plan is said to people"
    assert content(live) == before


def test_of_a_restore(live: Live, cli: Command) -> None:
    assert cli(*at(live, "delete", "--queue", "q", "--archived", "--where", "id:1??", "--yes")).code == 0
    (journal,) = journals()
    ended = cli(*at(live, "restore", journal, "--dry-run", "--ids"))
    assert (ended.code, len(ended.lines)) == (0, 100)
    assert ended.lines[0] == {"queue": "q", "id": ended.lines[0]["id"]}


@pytest.mark.parametrize(
    ("flags", "said"),
    [(["--ids", "--yes"], "--ids goes with --dry-run"), (["--ids", "--dry-run", "--json"], "exclude each other")],
)
def test_flags_that_do_not_go_together(live: Live, cli: Command, flags: list[str], said: str) -> None:
    ended = cli(*at(live, "delete", "--queue", "q", "--archived", *flags))
    assert (ended.code, said in ended.complaint) == (2, True)
