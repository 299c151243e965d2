"""The manual page, made from the same commands and flags as the help."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import click

from archive_tui import __version__
from archive_tui.errors import ExitCode

_FILES = (
    ("~/.config/archive-tui/config.toml", "Profiles, keys, columns, filters, theme ($XDG_CONFIG_HOME is respected)."),
    ("~/.local/state/archive-tui/journal/", "Copies of what was changed, for restore ($XDG_STATE_HOME is respected)."),
    ("~/.local/state/archive-tui/audit.jsonl", "Two lines for every confirmed change."),
)


def page(command: click.Group) -> str:
    """The page in the language of man(7). It has no date: the same commands make the same page."""
    return "\n".join(_lines(command)) + "\n"


def _lines(root: click.Group) -> Iterator[str]:
    context = click.Context(root, info_name="archive-tui")
    yield f'.TH ARCHIVE\\-TUI 1 "" "archive\\-tui {_escaped(__version__)}" "User Commands"'
    yield from (".SH NAME", f"archive\\-tui \\- {_escaped(_summary(root))}")
    yield from (".SH SYNOPSIS", ".B archive\\-tui", "[OPTIONS] [COMMAND] [ARGUMENTS]")
    yield from (".SH DESCRIPTION", *_paragraphs(root.help or ""))
    yield from (".SH OPTIONS", *_options(root, context))
    yield ".SH COMMANDS"
    yield "The options that choose the server, above, are accepted after the name of a command, too."
    shared = {parameter.name for parameter in root.params}
    for name, found in _commands(root, "archive-tui"):
        inner = click.Context(found, info_name=name)
        yield f".SS {_escaped(' '.join([name, *found.collect_usage_pieces(inner)]))}"
        yield from _paragraphs(found.help or "")
        yield from _options(found, inner, without=shared)
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", f".B {code.value}", _escaped(code.meaning))
    yield ".SH FILES"
    for file, meaning in _FILES:
        yield from (".TP", f".I {_escaped(file)}", _escaped(meaning))


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, those of a group behind the group."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


def _options(command: click.Command, context: click.Context, without: Collection[str | None] = ()) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and parameter.name not in without:
            names, meaning = record
            yield from (".TP", f".B {_escaped(names)}", _escaped(" ".join(meaning.split())))


def _summary(command: click.Command) -> str:
    summary = (command.help or "").strip().partition("\n")[0].rstrip(".")
    return summary[:1].lower() + summary[1:]


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """Text as roff prints it literally."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{text}" if text.startswith((".", "'")) else text
