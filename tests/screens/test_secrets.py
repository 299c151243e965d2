"""No screen, dialog, remark or copy shows what is masked, unless it is asked to; walked over all commands."""

from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.planted_secret import OPEN, PAYLOADS, SECRET, leaks, plant
from support.servers import Live
from textual.widgets import Input

from archive_tui.catalog.facets import ERROR
from archive_tui.journal.reader import Journal
from archive_tui.settings.model import RedactionSettings
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import Command
from archive_tui.tui.keymap import all_screens

QUEUE = "vault"
SIZE = (200, 60)

LEAVING = {
    commands.Quit, commands.QuitAnywhere, commands.QuitAtOnce, commands.Suspend, commands.Leave, commands.Back,
    commands.ShowSecrets, commands.FilterByNode, commands.Journals, commands.NextTask, commands.PreviousTask,
}  # fmt: skip
"""Commands that leave the screen, or that are looked at by themselves."""

WITHOUT_TASKS = {"FirstChooserScreen", "ChooserScreen", "ConnectionScreen"}
BASES = {"GroupsScreen", "TaskScreen", "TriageScreen"}


@pytest.fixture
def vault(valkey: Live) -> Live:
    plant(valkey, QUEUE, now=NOW)
    return valkey


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that was sent to the clipboard of the terminal."""
    sent: list[str] = []
    monkeypatch.setattr("textual.app.App.copy_to_clipboard", lambda _app, text: sent.append(text))
    for name in ("PAGER", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    return sent


class Walk:
    """Looks at a screen, and at what each of its commands brings."""

    def __init__(self, op: Operator, copies: list[str]) -> None:
        self.op = op
        self.copies = copies
        self.walked: set[type[CommandScreen]] = set()

    def look(self, what: object) -> None:
        """Nothing that an operator can see or take gives the secret away."""
        for text in (self.op.text, *self.op.app.said, *self.copies):
            assert not leaks(text), (self.op.where, what, leaks(text))

    async def over(self) -> None:
        """Run every command of the screen on top, and come back from where it leads to."""
        op = self.op
        screen = op.app.screen
        assert isinstance(screen, CommandScreen)
        self.walked.add(type(screen))
        self.look("as it is")
        focused = op.app.focused
        for command in screen.listed():
            if command in LEAVING or "enter" in command.key.split(","):
                continue
            if screen.refusal(command) is None:
                await self._try(screen, command)
                screen.set_focus(focused)

    async def _try(self, screen: CommandScreen, command: type[Command]) -> None:
        op = self.op
        screen.run_command(command)
        await op.settle()
        self.look(command)
        while op.app.screen is not screen and screen in op.app.screen_stack:
            if isinstance(op.app.screen, CommandScreen):
                op.app.pop_screen()
                await op.settle()
            else:
                await op.press("escape")
            self.look(command)
        if isinstance(op.app.focused, Input):
            await op.press("escape")
        await op.until(lambda: op.app.screen is screen, f"back from {command}")


async def all_groups(op: Operator) -> None:
    """Open the screen of all groups by what stands in the column."""
    (value,) = op.app.screen.tasks.contents.columns
    op.app.screen.groups.show_all(value.facet)
    await op.until(lambda: op.where.endswith("GroupsScreen") and not op.app.screen.reading(), "the groups")


@pytest.mark.slow
def test_no_screen_shows_what_is_masked(vault: Live, copies: list[str]) -> None:
    walked: set[type[CommandScreen]] = set()

    async def play(op: Operator) -> None:
        walk = Walk(op, copies)
        await op.queues()
        await walk.over()
        await op.tasks(QUEUE)
        await op.press("C", "a")
        await op.type("payload.password")
        await op.press("enter", "enter")
        await op.until(lambda: "***" in op.text)
        await walk.over()
        await op.press("slash")
        for part in ("error:", "signature:", "payload.pass", "header."):
            await op.type(part)
            await op.press("tab")
            walk.look(part)
            await op.press("ctrl+u")
        await op.press("escape")
        await op.unfiltered()
        await op.press("g")
        await op.task()
        for number in range(len(PAYLOADS)):
            walk.look(number)
            for _ in range(5):  # no payload here has more readings
                await op.press("v")
                walk.look((number, "v"))
            if not number:
                await walk.over()
            if number + 1 < len(PAYLOADS):
                await op.press("n")
                await op.until(lambda: not op.app.screen.reading(), "the next task read")
        await op.press("q")
        await op.press("T")
        await op.until(lambda: op.where.endswith("TriageScreen") and op.rows)
        await walk.over()
        await op.press("q", "q")
        await op.tasks(QUEUE)
        await with_a_column(op, "payload.password")
        await all_groups(op)
        await walk.over()
        await op.press("q", "q")
        await op.scan(QUEUE)
        await walk.over()
        await with_a_column(op, "payload.password")
        await all_groups(op)
        await walk.over()
        await op.press("q")
        await op.press("T")
        await op.until(lambda: op.where.endswith("TriageScreen") and op.rows)
        await walk.over()
        await op.press("q")
        await op.press("g", "enter")
        await op.until(lambda: op.where.endswith("TaskScreen") and not op.app.screen.reading())
        await walk.over()
        await op.press("q", "q")
        await op.tasks(QUEUE)
        await op.press("g", "space", "space", "equals_sign")
        await op.arrives("ComparisonScreen")
        await op.until(lambda: not op.app.screen.reading(), "compared")
        await walk.over()
        await op.press("q", "asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        walk.look("a plan")
        await op.press(*str(len(PAYLOADS)), "enter")
        await op.arrives("ReportDialog")
        walk.look("a report")
        await op.press("enter", "J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: any(row.startswith("▌") for row in op.rows), "journals listed")
        await walk.over()
        await op.press("enter")
        await op.read()
        await op.until(lambda: op.rows, "tasks drawn")
        await walk.over()
        await op.task_in_journal()
        await walk.over()
        walked.update(walk.walked)

    operate(vault.settings, play, size=SIZE)
    assert copies
    left_out = {screen.__name__ for screen in all_screens()} - {screen.__name__ for screen in walked}
    assert left_out <= WITHOUT_TASKS | BASES, left_out
    audit = Path(platformdirs.user_state_dir("archive-tui")) / "audit.jsonl"
    assert not audit.exists() or not leaks(audit.read_text())


def test_an_exclamation_mark_shows_everything_of_one_task(vault: Live, copies: list[str]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await op.task()
        assert "masked: password, apiKey" in op.text
        assert SECRET not in op.text
        assert OPEN in op.text
        await op.press("exclamation_mark")
        await op.sees(SECRET, "secrets shown")
        await op.press("y")
        await op.until(lambda: any(SECRET in one for one in copies))
        await op.press("exclamation_mark")
        await op.sees_no(SECRET)
        assert "secrets shown" not in op.lines[1]
        await op.press("exclamation_mark")
        await op.sees(SECRET)
        await op.press("n")
        await op.until(lambda: not op.app.screen.reading())
        assert SECRET not in op.text
        assert "secrets shown" not in op.lines[1]

    operate(vault.settings, play, size=SIZE)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (140, 40)])
def test_the_hint_how_to_show_what_is_masked_is_never_cut(vault: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await op.task()
        if size[1] < 20:
            await op.press("tab")
        await op.sees("(! shows it)")

    operate(vault.settings, play, size=size)


async def with_a_column(op: Operator, path: str) -> None:
    await op.press("C", "a")
    await op.type(path)
    await op.press("enter", "enter")


def test_an_exclamation_mark_shows_everything_of_a_list_until_it_is_left(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await with_a_column(op, "payload.password")
        await op.until(lambda: "***" in op.text)
        await op.press("g", "space")
        op.app.screen.tasks.sort_by("payload.password")
        await op.until(lambda: not op.app.screen.tasks.sorting, "sorted")
        assert not leaks(op.text)
        await op.press("exclamation_mark")
        await op.until(lambda: op.text.count(SECRET) >= 8, "payloads shown")
        await op.until(lambda: all(SECRET[:8] in row for row in op.rows), "errors shown")
        assert "secrets shown" in op.lines[0]
        assert "***" not in "".join(op.rows)
        await op.press("enter")
        await op.until(lambda: op.where.endswith("TaskScreen") and not op.app.screen.reading())
        assert not leaks(op.text)  # of the list, and of nothing else
        await op.press("q", "exclamation_mark")
        await op.sees_no(SECRET)
        assert "secrets shown" not in op.lines[0]
        await op.press("exclamation_mark")
        await op.sees(SECRET)
        await op.press("q")
        await op.arrives("QueuesScreen")
        await op.tasks(QUEUE)
        await op.sees("1 marked")
        assert not leaks(op.text)

    operate(vault.settings, play, size=SIZE)


def test_the_groups_and_the_triage_view_show_what_the_list_shows(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await with_a_column(op, "payload.password")
        await op.press("T")
        await op.arrives("ArchiveTriageScreen")
        await op.until(lambda: op.app.screen._shown, "counted")
        assert not leaks(op.text)
        await op.press("exclamation_mark")
        await op.until(lambda: SECRET in "".join(op.rows), "the commonest value is shown")
        await op.sees(f"Bearer {SECRET}", "secrets shown")  # the example
        await op.press("q")
        await op.arrives("TasksScreen")
        await op.until(lambda: any(SECRET in one for one in op.part("GroupsPanel")), "the groups show it")
        await op.press("q")
        await op.arrives("QueuesScreen")
        assert not leaks(op.text)

    operate(vault.settings, play, size=SIZE)


def test_the_screen_of_all_groups_shows_values_from_payloads_as_they_are(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await with_a_column(op, "payload.password")
        groups = op.app.screen.groups
        (value,) = op.app.screen.tasks.contents.columns
        groups.show_all(value.facet)
        await op.arrives("ArchiveGroupsScreen")
        await op.sees("***")
        assert not leaks(op.text)
        await op.press("exclamation_mark")
        await op.until(lambda: SECRET in "".join(op.rows), "shown")
        await op.press("exclamation_mark")
        await op.sees_no(SECRET)
        await op.press("q")
        groups.show_all(ERROR)
        await op.arrives("ArchiveGroupsScreen")
        await op.press("exclamation_mark")
        await op.hears("signatures stay masked: filters go by them")

    operate(vault.settings, play, size=SIZE)


@pytest.mark.parametrize("path", ["payload.password", "header.Authorization"])
def test_a_group_of_masked_values_is_narrowed_to_and_changed_without_telling_them(vault: Live, path: str) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await with_a_column(op, path)
        await op.until(lambda: op.app.screen.groups.current and op.app.screen.tasks.final, "counted")
        await all_groups(op)
        group = op.app.screen.table.cursor_row
        assert "***" in group.value
        await op.press("enter")
        await op.arrives("TasksScreen")
        await op.sees(f"{group.amount.tasks:,} match of")
        assert not leaks(op.text)
        await op.press("asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        assert not leaks(op.text)
        assert not any(map(leaks, op.app.filters.typed))

    operate(vault.settings, play, size=SIZE)


@pytest.mark.parametrize("path", ["payload.password", "header.Authorization"])
def test_no_filter_is_written_that_tells_what_a_list_alone_shows(vault: Live, path: str) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await with_a_column(op, path)
        await op.until(lambda: "***" in op.text and op.app.screen.tasks.final, "masked")
        await op.press("exclamation_mark")
        await op.until(lambda: any(SECRET in row for row in op.part("GroupsPanel")), "the groups show it")
        panel = op.app.screen.groups.panel
        await op.press("tab")
        while SECRET not in panel._options.highlighted_option.id:
            await op.press("down")
        await op.press("enter")
        await op.hears("show alone: a filter must not tell what ! shows: space marks its tasks")
        assert not op.app.screen.tasks.query_now.text
        await op.press("escape")
        await all_groups(op)
        await op.until(lambda: SECRET in "".join(op.rows), "shown there, too")
        await op.press("enter")
        await op.hears("show alone: a filter must not tell what ! shows")
        for key, said in (("ctrl+d", "delete"), ("R", "run"), ("e", "export")):
            await op.press(key)
            await op.hears(f"{said}: a filter must not tell what ! shows")
        await op.press("space")
        await op.until(lambda: op.app.screen.triaged.marks.marked, "its tasks are marked")
        await op.press("ctrl+d")
        await op.arrives("ConfirmDialog")
        assert not leaks(op.dialog)
        await op.press(*str(len(op.app.screen_stack[-2].triaged.marks.marked)), "enter")
        await op.arrives("ReportDialog")

    operate(vault.settings, play, size=SIZE)
    state = Path(platformdirs.user_state_dir("archive-tui"))
    (journal,) = (state / "journal").iterdir()
    assert not leaks(repr(Journal(journal).header))
    assert not leaks((state / "audit.jsonl").read_text())


def test_a_task_that_shows_everything_makes_no_filter_of_what_is_masked(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await op.task()
        await op.press("exclamation_mark")
        await op.sees(SECRET)
        while op.app.screen._boxes.pointed_at.path.steps != ("password",):
            await op.press("down")
        await op.press("F")
        await op.hears("filter by value: a filter must not tell what ! shows")

    operate(vault.settings, play, size=SIZE)


def test_an_exclamation_mark_shows_everything_of_a_journal(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await op.press("space", "ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.press("tab", "enter")
        await op.hears("deleted 1 task")
        await op.press("J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: any(row.startswith("▌") for row in op.rows), "journals listed")
        await op.press("enter")
        await op.read()
        await op.until(lambda: op.rows, "tasks drawn")
        await with_a_column(op, "header.Authorization")
        await op.until(lambda: "***" in op.text)
        assert not leaks(op.text)
        await op.press("exclamation_mark")
        await op.until(lambda: op.text.count(SECRET) > 1, "error and header shown")
        assert "secrets shown" in op.lines[0]

    operate(vault.settings, play, size=SIZE)


def test_a_search_does_not_find_what_is_masked(vault: Live) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        await op.task()
        await op.press("slash")
        await op.type(SECRET[:4])
        await op.press("enter")
        await op.sees("no match")
        await op.press("escape", "slash")
        await op.type("mira")
        await op.press("enter")
        await op.sees_no("no match")

    operate(vault.settings, play, size=SIZE)


@pytest.mark.parametrize("settings", [RedactionSettings(shown=True), RedactionSettings(())])
def test_a_run_may_mask_nothing(vault: Live, settings: RedactionSettings) -> None:
    async def play(op: Operator) -> None:
        await op.tasks(QUEUE)
        assert SECRET[:3] in op.text
        await op.task()
        assert SECRET in op.text
        assert ("secrets shown" in op.lines[0]) == settings.shown
        op.forget_remarks()
        await op.press("exclamation_mark")
        await op.hears("nothing is masked in this session")

    operate(replace(vault.settings, redaction=settings), play, size=SIZE)
