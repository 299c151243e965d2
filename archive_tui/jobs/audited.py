"""Actions that a person has confirmed: put down in the audit before anything is changed, and again when they end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archive_tui.errors import ArchiveTuiError, AuditError
from archive_tui.jobs.delete import DeleteJob
from archive_tui.jobs.job import Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan
from archive_tui.journal.audit import Audit
from archive_tui.store.connection import Server

Facts = Mapping[str, object]


@contextmanager
def audited(audit: Audit, action: str, facts: Facts, result: Callable[[], Facts]) -> Iterator[None]:
    """Around the work of a job: where its beginning cannot be put down, the work does not begin; where its end cannot,
    the job has failed although its report stands. `result` is asked when the work has ended, however it ended.
    """
    name = audit.begin(action, facts)
    ended, error = "failed", ""
    try:
        yield
        ended = "done"
    except Stopped:
        ended = "stopped"
        raise
    except ArchiveTuiError as failed:
        error = str(failed)
        raise
    except BaseException as failed:
        error = f"unexpected {type(failed).__name__}"
        raise
    finally:
        report = {"result": ended, **result(), **({"error": error} if error else {})}
        try:
            audit.end(action, name, report)
        except AuditError as failed:
            raise AuditError(f"how it ended ({ended}) is not in the audit: {failed}") from None


class AuditedDeleteJob(DeleteJob):
    """Carries out a plan between two lines of the audit. `choice` says in words how the tasks were chosen, `reason`
    why. `options` are those of DeleteJob.
    """

    def __init__(
        self,
        server: Server,
        plan: Plan,
        audit: Audit,
        pace: Pace = Pace.POLITE,
        *,
        choice: str = "",
        reason: str = "",
        **options: Any,
    ) -> None:
        super().__init__(server, plan, pace, **options)
        self._audit = audit
        self._choice, self._reason = choice, reason

    def work(self) -> None:
        with audited(self._audit, "delete", self._facts(), self._report):
            super().work()

    def _facts(self) -> Facts:
        totals, settings = self.plan.totals, self._server.settings
        return {
            "server": self._server.address,
            "profile": settings.profile,
            "login": settings.username,
            "queues": totals.by_queue,
            "kinds": {"archived" if kind is None else kind.value: count for kind, count in totals.by_kind.items()},
            "planned": totals.count,
            "bytes": totals.stored_bytes,
            "choice": self._choice,
            "reason": self._reason,
        }

    def _report(self) -> Facts:
        report = self.progress
        journal = getattr(report, "journal", None)
        return {
            "planned": report.planned,
            "deleted": report.deleted,
            "unlocked": report.unlocked,
            "gone": report.gone,
            "changed": report.changed,
            "unknown": report.unknown,
            "untouched": report.untouched,
            "journal": str(journal) if journal is not None else None,
        }
