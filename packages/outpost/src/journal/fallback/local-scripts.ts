import type { Seq } from '../../transaction/transaction.ts'
import { keptAnswerMs } from '../idempotent-hit.ts'
import type { Script } from '../redis/lua.ts'
import * as lua from '../redis/lua.ts'
import type { Reply } from '../redis/replies.ts'
import { heldLease, isRunning, withNewEpoch } from './local-state.ts'
import type { LocalTables } from './local-tables.ts'

/** The moment of a call: wall clock, and the machine's own, which all its processes share. */
export interface Times {
  readonly nowMs: number
  readonly machineMs: number
}

/** Arguments as a script takes them, without the identity of the journal. */
type Handler = (tables: LocalTables, args: readonly string[], times: Times) => readonly Reply[]

/** What only looks. */
const looks = new Map<Script, Handler>([
  [lua.load, (tables) => ['ok', tables.state.first, tables.state.last, tables.state.folded, tables.runs()]],
  [lua.catchUp, (tables, args) => ['ok', tables.news(Number(args[0]), Number(args[1]), Number(args[2]))]],
  [lua.findById, (tables, [id]) => foundId(tables, id!)],
  [lua.findKeyed, (tables, [digest]) => foundKeyed(tables, digest!)],
])

/** What writes, as the scripts of the same names in Redis do. */
const writes = new Map<Script, Handler>([
  [lua.append, appended],
  [lua.takeLead, (tables, [holder, ttl], times) => underLead(tables, holder!, ttl!, times, () => [])],
  [lua.releaseLead, released],
  [
    lua.changeStatus,
    (tables, args, times) => underLead(tables, args[0]!, args[1]!, times, () => changed(tables, args)),
  ],
  [
    lua.foldChanges,
    (tables, args, times) => underLead(tables, args[0]!, args[1]!, times, () => folded(tables, args)),
  ],
  [
    lua.setFact,
    (tables, args, times) => underLead(tables, args[0]!, args[1]!, times, () => factSet(tables, args)),
  ],
  [
    lua.openEpoch,
    (tables, args, times) => underLead(tables, args[0]!, args[1]!, times, () => epochOpened(tables, args)),
  ],
  [
    lua.drop,
    (tables, args, times) => underLead(tables, args[0]!, args[1]!, times, () => dropped(tables, args, times)),
  ],
])

/** Undefined for a script that writes. */
export function lookOf(script: Script): Handler | undefined {
  return looks.get(script)
}

export function writeOf(script: Script): Handler {
  const handler = writes.get(script)
  if (handler === undefined) throw new TypeError('The local store does not know this script.')
  return handler
}

function foundId({ env }: LocalTables, id: string): readonly Reply[] {
  const seq = env.ids.get(id)
  return seq === undefined ? ['ok'] : ['ok', seq]
}

function foundKeyed({ env }: LocalTables, digest: string): readonly Reply[] {
  const seq = env.keyed.get(digest)
  const record = seq === undefined ? undefined : env.records.get(seq)
  if (record !== undefined) return ['ok', 'record', record[1]]
  const answer = env.answers.get(digest)
  return answer === undefined ? ['ok'] : ['ok', 'answer', answer]
}

function underLead(
  tables: LocalTables,
  holder: string,
  ttl: string,
  { machineMs }: Times,
  work: () => readonly Reply[],
): readonly Reply[] {
  const { lease, term } = tables.state
  const held = heldLease(lease, holder, Number(ttl), machineMs)
  if (held === undefined) return ['held', lease!.holder]
  const isNew = lease === undefined || lease.holder !== holder || !isRunning(lease, machineMs)
  tables.update({ lease: held, term: isNew ? term + 1 : term })
  return ['ok', tables.state.term, ...work()]
}

/** The lead is free, when it is this holder's. */
export function released(tables: LocalTables, [holder]: readonly string[]): readonly Reply[] {
  if (tables.state.lease?.holder !== holder) return ['ok']
  const { lease, ...rest } = tables.state
  tables.state = rest
  return ['ok']
}

function changed(tables: LocalTables, [author, , serial, changes]: readonly string[]): readonly Reply[] {
  const { change } = tables.state
  const newest = tables.env.changes.get(change)
  if (newest?.[1] === author && newest?.[2] === serial) return [change]
  void tables.env.changes.put(change + 1, [changes!, author!, serial!])
  tables.update({ change: change + 1 })
  return [change + 1]
}

