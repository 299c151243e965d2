"""The commands that we can do without: which of them the server, or our user, refuses.

It is asked of the server, as for `permissions`, and never tried out. What a refusal has taught meanwhile counts as
well: a proxy before the server may refuse what the server itself permits.
"""

from archive_tui.store.facts import Extra
from archive_tui.store.link.abilities import Ability
from archive_tui.store.link.pipe import Command, Pipe
from archive_tui.store.read.permissions import refusal, would_be_answered

_NAME = b"archive-tui"


def _questions(key: bytes) -> dict[Extra, Command]:
    """Commands that change nothing but the name of a connection, to be asked about and not run. Inside a transaction
    MULTI and WATCH are answered at once, with errors that are no refusals.
    """
    return {
        Extra.INFO: (b"INFO",),
        Extra.TIME: (b"TIME",),
        Extra.MEMORY_USAGE: (b"MEMORY", b"USAGE", key),
        Extra.TRANSACTIONS: (b"MULTI",),
        Extra.WATCH: (b"WATCH", key),
        Extra.ZMSCORE: (b"ZMSCORE", key, _NAME),
        Extra.LPOS: (b"LPOS", key, _NAME),
        Extra.PTTL: (b"PTTL", key),
        Extra.FIELD_TIMES: (b"HPEXPIRETIME", key, b"FIELDS", b"1", _NAME),
        Extra.SORT_RO: (b"SORT_RO", key),
        Extra.CONFIG: (b"CONFIG", b"GET", b"save"),
        Extra.WHOAMI: (b"ACL", b"WHOAMI"),
        Extra.DRY_RUN: (b"ACL", b"DRYRUN", _NAME, b"PING"),
        Extra.NAME: (b"CLIENT", b"SETNAME", _NAME),
    }


_LEARNED = {
    Ability.TRANSACTIONS: Extra.TRANSACTIONS,
    Ability.WATCH: Extra.WATCH,
    Ability.ZMSCORE: Extra.ZMSCORE,
    Ability.MEMORY_USAGE: Extra.MEMORY_USAGE,
    Ability.TIMES: Extra.PTTL,
    Ability.FIELD_TIMES: Extra.FIELD_TIMES,
    Ability.SORT_RO: Extra.SORT_RO,
}


def missing(pipe: Pipe) -> tuple[str, frozenset[Extra], bool]:
    """Our user's name, empty where the server does not say; what is refused; and whether it could be asked. Where it
    could not, since there are neither dry runs nor transactions, these and the refusals of before are all we know.
    """
    questions = _questions(pipe.keys.queues)
    user, answers = would_be_answered(pipe, list(questions.values()))
    refused = {_LEARNED[ability] for ability in pipe.abilities.refused}
    if answers is not None:
        refused |= {
            extra
            for (extra, command), answer in zip(questions.items(), answers, strict=True)
            if refusal(command, answer) == command[0].decode()  # and not its keys
        }
    else:
        refused.add(Extra.TRANSACTIONS)
    if not user:
        refused.add(Extra.WHOAMI)
    return user, frozenset(refused), answers is not None
