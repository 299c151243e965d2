"""The sheet of a change: its lines, its blocks, and what its makers say of a plan."""

from array import array
from dataclasses import replace
from typing import Any

import pytest
from support.asynq_data import NOW

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import DELETE
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.selection import Selection, Totals
from archive_tui.changes import cleanup_words, delete_words, edit_words, repair_words
from archive_tui.changes.plan import Plan
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.sheet import (
    Line,
    Sheet,
    Site,
    ages,
    chosen_by,
    first_ids,
    hidden_by_filter,
    listed,
    room_lines,
)
from archive_tui.commands.output import sheet_lines
from archive_tui.wording.tone import Tone

SITE = Site(now=NOW, production=False, journal=True, free_bytes=10**9)


def plan_of(catalog: Catalog, kind: Kind | None = None, count: int = 3, hidden: int = 0, **totals: Any) -> Plan:
    """A plan that adds up to what is said here, without any rows."""
    sums: dict[str, Any] = {
        "stored_bytes": 4_000, "unsized": 0, "locked": 0, "fixed_ids": 0, "by_queue": {"work": count},
        "by_type": {"email:send": count}, "by_kind": {kind: count}, "first_ids": (b"a", b"b"),
    }  # fmt: skip
    return Plan(Selection(catalog, array("q")), Totals(count, **sums | totals), hidden, NOW - 120)


def texts(sheet: Sheet) -> list[str]:
    return [line.text for _, lines in sheet.blocks for line in lines]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"work": 3}, "work"),
        ({"": 3}, "(none)"),
        ({"work": 1_200, "other": 2}, "work 1,200, other 2"),
        ({"orphan, archived": 2, "ghost": 1}, "orphan, archived 2 · ghost 1"),
        ({"a": 6, "b": 5, "c": 4, "d": 3, "e": 2, "f": 1}, "a 6, b 5, c 4, d 3 and 2 more"),
        ({"\x1b[31mred": 1}, "␛[31mred"),
        ({"x" * 100: 1, "y": 1}, "x" * 23 + "… 1, y 1"),
    ],
)
def test_counted_names_are_short_and_safe_to_show(counts: dict[str, int], text: str) -> None:
    assert listed(counts) == text


def test_counted_names_fit_one_line_of_80_columns() -> None:
    counts = {"dial tcp <host>: connect: refused": 9_581, "context deadline exceeded": 720, "HTTP <n>": 3}
    assert listed(counts, longest=34) == "dial tcp <host>: connect: refused 9,581 and 2 more"
    assert listed(counts, longest=12) == "dial tcp <h… 9,581, context dea… 720, HTTP <n> 3"


def test_the_rule_by_which_tasks_were_chosen_is_told() -> None:
    assert list(chosen_by("by hand")) == []
    assert list(chosen_by("by hand, filter age>30d")) == [Line("age>30d", "where")]
    assert list(chosen_by("by hand, type email:send, filter age>30d")) == [Line("type email:send, age>30d", "where")]
    assert list(chosen_by("older than 60 s")) == [Line("older than 60 s", "where")]


def test_ages_go_from_the_newest_to_the_oldest() -> None:
    assert ages(None, None, NOW) == ""
    assert ages(NOW - 7_200, NOW - 60, NOW) == "1 min to 2 h"
    assert ages(NOW - 65, NOW - 60, NOW) == "1 min"


def test_ids_say_whether_they_are_all() -> None:
    assert list(first_ids((), 0)) == []
    assert list(first_ids((b"a",), 1)) == [Line("a", "id", Tone.QUIET)]
    assert list(first_ids((b"a", b"\x07"), 2)) == [Line("a, ␇", "ids", Tone.QUIET)]
    assert list(first_ids((b"a", b"b"), 3)) == [Line("a, b, …", "first", Tone.QUIET)]
    assert list(first_ids((b"a" * 36, b"b" * 36), 2)) == [Line(f"{'a' * 36}, …", "first", Tone.QUIET)]


def test_what_a_filter_hides_is_a_caution() -> None:
    assert list(hidden_by_filter(0)) == []
    (line,) = hidden_by_filter(1)
    assert line == ("1 task of these hidden by the filter", "", Tone.CAUTION)