/** Takes chunks with every change up to `through` in them, and forgets changes before `kept`. */
export function folded(tables: LocalTables, args: readonly string[]): readonly Reply[] {
  const { env, state } = tables
  const [through, kept] = [Number(args[2]), Number(args[3])]
  for (let index = 4; index < args.length; index += 2)
    void env.runs.put(Number(args[index]), args[index + 1]!)
  for (let number = state.kept; number < kept; number += 1) void env.changes.remove(number)
  tables.update({ folded: through, kept: Math.max(kept, state.kept) })
  return []
}

function factSet(tables: LocalTables, args: readonly string[]): readonly Reply[] {
  void tables.env.facts.put(args[2]!, args[3]!)
  tables.update({ version: tables.state.version + 1 })
  return []
}

function epochOpened(tables: LocalTables, args: readonly string[]): readonly Reply[] {
  tables.state = withNewEpoch(tables.state, args[2]!)
  return []
}

/** Answers are kept from the records themselves. */
export function dropped(tables: LocalTables, args: readonly string[], { nowMs }: Times): readonly Reply[] {
  const [through, chunks] = [Number(args[2]), Number(args[4])]
  for (let index = 5; index < 5 + chunks; index += 1) void tables.env.runs.remove(Number(args[index]))
  tables.dropThrough(through, nowMs)
  return [tables.state.bytes]
}

/** See the script `append`. */
function appended(tables: LocalTables, args: readonly string[], { nowMs }: Times): readonly Reply[] {
  const [known, change, version, maxBytes, tail, , , uncriticalBytes] = args
    .slice(0, 8)
    .map(Number) as number[]
  const { state } = tables
  const lacked = tables.news(known!, change!, version!) as readonly Reply[]
  if (state.last < known!) return ['lost']
  if (lacked[4] === 0 || lacked[5] === 1) return ['ok', lacked, []]
  const looked = Math.max(oldestCheck(args, state.last), state.last - tail!)
  const writers = writersAfter(tables, looked)
  const results: Reply[] = []
  for (let index = 8; index < args.length; index += 8) {
    const [critical, id, at, body, digest, checkedText, packed, references] = args.slice(index, index + 8)
    const checked = Number(checkedText)
    const present = tables.env.ids.get(id!)
    const isOvertaken = () =>
      checked < looked || isWritten(writers, packed!, checked) || isWritten(writers, references!, checked)
    if (present !== undefined) results.push(present)
    else if (digest !== '' && isKnown(tables, digest!, nowMs)) results.push('k')
    else if (checked >= 0 && isOvertaken()) results.push('o')
    else if (tables.state.bytes >= (critical === 'c' ? maxBytes! : uncriticalBytes!)) results.push('f')
    else {
      const seq = tables.add([Number(at), body!, id!, digest!, packed!])
      note(writers, packed!, seq)
      results.push(seq)
    }
  }
  return ['ok', lacked, results]
}

function oldestCheck(args: readonly string[], last: Seq): Seq {
  let oldest = last
  for (let index = 8; index < args.length; index += 8) {
    const checked = Number(args[index + 5])
    if (checked >= 0) oldest = Math.min(oldest, checked)
  }
  return oldest
}

function writersAfter({ env, state }: LocalTables, looked: Seq): Map<string, Seq> {
  const writers = new Map<string, Seq>()
  for (const { key, value } of env.records.getRange({ start: looked + 1, end: state.last + 1 })) {
    note(writers, value[4], key)
  }
  return writers
}

const keyWidth = 12

function note(writers: Map<string, Seq>, packed: string, seq: Seq): void {
  for (let at = 0; at < packed.length; at += keyWidth) writers.set(packed.slice(at, at + keyWidth), seq)
}

function isWritten(writers: ReadonlyMap<string, Seq>, packed: string, checked: Seq): boolean {
  for (let at = 0; at < packed.length; at += keyWidth) {
    if ((writers.get(packed.slice(at, at + keyWidth)) ?? -1) > checked) return true
  }
  return false
}

function isKnown({ env }: LocalTables, digest: string, nowMs: number): boolean {
  if (env.keyed.get(digest) !== undefined) return true
  const answer = env.answers.get(digest)
  return answer !== undefined && Number.parseInt(answer, 10) + keptAnswerMs > nowMs
}
