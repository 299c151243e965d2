"""Messages of 50 MiB: deleted with a journal and restored byte for byte, in memory that grows with one of them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.asynq_data import key
from support.servers import Live

from archive_tui.asynq.task_copy import Copy
from archive_tui.journal.reader import Journal
from archive_tui.journal.writer import Writer

SIZE = 50 * 1024 * 1024
COUNT = 3
PEAK = 6
"""How many times a large message may be in memory at once: about 4 are measured, on a busy machine once more than 5.
Whoever holds all of the `COUNT` has 9 and more.
"""

MEASURED = """
import resource, subprocess, sys
ended = subprocess.run([sys.executable, "-m", "archive_tui", *sys.argv[1:]], stdout=sys.stderr, check=False)
print(ended.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""
"""A process between: what it measures would else begin with the memory of the tests."""


def peak_of(*arguments: str) -> int:
    """Run a command that must end well; the most bytes of memory that it ever had."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    code, peak = map(int, ended.stdout.split())
    assert code == 0, ended.stderr
    return peak


def digests(live: Live) -> dict[bytes, list[tuple[bytes, str]]]:
    return {
        one: [(name, hashlib.sha256(value).hexdigest()) for name, value in sorted(live.client.hgetall(one).items())]
        for one in live.client.keys("asynq:{q}:t:*")
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["msg", "result"])
def test_messages_of_50_mib_come_back(valkey: Live, home: Path, tmp_path: Path, name: str) -> None:
    valkey.asynq.register("q")
    for number in range(COUNT):
        content = (bytes([number]) + b'{"n":12345,"s":"\xff\x00"}' * (SIZE // 20))[:SIZE]
        if name == "msg":
            valkey.asynq.add("q", f"large{number}", referenced=False, payload=content)
        else:
            valkey.asynq.add("q", f"large{number}", "completed", referenced=False, fields={b"result": content})
    valkey.asynq.add_many("q", [b"%d" % number for number in range(50)], referenced=False)
    before = digests(valkey)
    assert valkey.client.hstrlen(key("q", "large1"), name) >= SIZE
    idle = peak_of("queues", "--url", valkey.url)
    for kind in ("orphan-archived", "orphan-completed"):
        flags = ("--queue", "q", "--kind", kind, "--pace", "full", "--yes", "--journal-dir", str(tmp_path / "j"))
        deleting = peak_of("delete", "--url", valkey.url, *flags)
        assert deleting < idle + PEAK * SIZE
    assert digests(valkey) == {}
    for journal in sorted((tmp_path / "j").iterdir()):
        restoring = peak_of("restore", "--url", valkey.url, str(journal), "--pace", "full", "--yes")
        assert restoring < idle + PEAK * SIZE
    assert digests(valkey) == before


@pytest.mark.parametrize("size", [0, 1, 99_999, 1024 * 1024 - 200, 1024 * 1024 + 1, 3 * 1024 * 1024])
def test_a_value_of_any_size_is_read_as_it_was_written(tmp_path: Path, size: int) -> None:
    """Also beside others that look like what stands for a large one while it is read."""
    value = os.urandom(size)
    fields = [
        b"msg",
        value,
        b"state",
        b"archived",
        b"long value 0",
        b"long value 1",
        b"\xff",
        value[:150_000],
        b"",
        b"",
    ]
    copies = [Copy("q", b"long value 0", fields), Copy("q", b"two", [b"msg", value])]
    writer = Writer(tmp_path / "j.journal.gz", {})
    writer.add_large(copies)[1].result()
    writer.close({"end": None, "state": "done", "counts": {}})
    journal = Journal(writer.path)
    outline = journal.outline()
    assert [copy for _, found in journal.batches(outline) for copy in found] == copies
    assert journal.find(outline, "q", b"two") == copies[1]
