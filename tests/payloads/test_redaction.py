"""Redaction: what is masked of payloads of every format, of headers, errors and results, and what is not."""

import base64
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from time import process_time
from typing import Any

import cbor2
import msgpack
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from hypothesis import given
from hypothesis import strategies as st

from archive_tui.asynq.message import TaskMessage
from archive_tui.asynq.task import Task
from archive_tui.payloads.content import texts_in
from archive_tui.payloads.decoders.protobuf_types import TypedProtobufDecoder
from archive_tui.payloads.nodes import TreeNode, walk
from archive_tui.payloads.paths import Path
from archive_tui.payloads.readings import Fit, PayloadReader, Reading
from archive_tui.payloads.redaction import MASK, SHOWN, RedactedReading, Redaction, masked_note, payload_of
from archive_tui.payloads.registry import standard
from archive_tui.payloads.tree import NO_TREE, Pairs

SECRET = "hunter2-S3CR3T"
SHORT = "731"
REDACTION = Redaction()
READER = PayloadReader()


def shown(raw: bytes, redaction: Redaction = REDACTION) -> list[RedactedReading]:
    return redaction.readings(READER.readings(raw))


def everything(readings: list[RedactedReading]) -> str:
    """All that anybody could show of readings."""
    parts = []
    for reading in readings:
        parts += [reading.text(), reading.why, *reading.remarks, reading.problem or ""]
        parts.append(reading.content.decode("latin-1"))
        if reading.format == "binary":
            parts.append(bytes.fromhex(reading.text()).decode("latin-1") if not reading.problem else "")
        if reading.tree is not NO_TREE:
            parts += texts_in(reading.tree)
    return "\n".join(parts)


OBJECT = {"user": "mira", "password": SECRET, "nested": [{"api_key": SECRET}], "note": "all well"}
JWT = b".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=")
    for part in (b'{"alg":"HS256"}', json.dumps({"sub": "mira", "secret": SECRET}).encode(), SECRET.encode())
)

PAYLOADS: dict[str, bytes] = {
    "json": json.dumps(OBJECT).encode(),
    "json in lines": json.dumps(OBJECT, indent=2).encode(),
    "json with a byte order mark": b"\xef\xbb\xbf" + json.dumps(OBJECT).encode(),
    "json with an escaped key": b'{"user": "mira", "pass\\u0077ord": "' + SECRET.encode() + b'"}',
    "json with a key twice": f'{{"password": "{SECRET}", "password": "{SECRET}", "user": "mira"}}'.encode(),
    "json cut off": f'{{"user": "mira", "password": "{SECRET}'.encode(),
    "json with an object hidden": json.dumps({"token": {"value": [SECRET]}, "user": "mira"}).encode(),
    "ndjson": b"\n".join(json.dumps({**OBJECT, "n": n}).encode() for n in range(3)),
    "messagepack": msgpack.packb(OBJECT),
    "cbor": cbor2.dumps(OBJECT),
    "form": f"user=mira&password={SECRET}&x=1".encode(),
    "form of one pair": f"password={SECRET}".encode(),
    "form with brackets": f"user%5Bname%5D=mira&user%5Bcvv%5D={SECRET}".encode(),
    "xml": f"<a><user>mira</user><Password>{SECRET}</Password><b apiKey='{SECRET}'/></a>".encode(),
    "xml with children": f"<a><user>mira</user><secret><b>{SECRET}</b><c>{SECRET}</c></secret></a>".encode(),
    "xml with cdata": f"<a><user>mira</user><token><![CDATA[{SECRET}]]></token></a>".encode(),
    "xml with a bracket": f'<a user="mira" token="x>{SECRET}"/>'.encode(),
    "jwt": JWT,
    "text": f"user mira said password={SECRET} and left".encode(),
    "yaml": f"user: mira\npassword: {SECRET}\n".encode(),
    "a url": f"mira postgres://app:{SECRET}@db/orders".encode(),
    "gzip": gzip.compress(json.dumps(OBJECT).encode()),
    "base64": base64.b64encode(json.dumps(OBJECT).encode()),
    "base64 of gzip": base64.b64encode(gzip.compress(json.dumps(OBJECT).encode())),
    "base64 of text": base64.b64encode(f"user mira said password={SECRET} and left".encode()),
    "json string": json.dumps(json.dumps(OBJECT)).encode(),
    "json in a value": json.dumps({"user": "mira", "body": json.dumps(OBJECT)}).encode(),
    "json in a value in a value": json.dumps({"user": "mira", "b": json.dumps({"b": json.dumps(OBJECT)})}).encode(),
    "base64 in a value": json.dumps(
        {"user": "mira", "body": base64.b64encode(json.dumps(OBJECT).encode()).decode()}
    ).encode(),
    "a form in a value": json.dumps({"user": "mira", "query": f"a=b&password={SECRET}"}).encode(),
    "bearer in a value": json.dumps({"user": "mira", "note": f"Bearer {SECRET}"}).encode(),
    "a jwt in a value": json.dumps({"user": "mira", "note": JWT.decode()}).encode(),
    "utf-16": json.dumps(OBJECT).encode("utf-16"),
    "bytes around": b"\x00\x01\xff\xfe\x00" * 20 + f"mira password={SECRET}".encode() + b"\x00\xff" * 20,
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_reading_of_a_payload_shows_what_is_hidden(name: str) -> None:
    readings = shown(PAYLOADS[name])
    text = everything(readings)
    for form in (
        SECRET,
        SECRET.encode().hex(),
        SECRET.encode().hex(" "),
        base64.b64encode(SECRET.encode()).decode()[:14],
    ):
        assert form not in text
    for raw in (OBJECT, SECRET):  # nor what only has to be unpacked
        inside = json.dumps(raw).encode()
        assert base64.b64encode(inside).decode()[4:-4] not in text
    assert all(reading.hidden for reading in readings)
    assert masked_note(readings[0])


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name not in ("form of one pair", "bytes around")])
def test_what_is_not_hidden_stays(name: str) -> None:
    readings = shown(PAYLOADS[name])
    assert "mira" in readings[0].text()


