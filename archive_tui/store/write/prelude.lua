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

-- The error reply for the first key that is not of the type that Asynq gives it; nil where all are, or are not there.
-- `keys` has lists of keys by their type.
local function wrong_type(keys_by_type)
  for kind, keys in pairs(keys_by_type) do
    for _, key in ipairs(keys) do
      local found = redis.call("TYPE", key).ok
      if found ~= "none" and found ~= kind then
        return redis.error_reply("ERR the key " .. key .. " is a " .. found .. ", not the index that Asynq writes")
      end
    end
  end
end

-- Whether a task holds a unique lock: the lock is one of its queue, whose locks start with `locks`, and names this task.
local function holds(lock, locks, id)
  return lock and string.sub(lock, 1, #locks) == locks and redis.pcall("GET", lock) == id
end

-- A number in a protobuf message, and where the next byte is; nil where it does not end.
local function varint(bytes, at)
  local value, scale = 0, 1
  for i = at, at + 9 do
    local byte = string.byte(bytes, i)
    if not byte then return nil end
    value = value + (byte % 128) * scale
    if byte < 128 then return value, i + 1 end
    scale = scale * 128
  end
end

-- The last string with this number in a protobuf message; nil where there is none, or where it does not decode.
local function string_field(bytes, number)
  local at, found = 1, nil
  while at <= #bytes do
    local tag, size
    tag, at = varint(bytes, at)
    if not tag then return nil end
    local form = tag % 8
    if form == 0 then
      size, at = varint(bytes, at)
      if not size then return nil end
    elseif form == 2 then
      size, at = varint(bytes, at)
      if not size then return nil end
      if tag == number * 8 + 2 then found = string.sub(bytes, at, at + size - 1) end
      at = at + size
    elseif form == 1 or form == 5 then
      at = at + (form == 1 and 8 or 4)
    else
      return nil
    end
  end
  return found
end

-- The lock that a task names, in the field `unique_key` of its hash, else in its message: as asynq/locks.py has it.
local function lock_of(field, message)
  if field and field ~= "" then return field end
  return message and string.find(message, ":unique:", 1, true) and string_field(message, 10)
end

-- Where the name of the queue begins in what all its keys start with, `asynq:{q}:`: behind the first brace, for a namespace
-- has none.
local function name_at(prefix) return string.find(prefix, "{", 1, true) + 1 end

-- Whether the namespace that a queue's keys start with has registered a queue: `name`, or without it this one.
local function is_registered(prefix, name)
  local at = name_at(prefix)
  return redis.pcall("SISMEMBER", string.sub(prefix, 1, at - 2) .. "queues", name or string.sub(prefix, at, -3)) == 1
end

-- Whether a registered queue with another name explains a key that starts with `prefix`: names, ids and groups may hold
-- "}:" themselves. In a cluster the set of queues may live elsewhere: then nobody is known.
local function explained_by_another(prefix, key)
  local from = name_at(prefix)
  local at = string.find(key, "}:", from + 1, true)
  while at do
    if at ~= #prefix - 1 and is_registered(prefix, string.sub(key, from, at - 1)) then return true end
    at = string.find(key, "}:", at + 1, true)
  end
  return false
end

-- Take every time to live off task data: of the key, and of single fields (Redis 7.4, Valkey 9), which writing a field
-- takes off. A task that is to live would be a ghost, or a husk, when its time runs out.
local function let_live(key)
  redis.call("PERSIST", key)
  local fields = redis.call("HGETALL", key)
  for i = 1, #fields, 2 do redis.call("HSET", key, fields[i], fields[i + 1]) end
end
