"""`archive-tui restore`: what it plans, what it refuses, what it restores, and how it ends."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import key
from support.command_line import Command
from support.journals import delete_again, deleted
from support.servers import Live

from archive_tui.errors import RefusedError
from archive_tui.store.write import restore as store


def test_a_journal_restores_what_was_deleted(valkey: Live, cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    path = deleted(valkey, folder)
    dry = cli("restore", "--url", valkey.url, str(path), "--dry-run")
    assert dry.code == 0
    assert f"30 tasks of {path.name} to restore" in dry.text
    assert "to       where they stood: archived" in dry.text
    assert "night shift" in dry.text
    assert not valkey.client.exists(key("q", "1"))
    refused = cli("restore", "--url", valkey.url, str(path))
    assert (refused.code, "give --yes" in refused.err) == (5, True)
    assert not valkey.client.exists(key("q", "1"))
    done = cli("restore", "--url", valkey.url, "--journal-dir", str(folder), path.name[:20], "--yes")
    assert done.code == 0, done.err
    assert "restored 30 of 30 tasks" in done.text
    assert len(valkey.client.keys("asynq:{q}:t:*")) == 30
    again = cli("restore", "--url", valkey.url, str(path), "--yes")
    assert again.code == 0
    assert "30 more were restored before" in again.text


def test_restore_tells_programs_what_it_did(valkey: Live, cli: Command, tmp_path: Path) -> None:
    path = deleted(valkey, tmp_path)
    dry = json.loads(cli("restore", "--url", valkey.url, str(path), "--dry-run", "--json").text)
    assert dry.pop("report") is None
    assert (dry["planned"], dry["places"], dry["target"]) == (30, {"archived": 30}, "back")
    assert dry["queues"] == [
        {"queue": "q", "registered": True, "planned": 30, "beyond_cap": 0, "cap": 9_999, "cap_from": "default"}
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", dry["created"])
    valkey.asynq.add("q", "7", "pending")
    ended = cli("restore", "--url", valkey.url, str(path), "--yes", "--json")
    said = json.loads(ended.text)
    assert ended.code == 4
    report = said.pop("report")
    assert said == dry | {"taken": 1}
    assert (report["state"], report["restored"], report["there"]) == ("done", 29, 29)
    assert report["outcomes"] == {"restored": 29, "taken": 1}
    assert (report["untouched"], report["error"]) == (0, None)
    again = json.loads(cli("restore", "--url", valkey.url, str(path), "--yes", "--json").text)
    assert (again["planned"], again["restored_before"]) == (1, 29)


def test_a_queue_whose_name_is_no_text_is_restored_as_any_other(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("caf\udce9", [b"1", b"2"])
    path = delete_again(valkey, tmp_path, "caf\udce9")
    planned = cli("restore", "--url", valkey.url, str(path), "--dry-run", "--json")
    assert planned.code == 0, planned.err
    dry = json.loads(planned.text)
    assert dry["queues"][0]["queue"] == {"base64": "Y2Fm6Q=="}
    assert not dry["queues"][0]["registered"]
    assert cli("restore", "--url", valkey.url, str(path), "--yes").code == 0
    assert valkey.client.exists(key("caf\udce9", "1"))


def test_what_could_not_be_restored_is_exit_code_4(valkey: Live, cli: Command, tmp_path: Path) -> None:
    path = deleted(valkey, tmp_path)
    valkey.asynq.add("q", "7", "pending")
    ended = cli("restore", "--url", valkey.url, str(path), "--yes")
    assert ended.code == 4
    assert "1  skipped: other task data stands under its id" in ended.text


def test_an_error_after_some_tasks_were_restored_is_exit_code_4(
    valkey: Live, cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deleted(valkey, tmp_path, count=250)
    restore, calls = store.restore, []

    def refuse_the_third(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise RefusedError("out of memory")
        return restore(*arguments)

    monkeypatch.setattr(store, "restore", refuse_the_third)
    ended = cli("restore", "--url", valkey.url, str(path), "--yes", "--json")
    assert (ended.code, "out of memory" in ended.err) == (4, True)
    report = ended.json["report"]
    assert (report["state"], report["restored"], report["untouched"]) == ("failed", 200, 50)
    assert valkey.client.zcard("asynq:{q}:archived") == 200
    calls[:] = [(), ()]
    nothing = cli("restore", "--url", valkey.url, str(path), "--yes")
    assert nothing.code == 5, "nothing was restored this time"
    assert cli("restore", "--url", valkey.url, str(path), "--yes").code == 0


def test_nobody_to_confirm_is_said_before_the_journal_is_read(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    (tmp_path / "text").write_text("hello")
    ended = cli("restore", "--url", valkey.url, str(tmp_path / "text"))
    assert (ended.code, "without a terminal to confirm on" in ended.complaint) == (5, True)


@pytest.mark.parametrize(("flag", "index"), [("--into-archive", b"archived"), ("--run-once", b"pending")])
def test_restore_to_elsewhere_in_the_queue(valkey: Live, cli: Command, tmp_path: Path, flag: str, index: bytes) -> None:
    path = deleted(valkey, tmp_path)
    assert cli("restore", "--url", valkey.url, str(path), "--yes", flag).code == 0
    assert valkey.client.keys("asynq:{q}:[ap]*") == [b"asynq:{q}:" + index]


def test_another_server_needs_a_word(valkey: Live, cli: Command, tmp_path: Path) -> None:
    path = deleted(valkey, tmp_path)
    url = valkey.url.replace("?db=0", "?db=1")
    valkey.client.execute_command("SELECT", 0)
    import redis

    with redis.Redis(unix_socket_path=valkey.settings.socket, db=1) as other:
        other.sadd("asynq:queues", "q")
    dry = cli("restore", "--url", url, str(path), "--dry-run")
    assert f"the journal was written for {valkey.settings.address}" in dry.text
    assert cli("restore", "--url", url, str(path), "--yes").code == 5
    assert cli("restore", "--url", url, str(path), "--yes", "--elsewhere").code == 0


def test_where_all_is_lost_a_journal_can_be_restored(valkey: Live, cli: Command, tmp_path: Path) -> None:
    path = deleted(valkey, tmp_path)
    valkey.client.flushall()
    done = cli("restore", "--url", valkey.url, str(path), "--yes")
    assert done.code == 0, done.err
    assert "Asynq does not know q" in done.text
    assert valkey.client.zcard("asynq:{q}:archived") == 30
    valkey.client.flushall()
    valkey.client.set("session:1", "of another program")
    refused = cli("restore", "--url", valkey.url, str(path), "--yes")
    assert (refused.code, "check the database number" in refused.err) == (3, True)


def test_a_read_only_session_only_plans(valkey: Live, cli: Command, tmp_path: Path) -> None:
    path = deleted(valkey, tmp_path)
    assert cli("restore", "--url", valkey.url, "--read-only", str(path), "--dry-run").code == 0
    assert cli("restore", "--url", valkey.url, "--read-only", str(path), "--yes").code == 5


def test_a_journal_that_is_none(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    assert cli("restore", "--url", valkey.url, str(tmp_path / "missing"), "--yes").code == 6
    (tmp_path / "text").write_text("hello")
    ended = cli("restore", "--url", valkey.url, str(tmp_path / "text"), "--yes")
    assert "is no journal" in ended.complaint
