"""Take back the naming of a group, which a repair of lost tasks did. The server checks each task again."""

import hashlib
from collections.abc import Collection, Sequence

from archive_tui.asynq.findings import GROUP
from archive_tui.asynq.outcomes import Outcome
from archive_tui.asynq.task_copy import Copy
from archive_tui.store.link.pipe import Pipe
from archive_tui.store.write.scripts import load
from archive_tui.text import encode


def unname(pipe: Pipe, batch: Sequence[Copy], now: float, ours: Collection[bytes], *, begun: bool) -> list[Outcome]:
    """Let Asynq look no more into the group of some tasks, which are of one group; one outcome for each, in order.

    `now` is unix seconds. `ours` are all ids of the group that this restore takes back: a group that holds others keeps
    its name, for they would be lost with it. `begun`: a call before has taken the name away.
    """
    queue, index = batch[0].queue, batch[0].place
    name = encode(index.removeprefix(GROUP))
    group_set = pipe.keys.prefix(queue) + encode(index)
    members = pipe.one(b"ZRANGE", group_set, b"0", b"-1")
    known = set(members) <= set(ours)
    digest = hashlib.sha1(b"".join(b"%d:%b" % (len(one), one) for one in members), usedforsecurity=False).hexdigest()
    arguments = [
        pipe.keys.prefix(queue),
        name,
        b"%d" % int(now * 1000),
        digest.encode() if known else b"",
        b"1" if begun else b"",
    ]
    for copy in batch:
        message = hashlib.sha1(copy.field(b"msg") or b"", usedforsecurity=False).hexdigest()
        ends = [part for field, end in (copy.field_until or {}).items() for part in (field, b"%d" % end)]
        arguments += (
            copy.id,
            message.encode(),
            copy.field(b"group") or b"",
            copy.field(b"pending_since") or b"",
            b"" if copy.until is None else b"%d" % copy.until,
            b"%d" % len(ends),
            *ends,
        )
    hashes = [pipe.keys.task(queue, copy.id) for copy in batch]
    return [
        Outcome(number)
        for number in pipe.script(*load("unname"), [pipe.keys.groups(queue), group_set, *hashes], arguments)
    ]
