-- What every script of ours begins with; scripts.py puts it before the script's own text.

-- The error reply for the first command that this user may not use, or that the server refuses now; nil where all are
-- allowed. A script must know that before its first write: one that aborts half-way leaves changes that nobody reports.
-- Each of `probes` is a command without its key. The key is one that holds nothing, and no probe leaves anything there.
local function refusal(queue_prefix, probes)
  local nothing = queue_prefix .. "archive-tui:probe"
  for _, probe in ipairs(probes) do
    local reply = redis.pcall(probe[1], nothing, unpack(probe, 2))
    if type(reply) == "table" and reply.err then return redis.error_reply(reply.err) end
  end
end

-- Whether a task holds a unique lock: the lock is one of its queue, whose locks start with `locks`, and names this task.
local function holds(lock, locks, id)
  return lock and string.sub(lock, 1, #locks) == locks and redis.pcall("GET", lock) == id
end

