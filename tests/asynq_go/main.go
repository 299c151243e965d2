// Command asynqreal drives the real Asynq library against a Redis, so that
// the tests of archive_tui meet what Asynq really writes, damages and expects.
//
// The same sources are built against each pinned version of the library:
//
//	go build -modfile=asynq-0.24.1.mod -o OUT .
//	go build -modfile=asynq-0.25.1.mod -o OUT .
//	go build -modfile=asynq-0.26.0.mod -o OUT .
//
// Usage:
//
//	asynqreal [--redis URL] [--timeout 2m] COMMAND [flags]
//
// URL is redis://[user:password@]host:port/db or unix:///path.sock[?db=n], or
// redis+cluster://host:port for a cluster that has this node.
// --timeout bounds every wait for a condition; nothing sleeps blindly.
//
// Each command prints one JSON object on stdout when it is done. Logs go to
// stderr. A failure is one line on stderr and exit status 1, wrong usage is
// exit status 2.
//
// Commands that fill (task ids are PREFIX-000000 and up; --prefix PREFIX lets
// a queue be filled more than once):
//
//	worker-trim  --queue Q --tasks N [--concurrency C]
//	    Real workers fail N tasks for good. Prefix "wt".
//	    {"version", "queue", "accepted", "archived", "seconds"}
//	archive-all  --queue Q --tasks N [--from pending|scheduled|retry|aggregating] [--one] [--concurrency C]
//	    The inspector archives N tasks out of that state, in one call or, with
//	    --one, one by one. Prefix "aa".
//	    {"version", "queue", "from", "accepted", "moved", "archived", "seconds"}
//	delete-queue --queue Q --completed N [--aggregating M] [--concurrency C]
//	    N tasks complete with a retention, M more wait in a group; then the
//	    inspector deletes the queue by force. Prefixes "dq" and "dq-group".
//	    {"version", "queue", "completed", "aggregating", "seconds"}
//
// The command that is busy (see traffic.go and account.go):
//
//	traffic --queues A,B [--seconds S] [--rate R] [--concurrency C] [--seed X] [--prefill N]
//	        [--stop-file PATH] [--ready-file PATH] [--account PATH]
//	    Clients, servers and an inspector until S seconds have passed, PATH
//	    exists or SIGINT or SIGTERM arrives; --seconds 0 means no time limit.
//	    --ready-file is created once the prefill is done and workers run.
//	    {"version", "queues", "seconds", "counts": {name: n}, "problems": [text], "server_errors": [text],
//	     "accepted": TASKS, "processed": TASKS, "aggregated": TASKS,
//	     "deleted_by_asynq": TASKS, "trimmed_by_asynq": TASKS, "orphaned": TASKS}
//	    with TASKS = [{"queue", "id", "times"}, ...]. With --account the object
//	    goes to that file, and stdout gets it without the lists of tasks.
//
// The command that drains:
//
//	process --queue Q [--until-empty] [--fail-first] [--run-delayed] [--concurrency C] [--account PATH]
//	    Workers succeed with everything until nothing is pending, active, in
//	    retry or scheduled (--until-empty is the default and may be said).
//	    --fail-first fails each task once before; --run-delayed lets the
//	    inspector run scheduled and retry tasks at once. Output as of traffic,
//	    with "queue" for "queues".
//
// Commands that go on with what was damaged:
//
//	run-all --queue Q --from archived|scheduled|retry
//	    The inspector runs all tasks of that state. {"queue", "moved"}
//	work-pending --queue Q [--concurrency C]
//	    Workers succeed with whatever they can take, until nothing is pending;
//	    what they choke on stays active. {"queue", "active"}
//	fail --queue Q [--tasks N]
//	    Workers fail N tasks for good, whatever Asynq then makes of them.
//	    Prefix "ff". {"queue", "failed"}
//
// The command that schedules, until SIGTERM arrives or somebody kills it:
//
//	schedule --queue Q [--entries N] [--heartbeat 1s] [--ready-file PATH] [--unregister-file PATH]
//	    A scheduler with N entries, each of which enqueues a task a second. When
//	    it runs, PATH gets the ids of the entries as JSON. When the other PATH
//	    appears, the first entry is taken away, and then that file.
//	    {"version", "queue", "entries": [id]}
//
// Single calls of the library:
//
//	enqueue --queue Q --type T [--id ID] [--payload TEXT] [--max-retry N] [--unique 60s] [--retention 1h] [--in 1h] [--group G]
//	    {"accepted": bool, "conflict": bool, "error": text, "id": text}
//	archive | run-archived | delete --queue Q --id ID
//	    {"queue", "id", "done": true}
//	check --queue Q
//	    What the inspector makes of the queue: its sizes, and how many tasks
//	    it can decode on the first page of each state.
//	    {"version", "queue", "sizes": {state: n}, "listed": {state: n}, "processed", "failed", "memory", "groups": {name: n}, "paused"}
//	list-archived --queue Q [--page-size N]
//	    {"queue", "listed", "seconds"}
//	delete-all-archived --queue Q
//	    {"queue", "deleted", "seconds"}
//	versions
//	    {"asynq", "go_redis", "go"}
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// A command runs one subcommand and returns the value to print as JSON.
type command func(t target, args []string) (any, error)

