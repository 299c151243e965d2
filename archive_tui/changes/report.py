"""The report of a change: what became of it in words, written once for the dialog, the command line and the JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from archive_tui.asynq.outcomes import Outcome
from archive_tui.changes.sheet import Line
from archive_tui.jobs.job import JobState
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.text import clip, line
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone

_EXAMPLES = 100
_ID = 40
"""Characters of an id: a UUID fits whole."""


class Count(NamedTuple):
    """The tasks that had one outcome."""

    number: int
    sentence: str
    tone: Tone = Tone.PLAIN
    in_title: bool = False
    """Whether the report's title gives this count already."""


@dataclass(frozen=True, slots=True)
class Report:
    """A result of a change, in words."""

    title: str
    """“Deleted 3 of 4 tasks”."""
    remark: str = ""
    """The same in a remark, where that says it all; empty where the report must be read."""
    changed_something: bool = False
    """Whether anything was changed, or may have been."""
    in_part: bool = False
    """Whether anything of the plan was not done, or may not have been."""
    ending: tuple[Line, ...] = ()
    """Why it ended before it was done."""
    counts: tuple[Count, ...] = ()
    notes: tuple[Line, ...] = ()
    """Doubts about the counts, and where the journal is."""
    examples: tuple[tuple[str, str], ...] = ()
    """Some tasks that did not go as planned: id and what happened."""
    more: int = 0
    """How many more of these there are."""
    undo: Path | None = None
    """The journal from which what was taken away can be restored; None where nothing was, or there is no copy."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The report for programs: fields of the JSON object."""


def report_of(
    progress: ChangeProgress,
    facts: Mapping[str, Any],
    *,
    noun: str = "task",
    journal: str = "",
    undoable: bool = False,
) -> Report:
    """Put into words what a change has done with the tasks of its plan, each of which is a `noun`. `facts` are for
    programs; `journal` is a sentence that says what is in the journal, empty where nothing is; `undoable` says whether
    a restore from there restores what the change took away.
    """
    verb, made = progress.verb, progress.made
    odd = [one for one in progress.examples if _is_odd(one.outcome)]
    as_planned = made == progress.planned == 1 and not (odd or progress.caution)
    examples = tuple((clip(one.id, _ID), verb.sentence(one.outcome)) for one in odd[:_EXAMPLES])
    other = sum(count for outcome, count in progress.outcomes.items() if _is_odd(outcome))
    return Report(
        title=f"{verb.past.capitalize()} {made:,} of {plural(progress.planned, noun)}",
        remark=f"{verb.past} 1 {noun}" if as_planned else "",
        changed_something=bool(made or progress.unknown),
        in_part=progress.in_part,
        ending=tuple(ending(progress.state, progress.error)),
        counts=tuple(_counts(progress)),
        notes=(*notes(progress.caution, journal), *rest(progress)),
        examples=examples,
        more=max(other - len(examples), 0) if examples else 0,
        undo=undo(progress) if undoable else None,
        facts=facts,
    )


def ending(state: JobState, error: str) -> Iterator[Line]:
    """The lines that say why a job ended early."""
    if state is JobState.STOPPED:
        yield Line("stopped before the end", tone=Tone.CAUTION)
    if error:
        yield Line(f"ended by an error: {error}", tone=Tone.DANGER)


def notes(caution: str, journal: str) -> Iterator[Line]:
    """The doubts about the counts, and the sentence about the journal."""
    if caution:
        yield Line(caution, tone=Tone.CAUTION)
    if journal:
        yield Line(journal, tone=Tone.QUIET)


def rest(progress: ChangeProgress) -> Iterator[Line]:
    """How to go on with what was not done; no line where nothing is left, or no plan is kept."""
    if progress.resumable and progress.journal is not None:
        command = f"archive-tui {progress.verb.base} --resume {line(progress.journal.name.partition('.')[0])}"
        yield Line(f"the rest can be resumed: `{command}`, or on the screens in the list of journals")


def undo(progress: ChangeProgress) -> Path | None:
    """The journal that undoes a change; None where it changed nothing, or keeps no copies."""
    return progress.journal if progress.copied and (progress.made or progress.unknown) else None


def change_facts(progress: ChangeProgress) -> dict[str, Any]:
    """The report of a deletion or a repair for programs."""
    return {
        "state": progress.state.value,
        progress.verb.past: progress.made,
        "unlocked": progress.unlocked,
        "gone": progress.needless,
        "unconfirmed": progress.unconfirmed,
        "skipped": named(progress, [outcome for outcome in progress.outcomes if not outcome.achieved]),
        "unknown": progress.unknown,
        "untouched": progress.untouched,
        "journal": str(progress.journal) if progress.journal is not None else None,
        "resumable": progress.resumable,
        "caution": progress.caution or None,
        "error": progress.error or None,
    }


def named(progress: ChangeProgress, outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The counts of some outcomes by the names that these have in JSON."""
    return {progress.verb.name(one).replace("_", "-"): progress.outcomes[one] for one in sorted(outcomes)}


def _is_odd(outcome: Outcome) -> bool:
    """True for what a person may want to look at: a task that was left alone, or is not quite as it was before."""
    return not outcome.needless and outcome not in (Outcome.DONE, Outcome.DONE_AND_UNLOCKED)


def _counts(progress: ChangeProgress) -> Iterator[Count]:
    for outcome, count in sorted(progress.outcomes.items()):
        tone = Tone.PLAIN if outcome.done else Tone.QUIET if outcome.needless else Tone.CAUTION
        yield Count(count, progress.verb.sentence(outcome), tone, outcome is Outcome.DONE)
    if progress.unknown:
        yield Count(progress.unknown, "unknown: sent, but the answer had not come", Tone.CAUTION)
    if progress.unconfirmed:
        sentence = "unconfirmed: sent twice; the first try did it, or somebody else"
        yield Count(progress.unconfirmed, sentence, Tone.CAUTION)
    if progress.untouched:
        yield Count(progress.untouched, "not touched", Tone.CAUTION)
