"""Settings: URLs, flags, environment and profiles, who wins, and that nobody gets to see a password."""

import copy
import json
import logging
import re
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_line import Command

from archive_tui.asynq.keys import Keys, namespace_of
from archive_tui.asynq.states import State
from archive_tui.errors import NotFoundError, UsageError
from archive_tui.payloads.redaction import Redaction
from archive_tui.settings.address import Address
from archive_tui.settings.file import default_settings_file
from archive_tui.settings.model import (
    PayloadSettings,
    RedactionSettings,
    Secret,
    Seeds,
    Sentinels,
    Settings,
    Tls,
    TlsVersion,
)
from archive_tui.settings.profiles import Choices, resolve
from archive_tui.settings.url import parse_url

SECRET = "s3cr3t-word"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", Settings()),
        ("redis://example.org", Settings(host="example.org")),
        ("redis://example.org:6380/3", Settings(host="example.org", port=6380, database=3)),
        ("redis://example.org/?db=4", Settings(host="example.org", database=4)),
        ("redis://example.org/3?db=4", Settings(host="example.org", database=3)),
        ("redis://[::1]:7000/1", Settings(host="::1", port=7000, database=1)),
        ("redis://ann@h", Settings(host="h", username="ann")),
        ("redis://:p%40ss@h", Settings(host="h", password=Secret("p@ss"))),
        ("redis://ann:p%2Fw%3A@h/2", Settings(host="h", username="ann", password=Secret("p/w:"), database=2)),
        (" redis://h \n", Settings(host="h")),
        ("rediss://h", Settings(host="h", tls=Tls())),
        ("rediss://h?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none", Settings(host="h", tls=Tls("/ca.pem", verify=False))),
        (
            "rediss://h?ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
            Settings(host="h", tls=Tls(cert_file="/c.pem", key_file="/k.pem")),
        ),
        ("unix:///run/redis.sock", Settings(socket="/run/redis.sock")),
        ("unix:///run/a%20b.sock?db=5", Settings(socket="/run/a b.sock", database=5)),
        ("unix://ann:word@/run/s", Settings(socket="/run/s", username="ann", password=Secret("word"))),
        (
            "unix:///run/s?username=ann&password=word",
            Settings(socket="/run/s", username="ann", password=Secret("word")),
        ),
    ],
)
def test_urls(url: str, expected: Settings) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "http://h", "h:6379", "redis://h:port", "redis://a..b", "rediss://.h", f"redis://{'a' * 64}",
     f"redis://:{SECRET}@h:99999", f"redis://:{SECRET}@h/x",
     f"redis://:{SECRET}@h/1/2", f"redis://u:{SECRET}/slash@h", f"redis://:{SECRET}@[::1", f"redis://:{SECRET}@h/-1",
     f"unix://{SECRET}/s", "unix://", f"redis://:{SECRET}#x@h", f"red:{SECRET}",
     f"redis://:{SECRET}@h/?db=999999"],
)  # fmt: skip
def test_bad_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:12#34@h",
        "redis://h:0",
        "redis://h?ssl_ca_certs=/x",
        "rediss://h?nonsense=1",
        "unix:///s?socket=x",
        "rediss://h?ssl_cert_reqs=maybe",
        "rediss://h?ssl_cert_reqs=None",
    ],
)
def test_what_a_url_says_in_vain_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        parse_url(url)


