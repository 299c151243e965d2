"""The audit: private, whole lines, safe from those who write at the same time, and loud where it cannot be written."""

import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest
from support.asynq_data import NOW

from archive_tui.errors import AuditError, UsageError
from archive_tui.journal.audit import Audit
from archive_tui.settings.profiles import Choices, resolve


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.jsonl"


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_an_action_is_two_lines_in_a_private_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "somebody")
    monkeypatch.setenv("LOGNAME", "operator")
    os.umask(os.umask(0))
    audit = Audit(file, clock=lambda: NOW)
    name = audit.begin("delete", {"planned": 3, "reason": "line\nend \x1b[31m \udce9"})
    audit.end("delete", name, {"deleted": 3})
    begun, ended = lines(file)
    assert begun == {
        "time": "2026-11-18T11:06:40Z", "event": "confirmed", "action": "delete", "name": name, "user": "operator",
        "via": "somebody", "host": socket.gethostname(), "pid": os.getpid(), "planned": 3,
        "reason": "line\nend \x1b[31m \udce9",
    }  # fmt: skip
    assert ended == {"time": begun["time"], "event": "ended", "action": "delete", "name": name, "deleted": 3}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert b"\x1b" not in file.read_bytes()


def test_a_file_that_others_could_read_is_theirs_no_more(file: Path) -> None:
    file.parent.mkdir()
    file.touch(0o644)
    Audit(file).begin("delete", {})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_a_killed_program_began_does_not_spoil_the_next_line(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"time": "2026-')
    Audit(file).begin("delete", {"planned": 1})
    half, whole = file.read_text().splitlines()
    assert half == '{"time": "2026-'
    assert json.loads(whole)["planned"] == 1


def test_many_write_at_the_same_time(file: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            Audit(file).begin("delete", {"number": number, "filler": "x" * 2000})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line["number"] for line in lines(file)) == sorted([*range(6)] * 20)  # type: ignore[type-var]


@pytest.mark.parametrize("obstacle", ["folder", "link", "no room", "file for folder"])
def test_what_cannot_be_written_is_one_line(file: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if obstacle == "folder":
        file.mkdir(parents=True)
    elif obstacle == "link":
        file.parent.mkdir()
        file.symlink_to(file.parent / "elsewhere")
    elif obstacle == "file for folder":
        file.parent.touch()
    else:
        Audit(file).begin("delete", {})
        monkeypatch.setattr(os, "write", lambda _descriptor, line, write=os.write: write(_descriptor, line[:7]))
    with pytest.raises(AuditError) as caught:
        Audit(file).begin("delete", {"planned": 1})
    assert "without it nothing is changed" in str(caught.value)
    assert str(caught.value).isprintable()
    assert not (file.parent / "elsewhere").exists()
    if obstacle == "no room":
        assert len(lines(file)) == 1  # nothing but whole lines


def test_syslog_hears_it_too(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(10)
        Audit(file, str(path)).begin("delete", {"planned": 7})
        said = heard.recv(65_536)
    assert said.startswith(b"<109>archive-tui[")
    assert json.loads(said.partition(b": ")[2]) == lines(file)[0]


def test_a_syslog_that_was_asked_for_must_hear_it(file: Path, tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be sent to syslog"):
        Audit(file, str(tmp_path / "nobody")).begin("delete", {})


@pytest.mark.parametrize(
    ("value", "expected"), [("1", "/dev/log"), ("0", None), ("", None), ("/run/log.sock", "/run/log.sock")]
)
def test_the_setting(value: str, expected: str | None) -> None:
    assert resolve(Choices(environment={"ARCHIVE_TUI_SYSLOG": value})).syslog == expected


def test_the_setting_of_a_profile(tmp_path: Path) -> None:
    profiles = tmp_path / "config.toml"
    profiles.write_text("[a]\nsyslog = true\n[b]\nsyslog = 'relative'\n")
    assert resolve(Choices(profile="a", environment={}), profiles).syslog == "/dev/log"
    with pytest.raises(UsageError, match="syslog of profile 'b' must be"):
        resolve(Choices(profile="b", environment={}), profiles)
