"""Slots that are on their way from one node of a cluster to another. Reads only.

The old way marks a slot on both nodes and moves its keys one by one (`CLUSTER SETSLOT … MIGRATING`, `MIGRATE`): until
the end a part is on each. Valkey 9 moves it at one moment (`CLUSTER MIGRATESLOTS`): until then all is on the old node.
"""

import re

from archive_tui.store.link.pipe import Pipe

_MARK = re.compile(rb"\[(\d+)-[<>]-")
"""How a node marks a slot that it gives away, or takes in, in its own line of `CLUSTER NODES`."""


def in_flux(pipe: Pipe) -> frozenset[int]:
    """The slots of which a part may be on each of two nodes; none where the server does not tell, or is no cluster."""
    slots: set[int] = set()
    for _, reply in pipe.ask_everywhere(b"CLUSTER", b"NODES"):
        if isinstance(reply, bytes):
            mine = (one for one in reply.splitlines() if b"myself" in one)
            slots.update(int(slot) for one in mine for slot in _MARK.findall(one))
    return frozenset(slots)
