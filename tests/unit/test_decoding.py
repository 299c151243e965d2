"""Programs and descriptor sets of a profile, behind the door to payloads."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from archive_tui.decoding import Program, payload_reader
from archive_tui.demo import wire
from archive_tui.errors import NotFoundError, UsageError
from archive_tui.payloads.readings import Limits, PayloadReader, Reading
from archive_tui.payloads.registry import standard
from archive_tui.settings.model import PayloadSettings


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def read(command: Sequence[str], raw: bytes = b"\x00raw", task_type: str = "report:daily", **how: float) -> Reading:
    registry = standard().with_first(wrappers=[Program("report:*", command, **how)])
    return PayloadReader(registry, Limits(bytes_out=100_000)).readings(raw, task_type)[0]


UPPER = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[1:].upper())")


def test_what_a_program_writes_is_looked_at_again() -> None:
    best = read(UPPER, b"\x00words")
    assert best.name == f"{Path(sys.executable).name} › text"
    assert best.text() == "WORDS"
    assert best.why.startswith(f"{Path(sys.executable).name}: the profile names this program for report:*")
    assert read(UPPER, b'\x00["a"]').tree == ["A"]


def test_a_program_is_run_for_its_types_and_for_one_task_alone() -> None:
    reader = payload_reader(PayloadSettings(programs={"report:*": UPPER}))
    assert reader.readings(b"\x00raw", "email:send")[0].format == "binary"
    assert reader.best(b"\x00raw", "report:daily").format == "binary"
    assert reader.readings(b"\x00raw", "report:daily")[0].text() == "RAW"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (python("import sys; sys.exit('no such\\nrecord')"), "ended with 1: no such"),
        (python("import sys; sys.exit(3)"), "ended with 3"),
        (("/nonexistent/decoder",), "cannot be started: No such file or directory"),
        (python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), f"ended with {-11}"),
    ],
)
def test_a_program_that_fails_becomes_one_sentence(command: tuple[str, ...], problem: str) -> None:
    best = read(command)
    assert best.problem == f"the program {Path(command[0]).name} {problem}"


def test_a_program_that_does_not_end_is_killed_with_what_it_started() -> None:
    sleeper = python("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(3600)'])")
    best = read(sleeper, seconds=0.5)
    assert best.problem is not None
    assert best.problem.endswith("was not done after 0.5 s, and was killed")


def test_a_program_that_writes_for_ever_is_ended() -> None:
    best = read(python("import sys\nwhile True: sys.stdout.write('x' * 10_000)"))
    assert best.problem is not None
    assert "more than 100.0 kB come out of 4 B" in best.problem


def test_a_payload_larger_than_a_pipe_reaches_the_program() -> None:
    code = "import sys; print(len(sys.stdin.buffer.read()))"
    assert read(python(code), b"\x00" * 3_000_000).text() == "3000000\n"
    assert read(python("print('not read')"), b"\x00" * 3_000_000).text() == "not read\n"


def test_a_program_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_TUI_PASSWORD", "secret")
    best = read(python("import os; print(sorted(os.environ))"))
    assert "PATH" in best.text()
    assert "ARCHIVE_TUI" not in best.text()


def test_no_shell_reads_the_arguments() -> None:
    assert read((*python("import sys; print(sys.argv[1])"), "$(id); `id`")).text() == "$(id); `id`\n"


def test_what_a_program_writes_is_only_shown_as_text() -> None:
    assert "\x1b" in read(python("print('\\x1b[31mred')")).text()  # `rendering` makes it safe, as all text


def test_a_descriptor_set_is_read_from_its_file(tmp_path: Path) -> None:
    file = FileDescriptorProto(name="acme.proto", package="acme", syntax="proto3")
    message = file.message_type.add(name="Email")
    message.field.add(name="to", number=1, type=FieldDescriptorProto.TYPE_STRING, label=1)
    path = tmp_path / "acme.pb"
    path.write_bytes(FileDescriptorSet(file=[file]).SerializeToString())
    reader = payload_reader(PayloadSettings(path, {"email:*": "acme.Email"}))
    assert reader.tree(wire.field(1, "ada@example.com"), "email:send") == {"to": "ada@example.com"}
    with pytest.raises(UsageError, match=r"acme\.pb cannot be used: it has no message acme\.Nothing"):
        payload_reader(PayloadSettings(path, {"email:*": "acme.Nothing"}))
    with pytest.raises(NotFoundError, match="which the profile names"):
        payload_reader(PayloadSettings(tmp_path / "none.pb"))
