"""Lists as one likes them, through a real terminal: columns, times, and filters that are completed and recalled."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.idle import calm, silent
from support.servers import Live
from support.terminal import Terminal
from support.typist import CTRL_R, CTRL_S, CTRL_U, DOWN, END, ENTER, ESCAPE, PATIENT, TAB, UP, at_rest, redrawn

Start = Callable[[], Terminal]


@pytest.fixture
def work(valkey: Live) -> Live:
    """A queue with archived tasks of three types, the newest of each ten days old."""
    (now, _) = valkey.client.time()
    valkey.asynq.register("work")
    for number, kind in enumerate(["email:deliver", "email:digest", "report:make"] * 2):
        valkey.asynq.add("work", f"task-{number}", score=now - 10.5 * 86_400 - number, type=kind)
    return valkey


@pytest.fixture
def start(work: Live, tmp_path: Path) -> Iterator[Start]:
    """Starts the program at 100x30, up to the archive; it has one home from one start to the next."""
    running: list[Terminal] = []

    def begin() -> Terminal:
        terminal = Terminal("--url", work.url, program=PATIENT, HOME=str(tmp_path))
        running.append(terminal)
        terminal.sees("6/9,999")
        at_rest(terminal)
        terminal.type(ENTER)
        terminal.sees("task-5")
        at_rest(terminal)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


def titles(terminal: Terminal) -> list[str]:
    """The titles of the columns."""
    redrawn(terminal)
    line = next(line for line in terminal.drawn.split("\n") if "Type" in line and "Died" in line)
    return line.rpartition("│")[2].translate(str.maketrans("▲▼›", "   ")).split()


def typed(terminal: Terminal, text: str) -> None:
    """Wait until this is what stands in the line of the filter."""
    terminal.until(lambda: f"\n / {text}  " in terminal.text, f"{text!r} in the filter")


def test_columns_are_chosen_ordered_and_kept_over_a_restart_and_times_are_written_out(
    start: Start, tmp_path: Path
) -> None:
    terminal = start()
    assert titles(terminal)[:3] == ["Died", "Type", "Error"]
    terminal.type("C")
    terminal.sees("Columns of this list (archive)")
    silent(terminal, "the choice of columns")
    terminal.type(DOWN * 3 + " " + END + "KKKK")  # without the error; the id second
    terminal.sees('archive = ["died", "id",')
    shown = [line.strip(" │") for line in terminal.drawn.replace("│", "\n").split("\n")]
    begin = next(number for number, line in enumerate(shown) if line.startswith("[columns]"))
    end = next(number for number in range(begin, len(shown)) if shown[number].endswith("]") and number > begin)
    setting = " ".join(line for line in shown[begin + 1 : end + 1] if line)
    terminal.type(ENTER)
    terminal.until(lambda: titles(terminal)[:3] == ["Died", "Id", "Type"], "the chosen columns")
    assert "Error" not in titles(terminal)
    terminal.type("@")
    terminal.sees("times in UTC")
    assert re.search(r"\d\d:\d\d:\d\d Z +task-0", terminal.drawn)
    calm(terminal, "times written out", on=0)
    terminal.type("@CG K" + ESCAPE)  # in one packet: times are ages again, and nothing is chosen
    at_rest(terminal)
    assert "10 d" in terminal.drawn
    assert titles(terminal)[:3] == ["Died", "Id", "Type"]
    terminal.type("q" + ENTER)
    at_rest(terminal)
    assert titles(terminal)[:3] == ["Died", "Id", "Type"]
    terminal.type("qq")
    assert terminal.ended() == 0

    profiles = tmp_path / ".config" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f'[columns]\n{setting}\n[filters]\ndigests = "type==email:digest"\n')
    terminal = start()
    assert titles(terminal)[:3] == ["Died", "Id", "Type"]
    terminal.type("/dig" + TAB)
    typed(terminal, "type==email:digest")
    terminal.sees("2 match of 6")


def test_filters_are_completed_kept_by_name_and_recalled_in_one_packet_and_apart(start: Start) -> None:
    terminal = start()
    for key in ("/", "t", "y", TAB, TAB):
        terminal.type(key)
        redrawn(terminal)
    typed(terminal, "type:email:deliver")
    terminal.sees("1/3  email:deliver  email:digest  report:make")
    terminal.type(CTRL_U + "ty" + TAB + TAB + TAB + ENTER)  # the second of the values that were seen
    typed(terminal, "type:email:digest")
    terminal.sees("2 match of 6")
    terminal.type("/" + CTRL_U + "report" + CTRL_S)
    terminal.sees("Name")
    silent(terminal, "a filter's name")
    terminal.type("papers" + ENTER)
    terminal.sees("tab offers it as papers")
    terminal.type(CTRL_U + "pap" + TAB + ENTER)
    terminal.until(lambda: "2 match of 6" in terminal.text and "report" in terminal.text.split("\n / ")[1], "by name")
    terminal.type("/" + CTRL_U + "dig" + CTRL_R)
    typed(terminal, "type:email:digest")
    calm(terminal, "a filter that is typed", on=0)
    terminal.type(CTRL_U + "x" + UP + UP)
    typed(terminal, "type:email:digest")
    terminal.type(DOWN + DOWN)
    typed(terminal, "x")
    terminal.type(ESCAPE + "/" + UP + ENTER)
    redrawn(terminal)
    assert "2 match of 6" in terminal.drawn
