"""Actions that a person has confirmed: put down in the audit before anything is changed, and again when they end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archive_tui.asynq.findings import Kind
from archive_tui.changes.cleanup import COMMAND as CLEAN_UP
from archive_tui.changes.cleanup import CleanUpJob
from archive_tui.changes.delete import DeleteJob
from archive_tui.changes.plan import Plan
from archive_tui.changes.repair import RepairJob
from archive_tui.changes.repair_plan import RepairPlan
from archive_tui.changes.restore import RestoreJob
from archive_tui.changes.restore_plan import RestorePlan
from archive_tui.errors import ArchiveTuiError, AuditError
from archive_tui.jobs.job import Stopped
from archive_tui.jobs.pace import Pace
from archive_tui.jobs.progress import ChangeProgress
from archive_tui.journal.audit import Audit
from archive_tui.store.link.server import Server

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


def whereabouts(server: Server) -> Facts:
    """Which server an action is for, and as whom."""
    return {"server": server.address, "profile": server.settings.profile, "login": server.settings.username}


def _kinds(counts: Mapping[Kind | None, int]) -> Facts:
    return {"archived" if kind is None else kind.value: count for kind, count in counts.items()}


def _file(journal: Path | None) -> str | None:
    return str(journal) if journal is not None else None


def _doubts(report: ChangeProgress) -> Facts:
    """What a report says beside what was done."""
    return {
        "gone": report.needless,
        "unconfirmed": report.unconfirmed,
        "changed": report.changed,
        "unknown": report.unknown,
        "untouched": report.untouched,
        "journal": _file(report.journal),
        **({"caution": report.caution} if report.caution else {}),
    }


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
        totals = self.plan.totals
        return {
            **whereabouts(self._server),
            "queues": totals.by_queue,
            "kinds": _kinds(totals.by_kind),
            "planned": totals.count,
            "bytes": totals.stored_bytes,
            "choice": self._choice,
            "reason": self._reason,
        }

    def _report(self) -> Facts:
        report = self.progress
        return {
            "planned": report.planned,
            "deleted": report.made,
            "unlocked": report.unlocked,
            **_doubts(report),
        }


class AuditedRepairJob(RepairJob):
    """Sets findings right between two lines of the audit. `choice` says in words how they were chosen, `reason`
    why; `options` are those of RepairJob.
    """

    def __init__(
        self,
        server: Server,
        plan: RepairPlan,
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
        with audited(self._audit, "repair", self._facts(), self._report):
            super().work()

    def _facts(self) -> Facts:
        totals = self.plan.plan.totals
        return {
            **whereabouts(self._server),
            "queues": totals.by_queue,
            "kinds": _kinds({kind: count for kind, count in totals.by_kind.items() if kind in self.plan.repairs}),
            "repairs": {repair.value: count for repair, count in self.plan.counts.items()},
            "planned": self.plan.count,
            "choice": self._choice,
            "reason": self._reason,
        }

    def _report(self) -> Facts:
        report = self.progress
        return {
            "planned": report.planned,
            "repaired": report.made,
            **_doubts(report),
        }


class AuditedCleanUpJob(CleanUpJob):
    """Cleans a leftover queue up between two lines of the audit. `options` are those of CleanUpJob."""

    def __init__(self, server: Server, queue: str, audit: Audit, pace: Pace = Pace.POLITE, **options: Any) -> None:
        super().__init__(server, queue, pace, **options)
        self._audit = audit

    def work(self) -> None:
        with audited(self._audit, CLEAN_UP, {**whereabouts(self._server), "queue": self.queue}, self._report):
            super().work()

    def _report(self) -> Facts:
        report = self.progress
        return {"tasks": report.tasks, "keys": report.keys, "journal": _file(report.journal)}


class AuditedRestoreJob(RestoreJob):
    """Puts back what a journal holds between two lines of the audit. `options` are those of RestoreJob."""

    def __init__(
        self, server: Server, plan: RestorePlan, audit: Audit, pace: Pace = Pace.POLITE, **options: Any
    ) -> None:
        super().__init__(server, plan, pace, **options)
        self._audit = audit

    def work(self) -> None:
        with audited(self._audit, "restore", self._facts(), self._report):
            super().work()

    def _facts(self) -> Facts:
        plan = self.plan
        return {
            **whereabouts(self._server),
            "queues": plan.by_queue,
            "planned": plan.count,
            "target": plan.target.value,
            "journal": str(plan.journal.path),
            "elsewhere": plan.elsewhere or None,
        }

    def _report(self) -> Facts:
        report = self.progress
        return {
            "planned": report.planned,
            "restored": report.made,
            "outcomes": {report.verb.name(outcome): count for outcome, count in sorted(report.outcomes.items())},
            "untouched": report.untouched,
        }
