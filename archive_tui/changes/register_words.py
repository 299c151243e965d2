"""The registration of a leftover queue in words: its sheet and its report."""

from collections.abc import Iterator, Mapping

from archive_tui.asynq.outcomes import REGISTER
from archive_tui.asynq.states import State
from archive_tui.changes.report import Report, ending, notes
from archive_tui.changes.sheet import Line, Sheet, Site
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import clip
from archive_tui.wording.tone import Tone

_NAME = 40


def sheet(queue: str, counts: Mapping[State, int], site: Site) -> Sheet:
    """Say what registering a queue again does; `counts` are its tasks by state, as far as they are known."""
    holds = ", ".join(f"{state.value} {count:,}" for state, count in counts.items() if count)
    return Sheet(
        verb=REGISTER,
        title="Register a leftover queue again?",
        summary=f"the leftover queue {clip(queue, _NAME)} to register again",
        count=1,
        what=(
            Line(clip(queue, _NAME), "queue"),
            Line(holds or "no task in any index", "holds"),
        ),
        then=tuple(_then(completed=bool(counts.get(State.COMPLETED)), grouped=bool(counts.get(State.AGGREGATING)))),
        way_back=(Line("without its name in Asynq's set of queues it is a leftover queue again, as it is now"),),
        typed=site.typed(1),
        grave=False,
    )


def _then(*, completed: bool, grouped: bool) -> Iterator[Line]:
    yield Line("Asynq's tools list the queue again. None of its keys changes.")
    if completed:
        yield Line("A server that serves it deletes what is completed when its retention ends.")
    if grouped:
        yield Line("A server that serves it does the work that waits in its groups.", tone=Tone.CAUTION)


def report(queue: str, progress: ChangeProgress) -> Report:
    """Put into words what the registration of a queue has done."""
    done = progress.state is JobState.DONE
    did = f"{clip(queue, _NAME)} {'is registered again' if progress.made else 'was registered already'}"
    return Report(
        title=did if done else f"{clip(queue, _NAME)} was not registered",
        remark=did if done and not progress.caution else "",
        changed_something=progress.made > 0,
        in_part=not done or bool(progress.caution),
        ending=tuple(ending(progress.state, progress.error)),
        notes=tuple(notes(progress.caution, "")),
    )
