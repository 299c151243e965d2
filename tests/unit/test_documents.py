"""The documents are true: links lead somewhere, paths exist, commands and filters parse, samples have real keys."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from support.servers import Live

from archive_tui.asynq.outcomes import RESTORE, Outcome, Verb
from archive_tui.catalog.filter.conditions import Either, Limited
from archive_tui.catalog.filter.grammar import parse
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.cli import run
from archive_tui.cli.commands import cli
from archive_tui.errors import ArchiveTuiError, ExitCode
from archive_tui.journal.outcomes import _RESTORED, CODES
from archive_tui.payloads.redaction import DEFAULT_KEYS
from archive_tui.settings.model import RedactionSettings
from archive_tui.settings.profiles import _PROFILE_KEYS, Choices, resolve

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "findings" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]  # fmt: skip
GUIDE, FILTERS, JOURNAL = (ROOT / "docs" / f"{name}.md" for name in ("guide", "filters", "journal"))

NOT_OURS = {"x/rate", "compress/gzip", "encoding/gob", "internal/rdb/rdb.go"}
"""What looks like a path of this repository, and belongs to Asynq or Go."""

NOBODY = "redis://127.0.0.1:1"
"""Where nothing listens: a command that gets as far as connecting was understood."""

CANNOT_CONNECT = 3

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def fences(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language; the language of a block without one is empty."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def inline(page: Path) -> list[str]:
    """What stands in backticks within the prose."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: Path) -> list[str]:
    """The targets of links and pictures, but for those on the web."""
    text = re.sub(r"`[^`\n]+`", "", prose(page))
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What links to the headings of a page say after the #, as GitHub makes it."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        assert slug not in found, f"two headings of {page.name} have the anchor #{slug}"
        found.add(slug)
    return found


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their heads."""
    section = re.split(rf"^#+ {re.escape(heading)}$", page.read_text(), flags=re.MULTILINE)[1]
    section = re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0]
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        for line in table.splitlines()[2:]:
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    assert found, f"no table under {heading}"
    return found


def commands_in(text: str) -> Iterator[list[str]]:
    """The arguments of each call of archive-tui in lines of a shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for at, word in enumerate(words):
            if word.rpartition("/")[2] == "archive-tui":
                arguments = words[at + 1 :]
                end = next((place for place, one in enumerate(arguments) if one in {"|", ">", "&&", ";"}), None)
                yield arguments[:end]


def shown_commands(page: Path) -> list[list[str]]:
    """The arguments of each call of archive-tui that a page shows."""
    blocks = [*fences(page, "sh"), *[code for code in inline(page) if code.startswith("archive-tui ")]]
    return [arguments for block in blocks for arguments in commands_in(block)]


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [README]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
            waiting += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert set(PAGES) <= reached


@every_page
def test_paths_of_the_repository_exist(page: Path) -> None:
    places = {path.name for path in ROOT.iterdir() if path.is_dir()}
    words = [word for code in inline(page) for word in code.split()]
    words += [word for block in fences(page, "sh") for word in block.split()]
    for word in words:
        if word.partition("/")[0] in places and "/" in word:
            assert (ROOT / word).exists(), word
    for code in inline(page):
        looks_like_one = re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", code) or re.fullmatch(r"[\w.-]+\.(md|py)", code)
        if looks_like_one and code not in NOT_OURS:
            assert (ROOT / code).exists(), code


