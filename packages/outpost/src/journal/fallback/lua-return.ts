import { prelude, sameJournal, script } from '../redis/lua.ts'

/**
 * ARGV: new identity, keeper, run of the server, first seq of the local store, identity that the site left. The journal
 * gets another identity: whatever was sent before, and may still be on its way, is refused from now on. A server that is
 * empty, or has nothing that the local store still has, begins anew. Answers its first and last seq, and 1 where it is as
 * the site left it: neither started again nor given to since; `other` where it is somebody else's.
 */
export const comeBack = script(
  '',
  prelude,
  `
local keeper = redis.call('HGET', META, 'keeper')
local isEmpty = redis.call('EXISTS', META) == 0
if not isEmpty and keeper ~= ARGV[2] then return {'other'} end
local isAsLeft = redis.call('HGET', META, 'run') == ARGV[3] and redis.call('HGET', META, 'journal') == ARGV[5]
if isEmpty or meta('last') < tonumber(ARGV[4]) - 1 then
  redis.call('DEL', RECORDS, IDS, KEYED, TOUCHED)
  redis.call('HSET', META, 'format', 1, 'first', ARGV[4], 'last', text(tonumber(ARGV[4]) - 1), 'bytes', 0,
    'version', 0, 'change', 0, 'folded', 0, 'kept', 1, 'term', 0, 'epochs', '[]')
end
redis.call('HSET', META, 'journal', ARGV[1], 'keeper', ARGV[2], 'run', ARGV[3])
return {'ok', meta('first'), meta('last'), isAsLeft and 1 or 0}
`,
)

/**
 * ARGV: identity, first seq to give, then of each record: buffered at, body, id, digest, packed keys. What Redis has from
 * that seq on was acknowledged to nobody, or is given again.
 */
export const giveBack = script(
  '',
  prelude,
  sameJournal,
  `
local from = tonumber(ARGV[2])
if meta('last') < from - 1 then return {'gap', meta('last')} end
local bytes = meta('bytes')
for _, e in ipairs(redis.call('XRANGE', RECORDS, entry(from), '+')) do
  bytes = bytes - #e[2][4]
  redis.call('HDEL', IDS, e[2][6])
  if e[2][8] ~= '' then redis.call('HDEL', KEYED, e[2][8]) end
end
for _, key in ipairs({RECORDS, TOUCHED}) do
  for _, e in ipairs(redis.call('XRANGE', key, entry(from), '+')) do redis.call('XDEL', key, e[1]) end
  if redis.call('XLEN', key) == 0 then redis.call('DEL', key)
  else redis.call('XSETID', key, entry(from - 1)) end
end
local seq = from - 1
for i = 3, #ARGV, 5 do
  seq = seq + 1
  local at, body, id, digest, writes = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  redis.call('XADD', RECORDS, entry(seq), 't', at, 'b', body, 'i', id, 'k', digest)
  redis.call('XADD', TOUCHED, entry(seq), 'w', writes)
  redis.call('HSET', IDS, id, text(seq))
  if digest ~= '' then redis.call('HSET', KEYED, digest, text(seq)) end
  bytes = bytes + #body
end
redis.call('HSET', META, 'last', text(seq), 'bytes', text(bytes))
return {'ok', seq}
`,
)

/** ARGV: identity, how long answers are kept, then digest and answer of each Idempotency-Key. */
export const giveAnswers = script(
  '',
  prelude,
  sameJournal,
  `
for i = 3, #ARGV, 2 do redis.call('SET', PREFIX .. 'answer:' .. ARGV[i], ARGV[i + 1], 'PX', ARGV[2]) end
return {'ok'}
`,
)

/**
 * ARGV: identity, first, last, version, change, folded, kept, term, epochs, holder of the lead or empty, its
 * milliseconds, numbers of texts of runs, of changes and of facts, then these: chunk and runs; number, changes, author
 * and serial; name and value. Everything but the records becomes what is given.
 */
export const settle = script(
  'allow-oom',
  prelude,
  sameJournal,
  `
local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
if meta('last') ~= last then return {'gap', meta('last')} end
first = math.max(first, meta('first'))
local bytes = meta('bytes')
if first > meta('first') then
  for _, e in ipairs(redis.call('XRANGE', RECORDS, '-', entry(first - 1))) do
    bytes = bytes - #e[2][4]
    redis.call('HDEL', IDS, e[2][6])
    if e[2][8] ~= '' then redis.call('HDEL', KEYED, e[2][8]) end
  end
  redis.call('XTRIM', RECORDS, 'MINID', entry(first))
end
redis.call('DEL', RUNS, CHANGES, FACTS, LEADER)
local at, runs, changes, facts = 15, tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
for i = at, at + runs - 1, 2 do redis.call('HSET', RUNS, ARGV[i], ARGV[i + 1]) end
at = at + runs
for i = at, at + changes - 1, 4 do
  redis.call('XADD', CHANGES, ARGV[i] .. '-0', 'c', ARGV[i + 1], 'a', ARGV[i + 2], 's', ARGV[i + 3])
end
at = at + changes
for i = at, at + facts - 1, 2 do redis.call('HSET', FACTS, ARGV[i], ARGV[i + 1]) end
if ARGV[10] ~= '' then redis.call('SET', LEADER, ARGV[10], 'PX', ARGV[11]) end
redis.call('HSET', META, 'first', text(first), 'bytes', text(bytes), 'version', ARGV[4], 'change', ARGV[5],
  'folded', ARGV[6], 'kept', ARGV[7], 'term', ARGV[8], 'epochs', ARGV[9])
tell()
return {'ok'}
`,
)
