"""The groups beside a list: how many rows of each kind, type and error, and the way to narrow the list to one."""

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from archive_tui.asynq.findings import Kind
from archive_tui.catalog.counts import Counts
from archive_tui.catalog.query import Query
from archive_tui.text import line
from archive_tui.tui.widgets.columns import fit

_WIDTH = 34
_TYPES_SHOWN = 8

SIGNATURES_SHOWN = 8
"""How many signatures of errors there is room for."""

Signatures = tuple[dict[str, int], int]
"""The commonest signatures with their counts, and how many different ones there are."""


class GroupsPanel(Vertical):
    """Kinds, types and signatures with their counts. Posts `Chosen` when one is."""

    DEFAULT_CSS = f"""
    GroupsPanel {{ width: {_WIDTH}; border-right: solid $line; padding: 0; }}
    GroupsPanel OptionList {{ border: none; height: 1fr; background: $background; padding: 0; }}
    GroupsPanel OptionList:focus {{ border: none; background: $surface; }}
    """

    class Chosen(Message):
        """A group was chosen. One that is chosen already is to be given up."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self._field, _, self._value = name.partition(" ")

        def narrow(self, query: Query) -> Query:
            """The query, narrowed to the group, or no longer."""
            if self._field == "kind":
                kind = Kind(self._value)
                return replace(query, kind=None if query.kind is kind else kind)
            if self._field == "type":
                return replace(query, type=None if query.type == self._value else self._value)
            return replace(query, signature=None if query.signature == self._value else self._value)

    def __init__(self) -> None:
        super().__init__(id="groups")
        self._shown: tuple[Counts, Query, Signatures] | None = None

    def compose(self) -> ComposeResult:
        yield OptionList()

    @property
    def _options(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def active(self) -> bool:
        """Whether keys go to the groups."""
        return self._options.has_focus

    def activate(self) -> None:
        """Let keys go to the groups."""
        self._options.focus()

    def shows(self, signatures: Signatures) -> bool:
        """Whether these signatures are drawn."""
        return self._shown is not None and self._shown[-1] == signatures

    def show(self, counts: Counts, query: Query, signatures: Signatures) -> None:
        """Draw the counts; what the list is narrowed to is marked."""
        if self._shown == (counts, query, signatures):
            return
        self._shown = (counts, query, signatures)
        options: list[Option] = [_heading("Kind")]
        for kind, count in counts.by_kind.items():
            options.append(_group(f"kind {kind.value}", kind.label, count, chosen=query.kind is kind))
        options.append(_heading("Type"))
        types = list(counts.by_type.items())[:_TYPES_SHOWN]
        for type_, count in types:
            label = line(type_) or "(no type)"
            options.append(_group(f"type {type_}", label, count, chosen=query.type == type_))
        if counts.types > len(types):
            options.append(_more(counts.types - len(types)))
        common, different = signatures
        if common:
            options.append(_heading("Error"))
        for signature, count in common.items():
            chosen = query.signature == signature
            options.append(_group(f"error {signature}", line(signature), count, chosen=chosen))
        if different > len(common):
            options.append(_more(different - len(common)))
        self._draw(options)

    def _draw(self, options: list[Option]) -> None:
        groups = self._options
        if [one.id for one in groups.options] == [one.id for one in options]:  # where it is scrolled to stays as it is
            for number, option in enumerate(options):
                groups.replace_option_prompt_at_index(number, option.prompt)
            return
        chosen_id = groups.highlighted_option.id if groups.highlighted_option is not None else None
        at = groups.scroll_y
        groups.set_options(options)
        groups.scroll_y = at
        # By name, not by position: the order changes while counts grow. Out of sight it is only by the wheel's doing
        indexes = (number for number, one in enumerate(options) if chosen_id and one.id == chosen_id)
        groups.highlighted = next(indexes, None)
        if not groups.has_focus:
            groups.scroll_y = at

    @on(OptionList.OptionSelected)
    def _narrow(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Chosen(event.option.id))


def _heading(text: str) -> Option:
    return Option(Content.styled(f" {text}", "bold $text-muted"), disabled=True)


def _more(count: int) -> Option:
    return Option(Content.styled(f"   and {count:,} more", "$text-muted"), disabled=True)


def _group(name: str, label: str, count: int, *, chosen: bool) -> Option:
    figure = f"{count:,}"
    shown = fit(label, _WIDTH - len(figure) - 6)
    return Option(
        Content.assemble(("▸ " if chosen else "  ", "bold $text-accent"), shown, " ", (figure, "bold")), id=name
    )
