"""The rest of a change in words: the sheet of its plan with what was done before, and the report at its end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from archive_tui.asynq.outcomes import VERBS, Verb
from archive_tui.changes import delete_words, edit_words, history_words, repair_words, run_words
from archive_tui.changes.report import Report
from archive_tui.changes.resume import Rest
from archive_tui.changes.sheet import Line, Sheet, Site
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.outcomes import command_of
from archive_tui.journal.reader import Header
from archive_tui.text import line
from archive_tui.wording.people import ago, exact, plural
from archive_tui.wording.tone import Tone

Archived = Mapping[str, int]
"""How many ids each queue's archive holds now."""

Reporting = Callable[[ChangeProgress], Report]


def verb_of(header: Header) -> Verb | None:
    """The words for the change of a journal; None for what is no change of ours."""
    return VERBS.get(command_of(header.command))


def choice(rest: Rest) -> str:
    """How the tasks of the rest were chosen, for the audit."""
    return f"the rest of {rest.journal.name}" + (f": {rest.choice}" if rest.choice else "")


def sheet(rest: Rest, site: Site, archived: Archived) -> Sheet:
    """Put the rest of a plan into words, with what was done before and what has changed since."""
    bare = _WORDS[rest.kind][0](rest.plan, site, archived)
    return replace(
        bare,
        title=f"Go on: {bare.title[0].lower()}{bare.title[1:]}",
        summary=f"the rest of {line(rest.journal.name)}: {bare.summary}",
        what=(*_lines(rest, bare.verb, site), *bare.what),
        facts={**bare.facts, "resumes": _facts(rest)},
    )


def report(rest: Rest) -> Reporting:
    """The function that puts into words what became of the rest."""
    return _WORDS[rest.kind][1](rest.plan)


_WORDS: Mapping[str, tuple[Callable[[Any, Site, Archived], Sheet], Callable[[Any], Reporting]]] = {
    "delete": (lambda plan, site, _: delete_words.sheet(plan, site), lambda _: delete_words.report),
    "run": (lambda plan, site, _: run_words.sheet(plan, site), lambda _: run_words.report),
    "edit": (lambda plan, site, _: edit_words.sheet(plan, site), lambda _: edit_words.report),
    "repair": (repair_words.sheet, lambda plan: partial(repair_words.report, undoable=plan.undoable)),
    "histories": (lambda plan, site, _: history_words.sheet(plan, site), lambda _: history_words.report),
}
"""The sheet and the report of each kind of plan, by the `kind` of its `KeptPlan`."""


def _lines(rest: Rest, verb: Verb, site: Site) -> Iterator[Line]:
    beside = [
        f"{count:,} {what}"
        for count, what in (
            (rest.passed_over, "left alone"),
            (rest.restored, "restored since"),
        )
        if count
    ]
    begun = rest.header.created_at
    yield Line(
        f"begun {ago(begun, site.now)}, {exact(begun)}: {', '.join([_done(rest, verb), *beside])}",
        "goes on",
    )
    if rest.unknown:
        yield Line(f"{rest.unknown:,} of the rest may be {verb.past} by now: the server checks each", tone=Tone.CAUTION)
    since = rest.since
    if since.gone or since.changed:
        among = "the rest" if since.whole else f"{since.looked_at:,} of the rest that were looked at"
        what = [f"{since.gone:,} gone"] if since.gone else []
        what += [f"{since.changed:,} changed"] if since.changed else []
        yield Line(f"of {among}, {' and '.join(what)} since: such are left alone", "beware", Tone.CAUTION)


def _done(rest: Rest, verb: Verb) -> str:
    return f"{rest.done:,} of {plural(rest.planned, 'task')} {verb.past}"


def _facts(rest: Rest) -> dict[str, Any]:
    """The same for programs."""
    return {
        "journal": str(rest.journal),
        "planned": rest.planned,
        "done": rest.done,
        "left_alone": rest.passed_over,
        "restored": rest.restored,
        "unknown": rest.unknown,
        "looked_at": rest.since.looked_at,
        "gone": rest.since.gone,
        "changed": rest.since.changed,
    }
