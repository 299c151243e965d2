"""Make the manual page from the commands, which pyproject.toml cannot say. It is installed where man(1) looks."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PAGE = "build/archive-tui.1"


class BuildPy(build_py):
    """Build the package, and its manual page beside it."""

    def run(self) -> None:
        """Write both."""
        super().run()
        sys.path.insert(0, str(ROOT))
        from archive_tui.cli.commands import cli
        from archive_tui.cli.manual import page

        file = ROOT / PAGE
        file.parent.mkdir(exist_ok=True)
        file.write_text(page(cli), encoding="utf-8")


setup(cmdclass={"build_py": BuildPy}, data_files=[("share/man/man1", [PAGE])])
