"""The plan of a deletion, to be confirmed. Cancel has the focus; more than one task asks for their number."""

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from archive_tui.jobs.plan import Plan
from archive_tui.jobs.session import Session
from archive_tui.present import plural, size
from archive_tui.text import clip, line
from archive_tui.tui.dialogs.dialog import Dialog

_GROUPS = 4
_REASON = 500


class DeleteDialog(Dialog[bool]):
    """Answers True only after a deliberate yes: the number typed in full, or the button chosen for a single task."""

    DEFAULT_CSS = """
    DeleteDialog > Vertical { border: round $error; width: 78; border-subtitle-color: $text; }
    DeleteDialog VerticalScroll { height: auto; max-height: 100%; }
    DeleteDialog #plan { height: auto; }
    DeleteDialog .asked { height: 1; width: 100%; }
    DeleteDialog #typed { margin-top: 1; }
    DeleteDialog .asked Label { color: $text; }
    DeleteDialog .asked Input { border: none; height: 1; width: 16; background: $panel; padding: 0 1; }
    DeleteDialog #why Label { color: $text-muted; }
    DeleteDialog #why Input { width: 1fr; }
    DeleteDialog #delete:focus { background: $error; color: $text; }
    """

    YES = "Delete"
    BINDINGS = [
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("up", "page(-1)", show=False),
        Binding("down", "page(1)", show=False),
    ]

    def __init__(self, plan: Plan, session: Session) -> None:
        super().__init__()
        self._plan = plan
        self._session = session
        self._typing = plan.count > 1 or session.settings.production
        self._count = str(plan.count)
        self._locked = False
        self._room = session.room(plan)
        self.reason = ""

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._heading()
            box.border_subtitle = self._where()  # in the frame, where it is seen however small the terminal is
            with VerticalScroll(can_focus=False):
                yield Static(self._description(), id="plan")
            if self._room is not None:
                with Horizontal(id="why", classes="asked"):
                    yield Label("Why, for the journal: ")
                    yield Input(
                        compact=True, select_on_focus=False, id="reason", placeholder="optional", max_length=_REASON
                    )
            if self._typing:
                with Horizontal(id="typed", classes="asked"):
                    yield Label(f"Type {self._count} to confirm: ")
                    yield Input(compact=True, select_on_focus=False, id="count")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self.YES, id="delete", compact=True, disabled=self._typing)

    def _heading(self) -> str:
        return f"Delete {plural(self._plan.count, 'task')} for good?"

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    def action_page(self, direction: int) -> None:
        """Read the part of the plan that does not fit."""
        plan = self.query_one(VerticalScroll)
        plan.scroll_relative(y=direction * max(plan.size.height - 1, 1), animate=False, immediate=True)

    def _where(self) -> Content:
        """The server, with the badge of its profile."""
        settings = self._session.settings
        address = Content.styled(f" {clip(settings.address, 50)} ", "bold")
        if not settings.production:
            return address
        return Content.assemble(
            (f" {line(settings.profile or 'PRODUCTION').upper()} ", "bold $text on $error"), address
        )

    def _description(self) -> Content:
        totals = self._plan.totals
        parts: list[str | tuple[str, str]] = []
        parts += ["queue ", (listed(totals.by_queue), "bold"), "\n"]
        kinds = {"archived" if kind is None else kind.label: count for kind, count in totals.by_kind.items()}
        parts += ["kind ", (listed(kinds), "bold"), "\n"]
        parts += ["type ", (listed(totals.by_type), "bold"), "\n"]
        unsized = f", beside {plural(totals.unsized, 'task')} of unknown size" if totals.unsized else ""
        parts.append(f"about {size(totals.stored_bytes)} in Redis{unsized}\n")
        ids = ", ".join(clip(task_id, 36) for task_id in totals.first_ids)
        parts.append((f"{ids}{', …' if self._plan.count > len(totals.first_ids) else ''}\n", "$text-muted"))
        if self._plan.hidden:
            parts.append((f"{plural(self._plan.hidden, 'task')} of these hidden by the filter\n", "bold $text-warning"))
        parts.append("\n")
        parts += [(f"{consequence}\n", "") for consequence in self._consequences()]
        parts.append(self._keeping())
        return Content.assemble(*parts)

    def _keeping(self) -> str | tuple[str, str]:
        """Whether what is deleted can be brought back."""
        room = self._room
        if room is None:
            return "the journal is turned off: this cannot be undone", "bold $text-error"
        if not room.enough:
            return (
                f"no room for the journal: it needs about {size(room.needed)}, and {size(room.free)} are free: nothing "
                "will be deleted",
                "bold $text-error",
            )
        free = f", {size(room.free)} free" if room.free is not None else ""
        return f"the journal keeps a copy (≈ {size(room.needed)}{free}): it can be restored"

    def _consequences(self) -> list[str]:
        totals = self._plan.totals
        freed = []
        if totals.locked:
            freed.append(f"up to {plural(totals.locked, 'unique lock')} that these tasks still hold")
        if totals.fixed_ids:
            freed.append(
                f"{plural(totals.fixed_ids, 'fixed id')} that block{'s' if totals.fixed_ids == 1 else ''} new tasks"
            )
        lines = [f"frees {' and '.join(freed)}"] if freed else []
        lines.append(f"then {self._plan.afterwards}")
        seen = self._plan.seen(self._session.clock())
        return [*lines, *([seen] if seen else []), "each is checked again by the server; what changed since is skipped"]

    def on_key(self, event: events.Key) -> None:
        """Digits go to the input wherever the focus is, so that the count can simply be typed. Anything else that is
        typed was meant for something else, or pasted: then nothing here deletes any more.
        """
        if not event.character or not event.is_printable or event.character == " ":
            return
        if not self._typing or not event.character.isdigit():
            self._lock()
            return
        entry = self.query_one("#count", Input)
        if not entry.has_focus and not entry.disabled:
            self.set_focus(entry)
            entry.insert_text_at_cursor(event.character)
            event.stop()

    def on_paste(self) -> None:
        """A number that is pasted was not read."""
        self._lock()

    def _lock(self) -> None:
        self._locked = True
        self.query_one("#delete", Button).disabled = True
        for entry in self.query(Input):
            entry.disabled = True
        self.set_focus(self.query_one("#cancel", Button))
        self.query_one("#plan", Static).update(
            Content.assemble(("other keys were pressed here: close this, and begin again\n", "bold $text-warning"))
            + self._description()
        )

    @on(Input.Changed, "#reason")
    def _explained(self, event: Input.Changed) -> None:
        event.stop()
        self.reason = event.value.strip()

    @on(Input.Submitted, "#reason")
    def _explained_all(self, event: Input.Submitted) -> None:
        """Enter never deletes from here: it goes on to what must be typed, or to Cancel."""
        event.stop()
        self.set_focus(self.query_one("#count" if self._typing and not self._locked else "#cancel"))

    @on(Input.Changed, "#count")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if not all(character.isdigit() for character in event.value):
            self._lock()
        self.query_one("#delete", Button).disabled = self._locked or event.value != self._count

    @on(Input.Submitted, "#count")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value == self._count and not self._locked:
            self.dismiss(True)
        elif not event.value:
            self.dismiss(False)
        else:
            self.notify(f"type {self._count} to confirm, or esc to cancel", severity="warning", markup=False)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#delete")
    def _delete(self) -> None:
        self.dismiss(not self._locked)


def listed(counts: dict[str, int]) -> str:
    """The commonest of some counted names, safe to show."""
    if len(counts) == 1:
        return clip(next(iter(counts)), 60) or "(none)"
    shown = [f"{clip(name, 24) or '(none)'} {count:,}" for name, count in list(counts.items())[:_GROUPS]]
    more = len(counts) - len(shown)
    return " · ".join(shown) + (f" · {more:,} more" if more else "")
