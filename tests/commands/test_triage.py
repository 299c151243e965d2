"""`archive-tui triage`: errors by type and age, for people and for programs."""

from pathlib import Path

import pytest
from support.asynq_data import NOW
from support.command_line import Command, at
from support.servers import Live

from archive_tui.session import Session

HOUR, DAY = 3600, 86_400


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session.__init__, "__defaults__", (lambda: NOW, *Session.__init__.__defaults__[1:]))


@pytest.fixture
def live(any_server: Live, clock: None) -> Live:
    """An archive of three error groups, and one task of another state."""
    asynq = any_server.asynq
    asynq.register("q", "empty")
    for number, old in enumerate((60, 2 * HOUR, 40 * DAY)):
        error = f"dial tcp 10.0.0.{number}:25: refused"
        asynq.add("q", f"r{number}", error_msg=error, score=NOW - old, last_failed_at=NOW - old)
    asynq.add("q", "other", type="\x1b[31mreport", error_msg="a\tb\u202e", score=NOW - 100 * DAY)
    asynq.add("q", "typed", type="report", error_msg="dial tcp 10.0.0.9:25: refused", score=NOW - 60)
    asynq.add("q", "live", "retry", error_msg="dial tcp 10.0.0.1:25: refused", score=NOW)
    return any_server


def test_triage_as_json(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "triage", "q", "--json"))
    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    assert (found["queue"], found["tasks"]) == ("q", 5)
    assert found["bytes"] == sum(group["bytes"] for group in found["errors"])
    largest, *others = found["errors"]
    assert [(group["type"], group["tasks"]) for group in others] == [("\x1b[31mreport", 1), ("report", 1)]
    assert largest.pop("bytes") > 100
    assert largest == {
        "signature": "dial tcp <host>: refused",
        "type": "email:send",
        "tasks": 3,
        "by_age": {"1h": 1, "24h": 1, "7d": 0, "30d": 0, "90d": 1, "older": 0, "never": 0},
        "first_failed_at": "2026-10-09T11:06:40Z",
        "last_failed_at": "2026-11-18T11:05:40Z",
        "example": largest["example"],
        "filter": 'signature=="dial tcp <host>: refused" type==email:send',
    }
    assert largest["example"]["id"] in ("r0", "r1", "r2")
    assert largest["example"]["error"].startswith("dial tcp 10.0.0.")
    assert others[0]["by_age"]["older"] == 1


@pytest.mark.parametrize("where", ["", "age<=24h", "type==report or age<1h"])
def test_the_filter_of_a_group_shows_exactly_that_group(live: Live, cli: Command, tmp_path: Path, where: str) -> None:
    groups = cli(*at(live, "triage", "q", "--json", "--where", where)).json["errors"]
    assert groups
    for number, group in enumerate(groups):
        again = cli(*at(live, "triage", "q", "--json", "--where", group["filter"])).json
        assert (again["tasks"], len(again["errors"])) == (group["tasks"], 1)
        file = str(tmp_path / f"{number}")
        exported = cli(*at(live, "export", "--queue", "q", "--archived", "--where", group["filter"], file))
        assert exported.text.startswith(f"{group['tasks']} task")


def test_triage_for_people(live: Live, cli: Command) -> None:
    ended = cli(*at(live, "triage", "q"))
    assert (ended.code, ended.err) == (0, "")
    assert all(line.isprintable() for line in ended.text.splitlines())
    head, first, *_, total = ended.text.splitlines()
    assert head.split() == [
        "ERROR",
        "TYPE",
        "TASKS",
        "BYTES",
        "1H",
        "24H",
        "7D",
        "30D",
        "90D",
        "OLDER",
        "FIRST",
        "LAST",
    ]
    assert first.startswith("dial tcp <host>: refused  email:send")
    assert first.split("email:send")[1].split()[0] == "3"
    assert total.startswith("5 tasks, ~")
    assert len({len(line) for line in ended.text.splitlines()[:-1]}) == 1, "columns stand below their headings"


def test_nothing_to_count(live: Live, cli: Command) -> None:
    assert cli(*at(live, "triage", "empty")).text == "no archived tasks\n"
    assert cli(*at(live, "triage", "q", "--where", "type==none")).text == "no archived task matches\n"
    empty = cli(*at(live, "triage", "empty", "--json"))
    assert (empty.code, empty.json["tasks"], empty.json["bytes"], empty.json["errors"]) == (0, 0, 0, [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [(["nope"], 6, "no queue"), (["q", "--where", "age>"], 2, "age"), ([], 2, "")]
)
def test_what_is_refused(live: Live, cli: Command, arguments: list[str], code: int, said: str) -> None:
    ended = cli(*at(live, "triage", *arguments))
    assert (ended.code, said in ended.complaint) == (code, True)
