import { quoteIdent } from '../../postgres/quote.ts'
import type { ColumnShape, TableShape } from '../encode/table-shape.ts'
import type { AddedParameter, AddedParameters } from './parameters.ts'

/** Which columns a set of carried patches changes. */
export interface PatchShape {
  readonly columns: readonly number[]
  /** Of these, the ones that some patch leaves alone: they come with a flag per row. */
  readonly flagged: ReadonlySet<number>
}

/** What is carried for one table; statements of equal shape have equal text. */
export interface CarryShape {
  readonly table: TableShape
  /** False where every row that can matter is carried: the table itself is then read for patches only. */
  readonly readsBase: boolean
  readonly hasInserts: boolean
  /** Columns of the new rows that travel as an array each; undefined where the rows travel whole. */
  readonly insertColumns: readonly number[] | undefined
  readonly hasGuardedInserts: boolean
  readonly hasExcluded: boolean
  readonly patches: PatchShape | undefined
  readonly moves: PatchShape | undefined
  /** The most keys that main's row of a changed key is looked for under. */
  readonly moveKeys: number
  /**
   * Looks patched rows up one by one. Right for a page of rows; for a scan of the whole table the planner is free
   * to join, and to do it in parallel.
   */
  readonly looksUpPatches: boolean
}

/** Names the shape; equal names mean equal SQL. */
export function shapeName(shape: CarryShape): string {
  const patch = (part: PatchShape | undefined): string =>
    part ? `${part.columns.join()}!${[...part.flagged].join()}` : '-'
  const flags = [
    shape.readsBase,
    shape.hasInserts,
    shape.hasGuardedInserts,
    shape.hasExcluded,
    shape.looksUpPatches,
  ]
  return `${shape.table.table.name}|${flags.map(Number).join('')}|${patch(shape.patches)}|${patch(shape.moves)}|${shape.moveKeys}|${shape.insertColumns?.join() ?? '-'}`
}

const isBase = '_op_base'

/**
 * The query that shadows a table: main's rows without those that are pending, and the pending ones.
 *
 * ```sql
 * SELECT id, status FROM (
 *   SELECT true AS _op_base, id, status FROM public.run
 *   UNION ALL SELECT false, id, status FROM unnest($2::public.run[]) AS n
 *   UNION ALL SELECT false, b.id, p.v1 FROM unnest($3::uuid[], $4::text[]) AS p(k0, v1) JOIN public.run AS b ON …
 * ) AS u WHERE NOT _op_base OR id <> ALL($5::uuid[])
 * ```
 * The filter stands outside the union on purpose: there the planner can still merge the legs in index order (E13).
 */
export function shadowQuery(
  shape: CarryShape,
  parameters: AddedParameters,
  includesChildren: boolean,
  patchedFrom = shape.table.table.name,
): string {
  const names = shape.table.columns.map((column) => quoteIdent(column.column.name)).join(', ')
  const table = shape.table.table.name
  const only = includesChildren ? '' : 'ONLY '
  const base = `SELECT true AS ${isBase}, ${names} FROM ${only}${table}`
  const legs = shape.readsBase ? [base] : []
  if (shape.hasInserts) legs.push(newRowsLeg(shape, parameters))
  if (shape.hasGuardedInserts) legs.push(insertLeg(shape, parameters, true))
  if (shape.patches) legs.push(patchLeg(shape, shape.patches, parameters, patchedFrom))
  if (shape.moves) legs.push(moveLeg(shape, shape.moves, parameters))
  if (legs.length === 0) legs.push(`${base} WHERE false`)
  const filter =
    shape.hasExcluded && shape.readsBase
      ? ` WHERE NOT ${isBase} OR ${notExcluded(shape.table, parameters)}`
      : ''
  return `SELECT ${names} FROM (${legs.join(' UNION ALL ')}) AS _op_union(${isBase}, ${names})${filter}`
}

/**
 * Rows put together from columns. As a row of the table's type each value has its column's collation; where that is
 * the type's own the planner takes the row apart again.
 */
function newRowsLeg(shape: CarryShape, parameters: AddedParameters): string {
  const { table, insertColumns } = shape
  if (!insertColumns) return insertLeg(shape, parameters, false)
  const arrays = insertColumns.map((column) =>
    parameters.add(
      { kind: 'insert_value', table: table.table.name, column },
      arrayType(table.columns[column]!),
    ),
  )
  const names = insertColumns.map((column) => `v${column}`).join(', ')
  const values = table.columns.map((column) =>
    insertColumns.includes(column.index) ? carriedValue(column, `a.v${column.index}`) : 'NULL',
  )
  const list = table.columns.map((column) => `(n.r).${ident(column)}`).join(', ')
  const rows = `SELECT ROW(${values.join(', ')})::${table.table.name} AS r FROM unnest(${arrays.join(', ')}) AS a(${names})`
  return `SELECT false, ${list} FROM (${rows}) AS n`
}

