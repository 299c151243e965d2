"""The meaning of replies and errors: a wrong type, a refusal, an error of redis-py's as one of ours.

redis-py cuts the code off before some errors' text and not off before others (8.1), and gives several errors of logging
in one class. So errors are told apart by class where that is certain, and by their text otherwise: here, nowhere else.
"""

import re
import socket
import ssl
from collections.abc import Sequence
from typing import Any, TypeAlias

import redis
from redis._parsers import BaseParser
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from archive_tui.errors import (
    ArchiveTuiError,
    ConnectError,
    DisconnectedError,
    LoginError,
    NotPermittedError,
    RefusedError,
    ReplicaError,
)
from archive_tui.errors import MovedError as QueueMovedError
from archive_tui.settings.model import Settings
from archive_tui.text import decode, line

Reply: TypeAlias = Any
"""Bytes, int, None, a list of these, or an error of redis-py where errors are returned."""

PLAIN = frozenset((bytes, list, int, type(None)))
"""The types of all replies that are no errors."""

_CODE = re.compile(r"(?:^|[ :]-?)(MISCONF|NOREPLICAS|DENIED)\b")
"""Codes that redis-py leaves in an error's text, where a script may have put more before them (Redis before 7)."""

KEYS_APART = (
    "the keys of this queue lie in several slots of the cluster, because its name begins with a closing brace: what "
    "needs them together cannot be done, by Asynq neither"
)
"""Why nothing that takes several keys works for such a queue."""

_REFUSED_IN_SCRIPT = re.compile(r"acl failure|executing the script can't", re.IGNORECASE)
_UNKNOWN = ("unknown command", "unsupported command", "not support for", "command is not available")
"""How it is said that a command is not known: by Redis and Valkey, by proxies, by Tair and Tencent's service ("command
eval not support for normal user"), by Upstash. In lower case.
"""

_REFUSALS = ("noperm", "no permission", "not allowed", "option of sort denied", *_UNKNOWN)
_NAMED = re.compile(r"command:? (?!is\b)([a-z]+)", re.IGNORECASE)
_UNKNOWN_IN_SCRIPT = re.compile(r"unknown \w+ command called from", re.IGNORECASE)


def is_wrong_type(reply: Reply) -> bool:
    """Tell whether a reply says that the key is of another type than the command is for."""
    return isinstance(reply, Exception) and str(reply).startswith("WRONGTYPE")


def is_refusal(reply: Reply) -> bool:
    """Tell whether a reply says that the command is forbidden to this user, or unknown to the server."""
    if not isinstance(reply, Exception):
        return False
    said = str(reply).lower()
    return any(refusal in said for refusal in _REFUSALS)


def is_unknown_command(reply: Reply) -> bool:
    """Tell whether a reply says that the server, or a proxy before it, does not know the command at all."""
    return isinstance(reply, Exception) and any(words in str(reply).lower() for words in _UNKNOWN)


def is_not_permitted(reply: Reply) -> bool:
    """Tell whether a reply says that this user may not do what was asked."""
    return isinstance(reply, NoPermissionError)


def is_of_another_slot(reply: Reply) -> bool:
    """Tell whether a node of a cluster refuses several keys at once because they live in different slots."""
    return isinstance(reply, ClusterCrossSlotError) or (
        isinstance(reply, Exception) and str(reply).startswith("CROSSSLOT")  # from within a script
    )


def is_unknown_script(reply: Reply) -> bool:
    """Tell whether the server does not know, or has forgotten, the script that was named by its SHA-1."""
    return isinstance(reply, NoScriptError)


def is_answer(error: Exception) -> bool:
    """Whether an error is what the server, or this session, said instead of doing something; else nobody knows whether
    it was done.
    """
    return isinstance(error, ResponseError | RefusedError)


def raise_first(replies: Sequence[Reply]) -> None:
    """Raise the first error among some replies."""
    if PLAIN.issuperset(map(type, replies)):
        return
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def raise_unless_wrong_type(replies: Sequence[Reply]) -> None:
    """Raise the first error that is no wrong type: an index of another type holds no ids, but whatever else a server
    says must not pass for an empty index.
    """
    if PLAIN.issuperset(map(type, replies)):
        return
    for reply in replies:
        if isinstance(reply, Exception) and not is_wrong_type(reply):
            raise reply


def members_in(reply: Reply) -> Sequence[Any]:
    """The list in a reply; nothing where the key is missing or of another type. Raises any other error."""
    if isinstance(reply, list):
        return reply
    raise_unless_wrong_type([reply])
    return []


def refused_command(said: str) -> str:
    """The command that a NOPERM or an unknown-command message names, in upper case; empty where it names none."""
    for quote in ("'", "`"):
        parts = said.split(quote)
        if len(parts) >= 3:
            return parts[1].upper()
    unquoted = _NAMED.search(said) if any(words in said.lower() for words in _UNKNOWN) else None
    return unquoted[1].upper() if unquoted else ""


def not_offered(commands: Sequence[str]) -> str:
    """What to say of commands that a server does not know; a part of a sentence."""
    return f"{', '.join(commands)} (renamed, switched off, or refused by a proxy before it)"


def error_of(text: bytes) -> Exception:
    """The error of redis-py for an error's text as the server sends it, code first."""
    error: Exception = BaseParser.parse_error(decode(text))  # type: ignore[no-untyped-call]
    return error


