"""`archive-tui export`: what it writes, and that this can be restored."""

import gzip
import json
import secrets
import zlib
from pathlib import Path

import pytest
from support.asynq_data import NOW
from support.command_line import Command
from support.contents import content
from support.servers import Live

from archive_tui.journal.reader import Journal
from archive_tui.session import Session


def test_an_export_needs_a_folder(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(tmp_path / "none" / "file"))
    assert (ended.code, "there is no folder" in ended.complaint) == (6, True)


@pytest.mark.parametrize(("where", "code", "written"), [("age>", 2, 0), ("age<1h", 0, 1), ("age>1h", 0, 2)])
def test_an_export_by_a_filter(
    valkey: Live, cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, code: int, written: int
) -> None:
    """A filter that cannot be parsed is refused before anything is read; ages count by the session's clock."""
    monkeypatch.setattr(Session.__init__, "__defaults__", (lambda: NOW, *Session.__init__.__defaults__[1:]))
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"{number}", score=NOW - number * 5_000)
    file = tmp_path / "file"
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", "--where", where, str(file))
    assert (ended.code, file.exists()) == (code, code == 0), ended.err
    if code == 0:
        assert ended.text.startswith(f"{written} task")


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


MANY = 3_000
"""Tasks of several batches."""


@pytest.mark.parametrize("name", ["archive.gz", "archive.ndjson"])
def test_every_reader_understands_an_export(valkey: Live, cli: Command, tmp_path: Path, name: str) -> None:
    """One gzip member: some readers stop after the first. Or plain."""
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(MANY)])
    before = content(valkey)
    path = tmp_path / name
    assert cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(path)).code == 0
    raw = path.read_bytes()
    if name.endswith(".gz"):
        decompressor = zlib.decompressobj(31)
        raw = decompressor.decompress(raw) + decompressor.flush()
        assert decompressor.eof
        assert decompressor.unused_data == b""
    lines = [json.loads(line) for line in raw.splitlines()]
    assert {line["id"] for line in lines if "fields" in line} == {str(number) for number in range(MANY)}
    assert len([line for line in lines if "batch" in line]) > 1
    assert lines[-1]["counts"] == {"exported": MANY, "gone": 0}
    assert Journal(path).ending() is not None
    valkey.client.flushdb()
    valkey.asynq.register("q")
    restored = cli("restore", "--url", valkey.url, str(path), "--yes", "--json")
    assert (restored.code, restored.json["torn"]) == (0, False)
    assert content(valkey) == before


@pytest.mark.parametrize("name", ["archive.gz", "archive.ndjson"])
def test_an_export_that_was_cut_off_is_good_up_to_there(valkey: Live, cli: Command, tmp_path: Path, name: str) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(MANY)], error_msg=random_text())
    path = tmp_path / name
    assert cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(path)).code == 0
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    valkey.client.flushdb()
    valkey.asynq.register("q")
    restored = cli("restore", "--url", valkey.url, str(path), "--yes", "--json")
    assert restored.json["torn"]
    assert 0 < restored.json["report"]["restored"] < MANY


def random_text() -> str:
    return secrets.token_hex(200)


def test_one_batch_of_an_export_is_found_again(valkey: Live, cli: Command, tmp_path: Path) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(MANY)])
    for name in ("archive.gz", "archive.ndjson"):
        assert cli("export", "--url", valkey.url, "--queue", "q", "--archived", str(tmp_path / name)).code == 0
        journal = Journal(tmp_path / name)
        outline = journal.outline()
        batches = dict(journal.batches(outline))
        assert sum(map(len, batches.values())) == outline.count == MANY
        for batch, copies in batches.items():
            assert journal.tasks(outline, batch) == copies
        found = journal.find(outline, "q", b"2999")
        assert found is not None
        assert found.id == b"2999"


