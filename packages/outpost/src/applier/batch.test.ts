import { describe, expect, it } from 'vitest'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionRecord } from '../transaction/transaction.ts'
import { BatchBuilder, type BatchFacts } from './batch.ts'
import { batchLimits } from './batch-size.ts'

interface Facts {
  readonly states?: Readonly<Record<Seq, TransactionState>>
  readonly waiting?: readonly Seq[]
  readonly redriven?: readonly Seq[]
  readonly standIns?: Readonly<Record<Seq, Seq>>
}

function record(seq: Seq, dependsOn: readonly Seq[] = [], key = `pk|public.unit|${seq}`): TransactionRecord {
  return {
    seq,
    epoch: 'e',
    id: `id-${seq}`,
    operations: [{ kind: 'insert', table: 'public.unit', row: { id: String(seq) } }],
    digest: '00',
    writes: [key],
    references: [],
    dependsOn,
    catalogVersion: '',
    flags: [],
    bufferedAtMs: 0,
  }
}

function batchOf(records: readonly TransactionRecord[], facts: Facts) {
  const { states = {}, waiting = [], redriven = [], standIns = {} } = facts
  const known: BatchFacts = {
    stateOf: (seq) => states[seq] ?? 'buffered',
    isWaiting: (seq) => waiting.includes(seq),
    isLastAttempt: () => false,
    redrivenWriter: (key, seq) =>
      records.findLast((each) => redriven.includes(each.seq) && each.seq < seq && each.writes.includes(key))
        ?.seq,
    standIn: (seq) => standIns[seq] ?? seq,
    epochOf: ({ epoch }) => epoch,
  }
  const planned: { seq: Seq; dependsOn: readonly Seq[] }[] = []
  const builder = new BatchBuilder(batchLimits.largest, known, new Set(), ({ seq, dependsOn }) =>
    planned.push({ seq, dependsOn }),
  )
  for (const each of records) builder.add(each)
  const { transactions, parked } = builder.finish()
  return { sent: transactions.map(({ seq, dependsOn }) => ({ seq, dependsOn })), parked, planned }
}

describe('BatchBuilder', () => {
  it('N9: sends a transaction with the seqs that it depends on and that go with it', () => {
    const { sent } = batchOf([record(2), record(3, [1, 2])], { states: { 1: 'applied' } })
    expect(sent).toEqual([
      { seq: 2, dependsOn: [] },
      { seq: 3, dependsOn: [2] },
    ])
  })

  it('N9: parks what depends on a rejected or parked transaction, and the cone behind it', () => {
    const { sent, parked } = batchOf([record(3, [1]), record(4, [3]), record(5, [2]), record(6)], {
      states: { 1: 'rejected', 2: 'parked' },
    })
    expect(sent.map(({ seq }) => seq)).toEqual([6])
    expect(parked).toEqual([
      { seq: 3, by: [1] },
      { seq: 4, by: [3] },
      { seq: 5, by: [2] },
    ])
  })

  it('N9: what depends on a waiting transaction stays behind with it, and is not parked', () => {
    const { sent, parked } = batchOf([record(1), record(2, [1]), record(3, [2]), record(4)], { waiting: [1] })
    expect(sent.map(({ seq }) => seq)).toEqual([4])
    expect(parked).toEqual([])
  })

  it('N9: what follows a lost transaction on the same row waits for it, though it was made when that was applied', () => {
    const { sent } = batchOf([record(1, [], 'pk|public.unit|a'), record(2, [], 'pk|public.unit|a')], {
      redriven: [1],
    })
    expect(sent).toEqual([
      { seq: 1, dependsOn: [] },
      { seq: 2, dependsOn: [1] },
    ])
  })

  it('N12: one transaction always goes, however small the batch', () => {
    const facts: BatchFacts = {
      stateOf: () => 'buffered',
      isWaiting: () => false,
      isLastAttempt: () => false,
      redrivenWriter: () => undefined,
      standIn: (seq) => seq,
      epochOf: ({ epoch }) => epoch,
    }
    const builder = new BatchBuilder(batchLimits.smallest, facts, new Set(), () => undefined)
    expect([builder.add(record(1)), builder.add(record(2))]).toEqual([true, false])
    expect(builder.finish()).toMatchObject({ transactions: [{ seq: 1 }], isFull: true })
  })

  it('N3: parks behind the decision what waited for its dead letter, until main has it', () => {
    const records = [record(5, [3]), record(6, [5]), record(7), record(9)]
    const standIns = { 3: 9 }
    expect(batchOf(records, { standIns, states: { 3: 'superseded' } })).toMatchObject({
      sent: [{ seq: 7 }, { seq: 9 }],
      parked: [
        { seq: 5, by: [9] },
        { seq: 6, by: [5] },
      ],
    })
    const settled = { standIns, states: { 3: 'superseded', 9: 'applied' } } as const
    expect(batchOf(records.slice(0, 2), settled)).toMatchObject({
      sent: [{ seq: 5 }, { seq: 6 }],
      parked: [],
    })
  })

  describe('N10: in the common lane', () => {
    const unknown = (seq: Seq, lane = 'uq|public.unit.name') => ({
      ...record(seq),
      references: [`common|${lane}`],
    })
    const named = (seq: Seq, name: string) => record(seq, [], `uq|public.unit.name|${name}`)
    const sentOf = (records: readonly TransactionRecord[], facts: Facts = {}) =>
      batchOf(records, facts).planned

    it('one stays behind what waits and may have touched the same, and others go', () => {
      const other = record(4, [], 'uq|public.unit.code|a')
      const records = [unknown(1), named(2, 'a'), unknown(3), other, unknown(5, 'pk|public.unit'), record(6)]
      expect(sentOf(records, { waiting: [1] })).toEqual([{ seq: 4, dependsOn: [] }])
      expect(sentOf([named(1, 'a'), unknown(2), named(3, 'b')], { waiting: [1] })).toEqual([])
      expect(sentOf([named(1, 'a'), named(2, 'b')], { waiting: [1] })).toEqual([{ seq: 2, dependsOn: [] }])
    })

    it('one follows within a batch what may have touched the same', () => {
      const records = [named(1, 'a'), unknown(2), named(3, 'b'), named(4, 'c'), unknown(5), named(6, 'd')]
      expect(sentOf(records).map(({ dependsOn }) => dependsOn)).toEqual([[], [1], [2], [2], [2, 3, 4], [5]])
    })

    it('P5: one is held back by nothing that main refused or that is parked', () => {
      const states = { 1: 'rejected', 2: 'parked' } as const
      const parked = record(3, [1], 'pk|public.unit|3')
      const { planned, parked: found } = batchOf(
        [{ ...parked, references: unknown(3).references }, named(4, 'a')],
        { states },
      )
      expect([planned, found]).toEqual([[{ seq: 4, dependsOn: [] }], [{ seq: 3, by: [1] }]])
    })
  })
})
