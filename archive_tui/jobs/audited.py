"""The deletion that a person has confirmed: put down in the audit before anything is deleted, and when it has ended."""

from archive_tui.errors import ArchiveTuiError, AuditError
from archive_tui.jobs.delete import DeleteJob, Record
from archive_tui.jobs.job import Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.plan import Plan
from archive_tui.journal.audit import Audit
from archive_tui.store.connection import Server


class AuditedDeleteJob(DeleteJob):
    """Carries out a plan between two lines of the audit. Where the first cannot be written, nothing is deleted; where
    the second cannot, the job has failed although its report stands.

    `choice` says in words how the tasks were chosen, `reason` why; `journal` names the journal's file, where there is
    one.
    """

    def __init__(
        self,
        server: Server,
        plan: Plan,
        audit: Audit,
        pace: Pace = Pace.POLITE,
        record: Record | None = None,
        *,
        choice: str = "",
        reason: str = "",
        journal: str | None = None,
    ) -> None:
        super().__init__(server, plan, pace, record)
        self._audit = audit
        self._choice, self._reason = choice, reason
        self._journal = journal

    def work(self) -> None:
        name = self._audit.begin("delete", self._facts())
        try:
            super().work()
        except Stopped:
            self._put_down(name, "stopped")
            raise
        except ArchiveTuiError as error:
            self._put_down(name, "failed", str(error))
            raise
        except BaseException as error:
            self._put_down(name, "failed", f"unexpected {type(error).__name__}")
            raise
        self._put_down(name, "done")

    def _facts(self) -> dict[str, object]:
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
            "journal": self._journal,
        }

    def _put_down(self, name: str, result: str, error: str = "") -> None:
        report = self.progress
        facts: dict[str, object] = {
            "result": result,
            "planned": report.planned,
            "deleted": report.deleted,
            "unlocked": report.unlocked,
            "gone": report.gone,
            "changed": report.changed,
            "unknown": report.unknown,
            "untouched": report.untouched,
            "journal": self._journal,
        }
        try:
            self._audit.end("delete", name, facts | ({"error": error} if error else {}))
        except AuditError as failed:
            what = f"{report.deleted:,} of {report.planned:,} were deleted, but how it ended is not in the audit"
            raise AuditError(f"{what}: {failed}") from None
