"""Lists that were left with marks: they wait, out of sight, until they are opened again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from textual.app import App

if TYPE_CHECKING:
    from archive_tui.tui.command_screen import CommandScreen

AnyScreen = TypeVar("AnyScreen", bound="CommandScreen")


def archive_name(queue: str) -> str:
    """The name of the list of a queue's archived tasks."""
    return f"archive {queue}"


ALL_QUEUES = "archives"
"""The name of the list of the archived tasks of all queues."""


def journal_name(path: Path) -> str:
    """The name of the list of what a journal holds."""
    return f"journal {path}"


class KeptScreens:
    """The screens that wait, by the names under which they are opened."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._screens: dict[str, CommandScreen] = {}

    def keep(self, name: str, screen: CommandScreen) -> None:
        """Keep a screen that is about to be left; the one that waited under this name goes."""
        self._screens[name] = screen
        self._app.install_screen(screen, name)

    def open(self, name: str, make: Callable[[], AnyScreen]) -> AnyScreen:
        """Open the screen that waits under a name, or a new one. Returns it."""
        waiting = self._screens.pop(name, None)
        if waiting is None:
            screen = make()
            self._app.push_screen(screen)
        else:
            screen = cast("AnyScreen", waiting)
            self._app.uninstall_screen(name)  # it goes like any other when it is left without marks
            self._app.push_screen(screen)
            screen.open_again()
        return screen

    @property
    def screens(self) -> list[CommandScreen]:
        """All that wait."""
        return list(self._screens.values())

    def marked(self, name: str) -> int:
        """How many rows are marked in the screen that waits under a name."""
        screen = self._screens.get(name)
        return screen.marked if screen is not None else 0
