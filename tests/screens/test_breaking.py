"""How texts are broken at the edge of the screen: between words, and by the cells that their signs take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from archive_tui.tui.widgets.breaking import broken


@pytest.mark.parametrize(
    ("text", "width", "pieces"),
    [
        ("", 10, [""]),
        ("dial tcp", 10, ["dial tcp"]),
        ("context deadline exceeded", 10, ["context ", "deadline ", "exceeded"]),
        ("connection refused", 10, ["connection ", "refused"]),  # the space is beyond the edge
        ("see 0123456789abcdef there", 10, ["see 012345", "6789abcdef ", "there"]),  # no line could hold it
        ("0123456789abcdef", 10, ["0123456789", "abcdef"]),
        ("    main.go:41 +0x1d", 12, ["    main.go:", "41 +0x1d"]),  # what is indented stays beside its indent
        ("数据库 连接失败", 8, ["数据库 ", "连接失败"]),
        ("数据库连接失败", 8, ["数据库连", "接失败"]),
        ("超时 🐢🐢 错误", 6, ["超时 ", "🐢🐢 ", "错误"]),
    ],
)
def test_lines_end_between_words(text: str, width: int, pieces: list[str]) -> None:
    assert broken(text, width) == pieces


@given(st.text(st.sampled_from("ab\u4e2d\u0301 -\U0001f422"), max_size=200), st.integers(2, 30))
def test_pieces_are_the_text_and_fit(text: str, width: int) -> None:
    pieces = broken(text, width)
    assert "".join(pieces) == text
    assert all(cell_len(piece.removesuffix(" ")) <= width for piece in pieces)