def service(*addresses: Address, **changes: Any) -> Settings:
    return Settings(host="", sentinels=Sentinels("orders", addresses), **changes)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://h/orders", service(Address("h", 26379))),
        ("redis+sentinel:///orders/3", service(Address("127.0.0.1", 26379), database=3)),
        (
            "redis+sentinel://ann:p%2Cw@a:1,[::2]:3,b,a:1/orders/1",
            service(
                *(Address("a", 1), Address("::2", 3), Address("b", 26379)),
                username="ann", password=Secret("p,w"), database=1,
            ),
        ),
        (
            "redis+sentinel://h/0/0?sentinel_username=bob&sentinel_password=w",
            Settings(host="", sentinels=Sentinels("0", (Address("h", 26379),), "bob", Secret("w"))),
        ),
        (
            "rediss+sentinel://h/o?ssl_ca_certs=/ca.pem&sentinel_ssl_cert_reqs=none",
            Settings(
                host="",
                sentinels=Sentinels("o", (Address("h", 26379),), tls=Tls("/ca.pem", verify=False)),
                tls=Tls("/ca.pem"),
            ),
        ),
        (
            "rediss+sentinel://h/o?sentinel_tls=no",
            Settings(host="", sentinels=Sentinels("o", (Address("h", 26379),)), tls=Tls()),
        ),
        (
            "redis+sentinel://h/o?sentinel_tls=yes&sentinel_ssl_ca_certs=/ca.pem",
            Settings(host="", sentinels=Sentinels("o", (Address("h", 26379),), tls=Tls("/ca.pem"))),
        ),
    ],
)  # fmt: skip
def test_urls_of_services(url: str, expected: Settings) -> None:
    assert parse_url(url) == expected


A, B = Address("a", 1), Address("::2", 6379)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+cluster://a:1", Settings(host="a", port=1, cluster=Seeds((A,)))),
        ("redis+cluster://a:1,[::2],a:1/0", Settings(host="a", port=1, cluster=Seeds((A, B)))),
        (
            "redis+cluster://ann:w@a:1?address_map=10.0.0.1:7000=b:2,[::3]:1=[::2]",
            Settings(
                host="a", port=1, username="ann", password=Secret("w"),
                cluster=Seeds((A,), ((Address("10.0.0.1", 7000), Address("b", 2)), (Address("::3", 1), B))),
            ),
        ),
        (
            "rediss+cluster://a:1?ssl_cert_reqs=none",
            Settings(host="a", port=1, cluster=Seeds((A,)), tls=Tls(verify=False)),
        ),
    ],
)  # fmt: skip
def test_urls_of_clusters(url: str, expected: Settings) -> None:
    assert parse_url(url) == expected


def test_a_profile_says_where_the_nodes_of_a_cluster_are_reached(profiles: Path) -> None:
    profiles.write_text("""
        [prod]
        url = "redis+cluster://a:1?address_map=10.0.0.1:1=b:2"
        address_map = { "10.0.0.2:1" = "b:3" }
        [plain]
        url = "redis://a:1"
        address_map = { "10.0.0.2:1" = "b:3" }
        [bad]
        url = "redis+cluster://a:1"
        address_map = { "10.0.0.2:1" = "b:x" }
        [worse]
        url = "redis+cluster://a:1"
        address_map = ["b"]
        [service]
        url = "redis+sentinel://a:1/orders"
        address_map = { "10.0.0.2" = "" }
        [tunnel]
        url = "redis+sentinel://a:1/orders?address_map=10.0.0.1:1=b:2"
        address_map = { "10.0.0.2:1" = "b:3", "10.0.0.1:1" = "c:1" }
        """)
    mapped = ((Address("10.0.0.1", 1), Address("b", 2)), (Address("10.0.0.2", 1), Address("b", 3)))
    assert chosen({}, profiles, profile="prod").cluster == Seeds((A,), mapped)
    assert chosen({}, profiles, profile="tunnel").sentinels == Sentinels("orders", (A,), address_map=mapped)
    for name, said in (
        ("plain", re.escape("names none: write redis+cluster://")),
        ("service", "must be addresses"),
        ("bad", "must be addresses"),
        ("worse", "a table"),
    ):
        with pytest.raises(UsageError, match=said):
            chosen({}, profiles, profile=name)
    with pytest.raises(UsageError, match="a cluster has database 0 alone"):
        chosen({}, profiles, profile="prod", database=2)


