"""The first question: what is in an archive, beside the list and as a table, and from there to the tasks and back."""

import re
import threading

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.catalog.facets import TYPE
from archive_tui.jobs.listing import ListJob

DAY = 86_400
REFUSED, LATE = "dial tcp 10.0.0.{}:587: refused", "context deadline exceeded"


@pytest.fixture
def mail(valkey: Live) -> Live:
    """An archive of two types and two errors, of several ages."""
    valkey.asynq.register("mail")
    for number in range(12):
        age = (60, 2 * DAY, 40 * DAY, 100 * DAY)[number % 4]
        valkey.asynq.add(
            "mail", f"refused-{number}", score=NOW - age, type="email:send", error_msg=REFUSED.format(number)
        )
    for number in range(4):
        valkey.asynq.add("mail", f"late-{number}", score=NOW - 60, type="report:make", error_msg=LATE)
    return valkey


def figures(op: Operator) -> dict[str, int]:
    """The groups beside the table, with their counts."""
    found = {}
    for one in op.part("GroupsPanel"):
        if match := re.match(r"^[ ▸]{2}(\S.*?) +([\d,]+) ", one):
            found[match[1]] = int(match[2].replace(",", ""))
    return found


async def counted(op: Operator) -> None:
    await op.until(lambda: op.app.screen.groups.drawn, "groups counted")


async def settled(op: Operator) -> None:
    await op.until(lambda: op.app.screen._shown, "counted")


async def triage(op: Operator) -> None:
    """Open the triage view from the queues."""
    await op.queues()
    await op.point_at("  mail")
    await op.press("T")
    await op.arrives("ArchiveTriageScreen")
    await op.triaged()


