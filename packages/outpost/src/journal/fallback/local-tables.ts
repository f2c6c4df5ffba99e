import type { Seq, TransactionDraft } from '../../transaction/transaction.ts'
import { hitOf, keptAnswerMs } from '../idempotent-hit.ts'
import { idempotencyDigest } from '../redis/keys.ts'
import type { Reply } from '../redis/replies.ts'
import { packKeys } from '../redis/touched-keys.ts'
import type { LocalEnvironment, LocalRecord } from './local-environment.ts'
import type { LocalState } from './local-state.ts'

/** Expired answers that one drop removes. */
const expiredAtOnce = 500

/**
 * The tables within one LMDB transaction, and the state as it will be. Nothing here throws after its first write: lmdb
 * commits what was written before an error.
 */
export class LocalTables {
  readonly env: LocalEnvironment
  state: LocalState

  constructor(env: LocalEnvironment, state: LocalState) {
    this.env = env
    this.state = state
  }

  update(change: Partial<LocalState>): void {
    this.state = { ...this.state, ...change }
  }

  /** The next record. */
  add(record: LocalRecord): Seq {
    const seq = this.state.last + 1
    const [, body, id, digest] = record
    void this.env.records.put(seq, record)
    void this.env.ids.put(id, seq)
    if (digest !== '') void this.env.keyed.put(digest, seq)
    this.update({ last: seq, bytes: this.state.bytes + Buffer.byteLength(body) })
    return seq
  }

  /** Removes the records through a seq and keeps the answers of their Idempotency-Keys. */
  dropThrough(through: Seq, nowMs: number): void {
    const { records, ids, keyed, answers, expiries } = this.env
    let { bytes } = this.state
    for (const { key, value } of [...records.getRange({ start: this.state.first, end: through + 1 })]) {
      const [, body, id, digest] = value
      bytes -= Buffer.byteLength(body)
      void records.remove(key)
      void ids.remove(id)
      if (digest === '') continue
      void keyed.remove(digest)
      const hit = hitOf(JSON.parse(body) as TransactionDraft)
      void answers.put(digest, `${nowMs} ${JSON.stringify(hit)}`)
      void expiries.put([nowMs, digest], true)
    }
    this.#expire(nowMs)
    this.update({ first: through + 1, bytes })
  }

  putAnswer(digest: string, text: string): void {
    void this.env.answers.put(digest, text)
    void this.env.expiries.put([Number.parseInt(text, 10), digest], true)
  }

  /** As the script `news` of Redis: what somebody lacks who has folded up to `last` and `change`. */
  news(last: Seq, change: number, version: number): Reply {
    const { state } = this
    const { records, from } = this.#recordsAfter(Math.max(last + 1, state.first))
    const isReloaded = change + 1 < state.kept || change > state.change
    let isWhole = from > state.last
    const changes: Reply[] = []
    if (isWhole && !isReloaded && change < state.change) {
      const range = { start: change + 1, end: state.change + 1, limit: 500 }
      for (const { key, value } of [...this.env.changes.getRange(range)]) changes.push([key, ...value])
      isWhole = Number((changes.at(-1) as readonly Reply[] | undefined)?.[0] ?? change) >= state.change
    }
    const known = state.version === version ? [] : [JSON.stringify(state.epochs), this.facts()]
    return [
      state.first,
      state.last,
      state.bytes,
      state.version,
      isWhole ? 1 : 0,
      isReloaded ? 1 : 0,
      records,
      changes,
      known,
    ]
  }

  /** Name, value, name, value. */
  facts(): readonly string[] {
    return [...this.env.facts.getRange()].flatMap(({ key, value }) => [key, value])
  }

  /** Chunk, runs, chunk, runs. */
  runs(): readonly string[] {
    return [...this.env.runs.getRange()].flatMap(({ key, value }) => [String(key), value])
  }

  /** What Redis is to hold beside the records: texts of the script `settle`, without the identity. */
  summary(): readonly string[] {
    const { state, env } = this
    const [runs, facts] = [this.runs(), this.facts()]
    const changes = [...env.changes.getRange({ start: state.kept, end: state.change + 1 })]
    const changeTexts = changes.flatMap(({ key, value }) => [String(key), ...value])
    const { first, last, version, change, folded, kept, term } = state
    return [
      ...[first, last, version, change, folded, kept, term].map(String),
      JSON.stringify(state.epochs),
      state.lease?.holder ?? '',
      String(state.lease?.ttlMs ?? 1),
      ...[runs, changeTexts, facts].map(({ length }) => String(length)),
      ...runs,
      ...changeTexts,
      ...facts,
    ]
  }

  #recordsAfter(start: Seq): { readonly records: Reply[]; readonly from: Seq } {
    const records: Reply[] = []
    let bytes = 0
    let from = start
    for (const { key, value } of this.env.records.getRange({
      start,
      end: this.state.last + 1,
      limit: 1_000,
    })) {
      if (bytes >= 8 * 2 ** 20) break
      records.push([key, value[0], value[1]])
      bytes += value[1].length
      from = key + 1
    }
    return { records, from }
  }

  #expire(nowMs: number): void {
    const { answers, expiries } = this.env
    const end: [number, string] = [nowMs - keptAnswerMs, '']
    for (const { key } of [...expiries.getRange({ end, limit: expiredAtOnce })]) {
      void answers.remove(key[1])
      void expiries.remove(key)
    }
  }
}

/** A record as Redis tells of it. Pure. */
export function localRecordOf(bufferedAtMs: number, body: string): LocalRecord {
  const { id, idempotency, writes } = JSON.parse(body) as TransactionDraft
  const digest = idempotency === undefined ? '' : idempotencyDigest(idempotency.scope, idempotency.key)
  return [bufferedAtMs, body, id, digest, packKeys(writes)]
}
