"""The manual of the filter language, for the line under a filter and for the help page."""

from collections.abc import Sequence

from archive_tui.catalog.fields import FIELDS, IN_MESSAGE

HINT = 'word  "two words"  type:email:*  error:~refused  age>30d  newest:100  -not  (a or b)  size>=1MB'
"""The language in one line, shown under an empty filter."""


def manual() -> Sequence[tuple[str, str]]:
    """The language for a help page, as pairs: what to write, and what it shows."""
    return [
        ("word", "a word anywhere in id, type or error, without regard to case"),
        ('"two words"', "a text with spaces, or a word that would mean something else; also in single quotes"),
        ("field:value", "the whole value; field:~part a part of it; field!=value any other; field==value with case"),
        ("* ?", "any text · any character, outside quotes: type:email:*"),
        ("field:none", "a number or time that the task lacks: age:none, size:none"),
        ("a b · a or b", "both · either"),
        ("-a · not a", "what a would hide; -(a or b) what neither shows"),
        *[(name + (" " if field.form.compared else ":"), field.help) for name, field in FIELDS.items()],
        *[(f"{name}:", help_) for name, help_ in IN_MESSAGE.items()],
    ]