def test_a_cluster_is_the_same_by_whichever_node() -> None:
    one = Settings(host="a", port=1)
    assert one.is_same_server("b:2/0", nodes=["id-b"], ours={"id-a", "id-b"})
    assert not one.is_same_server("b:2/0", nodes=["id-c"], ours={"id-a", "id-b"})
    assert one.is_same_server("a:1/0", ours={"id-a"})
    assert not one.is_same_server("b:2/0")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://a/1", "a cluster has database 0 alone"),
        ("redis+cluster://a?db=1", "a cluster has database 0 alone"),
        ("redis+cluster://a/orders/0", "names its nodes alone"),
        ("redis+cluster://a,,b", "bad address"),
        ("redis+cluster://a:x", "bad port"),
        ("redis+cluster://a?ssl_cert_reqs=none", "options that are not known"),
        ("redis+cluster://a?address_map=b", "10.0.0.1:6379=127.0.0.1:16379"),
        ("redis+cluster://a?address_map=b:x=c", "10.0.0.1:6379=127.0.0.1:16379"),
        ("redis://a?address_map=b=c", "options that are not known"),
        ("redis-cluster://a", "is written redis+cluster://"),
        ("redis://a,b", "of a cluster, redis+cluster://"),
        ("redis+sentinel://h", "names no service"),
        ("redis+sentinel://h:26379/0", "names no service"),
        ("redis+sentinel://h/orders/mail", "must be a number"),
        ("redis+sentinel://h/orders/0/1", "must be a number"),
        ("redis+sentinel://a,,b/orders", "bad address"),
        ("redis+sentinel://a,/orders", "bad address"),
        ("redis+sentinel://a:26379:1/orders", "bad port"),
        ("redis+sentinel://a:x,b/orders", "bad port"),
        ("redis+sentinel://[zz]:1/orders", "bad address"),
        ("redis+sentinel://h/orders?ssl_ca_certs=/x", "options that are not known"),
        ("redis+sentinel://h/orders?sentinel_ssl_ca_certs=/x", "options that are not known"),
        ("redis+sentinel://h/orders?sentinel_tls=maybe", "sentinel_tls: it is yes or no"),
        ("redis+sentinel://h/orders?master=x", "options that are not known"),
        ("redis-sentinel://h:26379?master=orders", "is written redis+sentinel://"),
        ("redis://a:6379,b:6379/0", "names several hosts"),
        ("redis://h:26379/orders/0", "goes with redis+sentinel://"),
        ("redis+sentinel://h:0/orders", "port 0"),
    ],
)
def test_urls_that_mix_forms(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        parse_url(url)


def test_no_secret_of_a_service_is_shown() -> None:
    settings = parse_url(f"redis+sentinel://ann:{SECRET}1@h/orders?sentinel_password={SECRET}2")
    assert SECRET not in repr(settings)
    assert SECRET not in settings.address
    with pytest.raises(UsageError) as caught:
        chosen(url=f"redis+sentinel://h/orders?sentinel_password={SECRET}")
    assert "a password in --url" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_sentinels_have_a_user_and_a_password_of_their_own(profiles: Path, tmp_path: Path) -> None:
    url = "redis+sentinel://ann@h/orders?sentinel_username=bob&sentinel_password=url"
    found = chosen({"ARCHIVE_TUI_URL": url, "ARCHIVE_TUI_PASSWORD": "data"})
    assert (found.username, found.password) == ("ann", Secret("data"))
    assert found.sentinels == Sentinels("orders", (Address("h", 26379),), "bob", Secret("url"))
    environment = {
        "ARCHIVE_TUI_URL": url,
        "ARCHIVE_TUI_SENTINEL_USERNAME": "eve",
        "ARCHIVE_TUI_SENTINEL_PASSWORD": "env",
    }
    assert chosen(environment).sentinels == Sentinels("orders", (Address("h", 26379),), "eve", Secret("env"))
    (tmp_path / "word").write_text("file\n")
    found = chosen(environment, sentinel_username="flag", sentinel_password_file=tmp_path / "word")
    assert found.sentinels == Sentinels("orders", (Address("h", 26379),), "flag", Secret("file"))
    profiles.write_text(f'''
        [service]
        url = "redis+sentinel://h/orders"
        sentinel_username = "kim"
        sentinel_password_file = "{tmp_path / "word"}"
        ''')
    found = chosen({}, profiles, profile="service")
    assert found.sentinels == Sentinels("orders", (Address("h", 26379),), "kim", Secret("file"))
    with pytest.raises(UsageError, match="--sentinel-user is for Sentinels"):
        chosen(url="redis://h", sentinel_username="x")


def test_a_service_is_the_same_whichever_primary_it_has() -> None:
    orders = service(Address("a", 1), Address("b", 2))
    at_one = replace(orders, host="10.0.0.1", port=6379)
    assert at_one.address == "orders/0 (10.0.0.1:6379)"
    assert orders.is_same_server(at_one.address, ["b:2", "c:3"])
    assert not orders.is_same_server(at_one.address, ["c:3"]), "another installation, with a service of the same name"
    assert not orders.is_same_server("orders/1 (10.0.0.1:6379)", ["b:2"])
    assert not orders.is_same_server("10.0.0.1:6379/0")
    assert not Settings(host="10.0.0.1").is_same_server(at_one.address, ["b:2"])


def test_a_password_with_a_question_mark_is_not_repeated_either() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(f"redis://:1?{SECRET}=2@h")
    assert SECRET not in str(caught.value)


@given(st.text(max_size=30) | st.text("redis:/@?#[]%&=0123456789", max_size=30).map(lambda rest: "redis://" + rest))
def test_no_url_breaks_the_parser(url: str) -> None:
    try:
        settings = parse_url(url)
    except UsageError:
        return
    assert 0 <= settings.port <= 65_535
    assert settings.database >= 0


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "127.0.0.1:6379/0"),
        (Settings(host="::1", port=1, database=2), "[::1]:1/2"),
        (Settings(socket="/run/s", database=3), "/run/s/3"),
        (Settings(host="h", username="ann", password=Secret(SECRET)), "h:6379/0"),
        (Settings(host="h", label="embedded server"), "embedded server"),
        (Settings(host="", sentinels=Sentinels("orders", (Address("s", 1),))), "orders/0"),
        (Settings(host="::1", port=1, sentinels=Sentinels("o", (Address("s", 1),))), "o/0 ([::1]:1)"),
    ],
)
def test_addresses(settings: Settings, address: str) -> None:
    assert settings.address == address


