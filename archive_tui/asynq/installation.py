"""The installation as a whole, which stands in the place of a queue for what belongs to none.

A row, a plan, a right and a line of a journal go by queue. What Asynq keeps beside its queues has the name
`INSTALLATION` there, which no queue can have. People and programs never see it: `shown` and `written` say it for them.
"""

from archive_tui.text import encode, line, readable

INSTALLATION = ""
"""Stands in the place of a queue's name. Asynq refuses an empty name, and no key can be read as one of such a queue."""


def shown(queue: str) -> str:
    """The name of a queue on a safe line for people."""
    return line(queue) if queue != INSTALLATION else "(no queue)"


def written(queue: str) -> str | dict[str, str] | None:
    """The name of a queue for programs, in JSON; None for the installation."""
    return readable(encode(queue)) if queue != INSTALLATION else None
