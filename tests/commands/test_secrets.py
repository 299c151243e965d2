"""No command prints what is masked, in any form of output, unless it is asked to; walked over all commands."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import click
import platformdirs
import pytest
from support.command_line import Command, at
from support.planted_secret import OPEN, PAYLOADS, SECRET, leaks, plant
from support.servers import Live

from archive_tui.cli.commands import cli as group

QUEUE = "vault"
FORMS = ("json", "ndjson", "csv", "payload", "prometheus", "all", "dry-run")
"""Flags that change what is printed."""

COMMANDS: dict[str, list[list[str]]] = {
    "compare": [[QUEUE, "json", "xml"], [QUEUE, "msgpack", "gzip"], [QUEUE, "json", "--ended-well"]],
    "connection": [[]],
    "delete": [
        ["--queue", QUEUE, "--archived", "--dry-run"],
        ["--queue", QUEUE, "--archived", "--where", "id:xml", "--yes"],
    ],
    "edit": [
        [QUEUE, "--where", "decoder:json", "--set", 'payload.user="ada"', "--dry-run"],
        [QUEUE, "--where", "id:json", "--set", "payload.deep=1", "--dry-run"],
        [QUEUE, "--where", "id:json", "--set", f'payload.password="{SECRET}!"', "--dry-run"],
        [QUEUE, "--where", "id:json", "--set", f'payload.deep[0].apiKey="{SECRET}!"', "--yes"],
    ],
    "journal list": [[]],
    "journal prune": [["--keep-days", "1", "--dry-run"]],
    "journal show": [["JOURNAL"]],
    "list": [
        [QUEUE],
        [QUEUE, "--columns", "id,error,signature,payload.password,payload.deep[0].apiKey,header.authorization,payload"],
        [QUEUE, "--sort", "payload.password", "--columns", "id,payload[*]"],
    ],
    "queues": [[]],
    "repair": [["--queue", QUEUE, "--kind", "orphan-archived", "--action", "archive", "--dry-run"]],
    "restore": [["JOURNAL", "--dry-run"]],
    "run": [["--queue", QUEUE, "--where", "id:json", "--dry-run"]],
    "scan": [["--queue", QUEUE], ["--queue", QUEUE, "--messages"]],
    "show": [[QUEUE, name] for name in PAYLOADS],
    "triage": [[QUEUE]],
}
"""How each command is called that shows something of tasks."""

SILENT = {"completion", "demo", "keys", "man", "open", "profiles", "export"}
"""Commands that show nothing of a task; `export` writes to a file, and has a test of its own."""


def leaves(command: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands with their names, those below others too."""
    for name, one in command.commands.items():
        if isinstance(one, click.Group):
            yield from leaves(one, f"{before}{name} ")
        else:
            yield f"{before}{name}", one


ALL = dict(leaves(group))


@pytest.fixture
def vault(valkey: Live) -> Live:
    plant(valkey, QUEUE, now=time.time())
    return valkey


def test_every_command_is_looked_at() -> None:
    assert set(COMMANDS) | SILENT == set(ALL)


def called(name: str, arguments: list[str]) -> Iterator[list[str]]:
    """A command with its arguments, by itself and with each flag that changes what is printed."""
    yield [*name.split(), *arguments]
    flags = {option for parameter in ALL[name].params for option in parameter.opts}
    for flag in FORMS:
        if f"--{flag}" in flags and f"--{flag}" not in arguments:
            yield [*name.split(), *arguments, f"--{flag}"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_prints_what_is_masked(vault: Live, cli: Command, name: str) -> None:
    needs_server = not name.startswith("journal")
    journal = ""
    if any("JOURNAL" in arguments for arguments in COMMANDS[name]):
        where = ["--where", "id:json", "--yes"]
        ended = cli(*at(vault, "delete", "--queue", QUEUE, "--archived", *where))
        assert ended.code == 0, ended.err
        (path,) = (Path(platformdirs.user_state_dir("archive-tui")) / "journal").glob("*.journal.gz")
        assert SECRET.encode() not in path.read_bytes()  # compressed
        journal = str(path)
    for arguments in COMMANDS[name]:
        for call in called(name, arguments):
            filled = [journal if word == "JOURNAL" else word for word in call]
            ended = cli(*(["--url", vault.url] if needs_server else []), *filled)
            refuses = call[-1].startswith("--") and ended.code == 2  # flags may exclude each other
            assert ended.code in (0, 4) or refuses, (call, ended.err)
            assert not leaks(ended.text + ended.err), call
    audit = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    assert not audit.exists() or not leaks(audit.read_text())


@pytest.mark.parametrize("name", ["show", "list", "scan", "triage", "journal show"])
def test_show_secrets_shows_them(vault: Live, cli: Command, name: str) -> None:
    arguments = [journal_of(vault, cli) if word == "JOURNAL" else word for word in COMMANDS[name][0]]
    flags = {"scan": ["--ndjson"], "triage": ["--json"], "list": ["--ndjson", "--payload"]}.get(name, [])
    ended = cli("--url", vault.url, *name.split(), *arguments, *flags, "--show-secrets")
    assert ended.code in (0, 4), ended.err
    assert SECRET in ended.text
    assert OPEN in ended.text


def journal_of(vault: Live, cli: Command) -> str:
    """The journal of a deletion."""
    ended = cli(*at(vault, "delete", "--queue", QUEUE, "--archived", "--where", "id:json", "--yes"))
    assert ended.code == 0, ended.err
    (path,) = (Path(platformdirs.user_state_dir("archive-tui")) / "journal").glob("*.journal.gz")
    return str(path)


def test_a_payload_with_masked_values_is_written_byte_for_byte_only_on_demand(vault: Live, cli: Command) -> None:
    refused = cli(*at(vault, "show", QUEUE, "json", "--raw"))
    assert refused.code == 5
    assert refused.complaint == (
        "the payload is not written byte for byte: masked: password, apiKey; --show-secrets writes it all"
    )
    assert cli(*at(vault, "show", QUEUE, "json", "--raw", "--show-secrets")).out == PAYLOADS["json"]


def test_a_decoded_export_is_masked_and_one_to_restore_from_is_not(vault: Live, cli: Command, tmp_path: Path) -> None:
    for form in ("ndjson", "csv"):
        file = tmp_path / f"tasks.{form}"
        more = ["--columns", "id,error,payload,payload.password,header.authorization"] if form == "csv" else []
        ended = cli(*at(vault, "export", "--queue", QUEUE, "--archived", "--format", form, *more, str(file)))
        assert ended.code == 0, ended.err
        assert OPEN in file.read_text()
        assert not leaks(file.read_text() + ended.text + ended.err)
    whole = tmp_path / "tasks.journal.gz"
    ended = cli(*at(vault, "export", "--queue", QUEUE, "--archived", str(whole)))
    assert ended.code == 0, ended.err
    assert not leaks(ended.text + ended.err)
    assert leaks(gzip.decompress(whole.read_bytes()).decode())


def test_an_error_that_nobody_expected_is_told_without_them(
    vault: Live, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(f"bad record password={SECRET}")

    monkeypatch.setattr("archive_tui.session.Session.read_task", broken)
    ended = cli(*at(vault, "show", QUEUE, "json"))
    assert ended.code == 1
    log = (Path(platformdirs.user_state_dir("archive-tui")) / "crash.log").read_text()
    assert "bad record password=***" in log
    assert not leaks(ended.err + log)
