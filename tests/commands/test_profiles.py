"""`archive-tui profiles`: each tested beside the others, and no fault of one hides another's."""

import socket
import time
from pathlib import Path

import pytest
from support.command_line import Command
from support.servers import Live

from archive_tui.destinations import Destinations
from archive_tui.settings.profiles import Choices


@pytest.fixture
def file(home: Path) -> Path:
    """The settings file of the user, which is theirs alone."""
    made = home / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    made.parent.mkdir(parents=True)
    made.touch(mode=0o600)
    return made


def url(live: Live) -> str:
    return f'url = "unix://{live.settings.socket}"\n'


def test_each_profile_is_tested_by_itself(valkey: Live, cli: Command, file: Path) -> None:
    valkey.asynq.register("q")
    valkey.user("reader", "%R~*", "+@read", "+info", "+acl|whoami", "+ping", "+multi", "+discard", "+select")
    file.write_text(
        f"[live]\n{url(valkey)}production = true\n"
        '[broken]\ncolour = "blue"\n'
        '[gone]\nurl = "unix:///none.sock"\ncolor = "blue"\n'
        f"[reader]\n{url(valkey)}username = 'reader'\npassword_command = ['echo', 'word']\n"
        f"[shown]\n{url(valkey)}read_only = true\n"
    )
    ended = cli("profiles", "--json")
    assert ended.code == 4
    live, broken, gone, reader, shown = ended.json
    assert (live["profile"], live["answers"], live["production"], live["role"]) == ("live", True, True, "primary")
    assert (live["product"], live["mode"], live["may"]) == ("valkey", "standalone", ["read", "delete", "restore"])
    assert "did you mean color?" in broken["reason"]
    assert (broken["answers"], broken["address"]) == (False, None)
    assert "none.sock" in gone["reason"]
    assert gone["color"] == "blue"
    assert reader["may"] == ["read"]
    assert "reader" in reader["why_read_only"]
    assert (shown["may"], shown["why_read_only"]) == (["read"], "this is a read-only session")
    text = cli("profiles")
    assert text.code == 4
    said = text.out.decode()
    assert "live (production)" in said
    assert "read, delete, repair" in said
    assert "did you mean color?" in said


def test_the_exit_code_says_whether_all_have_answered(valkey: Live, cli: Command, file: Path) -> None:
    file.write_text(f"[live]\n{url(valkey)}")
    assert cli("profiles").code == 0
    file.write_text('[gone]\nurl = "unix:///none.sock"\n')
    assert cli("profiles").code == 3
    file.write_text("")
    ended = cli("profiles", "--json")
    assert (ended.code, ended.json) == (0, [])
    assert "write a section [NAME]" in cli("profiles").err


def test_what_never_answers_holds_nobody_up(valkey: Live, cli: Command, file: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        profiles = "".join(f'[silent{n}]\nurl = "redis://127.0.0.1:{port}"\n' for n in range(6))
        file.write_text(f"{profiles}[live]\n{url(valkey)}")
        began = time.monotonic()
        ended = cli("profiles", "--json", "--timeout", "0.3")
        assert time.monotonic() - began < 6 * 1.2
    assert [one["answers"] for one in ended.json] == [False] * 6 + [True]


def test_the_login_of_one_server_is_not_tried_on_another(valkey: Live, file: Path) -> None:
    file.write_text(f"[live]\n{url(valkey)}[named]\n{url(valkey)}password_env = 'ARCHIVE_TUI_PASSWORD'\n")
    environment = {"ARCHIVE_TUI_PASSWORD": "of another", "ARCHIVE_TUI_USERNAME": "ann", "ARCHIVE_TUI_READ_ONLY": "1"}
    destinations = Destinations(Choices(url="redis://elsewhere", database=7, environment=environment))
    live, named = destinations.profiles()
    assert live.settings is not None
    assert (live.settings.username, live.settings.database, live.settings.read_only) == (None, 0, True)
    attempt = destinations.test(live)
    attempt.wait()
    assert attempt.error is None
    wrong = destinations.test(named)
    wrong.wait()
    assert wrong.error is not None  # it was sent: the profile asks for exactly this variable
    assert "password" in str(wrong.error)
