"""The Lua scripts that write: each read from its file once, behind the prelude that all of them share."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Script(NamedTuple):
    """A Lua script as `Pipe.script` takes it."""

    source: bytes
    digest: bytes
    """SHA-1 of the source in hexadecimal, as EVALSHA wants it."""


@cache
def load(name: str) -> Script:
    """The script in the file `name`.lua beside this module, behind prelude.lua."""
    folder = files(__package__)
    source = folder.joinpath("prelude.lua").read_bytes() + folder.joinpath(f"{name}.lua").read_bytes()
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
