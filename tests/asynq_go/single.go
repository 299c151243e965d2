package main

import (
	"errors"
	"time"

	"github.com/hibiken/asynq"
)

// The commands of this file make one call of the library each.

func enqueueOne(t target, args []string) (any, error) {
	f := newFlags("enqueue")
	queue := f.String("queue", "", "queue of the task")
	id := f.String("id", "", "id of the task; Asynq chooses one if it is missing")
	kind := f.String("type", "", "type of the task")
	payload := f.String("payload", "", "payload of the task")
	maxRetry := f.Int("max-retry", 25, "retries before the task is archived")
	unique := f.Duration("unique", 0, "hold a unique lock for so long")
	retention := f.Duration("retention", 0, "keep the task for so long once it is completed")
	in := f.Duration("in", 0, "run the task later")
	group := f.String("group", "", "group to aggregate the task in")
	if err := f.parse(args, "queue", "type"); err != nil {
		return nil, err
	}
	opts := []asynq.Option{asynq.Queue(*queue), asynq.MaxRetry(*maxRetry), asynq.Retention(*retention)}
	if *id != "" {
		opts = append(opts, asynq.TaskID(*id))
	}
	if *unique > 0 {
		opts = append(opts, asynq.Unique(*unique))
	}
	if *in > 0 {
		opts = append(opts, asynq.ProcessAt(time.Now().Add(*in)))
	}
	if *group != "" {
		opts = append(opts, asynq.Group(*group))
	}

	client := asynq.NewClient(t)
	defer client.Close()
	info, err := client.Enqueue(asynq.NewTask(*kind, []byte(*payload)), opts...)
	switch {
	case err == nil:
		return map[string]any{"accepted": true, "conflict": false, "error": "", "id": info.ID}, nil
	case isConflict(err):
		return map[string]any{"accepted": false, "conflict": true, "error": err.Error(), "id": *id}, nil
	}
	return nil, err
}

// isConflict tells that Asynq refused a task because its id or its unique lock
// is taken, which is an answer rather than a failure.
func isConflict(err error) bool {
	return errors.Is(err, asynq.ErrTaskIDConflict) || errors.Is(err, asynq.ErrDuplicateTask)
}

func archiveOne(t target, args []string) (any, error) {
	return inspectOne(t, "archive", (*asynq.Inspector).ArchiveTask, args)
}

func runOne(t target, args []string) (any, error) {
	return inspectOne(t, "run-archived", (*asynq.Inspector).RunTask, args)
}

func deleteOne(t target, args []string) (any, error) {
	return inspectOne(t, "delete", (*asynq.Inspector).DeleteTask, args)
}

func inspectOne(t target, name string, call func(i *asynq.Inspector, queue, id string) error, args []string) (any, error) {
	f := newFlags(name)
	queue := f.String("queue", "", "queue of the task")
	id := f.String("id", "", "id of the task")
	if err := f.parse(args, "queue", "id"); err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	if err := call(inspector, *queue, *id); err != nil {
		return nil, err
	}
	return map[string]any{"queue": *queue, "id": *id, "done": true}, nil
}

// check asks the inspector for everything it can say about a queue. Husks,
// keys of a wrong type and messages that do not decode make it fail.
func check(t target, args []string) (any, error) {
	f := newFlags("check")
	queue := f.String("queue", "", "queue to look at")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	info, err := inspector.GetQueueInfo(*queue)
	if err != nil {
		return nil, err
	}
	groups, err := inspector.Groups(*queue)
	if err != nil {
		return nil, err
	}
	groupSizes := make(map[string]int)
	for _, group := range groups {
		groupSizes[group.Group] = group.Size
	}
	listed := make(map[string]int)
	for state, list := range listers(inspector) {
		page, err := list(*queue, asynq.PageSize(100))
		if err != nil {
			return nil, err
		}
		listed[state] = len(page)
	}
	return map[string]any{
		"version":   asynqVersion(),
		"queue":     *queue,
		"sizes":     sizes(info),
		"listed":    listed,
		"processed": info.ProcessedTotal,
		"failed":    info.FailedTotal,
		"memory":    info.MemoryUsage,
		"groups":    groupSizes,
		"paused":    info.Paused,
	}, nil
}

type lister func(queue string, opts ...asynq.ListOption) ([]*asynq.TaskInfo, error)

func listers(inspector *asynq.Inspector) map[string]lister {
	return map[string]lister{
		"pending":   inspector.ListPendingTasks,
		"active":    inspector.ListActiveTasks,
		"scheduled": inspector.ListScheduledTasks,
		"retry":     inspector.ListRetryTasks,
		"archived":  inspector.ListArchivedTasks,
		"completed": inspector.ListCompletedTasks,
	}
}
