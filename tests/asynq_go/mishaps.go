package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

// The commands of this file let Asynq go on with a queue that is damaged
// already, which does more damage.

// runAll lets the inspector run all tasks of a state. Over an id whose data is
// gone it makes a hash that has a state and nothing else.
func runAll(t target, args []string) (any, error) {
	f := newFlags("run-all")
	queue := f.String("queue", "", "queue of the tasks")
	from := f.String("from", "archived", "state the tasks are in before: archived, scheduled or retry")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	run, known := map[string]func(string) (int, error){
		"archived":  inspector.RunAllArchivedTasks,
		"scheduled": inspector.RunAllScheduledTasks,
		"retry":     inspector.RunAllRetryTasks,
	}[*from]
	if !known {
		return nil, usageError{fmt.Errorf("run-all: cannot run from %q", *from)}
	}
	moved, err := run(*queue)
	if err != nil {
		return nil, err
	}
	return map[string]any{"queue": *queue, "moved": moved}, nil
}

// workPending lets workers take whatever is pending. A worker that takes an id
// without a message gets nothing, and the id stays active.
func workPending(t target, args []string) (any, error) {
	f := newFlags("work-pending")
	queue := f.String("queue", "", "queue to work off")
	concurrency := f.Int("concurrency", 4, "workers")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	info, err := t.work(*queue, asynq.Config{Concurrency: *concurrency}, succeed, func(info *asynq.QueueInfo) bool {
		return info.Pending == 0
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"queue": *queue, "active": info.Active}, nil
}

// failFor lets workers fail tasks for good without asking how the queue is
// doing: the inspector's figures fail where an id has no data.
func failFor(t target, args []string) (any, error) {
	f := newFlags("fail")
	queue := f.String("queue", "", "queue of the tasks")
	tasks := f.Int("tasks", 10, "tasks to fail")
	prefix := f.String("prefix", "ff", "prefix of the task ids")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	if err := enqueueSamples(t, *prefix, *tasks, asynq.Queue(*queue), asynq.MaxRetry(0)); err != nil {
		return nil, err
	}
	var failures atomic.Int64
	server, err := startServer(t, asynq.Config{
		Concurrency: 4,
		Queues:      map[string]int{*queue: 1},
		ErrorHandler: asynq.ErrorHandlerFunc(func(context.Context, *asynq.Task, error) {
			failures.Add(1)
		}),
	}, asynq.HandlerFunc(fail))
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(t.timeout); failures.Load() < int64(*tasks); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			server.Shutdown()
			return nil, fmt.Errorf("only %d of %d tasks failed", failures.Load(), *tasks)
		}
	}
	server.Shutdown()
	return map[string]any{"queue": *queue, "failed": failures.Load()}, nil
}
