"""The registry: plug-ins are found by entry points, and a broken one ends nothing."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from archive_tui.payloads import registry
from archive_tui.payloads.readings import PayloadReader
from archive_tui.payloads.registry import GROUP, Registry, standard

PLUGIN = """
from archive_tui.payloads.decoder import Decoded, Fit, Peeled


class Acme:
    name = "acme"

    def decode(self, raw, context):
        return Decoded(Fit.CERTAIN, "its mark", {"body": raw[4:]}) if raw.startswith(b"ACME") else None


class Rot:
    name = "rot"

    def peel(self, raw, context):
        return Peeled(Fit.CERTAIN, "its mark", raw[::-1]) if raw.endswith(b"TOR") else None


class Neither:
    name = "neither"


class Broken:
    def __init__(self):
        raise RuntimeError("no licence")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    (tmp_path / "acme_payloads.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    names = {"a": "acme_payloads:Acme", "r": "acme_payloads:Rot", "n": "acme_payloads:Neither"}
    names |= {"b": "acme_payloads:Broken", "m": "acme_missing:Decoder"}
    points = [EntryPoint(name, value, GROUP) for name, value in names.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == GROUP else [])
    standard.cache_clear()
    yield standard()
    standard.cache_clear()
    sys.modules.pop("acme_payloads", None)


def test_plugins_come_before_ours(plugins: Registry) -> None:
    reader = PayloadReader(plugins)
    assert reader.best(b"ACME\x01").tree == {"body": b"\x01"}
    assert reader.best(b'}1 :"a"{TOR').name == "rot › text"
    assert reader.best(b'{"a": 1}').format == "JSON"


def test_a_plugin_that_cannot_be_used_is_named_and_ends_nothing(plugins: Registry) -> None:
    assert plugins.problems == (
        "the payload plug-in b cannot be loaded: RuntimeError: no licence",
        "the payload plug-in m cannot be loaded: ModuleNotFoundError: No module named 'acme_missing'",
        "the payload plug-in n has neither decode() nor peel()",
    )
    reader = PayloadReader(plugins)
    assert reader.best(b"\x00").remarks == plugins.problems
    assert reader.best(b"[]").remarks == ()


def test_without_plugins_there_are_no_problems() -> None:
    assert standard().problems == ()
    assert standard().decoders[-1].name == "binary"
