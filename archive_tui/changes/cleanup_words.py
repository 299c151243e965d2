"""The clean-up of a leftover queue in words: its sheet and its report."""

from archive_tui.asynq.outcomes import CLEAN_UP
from archive_tui.changes.report import Report, ending, notes, undo
from archive_tui.changes.sheet import JOURNAL_OFF, Line, Sheet, Site
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import clip, line
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone

_NAME = 60

_WAY_BACK = (
    Line("the data of its tasks goes to the journal first: it can be restored"),
    Line("grouped tasks come back as lost tasks: scan the queue, and m moves them into their groups"),
)


def sheet(queue: str, site: Site) -> Sheet:
    """Say what cleaning up a leftover queue will delete. Nobody has counted it, so no number is to be typed."""
    return Sheet(
        verb=CLEAN_UP,
        title="Clean up a leftover queue?",
        summary=f"every key of the leftover queue {clip(queue, _NAME)} to delete",
        count=1,
        what=(
            Line(clip(queue, _NAME), "queue"),
            Line(
                "every key of this queue: the data of its tasks, completed and grouped ones too, its indexes, groups, "
                "locks and counters"
            ),
        ),
        then=(
            Line("Work that still waits in its groups will not be done.", tone=Tone.CAUTION),
            Line(
                "before each step the server confirms that the queue is still a leftover: not registered, nothing to "
                "do, served by nobody"
            ),
        ),
        way_back=_WAY_BACK if site.journal else (JOURNAL_OFF,),
    )


def report(progress: ChangeProgress) -> Report:
    """Put into words what a clean-up has done."""
    did = f"deleted {plural(progress.keys, 'key')}, {plural(progress.made, 'task')} among them"
    whole = progress.state is JobState.DONE and not progress.caution
    journal = ""
    if progress.journal is not None and progress.made:
        journal = f"a copy of the tasks is in the journal {line(str(progress.journal))}"
    return Report(
        title=did.capitalize(),
        remark=did if whole else "",
        changed_something=progress.keys > 0,
        in_part=not whole,
        ending=tuple(ending(progress.state, progress.error)),
        notes=tuple(notes(progress.caution, journal)),
        undo=undo(progress),
    )
