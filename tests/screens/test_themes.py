"""Every theme can be read, in as many colours as there are, and shows what was designed. Every screen in every theme is
looked at in test_screenshots.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.segment import Segment
from rich.style import Style
from support.pilot import Operator, operate
from support.readable import faults
from support.servers import Live
from textual.filter import NoColor
from textual.widgets import OptionList

from archive_tui.session import Session
from archive_tui.settings.model import Look
from archive_tui.tui.app import ArchiveApp
from archive_tui.tui.themes import THEMES, color_count, theme_for
from archive_tui.tui.tour.tour import TourLine


def test_the_line_of_the_tour_can_be_read_in_every_theme(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def look(session: Session) -> set[str]:
        app = ArchiveApp(session, tour=True)
        found = set()
        async with app.run_test(size=(80, 24)) as pilot:
            while not app.screen.query(TourLine) or not app.screen.query_one(TourLine).display:
                await pilot.pause(0.05)
            for theme in THEMES:
                app.register_theme(theme)
                app.theme = theme.name
                await pilot.pause(0.1)
                line = app.screen.query_one(TourLine).region
                strips = app.screen._compositor.render_strips(app.size)[line.y : line.bottom]
                found |= {f"{theme.name}: {one}" for one in faults(theme, [part for strip in strips for part in strip])}
        return found

    session = Session(valkey.settings)
    session.open()
    try:
        found = asyncio.run(look(session))
    finally:
        session.close()
    assert not found, "\n".join(sorted(found))


def test_a_text_that_cannot_be_read_is_found() -> None:
    pale = [Segment("pale", Style.parse("#444444 on #121212")), Segment("odd", Style.parse("#ffffff on #123456"))]
    found = faults(theme_for(Look.DARK, colors=256, dark=True), pale)
    assert any("'pale'" in fault and "contrast" in fault for fault in found)
    assert any("#123456 of 'odd'" in fault for fault in found)


@pytest.mark.parametrize(
    ("look", "colors", "dark", "name"),
    [
        (Look.AUTO, 256, True, "archive-dark"),
        (Look.AUTO, 256, False, "archive-light"),
        (Look.AUTO, 256, None, "archive-dark"),
        (Look.AUTO, 16, None, "archive-ansi-dark"),
        (Look.AUTO, 16, False, "archive-ansi-light"),
        (Look.DARK, 1 << 24, False, "archive-dark"),
        (Look.DARK, 16, False, "archive-dark-16"),
        (Look.LIGHT, 16, True, "archive-light-16"),
        (Look.HIGH_CONTRAST, 256, False, "archive-high-contrast"),
        (Look.HIGH_CONTRAST, 16, False, "archive-high-contrast-16"),
        (Look.ANSI, 1 << 24, False, "archive-ansi-light"),
        (Look.LIGHT, 0, None, "archive-ansi-dark"),
    ],
)
def test_a_look_becomes_the_theme_that_the_terminal_can_show(
    look: Look, colors: int, dark: bool | None, name: str
) -> None:
    assert theme_for(look, colors=colors, dark=dark).name == name


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, 1 << 24),
        ({"TERM": "linux"}, 16),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, 0),
    ],
)
def test_the_environment_says_how_many_colours_there_are(
    environment: dict[str, str], colors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert color_count() == colors


def test_all_themes_have_names_of_their_own() -> None:
    assert len({theme.name for theme in THEMES}) == len(THEMES)


def test_a_production_badge_stands_out_without_colours() -> None:
    from textual.style import Style as VisualStyle

    from archive_tui.tui.themes import BADGE

    style = VisualStyle.parse(BADGE.replace("$badge", "red").replace("$on-badge", "white")).rich_style
    (shown,) = NoColor().apply([Segment(" ● PROD ", style)], None)  # type: ignore[arg-type]
    assert shown.style is not None
    assert shown.style.reverse
    assert shown.style.color is not None
    assert shown.style.color.is_default


def test_without_colours_nothing_that_colours_said_is_lost(valkey: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: cursor, marks, the badge of production and the button with the focus can be told all the same."""
    monkeypatch.setenv("NO_COLOR", "1")
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["a", "b"], error_msg="refused")

    async def play(app: ArchiveApp) -> None:
        async with app.run_test(size=(100, 24)) as pilot:

            def drawn() -> list[list[Segment]]:
                return [list(strip) for strip in app.screen._compositor.render_strips(app.size)]

            def reversed_texts() -> str:
                return " | ".join(
                    segment.text for line in drawn() for segment in line if segment.style and segment.style.reverse
                )

            def text() -> str:
                return "\n".join("".join(segment.text for segment in line) for line in drawn())

            async def until(condition: Callable[[], object]) -> None:
                for _ in range(500):
                    if condition():
                        return
                    await pilot.pause(0.02)
                raise AssertionError(text())

            await until(lambda: "2/9,999" in text())
            for line in drawn():
                for segment in line:
                    style = segment.style or Style()
                    assert style.color is None or style.color.is_default, segment
                    assert style.bgcolor is None or style.bgcolor.is_default, segment
            assert "PROD" in reversed_texts()
            await pilot.press("enter")
            await until(lambda: "refused" in text() and "refused" in reversed_texts())
            assert reversed_texts().count("refused") == 1  # the row under the cursor
            await pilot.press("space")
            await until(lambda: "●" in text().split("PROD", 1)[1])
            await pilot.press("ctrl+d")
            await until(lambda: "WAY BACK" in text())
            await until(lambda: "Cancel" in reversed_texts())
            assert "Delete" not in reversed_texts()
            assert "PROD" in reversed_texts()

    settings = replace(valkey.settings, profile="prod", production=True)
    session = Session(settings)
    session.open()
    try:
        asyncio.run(play(ArchiveApp(session, theme_for(Look.AUTO, colors=color_count(), dark=None))))
    finally:
        session.close()


def test_the_cursor_of_every_list_of_choices_can_be_seen_without_colours(valkey: Live) -> None:
    valkey.asynq.register("q")
    for number in range(3):
        valkey.asynq.add("q", f"a{number}", error_msg="refused")
    theme = theme_for(Look.AUTO, colors=0, dark=True)

    async def play(op: Operator) -> None:
        op.app.register_theme(theme)
        op.app.theme = theme.name
        await op.tasks("q")
        for key in ("s", "C", "R", "colon", "tab"):
            await op.press(key)
            await op.until(lambda: op.app.screen.query(OptionList), "choices")
            choices = op.app.screen.query_one(OptionList)
            await op.until(lambda choices=choices: choices.highlighted is not None, "a cursor")
            rows = [choices.render_line(y) for y in range(min(4, choices.size.height))]
            reversed_rows = [any(s.style.reverse for s in row if s.text.strip() and s.style) for row in rows]
            assert reversed_rows.count(True) == 1, f"{key}\n{op.text}"
            if key != "tab":
                await op.press("escape")

    operate(valkey.settings, play)
