import { createHash } from 'node:crypto'

/** A script that runs whole or not at all: several keys written one after another would not be atomic (E22). */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** Shared by all: the keys by name, numbers without an exponent, and the first answer where the journal is another one. */
export const prelude = `
local META, RECORDS, IDS, KEYED, TOUCHED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local CHANGES, RUNS, FACTS, LEADER = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local PREFIX = string.sub(META, 1, -5)
local function text(number) return string.format('%.0f', number) end
local function entry(number) return text(number) .. '-0' end
local function numberOf(id) return tonumber(string.match(id, '^%d+')) end
local function meta(name) return tonumber(redis.call('HGET', META, name)) end
local function tell() redis.call('PUBLISH', PREFIX .. 'news', '') end
`

export const sameJournal = `
if redis.call('HGET', META, 'journal') ~= ARGV[1] then return {'lost'} end
`

/** Takes, keeps or is refused the lead; a term is one uninterrupted lead. */
const lead = `
local function hold(holder, ttl)
  local present = redis.call('GET', LEADER)
  if present == false then
    redis.call('SET', LEADER, holder, 'PX', ttl)
    return redis.call('HINCRBY', META, 'term', 1)
  end
  if present ~= holder then return false end
  redis.call('PEXPIRE', LEADER, ttl)
  return meta('term')
end
local term = hold(ARGV[2], ARGV[3])
if not term then return {'held', redis.call('GET', LEADER)} end
`

/** The oldest epochs without retained records are forgotten beyond 100. */
const epochs = `
local function beginEpoch(epoch)
  local epochs = cjson.decode(redis.call('HGET', META, 'epochs'))
  epochs[#epochs + 1] = {epoch = epoch, from = meta('last') + 1}
  while #epochs > 100 and epochs[2].from <= meta('first') do table.remove(epochs, 1) end
  redis.call('HSET', META, 'epochs', cjson.encode(epochs))
  redis.call('HINCRBY', META, 'version', 1)
  tell()
end
`

/**
 * What a process that has folded up to \`last\` and \`change\` lacks, in pieces of bounded size. Changes come only once
 * every record is there that they may speak of.
 */
const news = `
local function news(last, change, version)
  local m = redis.call('HMGET', META, 'first', 'last', 'bytes', 'version', 'change', 'kept')
  local first, newest, newestChange = tonumber(m[1]), tonumber(m[2]), tonumber(m[5])
  local records, bytes, from = {}, 0, math.max(last + 1, first)
  while from <= newest and #records < 1000 and bytes < 8388608 do
    local found = redis.call('XRANGE', RECORDS, entry(from), '+', 'COUNT', 50)
    if #found == 0 then error('record ' .. text(from) .. ' is missing') end
    for _, e in ipairs(found) do
      from = numberOf(e[1]) + 1
      bytes = bytes + #e[2][4]
      records[#records + 1] = {from - 1, e[2][2], e[2][4]}
    end
  end
  local changes, isWhole, isReloaded = {}, from > newest and 1 or 0, 0
  if change + 1 < tonumber(m[6]) or change > newestChange then isReloaded = 1
  elseif isWhole == 1 and change < newestChange then
    for _, e in ipairs(redis.call('XRANGE', CHANGES, entry(change + 1), '+', 'COUNT', 500)) do
      changes[#changes + 1] = {numberOf(e[1]), e[2][2], e[2][4], e[2][6]}
      change = numberOf(e[1])
    end
    if change < newestChange then isWhole = 0 end
  end
  local known = {}
  if tonumber(m[4]) ~= version then
    known = {redis.call('HGET', META, 'epochs'), redis.call('HGETALL', FACTS)}
  end
  return {first, newest, tonumber(m[3]), tonumber(m[4]), isWhole, isReloaded, records, changes, known}
end
`

/** A script of these parts. */
export function script(flags: string, ...parts: readonly string[]): Script {
  const text = `#!lua${flags === '' ? '' : ` flags=${flags}`}\n${parts.join('\n')}`
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}

/**
 * First word on each connection. ARGV: new identity, run of the server, new epoch, known identity or empty, last seq
 * known and the id of its transaction, `start` for a process that starts, keeper of the site's local copy or empty.
 * A journal with a keeper takes no process without it; one that is at work without gets none. Opens an epoch where this server has none yet, or nobody is at work: a server
 * that was started again may have lost its tail, and no number may be given out twice under one epoch (N2).
 */
