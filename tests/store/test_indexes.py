"""The walk over an index: whatever comes and goes meanwhile, what stands there all the while is met."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st
from support.servers import Live

from archive_tui.store.link.node_pipe import NodePipe
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.read.indexes import OVERLAP, PIECE, Cursor, Order, aggregation_sets, pieces, pieces_ahead

KEY = b"index"
ORDERS = [Order.LIST, Order.LOWEST, Order.HIGHEST, Order.ANY]


def ids(count: int, name: bytes = b"id") -> list[bytes]:
    return [b"%b-%d" % (name, number) for number in range(count)]


def fill(live: Live, order: Order, members: list[bytes]) -> None:
    """An index that holds these in the order in which it will be walked."""
    live.client.delete(KEY)
    if order is Order.LIST and members:
        live.client.rpush(KEY, *members)
    elif members:
        scores = range(len(members)) if order is not Order.HIGHEST else range(len(members), 0, -1)
        live.client.zadd(KEY, dict(zip(members, scores, strict=True)))


def take_out(live: Live, order: Order, members: list[bytes]) -> None:
    for one in members:
        if order is Order.LIST:
            live.client.lrem(KEY, 1, one)
        else:
            live.client.zrem(KEY, one)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 500])
@pytest.mark.parametrize("size", [1, 2, 3, 10, 1_000])
def test_an_index_that_stands_still_is_met_whole_and_in_its_order(
    valkey: Live, order: Order, count: int, size: int
) -> None:
    members = ids(count)
    fill(valkey, order, members)
    with valkey.pipe() as pipe:
        met = [one for piece in pieces(pipe, Cursor(KEY, order, size)) for one in piece.ids]
        ahead = [one for piece in pieces_ahead(pipe, KEY, order) for one in piece.ids] if order is not Order.ANY else []
    first = list(dict.fromkeys(met))
    assert (sorted(first) if order is Order.ANY else first) == (sorted(members) if order is Order.ANY else members)
    assert order is Order.ANY or ahead == members


@pytest.mark.parametrize("order", [Order.LOWEST, Order.HIGHEST, Order.ANY])
def test_scores_come_with_their_ids(valkey: Live, order: Order) -> None:
    valkey.client.zadd(KEY, {one: number for number, one in enumerate(ids(700))})
    with valkey.pipe() as pipe:
        walk = pieces(pipe, Cursor(KEY, order, 200, scores=True))
        met = {one: float(score) for piece in walk for one, score in zip(piece.ids, piece.scores, strict=True)}
    assert met == {one: number for number, one in enumerate(ids(700))}


@example(Order.LIST, 1, [(0, 1)], 0).via("a piece that could not overlap the next one")
@given(
    st.sampled_from(ORDERS),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), max_size=6),
    st.integers(0, 5),
)
def test_what_stands_all_the_while_is_met(
    any_server: Live, order: Order, size: int, removals: list[tuple[int, int]], added: int
) -> None:
    """Between two pieces a stretch is taken out anywhere, and others are put in before us."""
    members = ids(100)
    fill(any_server, order, members)
    left, met, late = set(members), set(), 0
    changes = iter(removals)
    with any_server.connect().pipe() as pipe:
        for piece in pieces(pipe, Cursor(KEY, order, size)):
            met |= set(piece.ids)
            start, length = next(changes, (0, 0))
            gone = members[start : start + length]
            take_out(any_server, order, gone)
            left -= set(gone)
            for _ in range(added if late < 20 else 0):
                late += 1
                if order is Order.LIST:
                    any_server.client.lpush(KEY, b"late-%d" % late)
                else:
                    any_server.client.zadd(KEY, {b"late-%d" % late: -1 if order is Order.LOWEST else 1_000})
    assert left <= met


@pytest.mark.parametrize("order", [Order.LIST, Order.LOWEST, Order.HIGHEST])
def test_more_than_the_overlap_may_be_taken_out_before_us(valkey: Live, order: Order) -> None:
    """Nothing of the end of the last piece is met again: the walk steps back until it is, or to the start."""
    members = ids(2_000)
    fill(valkey, order, members)
    met: set[bytes] = set()
    with valkey.pipe() as pipe:
        for number, piece in enumerate(pieces(pipe, Cursor(KEY, order, 500))):
            met |= set(piece.ids)
            if not number:
                take_out(valkey, order, members[: 4 * OVERLAP + 50])
    assert set(members[500:]) <= met


@pytest.mark.parametrize("order", [Order.LOWEST, Order.HIGHEST])
def test_an_id_of_the_end_that_is_moved_is_not_taken_for_the_end(valkey: Live, order: Order) -> None:
    """As where archived tasks are run, fail, and come back: what stood before us moves behind us, and one of the end
    with it. Met again there, it must not hide that the ranks of the others have changed.
    """
    members = ids(600)
    fill(valkey, order, members)
    moved = [*members[:100], members[470]]
    met: set[bytes] = set()
    with valkey.pipe() as pipe:
        for number, piece in enumerate(pieces(pipe, Cursor(KEY, order, 500, scores=True))):
            met |= set(piece.ids)
            if not number:
                sign = 1 if order is Order.LOWEST else -1
                valkey.client.zadd(KEY, {one: sign * (5_000 + at) for at, one in enumerate(moved)})
    assert set(members) == met


def test_without_overlap_what_moves_past_us_is_missed(valkey: Live) -> None:
    """That is what it says, and what it costs: whoever walks so must be able to do without."""
    fill(valkey, Order.LIST, ids(30))
    met: set[bytes] = set()
    with valkey.pipe() as pipe:
        for piece in pieces(pipe, Cursor(KEY, Order.LIST, 10, overlap=0)):
            met |= set(piece.ids)
            take_out(valkey, Order.LIST, ids(30)[:5])
    assert set(ids(30)) - met


@pytest.mark.parametrize("walk", [lambda pipe, key, order: pieces(pipe, Cursor(key, order)), pieces_ahead])
@pytest.mark.parametrize("order", ORDERS)
def test_a_key_of_another_type_holds_no_ids(valkey: Live, walk: Callable[..., object], order: Order) -> None:
    valkey.client.set(KEY, "text")
    with valkey.pipe() as pipe:
        assert list(walk(pipe, KEY, order)) == []  # type: ignore[call-overload]
        assert pipe.one(b"GET", KEY) == b"text"  # and the pipe is good for the next question


@pytest.mark.parametrize("order", ORDERS)
def test_whoever_shows_an_index_learns_that_it_is_of_another_type(valkey: Live, order: Order) -> None:
    valkey.client.set(KEY, "text")
    with valkey.pipe() as pipe, pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        list(pieces(pipe, Cursor(KEY, order, strict=True)))


def test_a_long_index_is_asked_for_ahead(valkey: Live) -> None:
    fill(valkey, Order.LIST, ids(4 * PIECE - 50))
    with valkey.pipe() as pipe:
        owed = [pipe.owed for _ in pieces_ahead(pipe, KEY, Order.LIST)]
        assert not pipe.owed
    assert owed == [0, 3, 3, 3]


def test_the_sets_that_are_being_aggregated(valkey: Live) -> None:
    with valkey.pipe() as pipe:
        assert list(aggregation_sets(pipe, "q")) == []
        valkey.client.zadd("asynq:{q}:aggregation_sets", {"asynq:{q}:g:one:set": 1})
        assert list(aggregation_sets(pipe, "q")) == [b"asynq:{q}:g:one:set"]


@pytest.mark.parametrize("order", [Order.LIST, Order.LOWEST, Order.HIGHEST])
def test_a_walk_ends_however_much_comes_in_before_it(
    valkey: Live, monkeypatch: pytest.MonkeyPatch, order: Order
) -> None:
    """More is put in between two questions than a piece holds: the end of the last piece has moved far away."""
    members = ids(1_000)
    fill(valkey, order, members)
    receive, questions, met = NodePipe.receive, 0, set()

    def busy(pipe: Pipe, count: int) -> list[Any]:
        nonlocal questions
        replies = receive(pipe, count)
        questions += 1
        late = ids(150, b"late-%d" % questions)
        if order is Order.LIST:
            valkey.client.lpush(KEY, *late)
        else:
            valkey.client.zadd(KEY, dict.fromkeys(late, -1 if order is Order.LOWEST else 5_000))
        return replies

    monkeypatch.setattr(NodePipe, "receive", busy)
    with valkey.pipe() as pipe:
        for piece in pieces(pipe, Cursor(KEY, order, 100)):
            met |= set(piece.ids)
            assert questions < 300
    assert met >= set(members)
