package main

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// An archiving is a call of one of the scripts by which Asynq archives tasks.
// Each of them trims the archive to its cap afterwards. What that does to the
// tasks pushed out depends on who archives:
//
//	a worker of 0.25 or later   deletes their data: they are trimmed
//	a worker of 0.24 or before  forgets their ids:  they are orphaned
//	an inspector of any version forgets their ids:  they are orphaned
//
// Scripts do not say whom they pushed out, keyspace events cannot tell Asynq's
// deletions from those of others, and reading before and after leaves a gap
// for others to act in. So the script is sent in a transaction, between a look
// at the tasks that may be pushed out and a look at those that stayed.
type archiving struct {
	queue    string
	archived string // key of the archive
	id       string // the task to archive, unless it is many
	source   string // the index whose tasks are archived, if it is many
	deletes  bool   // what is pushed out is deleted
}

// parseArchiving recognises the scripts by their keys:
//
//	worker       t:<id> active lease archived and four counters; since 0.25
//	             also the prefix of the task keys, to delete what is trimmed
//	ArchiveTask  t:<id> archived groups
//	ArchiveAll…  <source> archived, and groups if the source is a group
func parseArchiving(keys []string) (archiving, bool) {
	var a archiving
	switch len(keys) {
	case 2, 3:
		a.archived = keys[1]
	case 8, 9:
		a.archived = keys[3]
		a.deletes = len(keys) == 9
	}
	queue, ok := strings.CutSuffix(strings.TrimPrefix(a.archived, "asynq:{"), "}:archived")
	if !ok {
		return archiving{}, false
	}
	a.queue = queue
	if ref, one := parseTaskKey(keys[0]); one {
		a.id = ref.id
	} else {
		a.source = keys[0]
	}
	return a, true
}

// One archiving adds one task and so pushes out one, unless others wrote into
// the archive as Asynq would not. Looking at that many is therefore plenty.
const archiveWindow = 50

// candidates lists the ids of which some may be pushed out: those at the
// archive's old end and those to be archived. Without data an id can neither
// be orphaned nor trimmed, so it does not count.
const candidates = `
local ids = redis.call("ZRANGE", KEYS[1], 0, ARGV[2])
if KEYS[2] then
	local read = redis.call("TYPE", KEYS[2]).ok == "list" and "LRANGE" or "ZRANGE"
	for _, id in ipairs(redis.call(read, KEYS[2], 0, -1)) do
		ids[#ids + 1] = id
	end
end
local present = {}
for _, id in ipairs(ids) do
	if redis.call("EXISTS", ARGV[1] .. id) == 1 then
		present[#present + 1] = id
	end
end
return present
`

// watch sends the script and enters into the account whom it pushed out.
func (a archiving) watch(ctx context.Context, client redis.UniversalClient, script redis.Cmder, book *account) error {
	keys, oldEnd := []string{a.archived}, archiveWindow-1
	if a.source != "" {
		keys, oldEnd = append(keys, a.source), -1 // any number may go
	}
	// What stayed is read one further, as the newcomer may stand at the old
	// end too: ids archived in the same second are ordered by name.
	stayEnd := oldEnd
	if a.id != "" {
		stayEnd++
	}
	var (
		before *redis.Cmd
		after  *redis.StringSliceCmd
		score  *redis.FloatCmd
	)
	client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		before = pipe.Eval(ctx, candidates, keys, "asynq:{"+a.queue+"}:t:", oldEnd)
		pipe.Process(ctx, script)
		after = pipe.ZRange(ctx, a.archived, 0, int64(stayEnd))
		score = pipe.ZScore(ctx, a.archived, a.id)
		return nil
	})
	// Commands of a transaction fail each for itself; the caller has to see
	// the script's error and no other.
	if err := script.Err(); err != nil {
		return err
	}
	was, err := before.StringSlice()
	if err != nil || after.Err() != nil {
		book.problem("%s: archiving not watched: %v, %v", a.archived, err, after.Err())
		return nil
	}

	stayed := make(map[string]bool)
	for _, id := range after.Val() {
		stayed[id] = true
	}
	pushed := 0
	for _, id := range was {
		switch {
		case stayed[id]:
			continue
		case a.deletes:
			book.add(book.trimmed, taskRef{a.queue, id})
		default:
			book.add(book.orphaned, taskRef{a.queue, id})
		}
		pushed++
	}
	if a.id != "" && pushed == archiveWindow {
		book.problem("%s: one archiving pushed out %d tasks or more", a.archived, pushed)
	}
	// The newcomer itself may be the one to go. A worker writes its data last,
	// so even one that deletes leaves an orphan then. ArchiveTask replies 0 or
	// less when it did nothing.
	refused := replied(script, 0) || replied(script, -1) || replied(script, -2)
	if a.id != "" && !refused && score.Err() == redis.Nil {
		book.add(book.orphaned, taskRef{a.queue, a.id})
	}
	return nil
}
