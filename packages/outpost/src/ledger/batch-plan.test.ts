import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Operation } from '../transaction/operation.ts'
import { type PlannedTransaction, planBatch, type WireBatch } from './batch-plan.ts'
import { sampleCatalog } from './sample-catalog.spec-suite.ts'
import { ModelDatabase } from './sequential-model.spec-suite.ts'
import { tableRules } from './table-rules.ts'

const rules = tableRules(sampleCatalog())

const transaction = (
  seq: number,
  operations: readonly Operation[],
  dependsOn: readonly number[] = [],
): PlannedTransaction => ({
  seq,
  epoch: 'epoch',
  id: `id-${seq}`,
  digest: '00',
  bufferedAtMs: 0,
  dependsOn,
  isLastAttempt: true,
  operations,
})
const plan = (...operations: readonly (readonly Operation[])[]): WireBatch =>
  planBatch(
    operations.map((each, index) => transaction(index + 1, each)),
    rules,
  ).wire

const id = fc.constantFrom('1', '2', '3')
const name = fc.constantFrom('a', 'b', null)
const maybeId = fc.option(id, { nil: null })
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .record({ id, name, status: fc.constantFrom('x', 'y') })
    .map((row): Operation => ({ kind: 'insert', table: 'public.unit', row })),
  fc
    .tuple(
      id,
      fc.oneof(
        fc.record({ status: fc.constantFrom('x', 'y', 'z') }),
        fc.record({ name }),
        fc.record({ name, status: fc.constant('w') }),
      ),
    )
    .map(([key, set]): Operation => ({ kind: 'update', table: 'public.unit', key: { id: key }, set })),
  id.map((key): Operation => ({ kind: 'delete', table: 'public.unit', key: { id: key } })),
  fc
    .record({ id, unit_id: maybeId, size: fc.constantFrom('1', '2') })
    .map((row): Operation => ({ kind: 'insert', table: 'public.file', row })),
  fc
    .tuple(id, fc.oneof(fc.record({ unit_id: maybeId }), fc.record({ size: fc.constantFrom('3', '4') })))
    .map(([key, set]): Operation => ({ kind: 'update', table: 'public.file', key: { id: key }, set })),
  id.map((key): Operation => ({ kind: 'delete', table: 'public.file', key: { id: key } })),
  fc.record({ id, parent: maybeId }).map((row): Operation => ({ kind: 'insert', table: 'public.tree', row })),
  fc.tuple(id, maybeId).map(
    ([key, parent]): Operation => ({
      kind: 'update',
      table: 'public.tree',
      key: { id: key },
      set: { parent },
    }),
  ),
  id.map((key): Operation => ({ kind: 'delete', table: 'public.tree', key: { id: key } })),
  fc
    .record({ id, value: fc.constantFrom('1', '2') })
    .map((row): Operation => ({ kind: 'insert', table: 'public.loose', row })),
  fc.tuple(id, fc.constantFrom('3', '4')).map(
    ([key, value]): Operation => ({
      kind: 'update',
      table: 'public.loose',
      key: { id: key },
      set: { value },
    }),
  ),
  id.map((key): Operation => ({ kind: 'delete', table: 'public.loose', key: { id: key } })),
)

/** Statement by statement, each transaction by itself: the truth. */
function sequentially(
  start: ModelDatabase,
  transactions: readonly (readonly Operation[])[],
): { dump: string; isClean: boolean; end: ModelDatabase } {
  let database = start
  let isClean = true
  for (const operations of transactions) {
    const trial = database.copy()
    try {
      for (const each of operations) trial.runOperation(each)
      database = trial
    } catch {
      isClean = false
    }
  }
  return { dump: database.dump(), isClean, end: database }
}

/** Leaves out most transactions that would fail, so that many groups succeed and some must not. */
function mostlyValid(
  start: ModelDatabase,
  candidates: readonly { readonly operations: readonly Operation[]; readonly isKeptAnyway: boolean }[],
): readonly (readonly Operation[])[] {
  let database = start
  return candidates.flatMap(({ operations, isKeptAnyway }) => {
    const { end, isClean } = sequentially(database, [operations])
    database = end
    return isClean || isKeptAnyway ? [operations] : []
  })
}

function merged(start: ModelDatabase, wire: WireBatch): string | undefined {
  const database = start.copy()
  try {
    for (const group of wire.groups)
      for (const [shape, rows] of group.r) database.run(wire.shapes[shape]!, rows)
  } catch {
    return undefined
  }
  return database.dump()
}

