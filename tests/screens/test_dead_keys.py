"""A key that does nothing says so, on every screen and in every dialog: walked over the registry of commands."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from support.pilot import Operator, operate
from support.servers import Live
from textual.events import Key

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.facets import TYPE
from archive_tui.changes.delete import DELETE
from archive_tui.changes.report import Report
from archive_tui.changes.sheet import Sheet
from archive_tui.destinations import Destinations
from archive_tui.payloads.redaction import Redaction
from archive_tui.settings.profiles import Choices
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Wait
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.dialogs.columns import ColumnsDialog
from archive_tui.tui.dialogs.confirm import ConfirmDialog
from archive_tui.tui.dialogs.dialog import Dialog
from archive_tui.tui.dialogs.dump import DumpDialog
from archive_tui.tui.dialogs.edit import EditDialog
from archive_tui.tui.dialogs.explain import ExplainDialog
from archive_tui.tui.dialogs.help import HelpDialog
from archive_tui.tui.dialogs.name import NameDialog
from archive_tui.tui.dialogs.palette import Palette
from archive_tui.tui.dialogs.password import PasswordDialog
from archive_tui.tui.dialogs.path import PathDialog
from archive_tui.tui.dialogs.question import QuestionDialog
from archive_tui.tui.dialogs.report import ReportDialog
from archive_tui.tui.dialogs.retention import RetentionDialog
from archive_tui.tui.dialogs.run import RunDialog
from archive_tui.tui.dialogs.save import SaveDialog, SaveForm
from archive_tui.tui.dialogs.task_name import TaskNameDialog
from archive_tui.tui.keymap import all_commands, all_dialogs, all_screens
from archive_tui.tui.screens.chooser import ChooserScreen

SILENT = {"escape", "tab", "shift+tab", *(key for move in commands.MOVES for key in move.key.split(","))}
"""Keys that move and step back, of which everybody knows that they do nothing where nothing moves."""

_SHEET = Sheet(DELETE, "Delete 2 tasks?", "2 tasks", 2, (), (), (), typed="2")

DIALOGS: Mapping[type[Dialog[Any]], Callable[[Operator], Dialog[Any]]] = {
    ChoiceDialog: lambda op: ChoiceDialog("Sort", {"a": "A"}),
    ColumnsDialog: lambda op: ColumnsDialog("archive", {"a": "A", "b": "B"}, ["a"], list),
    ConfirmDialog: lambda op: ConfirmDialog(_SHEET, cast("CommandScreen", op.app.screen).session.settings),
    EditDialog: lambda op: EditDialog(2, [(b"{}", "email:send")], Redaction()),
    ExplainDialog: lambda op: ExplainDialog(Kind.GHOST),
    HelpDialog: lambda op: HelpDialog("Queues", [commands.Open]),
    NameDialog: lambda op: NameDialog("error:~refused"),
    PasswordDialog: lambda op: PasswordDialog("localhost:6379/0"),
    Palette: lambda op: Palette([]),
    PathDialog: lambda op: PathDialog(list),
    DumpDialog: lambda op: DumpDialog(),
    QuestionDialog: lambda op: QuestionDialog("Leave?", "Now?", lambda: True, yes="Yes", no="No"),
    ReportDialog: lambda op: ReportDialog(Report("Deleted 2 tasks")),
    RetentionDialog: lambda op: RetentionDialog(9),
    RunDialog: lambda op: RunDialog(2, lambda: 0.0),
    SaveDialog: lambda op: SaveDialog("file", "Save", [SaveForm("as it is", "note", "")]),
    TaskNameDialog: lambda op: TaskNameDialog("Compare with", "q"),
}


def pressed(key: str) -> Key:
    """A key as a screen gets it."""
    shown = commands.key_name(key)
    return Key(key, shown if len(shown) == 1 else " " if key == "space" else None)


def every_key() -> list[str]:
    """The keys of all commands, and one that no command has."""
    return sorted({key for command in all_commands().values() for key in command.key.split(",")} - SILENT | {"f9"})


def dead_keys(op: Operator) -> list[str]:
    """Keys of other screens' commands that nothing here is bound to."""
    return [key for key in every_key() if key not in op.app.screen.active_bindings]


