"""Abilities that a server, or its user, lacks: learned from the first refusal, remembered for all connections to it.

Whoever can do without a command asks `Abilities` first, and goes the other way where it is lacking. `INFO` and `TIME`
are not listed: each is one command with its fallback beside it, asked again every time.
"""

from enum import StrEnum

from archive_tui.store.link.replies import Reply, is_refusal, refused_command


class Ability(StrEnum):
    """A command that can be done without; the value is its name."""

    TRANSACTIONS = "MULTI"
    """Commands that are carried out as of one moment. Without it we read twice and compare."""

    WATCH = "WATCH"
    """Being told that somebody has touched a key. Without it we read twice and compare."""

    ZMSCORE = "ZMSCORE"
    """Scores of many members at once, since Redis 6.2. Without it each is asked for."""

    MEMORY_USAGE = "MEMORY USAGE"
    """The memory that a key takes; several managed services refuse it. Without it sizes are not known."""

    TIMES = "PTTL"
    """How long a key is to live. Without it nothing is known to expire."""

    FIELD_TIMES = "HPEXPIRETIME"
    """When single fields of a hash expire, since Redis 7.4 and Valkey 9. Without it none is known to."""

    SORT_RO = "SORT_RO"
    """An index joined with fields of its task data, since Redis 7.0. Without it each hash is asked for."""


_NAMES = {
    Ability.TRANSACTIONS: ("multi", "exec"),
    Ability.WATCH: ("watch",),
    Ability.ZMSCORE: ("zmscore",),
    Ability.MEMORY_USAGE: ("memory",),
    Ability.TIMES: ("pttl",),
    Ability.FIELD_TIMES: ("hpexpiretime",),
    Ability.SORT_RO: ("sort",),  # "GET option of SORT denied due to insufficient ACL permissions."
}
"""The words by which a refusal names the command, in lower case."""


class Abilities:
    """The abilities of one server and user, assumed until they are refused. Safe to share between threads."""

    def __init__(self) -> None:
        self._lacking: frozenset[Ability] = frozenset()
        self._refused: frozenset[Ability] = frozenset()

    @property
    def refused(self) -> frozenset[Ability]:
        """What was refused so far. What was only ruled out, because there is nothing to ask for, is not among it."""
        return self._refused

    def has(self, ability: Ability) -> bool:
        """Tell whether something has not been refused so far."""
        return ability not in self._lacking

    def lose(self, reply: Reply, *used: Ability) -> bool:
        """Learn from a refusal which of the abilities that a request `used` is lacking. False where the reply is no
        refusal of one of these: to ask in another way would not help.
        """
        if not is_refusal(reply):
            return False
        named = (refused_command(str(reply)) or str(reply)).lower()
        ability = next((ability for ability in used if any(name in named for name in _NAMES[ability])), None)
        if ability is None:
            return False
        self._lacking |= {ability}
        self._refused |= {ability}
        return True

    def rule_out(self, ability: Ability) -> None:
        """Do without something although nothing has refused it: there is nothing that it could tell."""
        self._lacking |= {ability}

    def forget(self) -> None:
        """Assume everything again: another server may answer, or the user may have been granted more."""
        self._lacking = self._refused = frozenset()
