"""How fast archive_tui is, measured beside what others do: `python tests/benchmarks`.

Prints tables and a verdict for every target; exit code 1 where one is not met.

All figures are ratios within one run on one machine. The floor is a bare `SCAN MATCH COUNT 1000` loop with redis-py as
everybody uses it, run right before each subject that is compared with it.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import report
import verdicts
from installation import Installation, NoInstallationError
from measure import Measurement, median, ratios
from schedule import SLUGS, START, SUBJECTS, chosen
from server import ServerUnavailable, embedded
from startup import OTHER

QUICK = 20_000
_BUSY = 0.5
_TASKS = (1_000_000, 2_000_000)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tasks", type=int, nargs="+", metavar="N",
        help="how many; 1,000,000 if not said, and then 2,000,000 for what takes more to be judged",
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=SLUGS, default=SLUGS, metavar="SUBJECT", help=", ".join(SLUGS))
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of all that is compared (3)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} tasks, once: whether everything works")
    parser.add_argument("--server", metavar="BINARY", help="a redis-server or valkey-server; else the embedded Valkey")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure of every run here")
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER",
        help="an installation of another version (a checkout with its .venv), run in turn with this one",
    )  # fmt: skip
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md instead")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print what --json wrote earlier; measures nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.tasks, arguments.repeat = [QUICK], 1
    if arguments.repeat < 1 or min(arguments.tasks or _TASKS) < 1_000:
        parser.error("at least one run, and at least 1,000 tasks")
    return arguments


def machine() -> dict[str, Any]:
    """Where this is measured."""
    model = ""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    except OSError:
        model = platform.processor()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("archive-tui", "redis", "hiredis", "textual")},
    }


def _where(facts: dict[str, Any], server: dict[str, Any]) -> str:
    return (
        f"{facts['processor'] or facts['system']}, {facts['cores']} cores, {facts['memory_gib']} GiB; "
        f"{server.get('product', '')} {server.get('version', '')}, Python {facts['python']}, "
        f"redis-py {facts['redis']}, Textual {facts['textual']}"
    )


def main() -> int:
    """Measure, print, and say by the exit code whether everything is met."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leaving nothing behind
    arguments = parse()
    if arguments.show:
        earlier = json.loads(arguments.show.read_text(encoding="utf-8"))
        for tasks in earlier["sizes"]:
            show(earlier, int(tasks), markdown=arguments.markdown)
        return 0
    kept: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "sizes": {}}
    other = None
    if arguments.against is not None:
        try:
            other = Installation.at(arguments.against)
        except NoInstallationError as reason:
            print(f"--against: {reason}", file=sys.stderr)
            return 2
        kept["against"] = {"name": other.name, "commit": other.commit, **other.facts}
    began = time.monotonic()

    terminal = sys.stderr.isatty()

    def say(what: str) -> None:
        before, after = ("\r\x1b[K", "") if terminal else ("", "\n")
        print(f"{before}{time.monotonic() - began:5.0f} s  {what}", end=after, file=sys.stderr, flush=True)

    missed = 0
    wanted = set(arguments.only)
    for number, tasks in enumerate(sorted(set(arguments.tasks or _TASKS))):
        if not wanted:
            break
        with tempfile.TemporaryDirectory(prefix="archive-tui-bench-") as folder:
            try:
                binary = arguments.server or embedded()
                one = Measurement(tasks, arguments.repeat, binary, Path(folder), say, other)
                one.measure(chosen(wanted), start=START in wanted and not number)
            except ServerUnavailable as reason:
                print(f"no server to measure on: {reason}", file=sys.stderr)
                return 2
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr)
        figures = {slug: median(runs) for slug, runs in one.runs.items()}
        judged = verdicts.judge(figures | ({START: one.start} if one.start else {}), one.left_out, tasks)
        missed += sum(verdict.met is False for verdict in judged)
        kept["server"] = one.server
        kept["sizes"][str(tasks)] = {
            "repeat": arguments.repeat,
            "built": one.built,
            "results": figures,
            "runs": one.runs,
            "start": one.start,
            "their_runs": one.theirs,
            "against": compared(one),
            "left_out": one.left_out,
            "verdicts": [asdict(verdict) for verdict in judged],
        }
        if arguments.json:
            arguments.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        if not arguments.tasks:
            wanted = {slug for verdict in judged if verdict.met is None for slug in verdict.needs}
        show(kept, tasks, markdown=arguments.markdown)
    if not arguments.markdown:
        print(f"\nmeasured in {time.monotonic() - began:.0f} s")
        print(f"{missed} requirements NOT met" if missed else "every requirement that was judged is met")
    return 1 if missed else 0


def compared(one: Measurement) -> dict[str, Any]:
    """Every subject that another version was measured with, by title: seconds of both, and the ratios."""
    pairs = {
        f"{subject.shape}: {subject.title}": (one.runs[subject.slug], theirs)
        for subject in SUBJECTS
        if (theirs := one.theirs.get(subject.slug))
    }
    pairs |= {
        name: (one.start[name]["runs"], one.start[name + OTHER]["runs"])
        for name in one.start
        if name + OTHER in one.start
    }
    return {
        name: {
            "seconds": median(ours)["seconds"],
            "their_seconds": median(theirs)["seconds"],
            "ratios": ratios(ours, theirs),
        }
        for name, (ours, theirs) in pairs.items()
    }


def show(kept: dict[str, Any], tasks: int, *, markdown: bool) -> None:
    """Print what was measured at one size."""
    size = kept["sizes"][str(tasks)]
    figures, judged = size["results"], [verdicts.Verdict(**verdict) for verdict in size["verdicts"]]
    where = _where(kept["machine"], kept["server"])
    if markdown:
        print(report.markdown(figures, judged, f"{tasks:,} tasks, medians of {size['repeat']} runs; {where}.") + "\n")
        if size["against"]:
            print(report.markdown_against(size["against"], kept["against"]["name"]) + "\n")
        return
    print(f"{tasks:,} tasks, medians of {size['repeat']} runs\n{where}\n")
    if kept["machine"]["load"] > _BUSY:
        load = kept["machine"]["load"]
        print(f"This machine was busy (load {load:.1f}): times and PINGs are worse than they would be.\n")
    if figures:
        print(report.table(figures, size["built"]))
        print(
            "\nratio: time a task against the floor, UNLINK or Asynq, run right before; MiB: the client's peak;"
            "\ntrips: requests sent; server s: processor time of the server; PING: of a second client, in ms;"
            "\nlate: how late the machine woke that client, p99, which a PING suffers from the machine alone"
        )
        print("\nserver time by command (exec, eval and evalsha include what they run)\n" + report.server_time(figures))
    if "screen" in figures:
        print(f"\nthe UI loop at 140 × 40, {figures['screen']['found']:,} rows\n{report.stalls(figures['screen'])}")
    if size["start"]:
        print(f"\nstarting\n{report.start(size['start'])}")
    if size["against"]:
        print(f"\nagainst {kept['against']['name']}, medians of pairs of runs\n{report.against(size['against'])}")
    if size["left_out"]:
        print("\nleft out\n" + "\n".join(f"  {slug}: {why}" for slug, why in size["left_out"].items()))
    if judged:
        print(f"\ntargets\n{report.verdicts(judged)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