def test_what_is_in_an_archive_stands_beside_it_and_follows_the_filter(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        shown = figures(op)
        assert shown["dial tcp <host>: refused"] == shown["email:send"] == 12
        assert shown[LATE] == shown["report:make"] == 4
        assert (shown["1 h"], shown["7 d"], shown["90 d"], shown["older"]) == (7, 3, 3, 3)
        await op.press("slash", *"age>1h", "enter")
        await op.sees("9 match of 16")
        await counted(op)
        assert LATE not in figures(op)
        assert figures(op)["email:send"] == 9

    operate(mail.settings, play, size=(160, 50))


def test_a_group_narrows_the_list_by_a_filter_that_can_be_edited(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        await op.press("tab", "right", "down", "enter")
        await op.sees("4 match of 16")
        assert "/ type==report:make" in op.text
        await op.press("escape", "slash", "end", *" age>1h", "enter")
        await op.sees("0 match of 16")
        await op.press("escape")
        await op.unfiltered()

    operate(mail.settings, play, size=(160, 50))


def test_all_of_a_group_is_marked_and_unmarked(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        await op.press("tab", "space")
        await op.sees("12 marked")
        await op.press("right", "down", "space")
        await op.sees("16 marked")
        await op.press("space")
        await op.sees("12 marked")
        assert {one.split("-")[0] for one in op.marked} == {"refused"}

    operate(mail.settings, play, size=(200, 50))


@pytest.mark.parametrize("size", [(140, 40), (60, 15)])
def test_no_row_is_taken_while_keys_go_to_the_groups(mail: Live, size: tuple[int, int]) -> None:
    """The cursor on a group of 12 stands for these, and not for the one row under the other cursor."""

    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        await op.press("tab")
        for key in ("ctrl+d", "R", "E"):
            op.forget_remarks()
            await op.press(key)
            await op.hears("which tasks? space marks all of a group, tab goes to the rows")
        for key in ("v", "equals_sign"):
            op.forget_remarks()
            await op.press(key)
            await op.hears("which tasks?" if key == "v" else "compare: mark two tasks")
        assert "tab rows" in op.lines[-1]
        assert ("row " in op.text) == op.app.screen.tasks.table.display
        await op.press("e")  # takes what matches, wherever keys go
        await op.sees("Export 16 tasks")
        await op.press("escape", "space")
        await op.sees("12 marked")
        await op.press("ctrl+d")
        await op.arrives("ConfirmDialog")
        assert "12" in op.dialog

    operate(mail.settings, play, size=size)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_where_it_is_narrow_the_groups_stand_in_the_place_of_the_list(mail: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        assert "email:send" not in op.text.split("Error")[0]
        await op.press("tab")
        await op.until(lambda: figures(op), "groups in sight")
        assert not op.app.screen.tasks.table.display
        assert op.app.screen.groups.panel.size.width == size[0]
        await op.sees("enter show alone", "space mark", "tab rows")
        assert "row " not in op.lines[-2]
        for key in ("t", "w"):
            op.forget_remarks()
            await op.press(key)
            await op.hears("the rows are out of sight: tab shows them")
        op.forget_remarks()
        await op.press("enter")
        await op.sees("12 match")
        await op.press("escape")
        await op.until(lambda: op.app.screen.tasks.table.has_focus, "the list again")
        assert "row 1 of 12" in op.text

    operate(mail.settings, play, size=size)


def test_all_groups_of_a_facet_open_on_a_screen_of_their_own(valkey: Live) -> None:
    valkey.asynq.register("mail")
    for number in range(30):
        valkey.asynq.add("mail", f"task-{number}", score=NOW, type=f"type:{number:02}")

    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        await op.press("tab", *["down"] * 8)
        await op.sees("and 22 more")
        await op.press("enter")
        await op.arrives("ArchiveGroupsScreen")
        await op.sees("30 in all")
        await op.press("slash", *"type:2", "enter")
        await op.sees("10 match of 30")
        await op.press("space")
        await op.sees("1 marked")
        await op.press("enter")
        await op.arrives("TasksScreen")
        await op.sees("/ type==type:2")
        await op.sees("1 match of 30")

    operate(valkey.settings, play, size=(160, 30))


async def all_types(op: Operator) -> None:
    """Open the screen of all groups by type."""
    op.app.screen.groups.show_all(TYPE)
    await op.until(lambda: op.where.endswith("GroupsScreen") and not op.app.screen.reading(), "all types")


@pytest.mark.parametrize(
    ("key", "asks"), [("R", "Run 12 archived tasks"), ("E", "payloads of 12 tasks"), ("e", "Export 12 tasks")]
)
def test_what_is_done_on_the_screen_of_all_groups_is_for_the_one_under_the_cursor(
    mail: Live, key: str, asks: str
) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await all_types(op)
        await op.press(key)
        await op.sees(asks)
        await op.press("escape", "down", "space")
        await op.sees("4 marked")
        await op.press("up", key)  # what is marked goes before
        await op.sees(asks.replace("12", "4"))

    operate(mail.settings, play, size=(160, 40))


def test_a_group_is_deleted_where_all_of_a_facet_are_shown_and_they_are_counted_anew(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await all_types(op)
        await op.press("down", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert "where groups, type==report:make" in op.dialog
        assert "Type 4 to confirm" in op.dialog
        await op.press("4", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.sees("1 in all")
        assert "report:make" not in "".join(op.rows)

    operate(mail.settings, play, size=(160, 40))


def test_findings_are_repaired_where_all_groups_of_a_facet_are_shown(valkey: Live) -> None:
    valkey.asynq.register("mail")
    valkey.asynq.add_many("mail", [f"loose-{number}" for number in range(3)], referenced=False)

    async def play(op: Operator) -> None:
        await op.scan("mail")
        await op.scanned()
        await all_types(op)
        await op.press("m")
        await op.sees("What to do with 3 findings?")
        await op.press("escape", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert "Type 3 to confirm" in op.dialog

    operate(valkey.settings, play, size=(160, 40))


def test_a_high_panel_shows_the_groups_that_there_is_room_for(valkey: Live) -> None:
    valkey.asynq.register("mail")
    for number in range(60):
        valkey.asynq.add(
            "mail", f"task-{number}", score=NOW, type=f"type:{number % 20:02}", error_msg=f"of {'abc'[number % 3]}"
        )

    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        await op.until(lambda: sum("type:" in line for line in op.part("GroupsPanel")) == 20, "every type")
        assert "more ⏎" not in op.text

    operate(valkey.settings, play, size=(200, 50))


def test_the_triage_view_divides_errors_by_type_and_age(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        assert re.search(r"dial tcp <host>: refused +email:send +12 +.* 3 +· +3 +· +3 +3 ", op.rows[0])
        assert re.search(r"context deadline exceeded +report:make +4 +.* 4 +· +· +· +· +· ", op.rows[1])
        assert "dial tcp 10.0.0." in op.words("ErrorExample")
        await op.press("down")
        await op.until(lambda: LATE in op.words("ErrorExample"), "the other example")
        await op.press("escape")
        await op.arrives("QueuesScreen")

    operate(mail.settings, play, size=(160, 40))


def test_a_cell_opens_as_a_filtered_list_and_escape_comes_back_to_it(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        await op.press("left", "left", "enter")
        await op.arrives("TasksScreen")
        await op.sees("3 match of 16")
        assert '/ signature=="dial tcp <host>: refused" type==email:send age>30d age<=90d' in op.text
        await op.press("escape")
        await op.arrives("ArchiveTriageScreen")
        await op.until(lambda: op.app.screen.triaged.groups.current and len(op.rows) == 2, "all of it again")
        assert "▸3" in op.cursor
        await op.press("escape", "escape")
        await op.arrives("QueuesScreen")

    operate(mail.settings, play, size=(160, 40))


def test_marks_of_cells_are_those_of_the_list(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await op.press("T")
        await op.arrives("ArchiveTriageScreen")
        await op.triaged()
        await op.press("left", "left", "space", "space")
        await op.sees("6 marked")
        await op.until(lambda: op.app.screen.triaged.marks.marking is False, "marked")
        await op.press("home", "right", "space")
        await op.until(lambda: len(op.app.screen.triaged.marks.marked) == 12, "the whole row")
        await op.until(lambda: op.rows[0][1] == "●", "the sign of a whole row")

    operate(mail.settings, play, size=(160, 40))


def test_a_cell_is_deleted_by_an_ordinary_plan(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        await op.press("left")
        await op.plan()
        assert "Delete 3 tasks" in op.text
        await op.type("3")
        await op.press("enter")
        await op.arrives("ReportDialog")
        await op.press("enter")
        await op.arrives("ArchiveTriageScreen")
        await op.until(lambda: op.rows and re.search(r"email:send +9 ", op.rows[0]), "counted without them")
        assert mail.client.zcard("asynq:{mail}:archived") == 13

    operate(mail.settings, play, size=(160, 40))


def test_findings_have_a_triage_view_too(mail: Live) -> None:
    for number in range(3):
        mail.asynq.add("mail", f"lost-{number}", referenced=False, error_msg=LATE)

    async def play(op: Operator) -> None:
        await op.scan()
        await op.press("T")
        await op.arrives("FindingTriageScreen")
        await op.triaged()
        assert "Orphan scan ▸ all queues ▸ triage" in op.text
        await op.press("enter")
        await op.arrives("ScanScreen")
        await op.sees("match of")
        await op.press("escape")
        await op.arrives("FindingTriageScreen")

    operate(mail.settings, play, size=(160, 40))


def test_the_triage_view_is_filtered_where_it_stands(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        await op.press("slash", *"age>1h", "enter")
        await op.sees("triage   9 tasks")
        assert op.text.count("age>1h") == 1
        await settled(op)
        assert len(op.rows) == 1
        await op.press("enter")
        await op.arrives("TasksScreen")
        await op.sees("9 match of 16")
        await op.press("escape")
        await op.arrives("ArchiveTriageScreen")
        await op.sees("triage   9 tasks", "age>1h")
        await op.press("slash", *" newest:2", "enter")
        await op.sees("triage   2 tasks", "/ age>1h newest:2")
        await settled(op)
        await op.press("space")
        await op.sees("2 marked")
        await op.press("escape")
        await op.sees("triage   2 marked   16 tasks")
        await settled(op)
        assert len(op.rows) == 2
        await op.press("escape", "escape")
        await op.arrives("QueuesScreen")

    operate(mail.settings, play, size=(120, 30))


def test_a_filter_typed_in_the_triage_view_is_that_of_the_list(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await op.press("slash", *"type:email:send", "enter", "T")
        await op.sees("triage   12 tasks", "filter: “type:email:send”")
        await op.press("slash")
        assert op.app.focused.value == "type:email:send"
        await op.type(" age>80d")
        await op.press("enter")
        await op.sees("triage   3 tasks")
        await settled(op)
        await op.press("q")
        await op.arrives("TasksScreen")
        await op.sees("3 match of 16", "/ type:email:send age>80d")
        await op.press("T", "slash", *" age<90d", "enter")
        await op.sees("No task matches the filter: esc shows all.")
        await op.press("escape")  # what the view was opened with
        await op.sees("triage   3 tasks")
        await op.press("escape")
        await op.sees("3 match of 16")

    operate(mail.settings, play, size=(120, 30))


def test_nothing_is_chosen_by_a_filter_that_cannot_be_read(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        await op.press("slash", *"age>30", "enter")
        await op.sees("age wants a number and a unit")
        for key in ("space", "ctrl+d", "R", "E", "e", "enter"):
            await op.press(key)
            await op.hears("the filter cannot be read: correct it, or esc shows all")
            op.forget_remarks()
        await op.press("escape")
        await op.sees_no("age>30")
        await settled(op)
        await op.press("space")
        await op.sees("12 marked")

    operate(mail.settings, play, size=(100, 24))


def test_marks_that_a_filter_hides_are_told_in_the_triage_view(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await triage(op)
        await op.press("space")
        await op.sees("12 marked")
        await op.press("slash", *"deadline", "enter")
        await op.sees("12 marked, 12 hidden by filter")


def test_the_footer_names_what_keys_do_to_groups_and_a_click_does_it(mail: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks("mail")
        await counted(op)
        assert "enter open" in op.words("KeyBar")
        await op.press("tab")
        await op.until(lambda: "enter show alone   space mark" in op.lines[-1], "the keys of groups")
        await op.pilot.click("KeyBar", offset=(op.lines[-1].index("space mark"), 0))
        await op.sees("12 marked")
        await op.press("tab")
        await op.until(lambda: "enter open" in op.words("KeyBar"), "the keys of the list")

    operate(mail.settings, play, size=(140, 40))


def test_nothing_is_said_of_tasks_that_nobody_has_read_yet(mail: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    may, list_all = threading.Event(), ListJob._list_all

    def wait(job: ListJob) -> None:
        assert may.wait(30)
        list_all(job)

    monkeypatch.setattr(ListJob, "_list_all", wait)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.point_at("  mail")
        with op.holding():
            await op.press("T")
            await op.arrives("ArchiveTriageScreen")
            await op.until(lambda: op.app.screen.triaged.groups.answer is not None, "an answer about nothing")
            await op.sees("Counting…")
            assert "Nothing failed here" not in op.text
            assert "0 tasks" not in op.text
            may.set()
        await op.sees("16 tasks", "row 1 of 2")

    operate(mail.settings, play)


def test_types_tell_rows_of_one_error_apart_at_80_columns(mail: Live) -> None:
    mail.asynq.add("mail", "late-too", score=NOW - 60, type="email:send", error_msg=LATE)

    async def play(op: Operator) -> None:
        def told_apart() -> bool:
            return len(op.rows) == 3 and all(map(str.__contains__, op.rows, ("email:", "report:", "email:")))

        await triage(op)
        await op.until(told_apart, "types")
        await op.press(*["right"] * 6)
        await op.until(lambda: "older" in op.text and told_apart(), "types beside the last age")

    operate(mail.settings, play, size=(80, 24))
