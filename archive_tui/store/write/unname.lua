-- Take back what naming a group did to lost tasks in it: Asynq looks into the group no more.
--
-- KEYS[1]     groups of the queue
-- KEYS[2]     the set of the group
-- KEYS[3..]   the hashes, none twice
-- ARGV[1]     what every key of the queue starts with
-- ARGV[2]     the name of the group
-- ARGV[3]     now, in unix milliseconds
-- ARGV[4]     the SHA-1 of the ids in the set, each after its length, where all of them are to be lost again; else ""
-- ARGV[5]     "1" where an earlier call of this restore has taken the name away
-- ARGV[6..]   for each hash: task id; the SHA-1 of its message; its `group` and its `pending_since` ("" for none); when it
--             expired (unix milliseconds, "" for never); how many strings follow, and the fields that expire by themselves,
--             name and moment
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py. Past the probes no step raises an error but for fields
-- that the server does not let expire.

local DONE, NOT_A_TASK, ALREADY, OTHER_QUEUE, NO_DATA, HAS_RUN, GROUP_SHARED = 1, 7, 18, 25, 30, 31, 32
local WITHOUT_TIMES = 24

local call, pcall = redis.call, redis.pcall
local groups, set = KEYS[1], KEYS[2]
local prefix, name, now = ARGV[1], ARGV[2], tonumber(ARGV[3])

local refused = refusal(prefix, {
  { "HMGET", "state" }, { "ZSCORE", "probe" }, { "ZRANGE", "0", "-1" }, { "SISMEMBER", "probe" }, { "SREM", "probe" },
  { "HSET", "state", "probe" }, { "HDEL", "state" }, { "PEXPIREAT", "1" },
}) or wrong_type({ set = { groups }, zset = { set } })
if refused then return refused end

local own = is_registered(prefix)
local named = call("SISMEMBER", groups, name) == 1

local function only_ours()
  local members = call("ZRANGE", set, "0", "-1")
  for i, id in ipairs(members) do members[i] = #id .. ":" .. id end
  return redis.sha1hex(table.concat(members)) == ARGV[4]
end

-- Why a task cannot be lost again; nil where it can.
local function moved(key, id, digest)
  if not own and explained_by_another(prefix, key) then return OTHER_QUEUE end
  if call("EXISTS", key) == 0 then return NO_DATA end
  local found = pcall("HMGET", key, "state", "msg")
  if found.err then return NOT_A_TASK end
  if found[1] ~= "aggregating" or not found[2] or redis.sha1hex(found[2]) ~= digest then return HAS_RUN end
  if not call("ZSCORE", set, id) then return HAS_RUN end  -- it is being aggregated
end

-- Write one field as it was; whether that changed it.
local function write_back(key, field, value)
  local found = call("HMGET", key, field)[1] or ""
  if found == value then return false end
  if value == "" then call("HDEL", key, field) else call("HSET", key, field, value) end
  return true
end

local outcomes, places = {}, {}
local at = 6
for i = 3, #KEYS do
  places[i - 2] = at
  outcomes[i - 2] = moved(KEYS[i], ARGV[at], ARGV[at + 1]) or DONE
  at = at + 6 + tonumber(ARGV[at + 5])
end
local possible = not named or only_ours()
for i, outcome in ipairs(outcomes) do
  if outcome == DONE and not possible then
    outcomes[i] = GROUP_SHARED
  elseif outcome == DONE then
    local key, from = KEYS[i + 2], places[i]
    local changed = write_back(key, "group", ARGV[from + 2])
    changed = write_back(key, "pending_since", ARGV[from + 3]) or changed
    local until_ = ARGV[from + 4]
    if until_ ~= "" and tonumber(until_) > now then call("PEXPIREAT", key, until_) end
    for j = from + 6, from + 5 + tonumber(ARGV[from + 5]), 2 do
      local failed = tonumber(ARGV[j + 1]) > now and pcall("HPEXPIREAT", key, ARGV[j + 1], "FIELDS", "1", ARGV[j])
      if type(failed) == "table" and failed.err then outcomes[i] = WITHOUT_TIMES end
    end
    if named then
      call("SREM", groups, name)
      named, changed = false, true
      ARGV[5] = "1"
    end
    if not changed and ARGV[5] ~= "1" then outcomes[i] = ALREADY end
  end
end
return outcomes