function insertLeg(shape: CarryShape, parameters: AddedParameters, guarded: boolean): string {
  const { table, columns } = shape.table
  const rows = parameters.add({ kind: 'inserts', table: table.name, guarded }, `${table.name}[]`)
  const list = columns
    .map((column) => (column.isGenerated ? generated(column) : `n.${ident(column)}`))
    .join(', ')
  const leg = `SELECT false, ${list} FROM unnest(${rows}) AS n`
  if (!guarded) return leg
  return `${leg} WHERE NOT EXISTS (SELECT FROM ${table.name} AS b WHERE ${keyJoin(shape.table, 'n')})`
}

const ident = (column: ColumnShape): string => quoteIdent(column.column.name)

const generated = (column: ColumnShape): string =>
  `(${column.column.generatedSql})::${column.column.type.nameWithModifier}`

function keyJoin(shape: TableShape, other: string): string {
  return shape.keys.map((key) => `b.${ident(key)} = ${other}.${ident(key)}`).join(' AND ')
}

/** An array cannot hold arrays of unlike size, so a column that is an array travels as text. */
const travelsTyped = (column: ColumnShape): boolean => column.column.type.kind !== 'array'

const arrayType = (column: ColumnShape): string =>
  travelsTyped(column) ? `${column.column.type.name}[]` : 'text[]'

/** One carried value in its column's own type, with length and precision applied as a write would. */
function carriedValue(column: ColumnShape, source: string): string {
  const { type } = column.column
  if (travelsTyped(column) && type.modifier === -1) return source
  return `${source}::${type.nameWithModifier}`
}

interface PatchKinds {
  readonly value: 'patch_value' | 'move_value'
  readonly set: 'patch_set' | 'move_set'
}

/** Arrays of new values, a flag array where needed, and the columns of the merged row. */
function patchColumns(shape: TableShape, patch: PatchShape, kinds: PatchKinds, parameters: AddedParameters) {
  const table = shape.table.name
  const arrays: string[] = []
  const names: string[] = []
  const add = (parameter: AddedParameter, type: string, name: string) => {
    arrays.push(parameters.add(parameter, type))
    names.push(name)
  }
  const merged = new Map<number, string>()
  for (const index of patch.columns) {
    const column = shape.columns[index]!
    add({ kind: kinds.value, table, column: index }, arrayType(column), `v${index}`)
    const value = carriedValue(column, `p.v${index}`)
    if (!patch.flagged.has(index)) merged.set(index, value)
    else {
      add({ kind: kinds.set, table, column: index }, 'boolean[]', `s${index}`)
      merged.set(index, `CASE WHEN p.s${index} THEN ${value} ELSE b.${ident(column)} END`)
    }
  }
  return { arrays, names, merged }
}

function patchLeg(carry: CarryShape, patch: PatchShape, parameters: AddedParameters, base: string): string {
  const shape = carry.table
  const table = shape.table.name
  const keyArrays = shape.keys.map((key, index) =>
    parameters.add({ kind: 'patch_key', table, key: index }, arrayType(key)),
  )
  const keyNames = shape.keys.map((_, index) => `k${index}`)
  const { arrays, names, merged } = patchColumns(
    shape,
    patch,
    { value: 'patch_value', set: 'patch_set' },
    parameters,
  )
  const source = `unnest(${[...keyArrays, ...arrays].join(', ')}) AS p(${[...keyNames, ...names].join(', ')})`
  const on = shape.keys
    .map((key, index) => `b.${ident(key)} = ${carriedValue(key, `p.k${index}`)}`)
    .join(' AND ')
  const from = carry.looksUpPatches
    ? `${source} CROSS JOIN LATERAL (SELECT * FROM ${base} AS b WHERE ${on} OFFSET 0) AS b`
    : `${source} JOIN ${base} AS b ON ${on}`
  return mergedRows(shape, merged, from)
}

/** A row whose key was changed lies on main under one of its keys, depending on what is replicated. */
function moveLeg(carry: CarryShape, patch: PatchShape, parameters: AddedParameters): string {
  const shape = carry.table
  const table = shape.table.name
  const choices = Array.from({ length: carry.moveKeys }, (_, choice) => choice)
  const keyArrays = choices.flatMap((choice) =>
    shape.keys.map((key, index) =>
      parameters.add({ kind: 'move_key', table, key: index, choice }, arrayType(key)),
    ),
  )
  const keyNames = choices.flatMap((choice) => shape.keys.map((_, index) => `k${choice}_${index}`))
  const kinds = { value: 'move_value', set: 'move_set' } as const
  const { arrays, names, merged } = patchColumns(shape, patch, kinds, parameters)
  const source = `unnest(${[...keyArrays, ...arrays].join(', ')}) AS p(${[...keyNames, ...names].join(', ')})`
  const found = choices.map((choice) => {
    const on = shape.keys.map(
      (key, index) => `b.${ident(key)} = ${carriedValue(key, `p.k${choice}_${index}`)}`,
    )
    return `SELECT ${choice} AS _op_choice, b.* FROM ${table} AS b WHERE ${on.join(' AND ')}`
  })
  const row = `(SELECT * FROM (${found.join(' UNION ALL ')}) AS c ORDER BY _op_choice LIMIT 1) AS b`
  return mergedRows(shape, merged, `${source} CROSS JOIN LATERAL ${row}`)
}

