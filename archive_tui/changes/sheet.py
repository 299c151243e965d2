"""The sheet of a change: its plan in words, written once for the dialog, the command line and the JSON.

Every text in here is safe to show: what comes from Redis, a journal or a settings file has passed `text`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive_tui.asynq.limits import Limits, default_limits
from archive_tui.asynq.outcomes import Verb
from archive_tui.journal.reader import Header
from archive_tui.journal.recorder import Room
from archive_tui.text import clip, line
from archive_tui.wording.people import age, ago, exact, plural, size
from archive_tui.wording.tone import Tone

_NAMES = 4
"""How many counted names a line shows at most before it counts the others together."""

_ROOM = 58
"""Characters that they may take together: a line of a dialog of 80 columns holds them, with its label."""

_NAME = 24
"""Characters of each of these names; a name that stands alone gets more."""

_NAME_ALONE = 60

_RULE = 180
"""Characters of a filter: three lines of a dialog of 80 columns."""

_ID = 36
"""Characters of an id: a UUID fits whole."""


class Line(NamedTuple):
    """One line of a sheet. `label` says in a word what the text is about; empty where the block's name says it."""

    text: str
    label: str = ""
    tone: Tone = Tone.PLAIN

    @property
    def alone(self) -> str:
        """The line where it stands by itself, without its block."""
        return f"{self.label}: {self.text}" if self.label else self.text


CHECKED_AGAIN = Line("each is checked again by the server; what changed since is skipped")
JOURNAL_OFF = Line("the journal is turned off: this cannot be undone", tone=Tone.DANGER)


@dataclass(frozen=True, slots=True)
class Site:
    """Circumstances of a plan: what a sheet says beside it."""

    now: float
    """Unix seconds."""
    production: bool
    """Whether a single task must be confirmed by typing, too."""
    journal: bool
    """Whether what changes is copied to a journal first."""
    free_bytes: int | None
    """Room in the folder of journals; None where nobody knows."""
    limits: Callable[[str], Limits] = default_limits
    """Gives the limits of a queue's archive."""
    source: str = ""
    """Where the rows were read, in words, where a replica is preferred."""

    def typed(self, count: int) -> str:
        """What confirms a change of so many: their number; empty where choosing the button is enough."""
        return str(count) if count > 1 or self.production else ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A plan in words."""

    verb: Verb
    title: str
    """A question, the title of the dialog: “Delete 3 tasks?”."""
    summary: str
    """The first line on the command line, to which it adds the server: “3 tasks to delete from queue work”."""
    count: int
    """How many tasks or findings; what the command line wants typed. 0 where there is nothing to do."""
    what: tuple[Line, ...]
    then: tuple[Line, ...]
    """What follows from it."""
    way_back: tuple[Line, ...]
    """How it can be undone, if it can."""
    yes: str = ""
    """The words on that button; empty: the verb says enough."""
    differences: tuple[Line, ...] = ()
    """What it makes of the first of them, each labelled with an id; empty where every change is of the same kind."""
    typed: str = ""
    """What the dialog wants typed, digits or a word of small letters; empty where choosing the button is enough."""
    grave: bool = True
    """Whether something is gone afterwards, so that the dialog warns in its strongest colour."""
    asks_reason: bool = False
    """Whether the dialog asks why, for the journal."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The plan for programs: fields of the JSON object."""

    @property
    def button(self) -> str:
        """The word on the button that says yes."""
        return self.yes or self.verb.base.capitalize()

    @property
    def blocks(self) -> Sequence[tuple[str, Sequence[Line]]]:
        """The parts with their names, empty ones left out."""
        named = (
            ("WHAT", self.what),
            ("DIFFERS", self.differences),
            ("THEN", self.then),
            ("WAY BACK", self.way_back),
        )
        return [(name, lines) for name, lines in named if lines]

    @property
    def cautions(self) -> Sequence[Line]:
        """The lines that must be read even by somebody who said yes beforehand."""
        return [line for _, lines in self.blocks for line in lines if line.tone is Tone.CAUTION]


