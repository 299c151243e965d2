"""`archive-tui journal`: the folder of journals listed, one shown, old ones removed."""

import json
import sys
from pathlib import Path
from typing import Any, TextIO

from archive_tui.asynq.installation import INSTALLATION, shown, written
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.outcomes import Verb
from archive_tui.asynq.task_copy import Copy
from archive_tui.commands.confirmation import Ask, confirm
from archive_tui.errors import ExitCode, JournalError, NotFoundError, UsageError
from archive_tui.jobs.journals import row_of_copy, tasks_of
from archive_tui.journal import folder as journal_folder
from archive_tui.journal.folder import Listed
from archive_tui.journal.outcomes import command_of, is_back, name_of, outcome_of
from archive_tui.journal.reader import Journal
from archive_tui.payloads.redaction import Redaction
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import clip, encode, line, readable
from archive_tui.wording.people import exact, number, plural, size, span
from archive_tui.wording.programs import moment

_MB = 1_000_000
REMOVE = Verb("remove for good", "removed", "removing", "removed")


def find(folder: Path, name: str) -> Path:
    """Find the journal that a person names by a path, by its file name in the folder, or by the beginning of that.

    Raises NotFoundError, and UsageError where several begin like this.
    """
    given = Path(name)
    if given.exists():
        return given
    found = (
        [one.path for one in journal_folder.listed(folder) if one.path.name.startswith(name)] if "/" not in name else []
    )
    if len(found) > 1:
        raise UsageError(f"{line(name)!r} is the beginning of {len(found)} journals: write more of its name")
    if not found:
        raise NotFoundError(f"no journal {line(name)}: `archive-tui journal` lists them")
    return found[0]


def journals(folder: Path, *, as_json: bool, out: TextIO) -> ExitCode:
    """List the journals, the newest first."""
    found = journal_folder.listed(folder)
    if as_json:
        print(json.dumps([_listed_json(one) for one in found]), file=out)
        return ExitCode.DONE
    if not found:
        print(f"no journals in {line(str(folder))}", file=sys.stderr)
    for one in found:
        header = one.header
        if one.problem:
            print(f"{line(one.path.name)}  {one.problem}", file=out)
            continue
        queues = ", ".join(map(shown, header.queues[:3])) + (", …" if len(header.queues) > 3 else "")
        reason = f"  {clip(header.reason, 60)}" if header.reason else ""
        verb = command_of(header.command)
        rest = f"  the rest: archive-tui {line(verb)} --resume {line(_stem(one.path))}" if one.resumable else ""
        print(
            f"{line(one.path.name)}  {line(header.user) or '–'}  {line(header.place)}  {queues}  "
            f"{number(tasks_of(one))} {line(header.command)}  {size(one.size)}{reason}{rest}",
            file=out,
        )
    return ExitCode.DONE


def _stem(path: Path) -> str:
    """The name of a journal as far as a person needs to type it."""
    return path.name.partition(".")[0]


def _listed_json(one: Listed) -> dict[str, Any]:
    header, ending = one.header, one.ending
    return {
        "file": str(one.path),
        "bytes": one.size,
        "problem": one.problem or None,
        "command": header.command,
        "server": header.server,
        **namespace_field(header.namespace),
        "queues": [written(queue) for queue in header.queues],
        "user": header.user,
        "host": header.host,
        "created": moment(header.created_at),
        "reason": header.reason,
        "planned": header.planned,
        "state": ending.state if ending is not None else None,
        "counts": dict(ending.counts) if ending is not None else None,
        "continues": header.continues or None,
        "resumable": one.resumable,
    }


