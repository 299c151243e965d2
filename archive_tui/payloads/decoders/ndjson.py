"""NDJSON: an object or array on every line."""

from archive_tui.payloads.decoder import Context, Decoded, Fit, LimitReached
from archive_tui.payloads.decoders.json_text import fast_tree
from archive_tui.payloads.tree import NO_TREE, Tree
from archive_tui.payloads.writing import written


class NdjsonDecoder:
    """Two lines or more, each a JSON object or array. The tree is their list."""

    name = "NDJSON"

    def decode(self, raw: bytes, context: Context) -> Decoded | None:
        first, _, others = raw.lstrip().partition(b"\n")
        if first[:1] not in (b"{", b"[") or not others or context.json is raw:
            return None
        if fast_tree(first, context.limits.depth - 1) is NO_TREE:
            return None
        if raw.count(b"\n") > context.limits.values:
            raise LimitReached(f"NDJSON: it has more than {context.limits.values:,} lines")
        rows: list[Tree] = []
        lines = [line for line in raw.split(b"\n") if not line.isspace() and line]
        remarks: tuple[str, ...] = ()
        for number, line in enumerate(lines):
            row = fast_tree(line, context.limits.depth - 1)
            if row is NO_TREE:
                if len(rows) < 2 or number + 1 < len(lines):
                    return None
                remarks = (f"line {number + 1:,}, the last, is not JSON: cut off?",)
                break
            rows.append(row)
        if len(rows) < 2:
            return None
        why = f"{len(rows):,} lines, each of them JSON"
        return Decoded(Fit.CERTAIN, why, rows, lambda: "\n".join(map(written, rows)), remarks)
