-- Delete task data, each task checked again at the moment of its deletion (DESIGN.md section 6).
--
-- KEYS[1..7]  archived, completed, scheduled, retry, lease, pending and active of the queue
-- KEYS[8..]   the hashes to delete
-- ARGV[1]     what the unique locks of the queue start with
-- ARGV[2]     "orphan": only what stands in none of KEYS[1..5]; "indexed": only what stands in the index of its state;
--             "leftover": the same, and only while the queue has nothing to do
-- ARGV[3..]   for each hash: task id, expected state, start of the SHA-1 of the expected message ("" for no message)
--
-- Returns a number for each hash, see Outcome in delete.py. Past the probes no step raises an error: a script that
-- aborts half-way would leave deletions that nobody reports.

local GONE, DELETED, DELETED_AND_UNLOCKED = 0, 1, 2
local STATE_CHANGED, MESSAGE_CHANGED, NOW_REFERENCED, NOT_IN_INDEX, NOT_A_TASK, QUEUE_AWAKE = 3, 4, 5, 6, 7, 8

local indexes = { archived = KEYS[1], completed = KEYS[2], scheduled = KEYS[3], retry = KEYS[4] }

-- A user who may not use all of these commands must learn it before anything is deleted, not between an id and its
-- hash. Each probe does nothing: there is no such key and no such member.
local function refusal()
  local nothing = string.sub(ARGV[1], 1, -8) .. "archive-tui:probe"
  for _, probe in ipairs({ { "UNLINK", nothing }, { "DEL", nothing }, { "GET", nothing }, { "HMGET", nothing, "state" },
                           { "ZSCORE", nothing, "probe" }, { "ZREM", nothing, "probe" } }) do
    local reply = redis.pcall(unpack(probe))
    if type(reply) == "table" and reply.err then return reply.err end
  end
end

local refused = refusal()
if refused then return redis.error_reply(refused) end

-- An index of another type holds no ids.
local function stands_in(index, id)
  local score = redis.pcall("ZSCORE", index, id)
  return score and type(score) ~= "table"
end

local function referenced(id)
  for i = 1, 5 do
    if stands_in(KEYS[i], id) then return true end
  end
  return false
end

local function size(command, key)
  local reply = redis.pcall(command, key)
  return type(reply) == "number" and reply or 1
end

local awake = ARGV[2] == "leftover"
  and size("LLEN", KEYS[6]) + size("LLEN", KEYS[7]) + size("ZCARD", KEYS[3]) + size("ZCARD", KEYS[4]) > 0

local function release(lock, id)
  if not lock or string.sub(lock, 1, #ARGV[1]) ~= ARGV[1] then return false end
  if redis.pcall("GET", lock) ~= id then return false end
  redis.pcall("DEL", lock)
  return true
end

local function delete(key, id, state, digest)
  if redis.call("EXISTS", key) == 0 then return GONE end
  if awake then return QUEUE_AWAKE end
  local found = redis.pcall("HMGET", key, "state", "msg", "unique_key")
  if found.err then return NOT_A_TASK end
  if found[1] ~= state then return STATE_CHANGED end
  local now = found[2] and string.sub(redis.sha1hex(found[2]), 1, #digest) or ""
  if now ~= digest or (found[2] and #digest == 0) then return MESSAGE_CHANGED end
  if ARGV[2] == "orphan" then
    if referenced(id) then return NOW_REFERENCED end
  else
    local index = indexes[state]
    if not index or not stands_in(index, id) then return NOT_IN_INDEX end
    redis.call("ZREM", index, id)
  end
  redis.call("UNLINK", key)
  if release(found[3], id) then return DELETED_AND_UNLOCKED end
  return DELETED
end

local outcomes = {}
for i = 8, #KEYS do
  local at = 3 + (i - 8) * 3
  outcomes[#outcomes + 1] = delete(KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2])
end
return outcomes
