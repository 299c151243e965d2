-- Write deleted histories of schedulers back: only where nothing stands, each whole or not at all.
--
-- KEYS[..]    the histories
-- ARGV[1]     now, unix milliseconds
-- ARGV[2..]   for each when it expires (unix milliseconds, "" for never), how many strings follow, and its events, each
--             with its score behind it
--
-- Returns a number for each history, see Outcome in asynq/outcomes.py; a reply that is shorter than the batch ends with
-- the error that stopped it. What came before that is restored.

local DONE, ALREADY, EXPIRED, HISTORY_THERE = 1, 18, 23, 36
local AT_ONCE = 1000

local pcall = redis.pcall

local function error_of(reply)
  return type(reply) == "table" and reply.err
end

-- Whether what stands there is the same, event by event.
local function identical(key, first, last)
  local there = pcall("ZRANGE", key, 0, -1, "WITHSCORES")
  if error_of(there) or #there ~= last - first + 1 then return false end
  for i, part in ipairs(there) do
    if part ~= ARGV[first + i - 1] then return false end
  end
  return true
end

-- What comes after the first write, and what takes it back, must be allowed. On a key that holds nothing these do
-- nothing.
local function refused(key, until_)
  return error_of(pcall("ZADD", key, "XX", 1, "probe")) or error_of(pcall("DEL", key))
    or (until_ ~= "" and error_of(pcall("PEXPIREAT", key, until_)))
end

local function write(key, until_, first, last)
  if until_ ~= "" and tonumber(until_) <= tonumber(ARGV[1]) then return EXPIRED end
  if pcall("EXISTS", key) ~= 0 then return identical(key, first, last) and ALREADY or HISTORY_THERE end
  local failed = refused(key, until_)
  if failed then return nil, failed end
  for start = first, last, AT_ONCE do
    local pairs_ = {}
    for i = start, math.min(start + AT_ONCE, last + 1) - 1, 2 do
      pairs_[#pairs_ + 1], pairs_[#pairs_ + 2] = ARGV[i + 1], ARGV[i]
    end
    failed = failed or error_of(pcall("ZADD", key, unpack(pairs_)))
  end
  if not failed and until_ ~= "" then failed = error_of(pcall("PEXPIREAT", key, until_)) end
  if failed then
    pcall("DEL", key)
    return nil, failed
  end
  return DONE
end

local outcomes = {}
local at = 2
for i, key in ipairs(KEYS) do
  local size = tonumber(ARGV[at + 1])
  local outcome, failed = write(key, ARGV[at], at + 2, at + 1 + size)
  outcomes[i] = outcome or failed
  if failed then break end
  at = at + 2 + size
end
return outcomes
