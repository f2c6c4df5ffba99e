import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Operation, TextRow } from '../transaction/operation.ts'
import { type Folded, foldGroup } from './fold.ts'

const keyText = (row: TextRow): string => row.id ?? 'null'
const fold = (...operations: readonly Operation[]): ReadonlyMap<string, Folded> =>
  foldGroup(operations, keyText, ['id'])

const insert = (id: string, row: TextRow = {}): Operation => ({
  kind: 'insert',
  table: 't',
  row: { id, ...row },
})
const update = (id: string, set: TextRow): Operation => ({ kind: 'update', table: 't', key: { id }, set })
const remove = (id: string): Operation => ({ kind: 'delete', table: 't', key: { id } })

/** What a database does; operations that cannot succeed change nothing. */
function apply(rows: ReadonlyMap<string, TextRow>, operation: Operation): ReadonlyMap<string, TextRow> {
  const after = new Map(rows)
  if (operation.kind === 'insert') {
    if (!after.has(keyText(operation.row))) after.set(keyText(operation.row), operation.row)
    return after
  }
  const key = keyText(operation.key)
  const row = after.get(key)
  after.delete(key)
  if (operation.kind === 'delete' || !row) return after
  const changed = { ...row, ...operation.set }
  return after.set(keyText(changed), changed)
}

/** What a merged read shows: main's rows with the folded ones in their places. */
function overlaid(
  base: ReadonlyMap<string, TextRow>,
  folded: ReadonlyMap<string, Folded>,
): ReadonlyMap<string, TextRow> {
  const shown = new Map([...base].filter(([key]) => !folded.has(key)))
  for (const [key, entry] of folded) {
    if (entry.kind === 'insert') shown.set(key, entry.image)
    if (entry.kind !== 'patch') continue
    const lookIn = entry.lookIn ?? [{ id: key }]
    const row = lookIn.map((candidate) => base.get(keyText(candidate))).find((found) => found !== undefined)
    if (row) shown.set(key, { ...row, ...entry.set })
  }
  return shown
}

describe('foldGroup', () => {
  it('N19: keeps a change of a row of main as a change, not as an image', () => {
    expect(fold(update('1', { a: 'x' }), update('1', { b: 'y' })).get('1')).toEqual({
      kind: 'patch',
      set: { a: 'x', b: 'y' },
    })
  })

  it('makes one image of an insert and its changes', () => {
    expect(fold(insert('1', { a: 'x' }), update('1', { a: null })).get('1')).toEqual({
      kind: 'insert',
      image: { id: '1', a: null },
    })
  })

  it('shows the later row where one was deleted and inserted again', () => {
    expect(fold(remove('1'), insert('1', { a: 'new' })).get('1')).toEqual({
      kind: 'insert',
      image: { id: '1', a: 'new' },
    })
    expect(fold(insert('1'), remove('1')).get('1')).toEqual({ kind: 'delete' })
  })

  it('shows the first row where a second insert cannot succeed', () => {
    expect(fold(insert('1', { a: 'first' }), insert('1', { a: 'second' })).get('1')).toMatchObject({
      image: { a: 'first' },
    })
  })

  it('looks for a row whose key changed under each of its keys, the newest first', () => {
    expect(fold(update('1', { id: '2' }), update('2', { id: '3', a: 'x' })).get('3')).toEqual({
      kind: 'patch',
      set: { id: '3', a: 'x' },
      lookIn: [{ id: '3' }, { id: '2' }, { id: '1' }],
    })
  })

  it('P6: any operations over any rows, any first part of them replicated, show what applying them all does', () => {
    const id = fc.integer({ min: 0, max: 4 }).map(String)
    const value = fc.option(fc.constantFrom('x', 'y'))
    const operation = fc.oneof(
      fc.record({ id, a: value, b: value }).map(({ id, a, b }) => insert(id, { a, b })),
      fc.tuple(id, value).map(([key, a]) => update(key, { a })),
      fc.tuple(id, id, value).map(([key, to, b]) => update(key, { id: to, b })),
      id.map(remove),
    )
    const rows = fc
      .uniqueArray(id)
      .map((ids) => new Map(ids.map((key) => [key, { id: key, a: 'base', b: 'base' }])))
    fc.assert(
      fc.property(rows, fc.array(operation, { maxLength: 8 }), fc.nat(8), (base, wanted, count) => {
        const operations = possible(base, wanted)
        const truth = operations.reduce(apply, base)
        const replicated = operations.slice(0, count).reduce(apply, base)
        expect(sorted(overlaid(replicated, fold(...operations)))).toEqual(sorted(truth))
      }),
      { numRuns: 3000 },
    )
  })
})

/** Those that main would accept; a key that was freed is not taken by another row's change, which is ambiguous. */
function possible(base: ReadonlyMap<string, TextRow>, wanted: readonly Operation[]): readonly Operation[] {
  const used = new Set(base.keys())
  let rows: ReadonlyMap<string, TextRow> = base
  return wanted.filter((operation) => {
    if (operation.kind === 'insert') {
      if (rows.has(keyText(operation.row))) return false
    } else if (!rows.has(keyText(operation.key))) return false
    if (operation.kind === 'update' && operation.set.id != null && operation.set.id !== operation.key.id) {
      if (used.has(operation.set.id)) return false
      used.add(operation.set.id)
    }
    if (operation.kind === 'insert') used.add(keyText(operation.row))
    rows = apply(rows, operation)
    return true
  })
}

const sorted = (rows: ReadonlyMap<string, TextRow>) =>
  [...rows].sort(([one], [other]) => (one < other ? -1 : 1))
