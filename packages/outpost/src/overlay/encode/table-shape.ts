import type { Column, Table } from '../../postgres/catalog.ts'
import { codecFor, type ValueCodec } from './value-codec.ts'

/** First object id that a user's own types can have; those below are the same on every server. */
const firstUserOid = 16_384

/** What encoding and SQL need of one column, worked out once per catalog. */
export interface ColumnShape {
  readonly index: number
  readonly column: Column
  /** Undefined where the type has no binary codec here. */
  readonly codec: ValueCodec | undefined
  readonly isKey: boolean
  readonly isGenerated: boolean
  /** A domain, or an extension's type: its receive function may refuse null, so it is never left out. */
  readonly mayRefuseNull: boolean
  /** Two texts are equal exactly when the values are (N18). */
  readonly hasExactText: boolean
}

/** What encoding and SQL need of one table. */
export interface TableShape {
  readonly table: Table
  readonly columns: readonly ColumnShape[]
  readonly keys: readonly ColumnShape[]
  readonly byName: ReadonlyMap<string, ColumnShape>
  /** Every column has a binary codec. */
  readonly isBinary: boolean
}

const exactBases: ReadonlySet<string> = new Set(['bool', 'int2', 'int4', 'int8', 'uuid', 'text', 'varchar'])

const shapes = new WeakMap<Table, TableShape>()

/** The shape of a table; the same object for the same table. */
export function shapeOf(table: Table): TableShape {
  const known = shapes.get(table)
  if (known) return known
  const columns = table.columns.map((column, index) => columnShape(table, column, index))
  const byName = new Map(columns.map((shape) => [shape.column.name, shape]))
  const shape: TableShape = {
    table,
    columns,
    keys: table.primaryKey.map((name) => byName.get(name)!),
    byName,
    isBinary: columns.every((entry) => entry.codec !== undefined || entry.isGenerated),
  }
  shapes.set(table, shape)
  return shape
}

function columnShape(table: Table, column: Column, index: number): ColumnShape {
  const { type } = column
  return {
    index,
    column,
    codec: codecFor(type),
    isKey: table.primaryKey.includes(column.name),
    isGenerated: column.generatedSql !== undefined,
    mayRefuseNull: type.kind === 'base' && type.oid >= firstUserOid,
    hasExactText:
      type.hasExactEquality && (type.kind === 'enum' || (type.kind === 'base' && exactBases.has(type.base))),
  }
}

/**
 * One text per key value: `1.0` and `1.00` are one numeric key, `a ` and `a` one `character(2)` key. What
 * PostgreSQL writes for the other types is already unique.
 */
export function canonicalKeyText(shape: ColumnShape, text: string): string {
  switch (shape.column.type.base) {
    case 'uuid':
      return text.toLowerCase()
    case 'numeric':
      return text.includes('.') ? text.replace(/\.?0+$/, '') : text
    case 'bpchar':
      return text.replace(/ +$/, '')
    case 'float4':
    case 'float8':
      return text === '-0' ? '0' : text
    default:
      return text
  }
}
