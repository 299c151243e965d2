"""The errors a user may meet, and the exit codes of the command line.

::

    ArchiveTuiError                 1
     ├─ UsageError                  2
     ├─ ConnectError                3
     │   ├─ LoginError
     │   ├─ LockedKeyError
     │   ├─ NotAsynqError
     │   └─ DisconnectedError
     │       └─ MovedError
     ├─ RefusedError                5
     │   ├─ ReplicaError
     │   └─ NotPermittedError
     ├─ NotFoundError               6
     ├─ CatalogError                1
     ├─ AuditError                  5
     └─ JournalError                5

Each error is one line that says what is wrong and what to do. The number is the exit code, inherited where none stands.
"""

from enum import IntEnum

__all__ = [
    "ArchiveTuiError",
    "AuditError",
    "CatalogError",
    "ConnectError",
    "DisconnectedError",
    "ExitCode",
    "JournalError",
    "LockedKeyError",
    "LoginError",
    "MovedError",
    "NotAsynqError",
    "NotFoundError",
    "NotPermittedError",
    "RefusedError",
    "ReplicaError",
    "UsageError",
]


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CONNECTION = 3
    IN_PART = 4
    """Something of the plan was skipped, failed or left undone."""
    REFUSED = 5
    """Read-only, not permitted, not confirmed, or without an audit or a journal."""
    NOT_FOUND = 6
    FOUND = 10
    """`scan --check` found something."""
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """The code in a few words, for the help."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.UNEXPECTED: "unexpected",
    ExitCode.USAGE: "usage",
    ExitCode.CONNECTION: "cannot connect or log in",
    ExitCode.IN_PART: "done in part",
    ExitCode.REFUSED: "refused",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.FOUND: "--check found something",
    ExitCode.INTERRUPTED: "interrupted",
}


class ArchiveTuiError(Exception):
    """Base of every error that a user may meet; `str(error)` is the line to show."""

    exit_code = ExitCode.UNEXPECTED


class UsageError(ArchiveTuiError):
    """The command line, the environment or a settings file asks for something impossible."""

    exit_code = ExitCode.USAGE


class ConnectError(ArchiveTuiError):
    """The server cannot be reached, refuses the login, or is not the kind we expect."""

    exit_code = ExitCode.CONNECTION


class LoginError(ConnectError):
    """The server wants a password, or refuses the one that it was given. Another one may help."""


class LockedKeyError(ConnectError):
    """Our key for TLS is encrypted, and its passphrase is missing or wrong. Another one may help.

    `key` is the name of the file that holds it.
    """

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class NotAsynqError(ConnectError):
    """The server answers, but holds no Asynq installation that we can read."""


class DisconnectedError(ConnectError):
    """The connection broke, or the server cannot answer at the moment. Another try may help."""


class MovedError(DisconnectedError):
    """What was asked for has moved to another node of the cluster. Another try asks that one."""


class RefusedError(ArchiveTuiError):
    """The action is not allowed: read-only, not permitted by the server, or not confirmed."""

    exit_code = ExitCode.REFUSED


class ReplicaError(RefusedError):
    """The server is a read-only replica, or has become one."""


class NotPermittedError(RefusedError):
    """The server's access rules forbid a command (`NOPERM`), or a managed service does not know it.

    `command` is the name of that command; empty where the server did not name it.
    """

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class NotFoundError(ArchiveTuiError):
    """The queue, task or file does not exist."""

    exit_code = ExitCode.NOT_FOUND


class CatalogError(ArchiveTuiError):
    """The local table of rows cannot be written: the disk is full, or there is no permission."""


class AuditError(ArchiveTuiError):
    """The audit cannot be written. Nothing is changed without one."""

    exit_code = ExitCode.REFUSED


class JournalError(ArchiveTuiError):
    """A journal cannot be written or read: full disk, no permission, damage. Nothing is deleted without one."""

    exit_code = ExitCode.REFUSED
