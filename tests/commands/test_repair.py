"""`archive-tui repair`: what it plans, when it asks, what it sets right, and how it ends."""

import sys
import time
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from support.asynq_data import NOW, everything, key, lock_key, prefix
from support.command_line import Command, at, audit
from support.oracle import findings
from support.servers import Live

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.repairs import Repair, offered
from archive_tui.catalog.catalog import Catalog
from archive_tui.commands import foreground, reading
from archive_tui.commands.change import Manner
from archive_tui.commands.repair import Wish, repair
from archive_tui.errors import DisconnectedError, RefusedError
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.store.link.server import Server
from archive_tui.store.write import delete as deletion
from archive_tui.store.write import repair as store

Q = "work"


@pytest.fixture
def damaged(any_server: Live) -> Live:
    """A queue with five orphans, two lost tasks, two ghosts, a mismatch and three husks, two of them in their place."""
    asynq, client = any_server.asynq, any_server.client
    asynq.register(Q)
    asynq.add(Q, "fine")
    for number in range(5):
        asynq.add(Q, f"loose-{number}", referenced=False, last_failed_at=NOW - number * 60, type=f"type:{number % 2}")
    asynq.add(Q, "lost", "pending", referenced=False)
    asynq.add(Q, "member", "aggregating", referenced=False)
    client.zadd(prefix(Q) + b"archived", {"gone-1": NOW, "gone-2": NOW})
    asynq.add(Q, "torn", "active", referenced=False)
    client.zadd(prefix(Q) + b"archived", {"torn": NOW})
    client.hset(key(Q, "shell"), "state", "active")
    asynq.add(Q, "mute-1", "retry", message=b"\xff\xff", unique=lock_key(Q))
    asynq.add(Q, "mute-2", "completed", message=b"\xff\xff")
    return any_server


def repairing(live: Live, *arguments: str) -> list[str]:
    return at(live, "repair", "--queue", Q, *arguments)


def journals() -> list[Path]:
    folder = Path(platformdirs.user_state_dir("archive-tui")) / "journal"
    return sorted(folder.glob("*.journal.gz")) if folder.exists() else []


@pytest.mark.parametrize(
    ("arguments", "mended"),
    [
        (["orphan-archived", "archive"], {f"loose-{number}" for number in range(5)}),
        (["orphan-archived", "archive-now", "--where", "type:type:1"], {"loose-1", "loose-3"}),
        (["orphan-archived", "run", "--limit", "2"], {"loose-4", "loose-3"}),
        (["lost", "follow-state"], {"lost", "member"}),
        (["lost", "run-afresh", "--where", "state:pending"], {"lost"}),
        (["ghost", "remove-id"], {"gone-1", "gone-2"}),
        (["mismatch", "follow-index"], {"torn"}),
        (["husk", "clean"], {"shell"}),
        (["husk", "clean", "--messages"], {"shell", "mute-1", "mute-2"}),
    ],
)
def test_what_is_set_right(damaged: Live, cli: Command, arguments: list[str], mended: set[str]) -> None:
    before = findings(damaged.client, messages=True)
    kind, action, *others = arguments
    ended = cli(*repairing(damaged, "--kind", kind, "--action", action, *others, "--yes", "--reason", "INC-1"))
    assert ended.code == 0, ended.err
    assert f"repaired {len(mended)} of {len(mended)} finding" in ended.text
    after = findings(damaged.client, messages=True)
    assert {task_id.decode() for _, task_id in before.keys() - after.keys()} == mended
    assert not after.keys() - before.keys()
    (journal,) = journals()
    assert str(journal) in ended.text
    assert Journal(journal).header.command == f"repair: {Repair(action).label}"
    begun, done = audit()
    assert (begun["action"], begun["repairs"], begun["reason"]) == ("repair", {action: len(mended)}, "INC-1")
    assert begun["choice"] == " ".join([f"--kind {kind}", *[one for one in others if one != "--messages"]])
    assert (done["result"], done["repaired"]) == ("done", len(mended))


def test_whoever_says_yes_beforehand_still_reads_what_to_beware_of(damaged: Live, cli: Command) -> None:
    damaged.asynq.add_many(Q, [f"full-{number}" for number in range(9_995)])
    wanted = ["--kind", "orphan-archived", "--action", "archive", "--where", "loose"]
    ended = cli(*repairing(damaged, *wanted, "--yes"))
    assert ended.code == 0
    assert "beware: 5 ids more than Asynq keeps" in ended.text + ended.err


@pytest.mark.parametrize("days", ["", "archive_days = 7"])
def test_what_asynq_would_drop_at_once_by_the_profile_is_archived_as_of_now(
    any_server: Live, cli: Command, tmp_path: Path, days: str
) -> None:
    failed = int(time.time()) - 10 * 86_400
    any_server.asynq.register(Q)
    any_server.asynq.add(Q, "loose", referenced=False, last_failed_at=failed)
    profiles = tmp_path / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f"[here]\n{days}\n")
    wanted = ["--kind", "orphan-archived", "--action", "archive", "--yes", "--profile", "here"]
    assert cli(*repairing(any_server, *wanted)).code == 0
    stands = any_server.client.zscore(prefix(Q) + b"archived", "loose")
    assert (stands == failed) is not bool(days)
    assert stands >= failed


