"""How many findings a walk over the keyspace will have met in the end, from those it has met so far.

SCAN goes by the hashes of keys, which nobody chooses: what lies behind the cursor is a sample of all keys, as good as
drawn by lot. Where a walk goes slot by slot it is none, and there is nothing to expect from it.
"""

import math
from dataclasses import dataclass

from archive_tui.wording.people import size

_LEAST_WALKED = 0.01
"""Part of the keyspace from which on a sample tells something."""

_LEAST_FOUND = 10
"""Findings below which the error is about as large as the number."""

_SURE = 1.96
"""Standard deviations within which 95 of 100 samples lie."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What there will be in the end, most likely."""

    findings: int
    """Findings."""

    error: int
    """How many more or less it may be, in 95 of 100 cases."""

    stored_bytes: int
    """Estimate of what all of them take in Redis."""

    def __str__(self) -> str:
        """In words, no more exact than it is: `1,003,000 ± 0.4 %, 412.3 MB`."""
        known = round(self.findings, 1 - len(str(self.error)))
        return f"{known:,} ± {100 * self.error / self.findings:.1f} %, {size(self.stored_bytes)}"


def expectation(found: int, stored_bytes: int, walked: float) -> Expectation | None:
    """What to expect when `found` findings, of so many bytes in all, lie in the part of the keyspace that is walked;
    None: too little is known, or all of it.
    """
    if not _LEAST_WALKED <= walked < 1 or found < _LEAST_FOUND:
        return None
    error = _SURE * math.sqrt(found * (1 - walked)) / walked
    return Expectation(round(found / walked), max(1, math.ceil(error)), round(stored_bytes / walked))
