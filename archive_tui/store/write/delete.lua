-- Delete task data, each task checked again at the moment of its deletion.
--
-- KEYS[1..7]  archived, completed, scheduled, retry, lease, pending and active of the queue
-- KEYS[8..]   the hashes to delete, none twice
-- ARGV[1]     what the unique locks of the queue start with
-- ARGV[2]     "orphan": only what stands in none of KEYS[1..5]; "indexed": only what stands in the index of its state;
--             "leftover": the same, and only while the queue has nothing to do
-- ARGV[3]     the state that all of them must have; "" for none that Asynq writes: such a task must stand in the archive
-- ARGV[4]     how each is recognised:
--             "seen"    as the plan saw it. For each hash the start of the SHA-1 of its message ("" for no message),
--                       and a "!" behind it where it may hold a unique lock
--             "plain"   as the journal has it, where it has two fields and no lock. For each hash its message and,
--                       but for orphans, its score
--             "copied"  as the journal has it. For each hash its score ("" for none), the lock that it holds ("" for
--                       none), also one that it does not name, how many strings follow, and its fields, name and value
--             In the place of a value longer than LONG stands its SHA-1.
-- ARGV[5..]   the same for each hash
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py, or DELETED alone where that holds for all. Everything is
-- read before anything is written, and past the probes no step raises an error: a script that aborts half-way would
-- leave deletions that nobody reports.

local GONE, DELETED, DELETED_AND_UNLOCKED = 0, 1, 2
local STATE_CHANGED, MESSAGE_CHANGED, NOW_REFERENCED, NOT_IN_INDEX, NOT_A_TASK, QUEUE_AWAKE = 3, 4, 5, 6, 7, 8
local COPY_STALE, OTHER_STATE, OTHER_QUEUE = 9, 15, 25

local LONG = 1024
local AT_ONCE = 1000  -- arguments of one command: Lua's stack holds a few thousand

local call, pcall, sha1, sub = redis.call, redis.pcall, redis.sha1hex, string.sub
local locks, standing, state, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local index = ({ archived = KEYS[1], completed = KEYS[2], scheduled = KEYS[3], retry = KEYS[4] })[state]
if standing == "indexed" and state == "" then index = KEYS[1] end
local count = #KEYS - 7
local id_at = #locks - #"unique:" + #"t:" + 1

