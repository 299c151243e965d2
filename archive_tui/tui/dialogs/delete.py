"""The plan of a deletion, to be confirmed. Cancel has the focus; more than one task asks for their number."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Label

from archive_tui.changes.plan import Plan
from archive_tui.journal.recorder import Room
from archive_tui.session import Session
from archive_tui.text import clip
from archive_tui.tui.dialogs.confirm import JOURNAL_OFF, ConfirmDialog, listed, no_room, where
from archive_tui.wording.people import plural, size

_REASON = 500


class DeleteDialog(ConfirmDialog):
    """Answers True only after a deliberate yes: the number typed in full, or the button chosen for a single task.

    `reason` is what was said for the journal.
    """

    DEFAULT_CSS = """
    DeleteDialog #why Label { color: $text-muted; }
    DeleteDialog #why Input { width: 1fr; }
    """

    def __init__(self, plan: Plan, session: Session) -> None:
        room = session.room(plan)
        super().__init__(
            f"Delete {plural(plan.count, 'task')} for good?",
            where(session.settings),
            _sheet(plan, room, session.clock()),
            "Delete",
            plan.count if plan.count > 1 or session.settings.production else None,
        )
        self._journaled = room is not None
        self.reason = ""

    def compose_lines(self) -> ComposeResult:
        if self._journaled:
            with Horizontal(id="why", classes="line"):
                yield Label("Why, for the journal: ")
                yield Input(
                    compact=True, select_on_focus=False, id="reason", placeholder="optional", max_length=_REASON
                )

    @on(Input.Changed, "#reason")
    def _explained(self, event: Input.Changed) -> None:
        event.stop()
        self.reason = event.value.strip()

    @on(Input.Submitted, "#reason")
    def _explained_all(self, event: Input.Submitted) -> None:
        """Enter never deletes from here: it goes on to what must be typed, or to Cancel."""
        event.stop()
        self.set_focus(self.query_one("#count" if self._asked and not self._locked else "#cancel"))


def _sheet(plan: Plan, room: Room | None, now: float) -> Content:
    totals = plan.totals
    parts: list[str | tuple[str, str]] = []
    parts += ["queue ", (listed(totals.by_queue), "bold"), "\n"]
    kinds = {"archived" if kind is None else kind.label: count for kind, count in totals.by_kind.items()}
    parts += ["kind ", (listed(kinds), "bold"), "\n"]
    parts += ["type ", (listed(totals.by_type), "bold"), "\n"]
    unsized = f", beside {plural(totals.unsized, 'task')} of unknown size" if totals.unsized else ""
    parts.append(f"about {size(totals.stored_bytes)} in Redis{unsized}\n")
    ids = ", ".join(clip(task_id, 36) for task_id in totals.first_ids)
    parts.append((f"{ids}{', …' if plan.count > len(totals.first_ids) else ''}\n", "$text-muted"))
    if plan.hidden:
        parts.append((f"{plural(plan.hidden, 'task')} of these hidden by the filter\n", "bold $text-warning"))
    parts.append("\n")
    parts += [f"{consequence}\n" for consequence in _consequences(plan, now)]
    parts.append(_keeping(room))
    return Content.assemble(*parts)


def _consequences(plan: Plan, now: float) -> list[str]:
    lines = [f"frees {plan.frees}"] if plan.frees else []
    lines.append(f"then {plan.afterwards}")
    seen = plan.seen(now)
    return [*lines, *([seen] if seen else []), "each is checked again by the server; what changed since is skipped"]


def _keeping(room: Room | None) -> str | tuple[str, str]:
    """Whether what is deleted can be brought back."""
    if room is None:
        return JOURNAL_OFF, "bold $text-error"
    if not room.enough:
        return no_room(room, "deleted"), "bold $text-error"
    free = f", {size(room.free)} free" if room.free is not None else ""
    return f"the journal keeps a copy (≈ {size(room.needed)}{free}): it can be restored"
