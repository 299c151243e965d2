"""What a server lacks is learned from one refusal, and not asked for again."""

from typing import Any

import pytest
from redis.exceptions import NoPermissionError, ResponseError
from support.damage import find
from support.servers import Live

from archive_tui.store.link.abilities import Abilities, Ability
from archive_tui.store.link.replies import refused_command
from archive_tui.store.read import unreferenced

NOPERM = "this user has no permissions to run the %r command"
REFUSALS = [
    (Ability.TRANSACTIONS, NoPermissionError(NOPERM % "multi")),
    (Ability.TRANSACTIONS, ResponseError("unknown command 'EXEC', with args beginning with: ")),
    (Ability.TRANSACTIONS, ResponseError("command MULTI is not allowed")),
    (Ability.ZMSCORE, ResponseError("unknown command `ZMSCORE`, with args beginning with: `asynq:{multi}:retry`")),
    (Ability.ZMSCORE, NoPermissionError(NOPERM % "zmscore")),
    (Ability.WATCH, NoPermissionError(NOPERM % "watch")),
    (Ability.MEMORY_USAGE, NoPermissionError(NOPERM % "memory|usage")),
    (Ability.MEMORY_USAGE, ResponseError("unknown command 'memory', with args beginning with: 'USAGE'")),
]


@pytest.mark.parametrize(("ability", "refusal"), REFUSALS)
def test_a_refusal_takes_one_ability_away(ability: Ability, refusal: Exception) -> None:
    abilities = Abilities()
    assert abilities.lose(refusal, *Ability)
    assert [one for one in Ability if not abilities.has(one)] == [ability]
    abilities.forget()
    assert all(map(abilities.has, Ability))


@pytest.mark.parametrize(
    "reply",
    [
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        NoPermissionError(NOPERM % "hmget"),
        ResponseError("unknown command 'HSTRLEN', with args beginning with: 'asynq:{multi zmscore}:t:1' 'msg'"),
        NoPermissionError("No permissions to access a key"),
        b"multi",
        None,
    ],
)
def test_what_nobody_can_do_without_is_no_lesson(reply: object) -> None:
    """To ask again in another way would not help, and must not go on for ever."""
    abilities = Abilities()
    assert not abilities.lose(reply, *Ability)
    assert all(map(abilities.has, Ability))


def test_only_what_was_used_can_be_refused() -> None:
    """The error then speaks of something else."""
    abilities = Abilities()
    assert not abilities.lose(NoPermissionError(NOPERM % "multi"), Ability.ZMSCORE)
    assert abilities.has(Ability.TRANSACTIONS)


def test_which_command_was_refused() -> None:
    assert refused_command(NOPERM % "hmget") == "HMGET"
    assert refused_command("unknown command `zmscore`, with args beginning with: `k`") == "ZMSCORE"
    assert refused_command("No permissions to access a key") == ""


def test_what_one_connection_learns_all_others_know(valkey: Live) -> None:
    """A scan, an index check and the settling ask for the same things, on several connections."""
    for number in range(30):
        valkey.asynq.add("q", b"lost-%d" % number, referenced=False)
    valkey.user("careful", "~*", "+@all", "-multi", "-zmscore")
    server = valkey.connect(username="careful", password="word")
    rejected = []
    for _ in range(2):
        assert len(find(valkey, ["q"], server=server)) == 30
        stats = valkey.client.info("commandstats")
        rejected.append([stats[f"cmdstat_{name}"]["rejected_calls"] for name in ("multi", "zmscore")])
    assert rejected[0][0] == 1
    assert rejected[1] == rejected[0]
    assert not server.abilities.has(Ability.TRANSACTIONS)
    server.identify()
    assert server.abilities.has(Ability.TRANSACTIONS)


def test_what_is_forgotten_in_the_middle_is_learned_again(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another job asks who answers while hashes are watched: the transaction that should prove something is refused."""
    valkey.asynq.add_many("q", [b"fine-%d" % number for number in range(6_000)], "pending")
    valkey.asynq.add_many("q", [b"lost-%d" % number for number in range(20)], "pending", referenced=False)
    valkey.user("careful", "~*", "+@all", "-multi")
    server = valkey.connect(username="careful", password="word")
    watching, has, watch = False, Abilities.has, unreferenced._watch
    monkeypatch.setattr(Abilities, "has", lambda self, ability: watching or has(self, ability))

    def watched(*arguments: Any) -> bool:
        nonlocal watching
        watching = True
        try:
            return watch(*arguments)
        finally:
            watching = False

    monkeypatch.setattr(unreferenced, "_watch", watched)
    assert {row.id for row in find(valkey, ["q"], 1_000, server)} == {b"lost-%d" % number for number in range(20)}
