package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
)

// enqueue enters what Asynq accepted into the account.
func (tr *traffic) enqueue(client *asynq.Client, task *asynq.Task, queue string, opts ...asynq.Option) {
	info, err := client.Enqueue(task, append(opts, asynq.Queue(queue))...)
	switch {
	case err == nil:
		tr.book.add(tr.book.accepted, taskRef{queue, info.ID})
	case isConflict(err):
		tr.book.count("conflicts")
	default:
		tr.book.problem("enqueue into %s: %v", queue, err)
	}
}

// prefill brings the archives to their cap, so that from the first moment on
// each task archived pushes out another.
func (tr *traffic) prefill(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	inspector := asynq.NewInspector(tr.conn(false))
	defer inspector.Close()
	for _, queue := range tr.queues {
		err := enqueueEach(tr.conn(false), n, func(client *asynq.Client, i int) error {
			id := fmt.Sprintf("prefill-%d-%06d", tr.seed, i)
			tr.enqueue(client, tr.task(prefillType, queue, id), queue, asynq.TaskID(id), asynq.MaxRetry(0))
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		if _, err := inspector.ArchiveAllPendingTasks(queue); err != nil {
			return err
		}
	}
	return nil
}

// produce enqueues at its share of the rate, and in every way there is.
func (tr *traffic) produce(ctx context.Context, n uint64) {
	client := asynq.NewClient(tr.conn(false))
	defer client.Close()
	rng := rand.New(rand.NewPCG(tr.seed, n))
	start, pause := time.Now(), time.Duration(float64(time.Second)*producerCount/tr.rate)
	for sent := 0; ; sent++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(start.Add(pause * time.Duration(sent)))):
			tr.produceOne(client, rng)
		}
	}
}

func (tr *traffic) produceOne(client *asynq.Client, rng *rand.Rand) {
	queue := tr.queues[rng.IntN(len(tr.queues))]
	kind := sampleTypes[rng.IntN(len(sampleTypes))]
	retry := asynq.MaxRetry(rng.IntN(4))
	seconds := time.Duration(1+rng.IntN(4)) * time.Second
	switch way := rng.IntN(100); {
	case way < 45: // at once, with an id of Asynq's choice
		tr.enqueue(client, tr.task(kind, queue, ""), queue, retry)
	case way < 60: // later
		tr.enqueue(client, tr.task(kind, queue, ""), queue, retry, asynq.ProcessIn(seconds))
	case way < 70: // with a lock that many compete for
		task := trafficPayload{Queue: queue, Serial: -1 - rng.Int64N(40)}.task(kind)
		opts := []asynq.Option{retry, asynq.Unique(seconds)}
		if rng.IntN(2) == 0 {
			opts = append(opts, asynq.ProcessIn(seconds))
		}
		tr.enqueue(client, task, queue, opts...)
	case way < 80: // to be kept when completed, some only until the janitor comes
		retention := seconds
		if rng.IntN(2) == 0 {
			retention = time.Hour
		}
		tr.enqueue(client, tr.task(kind, queue, ""), queue, retry, asynq.Retention(retention))
	case way < 92: // with an id that is used again: neither retention nor group, see account.go
		id := fmt.Sprintf("fixed-%d-%03d", tr.seed, rng.IntN(fixedIDs))
		tr.enqueue(client, tr.task(kind, queue, id), queue, retry, asynq.TaskID(id))
	default: // to be aggregated; run alone, it must not return from retry into a group that nobody looks into
		id := fmt.Sprintf("member-%d-%06d", tr.seed, tr.serial.Add(1))
		group := trafficGroups[rng.IntN(len(trafficGroups))]
		tr.enqueue(client, tr.task(kind, queue, id), queue, asynq.MaxRetry(0), asynq.TaskID(id), asynq.Group(group))
	}
}
