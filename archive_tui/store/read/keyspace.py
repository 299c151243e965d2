"""The keyspace, walked with SCAN: a page of keys at a time, and how far a cursor is in it.

SCAN returns every key that is there from the first page to the last, some of them twice, and a page may hold nothing.
A cursor means nothing to another server process.
"""

from collections.abc import Iterator

from archive_tui.store.link.pipe import Pipe

COUNT = 1_000
"""Keys that the server visits for one page, matching or not; it needs less than a millisecond for them."""

_CURSOR_BITS = 64


def page(pipe: Pipe, cursor: int, pattern: bytes, count: int = COUNT) -> tuple[int, list[bytes]]:
    """One page: the cursor of the page that follows, 0 after the last one, and the keys that match a pattern."""
    following, found = pipe.one(b"SCAN", b"%d" % cursor, b"MATCH", pattern, b"COUNT", b"%d" % count)
    return int(following), found


def pages(pipe: Pipe, pattern: bytes, count: int = COUNT) -> Iterator[list[bytes]]:
    """All pages of every server that holds keys, empty ones too, so that the caller can rest after each."""
    for one in pipe.everywhere():
        cursor = 0
        while True:
            cursor, found = page(one, cursor, pattern, count)
            yield found
            if not cursor:
                break


def fraction_of(cursor: int) -> float:
    """The share of the keyspace that a cursor has behind it, from 0 to 1. Cursors count with their bits reversed, so
    reversing all 64 of them gives the fraction whatever the table's size.
    """
    return int(f"{cursor:0{_CURSOR_BITS}b}"[::-1], 2) / (1 << _CURSOR_BITS)
