import { createHash } from 'node:crypto'
import type { TransactionDraft } from '../transaction/transaction.ts'

/**
 * A transaction of about 600 bytes as an observatory records it, for tests and benchmarks. The number makes id and
 * key, so that the same number gives the same draft.
 */
export function sampleDraft(number: number, changes: Partial<TransactionDraft> = {}): TransactionDraft {
  const row = {
    id: sampleId(number, 'b'),
    executed_obs_unit_id: sampleId(1, 'c'),
    name: `i1_${number}.fits`,
    relative_path: `night/${number}.fits`,
    size_bytes: String(number * 1024),
    file_type: 'fits',
  }
  return {
    id: sampleId(number, 'a'),
    operations: [{ kind: 'insert', table: 'public.raw_data_file', row }],
    digest: createHash('sha256').update(String(number)).digest('hex'),
    writes: [`w:public.raw_data_file:${row.id}`],
    references: [`r:public.executed_obs_unit:${row.executed_obs_unit_id}`],
    dependsOn: [],
    catalogVersion: 'v1',
    flags: [],
    ...changes,
  }
}

function sampleId(number: number, variant: 'a' | 'b' | 'c'): string {
  return `0192f000-0000-7000-${variant}000-${number.toString(16).padStart(12, '0')}`
}

/** A draft that carries an Idempotency-Key and its answer. */
export function sampleIdempotentDraft(number: number, key: string): TransactionDraft {
  return sampleDraft(number, {
    idempotency: { scope: 'observatory/token-1', key, requestDigest: `digest-${number}` },
    answer: { status: 201, body: { id: number } },
  })
}
