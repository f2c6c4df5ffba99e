import { beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from '../journal/journal.ts'
import { tableRules } from '../ledger/table-rules.ts'
import type { Seq } from '../transaction/transaction.ts'
import type { FormedBatch } from './batch-draft.ts'
import { BatchFormer } from './batch-former.ts'
import type { BatchSize } from './batch-size.ts'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'

const sizeOf = (transactions: number): BatchSize => ({ bytes: 1e9, transactions })
const seqsOf = ({ transactions }: FormedBatch): readonly Seq[] => transactions.map(({ seq }) => seq)

describe('BatchFormer', () => {
  let plain: Journal
  let reads: number
  let isFailing: boolean
  let waiting: Set<Seq>
  let former: BatchFormer

  beforeEach(() => {
    plain = openMemoryJournal()
    reads = 0
    isFailing = false
    waiting = new Set()
    const journal: Journal = Object.create(plain, {
      getMany: {
        value: async (seqs: readonly Seq[]) => {
          if (isFailing) throw new Error('the disk failed')
          if (seqs.length > 0) reads++
          return await plain.getMany(seqs)
        },
      },
    })
    former = new BatchFormer({
      journal,
      clock: { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined },
      rules: () => tableRules(undefined),
      nextDueMs: () => undefined,
      facts: () => ({
        stateOf: (seq) => plain.status(seq).state,
        isWaiting: (seq) => waiting.has(seq),
        isLastAttempt: () => false,
        redrivenWriter: () => undefined,
        standIn: (seq) => seq,
        epochOf: ({ epoch }) => epoch,
      }),
    })
  })

  const append = async (count: number, dependsOn: readonly Seq[] = []): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await plain.append({
        id: `tx-${plain.lastSeq}`,
        operations: [{ kind: 'insert', table: 'public.event', row: { id: String(plain.lastSeq) } }],
        digest: '00',
        writes: [],
        references: [],
        dependsOn,
        catalogVersion: '',
        flags: [],
      })
    }
  }
  const settle = async (state: 'applied' | 'rejected', ...seqs: readonly Seq[]) =>
    await plain.setStatus(seqs.map((seq) => ({ from: seq, to: seq, status: { state } })))
  const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve))

  it('reads the next batch while the present one is under way, and not again when it is wanted', async () => {
    await append(7)
    expect(seqsOf(await former.form(sizeOf(3)))).toEqual([1, 2, 3])
    former.formAhead(sizeOf(3))
    await turnOfTheLoop()
    await settle('applied', 1, 2, 3)
    const before = reads
    const batch = await former.form(sizeOf(3))
    expect(seqsOf(batch)).toEqual([4, 5, 6])
    expect(batch.plan.groups).toEqual([[4, 5, 6]])
    expect(reads).toBe(before)
  })

  it('takes along what was appended since, where there is room', async () => {
    await append(5)
    await former.form(sizeOf(3))
    former.formAhead(sizeOf(6))
    await turnOfTheLoop()
    await append(2)
    await settle('applied', 1, 2, 3)
    expect(seqsOf(await former.form(sizeOf(6)))).toEqual([4, 5, 6, 7])
  })

  it('N9: forms anew when one of those under way was rejected: its cone is parked, not sent', async () => {
    await append(3)
    await append(1, [2])
    await append(2)
    await former.form(sizeOf(3))
    former.formAhead(sizeOf(3))
    await turnOfTheLoop()
    await settle('applied', 1, 3)
    await settle('rejected', 2)
    await former.dropAhead()
    const batch = await former.form(sizeOf(3))
    expect(batch.parked).toEqual([{ seq: 4, by: [2] }])
    expect(seqsOf(batch)).toEqual([5, 6])
  })

  it('leaves no trace of a dropped batch in the pass: what it left behind is looked at again', async () => {
    await append(5)
    await former.form(sizeOf(3))
    waiting.add(4)
    former.formAhead(sizeOf(3))
    await turnOfTheLoop()
    waiting.clear()
    await append(1, [4])
    await former.dropAhead()
    expect(seqsOf(await former.form(sizeOf(3)))).toEqual([4, 5, 6])
  })

  it('P5: keeps the place in the pass when a batch is dropped: what waits is not read once more', async () => {
    await append(2)
    waiting.add(1).add(2)
    await append(4)
    expect(seqsOf(await former.form(sizeOf(2)))).toEqual([3, 4])
    former.formAhead(sizeOf(2))
    await former.dropAhead()
    waiting.clear()
    expect(seqsOf(await former.form(sizeOf(2)))).toEqual([5, 6])
  })

  it('N12: forms anew what is larger than the link has turned out to carry', async () => {
    await append(9)
    await former.form(sizeOf(3))
    former.formAhead(sizeOf(6))
    await turnOfTheLoop()
    await settle('applied', 1, 2, 3)
    expect(seqsOf(await former.form(sizeOf(2)))).toEqual([4, 5])
    await settle('applied', 4, 5)
    expect(seqsOf(await former.form(sizeOf(2)))).toEqual([6, 7])
  })

  it('starts over from the first one, whatever was formed ahead', async () => {
    await append(6)
    await former.form(sizeOf(3))
    former.formAhead(sizeOf(3))
    former.startOver()
    expect(seqsOf(await former.form(sizeOf(6)))).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('meets a failure to read again where it matters', async () => {
    await append(6)
    await former.form(sizeOf(3))
    isFailing = true
    former.formAhead(sizeOf(3))
    await turnOfTheLoop()
    await expect(former.form(sizeOf(3))).rejects.toThrow('the disk failed')
    isFailing = false
    expect(seqsOf(await former.form(sizeOf(3)))).toEqual([4, 5, 6])
  })
})