def test_a_password_shows_itself_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(SECRET)
    settings = Settings(host="h", username="ann", password=secret)
    choices = Choices(password=secret, environment={"ARCHIVE_TUI_PASSWORD": "x"})
    logging.getLogger("test").warning("%s %r", settings, settings)
    written = [repr(secret), str(secret), f"{secret}", f"{secret!s:>40}", repr(settings), repr([secret]), repr(choices)]
    assert not any(SECRET in one for one in [*written, caplog.text])
    assert secret.reveal() == SECRET


def test_passwords_are_compared_by_what_they_are() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert copy.deepcopy(Secret("a")) == Secret("a")


def private(path: Path, content: bytes) -> Path:
    """Write a file that is its owner's alone."""
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def chosen(environment: dict[str, str] | None = None, profile_file: Path | None = None, **flags: object) -> Settings:
    return resolve(Choices(environment=environment or {}, **flags), profile_file)  # type: ignore[arg-type]


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(
        f"""
        [live]
        url = "redis://live.example:6390/2"
        username = "profile-user"
        password_file = "{tmp_path}/word"
        timeout = 2.5
        production = true
        read_only = true

        [bare]

        [odd]
        timeout = "soon"

        [number]
        url = 5

        [misspelt]
        readonly = true

        [quoted]
        read_only = "nope"

        [database]
        url = "redis://h/1"
        db = 4
        """
    )
    private(tmp_path / "word", b"from-the-profile\nsecond line\n")
    return path


