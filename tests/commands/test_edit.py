"""`archive-tui edit`: what it plans and shows, what it changes, when it asks, and the way back."""

import gzip
import json
import sys
from pathlib import Path

import platformdirs
import pytest
from support.asynq_data import NOW, a_message, everything, key, lock_key, prefix
from support.command_line import Command, Ended, at, audit
from support.contents import content
from support.servers import Live

from archive_tui.asynq.message import TaskMessage
from archive_tui.journal.reader import Journal

Q = "work"
CHANGE = """sed -i 's/"us"/"eu"/' "$file" """
"""What an operator does in the editor, as a line of a script."""

SET = ("--set", 'payload.region="eu"')
UNKNOWN = b"\xfa\x01\x03abc"


def payload(number: int, region: str = "us") -> bytes:
    return b'{"user":%d,"region":"%b","html":"\\u003c%d"}' % (number, region.encode(), number)


@pytest.fixture
def failed(valkey: Live) -> Live:
    """Six archived tasks with unique locks; one is there already, one is text, and a ghost."""
    asynq, client = valkey.asynq, valkey.client
    asynq.register(Q)
    for number in range(6):
        stored = a_message(Q, f"task-{number}", payload=payload(number), retry=3, retried=3, headers={"trace": "1"})
        asynq.add(
            Q, f"task-{number}", message=stored.SerializeToString() + UNKNOWN, score=NOW - number,
        )  # fmt: skip
    locked = payload(7)
    asynq.add(Q, "locked", payload=locked, unique=lock_key(Q, payload=locked), score=NOW - 7)
    asynq.add(Q, "there", payload=payload(8, "eu"), score=NOW - 8)
    asynq.add(Q, "text", payload=b"no paths here at all", score=NOW - 9)
    client.zadd(prefix(Q) + b"archived", {"gone": NOW})
    return valkey


def editing(live: Live, *arguments: str) -> list[str]:
    return at(live, "edit", Q, *arguments)


def message(live: Live, task_id: str) -> TaskMessage:
    return TaskMessage.FromString(live.client.hget(key(Q, task_id), "msg"))


def journal() -> Path:
    (path,) = (Path(platformdirs.user_state_dir("archive-tui")) / "journal").iterdir()
    return path


def pending(live: Live) -> list[str]:
    return [one.decode() for one in reversed(live.client.lrange(prefix(Q) + b"pending", 0, -1))]


def squeezed(ended: Ended) -> str:
    return " ".join(ended.text.split())


def test_all_are_edited_and_run_and_everything_else_is_kept(failed: Live, cli: Command) -> None:
    before = {f"task-{number}": failed.client.hget(key(Q, f"task-{number}"), "msg") for number in range(6)}
    ended = cli(*editing(failed, *SET, "--yes", "--reason", "INC-7"))
    assert ended.code == 4, ended.err
    assert "edited 7 of 7 tasks" in ended.text
    assert "1 task left out: nothing would change" in ended.text
    assert "its payload is text, which has no paths" in ended.text
    assert pending(failed) == ["locked", *[f"task-{number}" for number in range(5, -1, -1)]]
    for number, (task_id, raw) in enumerate(before.items()):
        was = TaskMessage.FromString(raw)
        was.payload = payload(number, "eu")
        assert message(failed, task_id) == was
        assert UNKNOWN in failed.client.hget(key(Q, task_id), "msg")
    new_lock = lock_key(Q, payload=payload(7, "eu"))
    assert failed.client.get(new_lock) == b"locked"
    assert message(failed, "locked").unique_key == new_lock.decode()
    begun, done = audit()
    assert (begun["action"], begun["planned"], begun["reason"]) == ("edit", 7, "INC-7")
    assert begun["set"] == ['payload.region="eu"']
    assert (done["result"], done["edited"]) == ("done", 7)
    assert Journal(journal()).header.command == "edit: once"


