"""The states of a task and the index that each state names (docs/asynq-storage.md)."""

from enum import StrEnum


class State(StrEnum):
    """The field `state` of a task's hash, as Asynq writes it."""

    ACTIVE = "active"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    ARCHIVED = "archived"
    COMPLETED = "completed"
    AGGREGATING = "aggregating"

    @classmethod
    def parse(cls, raw: bytes | None) -> "State | None":
        """The state that a hash field names; None where the field is missing or says something Asynq never writes."""
        return _BY_NAME.get(raw) if raw is not None else None


_BY_NAME = {state.value.encode(): state for state in State}

LISTS = (State.PENDING, State.ACTIVE)
"""States whose index is a Redis list of ids."""

SORTED_SETS = (State.SCHEDULED, State.RETRY, State.ARCHIVED, State.COMPLETED)
"""States whose index is a sorted set; the score is unix seconds. Tasks that aggregate stand in their group's set."""
