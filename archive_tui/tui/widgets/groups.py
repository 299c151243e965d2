"""The groups beside a list: how its rows divide by error, type, age and so on, and the way to one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from archive_tui.catalog.breakdown import Breakdown, Group
from archive_tui.catalog.facets import DAYS, Facet
from archive_tui.catalog.filter.refusal import FilterError
from archive_tui.catalog.filter.terms import has_term
from archive_tui.tui import commands
from archive_tui.tui.widgets.columns import fit
from archive_tui.tui.widgets.options import Options
from archive_tui.wording.people import size, sparkline

LEAST_WIDTH = 34
"""Cells that the panel takes beside a list where there is little room."""

_GROUPS_SHOWN, _MOST_SHOWN = 8, 32
"""How many groups of a facet are shown where there is little room, and at most; the rest are counted, and one key away.
"""

_HIGH = 32
"""Lines of the panel from which on there may be room for more groups than in little room."""

_DAYS_SHOWN = ((56, DAYS), (42, 7), (0, 4))
"""Cells from which on a group's sparkline has so many days."""

_ROOM_FOR_BYTES = 56
"""Cells from which on a group shows its bytes."""


class GroupActions(Protocol):
    """What can be done with groups."""

    def narrow(self, group: Group) -> None:
        """Let the list show one group alone; or, where it does already, no longer."""

    def mark(self, group: Group) -> None:
        """Mark all of a group that the list shows; where all of it is marked, unmark it."""

    def show_all(self, facet: Facet) -> None:
        """Show all groups of a facet."""


