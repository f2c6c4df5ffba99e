import { createHash } from 'node:crypto'
import type { TransactionRecord } from '../../transaction/transaction.ts'
import { hitOf, keptAnswerMs } from '../idempotent-hit.ts'
import type { IdempotentHit } from '../journal.ts'
import type { Environment } from './environment.ts'

/** Answers that one call removes at most; the next call goes on. */
const expiredPerCall = 10_000

/** The answers of dropped transactions. Writes become part of the LMDB transaction of the present turn. */
export class KeptAnswers {
  readonly #environment: Environment

  constructor(environment: Environment) {
    this.#environment = environment
  }

  find(scope: string, key: string, nowMs: number): IdempotentHit | undefined {
    const kept = this.#environment.answers.get(digest(scope, key))
    if (kept === undefined || kept.scope !== scope || kept.key !== key) return undefined
    if (kept.droppedAtMs + keptAnswerMs <= nowMs) return undefined
    const { transactionId, requestDigest, answer } = kept
    return { transactionId, requestDigest, answer }
  }

  keep(records: readonly TransactionRecord[], nowMs: number): Promise<boolean>[] {
    return records.flatMap((record) => {
      if (record.idempotency === undefined) return []
      const { scope, key } = record.idempotency
      const name = digest(scope, key)
      return [
        this.#environment.answers.put(name, { ...hitOf(record), scope, key, droppedAtMs: nowMs }),
        this.#environment.expiries.put([nowMs, name], true),
      ]
    })
  }

  removeExpired(nowMs: number): Promise<boolean>[] {
    const { answers, expiries } = this.#environment
    const removals: Promise<boolean>[] = []
    const expired = [...expiries.getKeys({ end: [nowMs - keptAnswerMs, ''], limit: expiredPerCall })]
    for (const [droppedAtMs, name] of expired) {
      removals.push(expiries.remove([droppedAtMs, name]))
      // The key may have been used and dropped again since: then a later entry looks after it.
      if (answers.get(name)?.droppedAtMs === droppedAtMs) removals.push(answers.remove(name))
    }
    return removals
  }
}

function digest(scope: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('hex')
}