def test_without_anything_it_is_the_local_server() -> None:
    assert chosen() == Settings()


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("", "is empty"), ("  ", "is empty"), ("a{b", "has braces"), ("}", "has braces"),
        ("asynq:", "ends with a colon"),
        ("a\tb", "control character"), ("a\x9bb", "control character"), ("\x7f", "control character"),
    ],
)  # fmt: skip
def test_what_is_no_namespace_is_refused_in_the_same_words_wherever_it_stands(
    tmp_path: Path, named: str, why: str
) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(f"[fork]\nnamespace = {json.dumps(named)}\n")
    said = set()
    for ask in (
        lambda: chosen(namespace=named),
        lambda: chosen(profile_file=file, profile="fork"),
        *([lambda: chosen({"ARCHIVE_TUI_NAMESPACE": named})] if named else []),
    ):
        with pytest.raises(UsageError, match=why) as caught:
            ask()
        said.add(str(caught.value))
    (sentence,) = said
    assert sentence.isprintable()


@pytest.mark.parametrize("named", ["asynq", "billing:asynq", "asynq-prod", "a*b?[c]", "grüße", ":asynq", "a b"])
def test_a_namespace_is_what_stands_before_the_queue(named: str) -> None:
    keys = Keys(chosen(namespace=named).namespace)
    assert keys.task("q", b"1") == f"{named}:{{q}}:t:1".encode()
    assert namespace_of(keys.task("q", b"1")) == namespace_of(keys.queues) == named
    assert keys.queue_of(keys.index("q}:t:{x", State.ARCHIVED)) is not None
    assert keys.split_task(Keys("other").task("q", b"1")) is None


def test_a_namespace_goes_with_the_server(tmp_path: Path) -> None:
    """As the URL: a flag first; a profile that a flag names before the environment, one of it after."""
    file = tmp_path / "profiles.toml"
    file.write_text('[fork]\nnamespace = "billing:asynq"\n[plain]\n')
    environment = {"ARCHIVE_TUI_NAMESPACE": "asynq-prod"}
    assert chosen().namespace == chosen({"ARCHIVE_TUI_NAMESPACE": ""}).namespace == "asynq"
    assert chosen(environment).namespace == "asynq-prod"
    assert chosen(environment, namespace="mine").namespace == "mine"
    assert chosen(environment, file, profile="fork").namespace == "billing:asynq"
    assert chosen(environment, file, profile="plain").namespace == "asynq-prod"
    assert chosen({**environment, "ARCHIVE_TUI_PROFILE": "fork"}, file).namespace == "asynq-prod"


def test_a_profile_says_everything(profiles: Path) -> None:
    assert chosen(profile_file=profiles, profile="live") == Settings(
        host="live.example", port=6390, database=2, username="profile-user", password=Secret("from-the-profile"),
        timeout=2.5, profile="live", production=True, read_only=True,
    )  # fmt: skip


def test_a_database_of_a_profile(profiles: Path) -> None:
    assert chosen(profile_file=profiles, profile="database").database == 4
    assert chosen(profile_file=profiles, profile="database", database=0).database == 0


def test_the_environment_wins_over_the_profile(profiles: Path) -> None:
    environment = {
        "ARCHIVE_TUI_PROFILE": "live", "ARCHIVE_TUI_URL": "redis://env:1/1", "ARCHIVE_TUI_USERNAME": "env-user",
        "ARCHIVE_TUI_PASSWORD": "env-word",
    }  # fmt: skip
    settings = chosen(environment, profiles)
    assert (settings.host, settings.username, settings.password) == ("env", "env-user", Secret("env-word"))
    assert settings.production


def test_flags_win_over_the_environment(profiles: Path, tmp_path: Path) -> None:
    private(tmp_path / "flag-word", b"flag-word")
    environment = {
        "ARCHIVE_TUI_PROFILE": "bare", "ARCHIVE_TUI_URL": "redis://env:1/1", "ARCHIVE_TUI_USERNAME": "env-user",
        "ARCHIVE_TUI_PASSWORD": "env-word",
    }  # fmt: skip
    settings = chosen(
        environment, profiles, url="redis://flag:2/3", username="flag-user", password_file=tmp_path / "flag-word",
        database=0, timeout=9.0, profile="live",
    )  # fmt: skip
    assert (settings.address, settings.username, settings.timeout) == ("flag:2/0", "flag-user", 9.0)
    assert settings.password == Secret("flag-word")
    assert settings.profile == "live"
    asked = chosen(environment, profiles, password=Secret("asked"), password_file=tmp_path / "flag-word")
    assert asked.password == Secret("asked")


