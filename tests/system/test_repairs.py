"""Repairs of findings through a real terminal: the best choice first, the plan whole, and nothing drawn over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.contents import content
from support.idle import calm, silent
from support.servers import Live
from support.terminal import Terminal
from support.typist import CTRL_D, DOWN, ENTER, ESCAPE, PAGE_DOWN, PATIENT, UP, at_rest, confirm, redrawn

DONE = "Their work was done already"


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with two completed orphans, each with a result, and three archived ones."""
    (now, _) = valkey.client.time()
    valkey.asynq.register("work")
    for number in range(2):
        valkey.asynq.add("work", f"done-{number}", "completed", referenced=False, completed_at=now - 10 * 86_400)
    for number in range(3):
        valkey.asynq.add(
            "work", f"lost-{number}", referenced=False, error_msg=f"dial tcp 10.0.0.{number}:587: connection refused",
            last_failed_at=now - 10 * 86_400, retried=25,
        )  # fmt: skip
    return valkey


@pytest.fixture
def scanned(work: Live, tmp_path: Path) -> Iterator[Terminal]:
    """The program at 80x24, with its scan complete."""
    terminal = Terminal("--url", work.url, size=(80, 24), program=PATIENT, HOME=str(tmp_path))
    try:
        terminal.sees("work")
        at_rest(terminal)
        terminal.type("o")
        terminal.sees("complete")
        yield terminal
    finally:
        terminal.close()


def whole(terminal: Terminal, *texts: str) -> list[str]:
    """See that all of this stands in a dialog whose frame nothing interrupts; returns its lines."""
    redrawn(terminal)
    lines = terminal.drawn.split("\n")
    top = next(number for number, line in enumerate(lines) if "╭" in line)
    bottom = next(number for number, line in enumerate(lines) if "╰" in line)
    box = lines[top : bottom + 1]
    left = box[0].index("╭")
    for line in box[1:-1]:
        assert line[left] == "│", terminal.drawn
        assert line.rstrip()[-1] == "│", terminal.drawn
    words = " ".join("\n".join(box).replace("│", " ").split())
    for text in texts:
        assert text in words, f"{text!r} in\n{terminal.drawn}"
    return box


def test_of_completed_orphans_the_best_choice_is_to_delete_them(scanned: Terminal, work: Live) -> None:
    terminal = scanned
    terminal.type("/kind:orphan-completed" + ENTER + "*")
    terminal.sees("2 marked")
    terminal.type("m")
    terminal.sees("delete (ctrl+d): 2")
    box = whole(terminal, "The work was done", "run once: 2", DONE)
    choices = [line for line in box if ": 2" in line]
    assert "delete (ctrl+d): 2" in choices[0], "the best choice comes first"
    silent(terminal, "the choice of repairs")
    run = next(number for number, line in enumerate(choices) if "run once: 2" in line)
    terminal.type(DOWN * run + ENTER)  # in one packet
    terminal.sees("Type 2 to confirm")
    whole(terminal, "WHAT", "run once", DONE, "THEN", "WAY BACK", "Type 2 to confirm:", "Cancel", work.settings.address)
    silent(terminal, "the plan of a repair")
    before = content(work)
    terminal.type(ESCAPE + "m" + ENTER)  # the first choice
    terminal.sees("Delete 2 tasks?")
    whole(terminal, "WHAT", "THEN", "WAY BACK", "u undoes it", "Type 2 to confirm:", "Cancel", work.settings.address)
    assert content(work) == before
    confirm(terminal, 2)
    terminal.sees("Deleted 2 of 2 tasks")
    silent(terminal, "a report")


def test_a_plan_is_whole_or_begins_at_its_top_and_no_remark_covers_it(scanned: Terminal, work: Live) -> None:
    terminal = scanned
    terminal.type("/kind:orphan-archived" + ENTER + "*")
    terminal.sees("3 marked")
    terminal.type("x")
    terminal.sees("nothing is running")
    lines = terminal.drawn.split("\n")
    assert "nothing is running" in lines[-2], "a remark has its line above the footer"
    assert "lost-2" in terminal.drawn
    terminal.type(CTRL_D)
    terminal.sees("Type 3 to confirm:")
    whole(
        terminal, "Delete 3 tasks?", "WHAT", "orphan, archived", "connection refused", "10 d", "THEN",
        "WAY BACK", "u undoes it", "Why, for the journal:", "Type 3 to confirm:", "Cancel", "Delete",
        work.settings.address,
    )  # fmt: skip
    terminal.resize(60, 15)
    terminal.until(lambda: len(terminal.drawn.split("\n")) == 15 and "WHAT" in terminal.text, "the plan from its top")
    always = ("Delete 3 tasks?", "Type 3 to confirm:", "Cancel", work.settings.address)
    whole(terminal, "WHAT", "orphan, archived", *always)
    silent(terminal, "a plan at 60x15")
    for _ in range(6):
        if "WAY BACK" in terminal.drawn:
            break
        terminal.type(PAGE_DOWN)
        redrawn(terminal)
    whole(terminal, "WAY BACK", *always)
    terminal.type(PAGE_DOWN * 3 + UP * 12)
    terminal.until(lambda: "WHAT" in terminal.text, "its top again")
    terminal.type(ESCAPE)
    redrawn(terminal)
    terminal.sees("nothing was deleted")
    calm(terminal, "a scan at 60x15", on=0)
    assert "nothing was deleted" in terminal.drawn.split("\n")[-2]
