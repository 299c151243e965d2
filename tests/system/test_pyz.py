"""The single file for a bastion: it runs on a bare Python, in an empty home, without network."""

import ast
import importlib.util
import os
import shutil
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from support.asynq_data import NOW, prefix
from support.isolation import furnish, python_of, ran, without_network
from support.servers import Live
from support.terminal import Terminal

from archive_tui import __version__

MAKER = Path(__file__).parents[2] / "release" / "pyz.py"
BARE = [getattr(sys, "_base_executable", sys.executable), "-I", "-S"]
"""Python with its own library and nothing else."""


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pyz", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("pyz") / "archive-tui.pyz"
    maker().main(path)
    return path


def test_it_says_its_version_and_its_help(pyz: Path, tmp_path: Path) -> None:
    assert ran([*BARE, pyz, "--version"], tmp_path).stdout == f"archive-tui, version {__version__}\n"
    assert "Inspect and clean the archives" in ran([*BARE, pyz, "--help"], tmp_path).stdout
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"


def test_it_is_a_program(pyz: Path) -> None:
    assert os.access(pyz, os.X_OK)
    assert pyz.read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_it_lists_queues(pyz: Path, valkey: Live, tmp_path: Path) -> None:
    valkey.asynq.register("work")
    ended = ran([*BARE, pyz, "queues", "--url", valkey.url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "work" in ended.stdout


def test_it_changes_what_it_should_and_back(pyz: Path, valkey: Live, tmp_path: Path) -> None:
    """Messages are decoded and journals compressed without anything compiled."""
    valkey.asynq.register("work")
    valkey.asynq.add_many("work", [f"task-{number}" for number in range(20)], score=NOW)
    ended = ran([*BARE, pyz, "run", "--queue", "work", "--fresh", "--yes", "--url", valkey.url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert valkey.client.llen(prefix("work") + b"pending") == 20
    (journal,) = tmp_path.rglob("*.journal.gz")
    ended = ran([*BARE, pyz, "restore", journal, "--yes", "--url", valkey.url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert valkey.client.zcard(prefix("work") + b"archived") == 20


def test_it_shows_the_screens(pyz: Path, valkey: Live) -> None:
    valkey.asynq.register("work")
    valkey.asynq.add("work", "one", payload=b'{"user": 1}', score=NOW)
    with closing(Terminal("--url", valkey.url, program=[*BARE, str(pyz)])) as terminal:
        reads_a_task_and_its_keys(terminal)


def reads_a_task_and_its_keys(terminal: Terminal) -> None:
    terminal.sees("work")
    terminal.type("\r")
    terminal.sees("work ▸ archived")
    terminal.sees("row 1 of 1")
    terminal.type("\r")
    terminal.sees("user  1")
    terminal.type("?")
    terminal.sees("Keys: ")
    terminal.type("\x1b")
    terminal.until(lambda: "Keys: " not in terminal.text, "the help closed")
    terminal.type("\x11")
    assert terminal.ended() == 0, terminal.text


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_it_runs_on_every_python_that_it_is_for(pyz: Path, valkey: Live, tmp_path: Path, version: str) -> None:
    """Of 3.11 on the oldest one: Debian 12 has 3.11.2."""
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    bare = [str(python), "-I", "-S", str(pyz)]
    valkey.asynq.register("work")
    valkey.asynq.add("work", "one", payload=b'{"user": 1}', score=NOW)
    ended = ran([*bare, "delete", "--archived", "--queue", "work", "--yes", "--url", valkey.url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    (journal,) = tmp_path.rglob("*.journal.gz")
    ended = ran([*bare, "restore", str(journal), "--yes", "--url", valkey.url], tmp_path)
    assert ended.returncode == 0, ended.stderr
    with closing(Terminal("--url", valkey.url, program=bare)) as terminal:
        reads_a_task_and_its_keys(terminal)


def test_it_reads_a_dump_with_a_server_of_the_machine(
    pyz: Path, valkey: Live, valkey_binary: str, tmp_path: Path
) -> None:
    """The embedded server is a program, which cannot be in it."""
    valkey.asynq.register("work")
    valkey.client.save()
    dump = Path(str(valkey.settings.socket)).parent / "dump.rdb"
    ended = ran([*BARE, pyz, "queues", "--dump", dump, "--server", valkey_binary], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "work" in ended.stdout
    ended = ran([*BARE, pyz, "queues", "--dump", dump], tmp_path)
    assert ended.returncode == 2
    assert "--server PROGRAM" in ended.stderr


def test_it_needs_nothing_but_python_in_an_empty_root(pyz: Path, valkey: Live, tmp_path: Path) -> None:
    """No network, no shell, no /tmp, no /dev, no terminal descriptions, nobody's name in /etc/passwd."""
    if not without_network():
        pytest.skip("another root and a network of one's own are not permitted here")
    root = tmp_path / "root"
    (root / "home").mkdir(parents=True)
    inside = ["chroot", str(root), str(furnish(root, Path(BARE[0]))), "-I", "-B", "/archive-tui.pyz"]
    shutil.copy(pyz, root)
    os.link(str(valkey.settings.socket), root / "redis.sock")
    valkey.asynq.register("work")
    valkey.asynq.add("work", "one", payload=b'{"user": 1}', score=NOW)
    before = {path for path in root.rglob("*") if not path.is_relative_to(root / "home")}
    with closing(
        Terminal("--url", "unix:///redis.sock", program=[*without_network(), *inside], HOME="/home")
    ) as terminal:
        reads_a_task_and_its_keys(terminal)
    delete = [*inside, "delete", "--archived", "--queue", "work", "--yes", "--url", "unix:///redis.sock"]
    ended = ran(delete, tmp_path, HOME="/home", PATH=os.environ["PATH"])
    assert ended.returncode == 0, ended.stderr
    assert not valkey.client.zcard(prefix("work") + b"archived")
    assert {path for path in root.rglob("*") if not path.is_relative_to(root / "home")} == before


def test_nothing_in_it_is_compiled_for_one_machine_or_tells_of_it(pyz: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pyz) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert not [name for name in names if name.endswith((".so", ".pyd", ".dll"))]
        assert not [name for name in names if str(Path(sys.prefix)).encode() in archive.read(name)]
        for package in ("archive_tui", "textual", "redis", "google/protobuf", "async_timeout"):
            assert f"{package}/__init__.py" in names
    again = tmp_path / "again.pyz"
    maker().main(again)
    assert again.read_bytes() == pyz.read_bytes()


def test_an_older_python_is_told_so() -> None:
    ast.parse(maker()._MAIN, feature_version=(3, 4))


def test_without_the_demo_it_says_what_to_install(pyz: Path, tmp_path: Path) -> None:
    ended = ran([*BARE, pyz, "demo", "--serve"], tmp_path)
    assert ended.returncode == 2
    assert "archive-tui[demo]" in ended.stderr
    assert "Traceback" not in ended.stderr
