-- Take tasks that were put where Asynq runs them into the archive again, as they were there, as long as no worker has taken
-- them; those that an edit left in the archive get their message back.
--
-- KEYS[1..3]  archived, scheduled and pending of the queue
-- KEYS[4..]   the hashes, none twice
-- ARGV[1]     what every key of the queue starts with
-- ARGV[2]     now, in unix milliseconds
-- ARGV[3]     "locks" where any of these had another lock before it was edited
-- ARGV[4..]   for each hash: task id; the SHA-1 of its message as it was in the archive, and as the run may have written
--             it; its score in the archive; when it expired (unix milliseconds, "" for never); the unique lock that it
--             held ("" for none), and when that runs out (unix milliseconds, "" for never); how many strings follow, and
--             the fields that the run may have changed, name and value
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py. Past the probes no step raises an error.

local DONE, NOT_A_TASK, ALREADY, OTHER_QUEUE, NO_DATA, HAS_RUN = 1, 7, 18, 25, 30, 31
local WITHOUT_LOCK, LOCK_EXPIRED = 16, 17

local call, pcall = redis.call, redis.pcall
local prefix, now = ARGV[1], tonumber(ARGV[2])
local archived, scheduled, pending = KEYS[1], KEYS[2], KEYS[3]
local locks = prefix .. "unique:"

local refused = ARGV[3] == "locks" and refusal(prefix, { { "GET" }, { "DEL" }, { "SET", "probe", "XX" } }) or refusal(prefix, {
  { "HDEL", "state" }, { "HMGET", "state" }, { "ZSCORE", "probe" }, { "ZREM", "probe" }, { "LREM", "1", "probe" },
  { "ZADD", "XX", "1", "probe" }, { "PEXPIREAT", "1" }, { "HSET", "state", "probe" }, { "HDEL", "state" },
}) or wrong_type({ zset = { archived, scheduled }, list = { pending } })
if refused then return refused end

local own = is_registered(prefix)

-- Give a task the lock back that it held before an edit gave it another: for the time that is left, where it is free.
local function take_back(lock, lock_until, id)
  local left = lock_until ~= "" and tonumber(lock_until) - now or nil
  if left and left <= 0 then return LOCK_EXPIRED end
  local taken
  if left then
    taken = call("SET", lock, id, "NX", "PX", string.format("%.0f", left))
  else
    taken = call("SET", lock, id, "NX")
  end
  return (taken or pcall("GET", lock) == id) and DONE or WITHOUT_LOCK
end

local function recall(key, id, before, after, score, until_, lock, lock_until, fields)
  if not own and explained_by_another(prefix, key) then return OTHER_QUEUE end
  if call("EXISTS", key) == 0 then return NO_DATA end
  local found = pcall("HMGET", key, "state", "msg", "unique_key")
  if found.err then return NOT_A_TASK end
  local state, digest = found[1], found[2] and redis.sha1hex(found[2])
  if digest ~= before and digest ~= after then return HAS_RUN end
  if state == "archived" and digest == before and call("ZSCORE", archived, id) then return ALREADY end
  -- It was pushed to the head of the list, and is soon found there
  if state == "archived" then
    if not call("ZSCORE", archived, id) then return HAS_RUN end
  elseif state == "pending" then
    if call("LREM", pending, "1", id) == 0 then return HAS_RUN end
  elseif state ~= "scheduled" or call("ZREM", scheduled, id) == 0 then
    return HAS_RUN
  end
  local edited_lock = digest == after and lock_of(found[3], found[2])
  call("HDEL", key, "pending_since")
  call("HSET", key, unpack(fields))
  call("ZADD", archived, score, id)
  -- One whose time has run out meanwhile stays for good: it is here to be looked at
  if until_ ~= "" and tonumber(until_) > now then call("PEXPIREAT", key, until_) end
  local named = lock_of(call("HGET", key, "unique_key"), call("HGET", key, "msg"))
  if not edited_lock or edited_lock == named then return DONE end
  if holds(edited_lock, locks, id) then call("DEL", edited_lock) end
  if lock == "" then return DONE end
  return take_back(lock, lock_until, id)
end

local outcomes = {}
local at = 4
for i = 4, #KEYS do
  local size = tonumber(ARGV[at + 7])
  outcomes[i - 3] = recall(
    KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6],
    { unpack(ARGV, at + 8, at + 7 + size) }
  )
  at = at + 8 + size
end
return outcomes
