"""Where scans and lists were read, as JSON has it, where a replica is preferred."""

from typing import Any

from archive_tui.store.link.source import ClusterSource, Source


def source_json(source: Source | ClusterSource | None) -> dict[str, Any]:
    """The field `read_from`; nothing where no replica is preferred."""
    if source is None:
        return {}
    if isinstance(source, Source):
        return {"read_from": _server(source)}
    role = "primary" if all(one.why_primary for one in source.nodes) else "replica"
    lag = {"lag_seconds": source.seconds if source.bytes is not None else None, "lag_bytes": source.bytes}
    nodes = [_server(one) for one in source.nodes]
    return {"read_from": {"role": role, "address": source.address, **lag, "nodes": nodes}}


def _server(source: Source) -> dict[str, Any]:
    if source.why_primary:
        return {"role": "primary", "address": source.address, "why": source.why_primary}
    lag = {"lag_seconds": source.seconds if source.bytes is not None else None, "lag_bytes": source.bytes}
    return {"role": "replica", "address": source.address, **lag}
