"""Programs run as on a machine that has nothing: no network, no settings, another root, another Python."""

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path


@functools.cache
def without_network() -> Sequence[str]:
    """A command that takes the network away from what follows; empty where that is not permitted."""
    command = ["unshare", "--map-root-user", "--net"]
    try:
        permitted = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        permitted = False
    return command if permitted else []


def ran(command: Sequence[str | Path], home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command without network, in a home and an environment in which nothing was set up."""
    return subprocess.run(
        [*without_network(), *command],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(home)} | environment,
        cwd=home,
    )


def python_of(version: str) -> Path | None:
    """The oldest Python of a version such as "3.12" on this machine: Debian's, or one that pyenv made."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path("~/.pyenv").expanduser()))
    candidates = [Path(f"/usr/bin/python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python{version}")]
    found = {full: path for path in candidates if path.exists() and (full := _full_version(path))}
    return found[min(found)] if found else None


def _full_version(python: Path) -> tuple[int, ...]:
    """The version of an interpreter; empty where it does not start."""
    code = "import sys, sqlite3, ssl, zlib; print(*sys.version_info[:3])"
    ended = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, ended.stdout.split()))


def furnish(root: Path, python: Path) -> Path:
    """Copy a Python into an empty root, with its library and the shared objects that it is linked with. There is no
    shell, no /dev, no /tmp and no /etc. Returns the path of the program in that root.
    """
    code = "import os, sysconfig; print(os.path.realpath(sysconfig.get_path('stdlib')))"
    asked = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    library, binary = Path(asked.stdout.strip()), python.resolve()
    unneeded = shutil.ignore_patterns(
        "*-packages", "__pycache__", "test", "config-*", "idlelib", "tkinter", "*tkinter*"
    )
    shutil.copytree(library, _inside(root, library), ignore=unneeded)
    _copy(root, binary)
    for file in _linked(binary, *_inside(root, library).glob("lib-dynload/*.so")):
        _copy(root, file)
    return binary


def _linked(*files: Path) -> Iterator[Path]:
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    for word in listed.stdout.split():
        path = Path(word.rstrip(":"))
        if path.is_absolute() and path not in files:
            yield path
        if path.name == "libc.so.6" and (unwinder := path.with_name("libgcc_s.so.1")).exists():
            yield unwinder  # glibc loads it when a thread ends, as Python's do at its end; Debian's libc6 depends on it


def _copy(root: Path, file: Path) -> None:
    target = _inside(root, file)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def _inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
