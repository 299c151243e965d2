"""The replica that scans and lists are read from, where one is preferred; the primary where none is good for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock

from archive_tui.errors import ArchiveTuiError, DisconnectedError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Settings
from archive_tui.store.link.info import Facts, facts_in, number_in, role_in
from archive_tui.store.link.node import Node
from archive_tui.store.link.replies import Reply
from archive_tui.store.link.sentinels import is_elsewhere
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.store.link.source import Source
from archive_tui.text import line

INFO = ("INFO", "replication")
"""The question that a primary and its replicas are asked."""

CHOOSE_EVERY = 60.0
"""Seconds until a replica is looked for again, where none was good."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A replica that the primary has."""

    address: Address
    seconds: int
    bytes: int | None


class Replicas:
    """The replicas of a primary, of which one is read. `ask_primary` gives its node with its reply to a command. Safe
    to share between threads.
    """

    def __init__(
        self,
        settings: Settings,
        ask_primary: Callable[..., tuple[Node, Reply]],
    ) -> None:
        self._settings = settings
        self._ask_primary = ask_primary
        self._lock = Lock()
        self._made: dict[Address, Node] = {}
        self._node = Node(settings)  # never connected: nobody has been asked yet
        self._outdated = True
        self._chosen_at = 0.0
        self.source = Source(self._node.address)

    @property
    def node(self) -> Node:
        """The node that was read last."""
        return self._node

    def outdated(self) -> None:
        """Note that another may be better by now."""
        self._outdated = True

    def current(self) -> Node:
        """The node to read: a replica that hears its primary, else the primary. Raises ConnectError and kin."""
        with self._lock:
            if self._outdated:
                self._node, self.source = self._chosen()
                self._outdated, self._chosen_at = False, time.monotonic()
            return self._node

    def check(self) -> None:
        """Look how far the replica is behind. Raises DisconnectedError where its primary has lost it."""
        if self.source.why_primary:
            return
        try:
            primary, known, _, _ = self._known()
        except ArchiveTuiError:
            return  # what is read goes on without the primary
        address = self._node.endpoint
        mine = next((one for one in known if one.address == address), None)
        if mine is not None:
            self.source = Source(self._node.address, mine.seconds, mine.bytes)
        elif self.source.bytes is not None and address != primary.endpoint:
            self.outdated()
            raise DisconnectedError(f"{self._node.address} is no longer linked to its primary")

    def refresh(self) -> None:
        """Look how far the replica is behind, and for another one where it is none any more; where the primary is read,
        only now and then. May take seconds. Raises ConnectError and kin.
        """
        if self.source.why_primary:
            if time.monotonic() - self._chosen_at >= CHOOSE_EVERY:
                self.outdated()
        else:
            with suppress(DisconnectedError):
                self.check()
            if self._node.endpoint == self._ask_primary(*INFO)[0].endpoint:  # it has taken over
                self.outdated()
        self.current()

    def accept(self, info: ServerInfo) -> None:
        """Either role will do."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Learn from what goes wrong inside the block that another must be read."""
        try:
            yield
        except DisconnectedError:
            self.outdated()
            raise

    def close(self) -> None:
        """Close every connection that nobody is using."""
        for node in self._made.values():
            node.close()

    def _chosen(self) -> tuple[Node, Source]:
        primary, known, replication, refused = self._known()
        reasons: list[str] = []
        for one in known:
            node = self._made.setdefault(one.address, Node(self._settings.at(one.address)))
            _, reason = standing(node, primary, replication)
            if not reason:
                return node, Source(node.address, one.seconds, one.bytes)
            reasons.append(reason)
        if not known:
            reasons = [refused or "it has no replica that is linked"]
        return primary, Source(primary.address, why_primary="; ".join(reasons))

    def _known(self) -> tuple[Node, list[_Known], str, str]:
        """The primary; its linked replicas, those first that have most; the id of what they replicate, empty where it
        is not known; and why none is known.
        """
        primary, reply = self._ask_primary(*INFO)
        if not isinstance(reply, bytes):
            return primary, [], "", "it refuses INFO, which names its replicas"
        facts = facts_in(reply)
        linked = (replace(one, address=self._settings.reached(one.address)) for one in _linked(facts))
        known = sorted(linked, key=lambda one: (one.bytes or 0, one.seconds))
        return primary, known, facts.get("master_replid", ""), ""


def _linked(facts: Facts) -> Iterator[_Known]:
    """The replicas in the lines `slave0:ip=…,port=…,state=…,offset=…,lag=…` that have all data and are kept fresh."""
    sent = number_in(facts, "master_repl_offset")
    for name, value in facts.items():
        if not (name.startswith("slave") and name[5:].isdecimal()):
            continue
        told = dict(part.partition("=")[::2] for part in value.split(","))
        host, port, confirmed = told.get("ip", ""), told.get("port", ""), number_in(told, "offset")
        if told.get("state") != "online" or told.get("type") == "rdb-channel" or not host or not port.isdecimal():
            continue
        behind = max(sent - confirmed, 0) if sent is not None and confirmed is not None else None
        yield _Known(Address(line(host), int(port)), number_in(told, "lag") or 0, behind)


def standing(node: Node, primary: Node, replication: str) -> tuple[Facts, str]:
    """What a replica says of its replication, and why it cannot be read in the place of its primary, in words; empty
    where it can. `replication` is the id of what the primary replicates, empty where that is not known.
    """
    chosen = primary.settings.socket is not None or primary.settings.maps_to(node.endpoint)
    if not chosen and is_elsewhere(primary.endpoint, node.endpoint):
        return {}, f"its replica {node.address} is an address of its own machine"
    try:
        with node.translated():
            reply = node.ask(*INFO)
    except ArchiveTuiError as error:
        return {}, str(error)
    if not isinstance(reply, bytes):
        return {}, f"{node.address} refuses INFO"
    facts = facts_in(reply)
    if role_in(facts) != "replica" or (replication and facts.get("master_replid", "") != replication):
        return facts, f"{node.address} is no replica of {primary.address}"
    if facts.get("master_link_status") != "up" or facts.get("master_sync_in_progress") == "1":
        return facts, f"{node.address} does not hear its primary"
    return facts, ""
