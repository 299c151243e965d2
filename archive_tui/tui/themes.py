"""The colours of the screens: a theme for dark and for light, one of high contrast, and the terminal's own colours.

SSH passes no COLORTERM, so most of our terminals get 256 colours. Each colour here is one of xterm's 256: what is
designed is what is shown. (Rich takes greys above #949494 one step darker.) Below 256 colours a theme has a twin of the
16 colours that every terminal has, whose exact look is the terminal's own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from textual.constants import COLOR_SYSTEM
from textual.theme import Theme

from archive_tui.settings.model import BadgeColor, Look

BADGE = "bold reverse $badge on $on-badge"
"""The style of what must never be overlooked: reversed also where there are no colours. What it reverses is given the
wrong way round.
"""


def badge(color: BadgeColor) -> str:
    """The style of a badge in a colour. It is not reversed: without colours, only production is."""
    return f"bold $on-badge-{color} on $badge-{color}"


_BADGES = {
    BadgeColor.GREEN: ("#87d787", "#121212"),
    BadgeColor.YELLOW: ("#ffd75f", "#121212"),
    BadgeColor.BLUE: ("#005faf", "#ffffff"),
    BadgeColor.MAGENTA: ("#d787d7", "#121212"),
    BadgeColor.CYAN: ("#5fd7d7", "#121212"),
}
_BADGES_OF_16 = {
    BadgeColor.GREEN: ("ansi_bright_green", "ansi_black"),
    BadgeColor.YELLOW: ("ansi_bright_yellow", "ansi_black"),
    BadgeColor.BLUE: ("ansi_blue", "ansi_bright_white"),
    BadgeColor.MAGENTA: ("ansi_bright_magenta", "ansi_black"),
    BadgeColor.CYAN: ("ansi_bright_cyan", "ansi_black"),
}
"""Behind the name of a profile, and the text of it: the same on every background."""


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of one theme, each by its use."""

    background: str
    surface: str
    """Of dialogs, and of the headers of tables."""
    panel: str
    """Of top line and footer."""
    field: str
    """Of entries and buttons in a dialog."""
    foreground: str
    """Of text."""
    muted: str
    """Of text that matters less."""
    accent: str
    """Of keys, marks and titles; of borders too."""
    warning: str
    error: str
    success: str
    border: str
    """Of boxes that do not have the focus."""
    cursor: str
    """Behind the row under the cursor, in the widget that has the focus. In 16 colours that row is reversed instead."""
    cursor_blurred: str
    """Behind it in a widget that has not."""
    cursor_error: str
    """Of an error in the row under the cursor."""
    match: str
    """Behind what a search found."""
    on_match: str
    badge: str
    """Behind the name of a production profile, and of the button that deletes."""
    on_badge: str
    """Of text on a badge."""
    on_accent: str
    """Of text on the accent or the warning colour: buttons that have the focus."""
    scrollbar: str


_DARK = Colors(
    background="#121212", surface="#1c1c1c", panel="#262626", field="#303030", foreground="#e4e4e4", muted="#b2b2b2",
    accent="#5fafd7", warning="#ffaf5f", error="#ff5f5f", success="#87d787", border="#4e4e4e", cursor="#3a3a3a",
    cursor_blurred="#262626", cursor_error="#ff8787", match="#ffd75f", on_match="#121212", badge="#af0000",
    on_badge="#ffffff", on_accent="#121212", scrollbar="#585858",
)  # fmt: skip

_LIGHT = Colors(
    background="#ffffff", surface="#eeeeee", panel="#eeeeee", field="#ffffff", foreground="#1c1c1c", muted="#4e4e4e",
    accent="#005f87", warning="#875f00", error="#af0000", success="#005f00", border="#bcbcbc", cursor="#afffff",
    cursor_blurred="#d7ffff", cursor_error="#af0000", match="#ffff87", on_match="#1c1c1c", badge="#af0000",
    on_badge="#ffffff", on_accent="#ffffff", scrollbar="#9e9e9e",
)  # fmt: skip

_HIGH_CONTRAST = Colors(
    background="#000000", surface="#000000", panel="#000000", field="#303030", foreground="#ffffff", muted="#ffffff",
    accent="#00ffff", warning="#ffff00", error="#ff8787", success="#00ff00", border="#ffffff", cursor="#0000af",
    cursor_blurred="#00005f", cursor_error="#ff8787", match="#ffff00", on_match="#000000", badge="#ffff00",
    on_badge="#000000", on_accent="#000000", scrollbar="#ffffff",
)  # fmt: skip


_HUES_ON_DARK = ("bright_cyan", "bright_yellow", "bright_red", "bright_green")
_HUES_ON_LIGHT = ("blue", "red", "red", "black")
"""Accent, warning, error and success. On white, red and blue alone can be read; signs tell a warning from an error."""


def _of_16(background: str, foreground: str, *, dark: bool) -> Colors:
    """Choose among the 16 colours those that stand out from a dark, or from a light, background."""
    accent, warning, error, success = (f"ansi_{hue}" for hue in (_HUES_ON_DARK if dark else _HUES_ON_LIGHT))
    return Colors(
        background=background, surface=background, panel=background, field=background, foreground=foreground,
        muted=foreground, accent=accent, warning=warning, error=error, success=success, border=foreground,
        cursor=background, cursor_blurred=background, cursor_error=error, match="ansi_yellow", on_match="ansi_black",
        badge="ansi_red", on_badge="ansi_bright_white",
        on_accent="ansi_black" if dark else "ansi_bright_white", scrollbar=foreground,
    )  # fmt: skip


