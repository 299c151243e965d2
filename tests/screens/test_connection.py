"""The connection page: how it opens, what it shows at every size, and that it keeps up."""

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.settings.model import Secret


async def shown(op: Operator) -> None:
    await op.queues()
    await op.press("i")
    await op.arrives("ConnectionScreen")
    await op.sees("Nodes")


def planted(live: Live) -> None:
    live.asynq.register("q")
    live.asynq.add_many("q", ["a", "b"])


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (140, 40)])
def test_all_of_it_can_be_read_at_every_size(valkey: Live, size: tuple[int, int]) -> None:
    async def play(op: Operator) -> None:
        await shown(op)
        await op.sees("⚠ 1 thing to look at", "this server saves nothing to disk")
        seen = set()
        for _ in range(60):
            seen |= set(op.words().split())
            await op.press("j")
        assert {"Nodes", "Latency", "Server", "Clock", "Memory", "Eviction", "TLS", "Clients"} <= seen
        assert {"User", "Read", "Delete", "Change", "Missing"} <= seen
        assert "nothing:" in op.text
        await op.press("g")
        await op.sees("⚠ this server")
        await op.press("q")
        await op.arrives("QueuesScreen")

    planted(valkey)
    operate(valkey.settings, play, size=size, clock=time.time)


def test_it_keeps_up_with_the_server(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.tui.screens.connection._EVERY", 0.2)

    async def play(op: Operator) -> None:
        await shown(op)
        valkey.client.config_set("maxmemory", 10**9)
        valkey.client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            await op.sees("⚠ 2 things to look at", "may evict task data")
            await op.press("z")
            valkey.client.config_set("maxmemory", 0)
            await op.holds(lambda: "may evict task data" in op.text)
            await op.press("r")
            await op.sees("1 thing to look at")
        finally:
            valkey.client.config_set("maxmemory", 0)
            valkey.client.config_set("maxmemory-policy", "noeviction")

    planted(valkey)
    operate(valkey.settings, play, clock=time.time)


def test_it_is_copied_as_text(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(op: Operator) -> None:
        copied: list[str] = []
        monkeypatch.setattr(op.app, "copy_to_clipboard", copied.append)
        await shown(op)
        await op.press("y")
        await op.hears("sent to the terminal's clipboard")
        (text,) = copied
        assert "Valkey" in text
        assert "  Read    permitted" in text
        assert "\nwarning: this server saves nothing" in text

    planted(valkey)
    operate(valkey.settings, play, clock=time.time)


def test_the_palette_opens_it_from_everywhere_and_i_keeps_its_meaning(valkey: Live) -> None:
    async def from_palette(op: Operator) -> None:
        await op.press(":")
        await op.arrives("Palette")
        await op.type("connection")
        await op.press("enter")
        await op.arrives("ConnectionScreen")

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.task()
        await op.press("i")
        await op.hears("id: sent to the terminal's clipboard")
        await from_palette(op)
        await op.press(":", *"connection")
        await op.sees("not now: this is the connection page")
        await op.press("escape", "J")
        await op.arrives("JournalsScreen")
        await from_palette(op)  # the one that is open below
        assert op.below.count("ConnectionScreen") == 1
        await op.press("escape")
        assert op.where.endswith("TaskScreen")

    planted(valkey)
    operate(valkey.settings, play, clock=time.time)


def test_a_server_that_goes_away_says_so_and_comes_back(lasting: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.tui.screens.connection._EVERY", 0.2)
    assert lasting.process is not None
    process = lasting.process

    async def play(op: Operator) -> None:
        await shown(op)
        process.kill()
        await op.sees("⚠ this server cannot be read")
        process.start()
        await op.sees_no("cannot be read")
        await op.sees("Eviction")

    planted(lasting)
    operate(lasting.settings, play, clock=time.time)


def test_hostile_words_of_a_server_reach_no_terminal(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    from archive_tui.store.read import nodes

    real: Callable[..., Any] = nodes.facts_in
    evil = "\x1b]52;c;" + base64.b64encode(b"x").decode() + "\x07[@click=app.quit]x[/][b"
    monkeypatch.setattr(
        nodes, "facts_in", lambda reply: {**real(reply), "valkey_version": evil, "slave0": f"ip={evil},state={evil}"}
    )

    async def play(op: Operator) -> None:
        await shown(op)
        await op.sees("␛]52;c;", "[@click=app.quit]x[/][b")
        assert all(line.isprintable() for line in op.lines)

    planted(valkey)
    operate(valkey.settings, play, clock=time.time)


def test_what_was_granted_meanwhile_is_seen_when_it_is_read_again(valkey: Live) -> None:
    planted(valkey)
    valkey.user("u", "~asynq:*", "+@all", "-unlink")
    settings = replace(valkey.settings, username="u", password=Secret("word"))

    async def play(op: Operator) -> None:
        await shown(op)
        await op.sees("refused: delete tasks; the server refuses user u UNLINK", "read-only")
        valkey.client.execute_command("ACL", "SETUSER", "u", "+unlink")
        await op.press("r")
        await op.sees("permitted: delete tasks")
        await op.sees("read-write")

    operate(settings, play, clock=time.time)
