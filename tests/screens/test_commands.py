"""Commands: each has a method wherever it is listed, a key of its own on its screen, and an id to remap it by."""

import importlib
import pkgutil

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widget import Widget

from archive_tui import tui
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import Command, runs
from archive_tui.tui.widgets.document import DocumentView
from archive_tui.tui.widgets.table import VirtualTable

IDS = (
    "again back change-pace clean-old copy copy-id delete down explain filter first follow groups help journals "
    "last leave mark mark-all mark-group mark-range narrow next-task open page-down page-up palette pause-refresh "
    "pause-scan previous-task quit quit-anywhere quit-at-once read-again refresh repair repair-queue rescan restore "
    "restore-journal run save scan-all scan-messages scan-queue scroll-left scroll-right search search-next sort stop "
    "undo-change unmark up wide wrap"
)


class Wave(Command):
    key = "f2,ctrl+y"
    title = "wave"
    help = "Wave a hand."


class Nod(Command):
    key = "f3"
    title = "nod"
    help = "Nod once."


class Hand:
    """A part that waves."""

    @runs(Wave)
    def wave(self) -> None:
        pass


def test_a_screen_that_lists_a_command_without_a_method_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="HandlessScreen lists Wave, but nothing it has runs that command"):

        class HandlessScreen(CommandScreen):
            COMMANDS_HERE = (Wave,)


def test_the_method_may_be_that_of_a_part() -> None:
    class HandyScreen(CommandScreen):
        COMMANDS_HERE = (Wave,)
        PARTS = (Hand,)

    assert "wave" in {binding.id for binding in HandyScreen.BINDINGS}


def test_two_commands_of_a_screen_cannot_share_a_key() -> None:
    class Shake(Command):
        key = "ctrl+y"
        title = "shake"
        help = "Shake hands."

    with pytest.raises(TypeError, match=r"Wave and Shake share the key ctrl\+y"):

        class CrowdedScreen(CommandScreen):
            COMMANDS_HERE = (Wave, Shake)
            PARTS = (Hand,)

            @runs(Shake)
            def shake(self) -> None:
                pass


def test_a_reason_must_be_a_method() -> None:
    with pytest.raises(NameError):

        class Head:
            @runs(Nod, unless=why_not_nod)  # type: ignore[name-defined]  # noqa: F821
            def nod(self) -> None:
                pass


def classes_with_bindings() -> list[type[DOMNode]]:
    """Every class of the screens, dialogs and widgets that has bindings of its own."""
    for module in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        importlib.import_module(module.name)
    waiting: list[type] = [DOMNode]
    found = set()
    while waiting:
        waiting += (one := waiting.pop()).__subclasses__()
        if one.__module__.startswith(tui.__name__) and "BINDINGS" in vars(one):
            found.add(one)
    return sorted(found, key=lambda one: one.__name__)


def test_every_binding_has_an_id_to_remap_it_by() -> None:
    classes = classes_with_bindings()
    assert len(classes) > 8
    for one in classes:
        ids = [binding.id if isinstance(binding, Binding) else None for binding in one.BINDINGS]
        assert all(ids), one.__name__
        assert len(set(ids)) == len(ids), one.__name__


@pytest.mark.parametrize("widget", [VirtualTable, DocumentView])
def test_lists_and_documents_know_every_way_to_move(widget: type[Widget]) -> None:
    bound = {binding.id: binding for binding in widget.BINDINGS if isinstance(binding, Binding)}
    for move in commands.MOVES:
        binding = bound[move.id()]
        assert binding.key == move.key
        assert hasattr(widget, f"action_{binding.action.partition('(')[0]}")


def test_the_ids_of_commands_stay() -> None:
    """People remap keys by them: a new name for a command breaks what they have written down."""
    known = [one for one in vars(commands).values() if isinstance(one, type) and issubclass(one, Command)]
    assert set(IDS.split()) <= {one.id() for one in known}


def test_every_binding_of_a_command_has_its_id() -> None:
    assert commands.MarkAll.id() == "mark-all"
    binding = commands.MarkAll.binding("run_command('mark-all')")
    assert (binding.id, binding.key, binding.description) == ("mark-all", "asterisk", "mark all")