export const attach = script(
  'allow-oom',
  prelude,
  epochs,
  `
local known, last = ARGV[4], tonumber(ARGV[5])
local journal = redis.call('HGET', META, 'journal')
if journal == false then
  if known ~= '' then return {'lost'} end
  journal = ARGV[1]
  redis.call('HSET', META, 'format', 1, 'journal', journal, 'first', 1, 'last', 0, 'bytes', 0, 'version', 0,
    'change', 0, 'folded', 0, 'kept', 1, 'term', 0, 'epochs', '[]', 'run', '')
end
if meta('format') ~= 1 then return {'format', redis.call('HGET', META, 'format')} end
local keeper = redis.call('HGET', META, 'keeper') or ''
if keeper ~= ARGV[8] then
  if keeper ~= '' or redis.call('EXISTS', LEADER) == 1 then return {'keeper', keeper} end
  redis.call('HSET', META, 'keeper', ARGV[8])
end
if known ~= '' and (journal ~= known or meta('last') < last) then return {'lost'} end
if known ~= '' and last >= meta('first') then
  local found = redis.call('XRANGE', RECORDS, entry(last), entry(last))[1]
  if found == nil or found[2][6] ~= ARGV[6] then return {'lost'} end
end
if redis.call('HGET', META, 'run') ~= ARGV[2] or redis.call('EXISTS', LEADER) == 0 and ARGV[7] == 'start' then
  beginEpoch(ARGV[3])
  redis.call('HSET', META, 'run', ARGV[2])
end
return {'ok', journal}
`,
)

/** ARGV: identity. Every status up to a change, as chunks of runs. */
export const load = script(
  'no-writes,allow-oom',
  prelude,
  sameJournal,
  `
return {'ok', meta('first'), meta('last'), meta('folded'), redis.call('HGETALL', RUNS)}
`,
)

/** ARGV: identity, last seq, last change, version of epochs and facts. */
export const catchUp = script(
  'no-writes,allow-oom',
  prelude,
  sameJournal,
  news,
  `
return {'ok', news(tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))}
`,
)

/**
 * ARGV: identity, last seq, last change, version, limit of bytes, longest tail looked through, wall clock, how long
 * answers are kept, limit of bytes of what is not critical, then eight for each draft: `c` if it is critical, id, buffered at, body, digest of its Idempotency-Key or empty, the seq
 * through which its check had seen the journal or -1, hashes of what it writes, and of what it refers to.
 *
 * Answers what the caller lacked and, unless that is too much for one answer, for each draft its seq or why it was not
 * stored: `o` overtaken by a record on the same keys (N22), `k` its Idempotency-Key is known, `f` the journal is full.
 * A draft whose transaction is there already gets the seq that it has.
 */
export const append = script(
  '',
  prelude,
  sameJournal,
  news,
  `
local known, tail, now, keptMs = tonumber(ARGV[2]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local lacked = news(known, tonumber(ARGV[3]), tonumber(ARGV[4]))
local last, bytes, maxBytes, uncriticalBytes = lacked[2], lacked[3], tonumber(ARGV[5]), tonumber(ARGV[9])
if last < known then return {'lost'} end
if lacked[5] == 0 or lacked[6] == 1 then return {'ok', lacked, {}} end
local oldest = last
for i = 10, #ARGV, 8 do
  local checked = tonumber(ARGV[i + 5])
  if checked >= 0 and checked < oldest then oldest = checked end
end
local writers = {}
local function written(packed, seq)
  for p = 1, #packed, 12 do writers[string.sub(packed, p, p + 11)] = seq end
end
local looked = math.max(oldest, last - tail)
if looked < last then
  for _, e in ipairs(redis.call('XRANGE', TOUCHED, entry(looked + 1), '+')) do written(e[2][2], numberOf(e[1])) end
end
local function isOvertaken(packed, checked)
  for p = 1, #packed, 12 do
    local writer = writers[string.sub(packed, p, p + 11)]
    if writer and writer > checked then return true end
  end
  return false
end
local function isKnown(digest)
  if redis.call('HEXISTS', KEYED, digest) == 1 then return true end
  local answer = redis.call('GET', PREFIX .. 'answer:' .. digest)
  return answer and tonumber(string.match(answer, '^%d+')) + keptMs > now
end
local results = {}
for i = 10, #ARGV, 8 do
  local limit = ARGV[i] == 'c' and maxBytes or uncriticalBytes
  local id, at, body, digest = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local checked, writes, references = tonumber(ARGV[i + 5]), ARGV[i + 6], ARGV[i + 7]
  local seq = redis.call('HGET', IDS, id)
  local result
  if seq then result = tonumber(seq)
  elseif digest ~= '' and isKnown(digest) then result = 'k'
  elseif checked >= 0 and (checked < looked or isOvertaken(writes, checked) or isOvertaken(references, checked)) then
    result = 'o'
  elseif bytes >= limit then result = 'f'
  else
    last = last + 1
    redis.call('XADD', RECORDS, entry(last), 't', at, 'b', body, 'i', id, 'k', digest)
    redis.call('XADD', TOUCHED, entry(last), 'w', writes)
    redis.call('HSET', IDS, id, text(last))
    if digest ~= '' then redis.call('HSET', KEYED, digest, text(last)) end
    written(writes, last)
    bytes = bytes + #body
    result = last
  end
  results[#results + 1] = result
end
if last > lacked[2] then
  redis.call('XTRIM', TOUCHED, 'MINID', entry(math.max(1, last - tail)))
  redis.call('HSET', META, 'last', text(last), 'bytes', text(bytes))
  tell()
end
return {'ok', lacked, results}
`,
)

