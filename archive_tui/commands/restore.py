"""`archive-tui restore`: what a journal holds is put back, as on the screens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive_tui.changes.restore_notes import afterwards, notes
from archive_tui.changes.restore_plan import RestorePlan, plan_restore
from archive_tui.commands.change import Manner
from archive_tui.commands.confirmation import confirm
from archive_tui.commands.foreground import change_line, wait
from archive_tui.commands.output import named, print_result
from archive_tui.errors import ExitCode, RefusedError
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.store.write.restore import Target
from archive_tui.text import encode, line, readable
from archive_tui.wording.people import exact, plural
from archive_tui.wording.programs import moment


@dataclass(frozen=True, slots=True)
class Wish:
    """Where restored tasks go, and what else than usual may be restored; see `plan_restore`."""

    target: Target = Target.BACK
    elsewhere: bool = False
    again: bool = False


def restore(session: Session, path: Path, wish: Wish, manner: Manner) -> int:
    """Print what putting back will do, ask, do it, and print what became of it."""
    if session.read_only and not manner.dry_run:
        raise RefusedError(f"{session.why_read_only}: nothing can be restored")
    plan = plan_restore(session.server, Journal(path), wish.target, again=wish.again)
    described = plan_json(plan, session.server.address)
    if not manner.as_json or not (manner.dry_run or manner.yes):  # beside JSON it is for whoever is to confirm it
        print(*plan_lines(plan), sep="\n", file=manner.err if manner.as_json else manner.out)
    if not manner.dry_run and plan.elsewhere and not wish.elsewhere:
        raise RefusedError("the journal is of another server or database: --elsewhere restores it here all the same")
    if manner.dry_run or not plan.count:
        if manner.as_json:
            print_result(described | {"report": None}, manner.out)
        return ExitCode.DONE
    confirm(plan.count, "restore them", "restored", yes=manner.yes, ask=manner.ask)
    job = session.restore(plan, manner.pace, elsewhere=wish.elsewhere)
    interrupted = wait(job, (lambda: change_line(job.progress)) if manner.progress else None)
    report = job.progress
    print_result(
        described | {"report": report_json(report)} if manner.as_json else "\n".join(report_lines(report)), manner.out
    )
    if job.error is not None:
        raise job.error
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.IN_PART if report.in_part else ExitCode.DONE


def plan_lines(plan: RestorePlan) -> list[str]:
    """What there is to say about a plan, line by line."""
    header = plan.journal.header
    by = f" by {line(header.user)}" if header.user else ""
    reason = f": {line(header.reason)}" if header.reason else ""
    said = [
        f"journal   {line(plan.journal.path.name)}",
        f"written   {exact(header.created_at)}{by}, {line(header.command)} on {line(header.server)}{reason}",
        f"restores  {plural(plan.count, 'task')}",
    ]
    said += [f"  queue   {line(queue)}: {count:,}" for queue, count in plan.by_queue.items()]
    said += [f"  to      {place}: {count:,}" for place, count in plan.places.items()]
    then = afterwards(plan)
    said += [f"then      {then}"] if then else []
    return said + [f"note      {note}" for note in notes(plan)]


def report_lines(report: ChangeProgress) -> list[str]:
    """What became of it, line by line."""
    said = [f"{count:>12,}  {report.verb.sentence(outcome)}" for outcome, count in sorted(report.outcomes.items())]
    said += [f"{report.untouched:>12,}  not touched"] if report.untouched else []
    return said + [
        f"  {line(one.id)[:60]}  {report.verb.sentence(one.outcome)}"
        for one in report.examples
        if not one.outcome.achieved
    ]


def plan_json(plan: RestorePlan, server: str) -> dict[str, Any]:
    """The plan as one JSON object without its report; `server` is the one that gets the tasks."""
    header = plan.journal.header
    return {
        "server": server,
        "journal": str(plan.journal.path),
        "created": moment(header.created_at),
        "created_on": header.server,
        "elsewhere": bool(plan.elsewhere),
        "torn": plan.torn,
        "target": plan.target.value,
        "planned": plan.count,
        "queues": [
            {
                "queue": readable(encode(queue)),
                "registered": queue not in plan.unregistered,
                "planned": count,
                "beyond_cap": plan.over.get(queue, 0),
            }
            for queue, count in plan.by_queue.items()
        ],
        "places": plan.places,
        "due": plan.due,
        "restored_before": plan.before,
        "vanished": plan.vanished,
        "not_deleted": plan.kept,
        "unsure": plan.unsure,
        "taken": plan.there,
        "without_data": plan.bare,
        "unique_locks": plan.locks,
        "expired_locks": plan.expired_locks,
        "fixed_ids": plan.fixed_ids,
    }


def report_json(report: ChangeProgress) -> dict[str, Any]:
    """What became of it, as JSON."""
    return {
        "state": report.state.value,
        "restored": report.made,
        "there": report.achieved,
        "outcomes": named(report.outcomes, report.verb),
        "untouched": report.untouched,
        "error": report.error or None,
    }
