"""The tree of our exceptions. Each is one line that says what is wrong and what to do, and knows its exit code."""


class ArchiveTuiError(Exception):
    """Base of every error that a user may meet; `str(error)` is the line to show."""

    exit_code = 1


class UsageError(ArchiveTuiError):
    """The command line, the environment or a settings file asks for something that cannot be."""

    exit_code = 2


class ConnectError(ArchiveTuiError):
    """The server cannot be reached, refuses us, or is not what we look for."""

    exit_code = 3


class NotAsynqError(ConnectError):
    """The server answers, but holds no Asynq installation that we can read."""


class DisconnectedError(ConnectError):
    """The connection was lost, or the server is for the moment unable to answer; trying again may help."""


class RefusedError(ArchiveTuiError):
    """The action is not allowed: read-only, not permitted by the server, or not confirmed."""

    exit_code = 5


class ReplicaError(RefusedError):
    """The server is a read-only replica, or has become one."""


class NotPermittedError(RefusedError):
    """The server's access rules forbid a command (`NOPERM`) or do not know it (managed services)."""

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class NotFoundError(ArchiveTuiError):
    """No such queue, task or file."""

    exit_code = 6


class CatalogError(ArchiveTuiError):
    """The local table of rows cannot be written (disk full, no permission)."""


class AuditError(ArchiveTuiError):
    """The audit cannot be written: nothing is changed without one."""

    exit_code = 5


class JournalError(ArchiveTuiError):
    """A journal cannot be written or read (disk full, no permission, damaged): nothing is deleted without one."""

    exit_code = 5
