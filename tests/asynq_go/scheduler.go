package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
)

// schedule runs a real scheduler until SIGTERM arrives. Whoever kills it sees
// what it leaves behind.
func schedule(t target, args []string) (any, error) {
	f := newFlags("schedule")
	queue := f.String("queue", "", "queue of the tasks")
	entries := f.Int("entries", 2, "entries, each of which enqueues a task a second")
	heartbeat := f.Duration("heartbeat", time.Second, "interval of the heartbeats; Asynq before 0.25 has 5s and no choice")
	readyFile := f.String("ready-file", "", "write the ids of the entries to this file when it runs")
	unregisterFile := f.String("unregister-file", "", "take the first entry away when this file appears")
	if err := f.parse(args, "queue"); err != nil {
		return nil, err
	}

	opts := &asynq.SchedulerOpts{}
	if field := reflect.ValueOf(opts).Elem().FieldByName("HeartbeatInterval"); field.IsValid() {
		field.Set(reflect.ValueOf(*heartbeat))
	}
	scheduler := asynq.NewScheduler(t, opts)
	ids := make([]string, *entries)
	for i := range ids {
		var err error
		if ids[i], err = scheduler.Register("@every 1s", asynq.NewTask("tick", nil), asynq.Queue(*queue)); err != nil {
			return nil, err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := scheduler.Start(); err != nil {
		return nil, err
	}
	err := ready(*readyFile, ids)
	if err == nil && *unregisterFile != "" {
		<-untilExists(ctx, *unregisterFile).Done()
		if ctx.Err() == nil {
			err = errors.Join(scheduler.Unregister(ids[0]), os.Remove(*unregisterFile))
		}
	}
	if err == nil {
		<-ctx.Done()
	}
	scheduler.Shutdown()
	return map[string]any{"version": asynqVersion(), "queue": *queue, "entries": ids}, err
}

// ready writes a list into a file, whole or not at all.
func ready(file string, ids []string) error {
	if file == "" {
		return nil
	}
	content, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file+".new", content, 0o600), os.Rename(file+".new", file))
}
