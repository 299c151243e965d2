"""Degrees to which a sentence stands out."""

from enum import Enum


class Tone(Enum):
    """Degrees to which a line stands out. The colour is the screen's own business."""

    PLAIN = "plain"
    QUIET = "quiet"
    """May be skipped by a person in a hurry."""
    CAUTION = "caution"
    """Must be read before saying yes."""
    DANGER = "danger"
    """Something cannot be undone, or will not work."""