def test_a_dry_run_shows_the_differences_and_what_follows(failed: Live, cli: Command) -> None:
    failed.client.set(lock_key(Q, payload=payload(7, "eu")), "another")
    before = everything(failed.client)
    plan = cli(*editing(failed, *SET, "--dry-run", "--json")).json
    assert (plan["planned"], plan["unchanged"], plan["locks_renamed"], plan["locks_held_by_others"]) == (7, 1, 1, 1)
    assert plan["not_editable"] == {"its payload is text, which has no paths that can be written": 1}
    assert len(plan["differences"]) == 7
    assert plan["differences"][0] == {
        "id": "locked", "differences": [{"path": "region", "before": "us", "after": "eu"}],
    }  # fmt: skip
    text = squeezed(cli(*editing(failed, *SET, "--dry-run")))
    for said in (
        'set payload.region="eu"',
        'task-0 region: "us" → "eu"',
        "unique lock the name changes for 1 task: it ends with the MD5 of the payload",
        "1 task skipped: another task holds the new lock, for the same work",
        "exactly one attempt",
        "no running Asynq server serves queue work",
    ):
        assert said in text
    assert everything(failed.client) == before


def test_what_is_masked_is_compared_and_set_and_not_shown(failed: Live, cli: Command) -> None:
    failed.asynq.add(Q, "login", payload=b'{"password":"hunter2","user":1}')
    arguments = editing(failed, "--set", 'payload.password="correct horse"', "--where", "id:login")
    assert "login password: " in squeezed(cli(*arguments, "--dry-run"))
    for ended in (cli(*arguments, "--dry-run"), cli(*arguments, "--dry-run", "--json"), cli(*arguments, "--yes")):
        assert ended.code == 0, ended.err
        assert not any(secret in ended.text + ended.err for secret in ("hunter2", "correct horse"))
    assert message(failed, "login").payload == b'{"password":"correct horse","user":1}'
    assert "correct horse" not in json.dumps(audit())


def test_of_many_the_first_ten_differences_are_shown(failed: Live, cli: Command) -> None:
    failed.asynq.add_many(Q, [f"many-{number:02}" for number in range(30)], payload=b'{"a":1}')
    text = cli(*editing(failed, "--set", "payload.a=2", "--where", "many", "--dry-run")).text
    assert text.count("a: 1 → 2") == 10
    assert "and 20 tasks more" in text


def test_what_another_task_has_locked_is_skipped(failed: Live, cli: Command) -> None:
    failed.client.set(lock_key(Q, payload=payload(7, "eu")), "another")
    before = failed.client.hgetall(key(Q, "locked"))
    ended = cli(*editing(failed, *SET, "--yes", "--json", "--where", "id:locked"))
    assert (ended.code, ended.json["report"]["skipped"]) == (4, {"lock-taken": 1})
    assert failed.client.hgetall(key(Q, "locked")) == before


def test_equal_work_is_said(failed: Live, cli: Command) -> None:
    """Two tasks that differ in what is overwritten alone."""
    for one in ("b", "c"):
        raw = b'{"n":"%b"}' % one.encode()
        failed.asynq.add(Q, f"twin-{one}", payload=raw, unique=lock_key(Q, payload=raw))
    arguments = editing(failed, "--set", "payload.n=1", "--where", "twin")
    assert "1 task the same work as another of these" in squeezed(cli(*arguments, "--dry-run"))
    assert cli(*arguments, "--yes", "--json").json["report"]["skipped"] == {"lock-taken": 1}
    assert len(pending(failed)) == 1


