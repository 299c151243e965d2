"""`archive-tui scan`: every finding, counted or one by one, in the form that was asked for."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TextIO, TypeAlias

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.forecast import Forecast
from archive_tui.asynq.installation import INSTALLATION, shown
from archive_tui.asynq.rows import TaskRow
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.catalog.selection import Selection
from archive_tui.commands.delete_histories import say_what_is_unsure
from archive_tui.commands.foreground import attend, scan_line
from archive_tui.commands.output import LONGEST_NAME, print_table
from archive_tui.commands.queues import OLD, UNSURE, archived_json, forecasts, refuse_unknown, storage_json
from archive_tui.commands.reading import Contents, catalog_for, read_contents
from archive_tui.commands.source import source_json
from archive_tui.errors import ExitCode
from archive_tui.jobs.elsewhere import Elsewhere, are_elsewhere, look
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.records import row_facts
from archive_tui.jobs.scan import ScanJob, ScanProgress
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.read import queues as store
from archive_tui.store.read.queues import QueueStats
from archive_tui.text import clip, encode, line, readable
from archive_tui.wording.people import UNKNOWN, number, plural, size
from archive_tui.wording.programs import json_line, moment

Sums: TypeAlias = Mapping[tuple[str, Kind | None], tuple[int, int | None]]
"""The number of findings and an estimate of their bytes in Redis, by queue and kind; None: no size is known."""

_ALWAYS_SHOWN = (Kind.ORPHAN_ARCHIVED, Kind.ORPHAN_COMPLETED)
"""Kinds whose counts stand in the table even where nothing was found."""


def scan(
    session: Session,
    *,
    names: Sequence[str],
    pace: Pace,
    messages: bool = False,
    locks: bool = False,
    where: str = "",
    form: str,
    check: bool,
    out: TextIO,
    progress: bool,
) -> ExitCode:
    """Scan queues (all where none is named) and print what was found in the asked form. With `messages`, those of all
    tasks are read, with `locks` stale ones are found. `where` is a filter for the findings that are
    printed, counted and checked, empty for all.
    """
    query = Query(where, now=session.clock())
    query.where()
    refuse_unknown(session, names)
    wanted, refused = (list(names), []) if names else session.scope()
    if refused:
        shown = ", ".join(line(name) for name in refused)
        print(f"not scanned, as this user may not read them: {shown}", file=sys.stderr)
    status = (lambda job: scan_line(job.progress)) if progress else None
    with catalog_for(session) as catalog:
        job, interrupted = attend(lambda: session.scan(catalog, wanted, pace, messages=messages, locks=locks), status)
        if job.error is not None:
            raise job.error
        if interrupted:
            contents: Contents | None = Contents()
        else:
            contents = read_contents(session, catalog, query, pace=pace, progress=progress)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(sys.stderr)
        _print_scan(session, job, _Filter(query, contents, read=not interrupted), form, out)
        if form in ("text", "ndjson"):
            say_what_is_unsure(job.progress.unsure, job.progress.why_unsure, sys.stderr)
        if catalog.trouble:
            print(f"archive-tui: {catalog.trouble}", file=sys.stderr)
            if where and form != "ndjson":
                print("archive-tui: the filter was asked of these alone: the counts are minimums", file=sys.stderr)
            if where or form == "ndjson":
                return ExitCode.IN_PART
        if interrupted:
            return ExitCode.INTERRUPTED
        if check and (len(catalog.find(query)) if where else catalog.counts().total):
            return ExitCode.FOUND
        return ExitCode.IN_PART if job.progress.caution or contents.unknown else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Filter:
    """The filter of a scan, and what reading messages for it came to."""

    query: Query

    contents: Contents

    read: bool
    """All messages that it looks into were read; False: somebody interrupted the scan before."""

    @property
    def where(self) -> str:
        """Its text; empty for none."""
        return self.query.text

    def sums(self, catalog: Catalog) -> Sums:
        """The numbers of findings that match, and estimates of their bytes, as `Catalog.sums`."""
        if not self.where:
            return catalog.sums()
        sums: dict[tuple[str, Kind | None], tuple[int, int | None]] = {}
        for (queue, kind, _), part in catalog.add_up(catalog.find(self.query)):
            count, stored = sums.get((queue, kind), (0, None))
            known = part.rows > part.unsized
            sums[queue, kind] = count + part.rows, (stored or 0) + part.stored_bytes if known else stored
        return sums

    def for_programs(self, catalog: Catalog) -> dict[str, Any]:
        """The same for programs; nothing where there is no filter."""
        if not self.where:
            return {}
        payloads = self.contents.facts
        if not self.read and self.query.criteria:
            payloads = {"read": 0, "unknown": None, "complete": False}
        return {"where": self.where, "payloads": payloads, "not_judged": catalog.counts().unkept}


def _print_scan(session: Session, job: ScanJob, chosen: _Filter, form: str, out: TextIO) -> None:
    elsewhere = _elsewhere(session, job, chosen.query)
    if form == "ndjson":
        namespace = namespace_field(session.server.keys.namespace)
        for rows in Selection(job.catalog, job.catalog.find(chosen.query)).batches():
            found = are_elsewhere(session.server, [row for _, row in rows], elsewhere.prefixes)
            for _, row in rows:
                print(json_line(namespace | _row_json(row, found)), file=out)
        return
    with session.server.pipe(lenient=True) as pipe:
        stats = _stats(session, job, pipe)
        foretold = forecasts(session, pipe, stats) if form == "prometheus" else {}
    report = _scan_json(session, job, stats, elsewhere, chosen)
    if form == "json":
        print(json_line(report), file=out)
    elif form == "prometheus":
        _print_prometheus(report, job.progress, foretold, out)
    else:
        _print_summary(report, job.progress, out)
        if chosen.where:
            print(f"only findings that match: {line(chosen.where)}", file=sys.stderr)
        if session.source is not None and (job.progress.restarts or not session.source.why_primary):
            print(session.source.sentence, file=sys.stderr)
        _warn_of(elsewhere)


def _elsewhere(session: Session, job: ScanJob, query: Query) -> Elsewhere:
    """The ghosts of a scan that match and that other installations know."""
    ghosts = job.catalog.find(replace(query, kind=Kind.GHOST))
    return look(session.server, Selection(job.catalog, ghosts), len(ghosts), job.pace)


def _row_json(row: TaskRow, elsewhere: Mapping[tuple[str, bytes], bool]) -> dict[str, Any]:
    is_elsewhere = elsewhere.get((row.queue, row.id))
    return {
        **row_facts(row),
        "last_failed_at": moment(row.last_failed_at),
        "payload_bytes": row.payload_bytes,
        "bytes": row.stored_bytes,
        "index": readable(encode(row.index_name)) if row.index_name else None,
        "elsewhere": False if is_elsewhere is None else is_elsewhere or None,
    }


def _stats(session: Session, job: ScanJob, pipe: Pipe) -> Sequence[QueueStats]:
    """The figures of the queues of a scan."""
    registered, _ = store.registered_if_there(pipe)
    wanted = (
        job.queues
        if job.queues is not None
        else sorted({*(registered or ()), *job.keys_by_queue, *job.catalog.counts().by_queue} - {INSTALLATION})
    )
    return store.stats(pipe, wanted, registered, datetime.fromtimestamp(session.clock(), UTC))


def _nodes(info: ServerInfo) -> dict[str, Any]:
    """The primaries of a cluster as JSON has them; nothing of a single server."""
    if not (info.nodes or info.away):
        return {}
    answering = [{"address": node.address, "version": node.version or None, "answers": True} for node in info.nodes]
    away = [{"address": address, "version": None, "answers": False} for address in info.away]
    return {"nodes": [*answering, *away]}


def _scan_json(
    session: Session, job: ScanJob, stats: Sequence[QueueStats], elsewhere: Elsewhere, chosen: _Filter
) -> dict[str, Any]:
    progress = job.progress
    info = session.info
    sums = chosen.sums(job.catalog)
    snapshot = session.settings.snapshot
    return {
        "server": {"version": info.version or None, "mode": info.mode or None, "address": info.address, **_nodes(info)},
        **namespace_field(session.server.keys.namespace),
        **({"snapshot_of": moment(snapshot.taken_at)} if snapshot is not None else {}),
        "started_at": moment(progress.started_at),
        "finished_at": moment(progress.finished_at),
        **source_json(session.source),
        "complete": progress.complete,
        "caution": progress.caution or None,
        "keys_scanned": progress.keys,
        **chosen.for_programs(job.catalog),
        "queues": [
            {
                "queue": readable(encode(one.name)),
                "registered": one.registered,
                **storage_json(one),
                "tasks": job.keys_by_queue.get(one.name, 0),
                "archived": archived_json(one, session.limits(one.name)),
                "ghosts_elsewhere": elsewhere.count(one.name),
                "findings": {
                    kind.value: {"count": count, "bytes": bytes_}
                    for kind in Kind
                    if kind is not Kind.STALE_HISTORY and (kind is not Kind.STALE_LOCK or job.locks)
                    for count, bytes_ in [sums.get((one.name, kind), (0, 0))]
                },
            }
            for one in stats
        ],
        "installation": _installation_json(job, sums),
    }


def _installation_json(job: ScanJob, sums: Sums) -> dict[str, Any] | None:
    """What was found that belongs to no queue; None where the scan was not of all queues, and did not look for it."""
    if job.queues is not None:
        return None
    count, bytes_ = sums.get((INSTALLATION, Kind.STALE_HISTORY), (0, 0))
    return {
        "findings": {Kind.STALE_HISTORY.value: {"count": count, "bytes": bytes_}},
        "unsure": job.progress.unsure,
        "why_unsure": job.progress.why_unsure or None,
    }


def _print_summary(report: dict[str, Any], progress: ScanProgress, out: TextIO) -> None:
    found_at_all = {kind for queue in report["queues"] for kind, found in queue["findings"].items() if found["count"]}
    installation = (report["installation"] or {"findings": {}})["findings"]
    found_at_all |= {kind for kind, found in installation.items() if found["count"]}
    kinds = [kind for kind in Kind if kind in _ALWAYS_SHOWN or kind.value in found_at_all]
    heads = ["QUEUE", "TASKS", *[kind.label.upper() for kind in kinds], "BYTES"]
    lines = []
    for queue in report["queues"]:
        findings = queue["findings"]
        known = sum(found["bytes"] or 0 for found in findings.values())
        unsized = not known and any(found["count"] for found in findings.values())
        lines.append([
            clip(_named(queue["queue"]), LONGEST_NAME)
            + {True: "", False: " (leftover)", None: f" ({UNSURE})"}[queue["registered"]]
            + (f" ({OLD})" if "storage" in queue else ""),
            number(queue["tasks"]),
            *[number(findings.get(kind.value, {}).get("count")) for kind in kinds],
            UNKNOWN if unsized else f"~{size(known)}",
        ])  # fmt: skip
    if any(found["count"] for found in installation.values()):
        counts = [number(installation.get(kind.value, {}).get("count")) for kind in kinds]
        stored = sum(found["bytes"] or 0 for found in installation.values())
        lines.append([shown(INSTALLATION), UNKNOWN, *counts, f"~{size(stored)}"])
    print_table(heads, lines, out)
    if progress.caution:
        print(f"not complete: {progress.caution}", file=sys.stderr)
    elif not progress.complete:
        print("the scan was stopped: these counts are minimums", file=sys.stderr)
    if progress.not_tasks:
        print(f"{plural(progress.not_tasks, 'key')} under t: that hold no task data", file=sys.stderr)


def _warn_of(elsewhere: Elsewhere) -> None:
    """Say which ghosts are somebody's tasks, or may be."""
    under = ", ".join(f"{line(one)}:…" for one in elsewhere.namespaces)
    for queue, count in elsewhere.known.items():
        said = f"{plural(count, 'ghost')} of {line(queue)} with task data under {under}"
        print(f"{said}, which are tasks of another installation", file=sys.stderr)
    for queue, count in elsewhere.unsure.items():
        print(f"{plural(count, 'ghost')} of {line(queue)}: this user may not look under {under}", file=sys.stderr)