def listed(counts: Mapping[str, int], *, longest: int = _NAME) -> str:
    """The commonest of some counted names, safe to show, as many as one line holds; a single name stands without its
    count. `longest` is the most characters of one of several names.
    """
    if len(counts) == 1:
        return clip(next(iter(counts)), _NAME_ALONE) or "(none)"
    between = " · " if any("," in name for name in counts) else ", "
    text = ""
    for number, (name, count) in enumerate(list(counts.items())[:_NAMES]):
        more = len(counts) - number
        longer = f"{text}{between if text else ''}{clip(name, longest) or '(none)'} {count:,}"
        ending = f" and {more - 1:,} more" if more > 1 else ""
        if text and len(longer + ending) > _ROOM:
            return f"{text} and {more:,} more"
        text = longer
    more = len(counts) - _NAMES
    return f"{text} and {more:,} more" if more > 0 else text


def first_ids(ids: Sequence[bytes], count: int) -> Iterator[Line]:
    """The first few ids of a plan of `count`; no line where none are known."""
    if ids:
        names = [clip(one, _ID) for one in ids]
        while len(names) > 1 and len(", ".join(names)) > _ROOM:
            names.pop()
        shown = ", ".join(names)
        more = count > len(names)
        yield Line(f"{shown}{', …' if more else ''}", "first" if more else "ids" if count > 1 else "id", Tone.QUIET)


def hidden_by_filter(count: int) -> Iterator[Line]:
    """The warning that a filter hides some of what will be changed."""
    if count:
        yield Line(f"{plural(count, 'task')} of these hidden by the filter", tone=Tone.CAUTION)


def ages(oldest: int | None, newest: int | None, now: float) -> str:
    """How old tasks are, from the newest to the oldest (all in unix seconds); empty where none ever failed."""
    if oldest is None or newest is None:
        return ""
    young, old = age(newest, now), age(oldest, now)
    return young if young == old else f"{young} to {old}"


def chosen_by(choice: str) -> Iterator[Line]:
    """How the tasks were chosen, where that is not by pointing at each: the filter, what a list was narrowed to."""
    rule = choice.removeprefix("by hand").removeprefix(", ").replace("filter ", "", 1)
    if rule:
        yield Line(clip(rule, _RULE), "where")


def left_out(sentence: str) -> Iterator[Line]:
    """The warning that a plan leaves out some of what was chosen."""
    if sentence:
        yield Line(sentence, tone=Tone.CAUTION)


def origin(header: Header, site: Site, label: str) -> Line:
    """When a journal was written, by whom, with which command, where and why."""
    by = f" by {line(header.user)}" if header.user else ""
    reason = f": {line(header.reason)}" if header.reason else ""
    return Line(
        f"{ago(header.created_at, site.now)}, {exact(header.created_at)}{by}, {line(header.command)} on "
        f"{line(header.place)}{reason}",
        label,
        Tone.QUIET,
    )


def for_good(site: Site) -> str:
    """What the question about a deletion adds where no journal keeps a copy; empty where one does."""
    return "" if site.journal else " for good"


def way_back(site: Site, stored_bytes: int, done: str, copied: str) -> list[Line]:
    """The way back by a journal of tasks that take so many bytes in Redis. `copied` says what its copy is good for;
    `done` is the change in the past tense, for a journal that has no room.
    """
    if not site.journal:
        return [JOURNAL_OFF]
    room = room_lines(site, stored_bytes, done)
    if any(one.tone is Tone.DANGER for one in room):
        return room
    return [Line(copied), *room]


def room_lines(site: Site, stored_bytes: int, done: str) -> list[Line]:
    """The room for a journal of tasks that take so many bytes in Redis; DANGER where there is too little of it."""
    room = Room.of(stored_bytes, site.free_bytes)
    free = f", {size(room.free)} free" if room.free is not None else ""
    if room.enough:
        return [Line(f"about {size(room.needed)}{free}", "journal")]
    return [Line(f"about {size(room.needed)}{free}: too little, nothing will be {done}", "journal", Tone.DANGER)]
