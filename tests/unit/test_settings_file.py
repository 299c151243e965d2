"""The settings file: its two names, who may touch it, and where passwords come from."""

import os
import sys
import time
from pathlib import Path

import click
import pytest
from support.command_line import Command

from archive_tui.cli import commands
from archive_tui.errors import NotFoundError, UsageError
from archive_tui.jobs.pace import Pace
from archive_tui.settings import setting
from archive_tui.settings.file import about_old_file, read_settings_file
from archive_tui.settings.model import BadgeColor, Look, Secret, Settings
from archive_tui.settings.preferences import read_preferences
from archive_tui.settings.profiles import Choices, resolve
from archive_tui.settings.secrets import run_password_command

SECRET = "s3cr3t-word"


@pytest.fixture
def folder(home: Path) -> Path:
    """The configuration folder of a user who has set nothing up."""
    made = home / "XDG_CONFIG_HOME" / "archive-tui"
    made.mkdir(parents=True)
    return made


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def of_profile(path: Path, lines: str, **environment: str) -> Settings:
    file = written(path / "config.toml", f"[live]\n{lines}\n")
    return resolve(Choices(profile="live", environment=environment), file)


# Its names


def test_the_old_name_is_still_read_and_spoken_of_once(folder: Path) -> None:
    written(folder / "profiles.toml", "theme = 'light'\n[old]\ndb = 3\n")
    assert resolve(Choices(profile="old", environment={})).database == 3
    assert read_preferences().theme is Look.LIGHT
    said = about_old_file()
    assert said.endswith(f"mv {folder}/profiles.toml {folder}/config.toml")
    assert about_old_file() == ""


def test_beside_the_new_name_the_old_one_is_not_read(folder: Path) -> None:
    written(folder / "profiles.toml", "[old]\ndb = 3\n")
    written(folder / "config.toml", "[new]\ndb = 4\n")
    assert resolve(Choices(profile="new", environment={})).database == 4
    with pytest.raises(NotFoundError, match="it has: new"):
        resolve(Choices(profile="old", environment={}))
    assert about_old_file() == about_old_file() != ""
    assert "is not read" in about_old_file()


def test_a_command_speaks_of_the_old_name(folder: Path, cli: Command) -> None:
    written(folder / "profiles.toml", "[old]\n")
    assert "mv " in cli("journal", "list").err
    assert "mv " not in cli("journal", "list").err


def test_sections_that_are_no_profiles(folder: Path) -> None:
    file = written(folder / "config.toml", "[b]\n[keys]\n[a]\n[columns]\n[filters]\n")
    assert list(read_settings_file().profiles) == ["b", "a"]
    with pytest.raises(NotFoundError, match="it has: a, b"):
        resolve(Choices(profile="keys", environment={}), file)


# Who may touch it


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666])
def test_a_file_that_everybody_can_write_is_refused(folder: Path, mode: int) -> None:
    written(folder / "config.toml", "[a]\n", mode)
    with pytest.raises(UsageError, match=r"others can write to .*: chmod go-w "):
        read_preferences()


def test_the_group_may_write_where_it_is_the_users_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(folder / "config.toml", "[a]\n", 0o660)
    monkeypatch.setattr("archive_tui.settings.file._is_private_group", lambda group: group == os.getgid())
    assert read_settings_file(file).exists
    monkeypatch.setattr("archive_tui.settings.file._is_private_group", lambda _group: False)
    with pytest.raises(UsageError, match="chmod go-w"):
        read_settings_file(file)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_the_file_of_another_user_is_refused(folder: Path) -> None:
    file = written(folder / "config.toml", "[a]\n")
    os.chown(file, 12_345, -1)
    with pytest.raises(UsageError, match="belongs to another user"):
        read_settings_file(file)


def test_a_url_with_a_password_must_be_unreadable_to_others(folder: Path) -> None:
    text = f"[live]\nurl = 'redis://:{SECRET}@h'\n[bare]\nurl = 'redis://h'\n"
    file = written(folder / "config.toml", text, 0o644)
    with pytest.raises(UsageError, match=r"holds a password, and others can read .*: chmod 600") as caught:
        resolve(Choices(profile="live", environment={}), file)
    assert SECRET not in str(caught.value)
    assert resolve(Choices(profile="bare", environment={}), file).host == "h"
    file.chmod(0o600)
    assert resolve(Choices(profile="live", environment={}), file).password == Secret(SECRET)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_password_file_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path / "word", SECRET, mode)
    with pytest.raises(UsageError, match=r"others can get at the password file .*: chmod 600") as caught:
        resolve(Choices(password_file=file, environment={}))
    assert SECRET not in str(caught.value)


def test_a_pipe_is_a_password_file_too(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"word\n")
    os.close(writing)
    assert resolve(Choices(password_file=Path(f"/dev/fd/{reading}"), environment={})).password == Secret("word")
    os.close(reading)


# Where passwords come from


def test_a_password_from_the_environment(tmp_path: Path) -> None:
    assert of_profile(tmp_path, 'password_env = "LIVE_WORD"', LIVE_WORD=SECRET).password == Secret(SECRET)
    with pytest.raises(UsageError, match="password_env of profile 'live' names the environment variable LIVE_WORD"):
        of_profile(tmp_path, 'password_env = "LIVE_WORD"')


