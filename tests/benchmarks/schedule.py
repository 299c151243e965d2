"""What is measured, on which data, beside what, and in which order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from data import Shape


class Run(Enum):
    """How a subject is run."""

    PYTHON = auto()  # a function of subjects.py, ours.py or contents.py
    LINKED = auto()  # the same over a slow link
    HEADLESS = auto()  # archive-tui without screens
    REDIS_CLI = auto()
    ASYNQ = auto()  # a command of the Go program
    ASYNQ_CLI = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """One line of the table. `does` is the module and function, or the command; `against` the slug of the subject that
    is run right before it, each time, and that its ratio speaks of.
    """

    slug: str
    title: str
    shape: Shape
    run: Run
    does: str
    against: str | None = None
    destroys: bool = False
    once: bool = False

    @property
    def versioned(self) -> bool:
        """Whether another version of archive_tui can do the same: see `--against`."""
        return self.run is Run.PYTHON and self.does.startswith("ours.")


DELAY_MS = 20
"""Round trip of the slow link, in milliseconds."""

SUBJECTS: tuple[Subject, ...] = (
    Subject("idle", "nothing", Shape.HEALTHY, Run.PYTHON, "subjects.idle", once=True),
    Subject("healthy-floor", "floor: bare SCAN", Shape.HEALTHY, Run.PYTHON, "subjects.floor"),
    Subject("healthy-scan", "our scan of task data", Shape.HEALTHY, Run.PYTHON, "ours.scan", "healthy-floor"),
    Subject(
        "healthy-check", "… and its index check", Shape.HEALTHY, Run.PYTHON, "ours.scan_and_check", "healthy-floor"
    ),
    Subject("floor", "floor: bare SCAN", Shape.LEAKY, Run.PYTHON, "subjects.floor"),
    Subject("reading", "SCAN and bare HMGET", Shape.LEAKY, Run.PYTHON, "subjects.reading", "floor"),
    Subject("recipe", "usual recipe (slice)", Shape.LEAKY, Run.PYTHON, "subjects.recipe", "floor"),
    Subject("redis-cli", "redis-cli --scan", Shape.LEAKY, Run.REDIS_CLI, "", "floor"),
    Subject("scan", "our scan", Shape.LEAKY, Run.PYTHON, "ours.scan", "floor"),
    Subject(
        "filter", "our filter by payload", Shape.LEAKY, Run.PYTHON, "contents.filter_findings", "floor", once=True
    ),
    Subject("headless", "archive-tui scan --json", Shape.LEAKY, Run.HEADLESS, "", "floor", once=True),
    Subject("link-floor", f"floor, {DELAY_MS} ms away", Shape.LEAKY, Run.LINKED, "subjects.floor", once=True),
    Subject(
        "link-scan", f"our scan, {DELAY_MS} ms away", Shape.LEAKY, Run.LINKED, "ours.scan", "link-floor", once=True
    ),
    Subject("unlink", "blind UNLINK", Shape.LEAKY, Run.PYTHON, "subjects.unlink", destroys=True),
    Subject("delete", "our deletion, no journal", Shape.LEAKY, Run.PYTHON, "ours.delete", "unlink", destroys=True),
    Subject("delete-journal", "our deletion", Shape.LEAKY, Run.PYTHON, "ours.delete_journal", "unlink", destroys=True),
    Subject("screen", "the screens", Shape.LEAKY, Run.PYTHON, "subjects.screen", destroys=True, once=True),
    Subject("terminal", "what the screens send", Shape.LEAKY, Run.PYTHON, "subjects.terminal", once=True),
    Subject("large-floor", "floor: bare SCAN", Shape.LARGE, Run.PYTHON, "subjects.floor"),
    Subject("large-scan", "our scan", Shape.LARGE, Run.PYTHON, "ours.scan", "large-floor"),
    Subject("asynq-list", "Asynq lists the archive", Shape.ARCHIVE, Run.ASYNQ, "list-archived"),
    Subject("asynq-ls", "asynq task ls", Shape.ARCHIVE, Run.ASYNQ_CLI, "", "asynq-list"),
    Subject("list", "our listing", Shape.ARCHIVE, Run.PYTHON, "ours.listing", "asynq-list"),
    Subject(
        "list-filter", "our filter by payload", Shape.ARCHIVE, Run.PYTHON, "contents.filter_archive", "asynq-list",
        once=True,
    ),
    Subject("first-page", "enter to the first page", Shape.ARCHIVE, Run.PYTHON, "first_page.first_page", once=True),
    Subject("asynq-delete", "Asynq deletes all", Shape.ARCHIVE, Run.ASYNQ, "delete-all-archived", destroys=True),
    Subject(
        "archive-delete", "our list and deletion", Shape.ARCHIVE, Run.PYTHON, "ours.archive_delete", "asynq-delete",
        destroys=True,
    ),
)  # fmt: skip

START = "start"
"""The slug of the start-up times, which are no subject: nobody else is disturbed by them."""

SLUGS = (*(subject.slug for subject in SUBJECTS), START)


def by_slug(slug: str) -> Subject:
    """The subject of this name."""
    return next(subject for subject in SUBJECTS if subject.slug == slug)


def chosen(slugs: Iterable[str]) -> list[Subject]:
    """These subjects and those that they are compared with, in the order in which they are run."""
    wanted = set(slugs)
    wanted |= {subject.against for subject in SUBJECTS if subject.slug in wanted and subject.against}
    return [subject for subject in SUBJECTS if subject.slug in wanted]


def rounds(subjects: Sequence[Subject], repeat: int) -> list[Subject]:
    """The runs on one shape of data: what reads before what destroys, and each subject right after what it is compared
    with. Those that destroy share one run of it, as each needs the data brought back.
    """
    order: list[Subject] = []
    chosen_slugs = {subject.slug for subject in subjects}
    for destroying in (False, True):
        part = [subject for subject in subjects if subject.destroys is destroying]
        references = {subject.against for subject in part}
        for number in range(repeat):
            last: str | None = None
            for subject in part:
                if number and subject.once:
                    continue
                if subject.slug in references:
                    if destroying:
                        order.append(subject)
                        last = subject.slug
                    continue  # it comes with each that needs it
                if subject.against in chosen_slugs and (not destroying or last != subject.against):
                    order.append(by_slug(str(subject.against)))
                    last = subject.against
                order.append(subject)
    return order
