"""Another version of archive_tui to compare with: a folder with a virtual environment of its own."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

_FACTS = (
    "import archive_tui, importlib.metadata as m, json, pathlib, platform; "
    "print(json.dumps({'folder': str(pathlib.Path(archive_tui.__file__).parent), 'version': archive_tui.__version__, "
    "'python': platform.python_version(), **{name: m.version(name) for name in ('redis', 'textual')}}))"
)


class NoInstallationError(Exception):
    """There is no archive_tui where one was said to be; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Another version. `commit` is None where its code lies in no git repository."""

    name: str
    python: str
    facts: dict[str, str]
    commit: str | None

    @classmethod
    def at(cls, folder: Path) -> "Installation":
        """The version in a checkout with a `.venv`, or in a virtual environment. Raises NoInstallationError."""
        python = next((path for part in (".venv/bin", "bin") if (path := folder / part / "python").exists()), None)
        if python is None:
            raise NoInstallationError(f"no virtual environment in {folder}")
        python = python.absolute()  # not resolved: the link is what makes it the environment's
        ended = subprocess.run([python, "-P", "-c", _FACTS], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise NoInstallationError(f"{python} has no archive_tui: {ended.stderr.strip().splitlines()[-1]}")
        facts: dict[str, str] = json.loads(ended.stdout)
        commit = _commit(Path(facts.pop("folder")))
        return cls(f"{facts['version']} at {commit}" if commit else facts["version"], str(python), facts, commit)

    @property
    def program(self) -> list[str]:
        """How its command line is run: the console script, else the module."""
        script = Path(self.python).parent / "archive-tui"
        return [str(script)] if script.exists() else [self.python, "-m", "archive_tui"]


def _commit(folder: Path) -> str | None:
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=7"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return ended.stdout.strip() or None
