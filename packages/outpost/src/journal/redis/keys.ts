import { createHash } from 'node:crypto'

/**
 * The keys of one site's journal, all under one hash tag so that a script may touch them together:
 *
 * | key | holds |
 * | --- | --- |
 * | `meta` | hash: journal (random identity), run (of the server that the newest epoch was opened on), first, last, bytes, epochs, version, change, folded, kept, term |
 * | `records` | stream: `<seq>-0` → t (buffered at), b (body), i (transaction id), k (digest of the Idempotency-Key, or empty) |
 * | `ids` | hash: transaction id → seq |
 * | `keyed` | hash: digest of the Idempotency-Key → seq, while the record is there |
 * | `touched` | stream: `<seq>-0` → hashes of the keys that the newest records write |
 * | `changes` | stream: `<number>-0` → c (changes of status), a (who), s (serial) |
 * | `runs` | hash: chunk → runs of status, with every change up to `folded` in them |
 * | `facts` | hash: name → value |
 * | `leader` | who leads, with expiry |
 * | `answer:<digest>` | answer of a dropped transaction, with expiry |
 */
const names = ['meta', 'records', 'ids', 'keyed', 'touched', 'changes', 'runs', 'facts', 'leader'] as const

export interface JournalKeys {
  /** In the order that the scripts expect. */
  readonly all: readonly string[]
  readonly records: string
  /** Beginning of the keys of answers. */
  readonly answer: string
  /** Published to after every change. */
  readonly news: string
}

export function keysOf(site: string): JournalKeys {
  const prefix = `{outpost:${site}}`
  return {
    all: names.map((name) => `${prefix}:${name}`),
    records: `${prefix}:records`,
    answer: `${prefix}:answer:`,
    news: `${prefix}:news`,
  }
}

/** SHA-256 (hex) of an Idempotency-Key within its scope (N22). */
export function idempotencyDigest(scope: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('hex')
}
