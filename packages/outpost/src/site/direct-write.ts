import { OutpostError } from '../errors/outpost-error.ts'
import { beginWithinLineage } from '../postgres/begin-within-lineage.ts'
import type { Idempotency, StoredAnswer } from '../transaction/transaction.ts'
import type { NodePool } from './node-pool.ts'

export type DirectQuery = (
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly Record<string, unknown>[]>

interface StoredRow {
  readonly request_digest: string
  readonly status: number
  readonly body: unknown
}

interface DirectWriteOptions {
  readonly site: string
  /** Of the main that the site knows; undefined before first contact. */
  readonly lineage: string | undefined
  readonly idempotency?: Idempotency
  readonly timeoutMs: number
}

/**
 * Writes to main in one database transaction, with the Idempotency-Key and its answer stored in the same one (N5):
 * either both are there or neither. Two requests with one key are serialised by a lock on the key. Error:
 * `lineage_refused` (N4).
 */
export async function writeDirect(
  main: NodePool,
  statements: (query: DirectQuery) => Promise<StoredAnswer>,
  options: DirectWriteOptions,
): Promise<StoredAnswer & { readonly isReplayed: boolean }> {
  return await main.run(options.timeoutMs, async (client) => {
    const query: DirectQuery = async (sql, values = []) => (await client.query(sql, [...values])).rows
    await beginWithinLineage(client, options.lineage)
    try {
      const known = options.idempotency && (await claim(query, options.site, options.idempotency))
      if (known) {
        await client.query('ROLLBACK')
        return { status: known.status, body: known.body, isReplayed: true }
      }
      const answer = await statements(query)
      if (options.idempotency) await store(query, options.site, options.idempotency, answer)
      await client.query('COMMIT')
      return { ...answer, isReplayed: false }
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  })
}

async function claim(
  query: DirectQuery,
  site: string,
  idempotency: Idempotency,
): Promise<StoredRow | undefined> {
  const { scope, key, requestDigest } = idempotency
  await query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `outpost.direct_write|${site}|${scope}|${key}`,
  ])
  const rows = await query(
    'SELECT request_digest, status, body FROM outpost.idempotency WHERE site = $1 AND scope = $2 AND key = $3',
    [site, scope, key],
  )
  const row = rows[0] as StoredRow | undefined
  if (row && row.request_digest !== requestDigest) {
    throw new OutpostError(
      'idempotency_conflict',
      `The Idempotency-Key "${key}" was used for another request.`,
    )
  }
  return row
}

async function store(
  query: DirectQuery,
  site: string,
  idempotency: Idempotency,
  answer: StoredAnswer,
): Promise<void> {
  await query(
    'INSERT INTO outpost.idempotency (site, scope, key, request_digest, status, body) VALUES ($1, $2, $3, $4, $5, $6)',
    [
      site,
      idempotency.scope,
      idempotency.key,
      idempotency.requestDigest,
      answer.status,
      JSON.stringify(answer.body),
    ],
  )
}