describe('planBatch', () => {
  it('collects the inserts of several transactions into one statement per table', () => {
    const wire = plan(
      [
        { kind: 'insert', table: 'public.unit', row: { id: '1', name: 'a', status: 'x' } },
        { kind: 'insert', table: 'public.file', row: { id: '1', unit_id: '1', size: '1' } },
      ],
      [
        { kind: 'insert', table: 'public.unit', row: { id: '2', name: 'b', status: 'x' } },
        { kind: 'insert', table: 'public.file', row: { id: '2', unit_id: '2', size: '1' } },
      ],
    )
    expect(wire.groups).toHaveLength(1)
    expect(wire.groups[0]!.r.map(([shape, rows]) => [wire.shapes[shape]!.table, rows.length])).toEqual([
      ['public.unit', 2],
      ['public.file', 2],
    ])
  })

  it('never lets two writes of one row share a statement', () => {
    const update = (status: string): Operation => ({
      kind: 'update',
      table: 'public.unit',
      key: { id: '1' },
      set: { status },
    })
    expect(plan([update('x')], [update('y')]).groups[0]!.r.map(([, rows]) => rows.length)).toEqual([1, 1])
  })

  it('P4: keeps transactions of tables with triggers in groups of their own, to go one by one', () => {
    const wire = plan(
      [{ kind: 'insert', table: 'public.loose', row: { id: '1', value: '1' } }],
      [{ kind: 'insert', table: 'public.watched', row: { id: '1', value: '1' } }],
      [{ kind: 'insert', table: 'public.unknown', row: { id: '1' } }],
      [{ kind: 'insert', table: 'public.loose', row: { id: '2', value: '1' } }],
    )
    expect(wire.groups.map((group) => [group.s ?? false, group.x.map(([seq]) => seq)])).toEqual([
      [false, [1]],
      [true, [2, 3]],
      [false, [4]],
    ])
  })

  it('names the dependencies that lie outside a group', () => {
    const insert: Operation = { kind: 'insert', table: 'public.loose', row: { id: '1', value: '1' } }
    const { wire } = planBatch([transaction(5, [insert], [2]), transaction(6, [insert], [5])], rules)
    expect(wire.groups[0]!.d).toEqual([2])
  })

  it('P4: never moves a change of reference ahead of a delete that it would let pass', () => {
    const move = (id: string): Operation => ({
      kind: 'update',
      table: 'public.file',
      key: { id },
      set: { unit_id: '2' },
    })
    const wire = plan([move('1')], [{ kind: 'delete', table: 'public.unit', key: { id: '1' } }], [move('2')])
    expect(wire.groups[0]!.r.map(([shape, rows]) => [wire.shapes[shape]!.kind, rows.length])).toEqual([
      ['update', 1],
      ['delete', 1],
      ['update', 1],
    ])
  })

  it('P3, P4: a merged group leaves what the transactions leave one by one, or fails', () => {
    let mergedCases = 0
    const transactions = fc.array(fc.array(operation, { minLength: 1, maxLength: 2 }), {
      minLength: 1,
      maxLength: 8,
    })
    const candidates = fc.array(
      fc.record({
        operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
        isKeptAnyway: fc.nat(9).map((n) => n === 0),
      }),
      { minLength: 2, maxLength: 16 },
    )
    fc.assert(
      fc.property(transactions, candidates, (before, after) => {
        const start = sequentially(new ModelDatabase(), before).end
        const chosen = mostlyValid(start, after)
        const truth = sequentially(start, chosen)
        const result = merged(start, plan(...chosen))
        if (result === undefined) return
        mergedCases++
        expect(truth.isClean).toBe(true)
        expect(result).toBe(truth.dump)
      }),
      { numRuns: 20_000 },
    )
    expect(mergedCases).toBeGreaterThan(5_000)
  })

  it('merges most of a clean backlog instead of giving up', () => {
    const operations = Array.from({ length: 60 }, (_, i): readonly Operation[] => [
      { kind: 'insert', table: 'public.unit', row: { id: `u${i}`, name: `n${i}`, status: 'x' } },
      { kind: 'insert', table: 'public.file', row: { id: `f${i}`, unit_id: `u${i}`, size: '1' } },
      { kind: 'update', table: 'public.unit', key: { id: `u${i}` }, set: { status: 'y' } },
    ])
    const wire = plan(...operations)
    expect(wire.groups).toHaveLength(1)
    expect(wire.groups[0]!.r).toHaveLength(3)
    expect(merged(new ModelDatabase(), wire)).toBe(sequentially(new ModelDatabase(), operations).dump)
  })
})
