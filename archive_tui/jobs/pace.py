"""How much of the server's time a job may take."""

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


_REST = {Pace.FULL: 0.0, Pace.POLITE: 1.0, Pace.GENTLE: 4.0}
