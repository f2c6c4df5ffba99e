import { describe, expect, it } from 'vitest'
import { openMemoryJournal } from '../applier/memory-journal.spec-suite.ts'
import { SimulatedClock } from '../applier/simulated-clock.spec-suite.ts'
import type { Journal } from '../journal/journal.ts'
import { sampleCatalog } from '../ledger/sample-catalog.spec-suite.ts'
import type { Operation, TextRow } from '../transaction/operation.ts'
import type { TransactionState } from '../transaction/state.ts'
import type { Seq, TransactionDraft } from '../transaction/transaction.ts'
import { OwnChanges, type OwnChangesOptions } from './own-changes.ts'

const catalog = sampleCatalog()
const unit = catalog.tables.get('public.unit')!
const table = unit.name

const insert = (id: string): Operation => ({
  kind: 'insert',
  table,
  row: { id, name: id, status: 'running' },
})
const update = (id: string, set: TextRow): Operation => ({ kind: 'update', table, key: { id }, set })
const remove = (id: string): Operation => ({ kind: 'delete', table, key: { id } })

function recordedIn(journal: Journal) {
  return async (...operations: readonly Operation[]): Promise<Seq> =>
    (await journal.append({ operations } as unknown as TransactionDraft)).seq
}

function remembering(journal: Journal, more: Partial<OwnChangesOptions> = {}) {
  const changes = new OwnChanges({ journal, catalog: () => catalog, clock: new SimulatedClock(), ...more })
  journal.onDurable((records) => changes.add(records))
  changes.start()
  return { changes, of: (id: string) => changes.of(unit, { id }) }
}

const move = async (journal: Journal, seq: Seq, ...states: readonly TransactionState[]) => {
  for (const state of states) await journal.setStatus([{ from: seq, to: seq, status: { state } }])
}

describe('OwnChanges (N22)', () => {
  it('knows what was set in a row, through every state in force', async () => {
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    const { of } = remembering(journal)
    await record(insert('a'), insert('b'))
    expect(await of('a')).toBeUndefined()
    const seq = await record(update('a', { status: 'completed' }))
    for (const state of ['applied', 'replicated', 'retained'] as const) {
      expect(await of('a')).toEqual({ status: 'completed' })
      await move(journal, seq, state)
    }
    await record(update('a', { name: 'renamed' }), update('b', { status: 'paused' }))
    expect(await of('a')).toEqual({ status: 'completed', name: 'renamed' })
    expect(await of('b')).toEqual({ status: 'paused' })
  })

  it('does not count what main refused, nor what was set before the row was deleted', async () => {
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    const { of } = remembering(journal)
    await record(update('a', { status: 'paused' }))
    await move(journal, await record(update('a', { status: 'completed' })), 'rejected')
    expect(await of('a')).toEqual({ status: 'paused' })
    await record(remove('a'), insert('a'))
    expect(await of('a')).toBeUndefined()
    await record(update('a', { name: 'anew' }))
    expect(await of('a')).toEqual({ name: 'anew' })
  })

  it('reads the journal back after a restart, and what is recorded meanwhile goes before it', async () => {
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    await record(update('a', { status: 'completed' }), update('b', { status: 'paused' }))
    for (let n = 0; n < 200; n += 1) await record(insert(`row ${n}`))
    const { changes, of } = remembering(journal)
    await record(update('b', { status: 'completed' }))
    expect(await Promise.all([of('a'), of('b')])).toEqual([{ status: 'completed' }, { status: 'completed' }])
    await changes.stop()
  })

  it('P2: a journal that cannot be read back stops no recording: alarmed once, tried again', async () => {
    const clock = new SimulatedClock()
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    await record(update('old', { status: 'completed' }), update('both', { status: 'paused' }))
    for (let n = 0; n < 200; n += 1) await record(insert(`row ${n}`))
    await record(update('late', { status: 'completed' }))
    let isReadable = false
    const bad = Object.create(journal, {
      getMany: {
        value: async (seqs: readonly Seq[]) => {
          if (!isReadable && seqs.includes(1)) throw new Error('EIO')
          return await journal.getMany(seqs)
        },
      },
    })
    const alarms: string[] = []
    const { changes, of } = remembering(bad, { clock, onAlarm: ({ message }) => alarms.push(message) })
    await record(update('both', { status: 'completed' }))
    // What is newer than the place that cannot be read is known, and so is what was recorded since.
    expect(await of('late')).toEqual({ status: 'completed' })
    expect(await of('both')).toEqual({ status: 'completed' })
    expect(await of('old')).toBeUndefined()
    await clock.runUntil(600_000)
    expect(await of('old')).toBeUndefined()
    expect(alarms).toEqual([expect.stringContaining('EIO')])
    isReadable = true
    for (let ms = 660_000; (await of('old')) === undefined && ms < 2_000_000; ms += 60_000)
      await clock.runUntil(ms)
    expect(await of('old')).toEqual({ status: 'completed' })
    expect(await of('both')).toEqual({ status: 'completed' })
    await changes.stop()
  })

  it('stops between two tries', async () => {
    const journal = openMemoryJournal()
    await recordedIn(journal)(update('a', { status: 'paused' }))
    const bad = Object.create(journal, { getMany: { value: () => Promise.reject(new Error('EIO')) } })
    const { changes } = remembering(bad)
    await changes.stop()
  })

  it('P11: remembers the rows changed last, and looks through so much of the journal at a start', async () => {
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    const known = async (of: (id: string) => Promise<unknown>, ...ids: readonly string[]) =>
      (await Promise.all(ids.map(of))).map((set) => set !== undefined)
    const { of } = remembering(journal, { rows: 2 })
    for (const id of ['a', 'b', 'c', 'a', 'd']) await record(update(id, { status: 'paused' }))
    expect(await known(of, 'a', 'b', 'c', 'd', 'e')).toEqual([true, false, true, true, false])
    for (let n = 0; n < 200; n += 1) await record(update(`row ${n}`, { status: 'paused' }))
    const again = remembering(journal, { rows: 2 })
    expect(await known(again.of, 'row 199', 'row 198', 'row 0')).toEqual([true, true, false])
    const bounded = remembering(journal, { operationsAtStart: 0 })
    expect(await known(bounded.of, 'row 199')).toEqual([false])
  })

  it('forgets the oldest changes of a row that changes often, never one in between', async () => {
    const journal = openMemoryJournal()
    const record = recordedIn(journal)
    const { of } = remembering(journal)
    await record(update('a', { name: 'first' }))
    for (let n = 1; n <= 8; n += 1) await record(update('a', { status: `step ${n}` }))
    expect(await of('a')).toEqual({ status: 'step 8' })
  })
})
