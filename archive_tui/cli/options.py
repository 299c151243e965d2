"""The flags that several commands share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive_tui.cli.completion import journal_names, kind_names, namespace_names, profile_names, queue_names
from archive_tui.errors import UsageError
from archive_tui.settings import setting
from archive_tui.settings.setting import Setting

if TYPE_CHECKING:
    from archive_tui.commands.change import Manner


class Whole(click.IntRange):
    """A whole number from `least` on."""

    name = "whole number"

    def __init__(self, least: int) -> None:
        super().__init__(least)


class Number(click.FloatRange):
    """A number within a range; nan is in none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):  # it passes every range
            self.fail("nan is no number", param, ctx)
        return number


_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _flag(one: Setting[Any], meaning: str, *, name: str = "", metavar: str | None = None) -> _Decorator:
    """The flag of a setting. Its value is read as the environment and a profile are, so that a wrong one is refused
    with the same words; its help names the environment variable.
    """
    names = (one.flag, name) if name else (one.flag,)
    if one.variable:
        meaning = f"{meaning} [{one.variable}]"
    if one.parse(True) is True:
        return click.option(*names, is_flag=True, help=meaning)

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> object:
        return None if value is None else one.read(value, one.flag)

    def complete(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
        return [choice for choice in one.choices if choice.startswith(incomplete)]

    shown = metavar or f"[{'|'.join(one.choices)}]"
    return click.option(*names, metavar=shown, callback=read, shell_complete=complete, help=meaning)


def _file_flag(one: Setting[str], meaning: str) -> _Decorator:
    """The flag of a setting that names a file."""
    return click.option(one.flag, type=click.Path(), metavar="FILE", help=f"{meaning} [{one.variable}]")


show_secrets_option = _flag(
    setting.SHOW_SECRETS, "Show the passwords, tokens and other values that are masked otherwise."
)


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags that choose the server. They are accepted before and after the name of a command."""
    for option in reversed((
        click.option("--url", metavar="URL",
            help="Server: redis://, rediss://, unix:///path, redis+sentinel:// or redis+cluster://. [ARCHIVE_TUI_URL]"),
        click.option("--dump", type=click.Path(path_type=Path), metavar="FILE",
            help="Read this dump file (RDB) in place of a server."),
        click.option("--server", type=click.Path(path_type=Path), metavar="PROGRAM",
            help="The redis-server or valkey-server that loads the dump; the embedded one by default."),
        click.option("--profile", shell_complete=profile_names, metavar="NAME",
            help="A section of config.toml; `archive-tui profiles` lists them. [ARCHIVE_TUI_PROFILE]"),
        _flag(setting.USERNAME, "ACL user.", name="username", metavar="NAME"),
        click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE",
            help="Read the password from this file's first line. [ARCHIVE_TUI_PASSWORD_FILE]"),
        click.option("--ask-password", is_flag=True, help="Ask for the password. [or set ARCHIVE_TUI_PASSWORD]"),
        _flag(setting.SENTINEL_USERNAME, "ACL user of the Sentinels.", name="sentinel_username", metavar="NAME"),
        click.option("--sentinel-password-file", type=click.Path(path_type=Path), metavar="FILE",
            help="Read the Sentinels' password from this file. [ARCHIVE_TUI_SENTINEL_PASSWORD_FILE]"),
        _file_flag(setting.TLS_CA_FILE, "Certificates of the authorities to trust (PEM); by default the system's."),
        _file_flag(setting.TLS_CERT_FILE, "Client certificate (PEM)."),
        _file_flag(setting.TLS_KEY_FILE, "Key of the client certificate (PEM), where it is not in the same file."),
        _file_flag(setting.TLS_KEY_PASSPHRASE_FILE,
            "Read the passphrase of that key from this file's first line; without one it is asked for. "
            "[ARCHIVE_TUI_TLS_KEY_PASSPHRASE]"),
        _flag(setting.TLS_SERVER_NAME, "The name in the server's certificate, where another one is connected to.",
            metavar="NAME"),
        _flag(setting.TLS_MIN_VERSION, "Oldest version of TLS to speak; 1.2 by default."),
        click.option("--tls-unverified", is_flag=True,
            help="Do not verify the server's certificate: whoever answers may be somebody else."),
        _flag(setting.DATABASE, "Database number.", name="database", metavar="NUMBER"),
        click.option("--namespace", shell_complete=namespace_names, metavar="NAME",
            help="What stands before :{queue} in the keys, asynq by default. [ARCHIVE_TUI_NAMESPACE]"),
        _flag(setting.TIMEOUT, "How long to wait for each answer; 5 by default.", metavar="SECONDS"),
        _flag(setting.READ_ONLY, "Disable every command that changes data."),
        _flag(setting.PREFER_REPLICA, "Read scans and lists from a replica; changes go to the primary."),
        _flag(setting.LOW_BANDWIDTH, "Send less to the terminal: the screens count on more rarely, in larger steps."),
        show_secrets_option,
        click.option("--journal-dir", type=click.Path(path_type=Path), metavar="DIR",
            help="Folder of the journals. [ARCHIVE_TUI_JOURNAL_DIR]"),
        click.option("--no-journal", is_flag=True, help="Keep no journal: what is deleted cannot be restored."),
    )):  # fmt: skip
        command = option(command)
    return command


timeout_option = _flag(setting.TIMEOUT, "How long to wait for each answer; 5 by default.", metavar="SECONDS")

theme_option = _flag(setting.THEME, "Colours of the screens; auto, the default, follows the terminal's background.")

pace_option = _flag(setting.PACE, "How much of the server's time to take; polite by default.")

reason_option = click.option("--reason", default="", metavar="TEXT", help="Why, recorded in journal and audit.")

resume_option = click.option(
    "--resume", shell_complete=journal_names, metavar="JOURNAL",
    help="Go on with the rest of a change that was interrupted. Shows what is left and asks.",
)  # fmt: skip

locks_option = click.option(
    "--locks", is_flag=True, help="Also find stale unique locks. Slower where many tasks hold one: it reads every lock."
)

messages_option = click.option(
    "--messages", is_flag=True, help="Also find messages that do not decode. Slower: it reads every task's message."
)


yes_option = click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")

archived_option = click.option("--archived", is_flag=True, help="Archived tasks.")

queue_argument = click.argument("queue", shell_complete=queue_names)

task_argument = click.argument("task_id", metavar="ID")


def json_option(what: str) -> _Decorator:
    """The flag for JSON; `what` says how much of it, such as `One JSON object.`"""
    return click.option("--json", "as_json", is_flag=True, help=what)


def queue_option(meaning: str = "The queue.", **more: Any) -> _Decorator:
    """The flag that names a queue; `more` as `click.option` has it."""
    return click.option(
        "--queue", *more.pop("names", ()), shell_complete=queue_names, metavar="Q", help=meaning, **more
    )


def kind_option(example: str) -> _Decorator:
    """The flag that names a kind of findings."""
    meaning = f"Findings of this kind, such as {example}. Scans first."
    return click.option("--kind", shell_complete=kind_names, metavar="KIND", help=meaning)


def where_option(example: str, meaning: str = "Only those that match") -> _Decorator:
    """The flag that takes a filter, with an example of what is common there."""

    def stripped(_context: click.Context, _option: click.Parameter, value: str) -> str:
        return value.strip()

    help_ = f"{meaning}, such as '{example}'."
    return click.option("--where", default="", metavar="FILTER", callback=stripped, help=help_)


def limit_option(what: str) -> _Decorator:
    """The flag for a number of tasks at most; `what` are they, and which come first."""
    return click.option("--limit", type=Whole(1), metavar="N", help=f"At most N {what}.")


def columns_option(of: str) -> _Decorator:
    """The flag that names columns, separated by commas: a tuple, empty where nobody has chosen any. `of` says of what
    they are columns.
    """

    def names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
        from archive_tui.jobs.records import split_names

        if value is None:
            return ()
        chosen = tuple(split_names(value))
        if not chosen:
            raise click.BadParameter("name at least one column, such as id")
        return chosen

    return click.option(
        "--columns", metavar="NAMES", callback=names,
        help=f"Columns of {of}, such as 'id,died,error,payload.user.id,header.trace-id'.",
    )  # fmt: skip


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags that say how tasks run."""
    for option in reversed((
        click.option("--fresh", is_flag=True,
            help="Reset the count of retries; else most tasks get exactly one attempt."),
        click.option("--in", "delay", metavar="SPAN", help="Later: in 30min, 2h or 1d from the start of this command."),
        click.option("--at", "moment", metavar="TIME", help="Later: at a time in UTC, such as 2026-12-01T06:00."),
        click.option("--per-second", type=Number(0.001, 100_000), metavar="N",
            help="Let N tasks begin in a second, the oldest first, instead of all at once."),
    )):  # fmt: skip
        command = option(command)
    return command


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of commands that plan a change and carry it out. `manner_of` reads them."""
    for option in reversed((
        pace_option,
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
        click.option("--ids", is_flag=True,
            help="With --dry-run: the id of every task of the plan, one JSON object a line; the plan goes to stderr."),
        yes_option,
        json_option("One JSON object: the plan and its result."),
    )):  # fmt: skip
        command = option(command)
    return command


def manner_of(rest: dict[str, Any]) -> Manner:
    """Take the flags of `change_options` out of what was given beside the connection. The pace stays there.

    Raises UsageError where they do not go together.
    """
    from archive_tui.commands.change import Manner

    chosen = {name: rest.pop(name) for name in ("reason", "dry_run", "ids", "yes", "as_json") if name in rest}
    if chosen.get("ids"):
        if not chosen.get("dry_run"):
            raise UsageError("--ids goes with --dry-run: what was changed is in the journal, `journal show` prints it")
        one_form(ids=True, json=chosen.get("as_json", False))
    return Manner(sys.stdout, sys.stderr, asking(), progress=sys.stderr.isatty(), **chosen)


def asking() -> Callable[[str], str] | None:
    """A function that puts a question on stderr, away from the results; None where nobody could answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return lambda question: str(click.prompt(question, default="", show_default=False, err=True))


def one_form(**asked: bool) -> str:
    """The name of the one form of output that was asked for; "text" if none was. Raises UsageError for two."""
    forms = [name for name, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        raise UsageError(f"--{forms[0]} and --{forms[1]} exclude each other: choose one")
    return forms[0] if forms else "text"