class GroupsPanel(Vertical):
    """The largest groups of each facet. Posts `Wanted` with what the operator wants of one."""

    DEFAULT_CSS = f"""
    GroupsPanel {{ width: 31%; min-width: {LEAST_WIDTH}; max-width: 64; border-right: solid $line; padding: 0; }}
    GroupsPanel OptionList {{ border: none; height: 1fr; background: $background; padding: 0; }}
    GroupsPanel OptionList:focus {{ border: none; background: $surface; }}
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(commands.Mark.key, "mark", show=False, id="mark-group"),
        Binding("right", "section(1)", show=False, id="next-facet"),
        Binding("left", "section(-1)", show=False, id="previous-facet"),
        Binding("j", "move('down')", show=False, id="groups-down"),
        Binding("k", "move('up')", show=False, id="groups-up"),
    ]

    class Wanted(Message):
        """The base of what the operator wants of a group, or of a facet."""

        def carry_out(self, by: GroupActions) -> None:
            """Let it be done by who can."""
            raise NotImplementedError

    class Chosen(Wanted):
        """The list is to show one group alone; or, where it does already, no longer."""

        def __init__(self, group: Group) -> None:
            super().__init__()
            self.group = group

        def carry_out(self, by: GroupActions) -> None:
            by.narrow(self.group)

    class MarkWanted(Chosen):
        """All tasks of a group are to be marked; or, where they are already, no longer."""

        def carry_out(self, by: GroupActions) -> None:
            by.mark(self.group)

    class MoreWanted(Wanted):
        """All groups of a facet are to be seen."""

        def __init__(self, facet: Facet) -> None:
            super().__init__()
            self.facet = facet

        def carry_out(self, by: GroupActions) -> None:
            by.show_all(self.facet)

    def __init__(self) -> None:
        super().__init__(id="groups")
        self._answer: Breakdown | None = None
        self._text = ""
        self._room = Size()
        self._groups: dict[str, Group] = {}
        self._more: dict[str, Facet] = {}

    def compose(self) -> ComposeResult:
        yield Options()

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
        if self._options.highlighted is None:
            self._options.action_first()

    def shows(self, answer: Breakdown) -> bool:
        """Whether these counts are drawn."""
        return self._answer is answer

    @property
    def groups_wanted(self) -> int:
        """How many groups of a facet there may be room for."""
        return _MOST_SHOWN if self.size.height >= _HIGH else _GROUPS_SHOWN

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new room."""
        if event.size != self._room and self._answer is not None:
            self._show(self._answer, self._text)

    def show(self, answer: Breakdown, text: str) -> None:
        """Draw the counts; `text` is the list's filter, and what it is narrowed to is marked."""
        if answer is not self._answer or text != self._text:
            self._show(answer, text)

    def _show(self, answer: Breakdown, text: str) -> None:
        self._answer, self._text, self._room = answer, text, self.size
        self._groups.clear()
        self._more.clear()
        self._draw(list(self._lines(answer, text)))

    def _lines(self, answer: Breakdown, text: str) -> Iterator[Option]:
        """Every line; a facet in which nothing differs has none, unless the list is narrowed by it."""
        facets = {
            name: groups for name, groups in answer.groups.items() if len(groups) > 1 or (groups and groups[0].value)
        }
        room = _shares({name: len(groups) for name, groups in facets.items()}, answer.different, self._room.height)
        for name, found in facets.items():
            groups = found[: room[name]]
            chosen = [_has(text, group) for group in groups]
            facet = groups[0].facet
            yield Option(Content.styled(f" {facet.title}", "bold $text-muted"), disabled=True)
            for group, is_chosen in zip(groups, chosen, strict=True):
                line_id = f"{name} {group.value}"
                self._groups[line_id] = group
                yield Option(self._line(group, chosen=is_chosen), id=line_id)
            if (more := answer.different[name] - len(groups)) > 0:
                self._more[f"more {name}"] = facet
                yield Option(Content.styled(f"   and {more:,} more ⏎", "$text-muted"), id=f"more {name}")

    def _line(self, group: Group, *, chosen: bool) -> Content:
        room = max(self.size.width, 20) - 2
        count = f"{group.amount.tasks:,}"
        bytes_ = f"{size(group.amount.stored_bytes):>9}" if room >= _ROOM_FOR_BYTES else ""
        days = sparkline(group.days[-next(shown for wide, shown in _DAYS_SHOWN if room >= wide) :])
        figures = [figure for figure in (f"{count:>6}", bytes_, days) if figure]
        width = room - 2 - sum(len(figure) + 1 for figure in figures)
        return Content.assemble(
            ("▸ " if chosen else "  ", "bold $text-accent"),
            fit(group.facet.label(group.value), width),
            (f" {figures[0]}", "bold"),
            *[f" {figure}" for figure in figures[1:-1]],
            (f" {figures[-1]}", "$text-muted"),
        )

    def _draw(self, options: list[Option]) -> None:
        groups = self._options
        if [one.id for one in groups.options] == [one.id for one in options]:  # where it is scrolled to stays as it is
            for number, option in enumerate(options):
                if groups.options[number].prompt != option.prompt:
                    groups.replace_option_prompt_at_index(number, option.prompt)
            return
        chosen_id = groups.highlighted_option.id if groups.highlighted_option is not None else None
        at = groups.scroll_y
        groups.set_options(options)
        groups.scroll_y = at
        # By name, not by position: the order changes while counts grow. Out of sight it is only by the wheel's doing
        indexes = (number for number, one in enumerate(options) if chosen_id and one.id == chosen_id)
        groups.highlighted = next(indexes, None)
        if groups.has_focus and groups.highlighted is None and options:
            groups.action_first()
        if not groups.has_focus:
            groups.scroll_y = at

    # Keys

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (group := self._groups.get(event.option.id or "")) is not None:
            self.post_message(self.Chosen(group))
        elif (facet := self._more.get(event.option.id or "")) is not None:
            self.post_message(self.MoreWanted(facet))

    def action_choose(self) -> None:
        """Choose what stands under the cursor."""
        self._options.action_select()

    def action_mark(self) -> None:
        """Mark all of the group under the cursor."""
        option = self._options.highlighted_option
        if option is not None and (group := self._groups.get(option.id or "")) is not None:
            self.post_message(self.MarkWanted(group))

    def action_move(self, way: str) -> None:
        """Move by one line."""
        if way == "down":
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def action_section(self, step: int) -> None:
        """Go to the first group of the next facet, or of the one before."""
        options = self._options
        starts = [at for at, before in enumerate(self._headings(options.options), 1) if before]
        at = options.highlighted if options.highlighted is not None else -1
        if step > 0:
            found = next((start for start in starts if start > at), None)
        else:
            here = max((start for start in starts if start <= at), default=0)
            found = max((start for start in starts if start < here), default=None)
        if found is not None:
            options.highlighted = found
            options.scroll_to(y=max(found - 1, 0), animate=False)  # its heading, too

    @staticmethod
    def _headings(options: Sequence[Option]) -> list[bool]:
        return [option.disabled for option in options]


def _shares(counts: Mapping[str, int], different: Mapping[str, int], lines: int) -> Mapping[str, int]:
    """How many groups of each facet are shown on so many lines. `counts` are those that are known, `different` all."""
    shares = {name: min(count, _GROUPS_SHOWN) for name, count in counts.items()}

    def needed() -> int:
        return sum(1 + share + (different[name] > share) for name, share in shares.items())

    grown = True
    while grown:
        grown = False
        for name, count in counts.items():
            if shares[name] < count and needed() < lines:
                shares[name] += 1
                grown = True
    return shares


def _has(text: str, group: Group) -> bool:
    """Whether a filter narrows the list to a group; one that cannot be read narrows it to none."""
    try:
        return has_term(text, group.term)
    except FilterError:
        return False
