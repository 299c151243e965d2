-- Set findings right, each checked again at the moment it is touched.
--
-- KEYS[..]    the hashes
-- ARGV[1]     what every key of the queue starts with; the indexes are named from it, as Asynq's own scripts do
-- ARGV[2]     "move": take the id out of wherever it stands and put it where it belongs; "clean": delete data and id;
--             "ghost": remove the id, provided there is no data; "foreign": delete a key that is no hash, and its id
-- ARGV[3]     now, in nanoseconds
-- ARGV[4..]   for each hash thirteen: task id; expected state, of "foreign" the expected type of the key; SHA-1 of the
--             expected message ("" for no message); expected pending_since; the index in which it must stand ("" for
--             in none); the lists to be searched for it; of "move" new state, new index, score, new message ("" to keep it);
--             "lost" where nobody may look for it in that index; and of "clean" two locks that it may hold without
--             naming them ("" for none)
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py. Past the probes no step raises an error: a script that
-- aborts half-way would leave changes that nobody reports.

local GONE, DONE, DONE_AND_UNLOCKED = 0, 1, 2
local NOW_A_HASH, TYPE_CHANGED = 10, 11
local STATE_CHANGED, MESSAGE_CHANGED, NOW_REFERENCED, NOT_IN_INDEX, NOT_A_TASK, NOT_A_GHOST = 3, 4, 5, 6, 7, 13
local WHOLE_MESSAGE, OTHER_QUEUE = 22, 25

local prefix, action, now = ARGV[1], ARGV[2], ARGV[3]
local LISTS = { "pending", "active" }
local SETS = { "lease", "deadlines", "scheduled", "retry", "archived", "completed" }

-- A user who may not use all of these commands, a server without memory, an index of another type: all that must be
-- known before anything is changed.
local refused = refusal(prefix, {
  { "UNLINK" }, { "DEL" }, { "GET" }, { "HMGET", "state" }, { "ZSCORE", "probe" }, { "ZREM", "probe" }, { "ZCARD" },
  { "ZRANGE", "0", "-1" }, { "SISMEMBER", "probe" }, { "SREM", "probe" }, { "LREM", "0", "probe" }, { "ZADD", "XX", "1", "probe" },
  { "LPUSH", "probe" }, { "DEL" }, { "SADD", "probe" }, { "DEL" }, { "HDEL", "state" }, { "HSET", "state", "probe" },
  { "DEL" }, { "PERSIST" }, { "HGETALL" },
})
if refused then return refused end