@pytest.mark.parametrize(("free", "tone"), [(10**9, Tone.PLAIN), (None, Tone.PLAIN), (1_000_000, Tone.DANGER)])
def test_too_little_room_for_the_journal_is_a_danger(free: int | None, tone: Tone) -> None:
    (line,) = room_lines(Site(NOW, production=False, journal=True, free_bytes=free), 4_000, "deleted")
    assert line.tone is tone
    assert ("nothing will be deleted" in line.text) == (tone is Tone.DANGER)
    assert (" free" in line.text) == (free is not None)


def test_one_task_is_confirmed_by_the_button_but_in_production() -> None:
    assert SITE.typed(1) == ""
    assert SITE.typed(2) == "2"
    assert Site(NOW, production=True, journal=True, free_bytes=None).typed(1) == "1"


def test_a_sheet_has_its_blocks_in_order_without_the_empty_ones() -> None:
    what, back = Line("queue work", "queue"), Line("none", tone=Tone.CAUTION)
    sheet = Sheet(DELETE, "Delete?", "1 task to delete", 1, (what,), (), (back,))
    assert sheet.blocks == [("WHAT", (what,)), ("WAY BACK", (back,))]
    assert sheet.cautions == [back]
    assert sheet.button == "Delete"


def test_the_command_line_names_a_block_where_a_line_has_no_label() -> None:
    sheet = Sheet(DELETE, "Delete?", "1 task to delete", 1, (Line("work", "queue"),), (Line("a"), Line("b")), ())
    assert list(sheet_lines(sheet, "here:6379")) == [
        "1 task to delete at here:6379",
        "  queue    work",
        "  then     a",
        "           b",
    ]


def test_the_sheet_of_a_deletion_says_what_follows(catalog: Catalog) -> None:
    errors = {"dial tcp <host>: refused": 2, "no such user": 1}
    totals = {"locked": 1, "fixed_ids": 2, "unsized": 1, "by_error": errors, "oldest": NOW - 7_200, "newest": NOW - 60}
    sheet = delete_words.sheet(plan_of(catalog, hidden=1, **totals), SITE)
    assert (sheet.title, sheet.count, sheet.typed) == ("Delete 3 tasks?", 3, "3")
    assert sheet.summary == "3 tasks to delete (archived) from queue work"
    assert (sheet.grave, sheet.asks_reason) == (True, True)
    assert [line.label for line in sheet.what] == ["queue", "kind", "type", "error", "age", "size", "first", ""]
    assert texts(sheet)[3:5] == ["dial tcp <host>: refused 2, no such user 1", "1 min to 2 h"]
    assert texts(sheet)[8:] == [
        "Asynq can enqueue these ids again, and others under the locks",
        "up to 1 unique lock that these tasks still hold and 2 fixed ids that block new tasks",
        "read from the archive 2 min ago",
        "each is checked again by the server; what changed since is skipped",
        "the journal keeps a copy to restore from",
        "about 1.0 kB, 1.0 GB free",
    ]
    assert sheet.cautions == [Line("1 task of these hidden by the filter", tone=Tone.CAUTION)]
    assert sheet.facts["planned"] == 3
    assert sheet.facts["first_ids"] == ["a", "b"]
    without_copy = delete_words.sheet(plan_of(catalog), replace(SITE, journal=False))
    assert without_copy.title == "Delete 3 tasks for good?"


@pytest.mark.parametrize("kind", [None, Kind.ORPHAN_ARCHIVED])
def test_a_deletion_without_a_journal_has_no_way_back(catalog: Catalog, kind: Kind | None) -> None:
    site = Site(NOW, production=False, journal=False, free_bytes=None)
    sheet = delete_words.sheet(plan_of(catalog, kind), site)
    assert sheet.way_back == (Line("the journal is turned off: this cannot be undone", tone=Tone.DANGER),)
    assert not sheet.asks_reason
    assert any("lost track of them" in text for text in texts(sheet)) == (kind is not None)


