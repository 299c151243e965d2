"""The names of keys: Textual's, and what people call them."""

KEY_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "asterisk": "*",
    "colon": ":",
    "escape": "esc",
    "delete": "del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}
"""Keys as people write them, by Textual's names."""
