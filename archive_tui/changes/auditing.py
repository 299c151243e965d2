"""Confirmed changes in the audit: one line before anything is changed, and one when it has ended."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from archive_tui.errors import ArchiveTuiError, AuditError
from archive_tui.jobs.job import Stopped
from archive_tui.journal.audit import Audit
from archive_tui.settings.namespace import namespace_field
from archive_tui.store.link.server import Server

Facts = Mapping[str, object]


@contextmanager
def audited(audit: Audit, action: str, facts: Facts, result: Callable[[], Facts]) -> Iterator[None]:
    """Put an action between two lines of the audit. Where its beginning cannot be written, it does not begin; where its
    end cannot, it has failed although its report stands. `result` is called when it has ended, however it ended.
    Raises AuditError.
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
    settings = server.settings
    return {
        "server": server.address,
        **namespace_field(settings.namespace),
        "profile": settings.profile,
        "login": settings.username,
    }