def test_forms_for_other_programs(valkey: Live, cli: Command, tmp_path: Path) -> None:
    """Decoded and exact, masked, private, and said not to be restorable."""
    valkey.asynq.register("q")
    payload = b'{"user": {"id": 9007199254740993}, "note": "=1+1", "password": "hunter22"}'
    for number in range(5):
        valkey.asynq.add("q", f"{number}", payload=payload, score=NOW - number, headers={"trace-id": "=t"})
    before = content(valkey)
    export = ("export", "--url", valkey.url, "--queue", "q", "--archived")
    ended = cli(*export, "--format", "ndjson", str(tmp_path / "tasks.jsonl.gz"))
    assert (ended.code, ended.text.split()[0]) == (0, "5")
    assert "this form cannot be restored" in ended.err
    lines = gzip.decompress((tmp_path / "tasks.jsonl.gz").read_bytes()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["0", "1", "2", "3", "4"]
    assert b'{"id": 9007199254740993}' in lines[0]
    assert b"hunter22" not in b"".join(lines)
    assert (tmp_path / "tasks.jsonl.gz").stat().st_mode & 0o777 == 0o600
    columns = "id,payload.user.id,payload.note,header.trace-id"
    ended = cli(*export, "--format", "csv", "--columns", columns, str(tmp_path / "tasks.csv"))
    assert "10 cells would be a formula" in ended.err
    assert (tmp_path / "tasks.csv").read_text().splitlines()[:2] == [columns, "0,9007199254740993,'=1+1,'=t"]
    assert cli("restore", "--url", valkey.url, str(tmp_path / "tasks.csv"), "--yes").code != 0
    assert content(valkey) == before


@pytest.mark.parametrize(
    ("flags", "name", "said"),
    [
        ([], "tasks.csv", "add --format csv"),
        (["--format", "csv"], "tasks.jsonl", "add --format ndjson"),
        (["--columns", "id"], "tasks", "add --format csv"),
        (["--format", "csv", "--columns", "colour"], "tasks", "there is no column “colour”"),
        (["--format", "xml"], "tasks", "'xml' is not one of"),
        (["--format", "csv"], "-", "`archive-tui list` prints to standard output"),
    ],
)
def test_forms_that_would_surprise(
    valkey: Live, cli: Command, tmp_path: Path, flags: list[str], name: str, said: str
) -> None:
    valkey.asynq.register("q")
    path = name if name == "-" else str(tmp_path / name)
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", *flags, path)
    assert (ended.code, said in ended.complaint) == (2, True), ended.err
    assert not list(tmp_path.glob("tasks*"))


def test_a_full_disk_is_one_line(valkey: Live, cli: Command) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [b"%d" % number for number in range(MANY)])
    ended = cli("export", "--url", valkey.url, "--queue", "q", "--archived", "--format", "ndjson", "/dev/full")
    assert (ended.code, "exists already" in ended.complaint) == (2, True)


def test_what_asynq_before_018_wrote_is_exported_in_the_forms_for_programs(
    valkey: Live, cli: Command, tmp_path: Path
) -> None:
    names = ("Type", "ID", "Queue", "ErrorMsg", "UniqueKey")
    member = json.dumps({"Payload": {"n": 1}, "Retry": 25, "Retried": 0} | dict.fromkeys(names, "old"))
    valkey.asynq.register("old")
    valkey.client.zadd("asynq:{old}:archived", {member: NOW})
    command = ("export", "--url", valkey.url, "--queue", "old", "--archived")
    refused = cli(*command, str(tmp_path / "journal"))
    assert (refused.code, (tmp_path / "journal").exists()) == (5, False)
    assert "written by Asynq before 0.18" in refused.complaint
    assert "--format ndjson or csv writes its tasks" in refused.complaint
    assert cli(*command, "--format", "ndjson", str(tmp_path / "tasks.jsonl")).code == 0
    assert json.loads((tmp_path / "tasks.jsonl").read_text())["decoded"]["value"] == {"n": 1}