def translated(error: RedisError, settings: Settings, *, in_cluster: bool = False) -> ArchiveTuiError:
    """The error of ours for one of redis-py's: one line that says what is wrong, and what to do about it; `in_cluster`
    where we know the other nodes, so that what is with one of them can be waited for.
    """
    address = line(settings.address)
    said = line(str(error)).strip()
    login = _login_error(error, said, address)
    if login is not None:
        return login
    if isinstance(error, NoPermissionError) or "noperm" in said.lower() or _REFUSED_IN_SCRIPT.search(said):
        return NotPermittedError(f"{address} does not permit this user: {said}", refused_command(said))
    if isinstance(error, BusyLoadingError):
        return DisconnectedError(f"{address} is still loading its data: try again in a moment")
    if isinstance(error, redis.TimeoutError):
        check = "host, port, --timeout, and that this port speaks TLS" if settings.tls else "host, port and --timeout"
        return DisconnectedError(f"{address} did not answer within {settings.timeout:g} s: check {check}")
    if isinstance(error, InvalidResponse):
        return ConnectError(
            f"{address} does not answer in Redis's protocol as it was agreed on (RESP2): {said}. If a proxy stands "
            "before the server, connect to the server itself"
        )
    if isinstance(error, redis.ConnectionError):
        return DisconnectedError(f"cannot reach {address}: {_reason(error, said)}")
    code = match[1] if (match := _CODE.search(said)) else ""
    if code == "MISCONF":
        return RefusedError(
            f"{address} takes no writes because it cannot save its data: have its disk and log looked at (MISCONF), "
            "nothing can be changed until then"
        )
    if code == "NOREPLICAS":
        return RefusedError(
            f"{address} takes no writes because too few replicas hear it (min-replicas-to-write): have them looked at "
            "(NOREPLICAS), nothing can be changed until then"
        )
    if code == "DENIED":
        return ConnectError(f"cannot use {address}: {said}")
    if isinstance(error, ReadOnlyError):
        return ReplicaError(f"{address} is a read-only replica: connect to its primary to change anything")
    if isinstance(error, OutOfMemoryError):
        return RefusedError(f"{address} is out of memory and refuses to write: {said}")
    if is_of_another_slot(error):
        return RefusedError(f"{address}: {KEYS_APART}")
    if in_cluster and type(error) is MovedError:
        return QueueMovedError(f"{address}: a queue has moved to another node: try again")
    if in_cluster and isinstance(error, AskError | TryAgainError):
        return DisconnectedError(
            f"{address}: the slot of a queue is being moved to another node: try again in a moment"
        )
    if isinstance(error, MovedError | AskError):
        return ConnectError(f"{address} is one node of a cluster, and the keys of a queue live on another: {said}")
    if isinstance(error, MasterDownError):  # redis-py counts it as a cluster's
        return DisconnectedError(
            f"{address} is a replica that has lost its primary, and is set to answer nothing until it hears it again: "
            "connect to the primary, or wait"
        )
    if isinstance(error, ClusterDownError):
        return DisconnectedError(f"{address}: the cluster is down: {said}")
    if isinstance(error, ResponseError):
        if said.lower().startswith("unknown command") and refused_command(said) == "SELECT":
            return ConnectError(f"{address} has no databases to choose from: it is a Sentinel, or leave out --db")
        if "select is not allowed in cluster mode" in said.lower():
            return ConnectError(f"{address} is a node of a cluster, which has database 0 alone: leave out --db")
        if is_unknown_command(error) and (command := refused_command(said)):
            return NotPermittedError(
                f"{address} does not know {not_offered([command])}: this cannot be done without it", command
            )
        if is_unknown_command(error) or "unknown subcommand" in said.lower() or _UNKNOWN_IN_SCRIPT.search(said):
            return NotPermittedError(f"{address} does not know a command we need: {said}", refused_command(said))
        if said.startswith(("BUSY ", "CLUSTERDOWN", "TRYAGAIN")):
            return DisconnectedError(f"{address} cannot answer now: {said}")
    return ArchiveTuiError(f"{address} answered with an error: {said}")


def _login_error(error: RedisError, said: str, address: str) -> ArchiveTuiError | None:
    """Errors of logging in and of choosing the database; redis-py gives several of them the same class."""
    lowered = said.lower()
    if "db index is out of range" in lowered or "invalid database" in lowered:
        return ConnectError(f"{address}: the server has no such database: choose another with --db or in the URL")
    if isinstance(error, AuthenticationError) or "noauth" in lowered or "invalid username-password" in lowered:
        if "required" in lowered:
            return LoginError(
                f"{address} asks for a password: set ARCHIVE_TUI_PASSWORD, or use --password-file or --ask-password"
            )
        if "without any password" in lowered:
            return ConnectError(f"{address} has no password set, but one was given: leave it out, or name the user")
        return LoginError(f"{address} refused this user and password: check both, and that the user is enabled")
    return None


def may_be_something_else(error: Exception) -> bool:
    """Whether the first exchange with a server failed as it does where something else than Redis stands there, or where
    it turns clients away.
    """
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ConnectionRefusedError | FileNotFoundError | PermissionError | socket.gaierror):
        return False
    return isinstance(error, redis.ConnectionError | redis.TimeoutError | InvalidResponse | OSError) or (
        isinstance(error, ResponseError) and "DENIED" in str(error)
    )


def _reason(error: RedisError, said: str) -> str:
    """The reason why a connection failed, in words; the innermost cause says it best."""
    cause: BaseException | None = error.__cause__ or error.__context__
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused: is the server running, and is this its port?"
    if isinstance(cause, FileNotFoundError):
        return "there is no such socket"
    if isinstance(cause, PermissionError):
        return "no permission to open the socket"
    if isinstance(cause, socket.gaierror):
        return "the host name is unknown"
    if isinstance(cause, ssl.SSLError):
        from archive_tui.store.link.tls import in_words

        return f"TLS failed with it: {in_words(cause)}"
    if "closed" in said.lower():
        return "the server closed the connection"
    return said or type(error).__name__
