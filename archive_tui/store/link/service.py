"""A service that Sentinels watch: the node that is its primary now, which is another one after a failover."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Lock
from typing import Protocol

from archive_tui.errors import ArchiveTuiError, DisconnectedError, ReplicaError
from archive_tui.settings.address import Address
from archive_tui.settings.model import Settings
from archive_tui.store.facts import SentinelView
from archive_tui.store.link.node import Node
from archive_tui.store.link.sentinels import Primary, Watchers
from archive_tui.store.link.server_info import ServerInfo
from archive_tui.text import line


class Guide(Protocol):
    """Says which of several nodes is asked."""

    @property
    def node(self) -> Node:
        """The node that was asked last."""

    def outdated(self) -> None:
        """Note that it may be another by now."""

    def current(self) -> Node:
        """The node to ask. Raises ConnectError and kin."""

    def check(self) -> None:
        """Raise DisconnectedError where another is to be asked by now."""

    def accept(self, info: ServerInfo) -> None:
        """Raise DisconnectedError where what answers is not what was wanted."""

    def watching(self) -> AbstractContextManager[None]:
        """Learn from what goes wrong inside the block."""

    def close(self) -> None:
        """Close every connection that nobody is using."""


class Service:
    """The primary of a service. Its Sentinels are asked for it first, and again whenever it may be another. Safe to
    share between threads. `settings` must name Sentinels.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.sentinels is not None  # noqa: S101 - whoever has none needs no service
        self._settings = settings
        self._watchers = Watchers(settings, settings.sentinels)
        self._lock = Lock()
        self._node = Node(settings)  # never connected: there is no address yet
        self._primary: Primary | None = None
        self._outdated = True

    @property
    def node(self) -> Node:
        """The primary as it was last named; with no address before the Sentinels were asked."""
        return self._node

    def outdated(self) -> None:
        """Note that the primary may be another by now: it went away, or somebody begins anew."""
        self._outdated = True

    def current(self) -> Node:
        """The primary; asks the Sentinels where it may be another than before. Raises ConnectError and kin."""
        with self._lock:
            if self._outdated:
                self._adopt(self._watchers.primary())
                self._outdated = False
            return self._node

    def check(self) -> None:
        """Raise DisconnectedError where the Sentinels name another primary by now. As long as they are silent, the one
        that answers is taken for it.
        """
        try:
            primary = self._watchers.primary()
        except ArchiveTuiError:
            return
        if self._primary is not None and primary.address != self._primary.address:
            self.outdated()
            raise DisconnectedError(f"{self._name} has a new primary: {primary.address}")

    def views(self) -> list[SentinelView]:
        """What each Sentinel says of the service."""
        return self._watchers.views()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Learn from what goes wrong inside the block that the primary may be another. A primary that became a replica
        under way is told as one that went away: there is another to be waited for.
        """
        try:
            yield
        except ReplicaError:
            self.outdated()
            raise self.demoted() from None
        except DisconnectedError as error:
            if self._outdated:  # it comes from the Sentinels
                raise
            self.outdated()
            if self._primary is not None and self._primary.down:
                raise DisconnectedError(
                    f"{error}; its Sentinels do not reach it either, and name no other yet"
                ) from None
            raise

    def accept(self, info: ServerInfo) -> None:
        """Raise DisconnectedError where what answers is no primary."""
        if info.role == "replica":
            raise self.demoted()

    def demoted(self) -> DisconnectedError:
        """The error of a server that is named as the primary and is a replica."""
        return DisconnectedError(
            f"{self._node.address} is a replica, though its Sentinels name it as the primary: a failover may be under "
            "way, try again"
        )

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._node.close()
        self._watchers.close()

    @property
    def _name(self) -> str:
        return line(self._settings.address)

    def _adopt(self, primary: Primary) -> None:
        if self._primary is None or primary.address != self._primary.address:
            before, self._node = self._node, Node(settings_of_node(self._settings, primary.address))
            before.close()
        self._primary = primary


def settings_of_node(settings: Settings, address: Address) -> Settings:
    """The settings with which one server of a service is reached."""
    return replace(settings, host=address.host, port=address.port)