@pytest.mark.parametrize("name", PAYLOADS)
def test_switched_off_it_shows_everything_as_it_is(name: str) -> None:
    plain = READER.readings(PAYLOADS[name])
    readings = shown(PAYLOADS[name], SHOWN)
    assert [one.text() for one in readings] == [one.text() for one in plain]
    assert [(one.tree, one.content) for one in readings] == [(one.tree, one.content) for one in plain]
    assert not any(reading.hidden for reading in readings)


def test_the_layout_stays_and_so_does_every_other_value() -> None:
    raw = b'{"id": 9007199254740993.10, "cvv": 731, "id": 1.10, "tokens_used": 3}'
    (best, *_) = shown(raw)
    assert best.text() == '{\n  "id": 9007199254740993.10,\n  "cvv": "***",\n  "id": 1.10,\n  "tokens_used": 3\n}'
    assert best.content == b'{"id": 9007199254740993.10, "cvv": "***", "id": 1.10, "tokens_used": 3}'
    assert best.hidden == ("cvv",)


def test_values_that_are_too_short_to_be_looked_for_seal_the_bytes_of_a_binary_format() -> None:
    readings = shown(msgpack.packb({"user": "mira jones", "cvv": SHORT, "pin": 4711}))
    assert readings[0].tree == {"user": "mira jones", "cvv": MASK, "pin": MASK}
    binary = next(reading for reading in readings if reading.format == "binary")
    assert binary.sealed
    assert "masked" in binary.text()
    assert SHORT not in everything(readings)
    assert payload_of(readings) is None


@pytest.mark.parametrize("value", [None, True, False, "", [], {}])
def test_what_hides_nothing_stays(value: object) -> None:
    raw = json.dumps({"password": value, "user": "mira"}).encode()
    (best, *_) = shown(raw)
    assert best.tree == {"password": value, "user": "mira"}
    assert best.content == raw
    assert not best.hidden


@pytest.mark.parametrize(
    "key",
    ["password", "PASSWORD", "Pass_Word", "pass-word", "userPassword", "db.password", "user[password]", "@password",
     "ns:password", "accessToken", "X-Api-Key", "api key", "Authorization", "proxy-authorization", "cardNumber",
     "card number", "cvv2", "IBAN", "customer_iban", "Set-Cookie", "clientSecret", "private_key_pem"],
)  # fmt: skip
def test_keys_are_folded(key: str) -> None:
    assert REDACTION.hides(key)


