"""Whole scans, several at a time, of an Asynq that is as busy as this machine can make it: nothing false, none missed.

`ARCHIVE_TUI_LOAD_SECONDS` says for how long; CONTRIBUTING.md says how to run minutes of it by hand.
"""

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from support.oracle import findings

from archive_tui.jobs.pace import Pace
from archive_tui.store.read import unreferenced

from .cleaner import Cleaner
from .planting import Found, Plantation
from .program import Asynq

QUEUES = ("critical", "default")
SECONDS = float(os.environ.get("ARCHIVE_TUI_LOAD_SECONDS", "6"))
pytestmark = [pytest.mark.asynq, pytest.mark.slow, pytest.mark.timeout(300 + 3 * SECONDS)]

SCANNERS = 2
HANDLED = ("processed", "failures", "aggregated")
WAYS = (
    (QUEUES, False, Pace.FULL),
    ((), True, Pace.POLITE),
    ((QUEUES[0],), True, Pace.POLITE),
    ((), False, Pace.GENTLE),
    ((QUEUES[1],), False, Pace.POLITE),
    (QUEUES, True, Pace.FULL),
)
"""Which queues a scan is of (none is all), whether it reads messages, and how fast it is."""


@dataclass
class Sightings:
    """What some scans have seen. `loose` are archived orphans that nobody has planted: only Asynq's own account can
    tell whether they are any.
    """

    scans: int = 0
    findings: int = 0
    planted: int = 0
    false: Found = field(default_factory=dict)
    missed: Found = field(default_factory=dict)
    loose: set[tuple[str, bytes]] = field(default_factory=set)

    def __iadd__(self, other: "Sightings") -> "Sightings":
        self.scans += other.scans
        self.findings += other.findings
        self.planted += other.planted
        self.false |= other.false
        self.missed |= other.missed
        self.loose |= other.loose
        return self


def test_nothing_false_and_none_missed_under_load(
    asynq: Asynq, cleaner: Cleaner, client: redis.Redis, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks pass through every state, groups and retention included. Before each scan fresh damage is planted, which is
    taken away after it; the rest stands all the while.
    """
    monkeypatch.setattr(unreferenced, "_SHORT_LIST", 100)  # so that lists are read in one go, and also in pieces
    began = time.monotonic()
    with (
        asynq.traffic(tmp_path / "traffic", queues=",".join(QUEUES), rate=5_000, concurrency=25) as traffic,
        ThreadPoolExecutor(SCANNERS) as hands,
    ):
        always = [Plantation(client, queue, "planted-always") for queue in QUEUES]
        until = time.monotonic() + SECONDS
        hired = [hands.submit(scan, number, cleaner, url, always, until) for number in range(SCANNERS)]
        seen = Sightings()
        for one in hired:
            seen += one.result()
        account = traffic.end()
        seconds = time.monotonic() - began
    seen.false |= dict.fromkeys(seen.loose - _orphaned(account["orphaned"]), ("orphan-archived", ""))
    accepted, handled = account.counts["accepted"], sum(account.counts[name] for name in HANDLED)
    print(
        f"\nunder load for {seconds:.0f} s: {accepted:,} tasks accepted ({accepted / seconds:,.0f}/s), "
        f"{handled:,} handled ({handled / seconds:,.0f}/s); {seen.scans} whole scans, {seen.findings:,} findings, "
        f"of {seen.planted:,} planted {len(seen.missed)} missed, "
        f"{len(seen.loose):,} orphans of Asynq's making, {len(seen.false)} false"
    )
    assert not seen.false
    assert not seen.missed
    assert seen.scans >= 2 * SCANNERS
    for tally in ("processed", "aggregated", "deleted_by_asynq"):
        assert account[tally], "the traffic was too tame"
    for messages in (False, True):
        at_rest = findings(client, messages=messages)
        assert cleaner.findings(*QUEUES, messages=messages) == at_rest
        for one in always:
            assert at_rest.items() >= one.expected(messages=messages).items()


def _orphaned(tally: dict[tuple[str, str], int]) -> set[tuple[str, bytes]]:
    return {(queue, task_id.encode()) for queue, task_id in tally}


def scan(number: int, cleaner: Cleaner, url: str, always: list[Plantation], until: float) -> Sightings:
    """One of those who scan, each way in its turn, until the time has come."""
    seen = Sightings()
    with redis.Redis.from_url(url) as client:
        for queues, messages, pace in itertools.islice(itertools.cycle(WAYS), number * 3, None):
            fresh = [Plantation(client, queue, f"planted-{number}-{seen.scans}") for queue in QUEUES]
            found = cleaner.findings(*queues, messages=messages, pace=pace)
            expected = {
                ref: what
                for plants in (*always, *fresh)
                for ref, what in plants.expected(messages=messages).items()
                if not queues or ref[0] in queues
            }
            for one in fresh:
                one.dig_up()
            seen.scans += 1
            seen.findings += len(found)
            seen.planted += len(expected)
            seen.missed |= {ref: what for ref, what in expected.items() if found.get(ref) != what}
            others = {ref: what for ref, what in found.items() if not ref[1].startswith(b"planted-")}
            seen.loose |= {ref for ref, what in others.items() if what[0] == "orphan-archived"}
            seen.false |= {ref: what for ref, what in others.items() if what[0] != "orphan-archived"}
            if time.monotonic() > until and seen.scans >= 2:
                return seen
    raise AssertionError("the ways come round again and again")
