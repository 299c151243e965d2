"""Shell completion: the script for a shell, and the answers to what it asks while somebody types.

The answers about values come from what is at hand: the settings file, the folder of journals, the names of kinds.
Names of queues and namespaces cost questions to the server that the line names so far, and a second or two at most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import get_completion_class, shell_complete

from archive_tui.errors import ArchiveTuiError

if TYPE_CHECKING:
    from archive_tui.store.link.pipe import Pipe

PROGRAM = "archive-tui"
VARIABLE = "_ARCHIVE_TUI_COMPLETE"
"""The environment variable by which the shell asks."""

SHELLS = ("bash", "zsh", "fish")

_PATIENCE = 1.0
"""Seconds for a server to answer: somebody waits for the key that they pressed."""

_CONNECTION = (
    "url",
    "profile",
    "username",
    "password_file",
    "database",
    "namespace",
)
"""The flags that say which server is meant, beside those of TLS."""


def script(command: click.Command, shell: str) -> str:
    """The script that makes a shell complete the command."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - one of SHELLS
    return made(command, {}, PROGRAM, VARIABLE).source()


def answer(command: click.Command, instruction: str) -> int:
    """Answer a shell, which asks by the value of `VARIABLE`; returns the exit code."""
    return shell_complete(command, {}, PROGRAM, VARIABLE, instruction)


def queue_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The queues that the server knows; none where it does not answer in time, or would want a password typed."""
    try:
        return [name for name in _queues(context) if name.startswith(incomplete)]
    except Exception:  # whatever it is: a line that is being typed is no place for it
        return []


def namespace_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The namespaces that the server's database holds, as far as a second shows them; none where it does not answer."""
    try:
        return [name for name in _namespaces(context) if name.startswith(incomplete)]
    except Exception:  # as above
        return []


def _queues(context: click.Context) -> Iterator[str]:
    from archive_tui.store.read import queues

    with _pipe(context) as pipe:
        yield from filter(_can_be_typed, queues.registered(pipe) if pipe is not None else ())


def _namespaces(context: click.Context) -> list[str]:
    from archive_tui.store.read.namespaces import Others

    found = Others()
    until = time.monotonic() + _PATIENCE
    with _pipe(context) as pipe:
        if pipe is not None:
            for _ in found.search(pipe):
                if time.monotonic() > until:
                    break
            if pipe.one(b"EXISTS", pipe.keys.queues):
                found.names.add(pipe.keys.namespace)
    return sorted(filter(_can_be_typed, found.names))


def _can_be_typed(name: str) -> bool:
    from archive_tui.text import line

    return name.isprintable() and line(name) == name and not name.startswith("-")


@contextmanager
def _pipe(context: click.Context) -> Iterator[Pipe | None]:
    """A pipe to the server that the line names so far; None where it names none that we could ask now."""
    from archive_tui.settings.profiles import Choices, resolve
    from archive_tui.store.link.server import Server

    flags: dict[str, Any] = {}
    for one in (context.find_root(), context):
        if one.params.get("ask_password") or one.params.get("dump"):
            yield None  # neither is for a line that is being typed
            return
        flags |= {
            name: value
            for name, value in one.params.items()
            if (name in _CONNECTION or name.startswith("tls_")) and value is not None and value is not False
        }
    server = Server(replace(resolve(Choices(**flags)), timeout=_PATIENCE, read_only=True))
    try:
        server.identify()  # of a cluster, any node may be named
        with server.pipe() as pipe:
            yield pipe
    finally:
        server.close()


def profile_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The profiles of the settings file."""
    from archive_tui.settings.file import read_settings_file

    try:
        profiles = read_settings_file().profiles
    except ArchiveTuiError:
        return []
    return [name for name in profiles if name.startswith(incomplete)]


def journal_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The files in the folder of journals, the newest first; a path is left to the shell."""
    from archive_tui.journal.place import default_folder

    named = context.params.get("journal_dir") or context.find_root().params.get("journal_dir")
    try:
        names = sorted((path.name for path in (named or default_folder()).iterdir()), reverse=True)
    except OSError:
        return []
    return [name.partition(".")[0] for name in names if name.startswith(incomplete)]


def kind_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The kinds of findings."""
    from archive_tui.asynq.findings import Kind

    return [kind.value for kind in Kind if kind.value.startswith(incomplete)]


def state_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The states whose tasks can be listed."""
    from archive_tui.asynq.states import LISTS, SORTED_SETS

    return [state.value for state in (*SORTED_SETS, *LISTS) if state.value.startswith(incomplete)]


def action_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The repairs, of a kind that was named already those that fit it."""
    from archive_tui.asynq.findings import Kind
    from archive_tui.asynq.repairs import Repair, offered

    kind = context.params.get("kind")
    fitting = offered(Kind(kind)) if kind in list(Kind) else tuple(Repair)
    return [repair.value for repair in fitting if repair.value.startswith(incomplete)]
