package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
)

// operate is the operator: mostly single tasks, now and then everything.
func (tr *traffic) operate(ctx context.Context) {
	inspector := asynq.NewInspector(tr.conn(false))
	defer inspector.Close()
	rng := rand.New(rand.NewPCG(tr.seed, producerCount))
	lists := listers(inspector)
	waiting := []lister{lists["pending"], lists["scheduled"], lists["retry"], aggregatingLister(inspector)}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		queue := tr.queues[rng.IntN(len(tr.queues))]
		var (
			name string
			err  error
		)
		switch what := rng.IntN(100); {
		case what < 30:
			name = "archive"
			err = onSome(rng, waiting[rng.IntN(len(waiting))], queue, inspector.ArchiveTask)
		case what < 50:
			name = "run"
			err = onSome(rng, lists["archived"], queue, inspector.RunTask)
		case what < 80:
			name = "delete"
			err = onSome(rng, lists["archived"], queue, func(queue, id string) error {
				err := inspector.DeleteTask(queue, id)
				if err == nil {
					tr.book.add(tr.book.deleted, taskRef{queue, id})
				}
				return err
			})
		case what < 86:
			name = "archive_all_pending"
			_, err = inspector.ArchiveAllPendingTasks(queue)
		case what < 91:
			name = "archive_all_scheduled"
			_, err = inspector.ArchiveAllScheduledTasks(queue)
		case what < 96:
			name = "archive_all_retry"
			_, err = inspector.ArchiveAllRetryTasks(queue)
		case what < 98:
			name = "archive_all_aggregating"
			_, err = inspector.ArchiveAllAggregatingTasks(queue, trafficGroups[rng.IntN(len(trafficGroups))])
		default:
			name = "run_all_archived"
			if _, err = inspector.RunAllArchivedTasks(queue); err == nil && rng.IntN(3) > 0 {
				// The operator thinks better of it: the archive overflows.
				_, err = inspector.ArchiveAllPendingTasks(queue)
			}
		}
		if err != nil {
			// Somebody else was faster. A lost connection the witness notes.
			name += "_refused"
		}
		tr.book.count("operator_" + name)
	}
}

// onSome applies a call to a task somewhere in the list, if there is one.
func onSome(rng *rand.Rand, list lister, queue string, call func(queue, id string) error) error {
	const pageSize = 20
	page, err := list(queue, asynq.PageSize(pageSize), asynq.Page(1+rng.IntN(500)))
	if err == nil && len(page) == 0 {
		page, err = list(queue, asynq.PageSize(pageSize))
	}
	if err != nil || len(page) == 0 {
		return err
	}
	return call(queue, page[rng.IntN(len(page))].ID)
}

func aggregatingLister(inspector *asynq.Inspector) lister {
	return func(queue string, opts ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
		var all []*asynq.TaskInfo
		for _, group := range trafficGroups {
			page, err := inspector.ListAggregatingTasks(queue, group, opts...)
			if err != nil {
				return nil, err
			}
			all = append(all, page...)
		}
		return all, nil
	}
}
