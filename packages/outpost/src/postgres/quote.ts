import { OutpostError } from '../errors/outpost-error.ts'
import type { TableName } from './catalog.ts'
import { reservedWords } from './reserved-words.ts'

const plainIdentifier = /^[a-z_][a-z0-9_]*$/

/**
 * An identifier as SQL writes it: bare when it is safe so, in double quotes otherwise, like PostgreSQL's
 * `quote_ident`. Errors: `invalid_value` for a name that no PostgreSQL object can have (empty, or with NUL).
 */
export function quoteIdent(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new OutpostError(
      'invalid_value',
      `${JSON.stringify(name)} cannot be the name of anything in PostgreSQL.`,
      {
        hint: 'Names have at least one character and no NUL.',
      },
    )
  }
  if (plainIdentifier.test(name) && !reservedWords.has(name)) return name
  return `"${name.replaceAll('"', '""')}"`
}

/** The canonical name of a relation: `schema.relation`, each part quoted where needed. */
export function quoteTable(schema: string, relation: string): TableName {
  return `${quoteIdent(schema)}.${quoteIdent(relation)}`
}

/**
 * A string constant for a statement that cannot carry parameters. Backslashes are written in the `E''` form, so the
 * result is the same whatever `standard_conforming_strings` says.
 */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) {
    throw new OutpostError('invalid_value', 'A text for PostgreSQL cannot contain a NUL character.')
  }
  const doubled = value.replaceAll("'", "''")
  return value.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`
}
