"""Running the subjects, each beside a second client, and putting their runs together."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import others
import startup
from data import QUEUE, Shape
from installation import Installation
from schedule import DELAY_MS, START, Run, Subject, rounds
from server import BenchServer, running
from witness import Watch

HERE = Path(__file__).parent
_LARGE_AT_MOST = 500
_STARTS = 9

Result = dict[str, Any]


class LeftOutError(Exception):
    """A subject that cannot be measured here; the message says why."""


class Measurement:
    """One size of data, all of its subjects, and those of another version in turn with ours. `say` tells a person how
    far it is.
    """

    def __init__(
        self,
        tasks: int,
        repeat: int,
        binary: str,
        folder: Path,
        say: Callable[[str], None],
        against: Installation | None = None,
    ) -> None:
        self.tasks = tasks
        self.runs: dict[str, list[Result]] = {}
        self.theirs: dict[str, list[Result]] = {}
        """Runs of the other version, each right after ours of the same place in `runs`."""
        self.left_out: dict[str, str] = {}
        self.built: dict[str, Result] = {}
        self.start: Result = {}
        self.server: Result = {}
        self._repeat = repeat
        self._binary = binary
        self._folder = folder
        self._say = say
        self._against = against
        self._asynq: Path | None = None
        self._environment = os.environ | {
            f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CONFIG", "DATA")
        }
        # Where bytecode is forbidden, every start would compile archive_tui, but not the libraries it is compared with
        self._environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}

    def measure(self, subjects: Sequence[Subject], *, start: bool) -> None:
        """Measure these, and how long it takes to start."""
        for shape in Shape:
            part = [subject for subject in subjects if subject.shape is shape]
            if part:
                self._measure_on(shape, part)
        if start:
            self._say(START)
            with running(self._binary) as server:
                server.fill(Shape.ARCHIVE, 100)
                self.server = server.facts()
                times = _STARTS if self.tasks > 20_000 else 3
                self.start = startup.measure(server.url, self._environment, times, self._against)

    def size(self, shape: Shape) -> int:
        """How many tasks a queue of this shape gets."""
        if shape is Shape.LARGE:
            return min(_LARGE_AT_MOST, max(20, self.tasks // 2_000))
        return min(9_999, self.tasks) if shape is Shape.ARCHIVE else self.tasks

    def _measure_on(self, shape: Shape, subjects: Sequence[Subject]) -> None:
        with running(self._binary) as server:
            self._say(f"building {shape} × {self.size(shape):,}")
            self.built[shape] = {"tasks": self.size(shape), "seconds": server.fill(shape, self.size(shape))}
            self.server = server.facts()
            if any(subject.destroys for subject in subjects):
                server.keep()
            spoilt = False
            for subject in rounds(subjects, self._repeat):
                if subject.slug in self.left_out:
                    continue
                if spoilt:
                    server.bring_back()
                spoilt = subject.destroys
                self._say(f"{shape}: {subject.title}")
                try:
                    result = self._run(subject, server)
                except (LeftOutError, others.MissingError) as reason:
                    self.left_out[subject.slug] = str(reason)
                    continue
                self._compare(subject, result)
                self.runs.setdefault(subject.slug, []).append(result)
                if self._against is not None and subject.versioned:
                    if spoilt:
                        server.bring_back()
                    self._say(f"{shape}: {subject.title}, {self._against.name}")
                    theirs = self._python(subject.does, server.url, server, self._against.python)
                    self.theirs.setdefault(subject.slug, []).append(theirs)

    def _compare(self, subject: Subject, result: Result) -> None:
        """Say how much longer a task took than with what was run right before."""
        before = self.runs.get(subject.against or "")
        if before and result.get("keys"):
            theirs = before[-1]["seconds"] / before[-1]["keys"]
            result["ratio"] = result["seconds"] / result["keys"] / theirs

    def _run(self, subject: Subject, server: BenchServer) -> Result:
        match subject.run:
            case Run.PYTHON:
                return self._python(subject.does, server.url, server)
            case Run.LINKED:
                with slow_link(server, DELAY_MS) as port:
                    return self._python(subject.does, f"redis://127.0.0.1:{port}/0", server)
            case Run.HEADLESS:
                return self._program(others.headless(server.url), server, self._judge_headless, keep=True)
            case Run.REDIS_CLI:
                return self._program(others.redis_cli(server.port), server, lambda _: {"keys": self.tasks})
            case Run.ASYNQ:
                command = [str(self._asynq_program()), "--redis", server.url, subject.does, "--queue", QUEUE]
                return self._program(command, server, _judge_asynq, keep=True)
            case Run.ASYNQ_CLI:
                keys = self.size(Shape.ARCHIVE)
                return self._program(others.asynq_task_ls(server.port, keys), server, lambda _: {"keys": keys})

    def _asynq_program(self) -> Path:
        if self._asynq is None:
            self._asynq = others.asynq_program(self._folder)
        return self._asynq

    def _judge_headless(self, ended: others.Ended) -> Result:
        report = json.loads(ended.output)
        if not report["complete"]:
            raise RuntimeError("archive-tui scan did not scan everything")
        found = sum(kind["count"] for queue in report["queues"] for kind in queue["findings"].values())
        return {"keys": report["keys_scanned"], "found": found}

    def _program(
        self,
        command: list[str],
        server: BenchServer,
        judge: Callable[[others.Ended], Result],
        *,
        keep: bool = False,
    ) -> Result:
        """A program of its own, with its start."""
        watch = Watch(server)
        watch.start()
        try:
            ended = others.run(command, self._environment, keep=keep)
        finally:
            seen = watch.stop()
        figures = {"seconds": ended.seconds, "cpu_seconds": ended.cpu_seconds, "peak_mib": ended.peak_mib}
        return figures | seen | judge(ended)

    def _python(self, does: str, url: str, server: BenchServer, python: str = sys.executable) -> Result:
        """A function of a module beside this, in a process of its own; watched from its `begin` to its `end`."""
        module, _, name = does.partition(".")
        process = subprocess.Popen(
            [python, str(HERE / f"{module}.py"), name, url, QUEUE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        seen: Result = {}
        try:
            line = process.stdout.readline()
            if line == "begin\n":
                watch = Watch(server)
                watch.start()
                process.stdin.write("go\n")
                process.stdin.flush()
                line = process.stdout.readline()
                seen = watch.stop()
            rest = process.stdout.read()
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
        if process.returncode:
            raise SystemExit(f"the benchmark's subject {does!r} failed, run by {python}")
        figures: Result = json.loads((rest if line == "end\n" else line + rest).splitlines()[-1])
        if "left_out" in figures:
            raise LeftOutError(figures["left_out"])
        return figures | seen


def _judge_asynq(ended: others.Ended) -> Result:
    said = others.answer(ended)
    return {"keys": said.get("listed", said.get("deleted")), "seconds": said["seconds"]}


@contextmanager
def slow_link(server: BenchServer, milliseconds: float) -> Any:
    """A port that leads to the server with this round trip, carried by a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "link.py"), str(server.socket), str(milliseconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def median(runs: Sequence[Result]) -> Result:
    """One result for several runs of a subject: the median of each figure, but the worst of what must never happen."""
    together: Result = dict(runs[-1])
    for name, value in runs[-1].items():
        values = [run[name] for run in runs if isinstance(run.get(name), int | float)]
        if isinstance(value, bool) or len(values) != len(runs):
            continue
        together[name] = max(values) if name in _WORST else statistics.median(values)
    slowest = max((run for run in runs), key=lambda run: run.get("slowest_call_ms") or 0.0)
    return together | {name: slowest[name] for name in ("slowest_call_ms", "slowest_call") if name in slowest}


COMPARED = ("seconds", "cpu_seconds", "server_cpu_seconds", "peak_mib")
"""The figures of two versions that are put against each other."""


def ratios(ours: Sequence[Result], theirs: Sequence[Result]) -> dict[str, float]:
    """How many times as much a subject takes with us as with another version: the median over the pairs of runs."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        name: statistics.median(mine[name] / other[name] for mine, other in pairs)
        for name in COMPARED
        if all(mine.get(name) and other.get(name) for mine, other in pairs)
    }


_WORST = {"peak_mib", "ping_max_ms"}
