package main

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// A target is the Redis that the commands work on.
type target struct {
	options *redis.Options
	cluster bool
	timeout time.Duration
}

func newTarget(url string, timeout time.Duration) (target, error) {
	node, cluster := strings.CutPrefix(url, "redis+cluster://")
	if cluster {
		url = "redis://" + node
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return target{}, err
	}
	return target{options, cluster, timeout}, nil
}

// MakeRedisClient makes a target an asynq.RedisConnOpt. The connection differs
// from Asynq's own in two ways, both for the sake of certainty: a command that
// was perhaps executed is not sent again, and a server which is kept busy by
// long scripts is not taken for a dead one.
func (t target) MakeRedisClient() interface{} {
	if t.cluster {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs:        []string{t.options.Addr},
			MaxRedirects: 16,
			ReadTimeout:  30 * time.Second,
			WriteTimeout: 30 * time.Second,
		})
	}
	options := *t.options
	options.MaxRetries = -1
	options.ReadTimeout = 30 * time.Second
	options.WriteTimeout = 30 * time.Second
	return redis.NewClient(&options)
}

// await returns once the queue's figures satisfy done. Asynq reads them in one
// script, so they are consistent: no task hides between two states.
func (t target) await(queue string, done func(*asynq.QueueInfo) bool) (*asynq.QueueInfo, error) {
	inspector := asynq.NewInspector(t)
	defer inspector.Close()
	for deadline := time.Now().Add(t.timeout); ; time.Sleep(20 * time.Millisecond) {
		info, err := inspector.GetQueueInfo(queue)
		if err != nil {
			return nil, err
		}
		if done(info) {
			return info, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("queue %q is not done after %v: %v", queue, t.timeout, sizes(info))
		}
	}
}

// work runs real workers on a queue until its figures satisfy done.
func (t target) work(queue string, cfg asynq.Config, handler asynq.HandlerFunc, done func(*asynq.QueueInfo) bool) (*asynq.QueueInfo, error) {
	cfg.Queues = map[string]int{queue: 1}
	server, err := startServer(t, cfg, handler)
	if err != nil {
		return nil, err
	}
	defer server.Shutdown()
	return t.await(queue, done)
}

func startServer(conn asynq.RedisConnOpt, cfg asynq.Config, handler asynq.Handler) (*asynq.Server, error) {
	cfg.LogLevel = asynq.ErrorLevel
	cfg.DelayedTaskCheckInterval = 200 * time.Millisecond
	lookOften(&cfg)
	// A worker that is aborted puts its task back although the handler may
	// still succeed with it: wait long enough that this never happens.
	cfg.ShutdownTimeout = time.Minute
	server := asynq.NewServer(conn, cfg)
	if err := server.Start(handler); err != nil {
		return nil, err
	}
	return server, nil
}

// lookOften lets a server whose queues are empty look again soon. It cannot be
// shut down while it waits to do so, a whole second otherwise; 0.24 always waits
// that long, and has no such setting.
func lookOften(cfg *asynq.Config) {
	if interval := reflect.ValueOf(cfg).Elem().FieldByName("TaskCheckInterval"); interval.IsValid() {
		interval.SetInt(int64(20 * time.Millisecond))
	}
}

// enqueueEach calls enqueue for each i below n, from several clients at once;
// one alone spends most of its time waiting for replies.
func enqueueEach(conn asynq.RedisConnOpt, n int, enqueue func(client *asynq.Client, i int) error) error {
	const clients = 8
	var (
		next   atomic.Int64
		failed = make([]error, clients)
		group  sync.WaitGroup
	)
	for c := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			client := asynq.NewClient(conn)
			defer client.Close()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := enqueue(client, i); err != nil {
					failed[c] = fmt.Errorf("enqueue task %d: %w", i, err)
					return
				}
			}
		}()
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return err // the others most likely say the same
		}
	}
	return nil
}

// idle tells that no task of the queue is running or going to run.
func idle(info *asynq.QueueInfo) bool {
	return info.Pending+info.Active+info.Scheduled+info.Retry == 0
}

func sizes(info *asynq.QueueInfo) map[string]int {
	return map[string]int{
		"pending":     info.Pending,
		"active":      info.Active,
		"scheduled":   info.Scheduled,
		"retry":       info.Retry,
		"archived":    info.Archived,
		"completed":   info.Completed,
		"aggregating": info.Aggregating,
	}
}
