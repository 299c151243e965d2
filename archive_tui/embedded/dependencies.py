"""Import of the packages of the extra `demo`, when they are used."""

import importlib
from types import ModuleType

from archive_tui.errors import UsageError


def require(module: str) -> ModuleType:
    """Import a module of the extra `demo`. Raises UsageError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError("this needs the extra `demo`: pip install 'archive-tui[demo]'") from None
