"""A replica takes over while we scan, delete or restore, at the address where the primary was. What the primary had
acknowledged and not passed on is told, never lost, and never claimed.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from support.agreement import COUNT, check_agreement, fill, journals_in, plan_of
from support.catalogs import Hooked, ids, once
from support.changes import cleaning_up, deletion, put_back, repairing, restoring_job, resuming, running
from support.command_line import Command, at
from support.contents import content
from support.proxy import Forwarder
from support.server_programs import REDIS_SERVER
from support.servers import Live, wait_until

from archive_tui.asynq.findings import Kind
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.asynq.runs import RunMode
from archive_tui.asynq.states import State
from archive_tui.catalog.catalog import Catalog
from archive_tui.catalog.query import Query
from archive_tui.changes.change import Call
from archive_tui.changes.delete import DeleteBatch
from archive_tui.changes.engine import ChangeJob
from archive_tui.changes.plan import Plan, plan_matching
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.changes.restore_words import notes
from archive_tui.changes.resume import plan_rest
from archive_tui.changes.run_plan import RunPlan
from archive_tui.errors import ReplicaError
from archive_tui.jobs.job import Job, JobState
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.audit import Audit
from archive_tui.journal.reader import Journal
from archive_tui.store.link.pipe import pack
from archive_tui.store.link.server import Server
from archive_tui.store.write.delete import Doomed, Standing
from archive_tui.store.write.restore import Target

Run = Callable[[Job], Job]


@dataclass
class Pair:
    """A primary, its replica, and the address of whichever is in charge."""

    old: Live
    new: Live
    forwarder: Forwarder

    def connect(self) -> Server:
        return self.old.connect(socket=str(self.forwarder.path))

    def in_step(self) -> None:
        """Wait until the replica has all that the primary has."""
        assert self.old.client.wait(1, 20_000) == 1

    def promote(self) -> None:
        """The replica becomes a primary, and hears nothing more of the other."""
        self.new.client.execute_command("REPLICAOF", "NO", "ONE")

    def fail_over(self) -> None:
        """The old primary is gone, and its address leads to the new one."""
        assert self.old.process is not None
        self.old.process.kill()
        self.forwarder.lead_to(self.new.settings.socket)

    def demote(self, port: int) -> None:
        """The old primary becomes a replica of the new one, under the connections that it has."""
        self.old.client.execute_command("REPLICAOF", "127.0.0.1", port)
        wait_until(lambda: self.old.client.info("replication")["role"] == "slave")


@pytest.fixture
def pair(own_server: Callable[..., Live], any_binary: str, free_port: int, tmp_path: Path) -> Iterator[Pair]:
    old = own_server("--repl-diskless-sync-delay", "0", port=free_port, binary=any_binary)
    new = own_server("--replicaof", "127.0.0.1", str(free_port), port=_free_port(), binary=any_binary)
    wait_until(lambda: new.client.info("replication").get("master_link_status") == "up")
    assert old.settings.socket is not None
    forwarder = Forwarder(tmp_path / "f", old.settings.socket)
    yield Pair(old, new, forwarder)
    forwarder.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes over where a test does not say so: reports do not wait for it."""
    monkeypatch.setattr("archive_tui.changes.failover.PATIENCE", 0.2)


