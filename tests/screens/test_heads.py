"""What is cut first where a line has no room: never what a person acts by."""

import pytest
from textual.content import Content

from archive_tui.tui.widgets.pieces import Piece, assembled, piece

HEAD = [
    Piece(Content("default ▸ archived"), cut=True),
    piece("   1,204 of 9,999", gives_way=2),
    piece("   read 40 s ago", gives_way=1),
    piece("   3 marked, 1 hidden by filter"),
    piece("   281 match", gives_way=4),
    piece(" of 9,999", gives_way=3),
    piece("   filter: “~refused age>30d”", cut=True, insists=16),
]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (200, "".join(one.content.plain for one in HEAD)),
        (
            118,
            "default ▸ archived   1,204 of 9,999   3 marked, 1 hidden by filter   281 match of 9,999"
            "   filter: “~refused age>30d”",
        ),
        (102, "default ▸ archived   3 marked, 1 hidden by filter   281 match of 9,999   filter: “~refused age>30d”"),
        (95, "default ▸ archived   3 marked, 1 hidden by filter   281 match of 9,999   filter: “~refused age…"),
        (80, "default ▸ archived   3 marked, 1 hidden by filter   281 match   filter: “~refus…"),
        (70, "default ▸ archived   3 marked, 1 hidden by filter   filter: “~refused…"),
        (60, "default ▸ archived   3 marked, 1 hidden by filter   filter:…"),
    ],
)
def test_first_goes_the_age_then_the_totals_and_what_is_cut_has_a_sign(width: int, text: str) -> None:
    shown = assembled(HEAD, width).plain
    assert shown == text
    assert len(shown) <= width
