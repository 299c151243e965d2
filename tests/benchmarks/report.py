"""The figures as tables: for a terminal, and as Markdown for docs/performance.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from measure import COMPARED
from schedule import SUBJECTS
from verdicts import Verdict

Figures = Mapping[str, Mapping[str, Any]]
_SHAPES = {
    "healthy": "healthy queue: 99 % referenced",
    "leaky": "leaky queue: 99 % orphans",
    "large": "leaky queue, messages of 1 MiB",
    "archive": "full archive",
}


def table(figures: Figures, built: Mapping[str, Mapping[str, Any]]) -> str:
    """Every subject, by data."""
    heads = ["", "seconds", "µs/task", "ratio", "CPU s", "MiB", "trips", "commands", "server s", "slowest", "PING p50",
             "p99", "max", "late"]  # fmt: skip
    lines: list[Sequence[str]] = [heads]
    shape = None
    for subject in SUBJECTS:
        if subject.slug not in figures:
            continue
        if subject.shape is not shape:
            shape = subject.shape
            made = built[shape]
            lines.append([f"{_SHAPES[shape]}, {made['tasks']:,} tasks (built in {made['seconds']:.1f} s)"])
        lines.append([f"  {subject.title}", *_cells(figures[subject.slug])])
    return aligned(lines)


def _cells(one: Mapping[str, Any]) -> list[str]:
    keys = one.get("keys")
    slowest = one.get("slowest_call_ms")
    return [
        f"{one['seconds']:.2f}",
        f"{one['seconds'] / keys * 1e6:.2f}" if keys else "",
        f"{one['ratio']:.2f} ×" if "ratio" in one else "",
        f"{one['cpu_seconds']:.2f}",
        f"{one['peak_mib']:.0f}" if one.get("peak_mib") else "?",
        f"{one['round_trips']:,.0f}" if "round_trips" in one else "",
        f"{one['commands']:,.0f}",
        f"{one['server_cpu_seconds']:.2f}",
        f"{slowest:.1f} ms" if slowest else "< 1 ms",
        f"{one['ping_p50_ms']:.2f}",
        f"{one['ping_p99_ms']:.2f}",
        f"{one['ping_max_ms']:.1f}",
        f"{one['woken_late_p99_ms']:.2f} ms",
    ]


def aligned(lines: Iterable[Sequence[str]], *, texts: bool = False) -> str:
    """Columns under each other: texts to the left, figures to the right, but the first always to the left. A line of
    one cell may be as wide as it likes.
    """
    rows = list(lines)
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[column]) for row in full) for column in range(len(full[0]))]
    return "\n".join(
        "  ".join(
            [
                cell.rjust(width) if place and not texts else cell.ljust(width)
                for place, (cell, width) in enumerate(both)
            ]
        ).rstrip()
        for both in (list(zip(row, widths, strict=False)) for row in rows)
    )


def server_time(figures: Figures) -> str:
    """What the server's time went to, and its slowest single call."""
    lines = []
    for subject in SUBJECTS:
        one = figures.get(subject.slug)
        if one is None or not one["server_seconds"]:
            continue
        spent = ", ".join(
            f"{name} {facts['seconds']:.2f} s ({facts['calls']:,})"
            for name, facts in list(one["server_seconds"].items())[:5]
        )
        slowest = f"; slowest {one['slowest_call_ms']:.1f} ms: {one['slowest_call']}" if one["slowest_call_ms"] else ""
        lines.append(f"  {subject.shape}: {subject.title}: {spent}{slowest}")
    return "\n".join(lines)


def stalls(screen: Mapping[str, Any]) -> str:
    """The UI loop, phase by phase."""
    lines: list[Sequence[str]] = [["  phase", "took", "longest stall", "own work of it", "over 50 ms", "often late in"]]
    for name, stall in screen["stalls"].items():
        took = screen["phase_seconds"].get(name)
        lines.append([
            f"  {name}", f"{took:.2f} s" if took is not None else "", f"{stall['worst_ms']:.1f} ms",
            f"{stall['own_work_ms']:.1f} ms", f"{stall['over_50_ms']:.0f} ×",
            ", ".join(f"{place} ({times})" for place, times in list(stall.get("places", {}).items())[:2]),
        ])  # fmt: skip
    return aligned(lines, texts=True)


def start(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """How long it takes to start."""
    return aligned([[f"  {name}", f"{one['seconds'] * 1000:.0f} ms"] for name, one in figures.items()])


def against(compared: Mapping[str, Mapping[str, Any]]) -> str:
    """Two versions, subject by subject: seconds of both, and how many times as much of each figure we take."""
    lines: list[Sequence[str]] = [["", "seconds", "theirs", "time", "CPU", "server CPU", "memory"]]
    lines += [
        [
            f"  {name}", f"{one['seconds']:.3f}", f"{one['their_seconds']:.3f}",
            *(f"{one['ratios'][figure]:.3f} ×" if figure in one["ratios"] else "" for figure in COMPARED),
        ]
        for name, one in compared.items()
    ]  # fmt: skip
    return aligned(lines)


def verdicts(judged: Sequence[Verdict]) -> str:
    """Required, measured, and whether that is enough."""
    lines = [["", "required", "measured", ""]]
    lines += [[f"  {one.what}", one.required, one.measured, one.word] for one in judged]
    return aligned(lines, texts=True)


def markdown(figures: Figures, judged: Sequence[Verdict], heading: str) -> str:
    """The tables of docs/performance.md."""
    lines = [
        heading,
        "",
        "| on | what | µs a task | against | memory | other clients' PING, p99 | slowest call |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    shown = [(subject, figures[subject.slug]) for subject in SUBJECTS if subject.slug in figures]
    for subject, one in shown:
        against = next((other.title for other in SUBJECTS if other.slug == subject.against), "")
        ratio = f"{one['ratio']:.2f} × {against.split(',')[0].split(':')[0]}" if "ratio" in one else ""
        slowest = f"{one['slowest_call_ms']:.0f} ms" if one["slowest_call_ms"] else "< 1 ms"
        memory = f"{one['peak_mib']:.0f} MiB" if one.get("peak_mib") else ""
        each = f"{one['seconds'] / one['keys'] * 1e6:.2f}" if one.get("keys") and subject.slug != "screen" else ""
        lines.append(
            f"| {_SHAPES[subject.shape].partition(':')[0]} | {subject.title} | {each} | {ratio} | {memory} "
            f"| {one['ping_p99_ms']:.1f} ms | {slowest} |"
        )
    lines += ["", "| must | measured | |", "| --- | --- | --- |"]
    lines += [f"| {one.what}: {one.required} | {one.measured} | {one.word} |" for one in judged]
    return "\n".join(lines)


def markdown_against(compared: Mapping[str, Mapping[str, Any]], other: str) -> str:
    """How many times as much we take as another version, as the tables of docs/performance.md."""
    lines = [f"Beside {other}, medians of pairs of runs:", ""]
    lines += ["| on: what | time | processor time | the server's | memory |", "| --- | --- | --- | --- | --- |"]
    for name, one in compared.items():
        cells = (f"{one['ratios'][figure]:.2f} ×" if figure in one["ratios"] else "" for figure in COMPARED)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
