-- Put archived tasks where Asynq runs them, each checked again at the moment it is moved.
--
-- KEYS[1..6]  archived, completed, scheduled, retry, lease and pending of the queue
-- KEYS[7..]   the hashes, none twice
-- ARGV[1]     what every key of the queue starts with
-- ARGV[2]     now, in nanoseconds
-- ARGV[3..]   for each hash four: task id; the SHA-1 of its message, or the start of it; when it is due, in unix seconds
--             ("" as soon as a worker is free); and the message that replaces it ("" for none)
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py. Past the probes no step raises an error: a script that
-- aborts half-way would leave changes that nobody reports.

local DONE, STATE_CHANGED, MESSAGE_CHANGED, NOT_IN_INDEX, NOT_A_TASK = 1, 3, 4, 6, 7
local ID_IN_USE, OTHER_QUEUE, NO_DATA = 20, 25, 30

local call, pcall = redis.call, redis.pcall
local prefix, now = ARGV[1], ARGV[2]
local archived, scheduled, pending = KEYS[1], KEYS[3], KEYS[6]

local refused = refusal(prefix, {
  { "DEL" }, { "HDEL", "state" }, { "HMGET", "state" }, { "HGETALL" }, { "PERSIST" }, { "ZSCORE", "probe" },
  { "ZREM", "probe" }, { "ZADD", "XX", "1", "probe" }, { "LPUSH", "probe" }, { "DEL" }, { "HSET", "state", "probe" },
  { "DEL" },
}) or wrong_type({ zset = { unpack(KEYS, 1, 5) }, list = { pending } })
if refused then return refused end

local function stands_elsewhere(id)
  for i = 2, 5 do
    if call("ZSCORE", KEYS[i], id) then return true end
  end
end

-- Of two registered queues the message of a task says whose it is, and that is checked.
local own = is_registered(prefix)

local function run(key, id, digest, due, message)
  if not own and explained_by_another(prefix, key) then return OTHER_QUEUE end
  if call("EXISTS", key) == 0 then return NO_DATA end
  local found = pcall("HMGET", key, "state", "msg")
  if found.err then return NOT_A_TASK end
  if found[1] ~= "archived" then return STATE_CHANGED end
  if not found[2] or string.sub(redis.sha1hex(found[2]), 1, #digest) ~= digest then return MESSAGE_CHANGED end
  if not call("ZSCORE", archived, id) then return NOT_IN_INDEX end
  if stands_elsewhere(id) then return ID_IN_USE end
  let_live(key)
  call("ZREM", archived, id)
  -- With a group Asynq would put it into the set of that group when it is due, where nobody may look any more
  call("HDEL", key, "group", "pending_since")
  if message ~= "" then call("HSET", key, "msg", message) end
  if due == "" then
    call("HSET", key, "state", "pending", "pending_since", now)
    call("LPUSH", pending, id)
  else
    call("HSET", key, "state", "scheduled")
    call("ZADD", scheduled, due, id)
  end
  return DONE
end

local outcomes = {}
for i = 7, #KEYS do
  local at = 3 + (i - 7) * 4
  outcomes[i - 6] = run(KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
return outcomes
