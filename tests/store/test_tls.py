"""TLS with real servers, in both versions: whom it lets in, and why it fails, each in its own sentence."""

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import PASSPHRASE, Authority, Pair
from support.cluster import ClusterProcesses
from support.cluster import running as running_cluster
from support.command_line import Command
from support.server_programs import REDIS_SERVER
from support.servers import ServerProcess, free_port

from archive_tui.errors import ConnectError, DisconnectedError
from archive_tui.settings.model import Secret, Settings, Tls, TlsVersion
from archive_tui.store.link.certificate import Certificate, first_certificate, read_certificate
from archive_tui.store.link.server import Server
from archive_tui.store.link.tls import context_for

VERSIONS = ("TLSv1.2", "TLSv1.3")


class TlsServer:
    """A server that speaks TLS alone; its certificate and what it wants of clients may be changed while it runs."""

    def __init__(self, port: int, client: "redis.Redis", server: Pair) -> None:
        self.port = port
        self._client = client
        self._server = server

    def set(self, pair: Pair | None = None, *, version: str = "TLSv1.2 TLSv1.3", of_clients: str = "no") -> None:
        """Show a certificate from now on; None is the one for 127.0.0.1."""
        shown = pair or self._server
        self._client.config_set(
            "tls-auth-clients", of_clients, "tls-protocols", version,
            "tls-cert-file", str(shown.certificate), "tls-key-file", str(shown.key),
        )  # fmt: skip


@pytest.fixture(scope="module")
def corporate(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "corporate", "Corporate CA")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "other", "Other CA")


@pytest.fixture(scope="module")
def client(corporate: Authority) -> Pair:
    return corporate.issue("client", "DNS:client")


@pytest.fixture(scope="module")
def running(corporate: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    port = free_port()
    pair = corporate.issue("server", "IP:127.0.0.1")
    options = ["--tls-port", str(port), "--tls-ca-cert-file", str(corporate.certificate)]
    options += ["--tls-cert-file", str(pair.certificate), "--tls-key-file", str(pair.key)]
    process = ServerProcess(REDIS_SERVER, tmp_path_factory.mktemp("tlsserver"), *options)
    process.start()
    connection = redis.Redis(unix_socket_path=process.settings.socket)
    yield TlsServer(port, connection, pair)
    connection.close()
    process.kill()


@pytest.fixture
def server(running: TlsServer) -> TlsServer:
    """The server as it began."""
    running.set()
    return running


def refusal(port: int, tls: Tls | None, host: str = "127.0.0.1") -> str:
    """What a connection says that does not come about."""
    link = Server(Settings(host=host, port=port, tls=tls, timeout=2))
    with pytest.raises(ConnectError) as caught:
        link.identify()
    link.close()
    assert caught.value.exit_code == 3
    assert str(caught.value).isprintable()
    return str(caught.value)


def reached(port: int, tls: Tls, host: str = "127.0.0.1") -> bool:
    link = Server(Settings(host=host, port=port, tls=tls, timeout=5))
    try:
        return bool(link.identify().run_id)
    finally:
        link.close()


# The server's certificate


@pytest.mark.parametrize("version", VERSIONS)
def test_an_authority_that_is_not_known(server: TlsServer, other: Authority, version: str) -> None:
    server.set(version=version)
    assert "the authority that issued it (Corporate CA) is unknown to this machine" in refusal(server.port, Tls())
    said = refusal(server.port, Tls(ca_file=str(other.certificate)))
    assert f"(Corporate CA) is not in {other.certificate}: give that authority's certificate with --tls-ca-file" in said


def test_the_authorities_of_the_system_do_not_count_beside_those_of_a_file(
    server: TlsServer, corporate: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(corporate.certificate))
    assert reached(server.port, Tls(server_name="127.0.0.1"))
    assert "is not trusted" in refusal(server.port, Tls(ca_file=str(other.certificate)))


def test_a_certificate_that_vouches_for_itself(server: TlsServer, authority: Path) -> None:
    server.set(Pair(authority / "cert.pem", authority / "key.pem"))
    assert "its certificate is signed by nobody but itself" in refusal(server.port, Tls())
    assert reached(server.port, Tls(ca_file=str(authority / "cert.pem")))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_for_another_name(server: TlsServer, corporate: Authority, version: str) -> None:
    server.set(corporate.issue("redis", "DNS:*.redis.internal,DNS:redis.internal"), version=version)
    tls = Tls(ca_file=str(corporate.certificate))
    said = refusal(server.port, tls)
    assert "its certificate is for *.redis.internal, redis.internal, not for 127.0.0.1" in said
    assert said.endswith("--tls-server-name redis.internal")
    for name in ("redis.internal", "eu.redis.internal"):
        assert reached(server.port, replace(tls, server_name=name))
    assert "not for elsewhere.example" in refusal(server.port, replace(tls, server_name="elsewhere.example"))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("", "names 127.0.0.1 only as its common name, which does not count for addresses"),
        ("DNS:127.0.0.1", "names 127.0.0.1 as the name of a host, which does not count for addresses"),
        (",".join(f"DNS:r{number}.example" for number in range(9)), "r3.example and 5 more, not for 127.0.0.1"),
    ],
)
def test_an_address_that_a_certificate_names_otherwise(
    server: TlsServer, corporate: Authority, names: str, said: str
) -> None:
    server.set(corporate.issue("127.0.0.1", names))
    assert said in refusal(server.port, Tls(ca_file=str(corporate.certificate)))


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ("20200101000000Z", "20200102000000Z", "its certificate expired on 2020-01-02 00:00:00 Z: have it renewed"),
        (
            "20900101000000Z",
            "20910101000000Z",
            "its certificate is not valid before 2090-01-01 00:00:00 Z: wait",
        ),
    ],
)
def test_a_certificate_whose_time_is_another(
    server: TlsServer, corporate: Authority, begins: str, ends: str, said: str
) -> None:
    server.set(corporate.issue("timed", "IP:127.0.0.1", begins=begins, ends=ends))
    complaint = refusal(server.port, Tls(ca_file=str(corporate.certificate)))
    assert said in complaint
    assert "this machine's clock says 2" in complaint


