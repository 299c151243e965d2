"""The command line: flags, exit codes; everything else is imported when a command needs it, so that it starts fast."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive_tui import __version__
from archive_tui.errors import ArchiveTuiError, UsageError

if TYPE_CHECKING:
    from archive_tui.headless.changing import Manner
    from archive_tui.jobs.session import Session
    from archive_tui.settings import Settings

_INTERRUPTED = 130
_UNEXPECTED = 1


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # it passes every range
        raise click.BadParameter("nan is no number of seconds")
    return value


def _connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that say which server; accepted before and after the name of a command."""
    for option in reversed((
        click.option("--url", metavar="URL", help="Server: redis://, rediss:// or unix:///path. [ARCHIVE_TUI_URL]"),
        click.option("--profile", metavar="NAME", help="A section of profiles.toml. [ARCHIVE_TUI_PROFILE]"),
        click.option("--user", "username", metavar="NAME", help="ACL user. [ARCHIVE_TUI_USERNAME]"),
        click.option(
            "--password-file", type=click.Path(path_type=Path), help="Read the password from this file's first line."
        ),
        click.option("--ask-password", is_flag=True, help="Ask for the password. [or set ARCHIVE_TUI_PASSWORD]"),
        click.option("--db", "database", type=click.IntRange(0, 99_999), help="Database number."),
        click.option("--timeout", type=click.FloatRange(0.1, 3600), callback=_finite, metavar="SECONDS",
            help="For each answer; 5."),
        click.option("--read-only", is_flag=True, help="Take away everything that changes data."),
        click.option("--journal-dir", type=click.Path(path_type=Path), metavar="DIR",
            help="Where journals of deletions are kept. [ARCHIVE_TUI_JOURNAL_DIR]"),
        click.option("--no-journal", is_flag=True, help="Keep no journal: what is deleted cannot be brought back."),
    )):  # fmt: skip
        command = option(command)
    return command


_pace_option = click.option(
    "--pace", type=click.Choice(["full", "polite", "gentle"]), default="polite", show_default=True,
    help="How much of the server's time to take.",
)  # fmt: skip


