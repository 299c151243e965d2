"""The chooser: what one can connect to, what each answers, and going over to it without leaving the program."""

from pathlib import Path

import pytest
from support.certificates import PASSPHRASE, Authority
from support.pilot import Operator, operate
from support.server_programs import REDIS_SERVER
from support.servers import Live, ServerProcess
from support.servers import free_port as unused_port

from archive_tui.demo import demo
from archive_tui.destinations import Destinations
from archive_tui.settings.file import read_settings_file
from archive_tui.settings.model import Settings
from archive_tui.settings.profiles import Choices

SECRET = "word"


def at(live: Live, database: int = 0) -> str:
    return f'url = "unix://{live.settings.socket}?db={database}"\n'


def chosen_from(folder: Path, text: str, **options: object) -> Destinations:
    """The destinations of a settings file."""
    file = folder / "config.toml"
    file.touch(mode=0o600)
    file.write_text(text)
    return Destinations(Choices(environment={}), file=read_settings_file(file), **options)  # type: ignore[arg-type]


def row(op: Operator, name: str) -> str:
    """The row of a destination."""
    return next(one for one in op.rows if name in one)


async def on_row(op: Operator, name: str) -> None:
    """Put the cursor on a destination."""
    await op.press("home")
    while name not in op.cursor:
        await op.press("down")


@pytest.fixture
def two(valkey: Live) -> Live:
    """A server with an installation in each of two databases."""
    valkey.asynq.register("in-zero")
    valkey.client.execute_command("SELECT", 1)
    valkey.asynq.register("in-one")
    valkey.client.execute_command("SELECT", 0)
    return valkey


def test_without_a_server_the_screens_begin_with_a_choice(two: Live, tmp_path: Path) -> None:
    text = (
        f"[live]\n{at(two)}production = true\n[other]\n{at(two, 1)}color = 'blue'\nread_only = true\n"
        '[gone]\nurl = "unix:///none"\n[broken]\ncolour = 1\n[asks]\npassword_command = ["pass", "show"]\n'
    )

    async def play(op: Operator) -> None:
        assert op.where == "FirstChooserScreen"
        await op.until(lambda: "read-write, primary, Valkey" in row(op, "LIVE"), "what it is")
        await op.until(lambda: "read-only, primary, Valkey" in row(op, "● other"), "what it is")
        await op.until(lambda: "there is no such socket" in row(op, "gone"), "its fault")
        assert "unknown keys: colour (did you mean color?)" in row(op, "broken")
        assert "not asked: pass gives the password" in row(op, "asks")
        assert "not connected" in op.lines[0]
        await op.press("J")
        await op.hears("nothing is connected yet")
        await on_row(op, "other")
        await op.press("enter")
        await op.arrives("QueuesScreen")
        await op.sees("in-one", "● other", "read-only")

    operate(None, play, destinations=chosen_from(tmp_path, text))


def test_a_profile_that_cannot_be_reached_leaves_one_in_the_chooser(two: Live, tmp_path: Path) -> None:
    text = f'[gone]\nurl = "unix:///none.sock"\n[live]\n{at(two)}'

    async def play(op: Operator) -> None:
        await op.press("enter")
        await op.until(lambda: "none.sock" in op.words("#reason"), "the reason")
        assert op.where == "FirstChooserScreen"
        await on_row(op, "live")
        await op.press("enter")
        await op.arrives("QueuesScreen")

    operate(None, play, destinations=chosen_from(tmp_path, text))


def test_a_password_is_asked_for_where_the_server_wants_one(two: Live, tmp_path: Path) -> None:
    two.user("ann", "~*", "&*", "+@all")

    async def play(op: Operator) -> None:
        await op.until(lambda: "asks for a password" in row(op, "live"), "its answer")
        await op.press("enter")
        await op.arrives("PasswordDialog")
        await op.type("wrong")
        await op.press("enter")
        await op.arrives("PasswordDialog")
        await op.type(SECRET)
        assert "••••" in op.text
        await op.press("enter")
        await op.arrives("QueuesScreen")
        await op.sees("in-zero")

    operate(None, play, destinations=chosen_from(tmp_path, f"[live]\n{at(two)}username = 'ann'\n"))


def test_another_connection_later_in_the_same_app(two: Live, tmp_path: Path) -> None:
    text = f"[live]\n{at(two)}[other]\n{at(two, 1)}"
    two.asynq.add_many("in-zero", ["a", "b", "c"])

    async def play(op: Operator) -> None:
        await op.tasks("in-zero")
        await op.press("space", "escape", "escape")  # a list with marks is kept, out of sight
        await op.tasks("in-zero")
        before = op.app.session
        await op.press("ctrl+o")
        await op.arrives("ChooserScreen")
        await op.press("escape")
        assert op.where == "TasksScreen"
        await op.press("ctrl+o")
        await on_row(op, "other")
        await op.press("enter")
        await op.arrives("QueuesScreen")
        await op.sees("in-one")
        assert op.app.session is not before
        assert before.watch.state.ended
        assert op.below == ["Screen", "QueuesScreen"]
        await op.press("ctrl+o")
        await op.until(lambda: "open now" in row(op, "other"), "which one is open")
        assert "other" in op.cursor
        await op.press("enter")
        assert op.where == "QueuesScreen"

    operate(two.settings, play, destinations=chosen_from(tmp_path, text))


