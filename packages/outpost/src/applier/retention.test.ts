import { describe, expect, it } from 'vitest'
import type { TransactionStatus } from '../journal/journal.ts'
import { dropThrough, type RetentionFacts } from './retention.ts'

const old: TransactionStatus = { state: 'retained', replicatedAtMs: 0, lineage: 'now', position: '2/0/100' }
const facts: RetentionFacts = { nowMs: 1_000, retentionMs: 500, lineage: 'now', promotable: 'none' }
const drop = (statuses: readonly TransactionStatus[], given: Partial<RetentionFacts> = {}) =>
  dropThrough(
    statuses.map((status, index) => [index + 1, status] as const),
    { ...facts, ...given },
  )

describe('dropThrough', () => {
  it('N13: drops a prefix of what is confirmed, old, of this lineage and covered', () => {
    expect(drop([old, old])).toBe(2)
    expect(drop([old, { ...old, state: 'replicated' }, old])).toBe(1)
    expect(drop([{ ...old, replicatedAtMs: 600 }])).toBe(0)
    expect(drop([{ ...old, lineage: 'before' }])).toBe(0)
    expect(drop([old], { lineage: undefined })).toBe(0)
  })

  it('N13, E24: keeps what a promotable standby lacks or nobody knows, and never compares timelines', () => {
    expect(drop([old], { promotable: 'unknown' })).toBe(0)
    expect(drop([old], { promotable: ['2/0/100', '2/0/FF'] })).toBe(0)
    expect(drop([old], { promotable: ['2/0/100', undefined] })).toBe(0)
    expect(drop([old], { promotable: ['1/0/200'] })).toBe(0)
    expect(drop([old], { promotable: ['2/0/100', '2/1/0'] })).toBe(1)
  })

  it('keeps dead letters that nobody dealt with, lets dealt ones go', () => {
    expect(drop([{ state: 'rejected' }, old])).toBe(0)
    expect(drop([{ state: 'discarded' }, { state: 'superseded' }, { state: 'resolved' }, old])).toBe(4)
  })
})
