"""The words that the screens use, for their help: in the head of a screen, in its cells, and in a plan."""

from collections.abc import Sequence

from archive_tui.asynq.findings import Kind

WORDS: Sequence[tuple[str, str]] = (
    ("as of", "how long ago what you see was read; while the refresh is paused, it grows"),
    ("read-write", "changes are possible, each after its plan; read-only: none are"),
    ("primary away", "a replica that does not hear its primary: its data is older than its answers"),
    ("≥", "at least so many: not all was looked at yet, or it was stopped"),
    ("~", "an estimate"),
    ("–", "not measured yet; 0 is measured, and none"),
    ("●", "marked; in the head how many, and how many of them the filter hides"),
    ("polite pace", "a job keeps the server busy half of the time; gentle: a fifth of it; full: all of it"),
    (
        "signature",
        "an error whose numbers, ids, hosts and quoted texts are replaced: <n>, <host>; errors are counted by it",
    ),
    (
        "settled",
        "of a finding: the task and its index were read at one moment, so that live traffic makes no false ones",
    ),
    ("leftover queue", "a queue that has keys but is missing from `asynq:queues`: Asynq no longer knows it"),
    ("index", "the list or sorted set of a queue that holds the ids of the tasks in one state"),
    *((kind.label, kind.explained.what) for kind in Kind),
)
"""What stands on the screens, and what it means."""

PLAN: Sequence[tuple[str, str]] = (
    ("WHAT", "which tasks, by whom they were chosen (marks, a filter), their types, ages, errors and size"),
    ("THEN", "what follows from it, and what is left alone: each task is looked at again at the moment of the change"),
    ("WAY BACK", "how it is undone: what is written to the journal first, how large that is, and the room for it"),
    ("Why", "your reason, kept in the journal and the audit"),
    (
        "Type …",
        "the count of what is changed. It goes to its field wherever the focus is; any other sign locks the plan",
    ),
    ("Cancel", "has the focus at first. Enter takes it until all that must be typed stands there"),
)
"""The parts of the plan of a change."""