def test_nothing_is_verified_where_that_is_wanted(server: TlsServer, other: Authority) -> None:
    assert reached(server.port, Tls(verify=False), "localhost")
    assert reached(server.port, Tls(ca_file=str(other.certificate), verify=False))


# Our certificate. In TLS 1.3 a server refuses it only after the handshake, as we see it


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_wants_a_certificate_of_its_clients(
    server: TlsServer, corporate: Authority, other: Authority, client: Pair, version: str
) -> None:
    server.set(version=version, of_clients="yes")
    tls = Tls(ca_file=str(corporate.certificate))
    assert "it wants a client certificate: give one with --tls-cert-file FILE" in refusal(server.port, tls)
    assert reached(server.port, _showing(tls, client))
    stranger = other.issue("stranger", "DNS:client")
    said = refusal(server.port, _showing(tls, stranger))
    assert f"it refused our client certificate ({stranger.certificate}): it does not know the authority" in said
    assert "(Other CA)" in said
    old = corporate.issue("old", "DNS:client", begins="20200101000000Z", ends="20200102000000Z")
    assert "it expired on 2020-01-02 00:00:00 Z, have it renewed" in refusal(server.port, _showing(tls, old))


def _showing(tls: Tls, pair: Pair) -> Tls:
    return replace(tls, cert_file=str(pair.certificate), key_file=str(pair.key))


@pytest.mark.parametrize("legacy", [True, False])
def test_an_encrypted_key(server: TlsServer, corporate: Authority, client: Pair, legacy: bool) -> None:
    server.set(of_clients="yes")
    key = corporate.encrypted(client, legacy=legacy)
    tls = Tls(str(corporate.certificate), str(client.certificate), str(key))
    assert reached(server.port, replace(tls, key_passphrase=Secret(PASSPHRASE)))
    for word in ("wrong", "", "long" * 1000):
        said = refusal(server.port, replace(tls, key_passphrase=Secret(word)))
        assert f"the passphrase does not open the key in {key}" in said
        assert not word or word not in said
    said = refusal(server.port, tls)
    assert f"the key in {key} is encrypted: give its passphrase with ARCHIVE_TUI_TLS_KEY_PASSPHRASE or" in said


