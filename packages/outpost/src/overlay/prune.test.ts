import { describe, expect, it } from 'vitest'
import { shapeOf } from './encode/table-shape.ts'
import { pieceTable, runTable, sampleCatalog, unitTable } from './property/sample-catalog.spec-suite.ts'
import { planPruning, prune } from './prune.ts'
import { loadGrammar } from './sql/parse-cache.ts'
import { analyse } from './sql/statement.ts'

await loadGrammar()
const catalog = sampleCatalog([runTable, unitTable, pieceTable])
const id = '0191a1b2-0000-7000-8000-000000000001'

function pruning(sql: string, values: readonly unknown[] = []) {
  const statement = analyse(sql, catalog, catalog.searchPath)
  const use = statement.uses[0]!
  const table = use.target?.kind === 'table' ? use.target.table : runTable
  return prune(planPruning(statement, use, shapeOf(table)), shapeOf(table), values)
}

describe('N18: which pending rows a statement has to carry', () => {
  it.each([
    ['SELECT * FROM run WHERE id = $1', [id.toUpperCase()], [{ id }]],
    [`SELECT * FROM run r WHERE r.id = '${id}' AND status <> 'x'`, [], [{ id }]],
    ['SELECT * FROM run WHERE id = ANY($1)', [[id]], [{ id }]],
    ['SELECT * FROM run WHERE id = ANY($1::uuid[])', [`{${id}}`], [{ id }]],
    [
      'SELECT * FROM piece WHERE no IN (1, $2) AND run_id = $1',
      [id, '2'],
      [
        { run_id: id, no: '1' },
        { run_id: id, no: '2' },
      ],
    ],
    ['SELECT u.name FROM run r JOIN unit u ON u.id = r.unit_id WHERE r.id = $1', [id], [{ id }]],
    ['SELECT count(*) FROM run WHERE id = $1', [null], []],
  ])('%s: the rows with these keys', (sql, values, keys) => {
    expect(pruning(sql, values)).toEqual({ kind: 'keys', keys })
  })

  it.each([
    ['SELECT * FROM run WHERE id = $1 OR status = $2', [id, 'x']],
    ['SELECT * FROM run WHERE id::text = $1', [id]],
    ['SELECT * FROM run WHERE id > $1', [id]],
    ['SELECT * FROM run WHERE NOT id = $1', [id]],
    ['SELECT * FROM run WHERE id = $1', ['{0191a1b2-0000-7000-8000-000000000001}']],
    ['SELECT * FROM run WHERE unit_id = 5.0', []],
    ['SELECT * FROM run WHERE unit_id = $1', ['5.0']],
    ['SELECT * FROM run WHERE unit_id = $1::numeric', [5]],
    ['SELECT * FROM run WHERE started = $1', ['2024-01-01 00:00:00+00']],
    ['SELECT id FROM run JOIN unit USING (id) WHERE unit_id = 1', []],
    ['SELECT * FROM run AS r(a, b) WHERE b = 1', []],
    ['SELECT * FROM run LIMIT 5', []],
    ['SELECT * FROM run ORDER BY started LIMIT 5 OFFSET 1', []],
    ['SELECT status AS started FROM run ORDER BY started LIMIT 5', []],
    ['SELECT * FROM run ORDER BY status LIMIT 5', []],
  ])('%s %j: all', (sql, values) => {
    expect(pruning(sql, values)).toEqual({ kind: 'all' })
  })

  it('sends no excluded keys ahead where each result row shows which row it is', () => {
    const sql = 'SELECT id, upper(status) FROM run WHERE unit_id = $1 ORDER BY started DESC LIMIT 10'
    expect(pruning(sql, [7])).toMatchObject({
      kind: 'matching',
      isOptimistic: true,
      conditions: [{ values: ['7'] }],
      deciding: new Set(['unit_id', 'started']),
      first: { isDescending: true, nullsFirst: true, count: 10 },
    })
  })

  it.each([
    'SELECT count(*) FROM run WHERE unit_id = 1',
    'SELECT DISTINCT status FROM run WHERE unit_id = 1',
    'SELECT * FROM run WHERE unit_id = 1 ORDER BY started LIMIT 5 OFFSET 2',
    'SELECT * FROM run WHERE unit_id = 1 ORDER BY started FETCH FIRST 5 ROWS WITH TIES',
    'SELECT row_number() OVER () FROM run WHERE unit_id = 1',
    'SELECT unnest(ARRAY[1, 2]) FROM run WHERE unit_id = 1',
    'SELECT my_own(id) FROM run WHERE unit_id = 1',
    'SELECT r.* FROM run r JOIN unit u ON u.id = r.unit_id WHERE r.unit_id = 1',
    'SELECT * FROM run WHERE unit_id = 1 UNION SELECT * FROM run',
  ])('%s: excludes every pending key, because a returned row does not tell', (sql) => {
    expect(pruning(sql)).toMatchObject({ kind: 'matching', isOptimistic: false })
  })

  it('counts what ORDER BY an output column reads among the deciding columns', () => {
    const sql = 'SELECT id, upper(status) AS loud FROM run WHERE unit_id = 1 ORDER BY loud, 1'
    expect(pruning(sql)).toMatchObject({
      deciding: new Set(['unit_id', 'status', 'id', 'loud']),
      first: undefined,
    })
  })
})
