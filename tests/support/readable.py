"""Whether text can be read: its contrast in a theme, on the terminals that get this theme."""

from collections.abc import Iterator

from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

LEAST = 4.5
"""The contrast that WCAG 2.1 asks of text."""
LINES = frozenset("─│┌┐└┘├┤┬┴┼╭╮╰╯━┃┏┓┗┛▔▁▂▃▄▅▆▇█▉▊▋▌▍▎▏▕▐ ")
"""What is no text: borders, bars and blanks."""

XTERM = ((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229))
XTERM_BRIGHT = (
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
VGA = ((0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170))
VGA_BRIGHT = (
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip


def terminals(theme: Theme) -> Iterator[tuple[str, ColorSystem, TerminalTheme]]:
    """The terminals that get this theme: a name, how many colours they have, and what these look like."""
    for name, normal, bright in (("xterm", XTERM, XTERM_BRIGHT), ("VGA", VGA, VGA_BRIGHT)):
        background, foreground = (normal[0], normal[7]) if theme.dark else (bright[7], normal[0])
        own = TerminalTheme(background, foreground, list(normal), list(bright))
        for system in ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR:
            if theme.ansi or system is not ColorSystem.STANDARD:
                yield f"{name}, {system.name.lower()}", system, own


def luminance(color: ColorTriplet) -> float:
    """As WCAG 2.1 defines it."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)


def contrast(style: Style, system: ColorSystem, own: TerminalTheme) -> float:
    """The contrast of text in this style, as the terminal shows it."""

    def shown(color: Color | None, *, foreground: bool) -> ColorTriplet:
        return (color or Color.default()).downgrade(system).get_truecolor(own, foreground=foreground)

    pair = shown(style.color, foreground=True), shown(style.bgcolor, foreground=False)
    darker, lighter = sorted(luminance(color) for color in pair)
    return (lighter + 0.05) / (darker + 0.05)


def faults(theme: Theme, segments: list[Segment]) -> set[str]:
    """What is wrong with a screen in this theme."""
    palette = {EIGHT_BIT_PALETTE[number] for number in range(16, 256)}
    found = set()
    styles: dict[Style, str] = {}
    for text, style, _ in segments:
        assert style is not None
        if set(text) - LINES:
            styles.setdefault(style, text)
        for color in (style.color, style.bgcolor):
            if color is not None and color.triplet is not None and color.triplet not in palette:
                found.add(f"{color.triplet.hex} of {text!r} is none of the 256 colours")
    for style, text in styles.items():
        if style.dim:
            found.add(f"{text!r} is dim: nobody knows how much of it can be read")
        for name, system, own in terminals(theme):
            if (ratio := contrast(style, system, own)) < LEAST:
                found.add(f"{text!r} ({style}) has a contrast of {ratio:.2f} on {name}")
    return found