def show(path: Path, *, as_json: bool, redaction: Redaction, out: TextIO) -> ExitCode:
    """Print the tasks of a journal: one JSON object a line, or a table. What `redaction` hides is masked."""
    journal = Journal(path)
    outline = journal.outline()
    header = journal.header
    keys = Keys(header.namespace)
    if not as_json:
        print(f"{line(header.command)} on {line(header.place)}, {exact(header.created_at)}", file=out)
        print(f"by {line(header.user) or '–'} on {line(header.host) or '–'}: {line(header.reason) or '–'}", file=out)
        print(
            f"{plural(outline.count, 'task')}" + ("" if outline.ending else "; the run did not end by itself"), file=out
        )
    for batch, copies in journal.batches(outline):
        outcomes = outline.outcomes.get(batch, "").ljust(len(copies), "-")
        restored = outline.restored.get(batch, "").ljust(len(copies), "-")
        for copy, outcome, back in zip(copies, outcomes, restored, strict=False):
            if as_json:
                print(json.dumps(_task_json(keys, copy, redaction, _name(outcome, header.command), back)), file=out)
            else:
                row = row_of_copy(keys, copy)
                place = "history" if copy.queue == INSTALLATION else line(copy.index_name) or "orphan"
                error = clip(redaction.text(row.error), 80)
                print(f"{shown(copy.queue)}  {place}  {line(copy.id)}  {line(row.type)}  {error}", file=out)
    return ExitCode.DONE


def _name(code: str, command: str) -> str | None:
    """The outcome of a task by name; None where nobody knows it."""
    outcome = outcome_of(code, command)
    return name_of(outcome, command) if outcome is not None else None


def _task_json(keys: Keys, copy: Copy, redaction: Redaction, outcome: str | None, restored: str) -> dict[str, Any]:
    row = row_of_copy(keys, copy)
    return {
        "queue": written(copy.queue),
        "id": readable(copy.id),
        "stood_in": readable(encode(copy.index_name)) if copy.index_name else None,
        "score": copy.score.decode() if copy.score is not None else None,
        "type": row.type if row.readable else None,
        "error": redaction.text(row.error) if row.readable else None,
        "outcome": outcome,
        "restored": is_back(restored),
        "expires_at": moment(copy.until / 1000) if copy.until is not None else None,
        "fields_expire_at": {
            name.decode("utf-8", "replace"): moment(until / 1000) for name, until in (copy.field_until or {}).items()
        },
        "fields": {name: readable(redaction.stored(name, value)) for name, value in _named(copy)}
        if copy.queue != INSTALLATION
        else {},
        "events": _events(copy) if copy.queue == INSTALLATION else None,
    }


def _events(copy: Copy) -> list[dict[str, Any]]:
    """The events of a scheduler's history."""
    pairs = zip(copy.fields[::2], copy.fields[1::2], strict=True)
    return [{"at": moment(float(score)), "event": readable(event)} for event, score in pairs]


def _named(copy: Copy) -> list[tuple[str, bytes]]:
    names, values = copy.fields[::2], copy.fields[1::2]
    return [(name.decode("utf-8", "replace"), value) for name, value in zip(names, values, strict=True)]


def prune(
    folder: Path,
    *,
    keep_days: float | None,
    keep_mb: float | None,
    now: float,
    dry_run: bool,
    yes: bool,
    ask: Ask | None,
    out: TextIO,
) -> ExitCode:
    """Say which journals go beyond what is to be kept, ask, and remove them."""
    if keep_days is None and keep_mb is None:
        raise UsageError("say what to keep: --keep-days N, --keep-mb N, or both in the profile (journal_keep_days, …)")
    keep_bytes = int(keep_mb * _MB) if keep_mb is not None else None
    gone = journal_folder.stale(journal_folder.listed(folder), now, keep_days=keep_days, keep_bytes=keep_bytes)
    for one in gone:
        print(f"{line(one.path.name)}  {size(one.size)}  {_old(one, now)}", file=out)
    print(f"{plural(len(gone), 'journal')} to remove, {size(sum(one.size for one in gone))}", file=out)
    if dry_run or not gone:
        return ExitCode.DONE
    confirm(len(gone), REMOVE, yes=yes, ask=ask)
    failed = 0
    for one in gone:
        try:
            journal_folder.remove(one)
        except JournalError as error:
            failed += 1
            print(f"archive-tui: {error}", file=sys.stderr)
    return ExitCode.IN_PART if failed else ExitCode.DONE


def _old(one: Listed, now: float) -> str:
    """The age of a journal in words; the clock may have been set back since it was written."""
    seconds = now - one.modified_at
    return f"{span(seconds)} old" if seconds >= 0 else f"dated {span(-seconds)} ahead of the clock"
