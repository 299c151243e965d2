"""Whatever is changed in a demo, from here or from another terminal, is recorded in the demo, and goes with it."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.command_line import Command, finish
from support.servers import wait_until

from archive_tui.embedded.server import EmbeddedServer
from archive_tui.errors import AuditError
from archive_tui.journal.audit import Audit
from archive_tui.settings.demo import make_state_folder, with_demo_state
from archive_tui.settings.model import Settings
from archive_tui.settings.profiles import Choices, resolve
from archive_tui.settings.url import parse_url

Start = Callable[..., "subprocess.Popen[bytes]"]
ENDINGS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="at-") as name:
        yield Path(name)


@dataclass
class Served:
    """A running `demo --serve`."""

    process: "subprocess.Popen[bytes]"
    url: str
    notices: bytes

    @property
    def directory(self) -> Path:
        return Path(self.url.removeprefix("unix://").partition("?")[0]).parent


@pytest.fixture
def served(home: Path, short: Path, process: Start) -> Iterator[Served]:
    """`archive-tui demo --serve`, its temporary files in `short`."""
    running = process("demo", "--serve", "--quiet-workers", env={"TMPDIR": str(short)})
    try:
        assert running.stdout is not None
        assert running.stderr is not None
        url = running.stdout.readline().decode().strip()
        notices = b"".join(running.stderr.readline() for _ in range(3))
        yield Served(running, url, notices)
    finally:
        running.kill()
        running.communicate(timeout=20)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
def test_nothing_of_a_served_demo_is_left(
    ending: signal.Signals, served: Served, home: Path, short: Path, process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another terminal deletes by the printed URL alone, with an environment that has real journals in mind."""
    monkeypatch.setenv("ARCHIVE_TUI_JOURNAL_DIR", str(home / "real-journals"))
    monkeypatch.setenv("ARCHIVE_TUI_SYSLOG", str(home / "no-syslog-here"))
    deletion = finish(
        process("delete", "--url", served.url, "--queue", "email", "--archived", "--limit", "2", "--yes", "--json")
    )
    assert deletion.code == 0, deletion.err
    (journal,) = (served.directory / "demo-state" / "journal").iterdir()
    assert b"journals and audit of the demo stay in it" in served.notices
    listed = finish(process("journal", "--url", served.url, "--json"))
    assert [one["file"] for one in listed.json] == [str(journal)]
    restored = finish(process("restore", "--url", served.url, journal.name, "--yes"))
    assert restored.code == 0, restored.err
    served.process.send_signal(ending)
    served.process.wait(20)
    wait_until(lambda: not list(short.iterdir()))
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_change_after_the_end_of_a_demo_leaves_no_file(home: Path) -> None:
    with EmbeddedServer() as server:
        make_state_folder(server.directory)
        settings = with_demo_state(parse_url(server.url))
        directory = server.directory
        audit = Audit(settings.audit_file, settings.syslog)
        audit.begin("delete", {})
    with pytest.raises(AuditError):
        audit.end("delete", "name", {})
    assert not directory.exists()


def test_the_next_demo_removes_what_a_killed_one_has_left(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    with EmbeddedServer() as killed:
        make_state_folder(killed.directory)
        abandoned = killed.directory
        assert killed._supervisor is not None
        killed._supervisor.kill()
        killed._supervisor.wait()
        someone_elses = short / "archive-tui-anything"
        someone_elses.mkdir()
        with EmbeddedServer() as running, EmbeddedServer() as beside:
            assert not abandoned.exists()
            assert running.directory.exists(), "it is in use"
            assert beside.directory.exists()
        assert list(short.iterdir()) == [someone_elses]


@pytest.mark.parametrize("way", ["url", "environment", "profile", "link"])
def test_a_demo_is_known_however_it_is_named(way: str, home: Path, tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir(mode=0o700)
    make_state_folder(directory)
    (directory / "valkey.sock").touch()
    profiles = tmp_path / "config.toml"
    url = f"unix://{directory}/valkey.sock"
    profiles.write_text(f"[p]\nurl = '{url}'\nproduction = true\nsyslog = true\njournal_dir = '/real'\n")
    (tmp_path / "link.sock").symlink_to(directory / "valkey.sock")
    choices = {
        "url": Choices(url=url, environment={"ARCHIVE_TUI_JOURNAL_DIR": "/real", "ARCHIVE_TUI_SYSLOG": "1"}),
        "environment": Choices(environment={"ARCHIVE_TUI_URL": url}),
        "profile": Choices(profile="p", environment={}),
        "link": Choices(url=f"unix://{tmp_path}/link.sock", environment={}),
    }[way]
    settings = resolve(choices, profiles)
    assert settings.profile == "demo"
    assert settings.syslog is None
    assert not settings.production
    assert settings.journal_dir == directory / "demo-state" / "journal"
    assert settings.audit_file == directory / "demo-state" / "audit.jsonl"


def test_a_folder_for_journals_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    make_state_folder(tmp_path)
    url = f"unix://{tmp_path}/s"
    settings = resolve(Choices(url=url, journal_dir=tmp_path / "mine", environment={}))
    assert settings.journal_dir == tmp_path / "mine"


@pytest.mark.parametrize("what", ["none", "file", "link", "open to others"])
def test_only_a_private_state_folder_makes_a_demo(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "demo-state"
    if what == "file":
        folder.touch(mode=0o600)
    elif what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif what == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    settings = Settings(socket=os.fspath(tmp_path / "s"))
    assert with_demo_state(settings) == settings


def test_the_demo_s_server_alone_is_no_demo(cli: Command) -> None:
    """The tests' own server, and a dump file that is opened: their journals are real."""
    with EmbeddedServer() as server:
        settings = parse_url(server.url)
        assert with_demo_state(settings) == settings