def _change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of commands that plan a change and carry it out; `_manner` takes them together."""
    for option in reversed((
        _pace_option,
        click.option("--reason", default="", metavar="TEXT", help="Why; goes to journal and audit."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
        click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object: the plan, and what became of it."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="archive-tui")
@_connection_options
@click.option("--mouse", is_flag=True, help="Let the screens use the mouse; needs more of the link.")
@click.pass_context
def cli(context: click.Context, /, mouse: bool, **connection: Any) -> int | None:
    """Inspect and clean the archives of the Asynq task queue in Redis.

    Without a command, opens the screens. Exit codes: 0 done, 1 unexpected, 2 usage, 3 cannot connect or log in,
    4 done in part, 5 refused, 6 not found, 10 --check found something, 130 interrupted.
    """
    context.obj = connection
    if context.invoked_subcommand is not None:
        return None
    _need_terminal()
    with _session(context, {}) as session:
        return _screens(session, mouse=mouse)


@cli.command()
@click.option("--serve", is_flag=True, help="Print the server's URL and keep it running, without the screens.")
@click.option("--mouse", is_flag=True, help="Let the screens use the mouse.")
@click.option("--read-only", is_flag=True, help="Take away everything that changes data.")
@click.option("--quiet-workers", is_flag=True, help="Nothing moves: no imitation of workers.")
def demo(*, serve: bool, mouse: bool, read_only: bool, quiet_workers: bool) -> int:
    """Try it: an embedded server with a made-up Asynq installation, gone without a trace afterwards."""
    from dataclasses import replace

    from archive_tui.demo import demo as open_demo
    from archive_tui.settings import parse_url

    if not serve:
        _need_terminal()
    click.echo("starting the demo server and filling it…", err=True)
    with open_demo(workers=not quiet_workers) as url:
        if serve:
            return _serve(url)
        settings = replace(parse_url(url), read_only=read_only, profile="demo", label="embedded server")
        with _opened(settings) as session:
            return _screens(session, mouse=mouse)


def _serve(url: str) -> int:
    """Print the URL and wait to be ended by ctrl+c or a signal."""
    import signal
    import threading

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    click.echo(url)
    click.echo("serving until ctrl+c; in another terminal: archive-tui --url '" + url + "'", err=True)
    try:
        ended.wait()
    except KeyboardInterrupt:
        return 0
    return 0


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@_connection_options
@click.pass_context
def queues(context: click.Context, /, as_json: bool, **connection: Any) -> int:
    """List the queues and how they are doing, leftover queues included."""
    from archive_tui.headless import queues as headless

    with _session(context, connection) as session:
        return headless.queues(session, as_json=as_json, out=sys.stdout)


@cli.command()
@click.option("--queue", "names", multiple=True, metavar="Q", help="Only this queue; may be repeated.")
@_pace_option
@click.option(
    "--messages", is_flag=True, help="Also read every task's message, to find those that do not decode; slower."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with counts.")
@click.option("--ndjson", is_flag=True, help="One JSON object a finding, a line each.")
@click.option("--prometheus", is_flag=True, help="Metrics for a textfile collector.")
@click.option("--check", is_flag=True, help="Exit with 10 if anything was found.")
@_connection_options
@click.pass_context
def scan(
    context: click.Context, /, names: Sequence[str], pace: str, messages: bool, as_json: bool, ndjson: bool,
    prometheus: bool, check: bool, **connection: Any,
) -> int:  # fmt: skip
    """Find everything that is wrong with tasks: data that Asynq has lost track of, and damaged indexes. Reads only."""
    from archive_tui.headless import scan as headless
    from archive_tui.jobs.pace import Pace

    form = _form(json=as_json, ndjson=ndjson, prometheus=prometheus)
    with _session(context, connection) as session:
        return headless.scan(
            session,
            names=names,
            pace=Pace(pace),
            messages=messages,
            form=form,
            check=check,
            out=sys.stdout,
            progress=sys.stderr.isatty(),
        )


@cli.command()
@click.option("--queue", required=True, metavar="Q", help="The queue.")
@click.option("--kind", metavar="KIND", help="Findings of this kind, such as orphan-archived; scans for them first.")
@click.option("--archived", is_flag=True, help="Archived tasks.")
@click.option("--where", default="", metavar="FILTER", help="Only those that match, such as 'error:~refused age>30d'.")
@click.option("--older-than", metavar="AGE", help="Only those archived longer ago, such as 30d (with --archived).")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Keep the newest N that match (with --archived).")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N tasks, the oldest first.")
@_change_options
@_connection_options
@click.pass_context
def delete(
    context: click.Context,
    /,
    queue: str,
    kind: str | None,
    archived: bool,
    where: str,
    older_than: str | None,
    keep: int | None,
    limit: int | None,
    **rest: Any,
) -> int:
    """Delete archived tasks, or findings of a kind. Shows the plan and asks before anything is deleted."""
    from archive_tui.asynq.findings import DELETABLE, Kind
    from archive_tui.catalog.terms import span_of
    from archive_tui.headless import delete as headless

    if archived == (kind is not None):
        raise UsageError("say what to delete: either --archived or --kind KIND")
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(DELETABLE)}")
    if kind is not None and kind not in DELETABLE:
        raise UsageError(f"{kind} is not for deleting, but for setting right, for which there is `archive-tui repair`")
    if not archived and (older_than is not None or keep is not None):
        raise UsageError("--older-than and --keep go with --archived; for findings use --where 'age>30d'")
    wish = headless.Wish(
        queue,
        Kind(kind) if kind is not None else None,
        where.strip(),
        limit,
        span_of(older_than) if older_than is not None else None,
        keep,
    )
    manner = _manner(rest)
    with _session(context, rest) as session:
        return headless.delete(session, wish, manner)


@cli.command()
@click.option("--queue", required=True, metavar="Q", help="The queue.")
@click.option(
    "--kind", required=True, metavar="KIND", help="Findings of this kind, such as lost; scans for them first."
)
@click.option("--action", required=True, metavar="ACTION", help="What to do about them, such as run; see below.")
@click.option("--where", default="", metavar="FILTER", help="Only those that match, such as 'type:email:send age>30d'.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N findings, the oldest first.")
@click.option(
    "--messages", is_flag=True, help="Also read every task's message, to find those that do not decode; slower."
)
@_change_options
@_connection_options
@click.pass_context
def repair(
    context: click.Context,
    /,
    queue: str,
    kind: str,
    action: str,
    where: str,
    limit: int | None,
    messages: bool,
    **rest: Any,
) -> int:
    """Set findings of a kind right. Shows the plan and asks before anything is changed.

    Actions: archive (as of the last failure), archive-now, run (once more), run-afresh (retries reset), follow-index
    (state follows index), follow-state, remove-id (of ghosts), clean (delete data and id).
    """
    from archive_tui.asynq.findings import Kind
    from archive_tui.asynq.repairs import Repair
    from archive_tui.headless import repair as headless

    if kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(Kind)}")
    if action not in list(Repair):
        raise UsageError(f"there is no such action: choose --action from {', '.join(Repair)}")
    wish = headless.Wish(queue, Kind(kind), Repair(action), where.strip(), limit, messages)
    manner = _manner(rest)
    with _session(context, rest) as session:
        return headless.repair(session, wish, manner)


def _form(**asked: bool) -> str:
    """The one form of output that was asked for; plain text if none was."""
    forms = [name for name, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        raise UsageError(f"--{forms[0]} and --{forms[1]} exclude each other: choose one")
    return forms[0] if forms else "text"


@cli.command()
@click.argument("queue")
@click.argument("task_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--raw", is_flag=True, help="The payload alone, byte for byte.")
@_connection_options
@click.pass_context
def show(
    context: click.Context, /, queue: str, task_id: str, as_json: bool, raw: bool, **connection: Any
) -> int:  # fmt: skip
    """Show one task: payload, error, facts, and what Redis holds for it."""
    from archive_tui.headless import task as headless

    form = _form(json=as_json, raw=raw)
    with _session(context, connection) as session:
        return headless.show(session, queue, os.fsencode(task_id), form=form, out=sys.stdout)


@cli.command()
@click.argument("journal")
@click.option("--into-archive", "target", flag_value="archive", help="Put them into the archive, wherever they stood.")
@click.option(
    "--run-once", "target", flag_value="run", help="Queue them: each gets one more attempt, as by Asynq's run."
)
@click.option(
    "--again",
    is_flag=True,
    help="Also what was restored before, as after a failover that lost it. What ran is back, too.",
)
@click.option("--elsewhere", is_flag=True, help="Also where the journal was written for another server or database.")
@_pace_option
@click.option("--dry-run", is_flag=True, help="Print the plan and restore nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@_connection_options
@click.pass_context
def restore(
    context: click.Context, /, journal: str, target: str | None, again: bool, elsewhere: bool, pace: str,
    dry_run: bool, yes: bool, **connection: Any,
) -> int:  # fmt: skip
    """Put back what was deleted, from its JOURNAL. Nothing that stands in Redis is written over."""
    from archive_tui.headless import journals
    from archive_tui.headless import restore as headless
    from archive_tui.jobs.pace import Pace
    from archive_tui.store.restore import Target

    wish = headless.Wish(Target(target or "back"), Pace(pace), dry_run, yes, elsewhere, again)
    with _session(context, connection) as session:
        path = journals.find(session.journal_folder, journal)
        return headless.restore(session, path, wish, ask=_asking(), out=sys.stdout)


@cli.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@_connection_options
@click.pass_context
def journal(context: click.Context, /, as_json: bool, **connection: Any) -> int | None:
    """List the journals of deletions, look into one, or remove old ones. Needs no server."""
    context.find_root().obj.update({name: value for name, value in connection.items() if value})
    if context.invoked_subcommand is not None:
        return None
    from archive_tui.headless import journals as headless

    return headless.journals(_journal_folder(context), as_json=as_json, out=sys.stdout)


@journal.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_context
def journal_list(context: click.Context, /, as_json: bool) -> int:
    """List the journals, the newest first."""
    from archive_tui.headless import journals as headless

    return headless.journals(_journal_folder(context), as_json=as_json, out=sys.stdout)


@journal.command("show")
@click.argument("name", metavar="JOURNAL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a task, a line each.")
@click.pass_context
def journal_show(context: click.Context, /, name: str, as_json: bool) -> int:
    """Print the tasks of a JOURNAL."""
    from archive_tui.headless import journals as headless

    return headless.show(headless.find(_journal_folder(context), name), as_json=as_json, out=sys.stdout)


@journal.command("prune")
@click.option("--keep-days", type=click.FloatRange(0), metavar="N", help="Keep those of the last N days.")
@click.option("--keep-mb", type=click.FloatRange(0), metavar="N", help="Keep the newest, up to N megabytes in all.")
@click.option("--dry-run", is_flag=True, help="Print what would go and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.pass_context
def journal_prune(
    context: click.Context, /, keep_days: float | None, keep_mb: float | None, dry_run: bool, yes: bool
) -> int:
    """Remove journals beyond what is to be kept. Nothing else ever removes one."""
    import time

    from archive_tui.headless import journals as headless

    settings = _settings(context, {})
    return headless.prune(
        _journal_folder(context),
        keep_days=keep_days if keep_days is not None else settings.journal_keep_days,
        keep_mb=keep_mb if keep_mb is not None else settings.journal_keep_mb,
        now=time.time(), dry_run=dry_run, yes=yes, ask=_asking(), out=sys.stdout,
    )  # fmt: skip


@cli.command()
@click.option("--queue", required=True, metavar="Q", help="The queue.")
@click.option("--kind", metavar="KIND", help="Findings of this kind, such as orphan-archived; scans for them first.")
@click.option("--archived", is_flag=True, help="Archived tasks.")
@click.option("--where", default="", metavar="FILTER", help="Only those that match.")
@_pace_option
@click.argument("file", type=click.Path(path_type=Path))
@_connection_options
@click.pass_context
def export(
    context: click.Context, /, queue: str, kind: str | None, archived: bool, where: str, pace: str, file: Path,
    **connection: Any,
) -> int:  # fmt: skip
    """Write archived tasks, or findings of a kind, to FILE, from which they can be restored. Reads only."""
    from archive_tui.asynq.findings import Kind
    from archive_tui.headless import export as headless
    from archive_tui.jobs.pace import Pace

    if archived == (kind is not None):
        raise UsageError("say what to export: either --archived or --kind KIND")
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(Kind)}")
    chosen = Kind(kind) if kind is not None else None
    with _session(context, connection) as session:
        return headless.export(session, queue, chosen, where, file, pace=Pace(pace), out=sys.stdout)


def _journal_folder(context: click.Context) -> Path:
    from archive_tui.journal.shelf import default_folder

    return _settings(context, {}).journal_dir or default_folder()


def _manner(rest: dict[str, Any]) -> Manner:
    """How to go about a change, taken out of what was given beside the connection."""
    from archive_tui.headless.changing import Manner
    from archive_tui.jobs.pace import Pace

    pace = Pace(rest.pop("pace"))
    chosen = {name: rest.pop(name) for name in ("reason", "dry_run", "yes", "as_json")}
    return Manner(sys.stdout, sys.stderr, _asking(), pace, progress=sys.stderr.isatty(), **chosen)


def _asking() -> Callable[[str], str] | None:
    """Puts a question on stderr, where the results of a command do not go; None where nobody could answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return lambda question: str(click.prompt(question, default="", show_default=False, err=True))