def test_a_repair_says_what_asynq_drops_from_an_archive_that_is_too_full(catalog: Catalog) -> None:
    plan = RepairPlan.of(plan_of(catalog, Kind.ORPHAN_ARCHIVED), Repair.ARCHIVE)
    sheet = repair_words.sheet(plan, SITE, {"work": 9_998})
    assert sheet.cautions == [
        Line(
            "2 ids more than Asynq keeps by default: it soon drops as many, those archived first",
            "beware",
            Tone.CAUTION,
        )
    ]
    assert sheet.facts["beyond_cap"] == 2
    assert (sheet.title, sheet.button, sheet.typed) == ("Repair 3 findings?", "Repair", "3")
    assert repair_words.sheet(plan, SITE, {"work": 9_000}).cautions == []


@pytest.mark.parametrize(
    ("repair", "warning"),
    [
        (Repair.RUN, "running does it again"),
        (Repair.RUN_AFRESH, "running does it again"),
        (Repair.ARCHIVE_NOW, "the archive lists it as failed"),
    ],
)
def test_a_repair_says_of_completed_tasks_that_their_work_was_done(
    catalog: Catalog, repair: Repair, warning: str
) -> None:
    def cautions(plan: Plan) -> list[str]:
        return [line.text for line in repair_words.sheet(RepairPlan.of(plan, repair), SITE, {}).cautions]

    assert cautions(plan_of(catalog, Kind.ORPHAN_COMPLETED)) == [f"Their work was done already: {warning}."]
    assert cautions(plan_of(catalog, Kind.ORPHAN_COMPLETED, count=1)) == [f"Its work was done already: {warning}."]
    mixed = {Kind.ORPHAN_COMPLETED: 1, Kind.ORPHAN_ARCHIVED: 2}
    assert cautions(plan_of(catalog, by_kind=mixed)) == [f"The work of 1 was done already: {warning}."]
    assert cautions(plan_of(catalog, Kind.ORPHAN_ARCHIVED)) == []


def test_foreign_keys_are_deleted_for_good_when_the_word_is_typed(catalog: Catalog) -> None:
    keys = {("work", b"a"): b"string", ("work", b"b"): b"list", ("work", b"c"): b"list"}
    sheet = repair_words.sheet(RepairPlan.of(plan_of(catalog, Kind.FOREIGN), Repair.DELETE_KEY, keys), SITE, {})
    assert (sheet.title, sheet.button, sheet.typed) == ("Delete 3 foreign keys for good?", "Delete", "delete")
    assert Line("string 1, list 2", "type of key") in sheet.what
    assert sheet.way_back == (Line("no copy of it is kept: this cannot be undone", tone=Tone.DANGER),)


def test_one_husk_is_cleaned_only_where_its_number_is_typed(catalog: Catalog) -> None:
    plan = plan_of(catalog, Kind.HUSK, count=1)
    assert repair_words.sheet(RepairPlan.of(plan, Repair.CLEAN), SITE, {}).typed == "1"
    lost = plan_of(catalog, Kind.LOST, count=1)
    assert repair_words.sheet(RepairPlan.of(lost, Repair.RUN), SITE, {}).typed == ""


def test_a_clean_up_warns_of_work_that_will_not_be_done() -> None:
    sheet = cleanup_words.sheet("old\x1b", SITE)
    assert sheet.summary == "every key of the leftover queue old␛ to delete"
    assert [line.text for line in sheet.cautions] == ["Work that still waits in its groups will not be done."]
    assert sheet.typed == ""


def test_ids_that_begin_alike_are_labelled_by_what_tells_them_apart() -> None:
    assert edit_words.labels([b"order-1", b"order-2"]) == ["order-1", "order-2"]
    uuid = b"4f4a5d7b-1c55-49de-abd4-5af773f89445"
    assert edit_words.labels([uuid, b"a"]) == ["4f4a5d7b-1c55…", "a"]
    nightly = [b"nightly-report-2026-11-%d" % day for day in (28, 29, 30)]
    assert edit_words.labels(nightly) == ["…28", "…29", "…30"]
    assert edit_words.labels([one + b"-for-all-customers" for one in nightly[:2]]) == [
        "…8-for-all-cu…",
        "…9-for-all-cu…",
    ]
