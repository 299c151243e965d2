"""Signatures: errors that differ only in their variable parts are one group, and no others are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.go_errors import GROUPS

from archive_tui.catalog.signatures import signature


@pytest.mark.parametrize(("error", "group"), [(error, group) for group, errors in GROUPS.items() for error in errors])
def test_errors_of_go_programs_are_grouped(error: str, group: str) -> None:
    assert signature(error) == group


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("", ""),
        ("dial tcp 10.0.0.1:5432: connection refused", "dial tcp <host>: connection refused"),
        ("user 42 not found after 3.5 s", "user <n> not found after <n> s"),
        ('key "abc" is missing', "key <quoted> is missing"),
        ("job 6a1f2f9e-1f0e-4d1b-9d6c-0123456789ab failed", "job <id> failed"),
        ("GET https://example.org/a?b=c gave 502", "GET <url> gave <n>"),
        ("first\nsecond 42", "first"),
        ("\n  late start 7", "late start <n>"),
        ("commit 9f8e7d6c5b4a", "commit <hex>"),
        ("panic: runtime error: index out of range [5] with length 3",
         "panic: runtime error: index out of range [<n>] with length <n>"),
        ("dial tcp [2001:db8::1]:443: refused", "dial tcp <host>: refused"),
        ("smtp: mail.example.org:587: 421 4.7.0 try again", "smtp: <host>: <n> <n> try again"),
    ],
)  # fmt: skip
def test_signatures(error: str, expected: str) -> None:
    assert signature(error) == expected


@given(st.text(max_size=60) | st.text("a1:.[]'/- \n", max_size=400))
def test_a_signature_is_one_short_line(error: str) -> None:
    found = signature(error)
    assert "\n" not in found
    assert len(found) <= 300


PARTS = st.tuples(st.integers(0, 10**12), st.uuids(), st.ip_addresses(v=4), st.text("abc ", max_size=9))


@given(PARTS, PARTS)
def test_what_failed_alike_has_one_signature(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    form = 'order {} of {} at {}:80: "{}" refused'
    first, second = (signature(form.format(*parts)) for parts in (one, other))
    assert first == second == "order <n> of <id> at <host>: <quoted> refused"


@pytest.mark.parametrize(
    "text",
    [
        '"' * 4000,
        "a." * 2000,
        "a-" * 2000,
        "[:" * 2000,
        "0" * 4000,
        "f1" * 2000,
        "x://" * 1000,
        "ab:" * 1500,
        "a@" * 2000,
        "/a" * 2000,
        "a1" * 2000,
        "'a" * 2000,
        "1h" * 2000,
        "a.b-" * 1000 + ":",
        "::" * 2000,
        '\\"' * 1000,
    ],
)
def test_no_error_takes_long_to_sign(text: str) -> None:
    began = time.thread_time()
    signature(text)
    assert time.thread_time() - began < 0.5