def test_the_demo_is_one_choice_and_ends_with_it(two: Live, tmp_path: Path) -> None:
    def small() -> object:
        return demo(workers=False, scale=0.01)

    destinations = chosen_from(tmp_path, f"[live]\n{at(two)}", demo=small)
    folders: list[Path] = []

    async def play(op: Operator) -> None:
        await on_row(op, "demo")
        await op.press("enter")
        await op.arrives("QueuesScreen")
        settings: Settings = op.app.session.settings
        assert settings.journal_dir is not None
        folders.append(settings.journal_dir.parent)
        assert settings.profile == "demo"
        assert folders[0].exists()
        await op.press("ctrl+o")
        await on_row(op, "live")
        await op.press("enter")
        await op.sees("in-zero")

    operate(None, play, destinations=destinations)
    assert not folders[0].exists()


def test_a_settings_file_that_cannot_be_read_is_said(tmp_path: Path, home: Path) -> None:
    file = home / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[live")

    async def play(op: Operator) -> None:
        await op.sees("cannot be read", "config.toml")
        file.write_text('[live]\nurl = "unix:///none"\n')
        file.chmod(0o600)
        await op.press("r")
        await op.sees("live")
        assert "cannot be read" not in op.text
        await op.burst("q")
        await op.ended()

    operate(None, play, destinations=Destinations(Choices(environment={})))


def test_a_dump_file_is_opened_by_its_path(two: Live, tmp_path: Path) -> None:
    two.client.save()
    dump = tmp_path / "there.rdb"
    assert two.settings.socket is not None
    dump.write_bytes((Path(two.settings.socket).parent / "dump.rdb").read_bytes())
    (tmp_path / "none.rdb").write_bytes(b"no dump")

    async def play(op: Operator) -> None:
        await on_row(op, "a dump file…")
        await op.press("enter")
        await op.arrives("DumpDialog")
        for name, fault in (("absent.rdb", "no file"), ("none.rdb", "is no dump file of Redis or Valkey")):
            await op.type(str(tmp_path / name))
            await op.press("enter")
            await op.sees(fault)
            await op.press("ctrl+u")
        await op.type(str(dump))
        await op.press("enter")
        await op.arrives("QueuesScreen")
        await op.sees("in-zero", "snapshot of")
        assert op.app.session.settings.snapshot.file == dump
        await op.press("ctrl+o")
        await on_row(op, "live")
        await op.press("enter")
        await op.sees("read-write")

    operate(None, play, destinations=chosen_from(tmp_path, f"[live]\n{at(two)}"))


def test_what_is_wrong_inside_a_dump_stands_on_its_row(two: Live, tmp_path: Path) -> None:
    two.client.save()
    assert two.settings.socket is not None
    content = bytearray((Path(two.settings.socket).parent / "dump.rdb").read_bytes())
    content[-1] ^= 0xFF  # of the checksum
    (tmp_path / "torn.rdb").write_bytes(content)

    async def play(op: Operator) -> None:
        await on_row(op, "a dump file…")
        await op.press("enter")
        await op.arrives("DumpDialog")
        await op.type(str(tmp_path / "torn.rdb"))
        await op.press("enter")
        await op.sees("torn.rdb", "is damaged")
        assert op.where == "FirstChooserScreen"

    operate(None, play, destinations=chosen_from(tmp_path, ""))


def test_the_passphrase_of_an_encrypted_key_is_asked_for(tmp_path: Path) -> None:
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    authority = Authority(tmp_path / "ca", "CA")
    server, client = authority.issue("server", "IP:127.0.0.1"), authority.issue("client", "DNS:client")
    port = unused_port()
    options = ["--tls-port", str(port), "--tls-ca-cert-file", str(authority.certificate)]
    options += ["--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
    process = ServerProcess(REDIS_SERVER, tmp_path, *options, "--tls-auth-clients", "yes")
    process.start()
    text = (
        f'[live]\nurl = "rediss://127.0.0.1:{port}"\ntls_ca_file = "{authority.certificate}"\n'
        f'tls_cert_file = "{client.certificate}"\ntls_key_file = "{authority.encrypted(client, legacy=False)}"\n'
    )

    async def play(op: Operator) -> None:
        await op.until(lambda: "asks for a passphrase" in row(op, "live"), "its answer")
        await op.press("enter")
        await op.arrives("PasswordDialog")
        assert "Passphrase" in op.text
        await op.type("wrong")
        await op.press("enter")
        await op.arrives("PasswordDialog")
        await op.type(PASSPHRASE)
        await op.press("enter")
        await op.arrives("QueuesScreen")

    try:
        operate(None, play, destinations=chosen_from(tmp_path, text))
    finally:
        process.kill()
