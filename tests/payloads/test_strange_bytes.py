"""Bytes that are not UTF-8 are counted as decoding them one by one would."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive_tui.payloads.strange_bytes import not_utf8, strange_bytes
from archive_tui.text import decode


@given(
    st.lists(
        st.binary(max_size=4) | st.text(st.characters(codec="utf-8"), max_size=4).map(str.encode), max_size=10
    ).map(b"".join)
)
@example(b"\xed\xa0\x80")  # half a surrogate pair
@example(b"\xf4\x90\x80\x80")  # beyond the last character
@example("ä€😀".encode()[:-1])
def test_it_counts_each_byte_that_is_not_utf8(raw: bytes) -> None:
    assert strange_bytes(raw) == sum("\udc80" <= letter <= "\udcff" for letter in decode(raw))


@pytest.mark.parametrize(("count", "said"), [(1, "1 byte is not UTF-8"), (1200, "1,200 bytes are not UTF-8")])
def test_it_is_said_in_words(count: int, said: str) -> None:
    assert not_utf8(count) == said
