// What Redis does in one step. Each script is one of these functions, after what they share.
//
// Keys of a topic: `at` has the epoch of its log, the run of Redis, the number after which the next is, the
// last that was given, and the last of those that the log has no more; `log` is a stream whose ids are
// 0-number; `held` has the records by "node name", and their version under "version".
#pragma once

#include <string>
#include <string_view>

namespace kindwire::detail {

inline constexpr std::string_view redis_script_parts = R"(
local function text(number) return string.format('%.0f', number) end

local function milliseconds()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- A log of which one key is gone begins anew. Another run of Redis may have lost the last numbers that the
-- run before has given: they are left out, so that none is ever given twice. A node that may not ask for the
-- run has none.
local function open_log(at, log, fresh, run, term)
  local known = redis.call('HMGET', at, 'epoch', 'last', 'run', 'given', 'gone')
  if not (known[1] and known[2] and known[4] and known[5]) then
    known = {fresh, '0', run, '0', '0'}
    redis.call('HSET', at, 'epoch', fresh, 'last', '0', 'run', run, 'given', '0', 'gone', '0')
    redis.call('DEL', log)
  elseif run ~= '' and known[3] ~= run then
    if known[2] ~= '0' then known[2] = text(known[2] + 1000000) end
    redis.call('HSET', at, 'last', known[2], 'run', run)
  end
  if term then redis.call('PEXPIRE', at, term) end
  local gone = known[5]
  if redis.call('EXISTS', log) == 0 then gone = known[4] end
  return known[1], tonumber(known[2]), tonumber(gone)
end

-- Longer than ten years is for ever: PEXPIRE takes no time that ends beyond its numbers.
local function lifetime(text) return math.min(tonumber(text), 315360000000) end

local function number_of(id) return tonumber(string.sub(id, 3)) end

-- Microseconds begin a version: a hash that was gone has a greater one than it had.
local function change(held, channel, kind, node, name, value)
  local before = redis.call('HGET', held, 'version') or '0'
  local version
  if before == '0' then
    local now = redis.call('TIME')
    version = text(now[1] * 1000000 + now[2])
  else
    version = text(before + 1)
  end
  redis.call('HSET', held, 'version', version)
  redis.call('PEXPIRE', held, 86400000)
  redis.call('PUBLISH', channel, kind .. before .. ' ' .. version .. ' ' .. node .. ' ' .. #name .. ' ' .. name .. value)
end

local function split(field)
  local space = string.find(field, ' ', 1, true)
  if space then return string.sub(field, 1, space - 1), string.sub(field, space + 1) end
end
)";

// KEYS: sent, at, log. ARGV: sequence, channel, bytes, most, time, fresh epoch, run, node.
// Sequences of a node come in order; one that has come is not published again, however often it is sent.
inline constexpr std::string_view redis_publish_script = R"(
local sent = tonumber(redis.call('GET', KEYS[1]) or '')
local sequence = tonumber(ARGV[1])
if not sent then return 'unknown' end
if sequence <= sent then return 'done' end
if sequence ~= sent + 1 then return 'early' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000)
local time = lifetime(ARGV[5])
local epoch, last, gone = open_log(KEYS[2], KEYS[3], ARGV[6], ARGV[7], time + 86400000)
local number = text(last + 1)
local now = milliseconds()
local origin = ARGV[8] .. ' ' .. ARGV[1]
redis.call('XADD', KEYS[3], '0-' .. number, 't', text(now), 'b', ARGV[3], 'o', origin)
redis.call('PEXPIRE', KEYS[3], time)
local more = redis.call('XLEN', KEYS[3]) - ARGV[4]
for i, each in ipairs(redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', math.max(more, 1))) do
  if i <= more or each[2][2] + time < now then
    redis.call('XDEL', KEYS[3], each[1])
    gone = number_of(each[1])
  end
end
redis.call('HSET', KEYS[2], 'last', number, 'given', number, 'gone', text(gone))
redis.call('PUBLISH', ARGV[2], 'L' .. epoch .. ' ' .. number .. ' ' .. origin .. ' ' .. ARGV[3])
return 'done'
)";

