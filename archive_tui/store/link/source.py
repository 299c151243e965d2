"""Where scans and lists are read: at which server, how far it is behind, and why not at a replica."""

from collections.abc import Sequence
from dataclasses import dataclass

from archive_tui.wording.people import plural, size, span


@dataclass(frozen=True, slots=True)
class Source:
    """Where scans and lists are read of a single server, or of one node of a cluster."""

    address: str
    """The server that is read; safe to show."""

    seconds: int = 0
    """Seconds since the replica confirmed last what it has: what it shows is at least so old. 0 for the primary."""

    bytes: int | None = None
    """Bytes of replication that it has not confirmed yet; None for the primary, and where nobody says."""

    why_primary: str = ""
    """Why the primary is read although a replica is preferred, in words; empty where a replica is read."""

    @property
    def nodes(self) -> Sequence["Source"]:
        """Where each node of a cluster is read; of a single server none."""
        return ()

    @property
    def reading(self) -> str:
        """The server that is read, and how far it is behind or why it is the primary, in words."""
        return f"{self.address}, the primary: {self.why_primary}" if self.why_primary else f"{self.address}, {self.lag}"

    @property
    def sentence(self) -> str:
        """Where scans and lists are read, in words."""
        if self.why_primary:
            return f"scans and lists read the primary: {self.why_primary}"
        return f"scans and lists read the replica {self.address}, {self.lag}"

    @property
    def lag(self) -> str:
        """How far the replica is behind, in words."""
        if self.bytes is None:
            return "of which nobody says how far it is behind"
        behind = _behind(self.seconds, self.bytes)
        return f"{behind} behind" if behind else "which has all that the primary has"


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """The same of a cluster: a replica of each node, or its primary where none is good for it."""

    address: str
    """The cluster; safe to show."""

    nodes: tuple[Source, ...]
    """Where each node is read, by its slots."""

    @property
    def seconds(self) -> int:
        """What the replicas show is at least so old, in seconds."""
        return max((one.seconds for one in self.nodes), default=0)

    @property
    def bytes(self) -> int | None:
        """Bytes that the one that has least has not confirmed yet; None where that is not known of all."""
        behind = [one.bytes for one in self._replicas]
        return None if None in behind else max((count for count in behind if count is not None), default=None)

    @property
    def why_primary(self) -> str:
        """Why primaries are read although replicas are preferred, in words; empty where none is."""
        return "; ".join(f"{one.address}: {one.why_primary}" for one in self.nodes if one.why_primary)

    @property
    def _replicas(self) -> list[Source]:
        return [one for one in self.nodes if not one.why_primary]

    @property
    def sentence(self) -> str:
        """Where scans and lists are read, in words."""
        replicas = self._replicas
        primaries = plural(len(self.nodes) - len(replicas), "primary")
        if not replicas:
            return f"scans and lists read the primaries: {self.why_primary}"
        read = f"scans and lists read {plural(len(replicas), 'replica')}, {self.lag}"
        return f"{read}, and {primaries}: {self.why_primary}" if self.why_primary else read

    @property
    def lag(self) -> str:
        """How far the replicas are behind, in words."""
        if self.bytes is None:
            return "of which nobody says how far behind"
        behind = _behind(self.seconds, self.bytes)
        return f"at most {behind} behind" if behind else "with all that the primaries have"


def _behind(seconds: int, count: int) -> str:
    """Seconds and bytes in words; empty where there are none."""
    return " and ".join([*([span(seconds)] if seconds else []), *([size(count)] if count else [])])
