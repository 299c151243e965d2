"""A service behind Sentinels: its primary is found, found again after a failover under every kind of work, and what
cannot be found is told in one sentence.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.agreement import COUNT, check_agreement, fill, journals_in, plan_of
from support.catalogs import Hooked, ids, once
from support.changes import deletion, repairing, restoring_job
from support.command_line import Command, audit, journals
from support.contents import content
from support.pilot import Operator, operate
from support.sentinels import SentinelProcess, Service, service
from support.server_programs import REDIS_SERVER
from support.servers import free_port as unused_port
from support.servers import wait_until

from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.repairs import Repair
from archive_tui.catalog.catalog import Catalog
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore_plan import plan_restore
from archive_tui.errors import ConnectError, DisconnectedError
from archive_tui.jobs.job import Job
from archive_tui.jobs.listing import ListJob
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.scan import ScanJob
from archive_tui.journal.reader import Journal
from archive_tui.session import Session
from archive_tui.settings.address import Address
from archive_tui.settings.model import Secret
from archive_tui.settings.url import parse_url
from archive_tui.store.link import sentinels
from archive_tui.store.link.server import Server

Run = Callable[[Job], Job]
PERMISSIONS = Path(__file__).parents[2] / "docs" / "permissions.md"


@pytest.fixture(scope="module")
def _service(valkey_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(valkey_binary, tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def orders(_service: Service) -> Service:
    """The service `orders`, empty, and well."""
    _service.heal()
    return _service


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_tui.jobs.job._LONGEST_WAIT", 0.5)
    monkeypatch.setattr("archive_tui.changes.failover.PATIENCE", 0.2)


@pytest.fixture
def lone(valkey_binary: str, tmp_path: Path) -> Iterator[Callable[..., SentinelProcess]]:
    """Makes Sentinels that know nothing."""
    made: list[SentinelProcess] = []

    def make(*lines: str, password: str | None = None, binary: str = valkey_binary) -> SentinelProcess:
        folder = tmp_path / f"lone{len(made)}"
        folder.mkdir()
        made.append(SentinelProcess(binary, folder, *lines))
        made[-1].start(password)
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def address_of(orders: Service) -> str:
    return f"orders/0 (127.0.0.1:{orders.port_of(orders.primary)})"


def refused(url: str) -> ConnectError:
    """Why a URL leads nowhere."""
    server = Server(replace(parse_url(url), timeout=2.0))
    with pytest.raises(ConnectError) as caught:
        server.identify()
    server.close()
    assert "\n" not in str(caught.value)
    return caught.value


# The primary is found


def test_a_service_is_reached_by_its_name(orders: Service, cli: Command) -> None:
    orders.primary.asynq.register("mail")
    orders.primary.asynq.add("mail", "loose", referenced=False)
    scanned = cli("scan", "--url", orders.url, "--json")
    assert (scanned.code, scanned.json["server"]["address"]) == (0, address_of(orders))
    deleted = cli("delete", "--url", orders.url, "--queue", "mail", "--kind", "orphan-archived", "--yes")
    assert deleted.code == 0, deleted.err
    assert audit()[0]["server"] == address_of(orders)
    header = Journal(Path(journals()[0])).header
    assert (header.server, header.watchers) == (address_of(orders), orders.settings.watchers)


def test_sentinels_that_do_not_answer_are_passed_over(orders: Service, deaf: int) -> None:
    url = f"redis+sentinel://127.0.0.1:{unused_port()},127.0.0.1:{deaf},127.0.0.1:{orders.sentinels[2].port}/orders"
    server = Server(parse_url(url))
    began = time.monotonic()
    assert server.identify().address == address_of(orders)
    assert time.monotonic() - began < 2, "it waits for those that say nothing"
    server.close()


def test_the_connection_page_has_what_each_sentinel_says(orders: Service, cli: Command) -> None:
    found = cli("connection", "--url", orders.url, "--json").json
    assert found["service"] == "orders"
    primary = f"127.0.0.1:{orders.port_of(orders.primary)}"
    assert [one["primary"] for one in found["sentinels"]] == [primary] * 3
    assert {one["down"] for one in found["sentinels"]} == {False}
    assert [one["state"] for one in found["nodes"][0]["replicas"]] == ["online"]
    url = f"redis+sentinel://127.0.0.1:{unused_port()},127.0.0.1:{orders.sentinels[2].port}/orders"
    text = cli("connection", "--url", url).text
    assert "service orders" in text
    assert "connection refused" in text


def test_the_database_of_a_service(orders: Service, cli: Command) -> None:
    ended = cli("queues", "--url", f"{orders.url}/3")
    assert (ended.code, f"orders/3 (127.0.0.1:{orders.port_of(orders.primary)})" in ended.complaint) == (3, True)


# What cannot be found


def test_a_plain_url_that_meets_a_sentinel_learns_how_to_write_it(orders: Service, cli: Command) -> None:
    port = orders.sentinels[0].port
    ended = cli("queues", "--url", f"redis://127.0.0.1:{port}/0")
    assert ended.code == 3
    assert (
        f"is a Sentinel, which holds no tasks itself: write redis+sentinel://127.0.0.1:{port}/orders/0"
        in ended.complaint
    )
    assert (
        f"redis+sentinel://127.0.0.1:{port}/orders/2" in cli("queues", "--url", f"redis://127.0.0.1:{port}/2").complaint
    )


def test_a_sentinel_that_watches_nothing(lone: Callable[..., SentinelProcess]) -> None:
    port = lone().port
    assert "watches no service yet" in str(refused(f"redis://127.0.0.1:{port}"))
    assert f"127.0.0.1:{port} knows none" in str(refused(f"redis+sentinel://127.0.0.1:{port}/orders"))


def test_no_sentinel_answers() -> None:
    first, second = unused_port(), unused_port()
    error = refused(f"redis+sentinel://127.0.0.1:{first}/orders")
    assert f"cannot reach the Sentinel 127.0.0.1:{first}: connection refused" in str(error)
    error = refused(f"redis+sentinel://127.0.0.1:{first},127.0.0.1:{second}/orders")
    assert isinstance(error, DisconnectedError)
    assert "none of the 2 Sentinels of orders can be asked" in str(error)
    assert f"127.0.0.1:{first}: connection refused" in str(error)
    assert f"127.0.0.1:{second}: connection refused" in str(error)


def test_a_service_that_nobody_knows(orders: Service, cli: Command) -> None:
    ended = cli("queues", "--url", orders.url.replace("/orders", "/odrers"))
    assert ended.code == 3
    assert "no service odrers is known to its Sentinels" in ended.complaint
    assert f"127.0.0.1:{orders.sentinels[0].port} knows orders" in ended.complaint


def test_a_server_is_no_sentinel(orders: Service) -> None:
    port = orders.port_of(orders.primary)
    said = str(refused(f"redis+sentinel://127.0.0.1:{port}/orders"))
    assert f"127.0.0.1:{port} is no Sentinel: connect to the server itself, with redis://127.0.0.1:{port}/0" in said


def test_sentinels_that_name_different_primaries(orders: Service, lone: Callable[..., SentinelProcess]) -> None:
    other = lone()
    other.watch("orders", orders.port_of(orders.replica), quorum=9)
    error = refused(f"redis+sentinel://127.0.0.1:{orders.sentinels[0].port},127.0.0.1:{other.port}/orders")
    assert "the Sentinels of orders name different primaries" in str(error)
    for watched, sentinel in ((orders.primary, orders.sentinels[0]), (orders.replica, other)):
        assert f"127.0.0.1:{orders.port_of(watched)} (127.0.0.1:{sentinel.port})" in str(error)


def test_a_primary_that_is_none_any_more(orders: Service, lone: Callable[..., SentinelProcess]) -> None:
    sentinel = lone()
    sentinel.watch("wrong", orders.port_of(orders.replica), quorum=9)
    error = refused(f"redis+sentinel://127.0.0.1:{sentinel.port}/wrong")
    assert isinstance(error, DisconnectedError)
    assert f"wrong/0 (127.0.0.1:{orders.port_of(orders.replica)}) is a replica" in str(error)


def test_a_primary_that_is_gone(lone: Callable[..., SentinelProcess]) -> None:
    sentinel = lone()
    port = unused_port()
    sentinel.watch("gone", port, quorum=9)
    wait_until(lambda: "s_down" in sentinel.client.sentinel_master("gone")["flags"])
    error = refused(f"redis+sentinel://127.0.0.1:{sentinel.port}/gone")
    assert isinstance(error, DisconnectedError)
    assert f"cannot reach gone/0 (127.0.0.1:{port}): connection refused" in str(error)
    assert "its Sentinels do not reach it either, and name no other yet" in str(error)


def test_a_primary_on_another_machine_that_is_named_by_its_loopback_address() -> None:
    primary = Address("127.0.0.1", 6379)
    sentinels.refuse_loopback(Address("127.0.0.1", 26379), primary)
    sentinels.refuse_loopback(Address("192.0.2.1", 26379), Address("192.0.2.2", 6379))
    with pytest.raises(ConnectError, match="an address of its own machine"):
        sentinels.refuse_loopback(Address("192.0.2.1", 26379), primary)


def test_servers_are_reached_at_other_addresses_than_sentinels_and_primaries_name(
    orders: Service, lone: Callable[..., SentinelProcess], cli: Command
) -> None:
    orders.primary.asynq.register("mail")
    orders.primary.client.wait(1, 5_000)
    sentinel, primary, replica = lone(), orders.port_of(orders.primary), orders.port_of(orders.replica)
    sentinel.watch("orders", port := unused_port(), quorum=9)
    pairs = [f"127.0.0.1:{port}=127.0.0.1:{primary}", f"127.0.0.1:{replica}=localhost:{replica}"]
    where = f"redis+sentinel://127.0.0.1:{sentinel.port}/orders?address_map={','.join(pairs)}"
    scanned = cli("scan", "--json", "--prefer-replica", "--url", where)
    assert (scanned.code, scanned.json["server"]["address"]) == (0, f"orders/0 (127.0.0.1:{primary})")
    assert scanned.json["read_from"]["address"] == f"localhost:{replica}/0"
    assert cli("queues", "--url", f"redis+sentinel://127.0.0.1:{sentinel.port}/orders").code == 3


# Passwords and TLS of the Sentinels


def test_sentinels_have_a_password_of_their_own(
    orders: Service, lone: Callable[..., SentinelProcess], cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sentinel = lone("requirepass hush", password="hush")
    sentinel.watch("orders", orders.port_of(orders.primary), quorum=9)
    orders.primary.asynq.register("mail")
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/orders"
    ended = cli("queues", "--url", url)
    assert (ended.code, "asks for a password of its own: set ARCHIVE_TUI_SENTINEL_PASSWORD" in ended.complaint) == (
        3,
        True,
    )
    monkeypatch.setenv("ARCHIVE_TUI_SENTINEL_PASSWORD", "hush")
    assert cli("queues", "--url", url).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_SENTINEL_PASSWORD", "wrong")
    ended = cli("queues", "--url", url)
    assert ended.code == 3
    assert "refused the user and password for the Sentinels" in ended.complaint
    assert "wrong" not in ended.complaint
    monkeypatch.delenv("ARCHIVE_TUI_SENTINEL_PASSWORD")
    (tmp_path / "word").write_text("hush\n")
    (tmp_path / "word").chmod(0o600)
    assert cli("queues", "--url", url, "--sentinel-password-file", str(tmp_path / "word")).code == 0
    monkeypatch.setenv("ARCHIVE_TUI_URL", f"{url}?sentinel_password=hush")
    assert cli("queues").code == 0


def test_a_user_of_the_sentinels_who_may_do_no_more_than_the_documents_say(
    orders: Service, lone: Callable[..., SentinelProcess]
) -> None:
    sentinel = lone()
    sentinel.watch("orders", orders.port_of(orders.primary), quorum=9)
    (rules,) = re.findall(r"ACL SETUSER finder (.*)", PERMISSIONS.read_text())
    sentinel.client.execute_command("ACL", "SETUSER", "finder", *rules.replace("PASSWORD", "word").split())
    start = f"redis+sentinel://127.0.0.1:{sentinel.port}"
    login = "sentinel_username=finder&sentinel_password=word"
    server = Server(parse_url(f"{start}/orders?{login}"))
    assert server.identify().address == address_of(orders)
    server.close()
    assert "knows orders" in str(refused(f"{start}/odrers?{login}"))
    sentinel.client.execute_command("ACL", "SETUSER", "finder", "-sentinel")
    assert "does not permit its user SENTINEL GET-MASTER-ADDR-BY-NAME" in str(refused(f"{start}/orders?{login}"))


def test_a_password_for_sentinels_that_have_none(orders: Service) -> None:
    """They take it: only a user who is named must exist."""
    settings = orders.settings
    assert settings.sentinels is not None
    named = replace(settings.sentinels, username="nobody", password=Secret("x"))
    server = Server(replace(settings, sentinels=named))
    with pytest.raises(ConnectError, match="refused the user and password for the Sentinels"):
        server.identify()
    server.close()


@pytest.mark.skipif(not Path(REDIS_SERVER).exists(), reason=f"no {REDIS_SERVER} on this machine")
def test_sentinels_that_speak_tls(orders: Service, lone: Callable[..., SentinelProcess], authority: Path) -> None:
    port = unused_port()
    files = (f"tls-cert-file {authority}/cert.pem", f"tls-key-file {authority}/key.pem", "tls-auth-clients no")
    sentinel = lone(f"tls-port {port}", *files, binary=REDIS_SERVER)
    sentinel.watch("orders", orders.port_of(orders.primary), quorum=9)
    url = f"redis+sentinel://127.0.0.1:{port}/orders?sentinel_tls=yes"
    assert "signed by nobody but itself" in str(refused(url))
    server = Server(parse_url(f"{url}&sentinel_ssl_ca_certs={authority}/cert.pem"))
    assert server.identify().address == address_of(orders)
    server.close()
    assert "speaks TLS" in str(refused(f"redis+sentinel://127.0.0.1:{port}/orders"))


# A failover under every kind of work


def finish(job: Any) -> Any:
    assert job.wait(40), job.progress
    return job.progress


def filled(orders: Service) -> dict[bytes, Any]:
    before = fill(orders.primary)
    orders.in_step()
    return before


def at_call(number: int, action: Callable[[], object]) -> Callable[[Any, Any], None]:
    """Called before each batch is sent; does something before the so manieth."""
    calls = [0]

    def act(_pipe: Any, _rows: Any) -> None:
        calls[0] += 1
        if calls[0] == number:
            action()

    return act


FAILOVERS = pytest.mark.parametrize("how", ["planned", "unplanned"])


def fail_over(orders: Service, how: str) -> None:
    orders.in_step()
    (orders.fail_over if how == "planned" else orders.lose_primary)()


@FAILOVERS
def test_a_scan_begins_again_on_the_new_primary(orders: Service, run_job: Run, hooked: Hooked, how: str) -> None:
    filled(orders)
    server = orders.connect()
    hooked.hook = once(lambda: fail_over(orders, how))
    job = ScanJob(server, hooked, pace=Pace.FULL)
    progress = finish(run_job(job))
    assert (job.error, progress.complete, progress.restarts) == (None, True, 1)
    assert ids(hooked) == {b"%d" % number for number in range(COUNT)}
    assert server.address == address_of(orders)
    server.close()


@FAILOVERS
def test_a_deletion_goes_on_on_the_new_primary(
    orders: Service, run_job: Run, catalog: Catalog, tmp_path: Path, how: str
) -> None:
    before = filled(orders)
    server = orders.connect()
    plan = plan_of(orders.primary, run_job, catalog)
    job = deletion(server, plan, Pace.FULL, at_call(2, lambda: fail_over(orders, how)), tmp_path)
    progress = finish(run_job(job))
    assert (job.error, progress.caution) == (None, "")
    assert progress.made + progress.unconfirmed == COUNT
    check_agreement(orders.primary, before, journals_in(tmp_path), progress)
    restore_after(orders, run_job, server, tmp_path, before)
    server.close()


def restore_after(orders: Service, run_job: Run, server: Server, journal_dir: Path, before: dict[bytes, Any]) -> None:
    """The journal names the primary of then, and is of the same service all the same."""
    (path,) = journals_in(journal_dir)
    plan = plan_restore(server, Journal(path))
    assert plan.elsewhere == ""
    job = restoring_job(server, plan, Pace.FULL)
    finish(run_job(job))
    assert job.error is None
    assert content(orders.primary) == before


def test_what_the_old_primary_had_not_passed_on_is_told(
    orders: Service, run_job: Run, catalog: Catalog, tmp_path: Path
) -> None:
    """As long as nobody tells it, the old primary takes deletions that the new one will not hear of."""
    before = filled(orders)
    plan = plan_of(orders.primary, run_job, catalog)

    def cut_off() -> None:
        orders.replica.client.execute_command("REPLICAOF", "NO", "ONE")

    server = orders.connect()
    moments = {2: cut_off, 4: orders.lose_primary}
    calls = iter(range(1, 1000))
    job = deletion(server, plan, Pace.FULL, lambda *_: moments.get(next(calls), lambda: None)(), tmp_path)
    progress = finish(run_job(job))
    assert job.error is None
    assert progress.outcomes[Outcome.BACK] > 0
    assert progress.in_part
    check_agreement(orders.primary, before, journals_in(tmp_path), progress)
    server.close()


def test_a_repair_goes_on_on_the_new_primary(orders: Service, run_job: Run, catalog: Catalog) -> None:
    filled(orders)
    server = orders.connect()
    plan = RepairPlan.of(plan_of(orders.primary, run_job, catalog), Repair.ARCHIVE_NOW)
    job = repairing(server, plan, Pace.FULL, at_call(2, lambda: fail_over(orders, "unplanned")))
    progress = finish(run_job(job))
    assert (job.error, progress.done) == (None, COUNT)
    assert orders.primary.client.zcard("asynq:{q}:archived") == COUNT + 50
    server.close()


def test_a_restore_goes_on_on_the_new_primary(
    orders: Service, run_job: Run, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(orders)
    server = orders.connect()
    finish(run_job(deletion(server, plan_of(orders.primary, run_job, catalog), Pace.FULL, None, tmp_path)))
    orders.in_step()
    job = restoring_job(server, plan_restore(server, Journal(journals_in(tmp_path)[0])), Pace.GENTLE)
    run_job(job)
    wait_until(lambda: job.progress.done > 300)
    job.pause()
    fail_over(orders, "unplanned")
    job.pace = Pace.FULL
    job.resume()
    finish(job)
    assert job.error is None
    assert content(orders.primary) == before
    server.close()


def test_a_listing_goes_on_on_the_new_primary(orders: Service, run_job: Run, hooked: Hooked) -> None:
    filled(orders)
    server = orders.connect()
    hooked.hook = once(lambda: fail_over(orders, "unplanned"))
    job = ListJob(server, hooked, "q")
    progress = finish(run_job(job))
    assert (job.error, progress.complete) == (None, True)
    assert len(ids(hooked)) == 50
    server.close()


def test_what_reads_a_replica_follows_a_failover(orders: Service, run_job: Run, catalog: Catalog) -> None:
    filled(orders)
    session = Session(replace(orders.settings, prefer_replica=True))
    session.open()
    old = f"127.0.0.1:{orders.port_of(orders.replica)}/0"
    assert session.source is not None
    assert (session.source.address, session.source.why_primary) == (old, "")
    fail_over(orders, "planned")
    orders.be_well()
    orders.in_step()
    job = session.scan(catalog, pace=Pace.FULL)
    assert job.wait(20)
    assert (job.error, len(ids(catalog))) == (None, COUNT)
    session.close()
    new = f"127.0.0.1:{orders.port_of(orders.replica)}/0"
    assert (session.source.address, session.source.why_primary) == (new, "")


def test_the_screens_follow_the_primary(orders: Service) -> None:
    filled(orders)

    async def play(op: Operator) -> None:
        await op.queues()
        await op.sees("orders/0", str(orders.port_of(orders.primary)), "read-write")
        new = orders.port_of(orders.replica)
        failing = threading.Thread(target=fail_over, args=(orders, "planned"))
        failing.start()
        await op.sees(f"(127.0.0.1:{new})", "read-write")
        failing.join()

    operate(orders.settings, play)
