"""The permissions of this user: asked of the server, never tried out.

`ACL DRYRUN` answers exactly that, to users who may use it (Redis 7 and newer). Otherwise a transaction is begun, each
command is queued, and all of it is given up: the server checks the user's rights when it queues a command, and runs
none of them. Where a server has neither, `COMMAND INFO` says at least which commands it knows: hosting services rename
some, or take them away. Where that is refused as well, nothing is known, and the first real attempt will tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive_tui.asynq.actions import Action, needs
from archive_tui.asynq.installation import INSTALLATION
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.link.replies import Reply, is_unknown_command, not_offered
from archive_tui.text import decode, line

if TYPE_CHECKING:
    from archive_tui.store.facts import Right

_MOST_QUEUES = 200
"""Queues that are asked about; an installation with more of them is permitted what these are."""

_KEYS = "its keys"


@dataclass(frozen=True, slots=True)
class Permissions:
    """The actions that this user is refused. A queue that was not asked about is permitted everything, as far as
    anybody knows.
    """

    user: str = ""
    """Empty where the server would not say."""

    refused: Mapping[tuple[str, Action], tuple[str, ...]] = field(default_factory=dict)
    """By queue and action, the names of commands, or `its keys`; what is permitted is missing."""

    asked: frozenset[tuple[str, Action]] = frozenset()
    """The queues and actions that were asked about."""

    unknown: frozenset[str] = frozenset()
    """Names of commands among these that the server does not know, whoever asks."""

    def why_not(self, action: Action, queue: str) -> str:
        """The reason why this user cannot do something in a queue, in words; empty where they can, or where nobody
        knows.
        """
        refused = self.refused.get((queue, action), ())
        if unknown := [name for name in refused if name in self.unknown]:
            return f"the server does not know {not_offered(unknown)}"
        return f"the server refuses {_who(self.user)} {', '.join(refused)}" if refused else ""

    @property
    def why_unreadable(self) -> str:
        """The reason why nothing at all can be read of this server, whoever asks; empty where it can."""
        reading = [
            names
            for (queue, action), names in self.refused.items()
            if action is Action.READ and queue != INSTALLATION  # a scan goes on without the histories
        ]
        unknown = dict.fromkeys(name for names in reading for name in names if name in self.unknown)
        return f"it does not know {not_offered(list(unknown))}" if unknown else ""

    def why_nowhere(self, action: Action) -> str:
        """The reason why this user can do something in no queue at all; empty where they can in one."""
        queues = [queue for queue, asked in self.asked if asked is action and queue != INSTALLATION]
        if not queues or not all((queue, action) in self.refused for queue in queues):
            return ""
        return self.why_not(action, min(queues, key=lambda queue: _KEYS in self.refused[queue, action]))

    def rights(self) -> Iterator[Right]:
        """What may be done in the queues, action by action; what belongs to no queue is left out."""
        from archive_tui.store.facts import Right

        for action in Action:
            asked = {queue for queue, about in self.asked if about is action and queue != INSTALLATION}
            refused = {queue: self.refused[queue, action] for queue in asked if (queue, action) in self.refused}
            why = self.why_not(action, min(refused)) if refused else ""
            yield Right(action.value, len(asked) if asked else None, refused, why)

    @property
    def unreadable(self) -> frozenset[str]:
        """The queues that this user may not read."""
        return frozenset(queue for queue, action in self.refused if action is Action.READ and queue != INSTALLATION)


def _who(user: str) -> str:
    return f"user {line(user)}" if user else "this user"


def discover(pipe: Pipe, queues: Sequence[str], *, read_only: bool = False) -> Permissions:
    """Find out what may be done in these queues, and with what belongs to none. In a `read_only` session only reading
    is asked about.
    """
    actions = [Action.READ] if read_only else list(Action)
    wanted = [(queue, action, command) for queue in (*queues[:_MOST_QUEUES], INSTALLATION) for action in actions
              for command in needs(pipe.keys, action, queue)]  # fmt: skip
    user, answers = would_be_answered(pipe, [command for _, _, command in wanted])
    told = answers is not None
    if answers is None:
        answers = _known(pipe, [command for _, _, command in wanted])
    if answers is None:
        return Permissions(user)
    refused: dict[tuple[str, Action], dict[str, None]] = {}
    for (queue, action, command), answer in zip(wanted, answers, strict=True):
        if reason := refusal(command, answer):
            refused.setdefault((queue, action), {})[reason] = None
    return Permissions(
        user,
        {question: tuple(reasons) for question, reasons in refused.items()},
        frozenset((queue, action) for queue, action, _ in wanted) if told else frozenset(refused),
        frozenset(
            command[0].decode() for (_, _, command), answer in zip(wanted, answers, strict=True) if is_unknown(answer)
        ),
    )


def would_be_answered(pipe: Pipe, commands: Sequence[Command]) -> tuple[str, Sequence[Reply] | None]:
    """Ask what each command would be answered, without a trace: our user's name, empty where the server does not say;
    and the answers, for `refusal`. None where they cannot be asked for.
    """
    (name,) = pipe.call([(b"ACL", b"WHOAMI")], errors="return")
    user = name if isinstance(name, bytes) else b""
    answers = _dry_run(pipe, user, commands) if user else None
    if answers is None:
        answers = _queued(pipe, commands)
    return decode(user), answers


def _dry_run(pipe: Pipe, user: bytes, commands: Sequence[Command]) -> Sequence[Reply] | None:
    """Ask about each command; None where this may not be asked."""
    if not commands:
        return []
    (first,) = pipe.call([(b"ACL", b"DRYRUN", user, *commands[0])], errors="return")
    if isinstance(first, Exception):
        return None
    return [first, *pipe.call([(b"ACL", b"DRYRUN", user, *command) for command in commands[1:]], errors="return")]


def _queued(pipe: Pipe, commands: Sequence[Command]) -> Sequence[Reply] | None:
    """Queue each command and give all up; None where there are no transactions, or where none can be given up. Not
    before the server has said that a transaction has begun is anything else sent: without one it would be carried out.
    """
    (discarded,) = pipe.call([(b"DISCARD",)], errors="return")
    if "without multi" not in str(discarded).lower():
        return None
    (begun,) = pipe.call([(b"MULTI",)], errors="return")
    if begun != b"OK":
        return None
    *answers, _ = pipe.call([*commands, (b"DISCARD",)], errors="return")
    return answers


def _known(pipe: Pipe, commands: Sequence[Command]) -> Sequence[Reply] | None:
    """Ask which of the commands the server knows, whoever may use them; None where this may not be asked."""
    names = list(dict.fromkeys(command[0] for command in commands))
    (known,) = pipe.call([(b"COMMAND", b"INFO", *names)], errors="return")
    if not isinstance(known, list) or len(known) != len(names):
        return None
    answers = {name: b"OK" if facts else b"Command not found" for name, facts in zip(names, known, strict=True)}
    return [answers[command[0]] for command in commands]


def refusal(command: Command, answer: Reply) -> str:
    """The command, or the keys, that an answer refuses; empty for anything else that a server may answer."""
    said = _said(answer)
    if "permission" not in said and "noperm" not in said and not is_unknown(answer):
        return ""
    return _KEYS if " key" in said and "permissions to run" not in said else command[0].decode()


def is_unknown(answer: Reply) -> bool:
    """Whether an answer refuses a command because the server does not have it. The last is what ACL DRYRUN says of one
    that was renamed or taken away.
    """
    said = _said(answer)
    return (
        is_unknown_command(answer)
        or "unknown subcommand" in said
        or (said.startswith("command") and said.endswith("not found"))
    )


def _said(answer: Reply) -> str:
    return str(answer).lower() if isinstance(answer, Exception) else decode(answer).lower()
