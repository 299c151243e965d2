"""Journals on the command line: restore, list, show, prune, export."""

import gzip
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.asynq_data import NOW, key
from support.command_line import Command
from support.contents import content
from support.servers import Live

from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.plan import plan_matching
from archive_tui.errors import RefusedError
from archive_tui.jobs.listing import ListJob
from archive_tui.session import Session
from archive_tui.store.write import restore as store


def deleted(live: Live, folder: Path, count: int = 30) -> Path:
    """Archived tasks of queue q, deleted with a journal in this folder."""
    live.asynq.register("q")
    live.asynq.add_many("q", [b"%d" % number for number in range(count)], error_msg="dial tcp")
    return delete_again(live, folder)


def delete_again(live: Live, folder: Path, queue: str = "q") -> Path:
    from dataclasses import replace

    session = Session(replace(live.settings, journal_dir=folder))
    catalog = Catalog()
    listing = session.run(ListJob(session.server, catalog, queue))
    assert listing.wait(20)
    job = session.delete(plan_matching(catalog, Query()), reason="night shift")
    assert job.wait(20)
    assert job.error is None
    session.close()
    catalog.close()
    assert job.progress.journal is not None
    return job.progress.journal


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
    assert dry["queues"] == [{"queue": "q", "registered": True, "planned": 30, "beyond_cap": 0}]
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


def test_list_and_show_need_no_server(valkey: Live, cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    path = deleted(valkey, folder)
    valkey.asynq.add("q", b"\xff\x1b[31m", error_msg="a\x1b]0;b\x07")
    second = delete_again(valkey, folder)
    folder_flag = ("--journal-dir", str(folder))
    listed = cli("journal", *folder_flag)
    assert listed.code == 0
    assert path.name in listed.text
    assert "30 delete" in listed.text
    (one, two) = cli("journal", *folder_flag, "list", "--json").json
    assert {one["file"], two["file"]} == {str(path), str(second)}
    assert two["counts"] == {"deleted": 30}
    assert (two["reason"], two["planned"], two["state"]) == ("night shift", 30, "done")
    shown = cli("journal", *folder_flag, "show", path.name)
    assert shown.code == 0
    assert "q  archived  7  email:send  dial tcp" in shown.text
    (odd,) = cli("journal", *folder_flag, "show", second.name, "--json").lines
    assert odd["id"] == {"base64": "/xtbMzFt"}
    assert odd["outcome"] == "deleted"
    assert "\x1b" not in cli("journal", *folder_flag, "show", second.name).text


def test_an_export_needs_a_folder(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(tmp_path / "none" / "file"))
    assert (ended.code, "there is no folder" in ended.complaint) == (6, True)


def test_nothing_is_listed_where_there_is_nothing(cli: Command) -> None:
    ended = cli("journal")
    assert (ended.code, ended.out) == (0, b"")
    assert "no journals in" in ended.err
    assert cli("journal", "--json").json == []


def test_prune_removes_only_what_was_confirmed(valkey: Live, cli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    old = deleted(valkey, folder)
    valkey.asynq.add("q", "later")
    new = delete_again(valkey, folder)
    os.utime(old, (time.time() - 10 * 86_400,) * 2)
    flag = ("--journal-dir", str(folder))
    assert cli("journal", *flag, "prune").code == 2
    dry = cli("journal", *flag, "prune", "--keep-days", "5", "--dry-run")
    assert (dry.code, "1 journal to remove" in dry.text) == (0, True)
    assert cli("journal", *flag, "prune", "--keep-days", "5").code == 5
    assert old.exists()
    assert cli("journal", *flag, "prune", "--keep-days", "5", "--yes").code == 0
    assert not old.exists()
    assert new.exists()
    assert cli("journal", *flag, "prune", "--keep-mb", "0", "--yes").code == 0
    assert not new.exists()


def test_what_was_exported_can_be_restored(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    for number in range(30):
        valkey.asynq.add("q", f"{number}", error_msg="refused" if number % 3 == 0 else "late", score=NOW - number)
    valkey.asynq.add("q", "orphan", referenced=False)
    before = content(valkey)
    archive, orphans, some = tmp_path / "archive", tmp_path / "orphans", tmp_path / "some"
    assert cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(archive)).code == 0
    kind = ("--kind", "orphan-archived")
    assert cli("export", "--url", valkey.url, "--queue", "q", *kind, str(orphans)).code == 0
    where = ("--where", "refused")
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", *where, str(some))
    assert f"10 tasks written to {some}" in ended.text
    assert archive.stat().st_mode & 0o777 == 0o600
    assert content(valkey) == before
    valkey.client.flushdb()
    valkey.asynq.register("q")
    for path in (archive, orphans):
        assert cli("restore", "--url", valkey.url, str(path), "--yes").code == 0
    assert content(valkey) == before
    assert cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(archive)).code == 2
    assert cli("export", "--url", valkey.url, "--queue", "nope", "--archived", str(tmp_path / "x")).code == 6
    assert cli("export", "--url", valkey.url, "--queue", "q", str(tmp_path / "x")).code == 2
    header = json.loads(gzip.decompress(some.read_bytes()).splitlines()[0])
    assert (header["command"], header["planned"]) == ("export", 10)


def test_a_pipe_or_a_device_among_the_journals_keeps_nobody_waiting(valkey: Live, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    path = deleted(valkey, folder)
    os.mkfifo(folder / "pipe.journal.gz")
    (folder / "device.journal.gz").symlink_to("/dev/zero")
    (folder / "folder.journal.gz").mkdir()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":  # a process: one that waits for ever can be ended
        return subprocess.run(
            [sys.executable, "-m", "archive_tui", "--journal-dir", str(folder), *arguments],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    shown = run("journal", "--json")
    assert shown.returncode == 0, shown.stderr
    problems = {Path(one["file"]).name: one["problem"] for one in json.loads(shown.stdout)}
    assert problems.pop(path.name) is None
    assert len(problems) == 3
    assert all(problem.endswith("is no journal: it is not a file") for problem in problems.values())
    one = run("journal", "show", "pipe")
    assert (one.returncode, one.stderr.count("\n")) == (5, 1)
