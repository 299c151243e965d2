package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
)

// traffic is a busy installation: clients that use every way of enqueueing,
// servers whose handlers succeed and fail, and an operator at the inspector
// who archives, runs and deletes. What becomes of a task follows from the
// seed, its id and its retries; what overlaps with what does not.
type traffic struct {
	target
	queues      []string
	seed        uint64
	rate        float64
	concurrency int
	book        *account
	batches     *batches
	batchID     atomic.Int64
	serial      atomic.Int64
}

const (
	serverCount   = 2
	producerCount = 2
	prefillType   = "traffic:prefill"
	batchType     = "traffic:batch"

	// fixedIDs is how many ids a queue's clients use again and again. An
	// orphan blocks its id; once that is cleaned up a new task may bear it at
	// any moment, and a cleaner that acts on old knowledge deletes that one.
	fixedIDs = 300
)

var trafficGroups = []string{"daily", "hourly"}

func runTraffic(t target, args []string) (any, error) {
	f := newFlags("traffic")
	queues := f.String("queues", "", "queues to use, separated by commas")
	seconds := f.Float64("seconds", 20, "how long to run; 0 for no limit")
	rate := f.Float64("rate", 300, "tasks to enqueue per second")
	concurrency := f.Int("concurrency", 10, "workers of each of the two servers")
	seed := f.Uint64("seed", 1, "what decides the tasks' fates; part of the ids that clients choose")
	prefill := f.Int("prefill", 0, "tasks to archive in each queue beforehand; 10000 and more fill the archive")
	stopFile := f.String("stop-file", "", "stop when this file appears")
	readyFile := f.String("ready-file", "", "create this file when the traffic runs")
	accountFile := f.String("account", "", "write the account to this file")
	if err := f.parse(args, "queues"); err != nil {
		return nil, err
	}
	if *rate <= 0 {
		return nil, usageError{errors.New("traffic: --rate must be positive")}
	}
	tr := &traffic{
		target:      t,
		queues:      strings.Split(*queues, ","),
		seed:        *seed,
		rate:        *rate,
		concurrency: *concurrency,
		book:        newAccount(),
		batches:     &batches{members: map[string][]taskRef{}},
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := tr.prefill(ctx, *prefill); err != nil {
		return nil, err
	}
	servers := make([]*asynq.Server, serverCount)
	for i := range servers {
		var err error
		if servers[i], err = tr.serve(); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	if *seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*seconds*float64(time.Second)))
		defer cancel()
	}
	if *stopFile != "" {
		ctx = untilExists(ctx, *stopFile)
	}
	if *readyFile != "" {
		if err := os.WriteFile(*readyFile, nil, 0o600); err != nil {
			return nil, err
		}
	}

	var clients sync.WaitGroup
	for i := range producerCount {
		clients.Add(1)
		go func() { defer clients.Done(); tr.produce(ctx, uint64(i)) }()
	}
	clients.Add(1)
	go func() { defer clients.Done(); tr.operate(ctx) }()
	clients.Wait()

	// Only now, so that the workers stay busy to the last moment.
	var down sync.WaitGroup
	for _, server := range servers {
		down.Add(1)
		go func() { defer down.Done(); server.Shutdown() }()
	}
	down.Wait()
	return tr.book.report(*accountFile, map[string]any{
		"queues":  tr.queues,
		"seconds": time.Since(start).Seconds(),
	})
}

// untilExists returns a context that also ends when the file appears.
func untilExists(parent context.Context, file string) context.Context {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(file); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return ctx
}

func (tr *traffic) conn(server bool) witness {
	return witness{tr.target, tr.book, tr.batches, server}
}

// trafficPayload lets the aggregator know whom it merges: Asynq hands it
// types and payloads, but no ids.
type trafficPayload struct {
	Queue   string           `json:"queue"`
	ID      string           `json:"id,omitempty"`
	Serial  int64            `json:"serial,omitempty"`
	Members []trafficPayload `json:"members,omitempty"`
}

func (p trafficPayload) task(kind string, opts ...asynq.Option) *asynq.Task {
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return asynq.NewTask(kind, data, opts...)
}

// task makes a task whose payload differs from that of all others.
func (tr *traffic) task(kind, queue, id string) *asynq.Task {
	return trafficPayload{Queue: queue, ID: id, Serial: tr.serial.Add(1)}.task(kind)
}
