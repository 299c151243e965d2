"""`archive-tui queues`: how every queue is doing, and what is foretold of its archive."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from archive_tui.asynq.forecast import Cause, Forecast, is_too_old
from archive_tui.asynq.keys import Keys
from archive_tui.asynq.limits import CAP_IS_DEFAULT, Limits, Origin
from archive_tui.asynq.states import State
from archive_tui.commands.output import LONGEST_NAME, print_table
from archive_tui.errors import ExitCode, NotFoundError
from archive_tui.jobs.watch import foretell
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read import namespaces
from archive_tui.store.read import queues as store
from archive_tui.store.read.memory import Estimate
from archive_tui.store.read.memory import memory as memory_of
from archive_tui.store.read.old_storage import why_not
from archive_tui.store.read.queues import QueueStats
from archive_tui.text import clip, encode, line, readable
from archive_tui.wording.people import UNKNOWN, age, number, plural, roughly
from archive_tui.wording.programs import day, json_line, moment


@dataclass(frozen=True, slots=True)
class _Listing:
    """The queues of one namespace, as they are now."""

    stats: Sequence[QueueStats]
    memory: Mapping[str, Estimate | None]
    foretold: Mapping[str, Forecast]
    limits: Mapping[str, Limits]
    lacking: Sequence[str]
    """Why the list is not complete, in words; empty where it is."""

    @property
    def complete(self) -> dict[str, bool]:
        """Whether it is, as JSON has it."""
        return {"complete": not self.lacking}

    @property
    def json(self) -> list[dict[str, Any]]:
        return [
            _queue_json(one, self.memory[one.name], self.foretold[one.name], self.limits[one.name])
            for one in self.stats
        ]


def queues(session: Session, *, as_json: bool, out: TextIO) -> ExitCode:
    """Print how every queue is doing, leftover queues included."""
    with session.server.pipe(lenient=True) as pipe:
        listing = _listing(session, pipe)
    if as_json:
        namespace = namespace_field(session.server.keys.namespace)
        print(json_line([namespace | one | listing.complete for one in listing.json]), file=out)
    else:
        _print(session, listing, out)
        _print_unsaid(session, out)
    return _ended(listing.lacking)


def all_namespaces(session: Session, *, as_json: bool, out: TextIO) -> ExitCode:
    """Print the same for every namespace of the database."""
    with session.server.pipe(lenient=True) as pipe:
        listings: dict[str, _Listing] = {}
        for namespace in sorted([pipe.keys.namespace, *namespaces.others(pipe)]):
            with pipe.within(Keys(namespace)):
                listing = _listing(session, pipe)
                if listing.stats or pipe.one(b"EXISTS", pipe.keys.queues):
                    listings[namespace] = listing
    if as_json:
        report = [
            {"namespace": namespace, **listing.complete, "queues": listing.json}
            for namespace, listing in listings.items()
        ]
        print(json_line(report), file=out)
    else:
        blank = ""
        for namespace, listing in listings.items():
            print(f"{blank}namespace {line(namespace)}, {plural(len(listing.stats), 'queue')}", file=out)
            _print(session, listing, out)
            blank = "\n"
        _print_unsaid(session, out)
    return _ended([why for listing in listings.values() for why in listing.lacking])


def _listing(session: Session, pipe: Pipe) -> _Listing:
    registered, unknown = store.registered_if_there(pipe)
    groups: store.GroupNames = {}
    found = {name for name in store.discover(pipe, groups) if name is not None}
    names = sorted(found.union(registered or ()))
    stats = store.stats(pipe, names, registered, datetime.fromtimestamp(session.clock(), UTC), groups)
    there = [one.name for one in stats if not one.away]
    return _Listing(
        stats,
        dict.fromkeys(names) | dict(zip(there, memory_of(pipe, there), strict=True)),
        forecasts(session, pipe, stats),
        {one.name: session.limits(one.name) for one in stats},
        [why for why in (session.server.look(pipe).lacking, unknown) if why],
    )


def _ended(lacking: Sequence[str]) -> ExitCode:
    """Say why a list is not complete, and with which code that ends."""
    for why in dict.fromkeys(lacking):
        print(f"archive-tui: {why}: this list is not complete", file=sys.stderr)
    return ExitCode.IN_PART if lacking else ExitCode.DONE


def _print_unsaid(session: Session, out: TextIO) -> None:
    """Say what the server does not tell of itself."""
    if unsaid := session.info.unsaid:
        print(f"{unsaid}.", file=out)


def _print(session: Session, listing: _Listing, out: TextIO) -> None:
    stats, memory, foretold, limits = listing.stats, listing.memory, listing.foretold, listing.limits
    heads = ["QUEUE", "ARCHIVED", "PENDING", "ACTIVE", "SCHEDULED", "RETRY", "COMPLETED", "GROUPED", "MEMORY", "OLDEST"]
    lines = [[
        clip(one.name, LONGEST_NAME) + _remarks(one),
        _archived(one, limits[one.name]),
        *[_shown(one, state) for state in _COUNTED],
        _memory(memory[one.name]),
        age(one.oldest_archived_at, session.clock()),
    ] for one in stats]  # fmt: skip
    print_table(heads, lines, out)
    if any(limits[one.name].cap_from is Origin.DEFAULT for one in stats):
        print(f"{CAP_IS_DEFAULT}.", file=out)
    for warning in warnings(foretold):
        print(warning, file=out)
    for one in stats:
        if one.old:
            print(f"warning: {why_not(one.name)}", file=out)


def archived_now(session: Session, names: Sequence[str]) -> Mapping[str, int]:
    """Count the ids that the archives of these queues hold now."""
    with session.server.pipe() as pipe:
        stats = store.stats(pipe, names, names, datetime.fromtimestamp(session.clock(), UTC))
    return {one.name: one.counts.get(State.ARCHIVED, 0) for one in stats}


UNSURE = "registered?"
"""The remark on a queue of which nobody can tell whether Asynq still knows it."""

OLD = "Asynq before 0.18"
"""The remark on a queue whose tasks are whole messages."""


def _archived(one: QueueStats, limits: Limits) -> str:
    unknown = limits.denies(one.counts.get(State.ARCHIVED, 0))
    return f"{_shown(one, State.ARCHIVED)}/{'?' if unknown else f'{limits.cap:,}'}"


def _memory(estimate: Estimate | None) -> str:
    return UNKNOWN if estimate is None else roughly(estimate.bytes, estimate.error)


def _remarks(one: QueueStats) -> str:
    said = {
        "leftover": one.leftover,
        UNSURE: one.registered is None,
        OLD: one.old,
        "paused": one.paused,
        "not permitted": one.refused,
        "its node does not answer": bool(one.away),
    }
    return "".join(f" ({word})" for word, so in said.items() if so)


_COUNTED = (State.PENDING, State.ACTIVE, State.SCHEDULED, State.RETRY, State.COMPLETED, State.AGGREGATING)


def _shown(one: QueueStats, state: State) -> str:
    """The number of tasks in a state; unknown where the index is not of the type Asynq writes."""
    return number(one.counts.get(state))


def forecasts(session: Session, pipe: Pipe, stats: Sequence[QueueStats]) -> dict[str, Forecast]:
    """The forecasts of some archives, by queue."""
    now, too_old = session.clock(), is_too_old(session.info.product, session.info.version)
    return {one.name: foretell(pipe, one, now, too_old=too_old, limits=session.limits(one.name)) for one in stats}


def warnings(foretold: Mapping[str, Forecast]) -> Iterator[str]:
    """The forecasts of trouble, a line each; one that concerns all queues stands once."""
    too_old = next((one for one in foretold.values() if one.cause is Cause.OLD_SERVER), None)
    if too_old is not None:
        yield f"warning: {too_old.sentence}"
    for name, one in foretold.items():
        if one.cause is not None and one.cause is not Cause.OLD_SERVER:
            yield f"warning: {clip(name, LONGEST_NAME)}: {one.sentence}"


def _queue_json(one: QueueStats, memory: Estimate | None, foretold: Forecast, limits: Limits) -> dict[str, Any]:
    return {
        "queue": readable(encode(one.name)),
        "registered": one.registered,
        **storage_json(one),
        "permitted": not one.refused,
        **({"away": one.away} if one.away else {}),
        "paused": one.paused,
        "archived": archived_json(one, limits),
        **{state.value: one.counts.get(state) for state in _COUNTED},
        "groups": one.groups,
        "processed_today": one.processed_today,
        "failed_by_day": list(one.failed),
        "memory_bytes_estimate": memory.bytes if memory is not None else None,
        "memory_bytes_error": memory.error if memory is not None else None,
        "forecast": {
            "breaks": foretold.breaks,
            "cause": foretold.cause.value if foretold.cause is not None else None,
            "breaks_at": moment(foretold.breaks_at),
            "together": foretold.together,
            "past_90_days": foretold.expired,
            "most_cross_on": day(foretold.most_at),
            "most_cross": foretold.most,
            "sentence": foretold.sentence or None,
        },
    }


def storage_json(one: QueueStats) -> dict[str, str]:
    """The storage of a queue as JSON has it, where it is not that of Asynq 0.18 and newer."""
    return {"storage": "before 0.18"} if one.old else {}


def archived_json(one: QueueStats, limits: Limits) -> dict[str, Any]:
    """The archive of a queue as JSON has it; without a cap where it is larger than the default."""
    size = one.counts.get(State.ARCHIVED)
    denied = size is not None and limits.denies(size)
    return {
        "size": size,
        "cap": None if denied else limits.cap,
        "cap_from": None if denied else limits.cap_from.value,
        "days": limits.days,
        "days_from": limits.days_from.value,
        "oldest_at": moment(one.oldest_archived_at),
    }


def refuse_unknown(session: Session, names: Sequence[str]) -> None:
    """Raise NotFoundError for the first of these that is no queue."""
    with session.server.pipe() as pipe:
        for name in names:
            if not store.exists(pipe, name):
                raise NotFoundError(f"no queue {line(name)!r}: `archive-tui queues` lists them")
