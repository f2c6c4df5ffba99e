import { describe, expect, it } from 'vitest'
import { OutpostError } from '../errors/outpost-error.ts'
import type { TransactionDraft } from '../transaction/transaction.ts'
import { openMemoryJournal } from './memory-journal.spec-suite.ts'
import { Retainer } from './retainer.ts'
import { SimulatedClock } from './simulated-clock.spec-suite.ts'

const emptyDraft = (id: string): TransactionDraft => ({
  id,
  operations: [],
  digest: '00',
  writes: [],
  references: [],
  dependsOn: [],
  catalogVersion: 'sim',
  flags: [],
})

describe('Retainer', () => {
  it('P11: keeps what somebody still needs, however old', async () => {
    const journal = openMemoryJournal()
    const dropped: number[] = []
    journal.drop = async (through) => void dropped.push(through)
    for (const id of ['a', 'b', 'c']) await journal.append(emptyDraft(id))
    const status = { lineage: 'l', replicatedAtMs: 0 }
    for (const state of ['applied', 'replicated', 'retained'] as const)
      await journal.setStatus([{ from: 1, to: 3, status: { ...status, state } }])
    let neededFrom: number | undefined = 3
    const retainer = new Retainer({
      journal,
      clock: new SimulatedClock(),
      retentionMs: 0,
      lineage: () => 'l',
      promotable: async () => 'none',
      neededFrom: () => neededFrom,
    })
    expect(await retainer.sweep()).toBe(2)
    neededFrom = undefined
    expect(await retainer.sweep()).toBe(3)
    expect(dropped).toEqual([2, 3])
  })

  it('P11: a sweep that fails is alarmed once and tried again', async () => {
    const clock = new SimulatedClock()
    const plain = openMemoryJournal()
    let isFull = true
    const alarms: string[] = []
    const journal = Object.create(plain, {
      seqsIn: {
        value: (...question: Parameters<typeof plain.seqsIn>) => {
          if (isFull) throw new OutpostError('journal_full', 'The disk is full.')
          return plain.seqsIn(...question)
        },
      },
    })
    const { seq } = await plain.append(emptyDraft('a'))
    for (const state of ['applied', 'replicated'] as const)
      await plain.setStatus([{ from: seq, to: seq, status: { state } }])
    const retainer = new Retainer({
      journal,
      clock,
      retentionMs: 1,
      lineage: () => undefined,
      promotable: async () => 'none',
      onAlarm: ({ code }) => alarms.push(code),
    })
    retainer.start()
    await clock.runUntil(300_000)
    expect(alarms).toEqual(['journal'])
    isFull = false
    await clock.runUntil(900_000)
    expect(plain.status(seq).state).toBe('retained')
    const stopped = retainer.stop()
    await clock.runUntil(2_000_000)
    await stopped
  })
})
