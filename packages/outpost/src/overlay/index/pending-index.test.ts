import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Operation, TextRow } from '../../transaction/operation.ts'
import { ByteWriter } from '../encode/byte-writer.ts'
import { insertItem, patchItem } from '../encode/image-item.ts'
import { MemoryJournal } from '../property/memory-journal.spec-suite.ts'
import { runTable, sampleCatalog } from '../property/sample-catalog.spec-suite.ts'
import { nowhere } from './image-slab.ts'
import { PendingIndex } from './pending-index.ts'
import { ValueIndex } from './value-index.ts'

const table = 'public.run'
const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const key = (number: number): TextRow => ({ id: uuid(number) })
const row = (number: number, unit: number): TextRow => ({
  id: uuid(number),
  unit_id: String(unit),
  status: 'new',
  started: '2024-01-01 00:00:00+00',
  doc: null,
})

function newIndex(slabBytes = 1 << 24) {
  const catalog = sampleCatalog([runTable])
  return new PendingIndex(() => catalog, slabBytes)
}

describe('PendingIndex', () => {
  it('knows after any additions and removals which rows are pending, by which transactions', () => {
    const operation = fc.tuple(fc.nat(6), fc.nat(3), fc.nat(2)).map(([number, unit, kind]): Operation => {
      if (kind === 0) return { kind: 'insert', table, row: row(number, unit) }
      if (kind === 1) return { kind: 'delete', table, key: key(number) }
      return { kind: 'update', table, key: key(number), set: { unit_id: String(unit) } }
    })
    const step = fc.oneof(
      fc.array(operation, { minLength: 1, maxLength: 3 }).map((operations) => ({ add: operations })),
      fc.nat(20).map((number) => ({ remove: number })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const journal = new MemoryJournal()
        const index = newIndex()
        const held = new Set<number>()
        for (const entry of steps) {
          if ('add' in entry) {
            const record = journal.add(...entry.add)
            index.add(record)
            held.add(record.seq)
          } else if (index.remove(entry.remove + 1) !== held.delete(entry.remove + 1)) throw new Error('held')
        }
        const pending = index.table(table)
        for (let number = 0; number <= 6; number++) {
          const touching = journal.records.filter(
            ({ seq, operations }) =>
              held.has(seq) &&
              operations.some(
                (entry) => (entry.kind === 'insert' ? entry.row : entry.key).id === uuid(number),
              ),
          )
          const slot = pending ? index.find(pending, key(number)) : -1
          const seqs = slot === -1 ? [] : [...new Set(index.links(slot).map((link) => link.seq))]
          expect(seqs).toEqual(touching.map(({ seq }) => seq))
        }
        expect(index.transactionCount).toBe(held.size)
      }),
    )
  })

  describe('by a unique key of several columns', () => {
    const uniqueKeys = [{ name: 'run_key', columns: ['unit_id', 'status'], nullsNotDistinct: false }]
    const catalog = sampleCatalog([{ ...runTable, uniqueKeys }])
    const found = (index: PendingIndex, status: string): readonly number[] => {
      const slots: number[] = []
      index.finder.eachWithKey(index.table(table)!, ['unit_id', 'status'], ['3', status], (slot) =>
        slots.push(slot),
      )
      return slots
    }

    it('finds one row among many that share a column', () => {
      const journal = new MemoryJournal()
      const index = new PendingIndex(() => catalog, 1 << 24)
      for (let number = 0; number < 5000; number++)
        index.add(journal.add({ kind: 'insert', table, row: { ...row(number, 3), status: `s${number}` } }))
      expect(found(index, 's4321')).toEqual([index.find(index.table(table)!, key(4321))])
    })

    it('tells of a pending new row whose key was changed in part that a column was set', () => {
      const journal = new MemoryJournal()
      const index = new PendingIndex(() => catalog, 1 << 24)
      index.add(journal.add({ kind: 'insert', table, row: row(1, 3) }))
      index.add(journal.add({ kind: 'update', table, key: key(1), set: { status: 'late' } }))
      index.add(journal.add({ kind: 'update', table, key: key(1), set: { doc: '{}' } }))
      const setting: number[] = []
      const pending = index.table(table)!
      index.finder.eachSetting(pending, 'status', (slot) => setting.push(slot))
      expect(setting).toEqual([index.find(pending, key(1))])
    })
  })

  it('finds every row that holds a value, also after rows came and went', () => {
    const journal = new MemoryJournal()
    const index = newIndex()
    for (let number = 0; number < 5000; number++) {
      index.add(journal.add({ kind: 'insert', table, row: row(number, number % 10) }))
      if (number >= 100) index.remove(number - 99)
    }
    const pending = index.table(table)!
    const found = new Set<number>()
    index.finder.eachWithValue(pending, 'unit_id', '3', (slot) => found.add(slot))
    const expected = [...Array(100).keys()].map((at) => 4900 + at).filter((number) => number % 10 === 3)
    for (const number of expected) expect(found).toContain(index.find(pending, key(number)))
  })

  it('folds a change into the image at hand and drops it where a part of the history leaves', () => {
    const journal = new MemoryJournal()
    const index = newIndex()
    const first = journal.add({ kind: 'insert', table, row: row(1, 1) })
    index.add(first)
    index.add(journal.add({ kind: 'update', table, key: key(1), set: { unit_id: '2' } }))
    const pending = index.table(table)!
    const slot = index.find(pending, key(1))
    const place = index.slots.place(slot)
    const item = pending.items.read(index.slab.bufferOf(place), index.slab.startOf(place))
    expect([item.kind, item.bytes.readInt32BE(item.starts[1]!)]).toEqual([insertItem, 2])
    index.remove(first.seq)
    expect(index.slots.place(slot)).toBe(nowhere)
  })

  it('P11: keeps no more images than the limit, and gives the memory back', () => {
    const journal = new MemoryJournal()
    const index = newIndex(2 << 20)
    for (let number = 0; number < 30_000; number++) {
      index.add(journal.add({ kind: 'insert', table, row: row(number, 1) }))
    }
    expect(index.slab.allocatedBytes).toBeLessThanOrEqual(2 << 20)
    for (let seq = 1; seq <= 30_000; seq++) index.remove(seq)
    expect(index.slab.liveBytes).toBe(0)
    expect(index.slab.allocatedBytes).toBeLessThanOrEqual(1 << 20)
  })

  it('keeps the images of the rows that stay when it closes the holes that others left', () => {
    const journal = new MemoryJournal()
    const index = newIndex(64 << 20)
    const count = 60_000
    const wide = (number: number): TextRow => ({ ...row(number, number % 7), status: 'x'.repeat(200) })
    for (let number = 0; number < count; number++) {
      index.add(journal.add({ kind: 'insert', table, row: wide(number) }))
    }
    const before = index.slab.allocatedBytes
    for (let seq = 1; seq <= count; seq++) if (seq % 4 !== 0) index.remove(seq)
    expect(index.slab.allocatedBytes).toBeLessThan(before * 0.6)
    const pending = index.table(table)!
    for (let number = 3; number < count; number += 4000) {
      const place = index.slots.place(index.find(pending, key(number)))
      const writer = new ByteWriter()
      pending.items.writeInsert(writer, wide(number))
      const start = index.slab.startOf(place)
      expect(index.slab.bufferOf(place).subarray(start, start + writer.length)).toEqual(writer.take())
    }
  })

  it('reads one value of an image without the rest', () => {
    const index = newIndex()
    const journal = new MemoryJournal()
    index.add(journal.add({ kind: 'update', table, key: key(1), set: { status: 'x', started: null } }))
    const pending = index.table(table)!
    const place = index.slots.place(index.find(pending, key(1)))
    const [bytes, start] = [index.slab.bufferOf(place), index.slab.startOf(place)]
    expect(bytes[start]).toBe(patchItem)
    const at = pending.items.valueStart(bytes, start, 2)
    expect(bytes.toString('utf8', at, at + bytes.readInt32BE(at - 4))).toBe('x')
    expect([1, 3].map((column) => pending.items.valueStart(bytes, start, column))).toEqual([-2, -1])
    expect(pending.items.setsOneOf(bytes, start, [1])).toBe(false)
  })
})

describe('ValueIndex', () => {
  it('forgets what freed slots held and keeps the rest', () => {
    const generations = new Map<number, number>()
    const index = new ValueIndex((slot) => generations.get(slot) ?? -1)
    for (let slot = 0; slot < 10_000; slot++) {
      generations.set(slot, 0)
      index.add(slot % 50, slot)
      if (slot >= 200) generations.delete(slot - 200)
    }
    const found: number[] = []
    index.each(7, (slot) => found.push(slot))
    expect(found.sort((a, b) => a - b)).toEqual([9807, 9857, 9907, 9957])
  })
})