def test_a_password_from_a_program(tmp_path: Path) -> None:
    program = f"import sys; print(sys.argv[1] + '$(id)'); print('{SECRET}')"
    lines = f'password_command = ["{sys.executable}", "-c", """{program}""", "a b"]'
    assert of_profile(tmp_path, lines).password == Secret("a b$(id)")  # no shell, and the first line


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (f"print('{SECRET}'); raise SystemExit(3)", r"failed \(exit code 3\): run it by hand"),
        ("import os; os.kill(os.getpid(), 15)", r"failed \(signal 15\)"),
        ("pass", "printed no password"),
        (f"print(); print('{SECRET}')", "printed no password"),
        ("import sys; sys.stdout.buffer.write(bytes([255]))", "not UTF-8"),
        ("while True: print('x' * 1000)", "more than a password"),
    ],
)
def test_a_program_that_gives_no_password(program: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        run_password_command([sys.executable, "-c", program], "password_command of profile 'live'")
    assert SECRET not in str(caught.value)
    assert "password_command of profile 'live'" in str(caught.value)


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import os, time; os.close(1); time.sleep(60)",
        "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)",
    ],
)
def test_a_program_that_takes_too_long_is_stopped(program: str) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"it gave no password within 0\.5 s"):
        run_password_command([sys.executable, "-c", program], "it", patience=0.5)
    assert time.monotonic() - began < 30


def test_what_a_program_leaves_behind_is_not_waited_for() -> None:
    program = "import subprocess; subprocess.Popen(['sleep', '3']); print('word')"
    began = time.monotonic()
    assert run_password_command([sys.executable, "-c", program], "it") == Secret("word")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('password_command = "pass show x"', "must be a list of a program and its arguments"),
        ("password_command = []", "must be a list of a program and its arguments"),
        ('password_command = ["/no/such/program"]', "program of password_command .* cannot be run: No such file"),
        ('password_command = ["a\\u0000b"]', "null byte"),
        ('password_env = "A"\npassword_file = "b"', "has password_env and password_file: keep one of them"),
        ("password_env = 1", "must be text in quotes"),
        ('password_env = ""', "is empty"),
        ("colour = 'blue'", r"unknown keys: colour \(did you mean color\?\)"),
        ("color = 'red'", "must be one of green, yellow, blue, magenta, cyan"),
    ],
)
def test_what_a_profile_cannot_say(tmp_path: Path, lines: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        of_profile(tmp_path, lines)


def test_no_password_is_looked_for_where_none_is_needed(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", '[live]\npassword_command = ["/no/such/program"]\n')
    assert resolve(Choices(profile="live", environment={}), file, secrets=False).password is None


def test_what_a_profile_says_of_itself(tmp_path: Path) -> None:
    settings = of_profile(tmp_path, "color = 'blue'\npace = 'gentle'\nproduction = true")
    assert (settings.color, settings.pace, settings.production) == (BadgeColor.BLUE, "gentle", True)


# The same words for the same wrong value

WRONG = [
    (setting.TIMEOUT, "soon"), (setting.TIMEOUT, "0"), (setting.TIMEOUT, "nan"), (setting.DATABASE, "-1"),
    (setting.DATABASE, "1.5"), (setting.PACE, "fast"), (setting.THEME, "pink"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "value"), WRONG)
def test_a_wrong_value_is_refused_with_the_same_words(
    one: "setting.Setting[object]", value: str, tmp_path: Path, cli: Command
) -> None:
    if one.variable:
        with pytest.raises(UsageError) as by_variable:
            resolve(Choices(environment={one.variable: value}))
        assert str(by_variable.value) == f"{one.variable} must be {one.must}"
    with pytest.raises(UsageError) as by_profile:
        of_profile(tmp_path, f'{one.key} = "{value}"')
    command = ("scan",) if one is setting.PACE else ()
    ended = cli(*command, one.flag, value)
    assert str(by_profile.value) == f"{one.key} of profile 'live' must be {one.must}"
    assert (ended.code, ended.err) == (2, f"archive-tui: {one.flag} must be {one.must}\n")


@pytest.mark.parametrize("word", ["true", "1", "YES", "on"])
def test_a_switch_is_read_alike_everywhere(word: str, tmp_path: Path) -> None:
    assert resolve(Choices(environment={"ARCHIVE_TUI_READ_ONLY": word})).read_only
    assert of_profile(tmp_path, f'read_only = "{word}"').read_only


def test_a_misspelt_guard_is_refused_in_the_environment_too() -> None:
    with pytest.raises(UsageError, match="ARCHIVE_TUI_READ_ONLY must be true or false"):
        resolve(Choices(environment={"ARCHIVE_TUI_READ_ONLY": "maybe"}))


def test_every_flag_of_a_setting_names_its_variable() -> None:
    context = click.Context(commands.cli, info_name="archive-tui")
    said = "".join(commands.cli.get_help(context).split())
    said += "".join(commands.scan_command.get_help(context).split())
    for one in vars(setting).values():
        if isinstance(one, setting.Setting) and one.flag and one.variable:
            assert f"[{one.variable}]" in said, one.flag
    for name in ("URL", "PROFILE", "PASSWORD_FILE", "PASSWORD"):
        assert f"ARCHIVE_TUI_{name}]" in said


def test_the_paces_of_the_settings_are_those_of_the_jobs() -> None:
    assert setting.PACE.choices == tuple(Pace)
