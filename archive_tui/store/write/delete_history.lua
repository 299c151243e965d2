-- Delete histories of schedulers, each checked again at the moment it is deleted.
--
-- KEYS[..]    the histories
-- ARGV[1]     now, unix seconds
-- ARGV[2]     seconds for which a scheduler counts as alive after its last sign
-- ARGV[3]     the sorted set of the lists of schedulers
-- ARGV[4]     how many keys follow: the lists of schedulers that live and have no entry
-- ARGV[..]    for each history the id of its entry, and the SHA-1 of what the journal has of it ("" for no journal)
--
-- Returns a number for each history, see Outcome in asynq/outcomes.py; a reply that is shorter than the batch ends with
-- the error that stopped it. What came before that is done.

local GONE, DONE, COPY_STALE, TYPE_CHANGED, LISTED, MAY_LIVE = 0, 1, 9, 11, 33, 34
local LAST = 1000

local pcall = redis.pcall
local now, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = {}
for i = 5, 4 + tonumber(ARGV[4]) do empty[ARGV[i]] = true end
local at = 5 + tonumber(ARGV[4])

local function error_of(reply)
  return type(reply) == "table" and reply.err
end

-- Redis says "Script attempted to access", Valkey 9 "Attempted to access" where it is a key of another node.
local function is_elsewhere(said)
  return string.find(string.lower(said), "attempted to access", 1, true)
end

-- The entries that living schedulers list, as one text; whether one may live whose list is missing; and an error. In a
-- cluster schedulers live elsewhere: then the look a moment before must do. That one has also seen every list, however
-- wrong the clock of its scheduler; here those heard of last must do, for dead ones pile up.
local function living()
  local members = pcall("ZREVRANGE", ARGV[3], 0, LAST - 1, "WITHSCORES")
  local failed = error_of(members)
  if failed and is_elsewhere(failed) then return "", false end
  if failed then return nil, nil, failed end
  local listed, silent = {}, false
  for i = 1, #members, 2 do
    local entries = pcall("LRANGE", members[i], 0, -1)
    failed = error_of(entries)
    if failed and is_elsewhere(failed) then return "", false end
    if failed then return nil, nil, failed end
    for _, entry in ipairs(entries) do listed[#listed + 1] = entry end
    local may_live = #entries == 0 and not empty[members[i]] and tonumber(members[i + 1]) > now - grace
    silent = silent or may_live
  end
  return table.concat(listed, "\n"), silent
end

local listed, silent, failed = living()
if failed then return redis.error_reply(failed) end

local function digest(content)
  local parts = {}
  for i, part in ipairs(content) do parts[i] = #part .. ":" .. part end
  return redis.sha1hex(table.concat(parts))
end

local function delete(key, entry, copied)
  if pcall("EXISTS", key) == 0 then return GONE end
  local newest = pcall("ZRANGE", key, -1, -1, "WITHSCORES")
  if error_of(newest) then return TYPE_CHANGED end
  if string.find(listed, entry, 1, true) then return LISTED end
  if silent or tonumber(newest[2]) > now - grace then return MAY_LIVE end
  if copied ~= "" and digest(pcall("ZRANGE", key, 0, -1, "WITHSCORES")) ~= copied then return COPY_STALE end
  local reply = pcall("UNLINK", key)
  if error_of(reply) then return nil, error_of(reply) end
  return DONE
end

local outcomes = {}
for i, key in ipairs(KEYS) do
  local outcome, refused = delete(key, ARGV[at], ARGV[at + 1])
  outcomes[i] = outcome or refused
  if refused then break end
  at = at + 2
end
return outcomes
