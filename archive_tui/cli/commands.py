"""The commands with their flags and help. What a command does is in the module of `commands` with its name."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive_tui import __version__
from archive_tui.asynq.outcomes import DELETE, EDIT, REPAIR, RUN, Verb
from archive_tui.cli.completion import SHELLS, action_names, journal_names, queue_names, state_names
from archive_tui.cli.opening import (
    destinations_for,
    journal_folder,
    names_server,
    need_terminal,
    opened,
    run_screens,
    session_for,
    settings_for,
)
from archive_tui.cli.options import (
    Number,
    Whole,
    archived_option,
    asking,
    change_options,
    columns_option,
    connection_options,
    json_option,
    kind_option,
    limit_option,
    locks_option,
    manner_of,
    messages_option,
    one_form,
    pace_option,
    queue_argument,
    queue_option,
    reason_option,
    resume_option,
    run_options,
    show_secrets_option,
    task_argument,
    theme_option,
    timeout_option,
    where_option,
    yes_option,
)
from archive_tui.errors import ExitCode, UsageError
from archive_tui.settings.model import Look

_EXIT_CODES = ", ".join(f"{code} {code.meaning}" for code in ExitCode)

if TYPE_CHECKING:
    from archive_tui.asynq.runs import RunMode


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {_EXIT_CODES}.",
)
@click.version_option(__version__, prog_name="archive-tui")
@connection_options
@click.option("--mouse", is_flag=True, help="Use the mouse on the screens. Needs more bandwidth.")
@theme_option
@click.pass_context
def cli(context: click.Context, /, mouse: bool, theme: Look | None, **connection: Any) -> int | None:
    """Inspect and clean the archives of the Asynq task queue in Redis.

    Without a command it opens the screens; where nothing names a server, they begin with a choice.
    """
    from archive_tui.settings.file import about_old_file

    context.obj = connection
    if notice := about_old_file():
        click.echo(f"archive-tui: {notice}", err=True)
    if context.invoked_subcommand is not None:
        return None
    need_terminal()
    gc.disable()  # an eighth of the start: hardly anything of what is imported is garbage; `tui.app` enables it again
    if not names_server(context):
        return run_screens(None, destinations_for(context), mouse=mouse, theme=theme)
    with session_for(context, {}) as session:
        return run_screens(session, destinations_for(context), mouse=mouse, theme=theme)


_LOOK_EVERY = 0.1
"""Seconds between two looks whether the demo is to end."""


@cli.command("demo")
@click.option("--serve", is_flag=True, help="Print the server's URL and keep it running, without the screens.")
@click.option("--tour", is_flag=True, help="Show what to try, step by step.")
@click.option("--mouse", is_flag=True, help="Use the mouse on the screens.")
@click.option("--low-bandwidth", is_flag=True, help="Send less to the terminal.")
@theme_option
@click.option("--read-only", is_flag=True, help="Disable every command that changes data.")
@click.option("--quiet-workers", is_flag=True, help="Imitate no workers: nothing moves.")
@click.pass_context
def demo_command(
    context: click.Context,
    /,
    *,
    serve: bool,
    tour: bool,
    mouse: bool,
    low_bandwidth: bool,
    theme: Look | None,
    read_only: bool,
    quiet_workers: bool,
) -> int:
    """Try archive-tui on an embedded server with a made-up Asynq installation. Leaves no trace."""
    from dataclasses import replace

    from archive_tui.demo import demo
    from archive_tui.settings.demo import with_demo_state
    from archive_tui.settings.url import parse_url

    if serve and tour:
        raise UsageError("--tour is for the screens, and --serve goes without them: choose one")
    if not serve:
        need_terminal()
    click.echo("starting the demo server and filling it…", err=True)
    with demo(workers=not quiet_workers) as url:
        if serve:
            return _serve(url)
        settings = replace(with_demo_state(parse_url(url)), read_only=read_only, low_bandwidth=low_bandwidth)
        with opened(settings) as session:
            return run_screens(session, destinations_for(context), mouse=mouse, theme=theme, tour=tour)


def _serve(url: str) -> int:
    """Print the URL and wait for ctrl+c or a signal."""
    import signal
    import time

    from archive_tui.commands.foreground import handling

    # Noted in a list: a handler that sets an Event waits for ever where it interrupts the wait for that Event
    signals: list[int] = []
    with handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda number, _frame: signals.append(number)):
        click.echo(url)
        click.echo(f"serving until ctrl+c; in another terminal: archive-tui --url '{url}'", err=True)
        click.echo("journals and audit of the demo stay in it, and go with it", err=True)
        while not signals:
            time.sleep(_LOOK_EVERY)
    return ExitCode.DONE


@cli.command("open")
@click.argument("file", metavar="DUMP", type=click.Path(path_type=Path))
@click.option("--queue", metavar="Q", help="Begin with the archive of this queue.")
@click.option("--mouse", is_flag=True, help="Use the mouse on the screens. Needs more bandwidth.")
@theme_option
@connection_options
@click.pass_context
def open_command(
    context: click.Context, /, file: Path, queue: str | None, mouse: bool, theme: Look | None, **connection: Any
) -> int:  # fmt: skip
    """Show a dump file (RDB) on the screens, read-only, as of the moment when it was made.

    The file is loaded into a private server, which ends with this program; the file itself is never changed. For one
    command without the screens: --dump FILE in place of --url.
    """
    from archive_tui.commands.queues import refuse_unknown

    if connection["dump"] is not None:
        raise UsageError("`open` names its dump without --dump")
    need_terminal()
    with session_for(context, {**connection, "dump": file}) as session:
        if queue is not None:
            refuse_unknown(session, [queue])
        return run_screens(session, destinations_for(context), mouse=mouse, theme=theme, queue=queue)


@cli.command("profiles")
@json_option("One JSON array.")
@timeout_option
@click.pass_context
def profiles_command(context: click.Context, /, as_json: bool, timeout: float | None) -> int:
    """List the profiles of config.toml, and test each: does it connect, what is it, and what may one do there.

    Exit code 0 says that all have answered, 4 that some have not, 3 that none has.
    """
    from archive_tui.commands.profiles import profiles

    return profiles(destinations_for(context, timeout=timeout), as_json=as_json, out=sys.stdout)


@cli.command("queues")
@json_option("One JSON array.")
@click.option("--all-namespaces", is_flag=True, help="Those of every installation in this database.")
@connection_options
@click.pass_context
def queues_command(context: click.Context, /, as_json: bool, all_namespaces: bool, **connection: Any) -> int:
    """List all queues with their counts, leftover queues included."""
    from archive_tui.commands import queues

    with session_for(context, connection, every_namespace=all_namespaces) as session:
        listed = queues.all_namespaces if all_namespaces else queues.queues
        return listed(session, as_json=as_json, out=sys.stdout)


@cli.command("connection")
@json_option("One JSON object.")
@connection_options
@click.pass_context
def connection_command(context: click.Context, /, as_json: bool, **connection: Any) -> int:
    """Show the server and its replicas, what this user may do, and what is missing here."""
    from archive_tui.commands.connection import connection as show_connection

    with session_for(context, connection, may_be_empty=True) as session:
        return show_connection(session, as_json=as_json, out=sys.stdout)


@cli.command("scan")
@queue_option("Only this queue; may be repeated.", names=("names",), multiple=True)
@pace_option
@messages_option
@locks_option
@json_option("One JSON object with counts.")
@click.option("--ndjson", is_flag=True, help="One JSON object a finding, a line each.")
@where_option("age>30d", "Print and count only findings that match")
@click.option("--prometheus", is_flag=True, help="Metrics for a textfile collector.")
@click.option("--check", is_flag=True, help="Exit with 10 if the scan found anything (that matches).")
@connection_options
@click.pass_context
def scan_command(
    context: click.Context, /, names: Sequence[str], messages: bool, locks: bool, as_json: bool,
    ndjson: bool, where: str,
    prometheus: bool, check: bool, **connection: Any,
) -> int:  # fmt: skip
    """Find task data that Asynq has lost track of, and damaged indexes. Reads only."""
    from archive_tui.commands.scan import scan

    form = one_form(json=as_json, ndjson=ndjson, prometheus=prometheus)
    with session_for(context, connection) as session:
        return scan(
            session,
            names=names,
            pace=session.pace,
            messages=messages,
            locks=locks,
            where=where,
            form=form,
            check=check,
            out=sys.stdout,
            progress=sys.stderr.isatty(),
        )


@cli.command("delete")
@queue_option("The queue. Only stale-history goes without one.")
@kind_option("orphan-archived")
@archived_option
@where_option("error:~refused age>30d")
@click.option("--older-than", metavar="AGE", help="Only those archived longer ago, such as 30d (with --archived).")
@click.option("--keep", type=Whole(0), metavar="N", help="Keep the newest N that match (with --archived).")
@limit_option("tasks, the oldest first")
@resume_option
@reason_option
@change_options
@connection_options
@click.pass_context
def delete_command(
    context: click.Context,
    /,
    queue: str | None,
    kind: str | None,
    archived: bool,
    where: str,
    older_than: str | None,
    keep: int | None,
    limit: int | None,
    resume: str | None,
    **rest: Any,
) -> int:
    """Delete archived tasks, or findings of a kind. Shows the plan and asks before anything is deleted."""
    from archive_tui.asynq.findings import DELETABLE, Kind
    from archive_tui.catalog.filter.quantities import span_of
    from archive_tui.commands import delete_histories
    from archive_tui.commands.delete import Wish, delete

    if resume is not None:
        choice = {"queue": queue, "kind": kind, "archived": archived, "where": where, "older-than": older_than,
            "keep": keep, "limit": limit}  # fmt: skip
        return _resumed(context, rest, DELETE, resume, choice)
    if archived == (kind is not None):
        raise UsageError("say what to delete: either --archived or --kind KIND")
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(DELETABLE)}")
    if kind == Kind.FOREIGN:
        raise UsageError("foreign keys can be deleted on the screens only, picked by hand")
    if kind is not None and kind not in DELETABLE:
        raise UsageError(f"{kind} cannot be deleted: `archive-tui repair` repairs it")
    if not archived and (older_than is not None or keep is not None):
        raise UsageError("--older-than and --keep go with --archived; for findings use --where 'age>30d'")
    if kind == Kind.STALE_HISTORY:
        if queue is not None:
            raise UsageError("a stale-history belongs to no queue: leave --queue out")
        histories = delete_histories.Wish(where, limit)
        manner = manner_of(rest)
        with session_for(context, rest, changes=not manner.dry_run) as session:
            return delete_histories.delete(session, histories, manner)
    if queue is None:
        raise UsageError("say which queue: --queue Q")
    wish = Wish(
        queue,
        Kind(kind) if kind is not None else None,
        where,
        limit,
        span_of(older_than) if older_than is not None else None,
        keep,
    )
    manner = manner_of(rest)
    with session_for(context, rest, changes=not manner.dry_run) as session:
        return delete(session, wish, manner)


def _resumed(
    context: click.Context, rest: dict[str, Any], verb: Verb, journal: str, choice: Mapping[str, object]
) -> int:
    """Resume the change of a journal. Raises UsageError where anything of a `choice` was given beside it, by flag."""
    from archive_tui.commands.journal import find
    from archive_tui.commands.resume import resume

    if given := [name for name, value in choice.items() if value not in (None, "", False, ())]:
        raise UsageError(f"--resume goes on with the plan as it was confirmed: leave --{given[0]} out")
    manner = manner_of(rest)
    with session_for(context, rest, changes=not manner.dry_run) as session:
        return resume(session, find(session.journal_folder, journal), verb, manner)


def _missing(**flags: str | None) -> UsageError:
    """The error for the first of some flags that was not given."""
    name = next(name for name, value in flags.items() if value is None)
    return UsageError(f"say --{name}, or --resume JOURNAL to go on with a change that was interrupted")


@cli.command("repair")
@queue_option()
@kind_option("lost")
@click.option(
    "--action",
    shell_complete=action_names,
    metavar="ACTION",
    help="What to do about them: one of those above.",
)
@where_option("type:email:send age>30d")
@limit_option("findings, the oldest first")
@messages_option
@resume_option
@reason_option
@change_options
@connection_options
@click.pass_context
def repair_command(
    context: click.Context,
    /,
    queue: str | None,
    kind: str | None,
    action: str | None,
    where: str,
    limit: int | None,
    messages: bool,
    resume: str | None,
    **rest: Any,
) -> int:
    """Repair findings of a kind. Shows the plan and asks before anything is changed.

    Actions: archive (as of the last failure), archive-now, run (once more), run-afresh (with retries reset),
    follow-index (the state follows the index), follow-state, remove-id (of a ghost), clean (delete data and id),
    release (of a stale lock).
    """
    from archive_tui.asynq.findings import Kind
    from archive_tui.asynq.repairs import Repair
    from archive_tui.commands.repair import Wish, repair

    if resume is not None:
        choice = {"queue": queue, "kind": kind, "action": action, "where": where, "limit": limit, "messages": messages}
        return _resumed(context, rest, REPAIR, resume, choice)
    if queue is None or kind is None or action is None:
        raise _missing(queue=queue, kind=kind, action=action)
    if kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(Kind)}")
    if action not in list(Repair):
        raise UsageError(f"there is no such action: choose --action from {', '.join(Repair)}")
    wish = Wish(queue, Kind(kind), Repair(action), where, limit, messages)
    manner = manner_of(rest)
    with session_for(context, rest, changes=not manner.dry_run) as session:
        return repair(session, wish, manner)


@cli.command("run")
@queue_option()
@where_option("error:~refused age<2h")
@limit_option("tasks, the oldest first")
@run_options
@resume_option
@reason_option
@change_options
@connection_options
@click.pass_context
def run_command(
    context: click.Context,
    /,
    queue: str | None,
    where: str,
    limit: int | None,
    fresh: bool,
    delay: str | None,
    moment: str | None,
    per_second: float | None,
    resume: str | None,
    **rest: Any,
) -> int:
    """Run archived tasks again. Shows the plan and asks before anything is changed.

    Tasks go to `pending`, or with --in, --at and --per-second to Asynq's own `scheduled`: nothing depends on this
    program once it has ended. As long as a task has not run, `archive-tui restore` of the journal takes it back.
    """
    from archive_tui.commands.run import Wish, run

    if resume is not None:
        choice = {"queue": queue, "where": where, "limit": limit, "fresh": fresh, "in": delay, "at": moment,
            "per-second": per_second}  # fmt: skip
        return _resumed(context, rest, RUN, resume, choice)
    if queue is None:
        raise _missing(queue=queue)
    mode = _run_mode(fresh, delay, moment, per_second)
    manner = manner_of(rest)
    with session_for(context, rest, changes=not manner.dry_run) as session:
        return run(session, Wish(queue, mode, where, limit), manner)


def _run_mode(fresh: bool, delay: str | None, moment: str | None, per_second: float | None) -> RunMode:
    """How tasks run, by the flags of `run` and `edit`. Raises UsageError."""
    from archive_tui.asynq.runs import RunMode
    from archive_tui.catalog.filter.quantities import future_of, span_of

    if delay is not None and moment is not None:
        raise UsageError("--in and --at exclude each other: choose one")
    return RunMode(
        fresh,
        span_of(delay) if delay is not None else None,
        future_of(moment, time.time()) if moment is not None else None,
        per_second,
    )


@cli.command("edit")
@click.argument("queue", required=False, shell_complete=queue_names)
@click.argument("task_id", metavar="[ID]", required=False)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="A value at a path of the payload, such as 'payload.region=\"eu\"'; JSON. May be given several times.",
)
@where_option("payload.region=us")
@limit_option("tasks, the oldest first")
@click.option("--keep-archived", is_flag=True, help="Leave them in the archive, edited, instead of running them.")
@run_options
@resume_option
@reason_option
@change_options
@connection_options
@click.pass_context
def edit_command(
    context: click.Context,
    /,
    queue: str | None,
    task_id: str | None,
    assignments: tuple[str, ...],
    where: str,
    limit: int | None,
    keep_archived: bool,
    fresh: bool,
    delay: str | None,
    moment: str | None,
    per_second: float | None,
    resume: str | None,
    **rest: Any,
) -> int:
    """Edit the payloads of archived tasks of QUEUE, and run them.

    With ID and without --set, the payload of that task opens in $EDITOR, in its decoded form. With --set, the same edit
    is made to every task that matches. Shows the differences and asks before anything is changed. Everything else of a
    message is kept. As long as a task has not run, `archive-tui restore` of the journal brings its payload back.
    """
    from archive_tui.commands.edit import Wish, assignments_of, edit

    if resume is not None:
        choice = {"set": assignments, "where": where, "limit": limit, "keep-archived": keep_archived, "fresh": fresh,
            "in": delay, "at": moment, "per-second": per_second}  # fmt: skip
        if queue is not None:
            raise UsageError("--resume goes on with the plan as it was confirmed: leave the queue out")
        return _resumed(context, rest, EDIT, resume, choice)
    if queue is None:
        raise UsageError("say which QUEUE, or --resume JOURNAL to go on with an edit that was interrupted")
    if task_id is None and not assignments:
        raise UsageError("say what to change: --set 'payload.region=\"eu\"', or the ID of a task to open in $EDITOR")
    if task_id is not None and (where or limit is not None):
        raise UsageError("an ID chooses a single task: leave --where and --limit out")
    mode = _run_mode(fresh, delay, moment, per_second)
    if keep_archived and (fresh or mode.scheduled):
        raise UsageError("--keep-archived runs nothing: leave --fresh, --in, --at and --per-second out")
    chosen = os.fsencode(task_id) if task_id is not None else None
    wish = Wish(queue, mode, assignments_of(assignments), chosen, where, limit, keep_archived)
    manner = manner_of(rest)
    with session_for(context, rest, changes=not manner.dry_run) as session:
        return edit(session, wish, manner)


@cli.command("triage")
@queue_argument
@where_option("type:email:send age<=7d")
@json_option("One JSON object.")
@connection_options
@click.pass_context
def triage_command(context: click.Context, /, queue: str, where: str, as_json: bool, **connection: Any) -> int:
    """Count the archived tasks of QUEUE by error, type and age, the largest group first. Reads only."""
    from archive_tui.commands.triage import triage

    with session_for(context, connection) as session:
        return triage(session, queue, where, as_json=as_json, out=sys.stdout, progress=sys.stderr.isatty())


@cli.command("list")
@click.argument("queue", required=False, shell_complete=queue_names)
@click.option(
    "--state",
    default="archived",
    metavar="STATE",
    shell_complete=state_names,
    help="Another index than archived: pending, active, scheduled, retry, completed.",
)
@where_option("payload.user.id=8812")
@click.option(
    "--sort",
    default="died",
    metavar="COLUMN",
    help="died (the default), id, type, tries, size, error, queue, payload.PATH or header.NAME.",
)
@click.option("--reverse", is_flag=True, help="The other way round: by died the oldest first.")
@limit_option("tasks, the first of the order")
@click.option("--payload", is_flag=True, help="With headers and decoded payload.")
@columns_option("the table or of --csv")
@json_option("One JSON array.")
@click.option("--ndjson", is_flag=True, help="One JSON object a task, a line each.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated columns, for spreadsheets.")
@connection_options
@click.pass_context
def list_command(
    context: click.Context, /, queue: str | None, state: str, where: str, sort: str, reverse: bool, limit: int | None,
    payload: bool, columns: tuple[str, ...], as_json: bool, ndjson: bool, as_csv: bool, **connection: Any,
) -> int:  # fmt: skip
    """List the archived tasks of QUEUE, or of all queues, the newest first; with --state those of another index. Reads
    only.

    In JSON numbers keep every digit; bytes, and text that is no UTF-8, are {"base64": "…"}. In CSV a text that a
    spreadsheet would take for a formula has an apostrophe before it. Exit code 4: something is missing, and stderr
    says what.
    """
    from archive_tui.commands.list import LISTED, Wish, list_tasks

    form = one_form(json=as_json, ndjson=ndjson, csv=as_csv)
    if state not in LISTED:
        raise UsageError(f"there is no such index to list: choose --state from {', '.join(LISTED)}")
    if columns and form in ("json", "ndjson"):
        raise UsageError("--columns are those of the table or of --csv: JSON has all")
    wish = Wish(queue, LISTED[LISTED.index(state)], where, sort, reverse, limit, form, payload,
        columns)  # fmt: skip
    with session_for(context, connection) as session:
        return list_tasks(session, wish, out=sys.stdout, progress=sys.stderr.isatty())


@cli.command("show")
@queue_argument
@task_argument
@json_option("One JSON object.")
@click.option("--raw", is_flag=True, help="The payload alone, byte for byte.")
@connection_options
@click.pass_context
def show_command(
    context: click.Context, /, queue: str, task_id: str, as_json: bool, raw: bool, **connection: Any
) -> int:  # fmt: skip
    """Show one task: payload, error, facts, and what Redis holds for it."""
    from archive_tui.commands.show import show

    form = one_form(json=as_json, raw=raw)
    with session_for(context, connection) as session:
        return show(session, queue, os.fsencode(task_id), form=form, out=sys.stdout)


@cli.command("compare")
@queue_argument
@task_argument
@click.argument("other_id", metavar="[ID2]", required=False)
@click.option("--other-queue", metavar="Q", shell_complete=queue_names, help="The queue of ID2, if it is another.")
@click.option("--ended-well", is_flag=True, help="With the completed tasks of its queue and type that are still kept.")
@click.option("--all", "everything", is_flag=True, help="Also what is the same.")
@json_option("One JSON object.")
@connection_options
@click.pass_context
def compare_command(
    context: click.Context, /, queue: str, task_id: str, other_id: str | None, other_queue: str | None,
    ended_well: bool, everything: bool, as_json: bool, **connection: Any,
) -> int:  # fmt: skip
    """Show in what two tasks differ, or one task and those of its type that ended well. Reads only."""
    from archive_tui.commands.compare import compare, compare_ended_well

    if ended_well == (other_id is not None):
        raise UsageError("say what to compare with: either a second ID or --ended-well")
    if other_queue is not None and other_id is None:
        raise UsageError("--other-queue is the queue of a second ID: give one")
    form = "json" if as_json else "text"
    with session_for(context, connection) as session:
        first = queue, os.fsencode(task_id)
        if other_id is None:
            return compare_ended_well(session, *first, form=form, everything=everything, out=sys.stdout)
        second = other_queue if other_queue is not None else queue, os.fsencode(other_id)
        return compare(session, first, second, form=form, everything=everything, out=sys.stdout)


@cli.command("restore")
@click.argument("journal", shell_complete=journal_names)
@click.option("--into-archive", "target", flag_value="archive", help="Restore into the archive, wherever a task stood.")
@click.option(
    "--run-once",
    "target",
    flag_value="run",
    help="Restore into pending: each task gets one more attempt, as with Asynq's run.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Restore again what a failover has lost. Tasks that have run since come back, too.",
)
@click.option(
    "--elsewhere", is_flag=True, help="Restore although the journal was written for another server or database."
)
@change_options
@connection_options
@click.pass_context
def restore_command(
    context: click.Context, /, journal: str, target: str | None, again: bool, elsewhere: bool, **rest: Any
) -> int:  # fmt: skip
    """Restore deleted tasks from their JOURNAL. Never overwrites a key."""
    from archive_tui.commands.journal import find
    from archive_tui.commands.restore import Wish, restore
    from archive_tui.store.write.restore import Target

    wish = Wish(Target(target or "back"), elsewhere, again)
    manner = manner_of(rest)
    # All may be lost: that is when it is needed
    with session_for(context, rest, changes=not manner.dry_run, may_be_empty=True) as session:
        path = find(session.journal_folder, journal)
        return restore(session, path, wish, manner)


@cli.group("journal", invoke_without_command=True)
@json_option("One JSON array.")
@connection_options
@click.pass_context
def journal_command(context: click.Context, /, as_json: bool, **connection: Any) -> int | None:
    """List the journals, show one, or remove old ones. Needs no server."""
    context.find_root().obj.update({name: value for name, value in connection.items() if value})
    if context.invoked_subcommand is not None:
        return None
    from archive_tui.commands.journal import journals

    return journals(journal_folder(context), as_json=as_json, out=sys.stdout)


@journal_command.command("list")
@json_option("One JSON array.")
@click.pass_context
def journal_list(context: click.Context, /, as_json: bool) -> int:
    """List the journals, the newest first."""
    from archive_tui.commands.journal import journals

    return journals(journal_folder(context), as_json=as_json, out=sys.stdout)


@journal_command.command("show")
@click.argument("name", metavar="JOURNAL", shell_complete=journal_names)
@json_option("One JSON object a task, a line each.")
@show_secrets_option
@click.pass_context
def journal_show(context: click.Context, /, name: str, as_json: bool, **masking: bool | None) -> int:
    """Print the tasks of a JOURNAL. It holds the truth; what the profile masks is masked here."""
    from archive_tui.commands.journal import find, show
    from archive_tui.payloads.redaction import Redaction

    redaction = Redaction.of(settings_for(context, masking, secrets=False).redaction)
    return show(find(journal_folder(context), name), as_json=as_json, redaction=redaction, out=sys.stdout)


@journal_command.command("prune")
@click.option("--keep-days", type=Number(0), metavar="N", help="Keep those of the last N days.")
@click.option("--keep-mb", type=Number(0), metavar="N", help="Keep the newest, up to N megabytes in all.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@yes_option
@click.pass_context
def journal_prune(
    context: click.Context, /, keep_days: float | None, keep_mb: float | None, dry_run: bool, yes: bool
) -> int:
    """Remove old journals. Nothing else ever removes one."""
    from archive_tui.commands.journal import prune

    settings = settings_for(context, {}, secrets=False)
    return prune(
        journal_folder(context),
        keep_days=keep_days if keep_days is not None else settings.journal_keep_days,
        keep_mb=keep_mb if keep_mb is not None else settings.journal_keep_mb,
        now=time.time(), dry_run=dry_run, yes=yes, ask=asking(), out=sys.stdout,
    )  # fmt: skip


@cli.command("export")
@queue_option(required=True)
@kind_option("orphan-archived")
@archived_option
@where_option("payload.user.id=8812 age<7d")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("journal", "ndjson", "csv")),
    default="journal",
    help="journal, the default: restore can read it. ndjson, csv: decoded, for other programs; cannot be restored.",
)
@columns_option("a CSV")
@pace_option
@click.argument("file", type=click.Path(path_type=Path))
@connection_options
@click.pass_context
def export_command(
    context: click.Context, /, queue: str, kind: str | None, archived: bool, where: str, format_: str,
    columns: tuple[str, ...], file: Path, **connection: Any,
) -> int:  # fmt: skip
    """Write archived tasks, or findings of a kind, to FILE, which restore can read. Changes nothing.

    A journal is compressed with gzip, or plain if its name ends with .ndjson; the other forms are plain, or compressed
    if it ends with .gz.
    """
    from archive_tui.asynq.findings import Kind
    from archive_tui.commands.export import CSV, export

    if archived == (kind is not None):
        raise UsageError("say what to export: either --archived or --kind KIND")
    if kind is not None and kind not in list(Kind):
        raise UsageError(f"there is no such kind: choose --kind from {', '.join(Kind)}")
    if kind == Kind.STALE_HISTORY:
        raise UsageError("a stale-history belongs to no queue: `archive-tui delete` keeps a copy in its journal")
    if str(file) == "-":
        raise UsageError("an export goes to a file: name one; `archive-tui list` prints to standard output")
    if columns and format_ != CSV:
        raise UsageError("--columns are those of a CSV: add --format csv")
    chosen = Kind(kind) if kind is not None else None
    with session_for(context, connection) as session:
        return export(
            session, queue, chosen, where, file, format_=format_, columns=columns, pace=session.pace,
            out=sys.stdout, progress=sys.stderr.isatty(),
        )  # fmt: skip


@cli.command("keys")
@json_option("One JSON array.")
@click.option("--markdown", is_flag=True, help="The page docs/keys.md, with the keys as they are by default.")
def keys_command(*, as_json: bool, markdown: bool) -> int:
    """List every command of the screens with its keys, those of your own included."""
    import shutil

    from archive_tui.settings.preferences import read_preferences
    from archive_tui.tui import key_sheet
    from archive_tui.tui.keymap import give_keys
    from archive_tui.wording.programs import json_line

    form = one_form(json=as_json, markdown=markdown)
    if form == "markdown":
        click.echo(key_sheet.as_page(), nl=False)
        return ExitCode.DONE
    preferences = read_preferences()
    give_keys(preferences.keys, preferences.place)
    click.echo(
        json_line(key_sheet.as_json()) if form == "json" else key_sheet.as_text(shutil.get_terminal_size().columns)
    )
    return ExitCode.DONE


@cli.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> int:
    """Print the script that makes SHELL complete commands, flags, queues, profiles and journals.

    bash: `eval "$(archive-tui completion bash)"` in ~/.bashrc. zsh: the same with zsh in ~/.zshrc. fish: write it to
    ~/.config/fish/completions/archive-tui.fish.
    """
    from archive_tui.cli.completion import script

    click.echo(script(cli, shell))
    return ExitCode.DONE


@cli.command("man")
def man_command() -> int:
    """Print the manual page: `archive-tui man | man -l -` shows it."""
    from archive_tui.cli.manual import page

    click.echo(page(cli), nl=False)
    return ExitCode.DONE
