"""Pace: the share of the server's time that a job may take."""

from enum import StrEnum


class Pace(StrEnum):
    """The share of time in which a job keeps the server busy: all of it, half, or a fifth."""

    FULL = "full"
    POLITE = "polite"
    GENTLE = "gentle"

    def rest_after(self, worked: float) -> float:
        """How many seconds to leave the server alone after a step of `worked` seconds."""
        return worked * _REST[self]

    @property
    def next(self) -> "Pace":
        """The pace after this one, in a circle."""
        paces = list(Pace)
        return paces[(paces.index(self) + 1) % len(paces)]


class Stride:
    """Keys that one step of a scan asks for: enough that the way to the server does not cost more than the work,
    and no more than the server and we get done in a moment.

    `round_trip` is the time that a question takes which is no work at all, in seconds.
    """

    def __init__(self, pace: Pace, round_trip: float = 0.0) -> None:
        self.round_trip = round_trip
        self._scale = 1.0
        self.pace = pace

    @property
    def keys(self) -> int:
        """Keys to ask for in the next step."""
        base, most = _KEYS[self.pace]
        return max(_FEWEST, int(min(most, base * max(1.0, self.round_trip / _SHORT)) * self._scale))

    def took(self, seconds: float) -> None:
        """Learn from how long a step has taken, from question to findings."""
        worked = seconds - self.round_trip
        if worked > _LONG:
            self._scale = max(self._scale / 2, 1 / 64)
        elif worked < _LONG / 4:
            self._scale = min(1.0, self._scale * 1.25)


_KEYS = {Pace.FULL: (1000, 5000), Pace.POLITE: (500, 2500), Pace.GENTLE: (200, 1000)}
"""Keys a step, on a short way and at most."""

_FEWEST = 50
_SHORT = 0.002
_LONG = 0.1
"""Seconds: a way that costs little; a step that is too long to be polite."""

_REST = {Pace.FULL: 0.0, Pace.POLITE: 1.0, Pace.GENTLE: 4.0}
