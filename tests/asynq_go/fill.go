package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

// The commands of this file each make one kind of damage by nothing but the
// library's own calls.

var sampleTypes = []string{"email:welcome", "report:build", "image:resize", "webhook:deliver"}

// sampleTask makes the i-th task of a filling. Its id is known beforehand, so
// that a test can tell which ids must be found where.
func sampleTask(prefix string, i int, opts ...asynq.Option) *asynq.Task {
	payload, err := json.Marshal(map[string]any{
		"n":    i,
		"user": fmt.Sprintf("user-%d@example.test", i%977),
		"tags": []string{"sample", prefix},
	})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	opts = append([]asynq.Option{asynq.TaskID(fmt.Sprintf("%s-%06d", prefix, i))}, opts...)
	if i%10 == 0 {
		opts = append(opts, asynq.Unique(time.Hour)) // some hold a lock, as in real life
	}
	return asynq.NewTask(sampleTypes[i%len(sampleTypes)], payload, opts...)
}

// enqueueSamples enqueues n sample tasks.
func enqueueSamples(t target, prefix string, n int, opts ...asynq.Option) error {
	return enqueueEach(t, n, func(client *asynq.Client, i int) error {
		_, err := client.Enqueue(sampleTask(prefix, i, opts...))
		return err
	})
}

var errSample = errors.New("dial tcp 192.0.2.7:5432: connect: connection refused")

func fail(context.Context, *asynq.Task) error { return errSample }

func succeed(context.Context, *asynq.Task) error { return nil }

// workerTrim lets workers archive tasks until the archive overflows. Asynq up
// to 0.24 trims ids and forgets the data: an orphan for each id beyond 9,999.
func workerTrim(t target, args []string) (any, error) {
	f := newFlags("worker-trim")
	queue := f.String("queue", "", "queue to fill")
	tasks := f.Int("tasks", 12000, "tasks to archive")
	concurrency := f.Int("concurrency", 20, "workers")
	prefix := f.String("prefix", "wt", "prefix of the task ids")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := enqueueSamples(t, *prefix, *tasks, asynq.Queue(*queue), asynq.MaxRetry(0)); err != nil {
		return nil, err
	}
	var failures atomic.Int64
	cfg := asynq.Config{
		Concurrency: *concurrency,
		ErrorHandler: asynq.ErrorHandlerFunc(func(context.Context, *asynq.Task, error) {
			failures.Add(1)
		}),
	}
	info, err := t.work(*queue, cfg, fail, func(info *asynq.QueueInfo) bool {
		return failures.Load() >= int64(*tasks) && idle(info)
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"version":  asynqVersion(),
		"queue":    *queue,
		"accepted": *tasks,
		"archived": info.Archived,
		"seconds":  time.Since(start).Seconds(),
	}, nil
}

// sampleGroup is the group of tasks that wait to be aggregated; as no server
// here has an aggregator, they wait for ever.
const sampleGroup = "sample-group"

// archiveAll lets the inspector archive more tasks than the archive holds.
// Every version up to 0.26 then trims ids and leaves the data.
func archiveAll(t target, args []string) (any, error) {
	f := newFlags("archive-all")
	queue := f.String("queue", "", "queue to fill")
	tasks := f.Int("tasks", 12000, "tasks to archive")
	from := f.String("from", "pending", "state the tasks are in before: pending, scheduled, retry or aggregating")
	one := f.Bool("one", false, "archive task by task")
	concurrency := f.Int("concurrency", 20, "workers that bring tasks into retry")
	prefix := f.String("prefix", "aa", "prefix of the task ids")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}

	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	var (
		state   []asynq.Option
		archive func(queue string) (int, error)
	)
	switch *from {
	case "pending":
		archive = inspector.ArchiveAllPendingTasks
	case "scheduled":
		state = []asynq.Option{asynq.ProcessIn(time.Hour)}
		archive = inspector.ArchiveAllScheduledTasks
	case "retry":
		state = []asynq.Option{asynq.MaxRetry(3)}
		archive = inspector.ArchiveAllRetryTasks
	case "aggregating":
		state = []asynq.Option{asynq.Group(sampleGroup)}
		archive = func(queue string) (int, error) {
			return inspector.ArchiveAllAggregatingTasks(queue, sampleGroup)
		}
	default:
		return nil, usageError{fmt.Errorf("archive-all: cannot archive from %q", *from)}
	}

	start := time.Now()
	if err := enqueueSamples(t, *prefix, *tasks, append(state, asynq.Queue(*queue))...); err != nil {
		return nil, err
	}
	if *from == "retry" {
		cfg := asynq.Config{
			Concurrency:    *concurrency,
			RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
		}
		_, err := t.work(*queue, cfg, fail, func(info *asynq.QueueInfo) bool {
			return info.Pending+info.Active == 0
		})
		if err != nil {
			return nil, err
		}
	}

	moved := 0
	if *one {
		for i := range *tasks {
			if err := inspector.ArchiveTask(*queue, fmt.Sprintf("%s-%06d", *prefix, i)); err != nil {
				return nil, fmt.Errorf("archive task %d: %w", i, err)
			}
			moved++
		}
	} else {
		var err error
		if moved, err = archive(*queue); err != nil {
			return nil, err
		}
	}
	info, err := inspector.GetQueueInfo(*queue)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"version":  asynqVersion(),
		"queue":    *queue,
		"from":     *from,
		"accepted": *tasks,
		"moved":    moved,
		"archived": info.Archived,
		"seconds":  time.Since(start).Seconds(),
	}, nil
}

// deleteQueue deletes a queue by force, which every version up to 0.26 does
// without its completed and aggregating tasks: a leftover queue.
func deleteQueue(t target, args []string) (any, error) {
	f := newFlags("delete-queue")
	queue := f.String("queue", "", "queue to fill and delete")
	completed := f.Int("completed", 50, "tasks to complete")
	aggregating := f.Int("aggregating", 0, "tasks to leave in a group")
	concurrency := f.Int("concurrency", 20, "workers")
	prefix := f.String("prefix", "dq", "prefix of the task ids")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	start := time.Now()
	err := enqueueSamples(t, *prefix, *completed, asynq.Queue(*queue), asynq.Retention(24*time.Hour))
	if err != nil {
		return nil, err
	}
	err = enqueueSamples(t, *prefix+"-group", *aggregating, asynq.Queue(*queue), asynq.Group(sampleGroup))
	if err != nil {
		return nil, err
	}
	info, err := t.work(*queue, asynq.Config{Concurrency: *concurrency}, succeed, func(info *asynq.QueueInfo) bool {
		return info.Completed >= *completed && idle(info)
	})
	if err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	if err := inspector.DeleteQueue(*queue, true); err != nil {
		return nil, err
	}
	return map[string]any{
		"version":     asynqVersion(),
		"queue":       *queue,
		"completed":   info.Completed,
		"aggregating": info.Aggregating,
		"seconds":     time.Since(start).Seconds(),
	}, nil
}