@pytest.mark.parametrize(
    "key", ["user", "tokens_used", "max_tokens", "pinned", "compass", 1, None, True, b"id", ("a",)]
)
def test_other_keys_are_not_hidden(key: object) -> None:
    assert not REDACTION.hides(key)


def test_keys_of_a_profile_take_the_place_of_ours_and_some_are_exempt() -> None:
    redaction = Redaction(["ssn", "*_pin", "пароль"], ["map_pin"])
    hidden = [key for key in ("SSN", "atmPin", "map-pin", "password", "Пароль") if redaction.hides(key)]
    assert hidden == ["SSN", "atmPin", "Пароль"]
    (best, *_) = shown('{"Пароль": "тайна", "user": "mira"}'.encode(), redaction)
    assert "тайна" not in everything([best])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"dial: password={SECRET} refused", "dial: password=*** refused"),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
        (f"header Authorization: Basic {SECRET}\nnext", "header Authorization: ***\nnext"),
        (f"got 401 for Bearer {SECRET}", "got 401 for Bearer ***"),
        (f'POST {{"token":"{SECRET}","a":1}}', 'POST {"token":"***","a":1}'),
        (f'POST "{{\\"token\\":\\"{SECRET}\\",\\"a\\":1}}"', 'POST "{\\"token\\":\\"***\\",\\"a\\":1}"'),
        (f"{{User:mira Password:{SECRET} Age:3}}", "{User:mira Password:*** Age:3}"),
        (f"map[password:{SECRET} user:mira]", "map[password:*** user:mira]"),
        (f"{{Token:{{Value:{SECRET} Exp:3}} User:mira}}", "{Token:*** User:mira}"),
        (f"run: tool --password {SECRET} -v", "run: tool --password *** -v"),
        (f"run: tool --token={SECRET} -v", "run: tool --token=*** -v"),
        (f"redis://:{SECRET}@host:6379/0: refused", "redis://:***@host:6379/0: refused"),
        (f"get https://x.example/?api_key={SECRET}&page=2: 500", "get https://x.example/?api_key=***&page=2: 500"),
        (f"password='{SECRET}'; x", "password='***'; x"),
        ("password=a,b&c;d e", "password=*** e"),
        ("password=a, user=b", "password=***, user=b"),
        (f"password: {SECRET}", "password: ***"),
        ("password: swordfish", "password: ***"),
        ("api key: A1B2C3", "api key: ***"),
        (f"<soap><Password>{SECRET}</Password></soap>", "<soap><Password>***</Password></soap>"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
        (f"login: token {JWT.decode()} rejected", "login: token *** rejected"),
        (f'cut off {{"password": "{SECRET}', 'cut off {"password": "***'),
        (f'"password": ["{SECRET}", "x"], "a": 1', '"password": ***, "a": 1'),
        (f"Cookie: a={SECRET}; b={SECRET}", "Cookie: ***"),
    ],
)  # fmt: skip
def test_patterns_find_credentials_in_texts(text: str, masked: str) -> None:
    assert REDACTION.text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "invalid token: it has expired",
        "rpc error: code = Unauthenticated desc = invalid token: expired",
        "dial tcp 10.0.0.7:587: connect: connection refused",
        "password: null",
        "token=",
        "bearer of bad news",
        "Bearer authentication failed",
        "https://x.example:8080/a@b",
        "at 12:30:01 the card was declined",
        "secretary=mira",
    ],
)
def test_prose_stays(text: str) -> None:
    expected = "secretary=***" if text.startswith("secretary") else text  # `*secret*` takes it: better too much
    assert REDACTION.text(text) == expected


