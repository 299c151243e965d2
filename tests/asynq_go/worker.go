package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
)

// serve starts a server that retries soon and aggregates in small batches, so
// that tasks pass through many states in little time.
func (tr *traffic) serve() (*asynq.Server, error) {
	queues := make(map[string]int)
	for _, queue := range tr.queues {
		queues[queue] = 1
	}
	return startServer(tr.conn(true), asynq.Config{
		Concurrency:      tr.concurrency,
		Queues:           queues,
		RetryDelayFunc:   func(n int, _ error, _ *asynq.Task) time.Duration { return time.Duration(n%2) * time.Second },
		GroupAggregator:  asynq.GroupAggregatorFunc(tr.aggregate),
		GroupGracePeriod: time.Second,
		GroupMaxDelay:    3 * time.Second,
		GroupMaxSize:     20,
	}, asynq.HandlerFunc(tr.handle))
}

// aggregate merges a group. The id is chosen here so that the witness can tell
// which members were merged once Asynq has accepted the batch.
func (tr *traffic) aggregate(group string, tasks []*asynq.Task) *asynq.Task {
	var (
		id      = fmt.Sprintf("batch-%d-%s-%06d", tr.seed, group, tr.batchID.Add(1))
		batch   = trafficPayload{ID: id}
		members []taskRef
	)
	for _, task := range tasks {
		var member trafficPayload
		if err := json.Unmarshal(task.Payload(), &member); err != nil || member.ID == "" {
			tr.book.problem("%s: member without an id: %q", id, task.Payload())
			continue
		}
		batch.Queue = member.Queue
		batch.Members = append(batch.Members, member)
		members = append(members, taskRef{member.Queue, member.ID})
	}
	tr.batches.add(id, members)
	return batch.task(batchType, asynq.TaskID(id), asynq.MaxRetry(2))
}

// handle succeeds with about half of the tasks at each attempt.
func (tr *traffic) handle(ctx context.Context, task *asynq.Task) error {
	id, _ := asynq.GetTaskID(ctx)
	queue, _ := asynq.GetQueueName(ctx)
	retried, _ := asynq.GetRetryCount(ctx)
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%d %s", retried, id)
	rng := rand.New(rand.NewPCG(tr.seed, hash.Sum64()))

	// Work takes time, during which the task is active.
	time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)

	successes := 50
	if task.Type() == prefillType {
		successes = 10 // an archive that is run as a whole shall fill again
	}
	switch fate := rng.IntN(100); {
	case fate < successes:
		tr.book.add(tr.book.processed, taskRef{queue, id})
		return nil
	case fate >= 95:
		return fmt.Errorf("payload rejected: %w", asynq.SkipRetry)
	default:
		tr.book.count("failures")
		return fmt.Errorf("dial tcp 192.0.2.%d:443: i/o timeout", rng.IntN(256))
	}
}
