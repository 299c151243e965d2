"""XML, forms and tokens: what is read, and what is only text that looks like it."""

import base64
import json
from typing import Any

import pytest

from archive_tui.payloads.readings import Limits, PayloadReader
from archive_tui.payloads.tree import Pairs

READER = PayloadReader()


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (b"<a/>", {"a": ""}),
        (b"<a>text</a>", {"a": "text"}),
        (b'<order id="7"><item>A</item><item>B</item></order>', {"order": {"@id": "7", "item": ["A", "B"]}}),
        (b"<o>\n  <n>1</n>\n</o>\n", {"o": {"n": "1"}}),
        (b'<p x="1">mixed <b>text</b></p>', {"p": {"@x": "1", "b": "text", "#text": "mixed"}}),
        ('<?xml version="1.0" encoding="iso-8859-1"?><a>ä</a>'.encode("latin-1"), {"a": "ä"}),
        (b"<s:E xmlns:s='u'><s:B>1</s:B></s:E>", {"s:E": {"@xmlns:s": "u", "s:B": "1"}}),
        (b"<a><![CDATA[<raw>]]></a>", {"a": "<raw>"}),
        (b"<!DOCTYPE html><html><p>x</p></html>", {"html": {"p": "x"}}),
        ('<?xml version="1.0"?><a>ü</a>'.encode("utf-16"), {"a": "ü"}),
    ],
)
def test_xml_becomes_a_tree(raw: bytes, tree: Any) -> None:
    best = READER.best(raw)
    assert best.format == "XML"
    assert best.tree == tree


def test_xml_on_one_line_is_laid_out_and_nothing_of_it_is_lost() -> None:
    raw = b'<?xml version="1.0"?><order id="7"><item>A &amp; B</item><e/><!-- why --><l><i>1</i></l></order>'
    text = READER.best(raw).text()
    assert text == (
        '<?xml version="1.0"?>\n<order id="7">\n  <item>A &amp; B</item>\n  <e/>\n  <!-- why -->\n'
        "  <l>\n    <i>1</i>\n  </l>\n</order>"
    )
    lines = b"<a>\n<b/>\n</a>"
    assert READER.best(lines).text() == lines.decode()


BOMB = b'<!DOCTYPE b [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><b>&b;</b>'


@pytest.mark.parametrize(
    "raw", [BOMB, b'<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]><b>&x;</b>'], ids=["bomb", "file"]
)
def test_entities_are_never_expanded(raw: bytes) -> None:
    best = READER.best(raw)
    assert best.path == ("XML",)
    assert best.problem is not None
    assert best.problem.startswith("XML: it declares entities (")
    assert READER.readings(raw)[1].text() == raw.decode()


def test_deep_xml_becomes_one_sentence() -> None:
    assert READER.best(b"<a>" * 300 + b"</a>" * 300).problem == "XML: it nests deeper than 200 levels"
    assert READER.best(b"<a>" * 100_000).problem == "XML: it nests deeper than 200 levels"


@pytest.mark.parametrize(
    "raw", [b"<a><b></a>", b"<3 you", b"<a>", b'<?xml version="1.0" encoding="x-none"?><a/>', b"a <b/>"]
)
def test_what_is_not_well_formed_stays_text(raw: bytes) -> None:
    assert READER.best(raw).format == "text"


@pytest.mark.parametrize(
    ("raw", "tree"),
    [
        (b"event=order.paid&order=%23812", {"event": "order.paid", "order": "#812"}),
        (b"a=1&a=2", Pairs([("a", "1"), ("a", "2")])),
        (b"name=S%C3%B8ren+%C3%85&empty=", {"name": "Søren Å", "empty": ""}),
        (b"x=%FF%00", {"x": "\udcff\x00"}),
        (b"items%5B0%5D=a&items[1]=b", {"items[0]": "a", "items[1]": "b"}),
    ],
)
def test_forms(raw: bytes, tree: Any) -> None:
    best = READER.best(raw)
    assert best.format == "form"
    assert best.tree == tree
    assert best.text()


@pytest.mark.parametrize("raw", [b"a=1", b"x = 1 & y = 2", b"https://example.com/?a=1&b=2 was refused", b"k=v\nl=w"])
def test_text_with_equals_signs_is_no_form(raw: bytes) -> None:
    assert READER.best(raw).format == "text"


def token(*parts: bytes) -> bytes:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


HEADER, CLAIMS = {"alg": "HS256", "typ": "JWT"}, {"sub": "8812", "exp": 1764464400}


@pytest.mark.parametrize("before", [b"", b"Bearer "])
def test_a_token_is_decoded_and_not_believed(before: bytes) -> None:
    raw = before + token(json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode(), b"\x00\xff")
    best = READER.best(raw)
    assert best.path == ("JWT",)
    assert best.tree == {"header": HEADER, "claims": CLAIMS, "signature": b"\x00\xff"}
    assert best.remarks == ("the signature is not checked",)


@pytest.mark.parametrize(
    "raw", [b"eyJ.eyJ.x", token(b'{"alg": 1}', b"words", b""), b"a.b.c", token(b'{"a": 1}', b"[]")]
)
def test_what_is_no_token_stays_text(raw: bytes) -> None:
    assert READER.best(raw).format == "text"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"a=1&" * 1_000 + b"b=2", "form: it has more than 1,000 values"),
        (b"{}\n" * 1_001, "NDJSON: it has more than 1,000 lines"),
        (b"<a>" + b"<b/>" * 1_000 + b"</a>", "XML: it has more than 1,000 elements"),
    ],
)
def test_what_is_built_value_by_value_has_a_largest_size(raw: bytes, problem: str) -> None:
    readings = PayloadReader(limits=Limits(values=1_000)).readings(raw)
    assert readings[0].problem == problem
    assert readings[1].text() == raw.decode()
    assert READER.best(raw).problem is None