def test_documents_that_the_program_names_are_there() -> None:
    files = [path for path in (ROOT / "archive_tui").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files += [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run"]
    for path in files:
        for name in re.findall(r"(?<![\w/.-])[\w-]+(?:/[\w-]+)*\.md\b", path.read_text(errors="replace")):
            assert (ROOT / name).exists(), f"{path.relative_to(ROOT)} names {name}"


@every_page
def test_command_lines_are_understood(
    page: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing listens at the server's address: whatever gets so far has passed every check of its usage."""
    profiles = home / "XDG_CONFIG_HOME" / "archive-tui" / "config.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(f'[orders]\nurl = "{NOBODY}"\n')
    monkeypatch.setenv("ARCHIVE_TUI_URL", NOBODY)
    monkeypatch.chdir(home)
    for shown in shown_commands(page):
        arguments = list(shown)
        if len(arguments) == 1:  # no more than the name of a command
            assert run([*arguments, "--help"]) == 0, shown
            continue
        if arguments[:1] == ["demo"]:
            arguments.append("--help")  # unknown flags are refused all the same
        if "--url" in arguments:
            arguments[arguments.index("--url") + 1] = NOBODY
        code = run(arguments)
        said = capsys.readouterr().err
        if code == 2:  # the screens, which have no terminal here
            assert "the screens need a terminal" in said, (shown, said)
        elif arguments[-1] == "--help" or arguments[0] == "completion":
            assert code == 0, (shown, said)
        elif "--dump" in arguments:
            assert code == 6, (shown, said)  # there is no such file
        elif "journal" in (shown[0], *shown[2:3]):
            assert code in (0, 6), (shown, said)  # needs no server, and there are no journals
        else:
            assert code == CANNOT_CONNECT, (shown, said)


def test_there_are_command_lines_to_look_at() -> None:
    assert len([arguments for page in PAGES for arguments in shown_commands(page)]) > 40


@pytest.mark.parametrize("heading", ["Terms", "Combining terms", "The newest, the oldest", "Fields"])
def test_filters_are_understood(heading: str) -> None:
    for row in rows(FILTERS, heading):
        parse(row[0 if heading != "Fields" else -1].strip("`"), 0)


def test_every_field_of_the_filter_language_is_documented() -> None:
    from archive_tui.catalog.fields import FIELDS

    documented = {re.findall(r"`(\w+)`", row[0])[0] for row in rows(FILTERS, "Fields")}
    assert documented == set(FIELDS)


def test_filters_in_code_blocks_are_understood() -> None:
    first, limit, mistake = fences(FILTERS, "")
    either = parse(first.strip(), 0)
    assert isinstance(either, Either)
    assert len(either.conditions) == 2
    assert isinstance(parse(limit.strip(), 0), Limited)
    with pytest.raises(FilterError) as refused:
        parse("age>30", 0)
    assert mistake.strip() == f"archive-tui: {refused.value}"


def test_mistakes_in_filters_are_refused() -> None:
    for written, _ in rows(FILTERS, "Mistakes"):
        for mistake in re.findall(r"`([^`]+)`", written):
            with pytest.raises(FilterError):
                parse(mistake, 0)


def test_filters_on_command_lines_are_understood() -> None:
    for page in PAGES:
        for arguments in shown_commands(page):
            if "--where" in arguments:
                parse(arguments[arguments.index("--where") + 1], 0)


def test_the_profile_of_the_guide_is_understood(tmp_path: Path) -> None:
    sample = "\n".join(fences(GUIDE, "toml"))  # the second one adds what decodes payloads
    certificate, password, file = tmp_path / "internal.pem", tmp_path / "orders.password", tmp_path / "config.toml"
    certificate.write_text("-")
    password.touch(mode=0o600)
    password.write_text("secret\n")
    sample = sample.replace("/etc/ssl/internal.pem", str(certificate))
    sample = sample.replace("~/.config/archive-tui/orders.password", str(password))
    assert set(tomllib.loads(sample)) == {"orders", "staging"}
    file.write_text(sample)
    settings = resolve(Choices(profile="orders", environment={}), file)
    assert settings.production
    assert settings.tls is not None
    assert settings.journal_keep_days == 90
    assert settings.payloads.messages == {"invoice:*": "acme.billing.Invoice"}
    assert settings.payloads.programs == {"report:*": ("decode-report", "--text")}
    assert settings.redaction == RedactionSettings(None, ("date_of_birth", "*_pin"), ("next_page_token",))


def test_the_guide_names_every_key_that_is_masked() -> None:
    (listed,) = re.findall(r"Ours are: ([^.]*)\.", GUIDE.read_text())
    assert tuple(re.findall(r"`([^`]*)`", listed)) == DEFAULT_KEYS


def options(command: click.Command) -> Iterator[str]:
    """The long names of the options of a command, and of those below it."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield next(name for name in parameter.opts if name.startswith("--"))
    for one in command.commands.values() if isinstance(command, click.Group) else ():
        yield from options(one)


def test_every_flag_is_documented() -> None:
    documented = {word for page in PAGES for word in re.findall(r"--[a-z-]+", page.read_text())}
    assert set(options(cli)) <= documented


def test_every_setting_is_in_the_guide() -> None:
    guide = GUIDE.read_text()
    sources = [path.read_text() for path in (ROOT / "archive_tui").rglob("*.py")]
    variables = {name for source in sources for name in re.findall(r"(?<!_)ARCHIVE_TUI_[A-Z_]+", source)}
    assert len(variables) > 6
    for name in variables | _PROFILE_KEYS:
        assert re.search(rf"\b{name}\b", guide), name


def test_every_exit_code_is_in_the_guide() -> None:
    def codes(error: type[ArchiveTuiError]) -> set[int]:
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    documented = {int(row[0]) for row in rows(GUIDE, "Exit codes")}
    assert documented == set(ExitCode) >= codes(ArchiveTuiError)


def test_every_code_of_an_outcome_is_documented() -> None:
    documented = [(row[0].strip("`"), row[1]) for row in rows(JOURNAL, "Outcomes")]
    planned = Verb("change", "changed", "changing", "changed as planned")
    done = [(code, planned.sentence(Outcome(number))) for number, code in CODES.items()]
    restored = sorted((code, RESTORE.sentence(outcome)) for outcome, code in _RESTORED.items())
    assert documented == done + restored


def test_the_guide_refers_to_the_keys_that_are_generated() -> None:
    """A table of keys beside them went out of date; `docs/keys.md` is held to the commands by tests of its own."""
    for page in (README, *sorted((ROOT / "docs").glob("*.md"))):
        if page.name != "keys.md":
            assert not re.search(r"^\| keys? \|.*\bdoes\b", page.read_text(), re.MULTILINE), page
    assert "[All keys](keys.md)" in GUIDE.read_text()


def samples(page: Path) -> list[dict[str, Any]]:
    """The JSON objects of a page."""
    return [json.loads(line) for block in fences(page, "json") for line in block.splitlines()]


_DATA = frozenset({"types", "counts", "skipped", "queues_by", "value", "headers"})
"""Objects whose keys are data."""


def shape(value: Any, open_ended: frozenset[str] = _DATA) -> Any:
    """The keys of an object and of those within it; not where the keys are data."""
    if isinstance(value, dict):
        return {key: None if key in open_ended else shape(one, open_ended) for key, one in value.items()}
    return [shape(value[0], open_ended)] if isinstance(value, list) and value else None


def test_samples_of_json_have_the_keys_of_the_real_thing(
    valkey: Live, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asynq = valkey.asynq
    asynq.register("q")
    asynq.add_many("q", ["a", "b"], error_msg="refused")
    asynq.add_many("q", ["o", "p"], referenced=False)

    def printed(*arguments: str) -> Any:
        assert run([arguments[0], "--url", valkey.url, *arguments[1:]]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[0])

    queues, connection, scan, finding, triage, task, deletion = samples(GUIDE)
    assert shape(queues) == shape(printed("queues", "--json")[0])
    assert shape(connection) == shape(printed("connection", "--json"))
    assert shape(scan) == shape(printed("scan", "--json"))
    assert shape(finding) == shape(printed("scan", "--ndjson"))
    assert shape(triage) == shape(printed("triage", "q", "--json"))
    assert shape(task) == shape(printed("list", "q", "--ndjson", "--payload"))
    real = printed("delete", "--queue", "q", "--kind", "orphan-archived", "--limit", "1", "--yes", "--json")
    assert shape(deletion) == shape(real)
    listed = printed("journal", "--json")
    assert shape(samples(JOURNAL)[0]) == shape(listed[0])


def test_the_sample_of_a_journal_has_the_keys_of_the_real_thing(
    valkey: Live, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import gzip

    valkey.asynq.register("q")
    valkey.asynq.add_many("q", ["a"], error_msg="refused")
    delete = ["delete", "--url", valkey.url, "--queue", "q", "--archived", "--yes", "--json"]
    assert run(delete) == 0
    journal = json.loads(capsys.readouterr().out)["report"]["journal"]
    assert run(["restore", "--url", valkey.url, journal, "--yes"]) == 0
    with gzip.open(journal, "rt") as file:
        real = [json.loads(line) for line in file]
    audit = (home / "XDG_STATE_HOME" / "archive-tui" / "audit.jsonl").read_text().splitlines()[:2]
    _, *sample = samples(JOURNAL)
    assert [set(one) for one in sample] == [set(one) for one in [*real, *map(json.loads, audit)]]
    assert sample[0]["version"] == real[0]["version"]


def modules() -> list[str]:
    """Every module of the package by its dotted name below it, packages and generated code aside."""
    package = ROOT / "archive_tui"
    paths = [path for path in package.rglob("*.py") if path.stem not in ("__init__", "__main__", "message_pb2")]
    return sorted(".".join(path.relative_to(package).with_suffix("").parts) for path in paths)


def rooms() -> dict[str, set[str]]:
    """What the architecture names in backticks, by section; a section is known by each name in its heading."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    found: dict[str, set[str]] = {}
    for section in re.split(r"^### ", text.partition("## The rooms")[2].partition("## How to add")[0], flags=re.M)[1:]:
        heading, _, _body = section.partition("\n")
        for room in re.findall(r"`([\w.]+)`", heading) or [heading]:
            found[room] = set(re.findall(r"`([\w.]+)`", section))
    return found


@pytest.mark.parametrize("module", modules())
def test_the_architecture_has_a_word_on_every_module(module: str) -> None:
    package, _, name = module.rpartition(".")
    parts = package.split(".") if package else [""]
    sections = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    named = set().union(*[rooms().get(section, set()) for section in [*sections, "Used by all", "session"]])
    assert {name, module} & named, f"docs/architecture.md says nothing of {module}"


def test_the_architecture_names_no_module_that_is_gone() -> None:
    names = {name for module in modules() for name in (module, module.rpartition(".")[2])}
    packages = {"store.link", "store.read", "store.write", *{module.partition(".")[0] for module in modules()}}
    not_modules = {"doing", "leaving", "prelude.lua", "message_pb2", "runs", "danger"}
    named = {name for room in rooms().values() for name in room if re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name)}
    assert named - names - packages - not_modules == set()