def test_a_tree_is_shared_where_nothing_is_hidden_and_never_changed() -> None:
    tree = {"a": [1, {"b": Decimal("1.10")}], "c": {"token": "x"}}
    masked = REDACTION.masked(tree)
    assert masked == {"a": [1, {"b": Decimal("1.10")}], "c": {"token": MASK}}
    assert masked["a"] is tree["a"]
    assert tree["c"] == {"token": "x"}
    assert REDACTION.masked(tree["a"]) is tree["a"]
    assert REDACTION.masked(Pairs([("token", 1), ("token", 2)])) == Pairs([("token", MASK), ("token", MASK)])


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("user.password", [MASK]),
        ("user.name", ["mira"]),
        ("user[*]", ["mira", MASK]),
        ("token.value[0]", [MASK]),
        ("items[*].secret", [MASK, None]),
        ("user", [{"name": "mira", "password": MASK}]),
        ("nowhere", []),
    ],
)
def test_paths_lead_to_masked_values(path: str, values: list[object]) -> None:
    tree = {
        "user": {"name": "mira", "password": SECRET},
        "token": {"value": [SECRET]},
        "items": [{"secret": SECRET}, {"secret": None}],
    }
    assert list(REDACTION.values(Path.parse(path), tree)) == values


@pytest.mark.parametrize(
    ("path", "value", "hidden"),
    [
        ("password", SECRET, True),
        ("password", "null", False),
        ("password.hint", SECRET, True),
        ("users[*].api_key", "1", True),
        ("user", "mira", False),
        ("note", f"token={SECRET}", True),
        ("note", "at noon", False),
        ("signature", "Zm9v", True),
        ("words[2]", SECRET, True),
        ("user[*]", SECRET, True),
        ("user[*]", "true", False),
    ],
)
def test_the_path_of_a_value_tells_whether_it_may_be_hidden(path: str, value: str, *, hidden: bool) -> None:
    assert Redaction().hides_at(Path.parse(path), value) is hidden
    assert not SHOWN.hides_at(Path.parse(path), value)


def test_a_task_is_masked_as_a_whole_and_keeps_its_size() -> None:
    message = TaskMessage(
        type="a", payload=PAYLOADS["json"], id="1", error_msg=f"password={SECRET}",
        headers={"Authorization": f"Bearer {SECRET}", "trace": "t1", "note": f"token={SECRET}"},
    )  # fmt: skip
    fields = {
        b"msg": message.SerializeToString(),
        b"result": json.dumps(OBJECT).encode(),
        b"session_token": SECRET.encode(),
        b"packed": gzip.compress(json.dumps(OBJECT).encode()),
        b"state": b"archived",
    }
    task = Task("q", b"1", None, fields, message)
    masked = REDACTION.task(task, shown(message.payload))
    assert masked.message is not None
    assert SECRET.encode() not in b"".join([*masked.fields.values(), masked.message.SerializeToString()])
    assert masked.message.headers == {"Authorization": MASK, "trace": "t1", "note": f"token={MASK}"}
    assert masked.payload_bytes == len(message.payload)
    assert b'"mira"' in masked.fields[b"result"]
    assert masked.fields[b"packed"] == MASK.encode()
    assert message.error_msg == f"password={SECRET}"
    assert SHOWN.task(task, []) is task


def test_fields_of_protobuf_are_masked_by_their_names_in_a_descriptor() -> None:
    field = {"label": FieldDescriptorProto.LABEL_OPTIONAL, "type": FieldDescriptorProto.TYPE_STRING}
    message = DescriptorProto(name="Login")
    message.field.add(name="user", number=1, **field)
    message.field.add(name="api_key", number=2, **field)
    file = FileDescriptorProto(name="a.proto", package="acme", syntax="proto3", message_type=[message])
    decoder = TypedProtobufDecoder(FileDescriptorSet(file=[file]).SerializeToString(), {"login:*": "acme.Login"})
    reader = PayloadReader(standard().behind_json(decoder))
    raw = wire_field(1, b"mira jones") + wire_field(2, SECRET.encode())
    readings = REDACTION.readings(reader.readings(raw, "login:web"))
    assert readings[0].tree == {"user": "mira jones", "api_key": MASK}
    assert SECRET not in everything(readings)


def wire_field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2, len(value))) + value


