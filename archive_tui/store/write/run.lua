-- Put archived tasks where Asynq runs them, each checked again at the moment it is moved; or rewrite them where they are.
--
-- KEYS[1..6]  archived, completed, scheduled, retry, lease and pending of the queue
-- KEYS[7..]   the hashes, none twice
-- ARGV[1]     what every key of the queue starts with
-- ARGV[2]     now, in nanoseconds
-- ARGV[3..]   for each hash five: task id; the SHA-1 of its message, or the start of it; when it is due, in unix seconds
--             ("" as soon as a worker is free, "stays" in the archive); the message that replaces it ("" for none); and the
--             name of its unique lock from now on ("" for the one that it has)
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py. Past the probes no step raises an error: a script that
-- aborts half-way would leave changes that nobody reports.

local DONE, STATE_CHANGED, MESSAGE_CHANGED, NOT_IN_INDEX, NOT_A_TASK = 1, 3, 4, 6, 7
local ID_IN_USE, OTHER_QUEUE, LOCK_TAKEN, NO_DATA = 20, 25, 28, 30

local call, pcall = redis.call, redis.pcall
local prefix, now = ARGV[1], ARGV[2]
local archived, scheduled, pending = KEYS[1], KEYS[3], KEYS[6]
local locks = prefix .. "unique:"

local renamed = false
for at = 7, #ARGV, 5 do renamed = renamed or ARGV[at] ~= "" end

local refused = renamed and refusal(prefix, { { "GET" }, { "PTTL" }, { "SET", "probe", "XX" } }) or refusal(prefix, {
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

-- Give a task another lock in the place of the one that it names. It holds the new one if it held the old one, and for the
-- time that was left; a lock that has run out, or that another task holds, is not taken again.
local function rename_lock(key, id, old, new)
  if holds(old, locks, id) then
    local left = call("PTTL", old)
    call("DEL", old)
    if left > 0 then
      call("SET", new, id, "PX", left)
    elseif left == -1 then
      call("SET", new, id)
    end
  end
  if call("HEXISTS", key, "unique_key") == 1 then call("HSET", key, "unique_key", new) end
end

local function run(key, id, digest, due, message, lock)
  if not own and explained_by_another(prefix, key) then return OTHER_QUEUE end
  if call("EXISTS", key) == 0 then return NO_DATA end
  local found = pcall("HMGET", key, "state", "msg", "unique_key")
  if found.err then return NOT_A_TASK end
  if found[1] ~= "archived" then return STATE_CHANGED end
  if not found[2] or string.sub(redis.sha1hex(found[2]), 1, #digest) ~= digest then return MESSAGE_CHANGED end
  if not call("ZSCORE", archived, id) then return NOT_IN_INDEX end
  if stands_elsewhere(id) then return ID_IN_USE end
  if lock ~= "" then
    local holder = pcall("GET", lock)
    if holder and holder ~= id then return LOCK_TAKEN end
  end
  let_live(key)
  if lock ~= "" then rename_lock(key, id, lock_of(found[3], found[2]), lock) end
  if due == "stays" then
    call("HSET", key, "msg", message)
    return DONE
  end
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
  local at = 3 + (i - 7) * 5
  outcomes[i - 6] = run(KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
end
return outcomes
