-- Write deleted tasks back: only where nothing stands, each whole or not at all.
--
-- KEYS[1..5]  archived, completed, scheduled, retry and lease of the queue
-- KEYS[6]     pending of the queue
-- KEYS[7..]   the hashes to write
-- ARGV[1]     what the unique locks of the queue start with
-- ARGV[2]     "back": where it stood; "archive": into the archive; "run": to be run once, as Asynq's RunTask does
-- ARGV[3]     now, unix milliseconds
-- ARGV[4..]   for each hash: the index where it stood, by the last part of its key ("" for none), its score, the key of
--             its lock ("" for none), how many milliseconds that is to live ("" for ever), when the hash expires (unix
--             milliseconds, "" for never), how many strings follow, and the fields that expire by themselves, name and
--             moment, how many strings follow, and its fields, name and value. Without fields, of a ghost, the id alone
--             goes back
--
-- Returns a number for each hash, see Outcome in asynq/outcomes.py; a reply that is shorter than the batch ends with the error
-- that stopped it. What came before that is restored.

local DONE, WITHOUT_LOCK, LOCK_EXPIRED, ALREADY, TAKEN, ID_IN_USE = 1, 16, 17, 18, 19, 20
local EXPIRED, WITHOUT_TIMES = 23, 24
local LOCK_TAKEN, LOCK_OVER = 28, 29
local STANDS_ELSEWHERE = 37

