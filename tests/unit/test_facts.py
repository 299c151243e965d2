"""The facts of a task as lines: as wide as the box, whatever their signs take."""

import pytest
from rich.cells import cell_len

from archive_tui.tui.task.facts import folded, parts_of, whole


@pytest.mark.parametrize("width", [30, 52, 76])
@pytest.mark.parametrize("value", ["注文-四十二" * 20, "数据 队列 " * 20, "0123456789" * 12, "one word and more " * 9])
def test_a_long_value_stays_in_its_column(value: str, width: int) -> None:
    lines = whole(parts_of([("Id", value), ("Queue", "q")]), width).plain.split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.startswith(" " * 12) for line in lines[1:-1])
    assert "".join("".join(lines[:-1])[2:].split()) == "".join(value.split())


@pytest.mark.parametrize(
    ("pieces", "rows"),
    [
        (["media:any", "died 25 h ago", "3 of 3 tries"], ["media:any · died 25 h ago · 3 of 3 tries  f facts"]),
        # All of it fits on one line, but not beside the hint: nothing is lost where there is another line
        (["email:deliver", "died 25 h ago", "25 of 25 tries"], ["email:deliver · died 25 h ago", "25 of 25 tries"]),
        (["表单:提交确认", "died 25 h ago", "25 of 25 tries"], ["表单:提交确认 · died 25 h ago", "25 of 25 tries"]),
    ],
)
def test_a_summary_is_cut_only_where_its_lines_are_full(pieces: list[str], rows: list[str]) -> None:
    shown = folded(pieces, 2, 49).plain.split("\n")
    assert [cell_len(row) <= 49 for row in shown] == [True] * len(rows)
    assert shown[-1].endswith("f facts")
    assert [row.removesuffix("f facts").rstrip() for row in shown] == [row.removesuffix("  f facts") for row in rows]
