"""The columns of a row: one table, from which batches, the catalog's tables and its statements follow."""

import shutil
import subprocess
import sys
from pathlib import Path

import archive_tui
from archive_tui.asynq import rows
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage, encode
from archive_tui.asynq.rows import COLUMNS, OWN, REPEATED, RowBatch, TaskRow, batches_of, own, values_of
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog

PACKAGE = Path(archive_tui.__file__).parent

NEW_COLUMN = [
    ("    retry: Annotated", "    deadline: int | None = None\n    retry: Annotated"),
    ("_NO_MESSAGE, kept, None", "_NO_MESSAGE, kept, None, None"),
    ("return repeats, kept, decoded", "return repeats, kept, decoded.deadline or None, decoded"),
]
"""A column in the middle of the others: its field, and its value in the one function that computes them."""

NEW_FIELD = (
    '    "retry": Field(',
    '    "deadline": Field("deadline", Form.MOMENT, "when it must be done"),\n    "retry": Field(',
)

USE = """
import sys
from pathlib import Path
import archive_tui
assert Path(archive_tui.__file__).is_relative_to(Path.cwd()), archive_tui.__file__
from archive_tui.asynq.findings import Kind
from archive_tui.asynq.message import TaskMessage, encode
from archive_tui.asynq.rows import RowBatch, TaskRow, row_of, values_of_all
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query

ids = [b"%d" % number for number in range(100)]
messages = [encode(TaskMessage(type="t", retried=1, retry=2, deadline=number, unique_key="k")) for number in range(100)]
batch = RowBatch("q", State.ARCHIVED, Kind.ORPHAN_ARCHIVED, values_of_all(ids, messages, 9))
catalog = Catalog()
catalog.append([batch])
catalog.append([batch])
catalog.settle()
expected = [TaskRow("q", one, State.ARCHIVED, Kind.ORPHAN_ARCHIVED, "t", deadline=number or None, retried=1, retry=2,
    payload_bytes=0, stored_bytes=9 + len(one) + len(raw) + 250, fingerprint=row.fingerprint, unique=True)
    for number, (one, raw, row) in enumerate(zip(ids, messages, batch.rows()))]
seqs = catalog.find(Query())
rows = catalog.rows(seqs)
assert [rows[seq] for seq in seqs] == expected
assert [rows[seq].deadline for seq in catalog.find(Query("deadline>=1970-01-01T00:01:38"))] == [98, 99]
assert catalog.add([row_of("q", b"5", State.ARCHIVED, encode(TaskMessage(deadline=7777)))], update=True) == 0
assert catalog.rows(seqs)[seqs[5]].deadline == 7777
print("done")
"""


def test_a_column_is_added_in_one_place(tmp_path: Path) -> None:
    """One module says what a row holds: a copy of the package with a column more there stores, reads, updates and
    filters it.
    """
    shutil.copytree(PACKAGE, tmp_path / "archive_tui", ignore=shutil.ignore_patterns("__pycache__"))
    for path, edits in (("asynq/rows.py", NEW_COLUMN), ("catalog/fields.py", [NEW_FIELD])):
        module = tmp_path / "archive_tui" / path
        text = module.read_text()
        for before, after in edits:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        module.write_text(text)
    ended = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stdout == "done\n", ended.stderr


def test_the_table_of_rows_has_the_columns_of_a_row(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    try:
        info = 'SELECT name, type, "notnull" FROM pragma_table_info(?)'
        names = [name for name, *_ in catalog._pages.execute(info, ["rows"])]
        found = [column for table in ("tasks", "repeated") for column in catalog._pages.execute(info, [table])]
    finally:
        catalog.close()
    assert names == ["seq", *TaskRow._fields, "generation", "repeats"]
    assert set(names) <= {name for name, _, _ in found}
    types = {name: (sql, bool(needed)) for name, sql, needed in found}
    assert types["id"] == ("BLOB", True)
    assert types["state"] == ("TEXT", False)
    assert types["queue"] == ("INTEGER", True)
    assert types["fingerprint"] == ("INTEGER", False)
    assert types["unique"] == ("INTEGER", True)


def test_a_batch_names_what_its_rows_share() -> None:
    assert set(RowBatch._fields) - {"values", "scores"} == {one.name for one in COLUMNS if one.shared}
    assert {one.name for one in (*REPEATED, *OWN)} == set(TaskRow._fields) - set(RowBatch._fields) - {"scored_at"}


def test_every_value_comes_back_as_it_was_kept() -> None:
    row = TaskRow(
        "q", b"\xff", State.RETRY, Kind.MISMATCH, "t", "e", 1, 2, 3, 4, 5, 6, b"\x80" + bytes(7), False, True,
        "g:\udcff",
    )  # fmt: skip
    (batch,) = batches_of([row])
    assert list(batch.rows()) == [row]
    plain = [value if one.form.keep is None else one.form.keep(value) for one, value in zip(COLUMNS, row, strict=True)]
    assert all(isinstance(value, str | bytes | int | None) and not isinstance(value, bool) for value in plain)
    assert rows.row_from(*plain) == row


def test_values_are_of_the_types_that_their_columns_declare() -> None:
    for values in (values_of(b"1", encode(TaskMessage(type="t")), 9), values_of(b"\xff", None, 9)):
        repeats, *rest = values
        for column, value in zip((*REPEATED, *OWN), (*repeats, *rest), strict=True):
            assert isinstance(value, column.form.plain), column.name
    assert own("stored_bytes")(values_of(b"1", b"", 9)) == 259
