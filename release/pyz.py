"""Make `archive-tui.pyz`, one file that runs wherever Python 3.11 or newer is: `python release/pyz.py [FILE]`.

It is made from what the virtual environment has installed, without network, and the same environment makes the same
bytes. Nothing in it is compiled for one machine, because Python cannot load such a part from a zip file: replies of
Redis are parsed in Python instead of by hiredis, messages are decoded in Python instead of by upb, and journals are
compressed by zlib instead of isal. Where the Python that runs the file has hiredis or isal installed, it uses them.
"""

import importlib.util
import marshal
import re
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
COMPILED = frozenset({"hiredis", "isal"})
"""What is left out: each has a replacement in Python."""

OLDEST = {"python_version": "3.11", "python_full_version": "3.11.0", "extra": ""}
"""The oldest Python that the file must run on. Debian 12 has 3.11.2."""

_MAIN = b"""\
import sys

if sys.version_info < (3, 11):
    sys.exit("archive-tui: this file needs Python 3.11 or newer, and this is Python %d.%d" % sys.version_info[:2])

from archive_tui.cli import main

main()
"""
_UNWANTED = re.compile(
    r"(^|/)\.\.(/|$)|(^|/)__pycache__/|^textual/demo/|^pygments/lexers/(?!__init__|_mapping)|\.(pyc|pyi|so|pyd|proto|tcss)$|\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url)"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNCHECKED = (1).to_bytes(4, "little")
"""Says in a compiled module that the hash of its source follows, and that nobody needs to compare it."""


def main(target: Path) -> None:
    """Write the file, and make it executable."""
    content = dict(sorted(files().items()))
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            _write(archive, "google/", b"")  # a package without a module of its own: older Pythons want it to be named
            for name, data in content.items():
                _write(archive, name, data)
                if name.endswith(".py"):
                    _write(archive, f"{name}c", _compiled(name, data))
    target.chmod(0o755)


def files() -> dict[str, bytes]:
    """Everything that is in the file, by its name, but for the compiled forms of the modules."""
    found = {"__main__.py": _MAIN, "archive_tui/LICENSE": (ROOT / "LICENSE").read_bytes()}
    for path in (ROOT / "archive_tui").rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and not _UNWANTED.search(name):
            found[name] = path.read_bytes()
    for distribution in sorted(needed() - COMPILED):
        for part in metadata.files(distribution) or ():
            if not _UNWANTED.search(part.as_posix()):
                found[part.as_posix()] = Path(str(part.locate())).read_bytes()
    return found


def needed() -> set[str]:
    """The names of the distributions that archive-tui needs on the oldest Python, itself left out."""
    names: set[str] = set()
    waiting: list[tuple[str, frozenset[str]]] = [("archive-tui", frozenset())]
    while waiting:
        name, extras = waiting.pop()
        for requirement in map(Requirement, metadata.requires(name) or ()):
            required = canonicalize_name(requirement.name)
            if required not in names and any(_applies(requirement, extra) for extra in {"", *extras}):
                names.add(required)
                if required not in COMPILED:
                    waiting.append((required, frozenset(requirement.extras)))
    return names


def _applies(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({**default_environment(), **OLDEST, "extra": extra})


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file whose entry says nothing of when and where it was made."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = _MODE
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _compiled(name: str, source: bytes) -> bytes:
    """The bytecode of a module, which spares this version of Python the compiling; any other one takes the source."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    # Newer forms of marshal note which strings somebody else in this process holds: other bytes for the same code
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code, 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "archive-tui.pyz")
