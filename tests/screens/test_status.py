"""The top line is whole on every terminal that the screens are made for."""

import asyncio
from dataclasses import replace

import pytest
from support.stage import ThemedApp
from textual.app import ComposeResult

from archive_tui.tui.widgets.status import Status, StatusBar

DELETING = Status(
    address="embedded server", profile="demo", role="primary", product="redis", latency=0.003, data_age=12.0,
    running="deleting 12,200 of 1,230,143",
)  # fmt: skip


class Bar(ThemedApp):
    def compose(self) -> ComposeResult:
        yield StatusBar()


def shown(status: Status, width: int) -> str:
    """The top line of a terminal of this width."""

    async def draw() -> str:
        app = Bar()
        async with app.run_test(size=(width, 3)):
            bar = app.query_one(StatusBar)
            bar.show(status)
            return bar.render().plain

    return asyncio.run(draw())


@pytest.mark.parametrize(
    ("width", "running"),
    [(width, running) for width in (60, 80, 100, 120) for running in ("", "scan 40%")]
    + [(width, DELETING.running) for width in (80, 100, 120)],
)
def test_what_is_running_and_how_old_the_data_is_are_never_cut_off(width: int, running: str) -> None:
    text = shown(replace(DELETING, running=running), width)
    assert len(text) <= width
    assert "as of 12 s ago" in text
    assert running in text
    assert "demo" in text
    if width >= 80:
        assert "read-write" in text


@pytest.mark.parametrize("width", range(60, 141))
def test_what_is_running_stands_apart_from_what_is_before_it(width: int) -> None:
    text = shown(replace(DELETING, address="redis-orders-primary.eu-central-1:6379/0", profile=""), width)
    assert f"  {DELETING.running}" in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_another_namespace_than_asynqs_own_stands_beside_the_address(width: int) -> None:
    text = shown(replace(DELETING, namespace="billing:asynq", running="" if width == 60 else DELETING.running), width)
    assert len(text) <= width
    assert "  billing:asynq " in text
    assert "billing" not in shown(DELETING, width)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("address", ["embedded server", "redis-orders-primary.eu-central-1:6379/0"])
def test_while_something_is_deleted_the_server_is_named_in_full(width: int, address: str) -> None:
    text = shown(replace(DELETING, address=address, profile="prod", production=True, changing=True), width)
    assert len(text) <= width
    assert f" {address} " in text
    assert "PROD" in text
    assert text.rstrip().endswith("…") or DELETING.running in text
    if width >= 100:
        assert DELETING.running in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_that_nothing_may_be_changed_is_always_said(width: int) -> None:
    text = shown(replace(DELETING, running="exporting 120 of 999", read_only=True), width)
    assert len(text) <= width
    assert " read-only " in text
    assert "exporting 120 of 999" in text


@pytest.mark.parametrize("width", [80, 100, 120, 140])
def test_the_line_keeps_its_form_while_its_figures_change(width: int) -> None:
    calm = replace(DELETING, running="")
    lines = [shown(replace(calm, latency=latency, data_age=0.0), width) for latency in (0.0004, 0.003, 0.012)]
    starts = {text[: text.index("read-write")] for text in lines}
    assert len(starts) == 1
    assert "embedded server" in starts.pop()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_that_nobody_verified_the_server_is_always_said(width: int) -> None:
    status = replace(DELETING, address="redis-orders-primary.eu-central-1:6380/0", unverified=True, running="")
    text = shown(status, width)
    assert len(text) <= width
    assert " TLS unverified " in text
    assert "as of 12 s ago" in text
