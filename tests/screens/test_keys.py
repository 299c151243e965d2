"""Keys of one's own: what is refused, that every place shows them, and that the key sheet is what the commands say."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asynq_data import NOW
from support.pilot import Operator, operate
from support.servers import Live

from archive_tui.cli import run
from archive_tui.errors import NotFoundError, UsageError
from archive_tui.settings.model import Look
from archive_tui.settings.preferences import read_preferences
from archive_tui.settings.profiles import Choices, resolve
from archive_tui.tui import commands
from archive_tui.tui.glossary import PLAN, WORDS
from archive_tui.tui.key_sheet import GROUPS, as_page, key_sheet
from archive_tui.tui.keymap import all_commands, all_dialogs, give_keys, places, read_keymap

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    """Whatever keys a test gives, the next begins without."""
    yield
    commands.KEYMAP.clear()


@pytest.mark.parametrize(
    ("written", "key", "shown"),
    [
        ("ctrl+x", "ctrl+x", "ctrl+x"),
        ("F5", "f5", "f5"),
        ("?", "question_mark", "?"),
        ("/", "slash", "/"),
        ("+", "plus", "+"),
        ("@", "at", "@"),
        ("del", "delete", "del"),
        ("delete", "delete", "del"),
        ("pgdn", "pagedown", "pgdn"),
        ("esc", "escape", "esc"),
        ("shift+tab", "shift+tab", "shift+tab"),
        ("k", "k", "k"),
        ("K", "K", "K"),
        ("space", "space", "space"),
    ],
)
def test_keys_are_read_as_people_write_them(written: str, key: str, shown: str) -> None:
    assert commands.parse_key(written) == key
    assert commands.key_name(key) == shown


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"delete-it": "ctrl+x"}, "there is no command 'delete-it'; did you mean delete"),
        ({"zzz": "ctrl+x"}, "there is no command 'zzz'; `archive-tui keys` lists them"),
        ({"delete": "ctrl+ü"}, "delete = 'ctrl+ü': there is no such key"),
        ({"delete": "hyper"}, "delete = 'hyper': there is no such key"),
        ({"sort": "ctrl+i"}, "sort = 'ctrl+i': a terminal sends ctrl+i as tab"),
        ({"sort": "ctrl+5"}, "terminals do not send it"),
        ({"sort": "alt+s"}, "a terminal sends it as esc and another key"),
        ({"delete": "space"}, "delete changes data, and 'space' is pressed in passing"),
        ({"delete": "enter"}, "delete changes data, and 'enter' is pressed in passing"),
        ({"quit-anywhere": "Q"}, "an arrow key may arrive in pieces"),
        ({"quit-anywhere": "%"}, "quit-anywhere works while you type, so '%' could not be typed"),
        (
            {"answer": "f5"},
            "answer keeps its keys (enter): what confirms and what cancels is the same on every machine",
        ),
        ({"close-dialog": "f5"}, "close-dialog keeps its keys (esc)"),
        ({"plan-down": "n"}, "plan-down works while you type, so 'n' could not be typed"),
        ({"palette-down": "space"}, "palette-down works while you type, so 'space' could not be typed"),
        ({"find-filter": "f"}, "find-filter works while you type, so 'f' could not be typed"),
        ({"undo-change": "enter"}, "undo-change changes data, and 'enter' is pressed in passing"),
        ({"sort": 5}, "sort must be a key in quotes"),
        ({"sort": []}, "sort must be a key in quotes"),
        ({"sort": ["f5", 6]}, "sort must be a key in quotes"),
    ],
)
def test_a_key_that_could_surprise_is_refused(given: dict[str, object], refusal: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_keymap(given, "[keys] in config.toml")
    assert str(refused.value).startswith("[keys] in config.toml: ")
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("letter", "ABCDFHPQRSO[")
def test_what_is_left_of_a_broken_arrow_key_is_no_key(letter: str) -> None:
    with pytest.raises(UsageError, match="an arrow key may arrive in pieces"):
        read_keymap({"sort": letter}, "[keys]")


def test_a_conflict_is_refused_with_both_names_and_the_place() -> None:
    with pytest.raises(UsageError) as refused:
        read_keymap({"delete": "s"}, "[keys] in config.toml")
    assert "delete and sort would share the key 's'" in str(refused.value).replace("sort and delete", "delete and sort")
    assert "on the screen of " in str(refused.value)
    with pytest.raises(UsageError, match="would share the key 'j'"):  # which the lists have
        read_keymap({"delete": "j"}, "[keys]")
    with pytest.raises(UsageError, match=r"would share the key 'ctrl\+q'"):  # which the program has
        read_keymap({"delete": "ctrl+q"}, "[keys]")


@pytest.mark.parametrize(
    ("given", "key", "first", "second", "place"),
    [
        ({"search-help": "q"}, "q", "close-help", "search-help", "Help (dialog)"),
        ({"plan-up": "tab"}, "tab", "plan-up", "next-field", "Plan (dialog)"),
        ({"plan-up": "esc"}, "esc", "plan-up", "close-dialog", "Plan (dialog)"),
        ({"reset-columns": "enter"}, "enter", "reset-columns", "answer", "Columns (dialog)"),
        ({"save-filter": "tab"}, "tab", "complete-filter", "save-filter", "Line of a filter"),
        ({"palette-up": "ctrl+c"}, "ctrl+c", "palette-up", "quit-at-once", "Palette (dialog)"),
    ],
)
def test_a_conflict_in_a_dialog_is_refused_with_both_names(
    given: dict[str, object], key: str, first: str, second: str, place: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read_keymap(given, "[keys]")
    assert f"{first} and {second} would share the key '{key}' on the screen of {place}" in str(refused.value)


def test_every_dialog_stands_on_the_key_sheet() -> None:
    defined = {one.__name__ for one in all_dialogs()}
    for path in (ROOT / "archive_tui" / "tui" / "dialogs").glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            if any("Dialog[" in base for base in bases) and node.name not in ("GuardedDialog", "EntryDialog"):
                assert node.name in defined, f"{path.name}: {node.name} has no TITLE_IN_HELP"
            if isinstance(node, ast.Name) and path.name != "dialog.py":
                assert node.id != "Binding", f"{path.name} binds a key beside the commands"


def test_a_dialog_follows_the_keys_of_ones_own(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("question_mark")
        assert "f4 searches" in op.text
        await op.press("slash")
        await op.type("xyzzy")
        assert "Nothing here" not in op.dialog
        await op.press("f4")
        await op.type("xyzzy")
        await op.until(lambda: "Nothing here holds these words" in op.dialog, "searched")

    give_keys({"search-help": "f4"}, "[keys]")
    operate(valkey.settings, play)


def test_keys_may_change_places() -> None:
    assert read_keymap({"sort": "w", "wide": "s"}, "[keys]") == {"sort": "w", "wide": "s"}


def test_nobody_needs_a_key_of_their_own() -> None:
    """By themselves no two commands of a screen share a key, those of lists and program included."""
    for place in places():
        keys = [key for command in place.commands for key in command.key.split(",")]
        assert len(keys) == len(set(keys)), place.title


def test_a_command_in_a_sentence_is_its_key() -> None:
    assert f"{commands.Stop} stops it" == "x stops it"
    give_keys({"stop": "f9"}, "[keys]")
    assert f"{commands.Stop} stops it" == "f9 stops it"
    assert commands.Stop.keys() == ["f9"]


SENTENCE = re.compile(
    r"(?:^|[\s(:,])([A-Za-z]|ctrl\+[a-z]|f\d+) (?:stops|scans|reads|shows|marks|removes|repairs|deletes|explains|looks|"
    r"goes on|restores|undoes|opens|closes|follows|saves|has|facts|again)\b"
)


def test_no_sentence_names_a_key() -> None:
    """Whoever writes "x stops it" tells those a lie who have given the command another key."""
    offenders = []
    for path in (ROOT / "archive_tui" / "tui").rglob("*.py"):
        tree = ast.parse(path.read_text())
        documents = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                offenders += [f"{path.name}:{node.lineno}: {node.value!r}" for _ in SENTENCE.finditer(node.value)]
    assert offenders == []


def test_the_sheet_has_every_command_once_and_knows_where_it_works() -> None:
    sheet = key_sheet()
    assert len({entry.id for entry in sheet}) == len(sheet)
    assert {entry.id for entry in sheet} == set(all_commands())
    by_id = {entry.id: entry for entry in sheet}
    assert by_id["help"].screens == ("every screen",)
    assert by_id["delete"].changes_data
    assert by_id["scan-all"].screens == ("Queues",)
    assert {entry.group for entry in sheet} >= set(GROUPS.values())


def test_the_page_of_keys_is_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "keys.md").read_text() == as_page(), "run `make keys`"


def profiles(home: Path, text: str) -> None:
    """The file of profiles of whoever runs the tests."""
    folder = home / "XDG_CONFIG_HOME" / "archive-tui"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)


def test_the_command_prints_the_keys_of_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profiles(home, '[keys]\ndelete = "ctrl+x"\n')
    assert run(["keys"]) == 0
    assert re.search(r"ctrl\+x +Plan the deletion", capsys.readouterr().out)
    assert run(["keys", "--json"]) == 0
    (delete,) = [entry for entry in json.loads(capsys.readouterr().out) if entry["id"] == "delete"]
    assert delete["keys"] == ["ctrl+x"]
    assert delete["changes_data"]


def test_wrong_keys_end_the_command_with_a_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profiles(home, '[keys]\ndelete-it = "ctrl+x"\n')
    assert run(["keys"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean delete" in error
    assert str(home) in error


def test_preferences_are_read_from_the_top_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert read_preferences(file).theme is None
    file.write_text('theme = "light"\n[keys]\nsort = "f5"\n[orders]\nurl = "redis://x"\n')
    preferences = read_preferences(file)
    assert preferences.theme is Look.LIGHT
    assert preferences.keys == {"sort": "f5"}
    assert str(file) in preferences.place
    file.write_text('theme = "pink"\n')
    with pytest.raises(UsageError, match=r"theme in .* must be one of auto, dark, light, high-contrast, ansi"):
        read_preferences(file)
    file.write_text('keys = "x"\n')
    with pytest.raises(UsageError, match=r"must be a section: \[keys\]"):
        read_preferences(file)


def test_the_theme_of_a_profile_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[orders]\nurl = "redis://x"\ntheme = "high-contrast"\n[other]\ntheme = "pink"\n[keys]\nsort = "f5"\n'
    )
    assert resolve(Choices(profile="orders", environment={}), file).theme is Look.HIGH_CONTRAST
    with pytest.raises(UsageError, match="theme of profile 'other' must be one of auto, dark"):
        resolve(Choices(profile="other", environment={}), file)
    with pytest.raises(NotFoundError, match=r"\(it has: orders, other\)"):  # keys are no profile
        resolve(Choices(profile="missing", environment={}), file)


def test_every_place_shows_the_keys_of_ones_own_and_they_work(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        assert re.search(r"f7 orphan scan", op.lines[-1])
        await op.press("question_mark")
        assert f" f7 {commands.ScanQueue.help}" in op.dialog
        await op.press("escape")
        await op.press("o")
        assert op.where == "QueuesScreen"  # the old key is nobody's now
        await op.press("f6")
        assert op.remarks[-1] == "stop: nothing is running"
        await op.press("f7")
        await op.arrives("ScanScreen")
        await op.until(lambda: "f8 scans again" in op.text or "complete" in op.text, "the scan has ended")

    give_keys({"scan-queue": "f7", "stop": "f6", "rescan": "f8"}, "[keys]")
    operate(valkey.settings, play)


def test_a_dead_key_says_where_it_works_or_how_to_find_those_that_do(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        for key, said in (
            ("space", "space does nothing here: mark works on: "),
            ("h", "h does nothing here: what is this works on: "),
            ("f9", "f9 does nothing here: ? shows every key"),
            ("percent_sign", "% does nothing here: ? shows every key"),
        ):
            op.forget_remarks()
            await op.press(key)
            assert any(remark.startswith(said) for remark in op.remarks), op.remarks
        op.forget_remarks()
        await op.press("down", "up", "pagedown", "home", "escape", "shift+tab")
        assert op.remarks == []
        await op.press("slash")
        await op.type("h9")  # what is typed is no command
        assert op.remarks == []

    operate(valkey.settings, play)


def test_the_palette_runs_and_explains(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("colon")
        await op.type("mark all")
        await op.press("enter")
        assert op.remarks[-1].startswith("mark all: works on: ")
        await op.press("colon")
        await op.type("stop")
        assert "not now: nothing is running" in op.dialog
        await op.press("enter")
        assert op.remarks[-1] == "stop: nothing is running"
        await op.press("colon")
        await op.type("xyzzy")
        assert "nothing holds these words" in op.text
        assert "nothing is running" not in op.dialog
        await op.press("enter", "escape")
        assert op.where == "QueuesScreen"
        await op.press("colon")
        await op.type("scan all")
        await op.press("enter")
        await op.arrives("ScanScreen")

    operate(valkey.settings, play)


def test_the_help_is_searched_by_word(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("question_mark")
        assert commands.Sort.help in op.dialog
        await op.press("slash")
        await op.type("leftover scan")
        await op.until(lambda: commands.Sort.help not in op.dialog, "narrowed")
        assert commands.ScanAll.help in op.dialog
        await op.press("escape")
        assert commands.Sort.help in op.dialog
        await op.press("slash")
        await op.type("xyzzy")
        await op.until(lambda: "Nothing here holds these words" in op.dialog, "nothing")
        await op.press("enter", "escape", "escape")
        assert op.where == "QueuesScreen"

    operate(valkey.settings, play, size=(100, 60))


WORDS_ASKED_FOR = {
    "polite pace", "as of", "settled", "ghost", "orphan, archived", "signature", "leftover queue", "stale lock", "≥",
}  # fmt: skip


def test_the_help_explains_the_columns_and_words_of_the_screens(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["t"])
    assert {word for word, _ in WORDS} >= WORDS_ASKED_FOR
    assert {word for word, _ in PLAN} >= {"WHAT", "THEN", "WAY BACK"}

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("question_mark")
        assert "Died when it was archived" in op.dialog
        assert "Tries retries used" in op.dialog
        for word, meaning in (*WORDS, *PLAN):
            if word in WORDS_ASKED_FOR or word.isupper():
                assert f" {word} {' '.join(meaning.split()[:4])}" in op.dialog, word
        await op.press("slash")
        await op.type("retries used")
        await op.until(lambda: "WAY BACK" not in op.dialog, "narrowed")
        assert "Tries retries used" in op.dialog

    operate(valkey.settings, play, size=(100, 300))


def test_every_column_says_what_it_means() -> None:
    columns = 0
    for folder in ("lists", "screens"):
        for path in (ROOT / "archive_tui" / "tui" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "Column":
                    columns += 1
                    assert any(keyword.arg == "help" for keyword in node.keywords), f"{path.name}:{node.lineno}"
    assert columns > 40


def test_a_plan_explains_itself_and_is_as_it_was(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", [f"t{number}" for number in range(3)])

    async def play(op: Operator) -> None:
        await op.tasks("q")
        await op.press("asterisk", "ctrl+d")
        await op.arrives("ConfirmDialog")
        await op.press("3", "f1")
        await op.arrives("HelpDialog")
        assert "how it is undone" in op.dialog
        await op.press("enter")
        await op.arrives("ConfirmDialog")
        assert "other keys were pressed" not in op.text
        await op.press("enter")
        await op.arrives("ReportDialog")
        assert not valkey.client.zcard("asynq:{q}:archived")

    operate(valkey.settings, play)


def test_the_help_begins_with_the_finding_under_the_cursor(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["o"], referenced=False)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.scan()
        await op.press("question_mark")
        assert "Under the cursor" in op.dialog
        assert "orphan, archived" in op.dialog
        assert op.dialog.index("Under the cursor") < op.dialog.index(commands.Open.help)

    operate(valkey.settings, play)


def test_a_click_on_the_footer_runs_the_command(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        at = op.lines[-1].index("? help")
        await op.pilot.click("KeyBar", offset=(at + 1, 0))
        await op.arrives("HelpDialog")
        await op.press("escape")
        await op.pilot.click("KeyBar", offset=(0, 0))
        assert op.where == "QueuesScreen"

    operate(valkey.settings, play)


FOOTERS = {
    "queues": {
        60: "enter open, T triage, o orphan scan, s sort",
        80: "enter open, T triage, o orphan scan, / filter, A all archives",
        140: "enter open, T triage, o orphan scan, / filter, A all archives, a scan all, J journal, s sort",
    },
    "archive": {
        60: "space mark, ctrl+d delete…, R run…, s sort",
        80: "space mark, ctrl+d delete…, R run…, T triage, / filter, s sort",
        140: "space mark, ctrl+d delete…, R run…, T triage, / filter, e export…, * mark all, tab groups, "
        "enter open, s sort",
    },
    "triage": {
        60: "enter tasks, space mark, ctrl+d delete…",
        80: "enter tasks, space mark, ctrl+d delete…, R run…, / filter",
        140: "enter tasks, space mark, ctrl+d delete…, R run…, / filter, e export…, s sort, J journal",
    },
    "scan": {
        60: "space mark, m repair…, ctrl+d delete…",
        80: "space mark, m repair…, ctrl+d delete…, / filter, T triage",
        140: "space mark, m repair…, ctrl+d delete…, / filter, T triage, e export…, h what is this, "
        "* mark all, tab groups",
    },
}


@pytest.mark.parametrize("screen", FOOTERS)
def test_the_footer_has_room_for_the_worthiest(valkey: Live, screen: str) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add("q", "task", score=NOW - 60)
    valkey.asynq.add("q", "orphan", referenced=False)

    async def play(op: Operator) -> None:
        if screen == "scan":
            await op.scan("q")
        elif screen == "queues":
            await op.queues()
        else:
            await op.tasks("q")
        if screen == "triage":
            await op.press("T")
            await op.triaged()
        for width, footer in FOOTERS[screen].items():
            await op.resize(width, 24)
            always = "? help, q quit" if screen == "queues" else "? help, q back"
            keys = f"{footer}, {always}".split(", ")
            await op.until(lambda keys=keys: re.split(" {2,3}", op.lines[-1].strip()) == keys, footer)

    operate(valkey.settings, play)


def test_the_help_begins_with_what_the_screen_is_for(valkey: Live) -> None:
    valkey.asynq.register("q")

    async def play(op: Operator) -> None:
        await op.queues()
        await op.press("question_mark")
        assert op.dialog.index(commands.Open.help) < op.dialog.index(commands.ScanQueue.help)
        assert commands.Stop.help in op.dialog

    operate(valkey.settings, play, size=(100, 60))


def test_what_is_longer_than_the_column_of_keys_has_a_line_of_its_own(valkey: Live) -> None:
    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["o"], referenced=False)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.scan()
        await op.press("question_mark")
        (at,) = (number for number, line in enumerate(op.lines) if "orphan, archived" in line and "│" in line)
        assert op.lines[at].strip("│ ") == "orphan, archived"
        assert "A task's data" in op.lines[at + 1]

    operate(valkey.settings, play, size=(60, 15))
