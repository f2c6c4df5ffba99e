import type { StatusChange } from '../journal.ts'
import type { Script } from '../redis/lua.ts'
import * as lua from '../redis/lua.ts'
import { listOf, type News, parseNews, type Reply } from '../redis/replies.ts'
import { dropped, folded, released } from './local-scripts.ts'
import type { LocalState } from './local-state.ts'
import type { LocalStore } from './local-store.ts'
import { type LocalTables, localRecordOf } from './local-tables.ts'

/** What became of a copy: it is there, the site has left that Redis meanwhile, or the copy lacks what comes before. */
export type Copied = 'copied' | 'left' | 'gap'

/**
 * Takes what Redis has answered into the local store, before anybody is told of it. Only then is it acknowledged: where
 * the site has left Redis meanwhile, nothing of it ever happened.
 */
export async function copy(
  store: LocalStore,
  journal: string,
  script: Script,
  args: readonly string[],
  reply: readonly Reply[],
): Promise<Copied> {
  const plan = planOf(store, script, args, reply)
  const isStill = (state: LocalState) => state.mode === 'redis' && state.journal === journal
  if (plan === undefined) return isStill(store.state) ? 'copied' : 'left'
  if (plan.bytes > 0) store.refuseUncopied([...args, ...plan.bodies])
  return await store.write((tables) => {
    if (!isStill(tables.state)) return 'left'
    return plan.take(tables)
  })
}

interface Plan {
  readonly bytes: number
  readonly bodies: readonly string[]
  readonly take: (tables: LocalTables) => Copied
}

/** Undefined where there is nothing to take. */
function planOf(
  store: LocalStore,
  script: Script,
  args: readonly string[],
  reply: readonly Reply[],
): Plan | undefined {
  const housekeeping = (take: Plan['take']): Plan => ({ bytes: 0, bodies: [], take })
  if (reply[0] === 'held') return undefined
  if (script === lua.catchUp) return newsPlan(store, parseNews(reply[1]), [])
  if (script === lua.append) return newsPlan(store, parseNews(reply[1]), storedIn(args, listOf(reply[2])))
  if (script === lua.releaseLead) {
    return housekeeping((tables) => {
      released(tables, args)
      return 'copied'
    })
  }
  const underLead = leading.get(script)
  if (underLead === undefined) return undefined
  return housekeeping((tables) => {
    noteLead(tables, store, args, Number(reply[1]))
    return underLead(tables, args, reply, store)
  })
}

type Take = (
  tables: LocalTables,
  args: readonly string[],
  reply: readonly Reply[],
  store: LocalStore,
) => Copied

const leading = new Map<Script, Take>([
  [lua.takeLead, () => 'copied'],
  [
    lua.changeStatus,
    (tables, [author, , serial, changes], reply) =>
      addChange(tables, Number(reply[2]), [changes!, author!, serial!]),
  ],
  [
    lua.foldChanges,
    (tables, args) => {
      // Chunks hold every change up to the one they name; a copy that lacks some of these takes them later.
      if (Number(args[2]) <= tables.state.change) folded(tables, args)
      return 'copied'
    },
  ],
  [
    lua.drop,
    (tables, args, _, store) => {
      if (Number(args[2]) > tables.state.last) return 'gap'
      if (Number(args[2]) >= tables.state.first) dropped(tables, args, store.times)
      return 'copied'
    },
  ],
])

function noteLead(tables: LocalTables, store: LocalStore, args: readonly string[], term: number): void {
  const ttlMs = Number(args[1])
  const lease = { holder: args[0]!, ttlMs, untilMs: store.machineMs + ttlMs }
  tables.update({ lease, term: Math.max(tables.state.term, term) })
}

function addChange(
  tables: LocalTables,
  number: number,
  change: readonly [changes: string, author: string, serial: string],
): Copied {
  if (number > tables.state.change + 1) return 'gap'
  if (number === tables.state.change + 1) {
    void tables.env.changes.put(number, change)
    tables.update({ change: number })
  }
  return 'copied'
}

interface Stored {
  readonly seq: number
  readonly bufferedAtMs: number
  readonly body: string
}

/** What Redis has stored of the drafts in these arguments. */
function storedIn(args: readonly string[], results: readonly Reply[]): readonly Stored[] {
  return results.flatMap((seq, index) => {
    const at = 8 + 8 * index
    return typeof seq === 'number' ? [{ seq, bufferedAtMs: Number(args[at + 2]), body: args[at + 3]! }] : []
  })
}

function newsPlan(store: LocalStore, news: News, stored: readonly Stored[]): Plan | undefined {
  const { state } = store
  const records = [...news.records, ...stored]
  const hasNews =
    records.some(({ seq }) => seq > state.last) ||
    news.changes.some(({ number }) => number > state.change) ||
    news.firstSeq > state.first ||
    (news.known !== undefined && news.version !== state.version)
  if (!hasNews) return undefined
  return {
    bytes: records.length,
    bodies: news.records.map(({ body }) => body),
    take: (tables) => takeNews(tables, news, records, store.times.nowMs),
  }
}

/** Adds what is lacked, and drops what Redis has dropped. */
export function takeNews(tables: LocalTables, news: News, records: readonly Stored[], nowMs: number): Copied {
  for (const { seq, bufferedAtMs, body } of records) {
    if (seq > tables.state.last + 1) return 'gap'
    if (seq > tables.state.last) tables.add(localRecordOf(bufferedAtMs, body))
  }
  if (news.firstSeq - 1 > tables.state.last) return 'gap'
  if (news.firstSeq > tables.state.first) tables.dropThrough(news.firstSeq - 1, nowMs)
  for (const { number, changes, by, serial } of news.changes) {
    if (addChange(tables, number, [JSON.stringify(changes satisfies StatusChange[]), by, serial]) === 'gap')
      return 'gap'
  }
  if (news.known !== undefined && news.version >= tables.state.version) takeKnown(tables, news)
  return 'copied'
}

function takeKnown(tables: LocalTables, { known, version }: News): void {
  for (const [name, value] of known!.facts) void tables.env.facts.put(name, value)
  tables.update({ epochs: known!.epochs, version })
}
