"""Ids of a plan that are tasks of another installation in the same database, so that a repair leaves them alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from archive_tui.asynq.findings import Kind
from archive_tui.changes.sheet import Line
from archive_tui.jobs.elsewhere import Elsewhere, look
from archive_tui.jobs.pace import Pace
from archive_tui.store.link.server import Server
from archive_tui.text import clip
from archive_tui.wording.people import plural
from archive_tui.wording.tone import Tone

if TYPE_CHECKING:
    from archive_tui.changes.plan import Plan

_NAMES = 3
"""Namespaces that a line names."""


@dataclass(frozen=True, slots=True)
class OtherInstallations:
    """The ghosts of a plan that other installations know."""

    found: Elsewhere = field(default_factory=Elsewhere)

    def lines(self) -> Iterator[Line]:
        """The lines of a sheet; none where no other installation knows any of the ids."""
        names = ", ".join(f"{clip(one, 30)}:…" for one in self.found.namespaces[:_NAMES])
        under = names + (", …" if len(self.found.prefixes) > _NAMES else "")
        if count := sum(self.found.known.values()):
            text = f"{plural(count, 'id')} with task data under {under}: tasks of another installation, left alone"
            yield Line(text, "beware", Tone.CAUTION)
        if count := sum(self.found.unsure.values()):
            text = f"{plural(count, 'id')} left alone: this user may not see whether they have task data under {under}"
            yield Line(text, "beware", Tone.CAUTION)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The same for programs; null where this user may not look."""
        return {"elsewhere": None if self.found.unsure else sum(self.found.known.values())}


def with_other_installations(server: Server, plan: "Plan", pace: Pace = Pace.FULL) -> "Plan":
    """The same plan, with what other installations know of its ghosts. Blocks. Raises ConnectError and kin."""
    found = look(server, plan.selection, plan.totals.by_kind.get(Kind.GHOST, 0), pace)
    return replace(plan, others=OtherInstallations(found))