local function indexes()
  local found = { list = {}, zset = { prefix .. "aggregation_sets" }, set = { prefix .. "groups" } }
  for _, name in ipairs(LISTS) do found.list[#found.list + 1] = prefix .. name end
  for _, name in ipairs(SETS) do found.zset[#found.zset + 1] = prefix .. name end
  for i = 4, #ARGV, 13 do
    for _, index in ipairs({ ARGV[i + 4], ARGV[i + 7] }) do
      if string.sub(index, 1, 2) == "g:" then found.zset[#found.zset + 1] = prefix .. index end
    end
  end
  return found
end

local wrong = wrong_type(indexes())
if wrong then return wrong end

local function is_list(index) return index == "pending" or index == "active" end

local function leave_group(index, id)
  if redis.call("ZREM", prefix .. index, id) == 0 then return false end
  if redis.call("ZCARD", prefix .. index) == 0 then
    redis.call("SREM", prefix .. "groups", string.sub(index, 3))
    redis.call("ZREM", prefix .. "aggregation_sets", prefix .. index)
  end
  return true
end

-- Where a grouped task stands: in the set of its group, or in one beside it that is being aggregated right now. In both
-- it would be aggregated twice.
local function grouped_in(index, id)
  local start = prefix .. index .. ":"
  for _, set in ipairs(redis.call("ZRANGE", prefix .. "aggregation_sets", "0", "-1")) do
    if string.sub(set, 1, #start) == start and type(redis.pcall("ZSCORE", set, id)) == "string" then
      return string.sub(set, #prefix + 1)
    end
  end
  return index
end

-- Whether the id stands where the plan saw it. A list is not searched for that: see `leave`.
local function misplaced(id, place)
  if place == "" then
    for _, index in ipairs(SETS) do
      if redis.call("ZSCORE", prefix .. index, id) then return NOW_REFERENCED end
    end
  elseif not is_list(place) and not redis.call("ZSCORE", prefix .. place, id) then
    return NOT_IN_INDEX
  end
end

-- Whether Asynq looks for a task in the index where it stands, so that it is not lost any more.
local looked_into = {}  -- of each group, before this call names it
local function looked_for(place, id)
  if place == "active" then
    return redis.call("ZSCORE", prefix .. "lease", id) or type(redis.pcall("ZSCORE", prefix .. "deadlines", id)) == "string"
  end
  if string.sub(place, 1, 2) ~= "g:" then return false end
  if looked_into[place] == nil then
    looked_into[place] = redis.call("SISMEMBER", prefix .. "groups", string.sub(place, 3)) == 1
      or redis.call("ZSCORE", prefix .. "aggregation_sets", prefix .. place) ~= false
  end
  return looked_into[place]
end

-- Take the id out of every index but groups it was not seen in. Nothing was changed where it returns false.
local function leave(id, place, search)
  if is_list(place) and redis.call("LREM", prefix .. place, "0", id) == 0 then return false end
  for _, index in ipairs(LISTS) do
    if string.find(search, index, 1, true) then redis.call("LREM", prefix .. index, "0", id) end
  end
  for _, index in ipairs(SETS) do redis.call("ZREM", prefix .. index, id) end
  if string.sub(place, 1, 2) == "g:" then leave_group(place, id) end
  return true
end

local function release(lock, id)
  if not holds(lock, prefix .. "unique:", id) then return false end
  redis.call("DEL", lock)
  return true
end

-- A task that `stays` stands in the list already: who waits longest is served first.
local function put(key, id, state, since, index, score, message, stays)
  if is_list(index) and not stays then redis.call("LPUSH", prefix .. index, id) end
  if index == "pending" then
    if not stays or since == "" then redis.call("HSET", key, "pending_since", now) end
    redis.call("HDEL", key, "group")  -- with it, Asynq would put it into that group when it comes back from a retry
  elseif index == "active" then
    redis.call("ZADD", prefix .. "lease", score, id)
  else
    redis.call("ZADD", prefix .. index, score, id)
    if string.sub(index, 1, 2) == "g:" and not redis.call("ZSCORE", prefix .. "aggregation_sets", prefix .. index) then
      redis.call("SADD", prefix .. "groups", string.sub(index, 3))
      redis.call("HSET", key, "group", string.sub(index, 3))
    end
  end
  if index ~= "pending" then redis.call("HDEL", key, "pending_since") end
  redis.call("HSET", key, "state", state)
  if message ~= "" then redis.call("HSET", key, "msg", message) end
end

-- Whether a member of an index is no id but a message as Asynq 0.17 wrote it: it is the only copy of a task.
local function is_message(member)
  if string.sub(member, 1, 1) ~= "{" then return false end
  local read, fields = pcall(cjson.decode, member)
  return read and type(fields) == "table" and fields.Type and fields.ID and fields.Queue
end

local function remove_ghost(key, id, place, search)
  if redis.call("EXISTS", key) == 1 then return NOT_A_GHOST end
  if is_message(id) then return WHOLE_MESSAGE end
  if misplaced(id, place) or not leave(id, place, search) then return GONE end
  return DONE
end

local function delete_foreign(key, id, kind, place, search)
  local found = redis.call("TYPE", key).ok
  if found == "none" then return GONE end
  if found == "hash" then return NOW_A_HASH end
  if found ~= kind then return TYPE_CHANGED end
  local wrong = misplaced(id, place)
  if wrong then return wrong end
  if not leave(id, place, search) then return NOT_IN_INDEX end
  redis.call("UNLINK", key)
  return DONE
end

-- Of two registered queues the message of a task says whose it is, and that is checked; a foreign key has none.
local own = is_registered(prefix)
local function owned_by_another(key, foreign)
  return (foreign or not own) and explained_by_another(prefix, key)
end

local function repair(key, at)
  local id, state, digest, since = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local place, search = ARGV[at + 4], ARGV[at + 5]
  if owned_by_another(key, action == "foreign") then return OTHER_QUEUE end
  if action == "ghost" then return remove_ghost(key, id, place, search) end
  if action == "foreign" then return delete_foreign(key, id, state, place, search) end
  if redis.call("EXISTS", key) == 0 then return GONE end
  local found = redis.pcall("HMGET", key, "state", "msg", "pending_since", "unique_key")
  if found.err then return NOT_A_TASK end
  if (found[1] or "") ~= state then return STATE_CHANGED end
  if (found[2] and redis.sha1hex(found[2]) or "") ~= digest then return MESSAGE_CHANGED end
  if (found[3] or "") ~= since then return STATE_CHANGED end
  local wrong = misplaced(id, place)
  if wrong then return wrong end
  if ARGV[at + 10] == "lost" and looked_for(place, id) then return NOW_REFERENCED end
  local index, score = ARGV[at + 7], ARGV[at + 8]
  if string.sub(index, 1, 2) == "g:" then index = grouped_in(index, id) end
  local scored = index == "active" and "lease" or index  -- a worker may have it: its lease must not end at once
  local was = action == "move" and index ~= "pending" and redis.call("ZSCORE", prefix .. scored, id)
  local stays = false
  if is_list(index) and index ~= place and string.find(search, index, 1, true) then
    local found_at = redis.pcall("LPOS", prefix .. index, id)
    if type(found_at) ~= "table" then  -- Redis before 6.0.6 cannot tell: there it goes to the end of the list
      search = string.gsub(search, index, "")
      stays = found_at ~= false
    end
  end
  if not leave(id, place, search) then return NOT_IN_INDEX end
  if action == "move" then
    let_live(key)
    put(key, id, ARGV[at + 6], since, index, was or score, ARGV[at + 9], stays)
    return DONE
  end
  redis.call("UNLINK", key)
  for _, lock in ipairs({ lock_of(found[4], found[2]) or "", ARGV[at + 11], ARGV[at + 12] }) do
    if release(lock, id) then return DONE_AND_UNLOCKED end
  end
  return DONE
end

local outcomes = {}
for i = 1, #KEYS do
  outcomes[i] = repair(KEYS[i], 4 + (i - 1) * 13)
end
return outcomes
