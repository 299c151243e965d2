-- Release stale locks, each checked again at the moment it is released.
--
-- KEYS[..]    for each lock two: the lock, and the hash that its holder's data would be
-- ARGV[1]     what every key of the queue starts with
-- ARGV[2..]   the holder of each lock
--
-- Returns a number for each lock, see Outcome in asynq/outcomes.py. A lock that another task holds by now is as good as
-- gone: it is none of the plan's.

local GONE, DONE, NOT_A_GHOST = 0, 1, 13

local refused = refusal(ARGV[1], { { "GET" }, { "EXISTS" }, { "UNLINK" } })
if refused then return refused end

local outcomes = {}
for i = 1, #KEYS, 2 do
  local at = (i + 1) / 2
  if redis.pcall("GET", KEYS[i]) ~= ARGV[at + 1] then
    outcomes[at] = GONE
  elseif redis.call("EXISTS", KEYS[i + 1]) == 1 then
    outcomes[at] = NOT_A_GHOST
  else
    redis.call("UNLINK", KEYS[i])
    outcomes[at] = DONE
  end
end
return outcomes
