"""The pipe: how commands are packed, and that replies are read in order however they arrive."""

import hashlib
import re
import threading
from collections.abc import Callable

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from support.servers import Live, wait_until

from archive_tui.store.link.pipe import Command, pack, pack_plainly
from archive_tui.store.read import queues
from archive_tui.text import decode


@pytest.mark.parametrize("packing", [pack, pack_plainly])
@given(command=st.lists(st.binary(max_size=20), min_size=1, max_size=5).map(tuple))
def test_commands_are_packed_as_redis_wants_them(packing: Callable[[Command], bytes], command: Command) -> None:
    packed = packing(command)
    sizes = re.match(rb"\*(\d+)\r\n", packed)
    assert sizes is not None
    assert int(sizes[1]) == len(command)
    at = sizes.end()
    for argument in command:
        head = b"$%d\r\n" % len(argument)
        assert packed[at : at + len(head)] == head
        at += len(head)
        assert packed[at : at + len(argument) + 2] == argument + b"\r\n"
        at += len(argument) + 2
    assert at == len(packed)


def test_replies_come_in_order_and_errors_among_them(any_server: Live) -> None:
    any_server.client.set("a", b"\r\n$5\x00\xff")
    with any_server.pipe() as pipe:
        assert pipe.call([]) == []
        assert pipe.call([(b"GET", b"a"), (b"GET", b"none"), (b"DBSIZE",)]) == [b"\r\n$5\x00\xff", None, 1]
        first, error, last = pipe.call([(b"ECHO", b"1"), (b"LLEN", b"a"), (b"ECHO", b"2")], errors="return")
        assert (first, last) == (b"1", b"2")
        assert isinstance(error, redis.ResponseError)


def test_an_error_is_raised_after_all_replies_were_read(any_server: Live) -> None:
    any_server.client.set("a", "x")
    with any_server.pipe() as pipe:
        with pytest.raises(redis.ResponseError):
            pipe.call([(b"LLEN", b"a"), (b"ECHO", b"2")])
        assert pipe.one(b"ECHO", b"3") == b"3"


def test_a_transaction_sees_one_moment(any_server: Live) -> None:
    any_server.client.set("counter", 0)
    stop = threading.Event()

    def count() -> None:
        with redis.Redis(unix_socket_path=any_server.settings.socket) as client:
            while not stop.is_set():
                client.incr("counter")

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with any_server.pipe() as pipe:
            wait_until(lambda: pipe.one(b"GET", b"counter") != b"0")
            for _ in range(200):
                assert len(set(pipe.atomically([pack((b"GET", b"counter"))] * 5))) == 1
    finally:
        stop.set()
        thread.join()


def test_errors_in_and_of_a_transaction(any_server: Live) -> None:
    any_server.client.set("a", "x")
    with any_server.pipe() as pipe:
        error, value = pipe.atomically([pack((b"LLEN", b"a")), pack((b"GET", b"a"))])
        assert isinstance(error, redis.ResponseError)
        assert value == b"x"
        with pytest.raises(redis.ResponseError):
            pipe.atomically([pack((b"NONSENSE",)), pack((b"SET", b"a", b"y"))])
        assert pipe.one(b"GET", b"a") == b"x"


def test_scripts_are_sent_once(any_server: Live) -> None:
    source = b"return {KEYS[1], ARGV[1]}"
    digest = hashlib.sha1(source).hexdigest().encode()
    any_server.client.script_flush()
    with any_server.pipe() as pipe:
        for value in (b"1", b"2", b"3"):
            assert pipe.script(source, digest, [b"k"], [value]) == [b"k", value]
    calls = any_server.calls()
    assert (calls["eval"], calls["evalsha"]) == (1, 3)


@given(st.binary(min_size=1, max_size=30))
def test_any_name_from_the_server_can_be_sent_back(any_server: Live, name: bytes) -> None:
    any_server.client.flushall()
    any_server.client.sadd("asynq:queues", name)
    with any_server.pipe() as pipe:
        (found,) = queues.registered(pipe)
        assert found == decode(name)
        assert queues.exists(pipe, found)


REPLIES = {
    (b"GET", b"nothing"): None,
    (b"GET", b"text"): b"x\r\ny",
    (b"GET", b"empty"): b"",
    (b"GET", b"large"): b"z" * 5000,
    (b"GET", b"list"): "WRONGTYPE",
    (b"NONSENSE",): "unknown command",
    (b"LLEN", b"list"): 3,
    (b"LRANGE", b"list", b"0", b"-1"): [b"c", b"", b"-ERR \r\n"],
    (b"HMGET", b"nothing", b"a"): [None],
}


@pytest.mark.parametrize("read_size", [1, 7, 64, 65_536])
@given(st.lists(st.sampled_from(sorted(REPLIES)), min_size=1, max_size=40), st.integers(1, 40))
def test_replies_are_the_same_however_they_arrive(
    valkey: Live, read_size: int, commands: list[tuple[bytes, ...]], cut: int
) -> None:
    valkey.client.mset({"text": b"x\r\ny", "empty": b"", "large": b"z" * 5000})
    valkey.client.delete("list")
    valkey.client.rpush("list", b"c", b"", b"-ERR \r\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive_tui.store.link.node._READ_SIZE", read_size)
        with valkey.pipe() as pipe:
            pipe.send([pack(one) for one in commands])
            replies = pipe.receive(min(cut, len(commands)))
            replies += pipe.receive(len(commands) - len(replies))
            assert pipe.owed == 0
    for command, reply in zip(commands, replies, strict=True):
        expected = REPLIES[command]
        assert expected in str(reply) if isinstance(expected, str) else reply == expected