def test_the_plan_for_people_changes_nothing(damaged: Live, cli: Command) -> None:
    damaged.asynq.add_many(Q, [f"full-{number}" for number in range(9_995)])
    before = everything(damaged.client)
    wanted = ["--kind", "orphan-archived", "--action", "archive", "--where", "loose"]
    ended = cli(*repairing(damaged, *wanted, "--dry-run"))
    assert (ended.code, ended.err) == (0, "")
    for part in (
        "5 findings (orphan, archived) of queue work",
        "action   archive, as of its last failure",
        "filter   loose",
        "drops it 90 days after its failure",
        "frees    nothing: ids and unique locks stay as they are",
        "beware   5 ids more than Asynq keeps by default: it soon drops as many",
        "found by a scan that began",
        "loose-4, loose-3, loose-2, …",
        "each is checked again by the server",
    ):
        assert part in ended.text
    assert everything(damaged.client) == before
    assert not journals()


def test_plan_and_report_as_json(damaged: Live, cli: Command) -> None:
    wanted = ["--kind", "husk", "--action", "clean", "--messages", "--json"]
    planned = cli(*repairing(damaged, *wanted, "--dry-run")).json
    assert (planned["planned"], planned["action"], planned["report"]) == (3, "clean", None)
    assert (planned["beyond_cap"], planned["cap"], planned["cap_from"]) == (0, 9_999, "default")
    done = cli(*repairing(damaged, *wanted, "--yes")).json
    assert done | {"report": None} == planned
    report = done["report"]
    assert (report["state"], report["repaired"], report["unlocked"], report["skipped"]) == ("done", 3, 1, {})
    assert Path(report["journal"]) in journals()
    assert cli(*repairing(damaged, *wanted, "--yes")).json["planned"] == 0


def test_what_has_changed_is_skipped_and_said(
    damaged: Live,
    cli: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = store.repair

    def late(*arguments: Any, **options: Any) -> Any:
        damaged.client.hset(key(Q, "loose-2"), "state", "completed")
        return real(*arguments, **options)

    monkeypatch.setattr(store, "repair", late)
    ended = cli(*repairing(damaged, "--kind", "orphan-archived", "--action", "archive", "--yes"))
    assert ended.code == 4
    assert "repaired 4 of 5 findings" in ended.text
    assert "1  skipped: its state has changed" in ended.text


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--kind", "nonsense", "--action", "run"], 2, "no such kind"),
        (["--kind", "lost", "--action", "nonsense"], 2, "no such action"),
        (["--kind", "ghost", "--action", "run"], 2, "run does not fit ghost: choose from remove-id"),
        (["--kind", "foreign", "--action", "delete-key"], 2, "only what was picked by hand"),
        (["--kind", "lost", "--action", "run", "--where", "age>"], 2, ""),
        (["--kind", "lost", "--action", "run"], 5, "without a terminal to confirm on, give --yes"),
        (["--kind", "lost", "--action", "run", "--yes", "--read-only"], 5, "read-only session"),
        (["--kind", "lost", "--action", "run", "--yes", "--queue", "nowhere"], 6, "no queue 'nowhere'"),
    ],
)
def test_what_is_refused(damaged: Live, cli: Command, arguments: list[str], code: int, complaint: str) -> None:
    before = everything(damaged.client)
    ended = cli(*repairing(damaged, *arguments))
    assert ended.code == code
    assert complaint in ended.complaint
    assert everything(damaged.client) == before
    assert not audit()


@pytest.mark.parametrize(("typed", "mended"), [("2", 2), ("y", 0), ("", 0)])
def test_the_count_is_typed_where_there_is_a_terminal(
    damaged: Live,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    mended: int,
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return typed

    session = Session(damaged.settings)
    session.open()
    before = len(findings(damaged.client))
    wish = Wish(Q, Kind.GHOST, Repair.REMOVE_ID)
    try:
        code = repair(session, wish, Manner(sys.stdout, sys.stderr, ask))
    except RefusedError as error:
        code = error.exit_code
    session.close()
    assert (code, asked) == (0 if mended else 5, ["Type 2 to repair"])
    assert "action   remove the id from its index" in capsys.readouterr().err
    assert before - len(findings(damaged.client)) == mended


def test_the_help_names_every_action(cli: Command) -> None:
    said = "".join(cli("repair", "--help").text.split())  # lines break at hyphens, too
    assert all(action.value in said for kind in Kind for action in offered(kind) if not action.by_hand)


def test_a_table_that_is_full_proves_nothing(
    damaged: Live,
    cli: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The orphans fill it; what is lost is told last, and only counted."""
    monkeypatch.setattr(reading, "Catalog", lambda **options: Catalog(limit=3, **options))
    ended = cli(*repairing(damaged, "--kind", "lost", "--action", "run", "--yes"))
    assert ended.code == 4
    assert "nothing to repair" not in ended.text
    assert "no lost among the rows that are kept" in ended.text
    assert "only the first 3 rows are kept" in ended.err


@pytest.mark.parametrize("command", ["repair", "delete"])
def test_what_may_have_been_done_before_the_server_stayed_away_is_not_nothing(
    damaged: Live,
    cli: Command,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """The only batch is done, and no answer comes any more."""
    module, name = {"repair": (store, "repair"), "delete": (deletion, "answer")}[command]
    real = getattr(module, name)

    def away(_server: Server) -> None:
        raise DisconnectedError("away")

    def cut(*arguments: Any) -> None:
        real(*arguments)
        monkeypatch.setattr(Server, "pipe", away)
        raise DisconnectedError("lost")

    monkeypatch.setattr(foreground, "_PATIENCE", 0.1)
    monkeypatch.setattr(module, name, cut)
    wanted = ["--kind", "orphan-archived", "--yes", *(["--action", "run"] if command == "repair" else [])]
    ended = cli(*at(damaged, command, "--queue", Q, *wanted))
    assert "5  unknown: sent, but the answer had not come" in ended.text
    assert "did not come back" in ended.err
    assert ended.code == 4
    assert str(journals()[0]) in ended.text, "whoever wants it back must know where it is"