def test_a_profile_named_by_a_flag_wins_over_a_url_of_the_environment(profiles: Path) -> None:
    assert chosen({"ARCHIVE_TUI_URL": "redis://env"}, profiles, profile="live").host == "live.example"
    assert chosen({"ARCHIVE_TUI_URL": "redis://env"}, profiles, profile="bare").host == "env"


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("YES", True), ("0", False), ("", False), ("no", False)]
)
def test_read_only_by_the_environment(value: str, expected: bool) -> None:
    assert chosen({"ARCHIVE_TUI_READ_ONLY": value}).read_only is expected


def test_a_password_in_a_url_of_the_environment_is_fine() -> None:
    assert chosen({"ARCHIVE_TUI_URL": f"redis://:{SECRET}@h"}).password == Secret(SECRET)


@pytest.mark.parametrize(
    "url", [f"redis://:{SECRET}@h", f"redis://ann:{SECRET}@h:1/2", f"unix://ann:{SECRET}@/s", f"redis://:{SECRET}@[::1"]
)
def test_a_password_on_the_command_line_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="process list") as caught:
        chosen(url=url)
    assert SECRET not in str(caught.value)


def test_a_password_as_an_option_of_the_url_is_refused_as_well() -> None:
    with pytest.raises(UsageError):
        chosen(url=f"unix:///run/redis.sock?password={SECRET}")


def test_a_user_on_the_command_line_is_fine() -> None:
    assert chosen(url="redis://ann@h").username == "ann"


def test_password_files(tmp_path: Path) -> None:
    path = private(tmp_path / "word", "pässwört mit Platz \nmore\n".encode())
    assert chosen(password_file=path).password == Secret("pässwört mit Platz ")
    assert chosen({"ARCHIVE_TUI_PASSWORD_FILE": str(path)}).password == Secret("pässwört mit Platz ")
    path.write_bytes(b"word\r\n")
    assert chosen(password_file=path).password == Secret("word")


