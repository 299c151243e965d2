"""Copying from a task to the terminal's clipboard: payload, error, id, a node of the payload, a line for a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from archive_tui.asynq.task import Task
from archive_tui.payloads.nodes import Kind, Node, walk
from archive_tui.payloads.writing import written
from archive_tui.settings.redis_cli import redis_cli
from archive_tui.tui import commands
from archive_tui.tui.command_screen import CommandScreen, Part
from archive_tui.tui.commands import runs
from archive_tui.tui.dialogs.choice import ChoiceDialog
from archive_tui.tui.task.payload_export import Loaded
from archive_tui.wording.people import size

MOST_BYTES = 100_000
"""Terminals drop or truncate OSC 52 above about this many bytes."""

_SURELY_TOO_MUCH = 5_000_000
"""Bytes of a payload that is not even written out to be copied: that would hold up the screen."""


_MOST_NODES = 5_000
"""Values within a value of a large payload up to which it is written out."""


class _Copy(NamedTuple):
    """Something that can be copied."""

    title: str
    """Its name in the menu."""

    content: Callable[[], str | None]
    """Makes it, when it is wanted; None: there is none."""

    otherwise: str = ""
    """Why there may be none, and what to do."""

    about: int = 0
    """About how many bytes it has, where that is known before it is made."""


class TaskCopies(Part):
    """Sends parts of the task that is shown to the terminal's clipboard; what is masked on the screen, masked."""

    def __init__(
        self,
        screen: CommandScreen,
        loaded: Callable[[], Loaded | None],
        task_id: Callable[[], bytes | None],
        node: Callable[[], tuple[str, Node] | None] = lambda: None,
        *,
        in_redis: bool = True,
    ) -> None:
        """`loaded` gives the task that is shown, None while it is read; `task_id` its id, None where it is gone; `node`
        the node of the payload under the cursor and its path, None where there is none. Where the task is not
        `in_redis`, no line for a shell reaches it.
        """
        super().__init__(screen)
        self._loaded = loaded
        self._task_id = task_id
        self._node = node
        self._in_redis = in_redis

    def why_not_copy(self) -> str | None:
        """Why there is no payload to take."""
        return "nothing was read" if self._loaded() is None else None

    @runs(commands.Copy, unless=why_not_copy)
    def copy(self) -> None:
        """Send the payload, as it is shown, to the terminal's clipboard."""
        if (loaded := self._loaded()) is not None:
            self._send(_Copy("payload", lambda: _plain(loaded), about=loaded.truth.payload_bytes))

    @runs(commands.CopyId)
    def copy_id(self) -> None:
        """Send the id to the terminal's clipboard."""
        if (task_id := self._task_id()) is not None:
            self._send(_Copy("id", lambda: task_id.decode("utf-8", "replace")))

    @runs(commands.CopyMenu, unless=why_not_copy)
    def menu(self) -> None:
        """Ask what to copy."""
        if (loaded := self._loaded()) is not None:
            copies = list(self._copies(loaded))
            choices = {str(number): one.title for number, one in enumerate(copies)}
            self.screen.app.push_screen(ChoiceDialog("Copy", choices), partial(self._chosen, copies))

    def _chosen(self, copies: list[_Copy], number: str | None) -> None:
        if number is not None:
            self._send(copies[int(number)])

    def _copies(self, loaded: Loaded) -> Iterator[_Copy]:
        task = loaded.task
        if (node := self._node()) is not None:
            path, value = node
            yield _Copy("path under the cursor", lambda: path)
            too_much = f"it holds too much for a terminal's clipboard: {commands.Save} saves the payload to a file"
            yield _Copy("value under the cursor", partial(_value, value, loaded.truth.payload_bytes), too_much)
        about = loaded.truth.payload_bytes
        yield _Copy("payload, as it is shown", lambda: _plain(loaded), about=about)
        no_text = f"it is no text: {commands.Save} saves its bytes"
        yield _Copy("payload, as it was sent", lambda: _raw(loaded), no_text, about)
        if task.message is not None and (error := task.message.error_msg):
            yield _Copy("error", lambda: error)
        yield _Copy("id", lambda: task.id.decode("utf-8", "replace"))
        if self._in_redis and task.member is None and self.screen.session.settings.snapshot is None:
            no_line = "its id holds a NUL, which no line of a shell can"
            yield _Copy("redis-cli line", lambda: self._line_for(task), no_line)

    def _line_for(self, task: Task) -> str | None:
        """A line that prints the message; of a cluster any node leads to it."""
        server = self.screen.session.server
        question = [b"HGET", server.keys.task(task.queue, task.id), b"msg"]
        return redis_cli(server.at, question, cluster=server.cluster is not None)

    def _send(self, copy: _Copy) -> None:
        """Send it, and say what became of it: nobody knows whether it arrives."""
        if copy.about > _SURELY_TOO_MUCH:
            self._refuse(copy.about)
            return
        content = copy.content()
        if content is None:
            self.screen.say(copy.otherwise, warning=True)
            return
        sent = content.encode("utf-8", "replace")
        if len(sent) > MOST_BYTES:
            self._refuse(len(sent))
            return
        self.screen.app.copy_to_clipboard(sent.decode())
        arrives = f"if it does not arrive, {commands.Save} saves to a file"
        self.screen.say(f"{copy.title}: sent to the terminal's clipboard; {arrives}")

    def _refuse(self, length: int) -> None:
        too_much = f"{size(length)} is too much for a terminal's clipboard"
        self.screen.say(f"{too_much}: {commands.Save} saves the payload to a file", warning=True)


def _value(node: Node, payload_bytes: int) -> str | None:
    """A value as text; None where it holds too much to be written out, which is looked for in large payloads alone."""
    if node.kind not in (Kind.OBJECT, Kind.ARRAY):
        return node.text()
    if payload_bytes > _SURELY_TOO_MUCH and next(islice(walk(node), _MOST_NODES, None), None) is not None:
        return None
    return written(node.value())


def _plain(loaded: Loaded) -> str:
    return loaded.payload.plain().decode("utf-8", "replace")


def _raw(loaded: Loaded) -> str | None:
    """The bytes of the payload, where they are text; None: they are not."""
    try:
        return loaded.task.payload.decode()
    except UnicodeDecodeError:
        return None
