"""Commands: each has a method wherever it is listed, a key of its own on its screen, and an id to remap it by."""

import pytest

from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen
from archive_tui.tui.commands import Command, runs


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


def test_every_binding_of_a_command_has_its_id() -> None:
    assert commands.MarkAll.id() == "mark-all"
    binding = commands.MarkAll.binding("run_command('mark-all')")
    assert (binding.id, binding.key, binding.description) == ("mark-all", "asterisk", "mark all")