def _theme(name: str, colors: Colors, *, dark: bool, own: bool = False) -> Theme:
    """The theme of Textual's for some colours. `own`: the colours are the terminal's 16."""
    variables = {
        "text": colors.foreground,
        "text-muted": colors.muted,
        "text-disabled": colors.muted,
        "text-primary": colors.accent,
        "text-secondary": colors.accent,
        "text-accent": colors.accent,
        "text-warning": colors.warning,
        "text-error": colors.error,
        "text-success": colors.success,
        "foreground-muted": colors.muted,
        "foreground-disabled": colors.muted,
        "line": colors.border,
        "border": colors.accent,
        "border-blurred": colors.border,
        "cursor": colors.cursor,
        "cursor-blurred": colors.cursor_blurred,
        "cursor-error": colors.cursor_error,
        "match": colors.match,
        "on-match": colors.on_match,
        "badge": colors.badge,
        "on-badge": colors.on_badge,
        "on-accent": colors.on_accent,
        "ansi-background": colors.background,
        "ansi-foreground": colors.foreground,
        # Textual's way from a colour to itself may change it by one
        "primary": colors.accent,
        "secondary": colors.accent,
        "accent": colors.accent,
        "warning": colors.warning,
        "error": colors.error,
        "success": colors.success,
        "background": colors.background,
        "foreground": colors.foreground,
        "surface": colors.surface,
        "panel": colors.panel,
        "field": colors.field,
        "block-cursor-foreground": colors.foreground,
        "block-cursor-background": colors.background if own else colors.cursor,
        "block-cursor-text-style": "bold reverse" if own else "bold",
        "block-cursor-blurred-foreground": colors.foreground,
        "block-cursor-blurred-background": colors.cursor_blurred,
        "block-cursor-blurred-text-style": "underline" if own else "none",
        "block-hover-background": colors.cursor_blurred,
        "button-focus-text-style": "bold",
        "input-selection-background": colors.match,
        "input-selection-foreground": colors.on_match,
        "input-cursor-background": colors.background,
        "input-cursor-foreground": colors.foreground,
        "input-cursor-text-style": "reverse",
        "scrollbar": colors.scrollbar,
        "scrollbar-hover": colors.accent,
        "scrollbar-active": colors.accent,
        "scrollbar-background": colors.background,
        "scrollbar-background-hover": colors.background,
        "scrollbar-background-active": colors.background,
        "scrollbar-corner-color": colors.background,
    }
    for color, (behind, text) in (_BADGES_OF_16 if own else _BADGES).items():
        variables |= {f"badge-{color}": behind, f"on-badge-{color}": text}
    return Theme(
        name=name, primary=colors.accent, secondary=colors.accent, accent=colors.accent, warning=colors.warning,
        error=colors.error, success=colors.success, foreground=colors.foreground, background=colors.background,
        surface=colors.surface, panel=colors.panel, dark=dark, ansi=own, variables=variables,
    )  # fmt: skip


_FULL: Mapping[Look, Theme] = {
    Look.DARK: _theme("archive-dark", _DARK, dark=True),
    Look.LIGHT: _theme("archive-light", _LIGHT, dark=False),
    Look.HIGH_CONTRAST: _theme("archive-high-contrast", _HIGH_CONTRAST, dark=True),
}

_TWINS: Mapping[Look, Theme] = {
    Look.DARK: _theme("archive-dark-16", _of_16("ansi_black", "ansi_white", dark=True), dark=True, own=True),
    Look.LIGHT: _theme("archive-light-16", _of_16("ansi_bright_white", "ansi_black", dark=False), dark=False, own=True),
    Look.HIGH_CONTRAST: _theme(
        "archive-high-contrast-16", _of_16("ansi_black", "ansi_bright_white", dark=True), dark=True, own=True
    ),
}

_OWN_DARK = _theme("archive-ansi-dark", _of_16("ansi_default", "ansi_default", dark=True), dark=True, own=True)
_OWN_LIGHT = _theme("archive-ansi-light", _of_16("ansi_default", "ansi_default", dark=False), dark=False, own=True)

THEMES: tuple[Theme, ...] = (*_FULL.values(), *_TWINS.values(), _OWN_DARK, _OWN_LIGHT)
"""Every theme that a look may become."""


def theme_for(look: Look, *, colors: int, dark: bool | None) -> Theme:
    """The theme of a look on a terminal with so many colours. `dark` says whether its background is; None: unknown,
    which means dark, as most are. No colours at all (0, NO_COLOR) is the terminal's own text on its own background.
    """
    dark = dark is not False
    if look is Look.ANSI or not colors:
        return _OWN_DARK if dark else _OWN_LIGHT
    if look is Look.AUTO:
        if colors < 256:
            return _OWN_DARK if dark else _OWN_LIGHT
        look = Look.DARK if dark else Look.LIGHT
    return (_FULL if colors >= 256 else _TWINS)[look]


def theme_for_background(look: Look, colors: int, dark: bool) -> Theme:
    """The theme of a look that follows the background, once that is known."""
    return theme_for(look, colors=colors, dark=dark)


def color_count() -> int:
    """How many colours the terminal has, by its environment; 0 where NO_COLOR asks for none."""
    if "NO_COLOR" in os.environ:
        return 0
    system = Console(color_system=COLOR_SYSTEM, force_terminal=True).color_system  # type: ignore[arg-type]
    return {"truecolor": 1 << 24, "256": 256, "standard": 16}.get(system or "", 0)
