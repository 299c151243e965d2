"""Slots that are on their way from one node of a cluster to another. Reads only.

The old way marks a slot on both nodes and moves its keys one by one (`CLUSTER SETSLOT … MIGRATING`, `MIGRATE`): until
the end a part is on each. Valkey 9 moves it at one moment (`CLUSTER MIGRATESLOTS`): until then all is on the old node.
"""

from archive_tui.store.link.pipe import Pipe
from archive_tui.store.link.topology import own_slots


def in_flux(pipe: Pipe) -> frozenset[int]:
    """The slots of which a part may be on each of two nodes; none where the server does not tell, or is no cluster."""
    slots = (own_slots(reply) for _, reply in pipe.ask_primaries(b"CLUSTER", b"NODES"))
    return frozenset().union(*(one.in_flux for one in slots if one is not None))