@pytest.fixture
def patient(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports wait until a test is through with what it does meanwhile."""
    monkeypatch.setattr("archive_tui.changes.failover.PATIENCE", 60.0)


@pytest.fixture
def journal_dir(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def at_calls(actions: dict[int, Callable[[], object]]) -> Callable[[Any, Any], None]:
    """Called before each lot is deleted; does something the so manieth time."""
    calls = [0]

    def act(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] in actions:
            actions[calls[0]]()

    return act


def filled(pair: Pair) -> dict[bytes, Any]:
    before = fill(pair.old)
    pair.in_step()
    return before


def finish(run_job: Run, job: Any) -> Any:
    run_job(job)
    assert job.wait(40), job.progress
    return job.progress


def restored_by_all(pair: Pair, run_job: Run, journal_dir: Path) -> dict[bytes, Any]:
    """What the new primary holds when every journal was put back there."""
    for path in journals_in(journal_dir):
        plan = plan_restore(pair.new.connect(), Journal(path))
        put_back(pair.new, run_job, plan, elsewhere=True)
    return content(pair.new)


def deleting(pair: Pair, plan: Plan, journal_dir: Path | None, **actions: Callable[[], object]) -> ChangeJob:
    moments = {int(name[1:]): action for name, action in actions.items()}
    return deletion(pair.connect(), plan, Pace.FULL, at_calls(moments), journal_dir)


def test_a_scan_begins_again(pair: Pair, run_job: Run, hooked: Hooked) -> None:
    filled(pair)

    def fail_over() -> None:
        pair.promote()
        pair.new.asynq.add("q", "later", referenced=False)
        pair.fail_over()

    hooked.hook = once(fail_over)
    job = ScanJob(pair.connect(), hooked, pace=Pace.FULL)
    progress = finish(run_job, job)
    assert (progress.state, progress.complete, progress.restarts, progress.trouble) == (JobState.DONE, True, 1, "")
    assert progress.found == hooked.counts().by_kind[Kind.ORPHAN_ARCHIVED] == COUNT + 1
    assert ids(hooked) == {b"%d" % number for number in range(COUNT)} | {b"later"}
    assert progress.keys == COUNT + 51


def test_a_deletion_goes_on_where_nothing_was_lost(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    before = filled(pair)

    def fail_over() -> None:
        pair.in_step()
        pair.promote()
        pair.fail_over()

    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=fail_over)
    progress = finish(run_job, job)
    assert (job.error, progress.caution) == (None, "")
    assert progress.made + progress.unconfirmed == COUNT
    assert Outcome.BACK not in progress.outcomes
    check_agreement(pair.new, before, journals_in(journal_dir), progress)
    assert restored_by_all(pair, run_job, journal_dir) == before


def test_what_a_deletion_had_not_passed_on_is_told_and_not_claimed(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    before = filled(pair)
    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=pair.promote, _3=pair.fail_over)
    progress = finish(run_job, job)
    back = progress.outcomes[Outcome.BACK]
    assert job.error is None
    assert back > 0
    assert sum(progress.outcomes.values()) == COUNT
    assert (progress.in_part, progress.caution) == (True, "")
    assert {one.outcome for one in progress.examples} == {Outcome.BACK}
    assert len([one for one in content(pair.new) if b"}:t:" in one and b"fine" not in one]) == back
    check_agreement(pair.new, before, journals_in(journal_dir), progress)
    ending = Journal(journals_in(journal_dir)[0]).ending()
    assert ending is not None
    assert ending.counts["back"] == back
    delete_the_rest(pair, run_job, journal_dir, back)
    check_agreement(pair.new, before, journals_in(journal_dir), None)
    assert restored_by_all(pair, run_job, journal_dir) == before


def delete_the_rest(pair: Pair, run_job: Run, journal_dir: Path, count: int) -> None:
    """Find on the new primary what is there again, and delete it there."""
    catalog = Catalog()
    assert run_job(ScanJob(pair.new.connect(), catalog, pace=Pace.FULL)).wait(20)
    again = finish(run_job, deletion(pair.new.connect(), plan_matching(catalog, Query()), Pace.FULL, None, journal_dir))
    assert again.made == count
    catalog.close()


def test_without_a_journal_a_deletion_says_that_it_cannot_know(pair: Pair, run_job: Run, catalog: Catalog) -> None:
    filled(pair)
    job = deleting(pair, plan_of(pair.old, run_job, catalog), None, _2=pair.promote, _3=pair.fail_over)
    progress = finish(run_job, job)
    assert job.error is None
    assert "another server answers" in progress.caution
    assert progress.in_part


def test_the_audit_does_not_claim_what_nobody_knows(pair: Pair, run_job: Run, catalog: Catalog, tmp_path: Path) -> None:
    filled(pair)
    moments = at_calls({2: pair.promote, 3: pair.fail_over})
    plan = plan_of(pair.old, run_job, catalog)
    job = deletion(pair.connect(), plan, Pace.FULL, moments, audit=Audit(tmp_path / "audit"))
    finish(run_job, job)
    ended = json.loads((tmp_path / "audit").read_text().splitlines()[-1])
    assert "another server answers" in ended["caution"]
    assert ended["unconfirmed"] == job.progress.unconfirmed


def test_a_new_task_under_an_id_that_was_freed_is_not_one_that_is_back(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    filled(pair)
    plan = plan_of(pair.old, run_job, catalog)
    first = plan.selection.catalog.rows(plan.selection.seqs[:1])[plan.selection.seqs[0]].id

    def fail_over() -> None:
        pair.in_step()
        pair.promote()
        pair.new.asynq.add("q", first, "pending", payload=b"another")
        pair.fail_over()

    progress = finish(run_job, deleting(pair, plan, journal_dir, _2=fail_over))
    assert Outcome.BACK not in progress.outcomes
    assert progress.made + progress.unconfirmed == COUNT
    assert [one for one in content(pair.new) if one.endswith(b"}:t:" + first)]


def test_a_primary_that_becomes_a_replica_ends_a_deletion(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    """The address still leads to the old primary. It says READONLY by now, and nobody can tell there what is lost."""
    before = filled(pair)
    plan = plan_of(pair.old, run_job, catalog)
    job = deleting(pair, plan, journal_dir, _2=pair.promote, _3=lambda: pair.demote(_free_port()))
    progress: ChangeProgress = finish(run_job, job)
    assert isinstance(job.error, ReplicaError)
    assert job.error.exit_code == 5
    assert "read-only replica: connect to its primary" in str(job.error)
    assert "It was the primary until now" in str(job.error)
    assert 0 < progress.made < COUNT
    assert progress.untouched == COUNT - progress.made
    left = {one for one in content(pair.new) if b"}:t:" in one}
    missing = {one for one in before if b"}:t:" in one} - left
    assert len(missing) < progress.made, "the rest is there again, as the error says"
    delete_the_rest(pair, run_job, journal_dir, COUNT - len(missing))
    assert restored_by_all(pair, run_job, journal_dir) == before


# A replica takes over, and the old primary goes on answering


def cut_off(pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path) -> tuple[ChangeJob, dict[bytes, Any]]:
    """A deletion whose report waits: the replica has taken over in the middle of it. And what there was before."""
    before = filled(pair)
    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=pair.promote)
    run_job(job)
    wait_until(lambda: job.progress.waiting)
    return job, before


def test_a_deletion_that_ends_without_its_replicas_says_so(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    filled(pair)
    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=pair.promote)
    progress: ChangeProgress = finish(run_job, job)
    assert (job.error, progress.made) == (None, COUNT)
    assert "lost its replicas since it began" in progress.caution
    assert "may not have reached the new one, and be there again" in progress.caution
    assert progress.in_part


def test_a_repair_and_a_restore_that_end_without_replicas_say_so(
    pair: Pair, run_job: Run, catalog: Catalog, deleted: tuple[Path, dict[bytes, Any]]
) -> None:
    path, _ = deleted
    job = restoring_job(pair.connect(), plan_restore(pair.connect(), Journal(path)), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    pair.promote()
    job.pace = Pace.FULL
    assert job.wait(30)
    assert "`restore --again` there" in job.progress.caution
    assert job.progress.in_part
    pair.new.client.execute_command("REPLICAOF", "127.0.0.1", pair.old.process.port if pair.old.process else 0)
    pair.in_step()
    progress = finish(run_job, repair_of(pair, plan_of(pair.old, run_job, catalog), _2=pair.promote))
    assert "what was repaired last may not have reached" in progress.caution


def test_a_report_waits_for_whoever_takes_over(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    """What that one has not heard of is not claimed, as if the old primary had died."""
    job, before = cut_off(pair, run_job, catalog, journal_dir)
    pair.fail_over()
    assert job.wait(30)
    assert job.error is None
    assert job.progress.outcomes[Outcome.BACK] > 0
    assert job.progress.caution == ""
    check_agreement(pair.new, before, journals_in(journal_dir), job.progress)


def test_a_primary_that_becomes_a_replica_behind_a_deletion_is_told(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    job, _ = cut_off(pair, run_job, catalog, journal_dir)
    pair.demote(_free_port())
    assert job.wait(30)
    assert (job.error, job.progress.made) == (None, COUNT)
    assert "was the primary until now, and is a replica" in job.progress.caution
    assert job.progress.in_part


def begun_late(pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path) -> tuple[ChangeJob, dict[bytes, Any]]:
    """A deletion on the old primary that began when the replica had taken over already. And what there was before."""
    before = filled(pair)
    plan = plan_of(pair.old, run_job, catalog)
    pair.promote()
    wait_until(lambda: pair.old.client.info("replication")["connected_slaves"] == 0)
    job = deleting(pair, plan, journal_dir)
    run_job(job)
    wait_until(lambda: job.progress.waiting)
    return job, before


def test_a_deletion_that_begins_after_the_failover_is_compared_with_the_new_primary(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    job, before = begun_late(pair, run_job, catalog, journal_dir)
    pair.fail_over()
    assert job.wait(30)
    assert job.error is None
    assert job.progress.outcomes == {Outcome.BACK: COUNT}
    assert (job.progress.in_part, job.progress.resumable) == (True, True)
    check_agreement(pair.new, before, journals_in(journal_dir), job.progress)


def test_a_deletion_that_begins_after_the_failover_says_that_its_server_is_a_replica_now(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    job, _ = begun_late(pair, run_job, catalog, journal_dir)
    pair.demote(_free_port())
    assert job.wait(30)
    assert (job.error, job.progress.made) == (None, COUNT)
    assert "was the primary until now, and is a replica" in job.progress.caution
    assert job.progress.in_part


def test_a_stop_ends_the_waiting_and_not_the_doubt(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    job, _ = cut_off(pair, run_job, catalog, journal_dir)
    job.stop()
    assert job.wait(30)
    assert (job.state, job.progress.made) == (JobState.DONE, COUNT)
    assert "lost its replicas" in job.progress.caution


def test_a_deletion_that_is_stopped_without_its_replicas_says_so(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    filled(pair)

    def stop() -> None:
        job.stop()

    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=pair.promote, _3=stop)
    progress: ChangeProgress = finish(run_job, job)
    assert progress.state is JobState.STOPPED
    assert "lost its replicas" in progress.caution


def test_a_replica_that_comes_back_is_no_reason_for_doubt(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    filled(pair)

    def cut() -> None:
        pair.old.client.client_kill_filter(_type="replica")

    progress = finish(run_job, deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=cut))
    assert (progress.made, progress.caution, progress.in_part) == (COUNT, "", False)


def test_the_command_line_says_what_may_be_there_again(pair: Pair, cli: Command) -> None:
    filled(pair)
    before = pair.old.client.dbsize()

    def promote() -> None:
        wait_until(lambda: pair.old.client.dbsize() < before)
        pair.promote()

    failing = threading.Thread(target=promote)
    failing.start()
    chosen = ("delete", "--queue", "q", "--kind", "orphan-archived", "--yes", "--pace", "gentle", "--json")
    ended = cli(*at(pair.old, *chosen))
    failing.join()
    assert ended.code == 4
    assert ended.json["report"]["deleted"] == COUNT
    assert "be there again; scan there to see it" in ended.json["report"]["caution"]


@pytest.fixture
def sentinel(pair: Pair, tmp_path: Path) -> Iterator[redis.Redis]:
    """A Sentinel that watches the pair as `pair`, and has seen its replica."""
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    assert pair.old.process is not None
    configuration = tmp_path / "sentinel.conf"
    lines = [f"sentinel monitor pair 127.0.0.1 {pair.old.process.port} 1", "sentinel resolve-hostnames no", ""]
    configuration.write_text("\n".join(lines))
    port = _free_port()
    process = subprocess.Popen(
        [REDIS_SERVER, str(configuration), "--sentinel", "--port", str(port), "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))

    def has_seen_both() -> bool:
        try:
            replicas = client.execute_command("SENTINEL", "REPLICAS", "pair")
        except redis.ConnectionError:
            return False
        return bool(replicas) and replicas[0][b"master-link-status"] == b"ok"

    try:
        wait_until(has_seen_both)
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


@pytest.mark.parametrize("any_binary", ["redis"], indirect=True)
def test_a_planned_failover_by_sentinel_is_told(
    pair: Pair, sentinel: redis.Redis, run_job: Run, catalog: Catalog, journal_dir: Path, patient: None
) -> None:
    """The old primary takes writes for about eleven seconds more, and loses them when it becomes a replica."""
    before = filled(pair)

    def fail_over() -> None:
        sentinel.execute_command("SENTINEL", "FAILOVER", "pair")
        wait_until(lambda: pair.new.client.info("replication")["role"] == "master")

    job = deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir, _2=fail_over)
    progress: ChangeProgress = finish(run_job, job)
    assert (job.error, progress.made) == (None, COUNT)
    assert "was the primary until now, and is a replica" in progress.caution
    assert progress.in_part
    wait_until(lambda: pair.old.client.info("replication").get("master_link_status") == "up")
    again = [one for one in content(pair.old) if b"}:t:" in one and b"fine" not in one]
    assert 0 < len(again) < len(before), "as the caution says"


def repair_of(pair: Pair, plan: Plan, **actions: Callable[[], object]) -> ChangeJob:
    moments = {int(name[1:]): action for name, action in actions.items()}
    return repairing(pair.connect(), RepairPlan.of(plan, Repair.ARCHIVE_NOW), Pace.FULL, at_calls(moments))


def test_what_a_repair_had_not_passed_on_is_not_claimed(pair: Pair, run_job: Run, catalog: Catalog) -> None:
    """Whoever set it right on the old server is told that it may be wrong again on the new one."""
    filled(pair)
    plan = plan_of(pair.old, run_job, catalog)
    job = repair_of(pair, plan, _2=pair.promote, _3=pair.fail_over)
    progress: ChangeProgress = finish(run_job, job)
    assert (job.error, progress.done) == (None, COUNT)
    again = Catalog()
    assert run_job(ScanJob(pair.new.connect(), again, pace=Pace.FULL)).wait(20)
    assert again.counts().total > 0, "what the old server did alone"
    again.close()
    assert "another server answers" in progress.caution
    assert "as it was before" in progress.caution
    assert progress.in_part


# Runs


def run_of(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path | None, **actions: Callable[[], object]
) -> ChangeJob:
    """A run of the whole archive, which both servers know, with retries reset; batches of 200, 400 and 900."""
    pair.old.asynq.register("q")
    pair.old.asynq.add_many("q", [b"%d" % number for number in range(COUNT)], retry=3, retried=3)
    pair.in_step()
    assert run_job(ListJob(pair.old.connect(), catalog, "q")).wait(20)
    plan = RunPlan(plan_matching(catalog, Query()), RunMode(afresh=True))
    moments = {int(name[1:]): action for name, action in actions.items()}
    return running(pair.connect(), plan, Pace.FULL, at_calls(moments), journal_dir)


def pending_at(live: Live) -> set[bytes]:
    return set(live.client.lrange("asynq:{q}:pending", 0, -1))


def test_what_a_run_had_not_passed_on_is_told_and_not_claimed(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    job = run_of(pair, run_job, catalog, journal_dir, _2=pair.promote, _3=pair.fail_over)
    progress = finish(run_job, job)
    assert (job.error, progress.caution) == (None, "")
    back = progress.outcomes[Outcome.BACK]
    assert back > 0
    assert sum(progress.outcomes.values()) == COUNT
    assert len(pending_at(pair.new)) == progress.made == COUNT - back
    assert (progress.in_part, progress.resumable) == (True, True)
    assert progress.verb.sentence(Outcome.BACK) == "back: the new primary had not heard that it was queued"

    rest = plan_rest(pair.connect(), progress.journal, Catalog())
    assert (rest.done, rest.unknown, rest.count) == (progress.made, back, back)
    again = finish(run_job, resuming(pair.connect(), rest, journal_dir))
    assert again.outcomes == {Outcome.DONE: back}
    assert len(pending_at(pair.new)) == COUNT


def test_what_has_run_on_the_new_primary_is_not_back(
    pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path
) -> None:
    """It stands in the archive again, with another message: it was queued, and has failed once more."""

    def fail_over() -> None:
        pair.in_step()
        pair.promote()
        first = pair.new.asynq.take("q")
        pair.new.asynq.fail("q", first, "archived")
        pair.fail_over()

    progress = finish(run_job, run_of(pair, run_job, catalog, journal_dir, _2=fail_over))
    assert (Outcome.BACK in progress.outcomes, progress.caution) == (False, "")
    assert progress.made + progress.unconfirmed == COUNT


def test_without_a_journal_a_run_says_that_it_cannot_know(pair: Pair, run_job: Run, catalog: Catalog) -> None:
    job = run_of(pair, run_job, catalog, None, _2=pair.promote, _3=pair.fail_over)
    progress = finish(run_job, job)
    assert job.error is None
    assert "may be in the archive still" in progress.caution


def test_a_repair_on_one_server_has_nothing_to_be_cautious_about(pair: Pair, run_job: Run, catalog: Catalog) -> None:
    filled(pair)
    pair.old.user("narrow", "+@all", "-info", "~*")
    plan = plan_of(pair.old, run_job, catalog)
    server = pair.old.connect(username="narrow", password="word")
    progress = finish(run_job, repairing(server, RepairPlan.of(plan, Repair.ARCHIVE_NOW), Pace.FULL))
    assert (progress.made, progress.caution, progress.in_part) == (COUNT, "", False)


def test_a_primary_that_becomes_a_replica_ends_a_repair(pair: Pair, run_job: Run, catalog: Catalog) -> None:
    filled(pair)
    plan = plan_of(pair.old, run_job, catalog)
    job = repair_of(pair, plan, _2=pair.promote, _3=lambda: pair.demote(_free_port()))
    progress: ChangeProgress = finish(run_job, job)
    assert isinstance(job.error, ReplicaError)
    assert "It was the primary until now" in str(job.error)
    assert 0 < progress.made < COUNT


def _free_port() -> int:
    """A port of the loopback address on which nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Restoring


@pytest.fixture
def deleted(pair: Pair, run_job: Run, catalog: Catalog, journal_dir: Path) -> tuple[Path, dict[bytes, Any]]:
    """A journal of what both servers have deleted, and what there was before."""
    before = filled(pair)
    progress = finish(run_job, deleting(pair, plan_of(pair.old, run_job, catalog), journal_dir))
    assert progress.made == COUNT
    pair.in_step()
    assert progress.journal is not None
    return progress.journal, before


def test_a_restore_goes_on_where_nothing_was_lost(
    pair: Pair, run_job: Run, deleted: tuple[Path, dict[bytes, Any]]
) -> None:
    path, before = deleted
    job = restoring_job(pair.connect(), plan_restore(pair.connect(), Journal(path)), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    job.pause()
    wait_until(lambda: job.state is JobState.PAUSED)
    pair.in_step()
    pair.promote()
    pair.fail_over()
    job.pace = Pace.FULL
    job.resume()
    assert job.wait(30)
    assert job.error is None
    assert job.progress.achieved == COUNT
    assert not job.progress.in_part
    assert content(pair.new) == before


def test_what_a_restore_had_not_passed_on_can_be_put_back_again(
    pair: Pair, run_job: Run, deleted: tuple[Path, dict[bytes, Any]]
) -> None:
    path, before = deleted
    job = restoring_job(pair.connect(), plan_restore(pair.connect(), Journal(path)), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    pair.promote()
    at = job.progress.done
    wait_until(lambda: job.progress.done > at + 200)
    pair.fail_over()
    job.pace = Pace.FULL
    assert job.wait(30)
    progress = job.progress
    vanished = progress.outcomes[Outcome.VANISHED]
    assert job.error is None
    assert vanished > 0
    assert progress.achieved == COUNT - vanished
    assert (progress.done, progress.in_part) == (COUNT, True)
    assert Outcome.VANISHED in {one.outcome for one in progress.examples}
    after = content(pair.new)
    assert len(after) < len(before)
    assert all(before[one] == value for one, value in after.items() if b":t:" in one)
    again = plan_restore(pair.connect(), Journal(path))
    assert (again.count, again.vanished, again.before) == (vanished, vanished, COUNT - vanished)
    assert any("another server took over" in note for note in notes(again))
    assert put_back(pair.new, run_job, plan_restore(pair.new.connect(), Journal(path)), elsewhere=True).made
    assert content(pair.new) == before


@pytest.mark.parametrize("target", [Target.BACK, Target.ARCHIVE])
def test_what_was_put_back_before_a_failover_is_put_back_again_where_asked_for(
    pair: Pair, run_job: Run, deleted: tuple[Path, dict[bytes, Any]], target: Target
) -> None:
    """The restore was over by then: its journal believes in it."""
    path, before = deleted
    pair.promote()
    assert put_back(pair.old, run_job, plan_restore(pair.old.connect(), Journal(path), target), elsewhere=True)
    pair.fail_over()
    assert plan_restore(pair.connect(), Journal(path)).count == 0
    plan = plan_restore(pair.connect(), Journal(path), again=True)
    assert (plan.count, plan.before, plan.there) == (COUNT, COUNT, 0)
    assert any("restored before: those that have run" in note for note in notes(plan))
    job = restoring_job(pair.connect(), plan, Pace.FULL, elsewhere=True)
    assert finish(run_job, job).made == COUNT
    assert content(pair.new) == before


def test_a_primary_that_becomes_a_replica_ends_a_restore(
    pair: Pair, run_job: Run, deleted: tuple[Path, dict[bytes, Any]]
) -> None:
    path, before = deleted
    job = restoring_job(pair.connect(), plan_restore(pair.connect(), Journal(path)), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    pair.promote()
    pair.demote(_free_port())
    assert job.wait(30)
    assert isinstance(job.error, ReplicaError)
    assert "restore --again" in str(job.error)
    plan = plan_restore(pair.new.connect(), Journal(path), again=True)
    assert plan.count == COUNT
    put_back(pair.new, run_job, plan, elsewhere=True)
    assert content(pair.new) == before


def test_what_was_gone_at_the_second_try_is_unconfirmed_once(valkey: Live, catalog: Catalog) -> None:
    """Counted on the old server; a lot that it answered in part is asked for on the new one as a whole."""
    valkey.asynq.add("q", "one", referenced=False)
    job = deletion(valkey.connect(), plan_matching(catalog, Query()))
    doomed = Doomed(b"one", State.ARCHIVED, b"", Standing.ORPHAN)
    batch = DeleteBatch(
        queue="q",
        ids=[b"one"],
        seqs=[1],
        doomed=[doomed],
        standing=Standing.ORPHAN,
        indexes=[None],
        calls=[Call([0], tries=2)],
    )
    job._again.append(batch)
    for _ in range(2):
        with valkey.pipe() as pipe:
            pipe.send([pack((b"EVAL", b"return {0}", b"0"))])
            job._answers(pipe, batch)
            assert job.progress.unconfirmed == job.progress.outcomes[Outcome.GONE] == 1
            job._recheck(pipe)
    assert (job.progress.unconfirmed, job.progress.done) == (0, 0)


def test_a_clean_up_says_that_it_counts_twice_what_a_failover_undid(
    pair: Pair, run_job: Run, journal_dir: Path
) -> None:
    pair.old.asynq.add_many("gone", [b"%d" % number for number in range(3_000)], "completed")
    pair.in_step()
    steps = iter((pair.promote, pair.fail_over))

    def step(_pipe: Any, _rows: Any) -> None:
        next(steps, lambda: None)()

    job = cleaning_up(pair.connect(), "gone", Pace.FULL, step, journal_dir)
    progress = finish(run_job, job)
    assert (job.error, progress.state) == (None, JobState.DONE)
    assert "counted twice" in progress.caution
    assert progress.made > 3_000
    assert pair.new.client.keys("asynq:{gone}:*") == []
