import { describe, expect, it } from 'vitest'
import type { TransactionStatus } from '../journal/journal.ts'
import { dropThrough, type RetentionFacts, shedThrough } from './retention.ts'

const old: TransactionStatus = { state: 'retained', replicatedAtMs: 0, lineage: 'now', position: '2/0/100' }
const facts: RetentionFacts = {
  nowMs: 1_000,
  retentionMs: 500,
  lineage: 'now',
  promotable: 'none',
  statusOf: () => ({ state: 'retained' }),
}
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

  it('P11: passes over the age, and over nothing else, up to where room is needed', () => {
    const young = { ...old, replicatedAtMs: 900 }
    expect(drop([young, young, young], { shedThrough: 2 })).toBe(2)
    expect(drop([young, young], { shedThrough: 2, promotable: 'unknown' })).toBe(0)
    expect(drop([young, { ...young, lineage: 'before' }], { shedThrough: 2 })).toBe(1)
    expect(drop([young, { state: 'applied' }], { shedThrough: 2 })).toBe(1)
  })

  it('keeps dead letters that nobody dealt with, lets dealt ones go', () => {
    expect(drop([{ state: 'rejected' }, old])).toBe(0)
    expect(drop([{ state: 'discarded' }, { state: 'superseded' }, { state: 'resolved' }, old])).toBe(4)
  })

  it('keeps what was decided on as long as the decision, also through a replay of a replay', () => {
    const decided: TransactionStatus = { state: 'superseded', decidedBy: 7 }
    const statusOf = (statuses: Readonly<Record<number, TransactionStatus>>) => ({
      statusOf: (seq: number) => statuses[seq]!,
    })
    expect(drop([decided, old], statusOf({ 7: { ...old, state: 'replicated' } }))).toBe(0)
    expect(drop([decided, old], statusOf({ 7: { state: 'rejected' } }))).toBe(0)
    expect(drop([decided, old], statusOf({ 7: { state: 'superseded', decidedBy: 9 }, 9: old }))).toBe(2)
    expect(
      drop([decided, old], statusOf({ 7: { state: 'superseded', decidedBy: 9 }, 9: { state: 'applied' } })),
    ).toBe(0)
  })
})

describe('shedThrough', () => {
  it('P11: is the share of the oldest that is over the size', () => {
    expect(shedThrough({ bytes: 1_000, firstSeq: 101, lastSeq: 200 }, 1_000)).toBe(0)
    expect(shedThrough({ bytes: 1_000, firstSeq: 101, lastSeq: 200 }, 750)).toBe(125)
    expect(shedThrough({ bytes: 1_000, firstSeq: 101, lastSeq: 200 }, 0)).toBe(200)
    expect(shedThrough({ bytes: 0, firstSeq: 1, lastSeq: 0 }, 0)).toBe(0)
  })
})
