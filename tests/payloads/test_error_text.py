"""Error messages: what is folded, what is laid out, and that the whole is always there."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.payloads.error_text import error_readings
from archive_tui.payloads.go_values import laid_out, pieces
from archive_tui.payloads.rendering import document

PANIC = """job failed: runtime error: invalid memory address or nil pointer dereference
goroutine 1 [running]:
runtime/debug.Stack()
\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
main.handle.func1()
\t/app/main.go:14 +0x3d
panic({0x4b1540?, 0x5832f0?})
\t/usr/local/go/src/runtime/panic.go:860 +0x13a
main.charge(...)
\t/app/main.go:10
github.com/hibiken/asynq.HandlerFunc.ProcessTask(...)
\t/go/pkg/mod/github.com/hibiken/asynq@v0.26.0/server.go:583
created by github.com/hibiken/asynq.(*processor).exec in goroutine 31
\t/go/pkg/mod/github.com/hibiken/asynq@v0.26.0/processor.go:181 +0x3b6
"""
"""What debug.Stack() of Go 1.26 gives for a panic in a handler of Asynq 0.26.0."""


def test_a_stack_trace_shows_the_programs_own_frames() -> None:
    folded, whole = error_readings(PANIC)
    assert folded.text().split("\n") == [
        "job failed: runtime error: invalid memory address or nil pointer dereference",
        "goroutine 1 [running]:",
        "  … 1 frame of Go's runtime or Asynq",
        "main.handle.func1()",
        "\t/app/main.go:14 +0x3d",
        "  … 1 frame of Go's runtime or Asynq",
        "main.charge(...)",
        "\t/app/main.go:10",
        "  … 2 frames of Go's runtime or Asynq",
        "",
    ]
    assert folded.why == "4 of 6 frames are of Go's runtime or Asynq"
    assert whole.text() == PANIC


def test_json_inside_an_error_is_laid_out() -> None:
    message = 'rpc failed [3]: 422 {"code": "E_AMOUNT", "details": [1.10]} (attempt 2)'
    spread, whole = error_readings(message)
    assert spread.text() == (
        'rpc failed [3]: 422\n{\n  "code": "E_AMOUNT",\n  "details": [\n    1.10\n  ]\n}\n(attempt 2)'
    )
    assert spread.path == ("JSON inside",)
    assert whole.text() == message


@pytest.mark.parametrize(
    "message",
    [
        "",
        "dial tcp 10.0.0.1:587: connect: connection refused",
        "panic [/app/handler.go:42]: runtime error: index out of range [5] with length 3",
        "got {} want []",
        "goroutine 1 [running]:\nruntime.main()\n\t/usr/local/go/src/runtime/proc.go:283 +0x1",
        "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:3",
        "runtime.main()\n\t/not/in/a/goroutine.go:1\nmain.x()\n\t/a.go:2",
        "{" * 5_000,
    ],
)
def test_other_errors_are_as_they_are(message: str) -> None:
    (only,) = error_readings(message)
    assert only.text() == message


@given(st.text(max_size=60) | st.lists(st.sampled_from(PANIC.split("\n"))).map("\n".join))
def test_the_last_reading_is_always_the_whole(message: str) -> None:
    *_, whole = error_readings(message)
    assert whole.text() == message


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers(), min_size=4),
)
def test_laid_out_json_is_the_same_json(before: str, value: dict[str, int]) -> None:
    first = error_readings(f"{before} | {json.dumps(value)}")[0]
    if first.path == ("JSON inside",) and not set(before) & set("[{"):
        text = first.text()
        assert json.loads(text[text.index("{") :]) == value
    assert len(document(first)) >= 1


GO_ERROR = (
    "charge failed: &{Op:read Net:tcp Addr:10.0.0.1:80 Err:read: connection reset by peer Empty: "
    "Inner:{Code:5 Tags:[] Meta:map[a:b c:{D:1 E:<nil>}]} List:[{A:1 B:2} {A:3 B:4}]}; gave up"
)

GO_LAID_OUT = """charge failed:
&{
  Op:read
  Net:tcp
  Addr:10.0.0.1:80
  Err:read: connection reset by peer
  Empty:
  Inner:{
    Code:5
    Tags:[]
    Meta:map[
      a:b
      c:{
        D:1
        E:<nil>
      }
    ]
  }
  List:[
    {
      A:1
      B:2
    }
    {
      A:3
      B:4
    }
  ]
}
; gave up"""


def test_values_of_go_are_laid_out_and_the_message_is_one_key_away() -> None:
    first, *others = error_readings(GO_ERROR)
    assert first.path == ("Go value inside",)
    assert [line.rstrip() for line in first.text().splitlines()] == GO_LAID_OUT.splitlines()
    assert [other.text() for other in others] == [GO_ERROR]


@pytest.mark.parametrize(
    "message",
    [
        "[]", "{}", "map[]", "&{}", "codes [1 2 3]", "set {a b c}", "{A:1}", "open {A:1 B:2", "{A:1 B:2]}", "{A:1 B:[}",
        "retry: {attempt: 1 of 3}", "see [http://a.b/c d] and {name}", "context deadline exceeded",
    ],
)  # fmt: skip
def test_what_may_be_something_else_is_left_as_it_is(message: str) -> None:
    assert laid_out(message) is None


def test_json_and_a_value_of_go_in_one_message_are_both_offered() -> None:
    message = 'refused {"error": "invalid", "code": 17} by {Host:a.example Port:443}'
    assert [one.name for one in error_readings(message)] == ["JSON inside", "Go value inside", "text"]


_PARTS = st.sampled_from(
    ["{", "}", "[", "]", "&{", "map[", " ", ":", "A:", " B:", "c:", "x", "\n", "\t", "é", "\udcff", "<nil>", " Err: "]
)


@given(st.lists(_PARTS, max_size=60).map("".join) | st.text())
def test_laying_out_never_loses_a_character(message: str) -> None:
    parts = pieces(message)
    assert "".join(part for _, part in parts) == message
    shown = laid_out(message)
    if shown is not None:
        assert shown == "\n".join("  " * indent + part for indent, part in parts)


@pytest.mark.parametrize(
    "message",
    ["{A:" * 5_000 + "}" * 5_000, "{A:1 " + "B: " * 30_000 + "}", "{" * 200_000, "map[" * 30 + "a:b" + "]" * 30,
     "[{A:1 B:2} " * 9_000],
)  # fmt: skip
def test_laying_out_takes_no_longer_than_the_message_deserves(message: str) -> None:
    began = time.process_time()
    assert "".join(part for _, part in pieces(message)) == message
    assert time.process_time() - began < 2
