"""What is wrong in the queues, below their list: most urgent first, in a few rows, with a sign where there is more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content

from archive_tui.asynq.forecast import Cause
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.asynq.limits import DEFAULTS, Origin
from archive_tui.asynq.states import State
from archive_tui.jobs.job import JobState
from archive_tui.jobs.watch import Overview
from archive_tui.session import Session
from archive_tui.store.read.old_storage import why_not
from archive_tui.text import clip, line
from archive_tui.tui import commands
from archive_tui.tui.lists.queue_columns import QueueRow
from archive_tui.wording.people import plural

Sentence = tuple[str, str]
"""A sentence, and its style."""


def sentences(session: Session, interrupted: str, rows: Sequence[QueueRow], kept: int = 0) -> list[Sentence]:
    """What is wrong, and what is not known. `interrupted` tells of interrupted changes, empty for none; `kept`
    is the number of marks that wait in the list of all archives.
    """
    overview = session.watch.overview
    watch = session.watch
    denied = [line(row.stats.name) for row in rows if row.limits.denies(row.count(State.ARCHIVED))]
    full = [
        line(row.stats.name)
        for row in rows
        if row.count(State.ARCHIVED) >= row.limits.cap and not row.limits.denies(row.count(State.ARCHIVED))
    ]
    assumed = any(row.limits.cap_from is Origin.DEFAULT for row in rows if line(row.stats.name) in full)
    leftover = [line(row.stats.name) for row in rows if row.stats.leftover]
    said: list[Sentence] = []
    if interrupted:
        said.append((f"⚠ {interrupted}", "bold $text-warning"))
    if watch.trouble:
        said.append((f"✗ {watch.trouble}", "$text-error"))
    if watch.error is not None:
        said.append((f"✗ {watch.error}", "$text-error"))
    foretold = overview.forecasts
    if any(one.cause is Cause.OLD_SERVER for one in foretold.values()):
        said.append((f"⚠ {next(iter(foretold.values())).sentence}", "$text-error"))
    for row in rows:
        one = foretold.get(row.stats.name)
        if one is not None and one.preventable:
            way_out = f"{commands.RepairQueue} repairs it" if one.stuck else f"{commands.CleanOld} deletes the oldest"
            said.append((f"⚠ {line(row.stats.name)}: {one.sentence}: {way_out}", "bold $text-error"))
    if full:
        by = f" ({DEFAULTS.cap:,} by default)" if assumed else ""
        text = f"⚠ archive full{by}: {', '.join(full)}. What Asynq trims may stay in Redis: "
        said.append((f"{text}{commands.ScanQueue} looks for orphans", "$text-warning"))
    if denied:
        text = (
            f"⚠ more than Asynq keeps by default ({DEFAULTS.cap:,}): {', '.join(denied)}. It keeps more here, or "
            "trims them when it next archives"
        )
        said.append((text, "$text-warning"))
    if leftover:
        text = f"⚠ leftover: {', '.join(leftover)}. Keys of a queue that Asynq no longer knows"
        said.append((text, "$text-warning"))
    histories = session.scans.get(INSTALLATION)
    if histories is not None and histories.findings:
        text = f"⚠ {plural(histories.findings, 'history')} of dead schedulers: the scan of all queues lists them"
        said.append((text, "$text-warning"))
    for row in rows:
        if row.stats.old:
            said.append((f"⚠ {why_not(row.stats.name)}", "$text-warning"))
    if kept:
        said.append(
            (f"{plural(kept, 'mark')} kept in the list of all archives: {commands.AllArchives}", "$text-accent")
        )
    return [*said, *_unread(overview, rows), *_asides(session)]


def _asides(session: Session) -> Iterator[Sentence]:
    """What is worth knowing, and is not wrong."""
    overview = session.watch.overview
    if others := overview.other_namespaces:
        text = f"also here: {_listed(others)}. Other installations: `--namespace NAME` opens one"
        yield text, "$text-muted"
    if session.read_only and not session.settings.read_only:
        yield f"read-only: {session.why_read_only}", "$text-muted"
    if unsaid := (overview.info or session.info).unsaid:
        yield unsaid, "$text-muted"
    if session.source is not None:
        yield session.source.sentence, "$text-warning" if session.source.why_primary else "$text-muted"
    if overview.searching and session.watch.state is not JobState.FAILED:
        yield "looking for leftover queues…", "$text-muted"
    elif overview.memory_refused:
        yield "memory is not shown: the server refuses MEMORY USAGE", "$text-muted"


def _listed(namespaces: Sequence[str]) -> str:
    """Some namespaces by name, and how many more there are."""
    more = f" and {len(namespaces) - _NAMED:,} more" if len(namespaces) > _NAMED else ""
    return ", ".join(clip(one, 40) for one in namespaces[:_NAMED]) + more


_NAMED = 4
"""Namespaces that a sentence names."""


def _unread(overview: Overview, rows: Sequence[QueueRow]) -> Iterator[Sentence]:
    """What could not be read, and why."""
    if overview.info is not None and overview.info.lacking:
        yield f"⚠ {overview.info.lacking}: queues there are not read, and some may be missing", "$text-warning"
    if overview.unknown:
        yield f"⚠ {overview.unknown}", "$text-warning"
    if refused := [one.stats.name for one in rows if one.stats.refused]:
        text = f"not permitted to this user: {', '.join(clip(name, 24) for name in refused)}"
        yield text, "$text-muted"


def fits(said: Sequence[Sentence], width: int, most: int) -> bool:
    """Whether sentences need `most` rows of `width` cells at the most."""
    return _rows(_lines(said), width) <= most


def fitted(said: Sequence[Sentence], width: int, most: int) -> Content:
    """Put sentences into rows of `width` cells, `most` of them: whole ones, and a sign where some are left out."""
    lines = _lines(said)
    if fits(said, width, most):
        return Content("\n").join(lines)
    shown: list[Content] = []
    for one in lines:
        if _rows([*shown, one], width) > most - 1:
            break
        shown.append(one)
    left_out = len(lines) - len(shown)
    if not shown:
        shown, left_out = [lines[0].truncate(width, ellipsis=True)], len(lines) - 1
    more = f"… and {left_out:,} more" if left_out else "…"
    return Content("\n").join([*shown, Content.styled(f"{more}: {commands.Help} shows it all", "$text-muted")])


def _lines(said: Sequence[Sentence]) -> list[Content]:
    return [Content.styled(text, style) for text, style in said]


def _rows(lines: Sequence[Content], width: int) -> int:
    return Content("\n").join(lines).get_height({}, max(width, 1))


def as_help(said: Sequence[Sentence]) -> list[tuple[str, str]]:
    """The same for the page of help: sign and sentence."""
    return [(text[0], text[2:]) if text[:2] in ("⚠ ", "✗ ") else ("·", text) for text, _ in said]
