package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

// process works a queue off, which proves that every task in it can be run.
// It keeps an account like traffic, for the two to be added up.
func process(t target, args []string) (any, error) {
	f := newFlags("process")
	queue := f.String("queue", "", "queue to work off")
	f.Bool("until-empty", true, "stop when no task is waiting or running; there is no other way yet")
	failFirst := f.Bool("fail-first", false, "fail each task once")
	runDelayed := f.Bool("run-delayed", false, "run scheduled and retry tasks at once")
	concurrency := f.Int("concurrency", 20, "workers")
	accountFile := f.String("account", "", "write the account to this file")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}

	var (
		start = time.Now()
		book  = newAccount()
		seen  sync.Map
	)
	handler := func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		if _, again := seen.LoadOrStore(id, true); *failFirst && !again {
			return errors.New("the first attempt fails")
		}
		book.add(book.processed, taskRef{*queue, id})
		return nil
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	var delayed error
	done := func(info *asynq.QueueInfo) bool {
		if *runDelayed && info.Scheduled+info.Retry > 0 {
			_, err1 := inspector.RunAllScheduledTasks(*queue)
			_, err2 := inspector.RunAllRetryTasks(*queue)
			delayed = errors.Join(err1, err2)
		}
		return idle(info) || delayed != nil
	}

	server, err := startServer(witness{t, book, &batches{}, true}, asynq.Config{
		Concurrency:    *concurrency,
		Queues:         map[string]int{*queue: 1},
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
	}, asynq.HandlerFunc(handler))
	if err != nil {
		return nil, err
	}
	_, err = t.await(*queue, done)
	server.Shutdown()
	if err = errors.Join(err, delayed); err != nil {
		return nil, err
	}
	return book.report(*accountFile, map[string]any{
		"queue":   *queue,
		"seconds": time.Since(start).Seconds(),
	})
}
