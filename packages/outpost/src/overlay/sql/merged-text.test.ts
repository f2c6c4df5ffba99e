import { describe, expect, it } from 'vitest'
import type { View } from '../../postgres/catalog.ts'
import { shapeOf } from '../encode/table-shape.ts'
import {
  pieceTable,
  runTable,
  sampleCatalog,
  sampleTable,
  unitTable,
} from '../property/sample-catalog.spec-suite.ts'
import { type MergePlan, mergedText } from './merged-text.ts'
import { loadGrammar } from './parse-cache.ts'
import type { CarryShape } from './shadow-cte.ts'
import { analyse } from './statement.ts'

await loadGrammar()

const view: View = {
  name: 'public.open_run',
  schema: 'public',
  relation: 'open_run',
  sql: " SELECT run.id,\n    run.status\n   FROM public.run\n  WHERE (run.status = 'open'::text);",
  columns: ['id', 'state'],
  isMaterialized: false,
  isSecurityBarrier: false,
}
const catalog = sampleCatalog(
  [runTable, unitTable, pieceTable, sampleTable('naïve', ['id int4'], ['id'])],
  [view],
)

const deleted = (table = runTable): CarryShape => ({
  table: shapeOf(table),
  readsBase: true,
  hasInserts: false,
  insertColumns: undefined,
  hasGuardedInserts: false,
  hasExcluded: true,
  patches: undefined,
  moves: undefined,
  moveKeys: 0,
  looksUpPatches: false,
})
const nothing: MergePlan = {
  carried: [],
  proof: undefined,
  showsKeyOf: undefined,
  difference: undefined,
}

function rewrite(sql: string, plan: Partial<MergePlan> = {}): string {
  const statement = analyse(sql, catalog, catalog.searchPath)
  return mergedText(statement, { ...nothing, ...plan }, catalog).text
}

/** What is left of a rewritten statement after the shadows in front. */
const body = (sql: string): string =>
  rewrite(sql, { carried: [deleted()] }).replace(
    /_op_t\d AS NOT MATERIALIZED \(SELECT .*? <> ALL \(\$\d::uuid\[\]\)\)/,
    'SHADOW',
  )

const proofWith = (parameter: string): string =>
  "CASE WHEN EXISTS (SELECT FROM outpost.lineage WHERE id = 'L'::uuid)" +
  ` AND EXISTS (SELECT FROM outpost.ledger WHERE site = 'obs' AND epoch = 'E'::uuid AND seq = ${parameter}::bigint)` +
  ` THEN true ELSE outpost.covers('L'::uuid, 'obs', 'E'::uuid, ${parameter}::bigint) END`
const proof = proofWith('$1')
const second = proofWith('$2')