def test_the_values_of_a_gob_are_masked_where_one_of_its_names_is_hidden() -> None:
    tree = {"names": ["Login", "Password"], "words": ["mira", SECRET]}
    masked = {"names": ["Login", "Password"], "words": [MASK, MASK]}
    assert REDACTION.masked(tree) == masked
    assert list(REDACTION.values(Path.parse("words[1]"), tree)) == [MASK]
    raw = b"\x00\xff" + SECRET.encode()
    readings = REDACTION.readings(
        [
            Reading(("gob",), Fit.LIKELY, "", raw, tree),
            Reading(("binary",), Fit.BYTES, "", raw, write=lambda: raw.hex(" ")),
        ]
    )
    assert readings[0].tree == masked
    assert SECRET not in everything(readings)
    assert readings[1].sealed


def test_a_node_masks_its_children_as_they_are_asked_for() -> None:
    tree = {"user": "mira", "password": SECRET, "token": None, "deep": [{"secret": {"a": SECRET}}, f"token={SECRET}"]}
    nodes = dict(walk(REDACTION.node(TreeNode(tree))))
    texts = [node.text() for node in nodes.values() if not len(node)]
    assert texts == ["mira", MASK, "null", MASK, f"token={MASK}"]
    assert REDACTION.node(TreeNode(tree)).value() == REDACTION.masked(tree)


def _nested(depth: int) -> bytes:
    return b"[" * depth + json.dumps(OBJECT).encode() + b"]" * depth


@pytest.mark.parametrize(
    "make",
    [
        lambda: b'{"a": "' + b"password" * 100_000 + b'"}',
        lambda: b"token=" * 50_000,
        lambda: b"a" * 500_000 + b"=password",
        lambda: b'{"password": ["' + b"[" * 200_000,
        lambda: b"password={" * 30_000,
        lambda: b'password="' * 30_000,
        lambda: b"<token>" * 50_000,
        lambda: b"://a:b" * 20_000 + b"password",
        lambda: _nested(150),
        lambda: json.dumps({f"password{n}": n for n in range(20_000)}).encode(),
    ],
)
def test_hostile_payloads_take_no_longer_than_others(make: Callable[[], bytes]) -> None:
    raw = make()
    readings = READER.readings(raw)
    began = process_time()
    for reading in REDACTION.readings(readings):
        reading.text()
    assert process_time() - began < 5


KEYS = st.sampled_from(
    ["user", "password", "api_key", "note", "to ken", "a\\", 'say "', "é", "cvv", "Authorization", ""]
)
LEAVES = st.sampled_from([None, True, 7, Decimal("1.5"), "word", 'a "quoted" one', "back\\slash", "line\nend", "é"])
TREES = st.recursive(
    LEAVES, lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4), max_leaves=20
)


def with_secrets(tree: Any, hidden: bool = False) -> Any:
    """The tree with the secret in the place of every value under a key that is hidden."""
    if isinstance(tree, dict):
        return {key: with_secrets(value, hidden or REDACTION.hides(key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [with_secrets(value, hidden) for value in tree]
    return SECRET if hidden else tree


def as_text(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


@given(TREES, st.sampled_from(["json", "indented", "msgpack", "cbor", "twice", "gzip", "base64", "within"]))
def test_whatever_the_tree_nothing_hidden_comes_through(tree: Any, form: str) -> None:
    tree = with_secrets({"a": tree, "password": 1})
    raw = json.dumps(tree, default=as_text, indent=2 if form == "indented" else None).encode()
    if form == "msgpack":
        raw = msgpack.packb(tree, default=as_text)
    elif form == "cbor":
        raw = cbor2.dumps(tree)
    elif form == "twice":
        raw = json.dumps(raw.decode()).encode()
    elif form == "gzip":
        raw = gzip.compress(raw)
    elif form == "base64":
        raw = base64.b64encode(raw)
    elif form == "within":
        raw = json.dumps({"x": raw.decode()}).encode()
    assert SECRET not in everything(shown(raw))


@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_damaged_payloads_are_masked_without_a_crash(name: str, data: st.DataObject) -> None:
    raw = bytearray(PAYLOADS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        raw = raw or bytearray(b"x")
    everything(shown(bytes(raw)))


@given(st.text())
def test_any_text_is_masked_without_a_crash_and_twice_is_once(text: str) -> None:
    for one in (text, f"password={text}", f'{{"token": "{text}', f"<secret>{text}</secret>", f"Cookie: {text}"):
        masked = REDACTION.text(one)
        assert REDACTION.text(masked) == masked
