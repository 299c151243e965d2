"""Redaction: the one door between what a payload, a header or an error holds and what is shown of it.

Keys that a profile names (`DEFAULT_KEYS` where it names none) are masked on screens, in copies and in decoded exports.
The truth goes on to journals, to restorable exports, to changes, and to filters, whose words the operator typed. ::

    redaction = session.redaction                  # of the run: what the profile and --show-secrets say
    redaction = SHOWN                              # the operator has asked to see everything: key `!`

    redaction.readings(reader.readings(raw, type)) # `RedactedReading`s: the tree, `text()`, and the bytes in `content`
    redaction.reading(reader.best(raw, type))      # one of them, for a list or an export
    redaction.task_with_readings(task, reader)     # a Task to show, and its readings
    redaction.task(task, readings)                 # a Task to show: error, headers, result, payload masked

    redaction.masked(tree)                         # a tree; it is never changed, and shared where nothing is hidden
    redaction.hides("apiKey")                      # lazily, for one node: its value is shown as `MASK` ...
    redaction.value("apiKey", value)               # ... or this, which leaves null and what is empty
    redaction.values(path, tree)                   # what a path leads to, for a column
    redaction.node(root)                           # a `nodes.Node`, masked child by child as an outline asks for them
    redaction.text(row.error)                      # error messages, remarks: by patterns such as `password=…`
    redaction.header(name, value)                  # the value of a header

Whoever shows a payload takes a `RedactedReading`, so that mypy finds whoever forgets. Its `content` is masked too, so
raw and hexadecimal views of it are safe; where that cannot be done, it is empty and `problem` is the sentence to show.
`hidden` are the keys whose values are masked, for a title: `masked_note(reading)` words it.

A search looks through what is shown: a masked value is never found, not letter by letter either. A filter, which reads
the truth, may be used to guess a value: masking keeps values off the screen, it does not keep them from an operator
who may read them all.

What is not masked: ids, types and names of queues and groups; values without a key, as in protobuf without its schema;
values whose key nobody named.

- `keys`: which keys are hidden.
- `texts`: texts without a tree, and a quick look at bytes.
- `trees`: trees, whole and node by node.
- `readings`: the readings of a payload, so that what one of them hides shows in no other; `parts` compares them.
- `door`: `Redaction`, all of that and tasks.
"""

from archive_tui.payloads.masking import MASK
from archive_tui.payloads.redaction.door import SHOWN, Redaction
from archive_tui.payloads.redaction.keys import DEFAULT_KEYS
from archive_tui.payloads.redaction.readings import RedactedReading, masked_note, payload_of

__all__ = ["DEFAULT_KEYS", "MASK", "SHOWN", "RedactedReading", "Redaction", "masked_note", "payload_of"]