@pytest.mark.parametrize(
    "flags", [[], ["--fresh"], ["--in", "1h"], ["--keep-archived"], ["--fresh", "--per-second", "3"]]
)
def test_what_has_not_run_gets_its_payload_back(failed: Live, cli: Command, flags: list[str]) -> None:
    failed.client.pexpire(lock_key(Q, payload=payload(7)), 3_000_000)
    before = content(failed)
    assert cli(*editing(failed, *SET, "--yes", "--where", "task or id:locked", *flags)).code == 0
    assert message(failed, "task-1").payload == payload(1, "eu")
    assert message(failed, "task-1").retried == (0 if "--fresh" in flags else 3)
    with gzip.open(journal()) as file:
        assert json.loads(file.readline())["version"] == 5, "an older build refuses it"
    plan = squeezed(cli(*at(failed, "restore", str(journal()), "--dry-run")))
    assert "7 tasks of 7 that were edited" in plan
    ended = cli(*at(failed, "restore", str(journal()), "--yes"))
    assert ended.code == 0, ended.text + ended.err
    assert "restored 7 of 7 tasks" in ended.text
    assert content(failed) == before
    assert "nothing to restore" in cli(*at(failed, "restore", str(journal()), "--yes")).text


def test_what_has_run_is_left_alone(failed: Live, cli: Command) -> None:
    assert cli(*editing(failed, *SET, "--yes", "--where", "id:task-1 or id:task-2")).code == 0
    ran = failed.asynq.take(Q).decode()
    failed.asynq.succeed(Q, ran)
    ended = cli(*at(failed, "restore", str(journal()), "--yes", "--json"))
    assert (ended.code, ended.json["report"]["outcomes"]) == (4, {"restored": 1, "no-data": 1})
    assert not failed.client.exists(key(Q, ran))


def test_kept_archived_they_stand_where_they_stood(failed: Live, cli: Command) -> None:
    before = failed.client.zrange(prefix(Q) + b"archived", 0, -1, withscores=True)
    ended = cli(*editing(failed, *SET, "--yes", "--keep-archived", "--where", "task"))
    assert ended.code == 0, ended.err
    assert failed.client.zrange(prefix(Q) + b"archived", 0, -1, withscores=True) == before
    assert not pending(failed)
    assert {message(failed, f"task-{number}").payload for number in range(6)} == {
        payload(number, "eu") for number in range(6)
    }
    again = cli(*editing(failed, *SET, "--yes", "--keep-archived", "--where", "task"))
    assert (again.code, "nothing to edit" in again.text) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say what to change: --set"),
        (["--set", "payload.region=eu"], 'a text stands in double quotes, as in payload.region="eu"'),
        (["--set", "region=1"], "write payload, a path and a value"),
        (["task-1", *SET, "--where", "age>1"], "an ID chooses a single task"),
        ([*SET, "--keep-archived", "--fresh"], "--keep-archived runs nothing"),
        ([*SET, "--in", "2h", "--at", "2030-01-01"], "--in and --at exclude each other"),
        ([*SET, "--where", "age>>3"], "filter"),
        ([*SET, "--resume", "x"], "leave the queue out"),
    ],
)
def test_bad_input_is_one_line(failed: Live, cli: Command, arguments: list[str], complaint: str) -> None:
    before = everything(failed.client)
    ended = cli(*editing(failed, *arguments, "--yes"))
    assert ended.code == 2
    assert complaint in ended.err
    assert "Traceback" not in ended.err
    assert everything(failed.client) == before


def test_it_is_refused_without_a_yes_and_where_nothing_may_be_written(failed: Live, cli: Command) -> None:
    before = everything(failed.client)
    assert cli(*editing(failed, *SET)).code == 5
    assert cli(*editing(failed, *SET, "--yes", "--read-only")).code == 5
    assert cli(*editing(failed, "nobody", *SET, "--yes")).code == 6
    assert "an editor needs a terminal" in cli(*editing(failed, "task-1", "--yes")).complaint
    assert everything(failed.client) == before


def test_without_a_journal_they_are_edited_all_the_same(failed: Live, cli: Command) -> None:
    ended = cli(*editing(failed, *SET, "--yes", "--no-journal", "--where", "task or id:locked"))
    assert ended.code == 0, ended.err
    assert len(pending(failed)) == 7
    assert message(failed, "task-3").payload == payload(3, "eu")