var commands = map[string]command{
	"worker-trim":  workerTrim,
	"archive-all":  archiveAll,
	"delete-queue": deleteQueue,
	"traffic":      runTraffic,
	"process":      process,
	"run-all":      runAll,
	"work-pending": workPending,
	"fail":         failFor,
	"schedule":     schedule,
	"enqueue":      enqueueOne,
	"archive":      archiveOne,
	"run-archived": runOne,
	"delete":       deleteOne,
	"check":        check,
	"versions":     versions,

	"list-archived":       listArchived,
	"delete-all-archived": deleteAllArchived,
}

// A usageError is the caller's mistake rather than the library's or Redis'.
type usageError struct{ error }

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "asynqreal:", strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.As(err, &usageError{}) {
		os.Exit(2)
	}
	os.Exit(1)
}

func run(args []string, stdout io.Writer) error {
	f := newFlags("asynqreal")
	url := f.String("redis", "redis://127.0.0.1:6379/0", "where Redis listens")
	timeout := f.Duration("timeout", 2*time.Minute, "how long to wait for a condition")
	if err := f.parse(args); err != nil {
		return err
	}
	cmd, known := commands[f.Arg(0)]
	if !known {
		return usageError{fmt.Errorf("no such command %q", f.Arg(0))}
	}
	t, err := newTarget(*url, *timeout)
	if err != nil {
		return usageError{err}
	}
	result, err := cmd(t, f.Args()[1:])
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// flags is a flag set that reports mistakes as errors and knows which flags
// must be given.
type flags struct{ *flag.FlagSet }

func newFlags(name string) flags {
	f := flags{flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	return f
}

func (f flags) parse(args []string, required ...string) error {
	if err := f.Parse(args); err != nil {
		return usageError{fmt.Errorf("%s: %w", f.Name(), err)}
	}
	for _, name := range required {
		if f.Lookup(name).Value.String() == "" {
			return usageError{fmt.Errorf("%s: --%s is required", f.Name(), name)}
		}
	}
	return nil
}

// version is the version of a module as it was linked into this program, so
// that it cannot differ from what runs.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return strings.TrimPrefix(dep.Version, "v")
		}
	}
	return ""
}

func asynqVersion() string { return version("github.com/hibiken/asynq") }

func versions(target, []string) (any, error) {
	return map[string]string{
		"asynq":    asynqVersion(),
		"go_redis": version("github.com/redis/go-redis/v9"),
		"go":       runtime.Version(),
	}, nil
}
