"""`archive-tui triage`: the archived tasks of a queue by error, type and age."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from archive_tui.catalog.breakdown import Amount, Breakdown, ErrorGroup, Question
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.facets import BANDS, ERROR, TYPE
from archive_tui.catalog.filter.terms import with_term
from archive_tui.catalog.query import Query
from archive_tui.commands.output import LONGEST_NAME, print_table
from archive_tui.commands.queues import refuse_unknown
from archive_tui.commands.reading import catalog_for, read_archive, read_contents
from archive_tui.errors import ExitCode
from archive_tui.session import Session
from archive_tui.settings.namespace import namespace_field
from archive_tui.text import clip, encode, readable
from archive_tui.wording.people import UNKNOWN, age, number, plural, size
from archive_tui.wording.programs import json_line, moment

_NAMES = (*(band.name.replace(" ", "") for band in BANDS), "never")
"""The ages as programs read them, the last for tasks that never failed."""


def triage(session: Session, queue: str, where: str, *, as_json: bool, out: TextIO, progress: bool) -> ExitCode:
    """Print the table of errors by type and age of a queue's archive. `where` is a filter, empty for all."""
    now = int(session.clock())
    query = Query(where, now=now)
    query.where()
    refuse_unknown(session, [queue])
    with catalog_for(session) as catalog:
        if not read_archive(session, catalog, queue, progress=progress):
            return ExitCode.INTERRUPTED
        contents = read_contents(session, catalog, query, pace=session.pace, progress=progress)
        if contents is None:
            return ExitCode.INTERRUPTED
        contents.say(sys.stderr)
        answer = catalog.breakdown(Question(query, now, {}, most_errors=catalog.counts().total))
        if answer is None:  # only where the catalog is closed beside us
            return ExitCode.INTERRUPTED
        groups = sorted(answer.errors, key=lambda group: (-group.amount.tasks, group.signature, group.type))
        if as_json:
            namespace = namespace_field(session.server.keys.namespace)
            print(json_line(namespace | _json(queue, catalog, answer, groups, contents.facts)), file=out)
        else:
            _print_table(answer, groups, out)
        if catalog.trouble:
            print(f"archive-tui: {catalog.trouble}", file=sys.stderr)
            return ExitCode.IN_PART
    return ExitCode.IN_PART if contents.unknown else ExitCode.DONE


def _print_table(answer: Breakdown, groups: list[ErrorGroup], out: TextIO) -> None:
    now, text = answer.question.now, answer.question.query.text
    if not groups:
        print("no archived task matches" if text else "no archived tasks", file=out)
        return
    some_never_failed = any(group.by_age[-1].tasks for group in groups)
    bands = range(len(_NAMES) if some_never_failed else len(BANDS))
    heads = ["ERROR", "TYPE", "TASKS", "BYTES", *[_NAMES[band].upper() for band in bands], "FIRST", "LAST"]
    lines = [[
        clip(ERROR.label(group.signature), LONGEST_NAME),
        clip(TYPE.label(group.type), LONGEST_NAME),
        number(group.amount.tasks),
        _bytes(group.amount),
        *[number(group.by_age[band].tasks) for band in bands],
        age(group.first, now),
        age(group.last, now),
    ] for group in groups]  # fmt: skip
    print_table(heads, lines, out, names=2)
    print(f"{plural(answer.total.tasks, 'task')}, {_bytes(answer.total)}", file=out)


def _bytes(amount: Amount) -> str:
    return UNKNOWN if amount.unsized == amount.tasks else f"~{size(amount.stored_bytes)}"


def _json(
    queue: str,
    catalog: Catalog,
    answer: Breakdown,
    groups: list[ErrorGroup],
    payloads: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "queue": readable(encode(queue)),
        "payloads": payloads,
        "read_at": moment(answer.question.now),
        "tasks": answer.total.tasks,
        "bytes": _known(answer.total),
        "errors": list(_errors_json(catalog, answer, groups)),
    }


def _errors_json(catalog: Catalog, answer: Breakdown, groups: list[ErrorGroup]) -> Iterator[dict[str, Any]]:
    for group in groups:
        example = catalog.rows([group.example])[group.example]
        yield {
            "signature": group.signature,
            "type": group.type,
            "tasks": group.amount.tasks,
            "bytes": _known(group.amount),
            "by_age": {name: amount.tasks for name, amount in zip(_NAMES, group.by_age, strict=True)},
            "first_failed_at": moment(group.first),
            "last_failed_at": moment(group.last),
            "example": {"id": readable(example.id), "error": example.error},
            "filter": with_term(answer.question.query.text, group.terms()),
        }


def _known(amount: Amount) -> int | None:
    return None if amount.unsized == amount.tasks and amount.tasks else amount.stored_bytes
