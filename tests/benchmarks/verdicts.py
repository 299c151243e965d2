"""The targets, each with what it requires and what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schedule import DELAY_MS, START

ENOUGH = 100_000
"""Below so many tasks, what is the same for every size outweighs what is measured: nothing is judged."""

_MANY_ROWS = 950_000
_MANY_FINDINGS = 1_900_000
_LINK_SECONDS = 15.0

Figures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one line. `met` is None where it could not be judged; `why` then says why. `needs` are the slugs
    of what it speaks of.
    """

    what: str
    required: str
    measured: str
    met: bool | None
    why: str = ""
    needs: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """For a person."""
        if self.met is None:
            return f"not judged: {self.why}"
        return "met" if self.met else "NOT met" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement: `measure` gives the figure out of the results (KeyError where they lack it), and `rows` how many
    rows it was measured on, where it takes `least` of them to judge.
    """

    what: str
    required: str
    limit: float
    measure: Callable[[Figures], float]
    shown: Callable[[float], str]
    at_least: bool = False
    least: int = 0
    needs: tuple[str, ...] = ()

    def judge(self, figures: Figures, left_out: Mapping[str, str], tasks: int) -> Verdict | None:
        """The verdict; None where nobody asked for what it takes."""
        missing = [slug for slug in self.needs if slug not in figures]
        lacking = [left_out[slug] for slug in missing if slug in left_out]
        if lacking:
            return self._verdict("–", met=False, why=lacking[0])
        if missing:
            return None
        value = self.measure(figures)
        measured = self.shown(value)
        met = value >= self.limit if self.at_least else value <= self.limit
        rows = max((int(figures[slug].get("found") or 0) for slug in self.needs), default=0)
        if tasks < ENOUGH and self.needs != (START,):
            return self._verdict(measured, met=None, why=f"fewer than {ENOUGH:,} tasks")
        if met and rows < self.least:
            return self._verdict(measured, met=None, why=f"{rows:,} rows are too few")
        return self._verdict(measured, met=met)

    def _verdict(self, measured: str, *, met: bool | None, why: str = "") -> Verdict:
        return Verdict(self.what, self.required, measured, met, why, self.needs)


def _times(value: float) -> str:
    return f"{value:.3f} ×" if value < 10 else f"{value:.1f} ×"


def _part(value: float) -> str:
    return f"1/{1 / value:.1f} ×" if 0 < value < 1 else f"{value:.1f} ×"


def _mib(value: float) -> str:
    return f"{value:.0f} MiB"


def _ms(value: float) -> str:
    return f"{value:.1f} ms"


def _rate(value: float) -> str:
    return f"{value:,.0f} B/s"


def _bytes(value: float) -> str:
    return f"{value:,.0f} B"


def _sent(what: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures["terminal"][what])


def _stall(phases: tuple[str, ...]) -> Callable[[Figures], float]:
    def worst(figures: Figures) -> float:
        stalls = figures["screen"]["stalls"]
        return float(max(stall["worst_ms"] for name, stall in stalls.items() if name.startswith(phases)))

    return worst


def _per_key(figures: Figures, slug: str) -> float:
    return float(figures[slug]["seconds"] / figures[slug]["keys"])


def _ping(*slugs: str) -> Callable[[Figures], float]:
    return lambda figures: float(max(figures[slug]["ping_p99_ms"] for slug in slugs))


def _start(what: str, against: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures[START][what]["seconds"] / figures[START][against]["seconds"])


def _beyond_floor(figures: Figures) -> float:
    scan, floor = figures["link-scan"], figures["link-floor"]
    return float((scan["seconds"] - floor["seconds"]) / scan["keys"] * 1e6)


LINES: tuple[Line, ...] = (
    Line("scan, healthy queue", "≤ 1.6 × floor", 1.6, lambda f: f["healthy-scan"]["ratio"], _times,
         needs=("healthy-scan",)),
    Line("scan, leaky queue", "≤ 6 × floor", 6, lambda f: f["scan"]["ratio"], _times, needs=("scan",)),
    Line("filter by payload, findings", "≥ 1/3 of the scan's rate", 1 / 3,
         lambda f: _per_key(f, "scan") / _per_key(f, "filter"), _part, at_least=True, needs=("filter", "scan")),
    Line("filter by payload, archive", "≤ 3 × listing", 3, lambda f: _per_key(f, "list-filter") / _per_key(f, "list"),
         _times, needs=("list-filter", "list")),
    Line("enter to a task's payload", "≤ 100 ms", 100, lambda f: 1000 * _per_key(f, "first-page"), _ms,
         needs=("first-page",)),
    Line("scan against the usual recipe", "≥ 20 × faster", 20, lambda f: _per_key(f, "recipe") / _per_key(f, "scan"),
         _times, at_least=True, needs=("recipe", "scan")),
    Line("deletion with journal", "≥ 1/4 of UNLINK", 1 / 4, lambda f: 1 / f["delete-journal"]["ratio"], _part,
         at_least=True, needs=("delete-journal",)),
    Line("deletion without journal", "≥ 1/2.5 of UNLINK", 1 / 2.5, lambda f: 1 / f["delete"]["ratio"], _part,
         at_least=True, needs=("delete",)),
    Line("peak memory, screens, 2,000,000 findings", "≤ 220 MiB", 220, lambda f: f["screen"]["peak_mib"], _mib,
         least=_MANY_FINDINGS, needs=("screen",)),
    Line("peak memory, headless, 2,000,000 findings", "≤ 110 MiB", 110, lambda f: f["headless"]["peak_mib"], _mib,
         least=_MANY_FINDINGS, needs=("headless",)),
    Line("longest stall while scanning", "≤ 50 ms", 50, _stall(("scanning", "completing")), _ms,
         least=_MANY_ROWS, needs=("screen",)),
    Line("longest stall while deleting", "≤ 50 ms", 50, _stall(("marking", "planning", "confirming", "deleting")), _ms,
         least=_MANY_ROWS, needs=("screen",)),
    Line("longest stall while sorting and filtering", "≤ 50 ms", 50, _stall(("sorting", "filtering", "clearing")), _ms,
         least=_MANY_ROWS, needs=("screen",)),
    Line("longest stall while moving", "≤ 50 ms", 50, _stall(("jumping",)), _ms, least=_MANY_ROWS, needs=("screen",)),
    Line("PING of another client while we scan, p99", "≤ 5 ms", 5, _ping("healthy-scan", "scan"), _ms,
         needs=("healthy-scan", "scan")),
    Line("PING of another client while we delete, p99", "≤ 5 ms", 5, _ping("delete"), _ms, needs=("delete",)),
    Line("PING of another client while we delete, p99, beyond that of blind UNLINK", "≤ +1 ms", 1,
         lambda f: f["delete"]["ping_p99_ms"] - f["unlink"]["ping_p99_ms"], lambda value: f"{value:+.1f} ms",
         needs=("delete", "unlink")),
    Line("listing of a full archive", "≤ 2 × Asynq's own", 2, lambda f: f["list"]["ratio"], _times,
         needs=("list", "asynq-list")),
    Line("--version", "≤ 1.5 × importing click", 1.5, _start("--version", "importing click"), _times,
         needs=(START,)),
    Line("first queues on screen", "≤ 1.3 × importing textual.app and redis", 1.3,
         _start("first queues on screen", "importing textual.app and redis"), _times, needs=(START,)),
    Line(f"scan {DELAY_MS} ms away, a million keys", "≤ floor + 15 s", _LINK_SECONDS, _beyond_floor,
         lambda value: f"floor + {value:.1f} s", needs=("link-scan", "link-floor")),
    Line("sent by an idle screen", "≤ 300 B/s", 300, _sent("idle"), _rate, needs=("terminal",)),
    Line("sent beneath a dialog", "0 B/s", 0, _sent("dialog"), _rate, needs=("terminal",)),
    Line("sent while a scan brings rows, 80 × 24", "≤ 4,000 B/s", 4_000, _sent("scan"), _rate, needs=("terminal",)),
    Line("key to echo, 16 kB/s and 300 ms", "≤ 500 ms", 500, lambda f: f["terminal"]["echo"] * 1000, _ms,
         needs=("terminal",)),
    Line("sent to open the help, 80 × 24", "≤ 3,000 B", 3_000, _sent("help"), _bytes, needs=("terminal",)),
    Line("sent to open a task, 80 × 24", "≤ 3,500 B", 3_500, _sent("task"), _bytes, needs=("terminal",)),
    Line("sent to open a plan, 80 × 24", "≤ 2,300 B", 2_300, _sent("plan"), _bytes, needs=("terminal",)),
    Line("sent for a page of a list, 80 × 24", "≤ 1,600 B", 1_600, _sent("page"), _bytes, needs=("terminal",)),
    Line("sent with --low-bandwidth by an idle screen", "≤ 150 B/s", 150, _sent("thin_idle"), _rate,
         needs=("terminal",)),
    Line("sent with --low-bandwidth while a scan brings rows", "≤ 2,000 B/s", 2_000, _sent("thin_scan"), _rate,
         needs=("terminal",)),
    Line("peak memory, headless, messages of 1 MiB", "≤ 200 MiB", 200, lambda f: f["large-scan"]["peak_mib"], _mib,
         needs=("large-scan",)),
)  # fmt: skip


def judge(figures: Figures, left_out: Mapping[str, str], tasks: int) -> list[Verdict]:
    """What can be said about every line that was asked for."""
    return [verdict for line in LINES if (verdict := line.judge(figures, left_out, tasks)) is not None]