// KEYS: at, log, held. ARGV: channel, most, time, fresh epoch, run, what the keys of nodes begin with, half
// of what an answer may be. Each text is counted with 64 bytes more, as redis_reply_reader does, and some
// for how it is sent.
inline constexpr std::string_view redis_snapshot_script = R"(
local most, time, half = tonumber(ARGV[2]), lifetime(ARGV[3]), tonumber(ARGV[7])
local room = half
local epoch, last, gone, kept = '0', 0, 0, {}
local keeps = most > 0 and time > 0
if keeps or redis.call('EXISTS', KEYS[1]) == 1 then
  epoch, last, gone = open_log(KEYS[1], KEYS[2], ARGV[4], ARGV[5], keeps and time + 86400000)
  local since, stop, reverse = milliseconds() - time, '+', {}
  if not keeps then since, most = 0, 1000000 end
  while stop do
    local some = redis.call('XREVRANGE', KEYS[2], stop, '-', 'COUNT', 16)
    stop = nil
    for i, each in ipairs(some) do
      room = room - #each[2][4] - 200
      if room < 0 or tonumber(each[2][2]) < since or #reverse >= 2 * most then
        gone = number_of(each[1])
        break
      end
      reverse[#reverse + 1] = each[2][4]
      reverse[#reverse + 1] = string.sub(each[1], 3) .. ' ' .. each[2][6]
      if i == 16 then stop = '(' .. each[1] end
    end
  end
  for i = #reverse, 1, -1 do kept[#kept + 1] = reverse[i] end
end
local records, lives = {}, {}
room = half
local all = redis.call('HGETALL', KEYS[3])
for i = 1, #all, 2 do
  local node, name = split(all[i])
  if node then
    if lives[node] == nil then lives[node] = redis.call('EXISTS', ARGV[6] .. node) == 1 end
    if lives[node] then
      room = room - #all[i] - #all[i + 1] - 224
      if room < 0 then break end
      records[#records + 1] = node
      records[#records + 1] = name
      records[#records + 1] = all[i + 1]
    else
      redis.call('HDEL', KEYS[3], all[i])
      change(KEYS[3], ARGV[1], 'R', node, name, '')
    end
  end
end
local version = redis.call('HGET', KEYS[3], 'version') or '0'
return {epoch, text(last), text(gone), version, kept, records}
)";

// KEYS: held. ARGV: channel, node, name, value.
inline constexpr std::string_view redis_hold_script = R"(
local field = ARGV[2] .. ' ' .. ARGV[3]
if redis.call('HGET', KEYS[1], field) == ARGV[4] then
  redis.call('PEXPIRE', KEYS[1], 86400000)
else
  redis.call('HSET', KEYS[1], field, ARGV[4])
  change(KEYS[1], ARGV[1], 'H', ARGV[2], ARGV[3], ARGV[4])
end
return 'held'
)";

// KEYS: held. ARGV: channel, node, name.
inline constexpr std::string_view redis_release_script = R"(
if redis.call('HDEL', KEYS[1], ARGV[2] .. ' ' .. ARGV[3]) == 1 then
  change(KEYS[1], ARGV[1], 'R', ARGV[2], ARGV[3], '')
end
return 'released'
)";

// KEYS: held, the key of a node that seems dead. ARGV: channel, node.
inline constexpr std::string_view redis_remove_script = R"(
if redis.call('EXISTS', KEYS[2]) == 1 then return 'alive' end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local node, name = split(field)
  if node == ARGV[2] then
    redis.call('HDEL', KEYS[1], field)
    change(KEYS[1], ARGV[1], 'R', node, name, '')
  end
end
return 'removed'
)";

// KEYS: sent, node, a key that is not there. ARGV: the sequence before the first that may come, the node's
// term, a channel that nobody hears. What the other scripts call is tried, so that a user who may not do so
// is told at once, and not with the first message.
inline constexpr std::string_view redis_hello_script = R"(
local function try(command, ...) redis.call(command, KEYS[3], ...) end
try('XADD', 'NOMKSTREAM', '0-1', 'f', 'v')
try('XLEN')
try('XRANGE', '-', '+')
try('XREVRANGE', '+', '-')
try('XDEL', '0-1')
try('HSET', 'f', 'v')
try('HGET', 'f')
try('HMGET', 'f')
try('HGETALL')
try('HKEYS')
try('HDEL', 'f')
try('EXISTS')
try('DEL')
redis.call('PUBLISH', ARGV[3], '')
redis.call('TIME')
local sent = tonumber(redis.call('GET', KEYS[1]) or '')
if not sent or sent < tonumber(ARGV[1]) then
  sent = tonumber(ARGV[1])
  redis.call('SET', KEYS[1], text(sent), 'PX', 86400000)
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return text(sent)
)";

}  // namespace kindwire::detail