async def walk(op: Operator, walked: set[type[CommandScreen]]) -> None:
    """Try every key on the screen that is open: those that are dead, and those whose command cannot run now."""
    screen = cast("CommandScreen", op.app.screen)
    walked.add(type(screen))
    for key in dead_keys(op):
        op.forget_remarks()
        screen.on_key(pressed(key))
        name = commands.key_name(key)
        assert any(remark.startswith(f"{name} does nothing here: ") for remark in op.remarks), (op.where, key)
    for command in screen.listed():
        reason = screen.refusal(command) if command in screen.available() else screen.why_no_changes
        if reason is not None:
            op.forget_remarks()
            screen.run_command(command)
            said = reason.remark if isinstance(reason, Wait) else str(reason)
            assert said, (op.where, command)
            assert any(said in remark for remark in op.remarks), (op.where, command)
            screen.waiting = None


def test_every_key_acts_or_says_why_on_every_screen(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"t{number}" for number in range(3)])
    valkey.asynq.add_many("q", ["loose"], referenced=False)
    walked: set[type[CommandScreen]] = set()

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await walk(op, walked)
        op.app.screen.groups.show_all(TYPE)
        await op.arrives("ArchiveGroupsScreen")
        await op.until(lambda: not op.app.screen.reading(), "the groups")
        await walk(op, walked)
        await op.press("q", "enter")
        await op.arrives("ArchivedTaskScreen")
        await walk(op, walked)
        await op.press("equals_sign")
        await op.arrives("ChoiceDialog")
        await op.press("enter")
        await op.arrives("ComparisonScreen")
        await op.until(lambda: not op.app.screen.reading(), "the comparison")
        await walk(op, walked)
        await op.press("q", "q", "T")
        await op.arrives("ArchiveTriageScreen")
        await walk(op, walked)
        await op.press("q", "q")
        await op.arrives("QueuesScreen")
        await walk(op, walked)
        await op.press("i")
        await op.arrives("ConnectionScreen")
        await op.sees("Eviction")
        await walk(op, walked)
        await op.press("q")
        await op.arrives("QueuesScreen")
        await op.scan("q")
        await op.scanned()
        await walk(op, walked)
        await op.press("enter")
        await op.arrives("FindingTaskScreen")
        await walk(op, walked)
        await op.press("q", "q")
        await op.arrives("QueuesScreen")
        await op.tasks("q")
        await op.press("asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.press("3", "enter")
        await op.arrives("ReportDialog")
        await op.press("enter", "J")
        await op.arrives("JournalsScreen")
        await op.until(lambda: any(row.startswith("▌") for row in op.rows), "journals listed")
        await walk(op, walked)
        await op.press("enter")
        await op.read()
        await walk(op, walked)
        await op.until(lambda: op.rows, "tasks drawn")
        await op.task_in_journal()
        await walk(op, walked)

    async def choose(op: Operator) -> None:
        assert op.where == "FirstChooserScreen"
        await walk(op, walked)
        op.app.push_screen(ChooserScreen())
        await op.arrives("ChooserScreen")
        await walk(op, walked)

    operate(valkey.settings, play)
    operate(None, choose, destinations=Destinations(Choices(environment={})))
    left_out = {screen.__name__ for screen in all_screens()} - {screen.__name__ for screen in walked}
    bases = {"GroupsScreen", "TaskScreen", "TriageScreen"}
    assert left_out <= {*bases, "FindingGroupsScreen", "FindingTriageScreen"}, left_out


@pytest.mark.parametrize("dialog", all_dialogs(), ids=lambda dialog: dialog.__name__)
def test_every_key_acts_or_says_why_in_every_dialog(valkey: Live, dialog: type[Dialog[Any]]) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        shown = DIALOGS[dialog](op)
        op.app.push_screen(shown)
        await op.arrives(dialog.__name__)
        said: list[str] = []
        shown.say = said.append  # type: ignore[method-assign]
        for key in dead_keys(op):
            event = pressed(key)
            if isinstance(shown, ConfirmDialog) and event.is_printable:
                continue  # it locks the plan, which tests of its own hold
            said.clear()
            Dialog.on_key(shown, event)
            assert said == [f"{commands.key_name(key)} does nothing here: esc closes"], key
        assert op.where == dialog.__name__

    operate(valkey.settings, play)


def test_a_dead_key_in_a_dialog_is_said_where_it_is_seen(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["t"])

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("s", "x")
        await op.until(lambda: "x does nothing here: esc closes" in op.text, "in the frame")
        await op.press("escape", "ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.press("f9")
        await op.until(lambda: "f9 does nothing here: esc closes" in op.text, "above the plan")
        assert "valkey.sock" in op.text  # the frame still says where

    operate(valkey.settings, play)
