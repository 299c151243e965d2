package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
)

// An account says what Asynq promised and what Asynq itself did about it, so
// that whatever is missing afterwards can only have been taken by somebody
// else. It counts events by task id, not mere membership, because an id that
// became free may be accepted again:
//
//	accepted   Enqueue returned no error, or a server enqueued an aggregate
//	processed  a handler returned success
//	aggregated the task was merged into an aggregate that was itself accepted
//	deleted    the inspector's DeleteTask returned no error
//	trimmed    the task was pushed out of the archive and its data deleted
//	orphaned   the task was pushed out of the archive and its data left
//
// The last two are explained in archiving.go. To close the account, read for
// each id after everything has ended
//
//	present    1 if Redis holds its data and there is a message in it (a hash
//	           without one is what Asynq makes of an id whose data is gone)
//	orphan     1 if that data says "archived" but the archive lacks the id
//	foreign    how often somebody who is not Asynq deleted it
//
// and find, for each id that was ever accepted and for no other:
//
//	accepted - processed - aggregated - deleted - trimmed - present - foreign = 0
//	orphaned - orphan - foreign = 0
//
// The first line above zero is a lost task. Below zero it is data that was
// deleted or came back when it should not, except for -1 where the data that
// is present says "completed": such a task is processed and kept. The second
// line below zero is a deletion of what was no orphan: Asynq never touches an
// orphan again, so each one is either still there or rightly deleted.
//
// This is exact, because
//
//   - each acceptance ends in exactly one of these events. Ids that are used
//     again (see traffic.go) neither retain their results nor join groups, so
//     the exception for completed tasks applies to ids that are used once.
//   - whether a retention expired need not be known: the task was processed.
//   - what Asynq does without its caller's knowledge is seen by the connection
//     that does it (see witness.go).
//   - a call whose outcome is unknown, such as on a broken connection, is noted
//     as a problem. Only an account without problems is exact.
type account struct {
	mu           sync.Mutex
	accepted     tally
	processed    tally
	aggregated   tally
	deleted      tally
	trimmed      tally
	orphaned     tally
	counts       map[string]int
	problems     []string
	serverErrors []string
}

func newAccount() *account {
	return &account{
		accepted:   tally{},
		processed:  tally{},
		aggregated: tally{},
		deleted:    tally{},
		trimmed:    tally{},
		orphaned:   tally{},
		counts:     map[string]int{},
	}
}

// A taskRef names a task; ids are unique only within their queue.
type taskRef struct{ queue, id string }

// A tally counts the events of one kind by task.
type tally map[taskRef]int

func (a *account) add(t tally, refs ...taskRef) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ref := range refs {
		t[ref]++
	}
}

// count adds to a figure that is interesting but balances nothing.
func (a *account) count(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[name]++
}

// problem notes that the account is not exact.
func (a *account) problem(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = note(a.problems, fmt.Sprintf(format, args...))
}

// serverError notes that Redis refused what a server wanted to do with a task.
// With nobody else at work this does not happen: it is how a worker notices
// that the data of a running task is gone.
func (a *account) serverError(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts["server_errors"]++
	a.serverErrors = note(a.serverErrors, err.Error())
}

// note keeps the first hundred texts: enough to understand what went wrong.
func note(texts []string, text string) []string {
	if len(texts) < 100 {
		texts = append(texts, text)
	}
	return texts
}

type tallyEntry struct {
	Queue string `json:"queue"`
	ID    string `json:"id"`
	Times int    `json:"times"`
}

func (t tally) entries() []tallyEntry {
	entries := make([]tallyEntry, 0, len(t))
	for ref, times := range t {
		entries = append(entries, tallyEntry{ref.queue, ref.id, times})
	}
	sort.Slice(entries, func(i, j int) bool {
		if entries[i].Queue != entries[j].Queue {
			return entries[i].Queue < entries[j].Queue
		}
		return entries[i].ID < entries[j].ID
	})
	return entries
}

func (t tally) total() int {
	n := 0
	for _, times := range t {
		n += times
	}
	return n
}

// report returns the account as a JSON object with the given fields added. If
// a file is named, the object goes there and is returned without its lists.
func (a *account) report(file string, fields map[string]any) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tallies := map[string]tally{
		"accepted":         a.accepted,
		"processed":        a.processed,
		"aggregated":       a.aggregated,
		"deleted_by_asynq": a.deleted,
		"trimmed_by_asynq": a.trimmed,
		"orphaned":         a.orphaned,
	}
	for name, t := range tallies {
		a.counts[name] = t.total()
	}
	summary := map[string]any{
		"version":       asynqVersion(),
		"counts":        a.counts,
		"problems":      append([]string{}, a.problems...),
		"server_errors": append([]string{}, a.serverErrors...),
	}
	for name, value := range fields {
		summary[name] = value
	}
	full := make(map[string]any)
	for name, value := range summary {
		full[name] = value
	}
	for name, t := range tallies {
		full[name] = t.entries()
	}
	if file == "" {
		return full, nil
	}
	data, err := json.Marshal(full)
	if err != nil {
		return nil, err
	}
	// Renamed into place: who waits for the file must not read half of it.
	if err := os.WriteFile(file+".part", data, 0o600); err != nil {
		return nil, err
	}
	return summary, os.Rename(file+".part", file)
}
