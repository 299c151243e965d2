"""Many commands in one buffer on one connection.

redis-py's own pipeline costs several microseconds a command in Python; a scan sends millions. Here requests are
packed whole, and the replies are taken from redis-py's parser one after the other.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Literal, TypeAlias

from redis.exceptions import ResponseError

from archive_tui.asynq.keys import Keys
from archive_tui.errors import RefusedError
from archive_tui.settings.model import Snapshot
from archive_tui.store.link.abilities import Abilities
from archive_tui.store.link.replies import Reply, is_unknown_script, raise_first

Command: TypeAlias = tuple[bytes, ...]


def pack_plainly(command: Command) -> bytes:
    """One command in the protocol's own form, by Python alone."""
    return b"*%d\r\n" % len(command) + b"".join([b"$%d\r\n%b\r\n" % (len(one), one) for one in command])


try:
    pack: Callable[[Command], bytes] = import_module("hiredis").pack_command
    """One command in the protocol's own form. hiredis makes the same bytes, in less than half of the time."""
except (ImportError, AttributeError):  # the single file holds nothing compiled, and an old hiredis only parses
    pack = pack_plainly


def pack_around(name: bytes, *after: bytes) -> tuple[bytes, bytes]:
    """A command packed but for its first argument: what `pack_each` is to put before it, and `after` it."""
    return (
        b"*%d\r\n$%d\r\n%b\r\n" % (2 + len(after), len(name), name),
        b"".join([b"$%d\r\n%b\r\n" % (len(one), one) for one in after]),
    )


def pack_each(before: bytes, values: Sequence[bytes], after: bytes = b"", *, start: bytes = b"") -> bytes:
    """Requests that differ in one argument alone, as one buffer: `before` and `after` are the packed rest of each, and
    every argument is `start` and one of `values`. With neither, the packed arguments of one long command.
    """
    length = len(start) + len(values[0])
    if len(set(map(len, values))) == 1:  # ids mostly are: then one call of C makes it all
        opening, closing = b"%b$%d\r\n%b" % (before, length, start), b"\r\n" + after
        return opening + (closing + opening).join(values) + closing
    if not (before or after):
        return pack(tuple([start + one for one in values]))[len(b"*%d\r\n" % len(values)) :]
    long = len(start)
    return b"".join([b"%b$%d\r\n%b%b\r\n%b" % (before, long + len(one), start, one, after) for one in values])


_WRITING = frozenset((
    b"DEL", b"UNLINK", b"HSET", b"HSETNX", b"HDEL", b"ZADD", b"ZREM", b"ZREMRANGEBYSCORE", b"ZREMRANGEBYRANK",
    b"LPUSH", b"RPUSH", b"LREM", b"SADD", b"SREM", b"SET", b"SETEX", b"INCR", b"EXPIRE", b"PEXPIRE", b"PEXPIREAT",
    b"HPEXPIREAT", b"PERSIST", b"RESTORE",
    b"COPY", b"RENAME", b"EVAL", b"EVALSHA", b"FLUSHDB", b"FLUSHALL",
))  # fmt: skip
"""Commands that a read-only session never sends."""

_REFUSED = "this is a read-only session: nothing can be changed"

_MULTI, _EXEC = pack((b"MULTI",)), pack((b"EXEC",))


