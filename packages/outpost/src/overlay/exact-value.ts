import type { ColumnShape } from './encode/table-shape.ts'

const uuidText = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
const integerText = /^[+-]?\d{1,19}$/

/**
 * The one text that a compared value has in the journal, or undefined where its equality in PostgreSQL is not
 * certain to be equality of texts (N18).
 */
export function canonicalValue(column: ColumnShape, value: unknown): string | undefined {
  if (!column.hasExactText) return undefined
  const { kind, base } = column.column.type
  if (kind === 'enum') return typeof value === 'string' ? value : undefined
  switch (base) {
    case 'uuid':
      return typeof value === 'string' && uuidText.test(value) ? value.toLowerCase() : undefined
    case 'int2':
    case 'int4':
    case 'int8':
      return integer(value)
    case 'bool':
      return boolean(value)
    case 'text':
    case 'varchar':
      return typeof value === 'string' ? value : undefined
    default:
      return undefined
  }
}

function integer(value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
  return typeof value === 'string' && integerText.test(value)
    ? String(BigInt(value.replace('+', '')))
    : undefined
}

function boolean(value: unknown): string | undefined {
  if (value === true || value === 't' || value === 'true') return 't'
  if (value === false || value === 'f' || value === 'false') return 'f'
  return undefined
}