@contextmanager
def _session(context: click.Context, after: dict[str, Any]) -> Iterator[Session]:
    """An opened session for the flags before and after the command's name; those after win."""
    from archive_tui.headless.waiting import stoppable

    with stoppable(), _opened(_settings(context, after)) as session:
        yield session


def _settings(context: click.Context, after: dict[str, Any]) -> Settings:
    from archive_tui.settings import Choices, Secret, resolve

    before: dict[str, Any] = context.find_root().obj or {}
    flags = before | {name: value for name, value in after.items() if value is not None and value is not False}
    password = None
    if flags.pop("ask_password", False):
        if not sys.stdin.isatty():
            raise UsageError("--ask-password needs a terminal: set ARCHIVE_TUI_PASSWORD or use --password-file")
        password = Secret(click.prompt("Password", hide_input=True, err=True))
    return resolve(Choices(**flags, password=password))


@contextmanager
def _opened(settings: Settings) -> Iterator[Session]:
    from archive_tui.jobs.session import Session

    session = Session(settings)
    try:
        session.open()
        yield session
    finally:
        session.close()


def _need_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the screens need a terminal; without one, use `archive-tui queues`, `scan`, `show` or `delete`"
        )
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "the screens need a terminal that can move its cursor (TERM is dumb); use `archive-tui queues`"
        )


