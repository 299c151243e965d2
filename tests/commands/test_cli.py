"""The command line itself: where it connects, what it refuses, and its exit codes."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.asynq_data import everything, key
from support.command_line import Command, at, finish
from support.servers import Live

from archive_tui import __version__
from archive_tui.commands import queues

SECRET = "s3cr3t-word"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["scan", "--queue", "none\x1b"], 6, "no queue 'none␛': `archive-tui queues` lists them"),
        (["show", "q", "none"], 6, "queue 'q' holds no data for task 'none': it may have run or been deleted"),
        (["show", "none", "one"], 6, "queue 'none' holds no data for task 'one': it may have run or been deleted"),
        (["show", "q", "list"], 6, "'asynq:{q}:t:list' is a list, not task data: Asynq did not write it"),
        (["show", "q", "husk", "--raw"], 6, "task 'husk' has no readable message, so no payload"),
        (["queues", "--password-file", "/none"], 6, "no password file /none"),
    ],
)
def test_what_is_not_there(any_server: Live, cli: Command, arguments: list[str], code: int, said: str) -> None:
    any_server.asynq.register("q")
    any_server.client.lpush(key("q", "list"), "x")
    any_server.client.hset(key("q", "husk"), "state", "archived")
    command, *rest = arguments
    ended = cli(*at(any_server, command, *rest))
    assert (ended.code, ended.complaint) == (code, said)


@pytest.mark.parametrize("command", [["queues"], ["scan", "--json"], ["show", "q", "one"]])
def test_nobody_there(cli: Command, free_port: int, command: list[str]) -> None:
    ended = cli(*command, "--url", f"redis://127.0.0.1:{free_port}")
    assert ended.code == 3
    assert "connection refused" in ended.complaint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--db", "99"], "no such database"),
        (["--user", "ann"], "refused this user and password"),
        (["--db", "1"], "is empty: check the database number"),
    ],
)
def test_no_way_in(any_server: Live, cli: Command, arguments: list[str], said: str) -> None:
    any_server.asynq.register("q")
    ended = cli(*at(any_server, "queues", *arguments))
    assert ended.code == 3
    assert said in ended.complaint


OLD_TASK = (
    '{"Type":"send","Payload":{"n":1},"ID":"08fc0c65-a65f-4164-8096-40e17c7453d8","Queue":"old","Retry":25,"Retried":0,'
    '"ErrorMsg":"","Timeout":1800,"Deadline":0,"UniqueKey":""}'
)


@pytest.fixture
def never_migrated(any_server: Live) -> Live:
    """A queue of before Asynq 0.18 beside one that is not."""
    any_server.asynq.register("old", "new")
    any_server.client.zadd("asynq:{old}:scheduled", {OLD_TASK: 4102444800})
    any_server.client.lpush("asynq:{old}", OLD_TASK)
    any_server.asynq.add("new", "one")
    any_server.client.zadd("asynq:{new}:archived", {"gone": 1})
    return any_server


def test_a_queue_of_before_018_is_shown_as_what_it_is(never_migrated: Live, cli: Command) -> None:
    shown = cli(*at(never_migrated, "queues"))
    assert shown.code == 0
    assert "old (Asynq before 0.18)" in shown.text
    assert "migrate it with `asynq migrate` of Asynq 0.18 first" in shown.text
    queues = {one["queue"]: one for one in cli(*at(never_migrated, "queues", "--json")).json}
    assert queues["old"]["storage"] == "before 0.18"
    assert (queues["old"]["pending"], queues["old"]["scheduled"]) == (1, 1)
    assert "storage" not in queues["new"]
    assert "old (Asynq before 0.18)" in cli(*at(never_migrated, "scan")).text
    scanned = {one["queue"]: one for one in cli(*at(never_migrated, "scan", "--json")).json["queues"]}
    assert scanned["old"]["storage"] == "before 0.18"
    assert not any(found["count"] for found in scanned["old"]["findings"].values())
    assert cli(*at(never_migrated, "scan", "--queue", "old", "--check")).code == 0
    task = cli(*at(never_migrated, "show", "old", "08fc0c65-a65f-4164-8096-40e17c7453d8", "--json")).json
    assert (task["key"], task["message"]["type"], task["message"]["payload"]) == (None, "send", '{"n":1}')
    said = cli(*at(never_migrated, "show", "old", "08fc0c65-a65f-4164-8096-40e17c7453d8")).text
    assert "a whole message, as Asynq before 0.18 kept it" in said


@pytest.mark.parametrize("dry", [["--dry-run"], ["--yes"]])
@pytest.mark.parametrize(
    "command",
    [["delete", "--archived"], ["delete", "--kind", "orphan-archived"],
     ["repair", "--kind", "ghost", "--action", "remove-id"]],
)  # fmt: skip
def test_a_queue_of_before_018_is_refused_for_every_change_and_no_other(
    never_migrated: Live, cli: Command, command: list[str], dry: list[str]
) -> None:
    before = everything(never_migrated.client)
    ended = cli(*at(never_migrated, *command, "--queue", "old", *dry))
    assert ended.code == 5
    assert "'old' was written by Asynq before 0.18" in ended.complaint
    assert everything(never_migrated.client) == before
    assert cli(*at(never_migrated, *command, "--queue", "new", *dry)).code in (0, 4)


def test_what_is_not_permitted(any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all", "-scan")
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    for command in (["queues"], ["scan"]):
        ended = cli(*at(any_server, *command, "--user", "ann"))
        assert ended.code == 5
        assert "scan" in ended.complaint


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["--nonsense"], ["queues", "extra"], ["scan", "--pace", "fast"], ["show", "q"],
     ["queues", "--db", "-1"], ["\x1b[31m\n"], ["scan", "--pace", "\x1b[31m\n"], ["delete"], ["journal", "nonsense"],
     ["export", "--queue", "q", "--archived", "-"], ["delete", "--queue", "q", "--kind", "foreign"],
     ["queues", "--db", "x"], ["queues", "--timeout", "0"], ["queues", "--url", "http://x"], ["queues", "--url", "h:1"],
     ["queues", "--ask-password"]],
)  # fmt: skip
def test_wrong_usage(cli: Command, arguments: list[str]) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert ended.complaint


def test_wrong_usage_says_where_to_read_on(cli: Command) -> None:
    said = cli("journal", "prune", "--keep-days", "-1").complaint
    assert said.startswith("invalid value for '--keep-days': -1.0 is not in the range")
    assert said.endswith("`archive-tui journal prune --help` shows what there is")


def test_foreign_keys_are_not_sent_to_a_repair_that_refuses_them(cli: Command) -> None:
    assert "repair" not in cli("delete", "--queue", "q", "--kind", "foreign").complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", f"redis://:{SECRET}@127.0.0.1:1", "queues"],
        ["queues", "--url", f"redis://ann:{SECRET}@127.0.0.1:1"],
        ["queues", "--url", f"redis://ann:{SECRET}@127.0.0.1:port"],
        ["--url", f"unix://ann:{SECRET}@/none"],
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    home: Path, process: Callable[..., "subprocess.Popen[bytes]"], arguments: list[str]
) -> None:
    ended = finish(process(*arguments))
    assert ended.code == 2
    assert SECRET not in ended.err
    assert ended.complaint


def test_no_terminal_no_screens(any_server: Live, process: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    any_server.asynq.register("q")
    ended = finish(process("--url", any_server.url))
    assert ended.code == 2
    assert "archive-tui queues" in ended.complaint
    ended = finish(process("demo"))
    assert ended.code == 2


def test_where_to_connect_is_said_by_flags_before_or_after_or_by_the_environment(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    any_server.asynq.register("in-zero")
    any_server.client.execute_command("SELECT", 1)
    any_server.asynq.register("in-one")
    any_server.client.execute_command("SELECT", 0)

    def found(*arguments: str) -> str:
        return str(cli(*arguments).json[0]["queue"])

    socket = any_server.settings.socket
    assert found("--url", f"unix://{socket}", "queues", "--json") == "in-zero"
    assert found("queues", "--json", "--url", f"unix://{socket}?db=1") == "in-one"
    assert found("--url", f"unix://{socket}?db=1", "--db", "0", "queues", "--json") == "in-zero"
    assert found("--url", "unix:///none", "queues", "--json", "--url", f"unix://{socket}", "--db", "1") == "in-one"
    monkeypatch.setenv("ARCHIVE_TUI_URL", f"unix://{socket}?db=1")
    assert found("queues", "--json") == "in-one"
    profiles = tmp_path / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f'[zero]\nurl = "unix://{socket}"\n')
    assert found("--profile", "zero", "queues", "--json") == "in-zero"
    ended = cli("--profile", "missing", "queues")
    assert ended.code == 6
    assert "it has: zero" in ended.complaint


def test_database_0_can_be_named_after_the_command(any_server: Live, cli: Command) -> None:
    any_server.asynq.register("in-zero")
    any_server.client.execute_command("SELECT", 1)
    any_server.asynq.register("in-one")
    any_server.client.execute_command("SELECT", 0)
    ended = cli("queues", "--json", "--url", f"unix://{any_server.settings.socket}?db=1", "--db", "0")
    assert ended.json[0]["queue"] == "in-zero"


def test_passwords_come_from_the_environment_or_a_file(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all")
    (tmp_path / "word").touch(mode=0o600)
    (tmp_path / "word").write_text("word\n")
    assert cli(*at(any_server, "queues", "--user", "ann")).code == 3
    assert cli(*at(any_server, "queues", "--user", "ann", "--password-file", str(tmp_path / "word"))).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    assert cli(*at(any_server, "queues", "--user", "ann")).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", SECRET)
    ended = cli(*at(any_server, "queues", "--user", "ann"))
    assert ended.code == 3
    assert SECRET not in ended.complaint


def test_version_and_help(cli: Command) -> None:
    assert cli("--version").text == f"archive-tui, version {__version__}\n"
    ended = cli("--help")
    assert ended.code == 0
    assert all(command in ended.text for command in ("queues", "scan", "show", "demo"))
    for command in ("queues", "scan", "show"):
        assert cli(command, "--help").code == 0


def test_a_defect_is_one_line_and_a_private_file(
    any_server: Live, cli: Command, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    any_server.asynq.register("q")
    any_server.user("ann", "~*", "+@all")

    def defect(*_: object, **__: object) -> int:
        raise ZeroDivisionError("some\nthing \x1b[31m")

    monkeypatch.setattr(queues, "queues", defect)
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "word")
    ended = cli(*at(any_server, "queues", "--user", "ann"))
    assert ended.code == 1
    crash = home / "XDG_STATE_HOME" / "archive-tui" / "crash.log"
    assert ended.complaint == f"unexpected ZeroDivisionError: some␊thing ␛[31m; details in {crash}"
    assert crash.stat().st_mode & 0o777 == 0o600
    assert crash.parent.stat().st_mode & 0o777 == 0o700
    report = crash.read_text()
    assert "ZeroDivisionError" in report
    assert "Secret" not in report
    assert "password" not in report.lower()


@pytest.mark.parametrize(
    "command",
    [["scan", "--json", "--ndjson"], ["scan", "--prometheus", "--ndjson"], ["show", "q", "one", "--raw", "--json"]],
    ids=" ".join,
)
def test_two_forms_at_once_are_refused(valkey: Live, cli: Command, command: list[str]) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "one")
    ended = cli(*at(valkey, *command))
    assert ended.code == 2
    assert "exclude each other" in ended.complaint
    assert all(form in ended.complaint for form in command[-2:])


def test_a_tour_needs_the_screens(cli: Command) -> None:
    ended = cli("demo", "--serve", "--tour")
    assert ended.code == 2
    assert "--tour is for the screens" in ended.complaint