def test_files_that_hold_something_else(corporate: Authority, client: Pair, tmp_path: Path) -> None:
    certificate, key = client
    binary = corporate.in_der(client)
    empty, text, cut_certificate, cut_key = (tmp_path / name for name in ("empty", "text", "cut.pem", "cut.key"))
    empty.write_text("\n")
    text.write_text("to be done\n")
    cut_certificate.write_text(certificate.read_text()[:200])
    cut_key.write_text(key.read_text()[:100])
    foreign = corporate.issue("foreign")
    for cert_file, key_file, said in (
        (certificate, foreign.key, f"the key in {foreign.key} does not fit the certificate in {certificate}"),
        (key, certificate, f"{key} holds no certificate, but a private key: are two files exchanged?"),
        (certificate, certificate, f"{certificate} holds no private key, but a certificate"),
        (empty, key, f"{empty} is empty: it must hold a certificate in PEM form"),
        (certificate, empty, f"{empty} is empty: it must hold a private key in PEM form"),
        (text, key, f"{text} holds no certificate in PEM form"),
        (binary, key, f"{binary} holds no certificate in PEM form: it is binary (DER or PKCS#12), convert it"),
        (cut_certificate, key, f"the certificate in {cut_certificate} cannot be read: it is damaged"),
        (certificate, cut_key, f"the key in {cut_key} cannot be read: it is damaged"),
        (certificate, tmp_path / "none", f"{tmp_path / 'none'} cannot be read: No such file"),
    ):
        with pytest.raises(ConnectError) as caught:
            context_for(Tls(cert_file=str(cert_file), key_file=str(key_file)))
        assert said in str(caught.value)
    for ca_file, said in (
        (empty, "is empty: it must hold a certificate"),
        (key, "holds no certificate, but a private key"),
        (cut_certificate, "it is damaged"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(ConnectError) as caught:
            context_for(Tls(ca_file=str(ca_file)))
        assert str(ca_file) in str(caught.value)
        assert said in str(caught.value)


def test_a_renewed_certificate_is_shown_from_then_on(client: Pair, corporate: Authority, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    tls = Tls(cert_file=str(both))
    both.write_text(client.certificate.read_text() + client.key.read_text())
    first = context_for(tls)
    assert context_for(tls) is first
    renewed = corporate.issue("renewed")
    both.write_text(renewed.certificate.read_text() + renewed.key.read_text() + "\n")
    assert context_for(tls) is not first


# What cannot be agreed on, and what speaks something else


def test_no_version_in_common(server: TlsServer, corporate: Authority) -> None:
    server.set(version="TLSv1.2")
    tls = Tls(ca_file=str(corporate.certificate), min_version=TlsVersion.TLS_1_3)
    said = refusal(server.port, tls)
    assert "it speaks TLS 1.2 at most, and TLS 1.3 or newer is wanted: leave out --tls-min-version" in said
    server.set(version="TLSv1.3")
    assert reached(server.port, tls)


@contextlib.contextmanager
def listening(greet: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is greeted, and closed."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            greet(connection)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def answering_over_tls(pair: Pair, answer: Callable[[ssl.SSLSocket], None]) -> Iterator[int]:
    """A port where somebody answers over TLS who is no server of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)

    def greet(plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            plain.settimeout(5)
            with context.wrap_socket(plain, server_side=True) as connection:
                answer(connection)

    with listening(greet) as port:
        yield port


def _as_web_server(connection: ssl.SSLSocket) -> None:
    if connection.recv(4096):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_web_server_over_tls(corporate: Authority) -> None:
    with answering_over_tls(corporate.issue("web", "IP:127.0.0.1"), _as_web_server) as port:
        for tls in (None, Tls(ca_file=str(corporate.certificate))):
            assert "a web server answers there, not Redis" in refusal(port, tls)


def test_a_port_that_closes_after_the_handshake(corporate: Authority) -> None:
    """As a proxy does that has no server behind it."""
    with answering_over_tls(corporate.issue("proxy", "IP:127.0.0.1"), lambda _: None) as port:
        assert "it closes every connection at once" in refusal(port, Tls(ca_file=str(corporate.certificate)))


@pytest.mark.parametrize("tls", [None, Tls(verify=False)])
def test_a_port_that_closes_at_once(tls: Tls | None) -> None:
    with listening(lambda _: None) as port:
        assert "it closes every connection at once, without a word" in refusal(port, tls)
        link = Server(Settings(port=port, tls=tls, timeout=2))
        with pytest.raises(DisconnectedError):  # it may be a server that is about to start
            link.identify()


def test_a_port_that_closes_before_it_has_read_all() -> None:
    """The other end of such a connection gets an error, not its end."""
    with listening(lambda connection: connection.recv(1)) as port:
        assert "it closes every connection at once" in refusal(port, None)


# The command line


def test_a_server_that_nobody_verifies_is_named_as_such(server: TlsServer, cli: Command) -> None:
    url = f"rediss://127.0.0.1:{server.port}"
    for arguments in (["--url", url, "--tls-unverified"], ["--url", f"{url}?ssl_cert_reqs=none"]):
        ended = cli("queues", *arguments)
        warning, complaint = ended.err.splitlines()
        assert "the server's certificate is not verified" in warning
        assert "is empty" in complaint


def test_the_passphrase_is_read_from_where_it_is(
    server: TlsServer, corporate: Authority, client: Pair, cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.set(of_clients="yes")
    key = corporate.encrypted(client, legacy=False)
    flags = ["--url", f"rediss://127.0.0.1:{server.port}", "--tls-ca-file", str(corporate.certificate)]
    flags += ["--tls-cert-file", str(client.certificate), "--tls-key-file", str(key)]
    ended = cli("queues", *flags)
    assert (ended.code, "is encrypted: give its passphrase" in ended.complaint) == (3, True)
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    os.chmod(file, 0o600)  # noqa: PTH101
    assert "is empty" in cli("queues", *flags, "--tls-key-passphrase-file", str(file)).complaint
    monkeypatch.setenv("ARCHIVE_TUI_TLS_KEY_PASSPHRASE", PASSPHRASE)
    assert "is empty" in cli("queues", *flags).complaint


# Reading a certificate


def test_a_certificate_is_read(corporate: Authority) -> None:
    pair = corporate.issue(
        "a", "DNS:a.example,IP:10.0.0.1,IP:fd00::1,email:a@b", begins="20200101000000Z", ends="20600102000000Z"
    )
    assert first_certificate(pair.certificate) == Certificate(
        "a", "Corporate CA", ("a.example",), ("10.0.0.1", "fd00::1"), 1577836800.0, 2840227200.0, False
    )


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_refused_as_one(der: bytes) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        read_certificate(der)


@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_a_damaged_certificate_breaks_nothing(client: Pair, at: int, value: int) -> None:
    der = bytearray(ssl.PEM_cert_to_DER_cert(client.certificate.read_text()))
    der[at % len(der)] = value
    with contextlib.suppress(ValueError):
        read_certificate(bytes(der))


def test_all_nodes_of_a_cluster_are_reached_by_tls(
    corporate: Authority, other: Authority, cli: Command, tmp_path: Path
) -> None:
    if not Path(REDIS_SERVER).exists():
        pytest.skip(f"no {REDIS_SERVER} on this machine")
    pair = corporate.issue("node", "IP:127.0.0.1")
    options = ["--tls-cluster", "yes", "--tls-ca-cert-file", str(corporate.certificate), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", str(pair.certificate), "--tls-key-file", str(pair.key)]
    with running_cluster(ClusterProcesses(REDIS_SERVER, tmp_path, 2, 0, *options)) as cluster:
        with cluster.client() as client:
            for queue in ("default", "low", "critical"):
                client.sadd("asynq:queues", queue)
                client.hset(f"asynq:{{{queue}}}:t:loose", mapping={"state": "archived"})
        nodes = ",".join(f"127.0.0.1:{node.tls_port}" for node in cluster.nodes)
        trusting = ("--tls-ca-file", str(corporate.certificate))
        scanned = cli("scan", "--json", "--url", f"rediss+cluster://{nodes}", *trusting)
        assert (scanned.code, scanned.json["complete"], scanned.json["keys_scanned"]) == (0, True, 3), scanned.err
        asked = {one["address"] for one in scanned.json["server"]["nodes"]}
        assert asked == {f"127.0.0.1:{node.tls_port}/0" for node in cluster.nodes}
        recognised = cli("connection", "--json", "--url", f"rediss://127.0.0.1:{cluster.nodes[0].tls_port}", *trusting)
        assert [one["tls"]["verified"] for one in recognised.json["nodes"]] == [True, True]
        refused = cli("queues", "--url", f"rediss+cluster://{nodes}", "--tls-ca-file", str(other.certificate))
        assert refused.code == 3
        assert "authority" in refused.complaint
