package main

import (
	"time"

	"github.com/hibiken/asynq"
)

// The commands of this file are what the benchmark compares with: the
// library's own ways to read an archive and to empty it.

// listArchived reads the whole archive page by page, as `asynq task ls` reads
// one page of it.
func listArchived(t target, args []string) (any, error) {
	f := newFlags("list-archived")
	queue := f.String("queue", "", "queue to list")
	size := f.Int("page-size", 1000, "tasks on a page")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	start := time.Now()
	listed := 0
	for page := 1; ; page++ {
		tasks, err := inspector.ListArchivedTasks(*queue, asynq.PageSize(*size), asynq.Page(page))
		if err != nil {
			return nil, err
		}
		listed += len(tasks)
		if len(tasks) < *size {
			break
		}
	}
	return map[string]any{"queue": *queue, "listed": listed, "seconds": time.Since(start).Seconds()}, nil
}

// deleteAllArchived empties the archive in one call, which is one script.
func deleteAllArchived(t target, args []string) (any, error) {
	f := newFlags("delete-all-archived")
	queue := f.String("queue", "", "queue whose archive to empty")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	start := time.Now()
	deleted, err := inspector.DeleteAllArchivedTasks(*queue)
	if err != nil {
		return nil, err
	}
	return map[string]any{"queue": *queue, "deleted": deleted, "seconds": time.Since(start).Seconds()}, nil
}