@pytest.mark.parametrize("content", [b"", b"\nword", b"\xff\xfe"])
def test_bad_password_files(tmp_path: Path, content: bytes) -> None:
    path = private(tmp_path / "word", content)
    with pytest.raises(UsageError, match="word"):
        chosen(password_file=path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no password file"):
        chosen(password_file=tmp_path / "none")
    with pytest.raises(UsageError, match="cannot be read"):
        chosen(password_file=tmp_path)
    with pytest.raises(NotFoundError, match=r"no file /none\.pem, which the server URL names"):
        chosen(url="rediss://h?ssl_ca_certs=/none.pem")
    with pytest.raises(NotFoundError, match="no such user"):
        chosen({"ARCHIVE_TUI_PASSWORD_FILE": "~nobody-of-this-name/x"})
    with pytest.raises(NotFoundError, match="no settings file"):
        chosen(profile="live", profile_file=tmp_path / "none")


def test_bad_profiles(profiles: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="it has: bare, database, live, misspelt, number, odd, quoted"):
        chosen(profile="missing", profile_file=profiles)
    with pytest.raises(UsageError, match="timeout"):
        chosen(profile="odd", profile_file=profiles)
    with pytest.raises(UsageError, match="url"):
        chosen(profile="number", profile_file=profiles)
    with pytest.raises(UsageError, match="unknown keys: readonly"):
        chosen(profile="misspelt", profile_file=profiles)
    with pytest.raises(UsageError, match="read_only of profile 'quoted' must be true or false"):
        chosen(profile="quoted", profile_file=profiles)
    broken = tmp_path / "broken.toml"
    broken.write_text(f'[live\npassword = "{SECRET}')
    with pytest.raises(UsageError, match="cannot be read") as caught:
        chosen(profile="live", profile_file=broken)
    assert SECRET not in str(caught.value)


def test_profiles_are_looked_for_where_the_user_configures_things(home: Path) -> None:
    folder = home / "XDG_CONFIG_HOME" / "archive-tui"
    assert default_settings_file() == folder / "config.toml"
    folder.mkdir(parents=True)
    (folder / "profiles.toml").touch()
    assert default_settings_file() == folder / "profiles.toml"
    (folder / "config.toml").touch()
    assert default_settings_file() == folder / "config.toml"


PAYLOADS = """
[live.payloads]
descriptors = "/etc/acme.pb"

[live.payloads.messages]
"email:*" = "acme.mail.Email"

[live.payloads.programs]
"report:*" = ["decode-report", "--text"]
"image:*" = "decode image"
"""


def test_a_profile_names_what_decodes_payloads(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(PAYLOADS)
    assert chosen(profile="live", profile_file=path).payloads == PayloadSettings(
        Path("/etc/acme.pb"),
        {"email:*": "acme.mail.Email"},
        {"report:*": ("decode-report", "--text"), "image:*": ("decode image",)},
    )
    assert chosen().payloads == PayloadSettings()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("payloads = 1", "must be a section"),
        ("payloads.program = {}", "unknown keys: program"),
        ("payloads.programs = {a = []}", "must be lines like"),
        ("payloads.programs = {a = [1]}", "must be lines like"),
        ("payloads.messages = {a = 1}", "must be lines like"),
        ('payloads.messages = {a = "B"}', "needs payloads.descriptors"),
        ("payloads.descriptors = 1", "name of a file in quotes"),
    ],
)
def test_what_a_profile_says_of_payloads_is_checked(lines: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(f"[live]\n{lines}\n")
    with pytest.raises(UsageError, match=reason):
        chosen(profile="live", profile_file=path)


# TLS


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "a.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    return path


def test_tls_options_of_a_url(pem: Path) -> None:
    url = f"rediss://h?ssl_ca_certs={pem}&ssl_server_name=redis.internal&ssl_min_version=1.3&ssl_password={SECRET}"
    assert chosen({"ARCHIVE_TUI_URL": url}).tls == Tls(
        str(pem), server_name="redis.internal", min_version=TlsVersion.TLS_1_3, key_passphrase=Secret(SECRET)
    )
    with pytest.raises(UsageError, match="process list"):
        chosen(url=url)


def test_who_wins_on_tls(pem: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[a]\nurl = "rediss://h?ssl_server_name=url"\ntls_server_name = "profile"\ntls_ca_file = "{pem}"\n'
        'tls_min_version = "1.3"\n'
    )
    tls = chosen(profile_file=path, profile="a").tls
    assert tls == Tls(str(pem), server_name="profile", min_version=TlsVersion.TLS_1_3)
    environment = {"ARCHIVE_TUI_TLS_SERVER_NAME": "environment"}
    assert chosen(environment, path, profile="a").tls == replace(tls, server_name="environment")
    flags = chosen(environment, path, profile="a", tls_server_name="flag", tls_unverified=True).tls
    assert flags == replace(tls, server_name="flag", verify=False)


def test_the_passphrase_of_a_key(pem: Path, tmp_path: Path) -> None:
    word = tmp_path / "word"
    word.write_text("of a file\n")
    word.chmod(0o600)
    url, environment = f"rediss://h?ssl_certfile={pem}", {"ARCHIVE_TUI_TLS_KEY_PASSPHRASE": SECRET}
    for settings, expected in (
        (chosen(environment, url=url), SECRET),
        (chosen(environment, url=url, tls_key_passphrase_file=str(word)), "of a file"),
        (chosen({"ARCHIVE_TUI_TLS_KEY_PASSPHRASE_FILE": str(word)}, url=url), "of a file"),
    ):
        assert settings.tls is not None
        assert settings.tls.key_passphrase == Secret(expected)
        assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tls_min_version", "1.1", "must be one of 1.2, 1.3"),
        ("tls_server_name", "redis.internal:6380", "as its certificate has it, without a port"),
        ("tls_server_name", "a..b", "as its certificate has it, without a port"),
        ("tls_ca_file", "/none.pem", "no file /none.pem, which {} names"),
        ("tls_cert_file", "~nobody-of-this-name/x", "which {} names: there is no such user"),
        ("tls_key_file", "/", "/, which {} names, is no regular file"),
        ("tls_key_passphrase_file", "/none", "no passphrase file /none"),
    ],
)
def test_a_wrong_value_is_refused_with_the_same_words_wherever_it_stands(
    key: str, value: str, said: str, tmp_path: Path, cli: Command
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[a]\nurl = "rediss://h"\n{key} = "{value}"\n')
    flag = f"--{key.replace('_', '-')}"
    complaints = {
        flag: cli("queues", "--url", "rediss://h", flag, value).complaint,
        f"ARCHIVE_TUI_{key.upper()}": refusal({f"ARCHIVE_TUI_{key.upper()}": value}, url="rediss://h"),
        f"{key} of profile 'a'": refusal({}, path, profile="a"),
    }
    for place, complaint in complaints.items():
        assert said.format(place) in complaint
        assert place in complaint or "passphrase" in key


def refusal(environment: dict[str, str], profile_file: Path | None = None, **flags: object) -> str:
    with pytest.raises((UsageError, NotFoundError)) as caught:
        chosen(environment, profile_file, **flags)
    return str(caught.value)


def test_what_is_said_of_tls_in_vain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[a]\nurl = "redis://h"\ntls_min_version = "1.3"\n')
    for said in (
        refusal({}, url="redis://h", tls_server_name="h"),
        refusal({}, url="redis://h", tls_unverified=True),
        refusal({}, path, profile="a"),
    ):
        assert "is for TLS, and the server URL wants none: write rediss:// in it" in said
    assert chosen({"ARCHIVE_TUI_TLS_MIN_VERSION": "1.3"}, url="redis://h").tls is None
    assert "goes with its certificate" in refusal({}, url="rediss://h", tls_key_file=str(path))


@pytest.mark.parametrize(
    "options",
    ["ssl_min_version=1.1", "ssl_server_name=a:1", "ssl_ca_certs=", "ssl_cert_reqs=", "nonsense=", "nonsense", SECRET],
)
def test_wrong_tls_options_of_a_url(options: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(f"rediss://h?{options}")
    assert SECRET not in str(caught.value)


def test_tls_of_sentinels_is_completed_as_well(pem: Path) -> None:
    settings = chosen(url="rediss+sentinel://s/orders", tls_ca_file=str(pem), tls_min_version=TlsVersion.TLS_1_3)
    assert settings.sentinels is not None
    assert settings.tls == settings.sentinels.tls == Tls(str(pem), min_version=TlsVersion.TLS_1_3)


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("", RedactionSettings()),
        ("redaction = true", RedactionSettings()),
        ("redaction = false", RedactionSettings(())),
        ('redaction.add = ["date_of_birth", "*_pin"]', RedactionSettings(None, ("date_of_birth", "*_pin"))),
        ('redaction = {keys = ["ssn"], except = [" map pin "]}', RedactionSettings(("ssn",), (), ("map pin",))),
    ],
)
def test_a_profile_says_what_is_masked(lines: str, settings: RedactionSettings, tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(f"[live]\n{lines}\n")
    assert chosen(profile="live", profile_file=path).redaction == settings
    shown = chosen(profile="live", profile_file=path, show_secrets=True).redaction
    assert shown == replace(settings, shown=True)
    assert not Redaction.of(shown).on


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("redaction = 1", "must be false, or a section"),
        ('redaction = ["ssn"]', "must be false, or a section"),
        ('redaction.keys = "ssn"', "must be a list of keys"),
        ("redaction.add = [1]", "must be a list of keys"),
        ('redaction.also = ["ssn"]', "unknown keys: also"),
        ('redaction.add = ["user.ssn"]', "without their path, as ssn alone: “user.ssn” is none"),
        ('redaction.add = ["items[0].ssn"]', "without their path, as ssn alone"),
        ('redaction.add = [""]', "without their path: “” is none"),
    ],
)
def test_what_a_profile_says_of_masking_is_checked(lines: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(f"[live]\n{lines}\n")
    with pytest.raises(UsageError, match=reason):
        chosen(profile="live", profile_file=path)
