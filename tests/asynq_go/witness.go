package main

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// A witness is a connection for Asynq that enters into the account what the
// library does without telling its caller. Asynq's scripts run unchanged; the
// witness recognises them by their keys, which are the same in all pinned
// versions except where noted. It sees two things:
//
// Aggregates. A server enqueues them itself; the aggregator function that
// builds one does not learn whether it was accepted. The script's reply tells.
//
// Trimming. Whatever archives a task also trims the archive, and says nothing
// about it. See archiving.go.
type witness struct {
	target
	book    *account
	batches *batches
	server  bool // the connection of a server, not of a client or inspector
}

var _ asynq.RedisConnOpt = witness{}

func (w witness) MakeRedisClient() interface{} {
	client := w.target.MakeRedisClient().(redis.UniversalClient)
	client.AddHook(witnessHook{w, client})
	return client
}

type witnessHook struct {
	witness
	client redis.UniversalClient
}

func (h witnessHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h witnessHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h witnessHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		keys := scriptKeys(cmd)
		if keys == nil {
			return next(ctx, cmd)
		}
		var err error
		if archiving, ok := parseArchiving(keys); ok {
			err = archiving.watch(ctx, h.client, cmd, h.book)
		} else {
			err = next(ctx, cmd)
		}
		h.observe(cmd, keys, err)
		return err
	}
}

// observe enters the outcome of a script into the account.
func (h witnessHook) observe(cmd redis.Cmder, keys []string, err error) {
	var refusal redis.Error
	switch {
	case err == nil:
		enqueued := len(keys) == 2 && strings.HasSuffix(keys[1], "}:pending")
		if ref, ok := parseTaskKey(keys[0]); ok && h.server && enqueued && replied(cmd, 1) {
			h.batches.accepted(ref, h.book)
		}
	case errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "NOSCRIPT"):
		// Nothing to pop; and the library's cue to send the script's text.
	case errors.As(err, &refusal):
		// An inspector may come too late at any time. A server may not.
		if h.server {
			h.book.serverError(err)
		}
	default:
		h.book.problem("outcome unknown: %v: %v", keys, err)
	}
}

// scriptKeys returns the keys of a script call, and nil for other commands.
func scriptKeys(cmd redis.Cmder) []string {
	if name := cmd.Name(); name != "evalsha" && name != "eval" {
		return nil
	}
	args := cmd.Args()
	n, ok := args[2].(int)
	if !ok || n == 0 {
		return nil
	}
	keys := make([]string, n)
	for i := range keys {
		keys[i], _ = args[3+i].(string)
	}
	return keys
}

func replied(cmd redis.Cmder, want int64) bool {
	script, ok := cmd.(*redis.Cmd)
	if !ok {
		return false
	}
	n, err := script.Int64()
	return err == nil && n == want
}

func parseTaskKey(key string) (taskRef, bool) {
	queue, id, ok := strings.Cut(strings.TrimPrefix(key, "asynq:{"), "}:t:")
	return taskRef{queue, id}, ok
}

// batches remembers the members of aggregates between the aggregator, which
// knows them, and the witness, which learns whether they were accepted.
type batches struct {
	mu      sync.Mutex
	members map[string][]taskRef
}

func (b *batches) add(id string, members []taskRef) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members[id] = members
}

func (b *batches) accepted(ref taskRef, book *account) {
	b.mu.Lock()
	members, known := b.members[ref.id]
	delete(b.members, ref.id)
	b.mu.Unlock()
	if !known {
		book.problem("server enqueued an unknown task: %v", ref)
	}
	book.add(book.accepted, ref)
	book.add(book.aggregated, members...)
}