local pcall, sub = redis.pcall, string.sub
local locks, mode, now = ARGV[1], ARGV[2], ARGV[3]
local prefix = sub(locks, 1, -#"unique:" - 1)
local indexes = { archived = KEYS[1], completed = KEYS[2], scheduled = KEYS[3], retry = KEYS[4] }
local id_at = #locks - #"unique:" + #"t:" + 1

local function error_of(reply)
  return type(reply) == "table" and reply.err
end

-- What takes back a half-written task must be allowed, and so must be what comes after the hash. XX on nothing does
-- nothing. A server that is out of memory refuses only the first of a script's writes, so that one is of those it
-- refuses: it would let all of them through behind a DEL.
local refused = refusal(prefix, {
  { "SET", "probe", "XX" }, { "ZADD", "XX", "1", "probe" }, { "DEL" }, { "HGETALL" }, { "ZSCORE", "probe" },
  { "PEXPIREAT", "1" },
})
if refused then return refused end

local function value_of(fields, name)
  for j = 1, #fields, 2 do
    if fields[j] == name then return fields[j + 1] end
  end
end

local function without(fields, name)
  local left = {}
  for j = 1, #fields, 2 do
    if fields[j] ~= name then left[#left + 1], left[#left + 2] = fields[j], fields[j + 1] end
  end
  return left
end

local function identical(found, fields)
  if #found ~= #fields then return false end
  local there = {}
  for j = 1, #found, 2 do there[found[j]] = found[j + 1] end
  for j = 1, #fields, 2 do
    if there[fields[j]] ~= fields[j + 1] then return false end
  end
  return true
end

local function stands_somewhere(id, but)
  for i = 1, 5 do
    if KEYS[i] ~= but and type(pcall("ZSCORE", KEYS[i], id)) == "string" then return true end
  end
  return false
end

-- Whether a task whose data is there also stands where it would be restored to, and nowhere else. Of lists and groups
-- nothing is asked: nothing is restored there.
local function in_place(id, stood, score, state)
  if mode == "run" then return state == "pending" or state == "active" end
  if mode == "archive" then return type(pcall("ZSCORE", KEYS[1], id)) == "string" end
  local index = indexes[stood]
  if not index and stood ~= "" then return true end
  if index and pcall("ZSCORE", index, id) ~= score then return false end
  return not stands_somewhere(id, index)
end

-- A set that was being aggregated is listed as stale, so that Asynq puts what it holds back into its group.
local function list_group(index, name)
  if string.match(name, ":%x+%-%x+%-%x+%-%x+%-%x+$") then
    return pcall("ZADD", prefix .. "aggregation_sets", math.floor(tonumber(now) / 1000), index)
  end
  return pcall("SADD", prefix .. "groups", name)
end

local function put_back(key, id, place, score)
  if pcall("EXISTS", key) ~= 0 then return TAKEN end
  local index = prefix .. place
  local failed
  if place == "pending" or place == "active" then
    local found_at = pcall("LPOS", index, id)
    if error_of(found_at) then return nil, error_of(found_at) end  -- it must not stand there twice
    if type(found_at) == "number" then return ALREADY end
    if stands_somewhere(id) then return ID_IN_USE end
    failed = error_of(pcall("LPUSH", index, id))
  else
    local found = pcall("ZSCORE", index, id)
    if type(found) == "string" then return found == score and ALREADY or ID_IN_USE end
    if stands_somewhere(id, index) then return ID_IN_USE end
    failed = error_of(pcall("ZADD", index, score, id))
    if not failed and sub(place, 1, 2) == "g:" then
      failed = error_of(list_group(index, sub(place, 3)))
      if failed then pcall("ZREM", index, id) end
    end
  end
  if failed then return nil, failed end
  return DONE
end

-- Take a lock for the milliseconds that are left of it ("": for ever), where it is free. Returns whether it was taken,
-- and whether it is over: it has run out, or is no lock of the queue.
local function take(lock, id, left)
  if sub(lock, 1, #locks) ~= locks or (left ~= "" and tonumber(left) <= 0) then return false, true end
  local taken
  if left == "" then
    taken = pcall("SET", lock, id, "NX")
  else
    taken = pcall("SET", lock, id, "NX", "PX", left)
  end
  return type(taken) == "table" and taken.ok and true, false
end

-- Of a stale lock that was released there is nothing but the lock.
local function take_stale(id, lock, left)
  local taken, over = take(lock, id, left)
  if over then return LOCK_OVER end
  if taken then return DONE end
  return pcall("GET", lock) == id and ALREADY or LOCK_TAKEN
end

local function past(moment) return moment ~= "" and tonumber(moment) <= tonumber(now) end

-- The fields whose time has not run out.
local function living(fields, ends)
  local left = {}
  for j = 1, #fields, 2 do
    if not past(ends[fields[j]] or "") then left[#left + 1], left[#left + 2] = fields[j], fields[j + 1] end
  end
  return left
end

-- Let a hash that was written expire when it would have. Servers before Redis 7.4 and Valkey 9 cannot for single fields.
local function let_expire(key, until_, ends)
  local failed = until_ ~= "" and error_of(pcall("PEXPIREAT", key, until_))
  local for_ever = false
  for name, moment in pairs(ends) do
    if not past(moment) then for_ever = error_of(pcall("HPEXPIREAT", key, moment, "FIELDS", "1", name)) or for_ever end
  end
  return failed, for_ever
end

local function write(key, id, stood, score, lock, left, until_, ends, fields)
  if mode == "back" then
    if past(until_) then return EXPIRED end
    fields = living(fields, ends)
    if #fields == 0 then return EXPIRED end
  else
    until_, ends = "", {}  -- it is to live
  end
  local found = pcall("HGETALL", key)
  if error_of(found) then return TAKEN end
  if #found > 0 then
    -- What was restored to be run, or into the archive, has another state by now, and is the same task still
    local same = identical(found, fields) or mode ~= "back" and value_of(found, "msg") == value_of(fields, "msg")
    if not same then return TAKEN end
    return in_place(id, stood, score, value_of(found, "state")) and ALREADY or STANDS_ELSEWHERE
  end
  local index = stood ~= "" and indexes[stood] or nil
  if mode ~= "back" then
    local state = mode == "run" and "pending" or "archived"
    for j = 1, #fields, 2 do
      if fields[j] == "state" then fields[j + 1] = state end
    end
    if mode == "run" then
      fields = without(fields, "group")  -- with it, Asynq would put it into that group when it comes back from a retry
      fields[#fields + 1], fields[#fields + 2] = "pending_since", now .. "000000"
      index = nil
    else
      if stood ~= "archived" then score = string.format("%.0f", math.floor(tonumber(now) / 1000)) end
      index = KEYS[1]
    end
  end
  if stands_somewhere(id, index) then return ID_IN_USE end
  local failed = error_of(pcall("HSET", key, unpack(fields)))
  local for_ever
  if not failed then failed, for_ever = let_expire(key, until_, ends) end
  if not failed and index then failed = error_of(pcall("ZADD", index, score, id)) end
  if not failed and mode == "run" then failed = error_of(pcall("LPUSH", KEYS[6], id)) end
  if failed then
    if index then pcall("ZREM", index, id) end
    pcall("DEL", key)
    return nil, failed
  end
  local done = for_ever and WITHOUT_TIMES or DONE
  if lock == "" then return done end
  local taken, over = take(lock, id, left)
  if over then return LOCK_EXPIRED end
  return taken and done or WITHOUT_LOCK
end

local outcomes = {}
local at = 4
for i = 7, #KEYS do
  local ends, fields = {}, {}
  local fields_at = at + 6 + tonumber(ARGV[at + 5])
  for j = at + 6, fields_at - 1, 2 do ends[ARGV[j]] = ARGV[j + 1] end
  local size = tonumber(ARGV[fields_at])
  for j = 1, size do fields[j] = ARGV[fields_at + j] end
  local key, id, stood, score = KEYS[i], sub(KEYS[i], id_at), ARGV[at], ARGV[at + 1]
  local outcome, failed
  if size == 0 and ARGV[at + 2] ~= "" then
    outcome = take_stale(id, ARGV[at + 2], ARGV[at + 3])
  elseif size == 0 then
    outcome, failed = put_back(key, id, stood, score)
  else
    outcome, failed = write(key, id, stood, score, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ends, fields)
  end
  at = fields_at + 1 + size
  outcomes[#outcomes + 1] = outcome or failed
  if failed then break end
end
return outcomes
