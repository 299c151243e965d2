"""Looking at hashes and sorted sets as of one moment: what a finding is made of. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from archive_tui.store.link.pipe import Pipe, Reply, is_refusal, pack, raise_unless_wrong_type


@dataclass(frozen=True, slots=True)
class Moment:
    """What one moment showed: the reply to each command, and for each sorted set that was asked the score of each
    member, None where it does not stand there.
    """

    replies: Sequence[Reply]
    scores: Sequence[Sequence[Reply]]


class Look:
    """Asks in one transaction, and learns what the server refuses. Where it refuses transactions a look is taken twice:
    what differs between the two moments proves nothing.
    """

    def __init__(self) -> None:
        self.transactions = True
        self.zmscore = True

    def ask(
        self, pipe: Pipe, commands: Sequence[bytes], sets: Sequence[tuple[bytes, Sequence[bytes]]] = ()
    ) -> tuple[Moment, Moment]:
        """Run packed commands, and ask sorted sets for members, all as of one moment. Returns that moment twice, or the
        two moments that there were. Errors of single commands are among the replies.
        """
        while True:
            packed = [*commands, *[one for key, members in sets for one in self._scores(key, members)]]
            try:
                if self.transactions:
                    moment = self._moment(pipe.atomically(packed), len(commands), sets)
                    return moment, moment
                pipe.send([*packed, *packed])
                replies = pipe.receive(2 * len(packed))
                first, second = replies[: len(packed)], replies[len(packed) :]
                return self._moment(first, len(commands), sets), self._moment(second, len(commands), sets)
            except ResponseError as error:
                if not self._go_without(error):
                    raise

    def _scores(self, key: bytes, members: Sequence[bytes]) -> list[bytes]:
        if not members:
            return []
        if self.zmscore:
            return [pack((b"ZMSCORE", key, *members))]
        return [pack((b"ZSCORE", key, member)) for member in members]

    def _moment(self, replies: Sequence[Reply], count: int, sets: Sequence[tuple[bytes, Sequence[bytes]]]) -> Moment:
        scores: list[Sequence[Reply]] = []
        at = count
        for _, members in sets:
            if self.zmscore and members:
                scores.append(_members_of(replies[at], len(members)))
                at += 1
            else:
                scores.append([_member_of(reply) for reply in replies[at : at + len(members)]])
                at += len(members)
        return Moment(replies[:count], scores)

    def _go_without(self, error: ResponseError) -> bool:
        """Learn from a refusal what this server or user lacks; False where we cannot do without it."""
        said = str(error).lower()
        if not is_refusal(error):
            return False
        if self.zmscore and "zmscore" in said:  # since Redis 6.2
            self.zmscore = False
            return True
        if self.transactions and ("multi" in said or "exec" in said):
            self.transactions = False
            return True
        return False


def _members_of(reply: Reply, count: int) -> Sequence[Reply]:
    """An index of another type holds no ids."""
    raise_unless_wrong_type([reply])
    return [None] * count if isinstance(reply, Exception) else list(reply)


def _member_of(reply: Reply) -> Reply:
    raise_unless_wrong_type([reply])
    return None if isinstance(reply, Exception) else reply
