"""Shell completion and the manual page: both are made from the commands as they are."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from support.command_line import Command
from support.servers import Live
from support.terminal import Terminal

from archive_tui.asynq.findings import Kind
from archive_tui.cli.commands import cli as commands
from archive_tui.cli.manual import page

PROGRAM = [sys.executable, "-m", "archive_tui"]


def completed(line: str, **environment: str) -> list[str]:
    """What bash is told for a line whose last word is being typed."""
    words = line.split(" ")
    asked = {
        **os.environ,
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_ARCHIVE_TUI_COMPLETE": "bash_complete",
        **environment,
    }
    ended = subprocess.run(PROGRAM, capture_output=True, text=True, check=False, env=asked)
    assert ended.stderr == ""
    return [answer.partition(",")[2] for answer in ended.stdout.splitlines() if answer]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(cli: Command, shell: str, tmp_path: Path) -> None:
    ended = cli("completion", shell)
    assert ended.code == 0
    assert "_ARCHIVE_TUI_COMPLETE" in ended.text
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_bytes(ended.out)
        assert subprocess.run([shell, "-n", script], capture_output=True, check=False).returncode == 0


SHELL_STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(archive-tui completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(archive-tui completion zsh)"'),
}


@pytest.mark.parametrize("shell", SHELL_STARTS)
def test_tab_completes_in_a_real_shell(shell: str, valkey: Live, home: Path) -> None:
    """Kinds come from the program, queues from the server of the environment."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is missing")
    valkey.asynq.register("billing")
    program, load = SHELL_STARTS[shell]
    with closing(Terminal(program=program, PATH=with_program(), ARCHIVE_TUI_URL=valkey.url)) as terminal:
        terminal.sees("$ ")
        terminal.type(f"{load}; echo loaded=$((40 + 2))\n")
        terminal.sees("loaded=42")
        terminal.type("archive-tui repair --kind gho\t")
        terminal.sees("--kind ghost")
        terminal.type(" --queue bil\t")
        terminal.sees("--queue billing")


def test_fish_completes(valkey: Live, home: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is missing")
    valkey.asynq.register("billing")
    ask = "archive-tui completion fish | source; complete -C 'archive-tui repair --kind gho'; "
    ask += "complete -C 'archive-tui repair --queue bil'"
    environment = {**os.environ, "PATH": with_program(), "ARCHIVE_TUI_URL": valkey.url}
    ended = subprocess.run(["fish", "-c", ask], capture_output=True, text=True, check=False, env=environment)
    assert ended.stdout.split() == ["ghost", "billing"], ended.stderr


def test_namespaces_come_from_the_database(valkey: Live, home: Path) -> None:
    valkey.asynq.register("email")
    for name in ("asynq-prod", "jobs"):
        valkey.client.hset(f"{name}:{{q}}:t:1", mapping={"state": "archived", "msg": "x"})
    assert completed("archive-tui scan --namespace ", ARCHIVE_TUI_URL=valkey.url) == ["asynq", "asynq-prod", "jobs"]
    assert completed("archive-tui scan --namespace j", ARCHIVE_TUI_URL=valkey.url) == ["jobs"]
    assert completed("archive-tui scan --namespace j", ARCHIVE_TUI_URL="redis://127.0.0.1:1") == []


def with_program() -> str:
    """A PATH on which the shell finds archive-tui."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_another_shell_is_refused(cli: Command) -> None:
    assert cli("completion", "tcsh").code == 2


def test_commands_flags_and_kinds_are_completed() -> None:
    assert {"delete", "demo"} <= set(completed("archive-tui de"))
    assert "--per-second" in completed("archive-tui run --per")
    assert set(completed("archive-tui delete --kind ")) == set(Kind)
    assert completed("archive-tui repair --kind ghost --action ") == ["remove-id"]


def test_queues_are_asked_of_the_server_that_the_line_names(valkey: Live) -> None:
    valkey.asynq.register("default", "low", "odd name", "de\x1bsc")
    assert completed(f"archive-tui run --url {valkey.url} --queue ") == ["default", "low", "odd name"]
    assert completed(f"archive-tui --url {valkey.url} show d") == ["default"]
    assert completed("archive-tui show l", ARCHIVE_TUI_URL=valkey.url) == ["low"]


def test_where_nobody_answers_nothing_is_said() -> None:
    assert completed("archive-tui run --url redis://127.0.0.1:1 --queue ") == []
    assert completed("archive-tui run --url nonsense --queue ") == []
    assert completed("archive-tui run --ask-password --queue ") == []


def test_profiles_and_journals_are_completed(tmp_path: Path) -> None:
    configuration = tmp_path / "config" / "archive-tui"
    configuration.mkdir(parents=True)
    (configuration / "config.toml").write_text("theme = 'dark'\n[orders]\n[other]\n[keys]\n")
    assert completed("archive-tui --profile k", XDG_CONFIG_HOME=str(tmp_path / "config")) == []
    assert completed("archive-tui --profile o", XDG_CONFIG_HOME=str(tmp_path / "config")) == ["orders", "other"]
    journals = tmp_path / "state" / "archive-tui" / "journal"
    journals.mkdir(parents=True)
    (journals / "20261129T013425Z-delete-4ed2e0.journal.gz").touch()
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert completed("archive-tui restore 2026", **state) == ["20261129T013425Z-delete-4ed2e0"]
    assert completed(f"archive-tui --journal-dir {journals} journal show ") == ["20261129T013425Z-delete-4ed2e0"]


def everything(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield from everything(inner, f"{path} {name}")


def test_the_manual_page_has_every_command_and_every_flag(cli: Command) -> None:
    text = page(commands)
    assert cli("man").text == text
    plain = text.replace("\\-", "-")
    for path, command in everything(commands, "archive-tui"):
        assert path in plain
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in plain, (path, parameter.opts)


def test_the_manual_page_is_one_that_man_shows_without_a_complaint(tmp_path: Path) -> None:
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man or groff is missing")
    file = tmp_path / "archive-tui.1"
    file.write_text(page(commands))
    show = ["man", "--warnings", "-l", file]
    plainly = {**os.environ, "MANPAGER": "cat"}
    shown = subprocess.run(show, capture_output=True, text=True, check=False, env=plainly)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "EXIT STATUS" in shown.stdout