# In the editor


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A terminal with somebody who confirms, and an editor: the script that a test writes into this file."""
    path = tmp_path / "editor"
    monkeypatch.setenv("VISUAL", f"{path} --wait")

    questions = iter(range(9))  # nobody goes on for ever

    def answers(question: str) -> str:
        next(questions)
        return question.split()[1] if question.startswith("Type") else "y"

    monkeypatch.setattr("archive_tui.cli.options.asking", lambda: answers)

    return path


def script(editor: Path, *lines: str) -> None:
    editor.write_text("#!/bin/sh\nfile=$2\n" + "\n".join(lines))
    editor.chmod(0o755)


def test_one_task_in_the_editor(failed: Live, cli: Command, editor: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script(
        editor,
        f'stat -c "%a %n" "$file" "$(dirname "$file")" > {seen}; cat "$file" >> {seen}',
        CHANGE,
    )
    ended = cli(*editing(failed, "task-1"))
    assert ended.code == 0, ended.err
    assert message(failed, "task-1").payload == payload(1, "eu")
    assert pending(failed) == ["task-1"]
    mode, folder, *text = seen.read_text().split("\n")
    assert mode.startswith("600 ")
    assert mode.endswith(".json")
    assert folder.startswith("700 ")
    assert not Path(folder.split(" ", 1)[1]).exists()
    assert text[:3] == ["{", '  "user": 1,', '  "region": "us",']
    assert 'region: "us" → "eu"' in ended.err


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (["true"], 0, "nothing was edited: the payload is as it was"),
        (['touch "$file"'], 0, "nothing was edited"),
        (["exit 3"], 2, "has failed (exit code 3)"),
        (['rm "$file"'], 2, "has left no file that can be read"),
    ],
)
def test_an_editor_that_does_nothing_changes_nothing(
    failed: Live, cli: Command, editor: Path, lines: list[str], code: int, said: str
) -> None:
    script(editor, *lines)
    before = everything(failed.client)
    ended = cli(*editing(failed, "task-1"))
    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert everything(failed.client) == before


def test_an_editor_that_is_not_there_is_named(
    failed: Live, cli: Command, editor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = cli(*editing(failed, "task-1"))
    assert (ended.code, "there is no such program" in ended.err) == (2, True)
    monkeypatch.setenv("VISUAL", 'ed "')
    assert "a quote in it is not closed" in cli(*editing(failed, "task-1")).err


def test_a_mistake_opens_it_again_as_it_was_typed(failed: Live, cli: Command, editor: Path, tmp_path: Path) -> None:
    times = tmp_path / "times"
    script(
        editor,
        f"echo x >> {times}",
        f'if [ $(wc -l < {times}) = 1 ]; then change=\'s/"us",/"eu"/\'; else change=\'s/"eu"/"eu",/\'; fi',
        'sed -i "$change" "$file"',
    )
    ended = cli(*editing(failed, "task-1"))
    assert ended.code == 0, ended.err
    assert "not JSON: line 4, column 3: expecting ',' delimiter" in ended.err
    assert message(failed, "task-1").payload == payload(1, "eu")


def test_emptied_it_is_refused(failed: Live, cli: Command, editor: Path) -> None:
    script(editor, ': > "$file"')
    before = everything(failed.client)
    ended = cli(*editing(failed, "text"))
    assert "nothing would be left of its payload" in ended.text
    assert everything(failed.client) == before


def test_a_task_that_changes_while_it_is_edited_is_skipped(failed: Live, cli: Command, editor: Path) -> None:
    program = f"import redis; redis.Redis.from_url({failed.url!r}).hset({key(Q, 'task-1')!r}, 'msg', b'')"
    script(editor, f'{sys.executable} -c "{program}"', CHANGE)
    ended = cli(*editing(failed, "task-1"))
    assert ended.code == 4
    assert "its message has changed" in ended.text
    assert not pending(failed)