describe('mergedText', () => {
  it('leaves a statement as it is where nothing is pending and nothing has to be proven', () => {
    const sql = 'SELECT /* all */ * FROM run -- end'
    expect(rewrite(sql)).toBe(sql)
  })

  it('E13: shadows the table with the filter outside the union', () => {
    expect(rewrite('SELECT id FROM run', { carried: [{ ...deleted(pieceTable), hasInserts: true }] })).toBe(
      'SELECT id FROM run',
    )
    const patches = { columns: [2], flagged: new Set<number>() }
    expect(rewrite('SELECT id FROM run', { carried: [{ ...deleted(), hasInserts: true, patches }] })).toBe(
      'WITH _op_t0 AS NOT MATERIALIZED (SELECT id, unit_id, status, started, doc FROM (' +
        'SELECT true AS _op_base, id, unit_id, status, started, doc FROM public.run' +
        ' UNION ALL SELECT false, n.id, n.unit_id, n.status, n.started, n.doc FROM unnest($1::public.run[]) AS n' +
        ' UNION ALL SELECT false, b.id, b.unit_id, p.v2, b.started, b.doc FROM unnest($2::uuid[], $3::text[]) AS p(k0, v2) JOIN public.run AS b ON b.id = p.k0' +
        ') AS _op_union(_op_base, id, unit_id, status, started, doc) WHERE NOT _op_base OR id <> ALL ($4::uuid[]))' +
        ' SELECT id FROM _op_t0 AS run',
    )
  })

  it('compares composite keys row by row', () => {
    expect(rewrite('SELECT * FROM piece', { carried: [deleted(pieceTable)] })).toContain(
      'WHERE NOT _op_base OR (run_id, no) NOT IN (SELECT x.k0, x.k1 FROM unnest($1::uuid[], $2::integer[]) AS x(k0, k1))',
    )
  })

  it.each([
    ['SELECT r.* FROM public.run AS r', 'WITH SHADOW SELECT r.* FROM _op_t0 AS r'],
    ['SELECT public.run.id FROM public.run', 'WITH SHADOW SELECT run.id FROM _op_t0 AS run'],
    ['TABLE run', 'WITH SHADOW TABLE _op_t0'],
    [
      'WITH x AS (SELECT 1) SELECT * FROM run, x',
      'WITH SHADOW, x AS (SELECT 1) SELECT * FROM _op_t0 AS run, x',
    ],
    [
      'WITH RECURSIVE x AS (SELECT id FROM run) SELECT * FROM x',
      'WITH RECURSIVE SHADOW, x AS (SELECT id FROM _op_t0 AS run) SELECT * FROM x',
    ],
    ['WITH run AS (SELECT 1 AS id) SELECT * FROM run', 'WITH run AS (SELECT 1 AS id) SELECT * FROM run'],
    [
      'WITH run AS (SELECT * FROM run) SELECT * FROM run',
      'WITH SHADOW, run AS (SELECT * FROM _op_t0 AS run) SELECT * FROM run',
    ],
    ['SELECT \'é\', id FROM "naïve", run', 'WITH SHADOW SELECT \'é\', id FROM "naïve", _op_t0 AS run'],
    [
      'SELECT run.id, run.status, count(*) FROM run JOIN unit u ON true GROUP BY run.id',
      'WITH SHADOW SELECT run.id, run.status, count(*) FROM _op_t0 AS run JOIN unit u ON true GROUP BY run.status, run.id',
    ],
    [
      'SELECT state FROM open_run WHERE id IS NULL',
      `WITH SHADOW, _op_v0(id, state) AS NOT MATERIALIZED ( SELECT run.id,\n    run.status\n   FROM _op_t0 AS run\n  WHERE (run.status = 'open'::text)) SELECT state FROM _op_v0 AS open_run WHERE id IS NULL`,
    ],
  ])('%s', (sql, expected) => {
    expect(body(sql)).toBe(expected)
  })

  it('refuses to group a column without equality that only the key made legal', () => {
    const grouped = () => body('SELECT doc FROM run GROUP BY id')
    expect(grouped).toThrow(expect.objectContaining({ code: 'read_refused' }))
  })

  it.each([
    ['SELECT id FROM unit', `SELECT id FROM unit WHERE ${proof}`],
    [
      'SELECT id FROM unit WHERE id = 1 OR true -- x',
      `SELECT id FROM unit WHERE ${proof} AND ( id = 1 OR true) -- x`,
    ],
    ['SELECT 1 AS "where", 2 AS limit', `SELECT 1 AS "where", 2 AS limit WHERE ${proof}`],
    [
      'SELECT id FROM unit GROUP BY id LIMIT 1',
      `SELECT * FROM (SELECT id FROM unit GROUP BY id LIMIT 1\n) AS _op_all WHERE ${proof}`,
    ],
    [
      'SELECT 1 UNION (SELECT 2 LIMIT 1);',
      `SELECT 1 WHERE ${proof} UNION (SELECT 2 WHERE ${proof} LIMIT 1);`,
    ],
    ['TABLE unit ORDER BY 1', `SELECT * FROM unit WHERE ${proof} ORDER BY 1`],
    ['VALUES (1);', `SELECT * FROM (VALUES (1)\n) AS _op_all WHERE ${proof}`],
    [
      'SELECT count(*) FROM unit -- all',
      `SELECT * FROM (SELECT count(*) FROM unit -- all\n) AS _op_all WHERE ${proof}`,
    ],
    [
      'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM unit UNION SELECT id FROM unit WHERE name IS DISTINCT FROM $1',
      `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM unit WHERE ${second} UNION SELECT id FROM unit WHERE ${second} AND ( name IS DISTINCT FROM $1)`,
    ],
  ])('N17: proves coverage in every part of %s', (sql, expected) => {
    expect(rewrite(sql, { proof: { site: 'obs', lineage: 'L', epochs: ['E'] } })).toBe(expected)
  })
})
