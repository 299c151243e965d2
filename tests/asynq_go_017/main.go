// Asynqold enqueues tasks with Asynq 0.17.2, in whose storage the members of
// the indexes are whole messages: for each state that a client, a worker or an
// inspector reaches, one task. It prints their ids as JSON, by state.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"os"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynq/inspeq"
)

func main() {
	socket := flag.String("socket", "", "unix socket of the server")
	database := flag.Int("db", 0, "database")
	queue := flag.String("queue", "old", "queue")
	flag.Parse()
	at := asynq.RedisClientOpt{Network: "unix", Addr: *socket, DB: *database}
	if err := run(at, *queue); err != nil {
		log.Fatal(err)
	}
}

func run(at asynq.RedisClientOpt, queue string) error {
	client, inspector := asynq.NewClient(at), inspeq.New(at)
	defer client.Close()
	defer inspector.Close()
	ids := map[string]string{}
	for _, state := range []string{"retry", "archived", "scheduled", "pending"} {
		task := asynq.NewTask("send", map[string]interface{}{"n": 1, "state": state})
		options := []asynq.Option{asynq.Queue(queue)}
		if state != "pending" {
			options = append(options, asynq.ProcessIn(time.Hour))
		}
		if state == "retry" {
			options = []asynq.Option{asynq.Queue(queue), asynq.MaxRetry(3), asynq.Unique(time.Hour)}
		}
		enqueued, err := client.Enqueue(task, options...)
		if err != nil {
			return err
		}
		ids[state] = enqueued.ID
		switch state {
		case "retry":
			if err := failOnce(at, queue, inspector); err != nil {
				return err
			}
		case "archived":
			if _, err := inspector.ArchiveAllScheduledTasks(queue); err != nil {
				return err
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(ids)
}

// failOnce lets a worker fail the one task that is pending.
func failOnce(at asynq.RedisClientOpt, queue string, inspector *inspeq.Inspector) error {
	server := asynq.NewServer(at, asynq.Config{
		Concurrency:    1,
		Queues:         map[string]int{queue: 1},
		LogLevel:       asynq.FatalLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	})
	mux := asynq.NewServeMux()
	mux.HandleFunc("send", func(_ context.Context, _ *asynq.Task) error { return errors.New("boom") })
	if err := server.Start(mux); err != nil {
		return err
	}
	defer server.Stop()
	for {
		tasks, err := inspector.ListRetryTasks(queue)
		if err != nil || len(tasks) > 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
