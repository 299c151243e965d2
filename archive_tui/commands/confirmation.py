"""The number that has to be typed before anything is changed."""

from collections.abc import Callable

from archive_tui.asynq.outcomes import Verb
from archive_tui.errors import RefusedError

Ask = Callable[[str], str]
"""Puts a question to whoever sits at the terminal, and returns what was typed."""


def refuse_unasked(done: str, *, yes: bool, ask: Ask | None) -> None:
    """Raise RefusedError where nobody is there to confirm what is to be `done` ("deleted"), and no --yes said so."""
    if not yes and ask is None:
        raise RefusedError(f"nothing was {done}: without a terminal to confirm on, give --yes (or --dry-run)")


def confirm(count: int, verb: Verb, *, yes: bool, ask: Ask | None) -> None:
    """Have the count typed, unless --yes said so. Raises RefusedError where it was not, or where nobody is there."""
    refuse_unasked(verb.past, yes=yes, ask=ask)
    if not yes and ask is not None and ask(f"Type {count} to {verb.base}").strip() != str(count):
        raise RefusedError(f"not confirmed: nothing was {verb.past}")
