"""Reading hashes and sorted sets as of one moment: what a finding is made of. Reads only.

Where the server refuses transactions everything is read twice: what differs between the two moments proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from redis.exceptions import ResponseError

from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Pipe, pack
from archive_tui.store.link.replies import Reply, raise_unless_wrong_type

Membership: TypeAlias = tuple[bytes, Sequence[bytes]]
"""The key of a sorted set, and the members whose scores in it are asked for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of the server at one moment."""

    replies: Sequence[Reply]
    """The reply to each command; errors of single commands are among them."""

    scores: Sequence[Sequence[Reply]]
    """For each sorted set the score of each member that was asked for, None where it does not stand there."""


def read_together(pipe: Pipe, commands: Sequence[bytes], sets: Sequence[Membership] = ()) -> tuple[Moment, Moment]:
    """Run packed commands, and ask sorted sets for members, all as of one moment. Returns that moment twice, or where
    there are no transactions the two moments that there were.
    """
    while True:
        transactions = pipe.abilities.has(Ability.TRANSACTIONS)
        zmscore = pipe.abilities.has(Ability.ZMSCORE)
        packed = [*commands, *[one for key, members in sets for one in _scores(key, members, zmscore=zmscore)]]
        try:
            if transactions:
                moment = _moment(pipe.atomically(packed), len(commands), sets, zmscore=zmscore)
                return moment, moment
            pipe.send([*packed, *packed])
            replies = pipe.receive(2 * len(packed))
            first, second = (
                _moment(part, len(commands), sets, zmscore=zmscore)
                for part in (replies[: len(packed)], replies[len(packed) :])
            )
            return first, second
        except ResponseError as error:
            used = [Ability.ZMSCORE] * zmscore + [Ability.TRANSACTIONS] * transactions
            if not pipe.abilities.lose(error, *used):
                raise


def _scores(key: bytes, members: Sequence[bytes], *, zmscore: bool) -> list[bytes]:
    if not members:
        return []
    if zmscore:
        return [pack((b"ZMSCORE", key, *members))]
    return [pack((b"ZSCORE", key, member)) for member in members]


def _moment(replies: Sequence[Reply], count: int, sets: Sequence[Membership], *, zmscore: bool) -> Moment:
    """Sort replies: those to `count` commands, and behind them the scores; an index of another type holds no ids."""
    raise_unless_wrong_type(replies[count:])
    scores: list[Sequence[Reply]] = []
    at = count
    for _, members in sets:
        if zmscore and members:
            scores.append(replies[at] if isinstance(replies[at], list) else [None] * len(members))
            at += 1
        else:
            end = at + len(members)
            scores.append([None if isinstance(reply, Exception) else reply for reply in replies[at:end]])
            at = end
    return Moment(replies[:count], scores)