/** Generated columns are computed over the merged row, so it is named first. */
function mergedRows(shape: TableShape, merged: ReadonlyMap<number, string>, from: string): string {
  const stored = shape.columns.filter((column) => !column.isGenerated)
  const value = (column: ColumnShape): string => merged.get(column.index) ?? `b.${ident(column)}`
  if (stored.length === shape.columns.length) {
    return `SELECT false, ${stored.map(value).join(', ')} FROM ${from}`
  }
  const inner = stored.map((column) => `${value(column)} AS ${ident(column)}`).join(', ')
  const outer = shape.columns.map((column) => (column.isGenerated ? generated(column) : `m.${ident(column)}`))
  return `SELECT false, ${outer.join(', ')} FROM (SELECT ${inner} FROM ${from}) AS m`
}

function notExcluded(shape: TableShape, parameters: AddedParameters): string {
  const table = shape.table.name
  const arrays = shape.keys.map((key, index) =>
    parameters.add({ kind: 'excluded', table, key: index, which: 'all' }, arrayType(key)),
  )
  if (shape.keys.length === 1) return `${ident(shape.keys[0]!)} <> ALL (${arrays[0]})`
  const names = shape.keys.map(ident)
  const fields = shape.keys.map((_, index) => `x.k${index}`)
  const sources = fields.map((_, index) => `k${index}`)
  return `(${names.join(', ')}) NOT IN (SELECT ${fields.join(', ')} FROM unnest(${arrays.join(', ')}) AS x(${sources.join(', ')}))`
}

/** Always true, and restricted to the leader of a parallel plan. */
const isLeader = 'pg_catalog.pg_backend_pid() > 0'

/**
 * Main's own versions of the rows that are pending, found by key. Where the node's ledger has none of the
 * transactions that inserted rows, it has none of these rows either and they are not looked for: during an outage
 * that is most of a backlog. `site` is undefined where the node may not have a ledger.
 *
 * The keys come through a subquery so that the planner does not see how many there are: it would take thousands of
 * look-ups for expensive enough to compile them, which takes longer than to make them. That subquery belongs to the
 * leader: whatever a worker may run is sent to each worker as text, arrays too, byte by byte.
 */
export function replacedQuery(
  shape: CarryShape,
  parameters: AddedParameters,
  site: string | undefined,
): string {
  const { table, keys } = shape.table
  const arrays = (which: 'all' | 'inserted' | 'changed'): readonly string[] =>
    keys.map((key, index) =>
      parameters.add({ kind: 'excluded', table: table.name, key: index, which }, arrayType(key)),
    )
  const names = keys.map((_, index) => `k${index}`).join(', ')
  const unnested = (list: readonly string[]): string =>
    `SELECT * FROM unnest(${list.map((array) => `(SELECT ${array} WHERE ${isLeader})`).join(', ')}) AS k(${names})`
  const on = keys.map((key, index) => `b.${ident(key)} = ${carriedValue(key, `k.k${index}`)}`).join(' AND ')
  const source =
    site === undefined
      ? unnested(arrays('all'))
      : `${unnested(arrays('changed'))} UNION ALL ${unnested(arrays('inserted'))} WHERE ${hasInserted(table.name, parameters, site)}`
  return `SELECT b.* FROM (${source}) AS k CROSS JOIN LATERAL (SELECT * FROM ${table.name} AS b WHERE ${on} OFFSET 0) AS b`
}

function hasInserted(table: string, parameters: AddedParameters, site: string): string {
  const oldest = parameters.add({ kind: 'oldest_insert', table }, 'bigint')
  const epochs = parameters.add({ kind: 'insert_epochs', table }, 'uuid[]')
  const applied = `SELECT FROM outpost.ledger AS l WHERE l.site = ${site} AND l.epoch = e.epoch AND l.seq >= ${oldest}`
  const dropped = `SELECT FROM outpost.epoch AS d WHERE d.site = ${site} AND d.epoch = e.epoch AND d.dropped_through >= ${oldest}`
  return `(SELECT bool_or(EXISTS (${applied}) OR EXISTS (${dropped})) FROM unnest(${epochs}) AS e(epoch))`
}