class Pipe(ABC):
    """Commands sent together, and their replies. Made by `Server.pipe`, which also translates what is raised here. One
    that is `read_only` sends no script, and no command that writes.
    """

    def __init__(
        self, abilities: Abilities, keys: Keys, *, read_only: bool = False, snapshot: Snapshot | None = None
    ) -> None:
        self.snapshot = snapshot
        """The dump file that the server has loaded for us; None: it is a server of its own."""
        self.abilities = abilities
        """The abilities of the server at the other end, for this user."""
        self.keys = keys
        """The keys of the namespace that this session reads and writes."""
        self.lenient = False
        """Whether the loss of one of several servers is no more than an error among the replies of `call`, where it is
        to return errors: whoever asks goes on without."""
        self._read_only = read_only
        self.owed = 0
        """Number of replies that are still to come; where this is not 0 at the end, nobody else may use the connection.
        """

    @abstractmethod
    def send(self, packed: Sequence[bytes], count: int | None = None) -> None:
        """Send commands that were packed already, each an item; otherwise `count` says how many they are."""

    @abstractmethod
    def receive(self, count: int) -> list[Reply]:
        """The replies to the next `count` commands, errors among them."""

    def call(self, commands: Sequence[Command], errors: Literal["raise", "return"] = "raise") -> list[Reply]:
        """Send commands together and return their replies in order."""
        if not commands:
            return []
        self.refuse_writing(commands)
        self.send(list(map(pack, commands)))
        replies = self.receive(len(commands))
        if errors == "raise":
            raise_first(replies)
        return replies

    def refuse_writing(self, commands: Sequence[Command]) -> None:
        """Raise RefusedError in a read-only session where one of some commands writes."""
        if self._read_only and not _WRITING.isdisjoint(command[0].upper() for command in commands):
            raise RefusedError(_REFUSED)

    @contextmanager
    def within(self, keys: Keys) -> Iterator["Pipe"]:
        """The same pipe, for another namespace as long as the block lasts."""
        own, self.keys = self.keys, keys
        try:
            yield self
        finally:
            self.keys = own

    def everywhere(self) -> Iterator["Pipe"]:
        """A pipe to each server that holds keys, one after the other: this one, where there is but one. What is asked
        of none of its keys, such as `SCAN`, is asked of that server.
        """
        yield self

    def ask_everywhere(self, *command: bytes) -> list[tuple[str, Reply]]:
        """Ask every server that holds keys, side by side: the address of each, empty where there is but one, and its
        reply, or why it did not give any.
        """
        return [("", self.call([command], errors="return")[0])]

    def ask_all_everywhere(self, commands: Sequence[Command]) -> list[tuple[str, list[Reply]]]:
        """The same with several commands, in one round trip."""
        return [("", self.call(commands, errors="return"))]

    def ask_primaries(self, *command: bytes) -> list[tuple[str, Reply]]:
        """The same of the primaries, also where their replicas are read in their place: what slots a node has is only
        known to itself.
        """
        return self.ask_everywhere(*command)

    def one(self, *command: bytes) -> Reply:
        """Send one command and return its reply."""
        return self.call([command])[0]

    def large(self, *command: bytes) -> Reply:
        """Send one command whose reply may have many MiB, and return it: as `one`, in less memory where that can be."""
        return self.one(*command)

    def send_transaction(self, packed: Sequence[bytes], count: int | None = None) -> None:
        """Send packed commands, as for `send`, as one transaction: two replies more than there are commands, of which
        the last holds all results.
        """
        self.send([_MULTI, *packed, _EXEC], (len(packed) if count is None else count) + 2)

    def atomically(self, packed: Sequence[bytes]) -> list[Reply]:
        """Run packed commands as one transaction, so that their replies all speak of the same moment. Errors of single
        commands are among the replies; an error of the transaction itself is raised.
        """
        self.send_transaction(packed)
        *queued, result = self.receive(len(packed) + 2)
        raise_first(queued)
        raise_first([result])
        return list(result)

    def script(self, source: bytes, digest: bytes, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Reply:
        """Run a Lua script by its SHA-1, sending its source only where the server does not know it yet.

        Raises RefusedError in a read-only session: every script of ours writes.
        """
        if self._read_only:
            raise RefusedError(_REFUSED)
        tail = (b"%d" % len(keys), *keys, *arguments)
        try:
            return self.one(b"EVALSHA", digest, *tail)
        except ResponseError as error:
            if not is_unknown_script(error):
                raise
            return self.one(b"EVAL", source, *tail)