def _screens(session: Session, *, mouse: bool) -> int:
    os.environ.setdefault("TEXTUAL_FPS", "20")  # a thin link: read when Textual is imported
    from archive_tui.tui.app import run

    return run(session, mouse=mouse)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Every failure is one line on stderr."""
    if sys.stderr is None:  # closed by whoever started us: what we would say there is for nobody
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        if sys.stdout is None:
            raise UsageError("there is no standard output to write to")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 is no reason to fail
        # Not `cli.main`: it would answer a broken pipe with exit code 1
        with cli.make_context("archive-tui", list(sys.argv[1:] if arguments is None else arguments)) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ArchiveTuiError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing is wrong, and there is nowhere left to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _complain(error.strerror or str(error))
        return _UNEXPECTED
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _unexpected(error: Exception) -> int:
    """A defect of ours: one line for the user, the traceback (without variables) into a private file."""
    import traceback

    import platformdirs

    from archive_tui.text import line

    where = ""
    try:
        folder = Path(platformdirs.user_state_dir("archive-tui", appauthor=False))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "crash.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            traceback.print_exception(error, file=file)
        where = f"; details in {path}"
    except OSError:
        pass
    _complain(f"unexpected {type(error).__name__}: {line(str(error))[:200]}{where}")
    return _UNEXPECTED


def _complain(what: str) -> None:
    """The one line of a failure, where there is still somebody to read it."""
    with suppress(OSError):
        click.echo(f"archive-tui: {what}", err=True)


def main() -> None:
    """Run the console script."""
    code = run()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        os._exit(code)  # the terminal is gone: what is left cannot be written, and Python would make it exit code 120
    sys.exit(code)