-- A user who may not use all of these commands must learn it before anything is deleted, not between an id and its
-- hash.
local prefix = sub(locks, 1, -#"unique:" - 1)
local refused = refusal(prefix, {
  { "UNLINK" }, { "DEL" }, { "GET" }, { "HMGET", "state" }, { "ZSCORE", "probe" }, { "ZREM", "probe" },
  mode ~= "seen" and { "HGETALL" } or nil,
})
if refused then return refused end

local function size(command, key)
  local reply = pcall(command, key)
  return type(reply) == "number" and reply or 1
end

local awake = standing == "leftover"
  and size("LLEN", KEYS[6]) + size("LLEN", KEYS[7]) + size("ZCARD", KEYS[3]) + size("ZCARD", KEYS[4]) > 0

-- Places among KEYS[8..]: what is not as it should be has an outcome at once; locks that go with their tasks; scores.
local outcomes, held, scored = {}, {}, {}

local function same(value, expected)
  return value == expected or (#value > LONG and sha1(value) == expected)
end

local KNOWN = { pending = true, active = true, scheduled = true, retry = true, archived = true, completed = true,
                aggregating = true }

local function in_state(found)
  if state == "" then return not KNOWN[found or ""] end
  return found == state
end

local function look_again(i, key, expected)
  local found = pcall("HMGET", key, "state", "msg", "unique_key")
  if found.err then return NOT_A_TASK end
  local message = found[2]
  if not found[1] and not message and call("EXISTS", key) == 0 then return GONE end
  if awake then return QUEUE_AWAKE end
  if not in_state(found[1]) then return STATE_CHANGED end
  local digest = sub(expected, 1, 16)
  if digest == "!" then digest = "" end
  if message then
    if digest == "" or sub(sha1(message), 1, #digest) ~= digest then return MESSAGE_CHANGED end
  elseif digest ~= "" then
    return MESSAGE_CHANGED
  end
  local lock = lock_of(found[3], message)
  held[i] = holds(lock, locks, sub(key, id_at)) and lock
end

local function compare(key, found, expected)
  if found.err then return NOT_A_TASK end
  if not found[1] and call("EXISTS", key) == 0 then return GONE end
  if awake then return QUEUE_AWAKE end
  if #found ~= 4 or found[1] ~= "msg" or found[3] ~= "state" or found[4] ~= state or not same(found[2], expected) then
    return COPY_STALE
  end
end

if mode == "seen" then
  for i = 1, count do
    local key, expected = KEYS[i + 7], ARGV[i + 4]
    local found = not awake and pcall("HMGET", key, "state", "msg")
    local message = found and found[2]
    if not (message and found[1] == state and sub(sha1(message), 1, 16) == expected) then
      outcomes[i] = look_again(i, key, expected)
    end
  end
elseif mode == "plain" then
  local stride = standing == "orphan" and 1 or 2
  for i = 1, count do
    local expected = ARGV[5 + (i - 1) * stride]
    local found = pcall("HGETALL", KEYS[i + 7])
    if found[2] ~= expected or found[4] ~= state or found[1] ~= "msg" or found[3] ~= "state" or found[5] or awake then
      outcomes[i] = compare(KEYS[i + 7], found, expected)
    end
    if stride == 2 then scored[i] = ARGV[6 + (i - 1) * stride] end
  end
else
  local next = 5
  for i = 1, count do
    local key, lock, size = KEYS[i + 7], ARGV[next + 1], tonumber(ARGV[next + 2])
    local from = next + 3
    scored[i], next = ARGV[next], from + size
    local found = pcall("HGETALL", key)
    if found.err then
      outcomes[i] = NOT_A_TASK
    elseif not found[1] and call("EXISTS", key) == 0 then
      outcomes[i] = GONE
    elseif awake then
      outcomes[i] = QUEUE_AWAKE
    else
      local fields, equal = {}, #found == size  -- they may come in another order than they were copied in
      for j = 1, #found, 2 do fields[found[j]] = found[j + 1] end
      for j = from, from + size - 1, 2 do
        local value = fields[ARGV[j]]
        equal = equal and value and same(value, ARGV[j + 1])
      end
      local unique = equal and (lock_of(fields.unique_key, fields.msg) or lock)
      local holder = unique and holds(unique, locks, sub(key, id_at))
      if not equal or (holder and lock == "") then
        outcomes[i] = COPY_STALE
      else
        held[i] = holder and unique
      end
    end
  end
end

local ids = {}
for i = 1, count do ids[i] = sub(KEYS[i + 7], id_at) end

-- The scores of some ids, false for none. Redis before 6.2 has no ZMSCORE, and a user may lack it; an index of another
-- type holds no ids.
local function scores(zset, from, to)
  local reply = pcall("ZMSCORE", zset, unpack(ids, from, to))
  if reply.err then
    reply = {}
    for j = from, to do
      local score = pcall("ZSCORE", zset, ids[j])
      reply[j - from + 1] = type(score) == "string" and score
    end
  end
  return reply
end

local searched = {}
for _, zset in ipairs({ unpack(KEYS, 1, 5) }) do
  if (standing == "orphan" or zset == index) and call("EXISTS", zset) == 1 then searched[#searched + 1] = zset end
end
for from = 1, count, AT_ONCE do
  local to = math.min(from + AT_ONCE - 1, count)
  if standing == "orphan" then
    for _, zset in ipairs(searched) do
      local found = scores(zset, from, to)
      for i = from, to do
        if found[i - from + 1] then outcomes[i] = outcomes[i] or NOW_REFERENCED end
      end
    end
  else
    local found = searched[1] and scores(index, from, to) or {}
    local archived = standing == "indexed" and index ~= KEYS[1] and scores(KEYS[1], from, to) or {}
    for i = from, to do
      local score = found[i - from + 1]
      if not score then
        outcomes[i] = outcomes[i] or (archived[i - from + 1] and OTHER_STATE or NOT_IN_INDEX)
      elseif mode ~= "seen" and score ~= scored[i] then
        outcomes[i] = outcomes[i] or COPY_STALE
      end
    end
  end
end

-- Where two registered queues may have such keys, the message has said whose they are.
local name = sub(prefix, name_at(prefix), -3)
local tangled = string.find(name, "}:", 1, true) or string.find(table.concat(ids, "\n"), "}:", 1, true)
if tangled and not is_registered(prefix) then
  for i = 1, count do
    if not outcomes[i] and explained_by_another(prefix, KEYS[i + 7]) then outcomes[i] = OTHER_QUEUE end
  end
end

-- What is left is to go: as a rule all of it, as it stands in KEYS.
local keys, before, chosen = KEYS, 7, count
if next(outcomes) then
  local all_ids = ids
  keys, ids, before, chosen = {}, {}, 0, 0
  for i = 1, count do
    if not outcomes[i] then
      chosen = chosen + 1
      keys[chosen], ids[chosen] = KEYS[i + 7], all_ids[i]
    end
  end
end

-- From here on it is written.
for from = 1, chosen, AT_ONCE do
  local to = math.min(from + AT_ONCE - 1, chosen)
  if standing ~= "orphan" then call("ZREM", index, unpack(ids, from, to)) end
  call("UNLINK", unpack(keys, from + before, to + before))
end
local released = false
for i, lock in pairs(held) do
  if lock and not outcomes[i] then
    pcall("DEL", lock)
    outcomes[i] = DELETED_AND_UNLOCKED
    released = true
  end
end
if chosen == count and not released then return DELETED end
for i = 1, count do outcomes[i] = outcomes[i] or DELETED end
return outcomes
