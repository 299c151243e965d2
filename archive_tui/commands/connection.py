"""`archive-tui connection`: the server and its nodes, what our user may do there, and what is missing."""

from collections.abc import Mapping
from typing import Any, TextIO

from archive_tui.commands.output import print_result
from archive_tui.commands.source import source_json
from archive_tui.errors import ExitCode
from archive_tui.session import Session
from archive_tui.settings.namespace import DEFAULT_NAMESPACE, namespace_field
from archive_tui.store.facts import Connection, Encryption, Extra, NodeFacts, Replica
from archive_tui.text import encode, readable
from archive_tui.wording.attention import warnings
from archive_tui.wording.connection import as_text, consequence
from archive_tui.wording.programs import moment


def connection(session: Session, *, as_json: bool, out: TextIO) -> ExitCode:
    """Print how things stand with the connection."""
    found, now = session.connection(), session.clock()
    print_result(_json(found, now, source_json(session.source)) if as_json else as_text(found, now), out)
    return ExitCode.DONE


def _json(found: Connection, now: float, source: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "address": found.address,
        **namespace_field(found.namespace or DEFAULT_NAMESPACE),
        "profile": found.profile,
        "production": found.production,
        "read_at": moment(found.read_at),
        "user": found.user or None,
        "read_only": bool(found.why_read_only),
        "why_read_only": found.why_read_only or None,
        "warnings": [
            {"code": one.code, "node": one.address, "danger": one.danger, "sentence": one.sentence}
            for one in warnings(found, now)
        ],
        "rights": [
            {
                "action": right.action,
                "queues_asked": right.asked,
                "refused": [
                    {"queue": readable(encode(queue)), "commands": list(commands)}
                    for queue, commands in sorted(right.refused.items())
                ],
            }
            for right in found.rights
        ],
        "missing": [
            {"command": extra.value, "consequence": consequence(extra)} for extra in Extra if extra in found.missing
        ],
        "missing_asked": found.missing_asked,
        "reads_at": found.reads_at or None,
        **source,
        "service": found.service or None,
        "sentinels": [
            {"address": one.address, "primary": one.primary or None, "down": one.down, "trouble": one.trouble or None}
            for one in found.sentinels
        ],
        "nodes": [_node_json(node) for node in found.nodes],
    }


def _node_json(node: NodeFacts) -> Mapping[str, Any]:
    memory, disk = node.memory, node.persistence
    return {
        "address": node.address,
        "trouble": node.trouble or None,
        "product": node.product if node.version else None,
        "version": node.version or None,
        "mode": node.mode or None,
        "role": node.role or None,
        "uptime_seconds": node.uptime,
        "loading": node.loading or None,
        "answered_in_ms": _ms(node.answered_in),
        "clock_ahead_seconds": round(node.ahead, 3) if node.ahead is not None else None,
        "clock_ahead_within_seconds": round(node.ahead_within, 4) if node.ahead is not None else None,
        "replicas": [_replica_json(one) for one in node.replicas] if node.replicas is not None else None,
        "primary": {
            "address": node.upstream.address,
            "linked": node.upstream.linked,
            "syncing": node.upstream.syncing,
            "silent_seconds": node.upstream.seconds_silent,
        }
        if node.upstream is not None
        else None,
        "memory": {
            "used_bytes": memory.used,
            "limit_bytes": memory.limit,
            "system_bytes": memory.system,
            "fragmentation": memory.fragmentation,
            "policy": memory.policy or None,
            "evicted_keys": memory.evicted,
        },
        "persistence": {
            "saved_at": moment(disk.saved_at),
            "saves": disk.saves,
            "save_failed": disk.save_failed,
            "saving": disk.saving,
            "unsaved_changes": disk.unsaved,
            "schedule": disk.schedule,
            "aof": disk.log,
            "aof_failed": disk.log_failed,
            "aof_fsync": disk.log_sync,
        },
        "clients": {"ours": node.ours, "all": node.clients, "limit": node.clients_limit},
        "protocol": node.protocol,
        "tls": _tls_json(node.encryption) if node.encryption is not None else None,
        "refused": list(node.refused),
    }


def _replica_json(replica: Replica) -> Mapping[str, Any]:
    return {
        "address": replica.address,
        "state": replica.state,
        "behind_bytes": replica.bytes_behind,
        "silent_seconds": replica.seconds_silent,
    }


def _tls_json(tls: Encryption) -> Mapping[str, Any]:
    return {
        "protocol": tls.protocol,
        "cipher": tls.cipher,
        "verified": tls.verified,
        "valid_until": moment(tls.valid_until),
    }


def _ms(seconds: float | None) -> float | None:
    return round(seconds * 1000, 3) if seconds is not None else None