/** ARGV: identity, holder, milliseconds. */
export const takeLead = script('allow-oom', prelude, sameJournal, lead, `return {'ok', term}`)

/** ARGV: identity, holder. */
export const releaseLead = script(
  'allow-oom',
  prelude,
  sameJournal,
  `
if redis.call('GET', LEADER) == ARGV[2] then
  redis.call('DEL', LEADER)
  tell()
end
return {'ok'}
`,
)

/** ARGV: identity, holder, milliseconds, serial, changes as JSON. Sent again it is stored once. */
export const changeStatus = script(
  'allow-oom',
  prelude,
  sameJournal,
  lead,
  `
local change = meta('change')
local newest = redis.call('XREVRANGE', CHANGES, '+', '-', 'COUNT', 1)[1]
if not (newest and newest[2][4] == ARGV[2] and newest[2][6] == ARGV[4]) then
  change = change + 1
  redis.call('XADD', CHANGES, entry(change), 'c', ARGV[5], 'a', ARGV[2], 's', ARGV[4])
  redis.call('HSET', META, 'change', text(change))
  tell()
end
return {'ok', term, change}
`,
)

/** ARGV: identity, holder, milliseconds, folded, kept, then chunk and runs of each that changed. */
export const foldChanges = script(
  'allow-oom',
  prelude,
  sameJournal,
  lead,
  `
for i = 6, #ARGV, 2 do redis.call('HSET', RUNS, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', META, 'folded', ARGV[4], 'kept', ARGV[5])
redis.call('XTRIM', CHANGES, 'MINID', ARGV[5] .. '-0')
return {'ok', term}
`,
)

/** ARGV: identity, holder, milliseconds, name, value. */
export const setFact = script(
  'allow-oom',
  prelude,
  sameJournal,
  lead,
  `
redis.call('HSET', FACTS, ARGV[4], ARGV[5])
redis.call('HINCRBY', META, 'version', 1)
tell()
return {'ok', term}
`,
)

/** ARGV: identity, holder, milliseconds, epoch. */
export const openEpoch = script(
  'allow-oom',
  prelude,
  sameJournal,
  lead,
  epochs,
  `
beginEpoch(ARGV[4])
return {'ok', term}
`,
)

/**
 * ARGV: identity, holder, milliseconds, through, how long answers are kept, number of chunks, the chunks that hold
 * nothing else, then digest and answer of each Idempotency-Key. Removes exactly what is dropped.
 */
export const drop = script(
  'allow-oom',
  prelude,
  sameJournal,
  lead,
  `
local through, bytes, chunks = tonumber(ARGV[4]), meta('bytes'), tonumber(ARGV[6])
for _, e in ipairs(redis.call('XRANGE', RECORDS, '-', entry(through))) do
  bytes = bytes - #e[2][4]
  redis.call('HDEL', IDS, e[2][6])
  if e[2][8] ~= '' then redis.call('HDEL', KEYED, e[2][8]) end
end
for i = 7, 6 + chunks do redis.call('HDEL', RUNS, ARGV[i]) end
for i = 7 + chunks, #ARGV, 2 do
  redis.call('SET', PREFIX .. 'answer:' .. ARGV[i], ARGV[i + 1], 'PX', ARGV[5])
end
redis.call('XTRIM', RECORDS, 'MINID', entry(through + 1))
redis.call('HSET', META, 'first', text(through + 1), 'bytes', text(bytes))
tell()
return {'ok', term, bytes}
`,
)

/** ARGV: identity, transaction id. */
export const findById = script(
  'no-writes,allow-oom',
  prelude,
  sameJournal,
  `
local seq = redis.call('HGET', IDS, ARGV[2])
return seq and {'ok', tonumber(seq)} or {'ok'}
`,
)

/** ARGV: identity, digest of the Idempotency-Key. The body of its record, or the kept answer. */
export const findKeyed = script(
  'no-writes,allow-oom',
  prelude,
  sameJournal,
  `
local seq = redis.call('HGET', KEYED, ARGV[2])
if seq then return {'ok', 'record', redis.call('XRANGE', RECORDS, seq .. '-0', seq .. '-0')[1][2][4]} end
local answer = redis.call('GET', PREFIX .. 'answer:' .. ARGV[2])
return answer and {'ok', 'answer', answer} or {'ok'}
`,
)

export const scripts: readonly Script[] = [
  attach,
  load,
  catchUp,
  append,
  takeLead,
  releaseLead,
  changeStatus,
  foldChanges,
  setFact,
  openEpoch,
  drop,
  findById,
  findKeyed,
]
