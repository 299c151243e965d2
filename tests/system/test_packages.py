"""Wheel and source distribution: each is made, installed and run without network, from a folder of wheels."""

import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from support.asynq_data import NOW, prefix
from support.isolation import ran
from support.servers import Live

from archive_tui import __version__
from archive_tui.cli.commands import cli as commands
from archive_tui.cli.manual import page

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "archive_tui")
FROM_AN_INDEX = (
    "setuptools", "click", "humanize", "hiredis", "isal", "linkify-it-py", "markdown-it-py", "mdit-py-plugins", "mdurl",
    "platformdirs", "protobuf", "pygments", "redis", "rich", "textual", "typing-extensions",
)  # fmt: skip
"""What builds archive-tui, and what it needs. One that is missing here fails the installation below."""


def wheel_of(name: str, folder: Path) -> None:
    """Pack an installed distribution into a wheel again: that is how we have one without network."""
    distribution = metadata.distribution(name)
    tag = next(line for line in (distribution.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: "))
    stem = distribution.metadata["Name"].replace("-", "_").replace(".", "_")
    with zipfile.ZipFile(folder / f"{stem}-{distribution.version}-{tag.removeprefix('Tag: ')}.whl", "w") as wheel:
        for part in distribution.files or ():
            if ".." not in part.parts and "__pycache__" not in part.parts:
                wheel.write(str(part.locate()), part.as_posix())


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """What would have been fetched on a machine with an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in FROM_AN_INDEX:
        wheel_of(name, folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, for building leaves its traces."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def made(form: str, checkout: Path, wheels: Path) -> Path:
    """The wheel as `pip wheel` makes it, or the source distribution as `pyproject-build --sdist` does."""
    make_wheel = ["-m", "pip", "wheel", "-q", "--no-index", "--find-links", wheels, "--no-deps", "-w", "dist", "."]
    make_sdist = ["-c", "from setuptools import build_meta; build_meta.build_sdist('dist')"]
    subprocess.run([sys.executable, *(make_wheel if form == "wheel" else make_sdist)], cwd=checkout, check=True)
    (package,) = (checkout / "dist").iterdir()
    return package


@pytest.mark.slow
@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_it_installs_and_runs_without_network(
    form: str, checkout: Path, wheels: Path, valkey: Live, tmp_path: Path
) -> None:
    package = made(form, checkout, wheels)
    shutil.rmtree(checkout / "archive_tui")  # what runs below must come from the package
    home, target = tmp_path / "home", tmp_path / "venv"
    home.mkdir()
    venv.create(target, symlinks=True)
    install = ["install", "-q", "--no-index", "--find-links", wheels, "--no-compile", package]
    ended = ran([sys.executable, "-m", "pip", "--python", target / "bin" / "python", *install], home)
    assert ended.returncode == 0, ended.stderr

    program = target / "bin" / "archive-tui"
    assert ran([program, "--version"], home).stdout == f"archive-tui, version {__version__}\n"
    valkey.asynq.register("work")
    valkey.asynq.add("work", "one", score=NOW)
    ended = ran([program, "run", "--queue", "work", "--yes", "--url", valkey.url], home)  # with a script of its own
    assert ended.returncode == 0, ended.stderr
    assert valkey.client.llen(prefix("work") + b"pending") == 1

    installed = {path.relative_to(target).as_posix() for path in target.rglob("archive_tui/**/*") if path.is_file()}
    library = next(target.glob("lib/python*/site-packages")).relative_to(target).as_posix()
    ours = [path.relative_to(ROOT) for path in (ROOT / "archive_tui").rglob("*") if "__pycache__" not in path.parts]
    assert {f"{library}/{path.as_posix()}" for path in ours if path.suffix} <= installed

    manual = target / "share" / "man" / "man1" / "archive-tui.1"
    assert manual.read_text() == page(commands)
    if shutil.which("man"):  # it looks beside the folders of PATH
        found = ran(["man", "-w", "archive-tui"], home, PATH=f"{target / 'bin'}:/usr/bin:/bin")
        assert found.stdout.strip() == str(manual)