def _print_prometheus(
    report: dict[str, Any], progress: ScanProgress, foretold: Mapping[str, Forecast], out: TextIO
) -> None:
    """Print the report in the text format of Prometheus. What is unknown has no sample."""
    chosen = {"where": report["where"]} if "where" in report else {}
    findings = [
        ({"queue": queue["queue"], "kind": kind, **chosen}, found)
        for queue in report["queues"]
        for kind, found in queue["findings"].items()
    ]
    if report["installation"] is not None:
        findings += [({"kind": kind, **chosen}, found) for kind, found in report["installation"]["findings"].items()]
    archives = [({"queue": queue["queue"]}, queue["archived"]["size"]) for queue in report["queues"]]
    forecasts = [({"queue": readable(encode(name))}, one) for name, one in foretold.items()]
    seconds = (progress.finished_at or progress.started_at) - progress.started_at
    metrics: list[tuple[str, str, Iterable[tuple[Mapping[str, Any], float | None]]]] = [
        ("findings", "What is wrong with the tasks of a queue, by kind.",
         [(labels, found["count"]) for labels, found in findings]),
        ("findings_bytes", "About how many bytes these take in Redis.",
         [(labels, found["bytes"]) for labels, found in findings]),
        ("archived_tasks", "Ids in the archive.", archives),
        ("archive_cap", "Ids that an archive keeps; from: default (Asynq's constant), profile or seen.",
         [({"queue": queue["queue"], "from": queue["archived"]["cap_from"]}, queue["archived"]["cap"])
          for queue in report["queues"]]),
        ("archive_breaks", "1 if archiving is foreseen to fail, or fails already.",
         [(labels, int(one.breaks)) for labels, one in forecasts]),
        ("archive_breaks_timestamp_seconds", "When archiving is foreseen to fail; not where it fails now.",
         [(labels, one.breaks_at) for labels, one in forecasts]),
        ("scan_complete", "1 if all keys were seen.", [({}, int(report["complete"]))]),
        ("scan_timestamp_seconds", "When the scan ended.", [({}, progress.finished_at)]),
        ("scan_duration_seconds", "How long the scan took.", [({}, round(seconds, 3))]),
        ("scan_keys", "Task keys that the scan met.", [({}, report["keys_scanned"])]),
    ]  # fmt: skip
    if chosen and report["payloads"] is not None:
        metrics.append(("findings_unknown", "Findings left out because nobody can tell whether they match the filter.",
                        [(chosen, report["payloads"]["unknown"])]))  # fmt: skip
    own = {} if "namespace" not in report else {"namespace": report["namespace"]}
    for name, help_, samples in metrics:
        print(f"# HELP archive_tui_{name} {help_}\n# TYPE archive_tui_{name} gauge", file=out)
        for labels, value in samples:
            if value is not None:
                shown = ",".join(f'{label}="{_label(text)}"' for label, text in (own | dict(labels)).items())
                print(f"archive_tui_{name}{f'{{{shown}}}' if shown else ''} {value}", file=out)


def _label(name: Any) -> str:
    """A queue's name as a label; what a terminal would obey is made visible, line ends have an escape of their own."""
    shown = [line(part) for part in _named(name).split("\n")]
    return "\\n".join(part.replace("\\", "\\\\").replace('"', '\\"') for part in shown)


def _named(name: Any) -> str:
    """A queue's name in a report; one that is not UTF-8 stands there in base64."""
    return name if isinstance(name, str) else str(name["base64"])
