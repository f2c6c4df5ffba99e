import { type AstNode, isNode } from '../overlay/sql/ast.ts'
import type { ColumnType } from '../postgres/catalog.ts'
import { parseDecimal } from '../transaction/value/decimal.ts'
import { floatText } from '../transaction/value/float.ts'

/** Values that PostgreSQL compares with each other, and how that is done here. */
export interface ValueKind {
  readonly name: string
  /** Present where the order of two texts is known ({@link compareValues}); else only whether they are equal. */
  readonly ordered?: { readonly base: string }
  /** A constant of the expression, not a column's value. */
  readonly isLiteral: boolean
}

const ordered: ReadonlyMap<string, string> = new Map([
  ['int2', 'integer'],
  ['int4', 'integer'],
  ['int8', 'integer'],
  ['numeric', 'numeric'],
  ['float8', 'float8'],
  ['date', 'date'],
  ['timestamp', 'timestamp'],
  ['timestamptz', 'timestamptz'],
  ['time', 'time'],
])

const texts: ReadonlySet<string> = new Set(['text', 'varchar'])

function kindOfBase(base: string, isLiteral: boolean): ValueKind | undefined {
  if (texts.has(base)) return { name: 'text', isLiteral }
  if (base === 'uuid') return { name: 'uuid', isLiteral }
  const name = ordered.get(base)
  return name === undefined ? undefined : { name, ordered: { base }, isLiteral }
}

export const integerKind: ValueKind = { name: 'integer', ordered: { base: 'int4' }, isLiteral: false }

/** Undefined for types that only PostgreSQL can compare. */
export function kindOfColumn({ kind, base, hasExactEquality }: ColumnType): ValueKind | undefined {
  if (!hasExactEquality) return undefined
  if (kind === 'enum') return { name: `enum ${base}`, isLiteral: false }
  return kind === 'base' ? kindOfBase(base, false) : undefined
}

/** A number or string of the expression; undefined for NULL, bits and what else there is. */
export function constantOf(fields: AstNode): { readonly kind: ValueKind; readonly text: string } | undefined {
  const of = (base: string, text: string) => ({ kind: kindOfBase(base, true)!, text })
  if (isNode(fields.ival)) return of('int4', String(Number(fields.ival.ival ?? 0)))
  if (isNode(fields.fval)) {
    const text = String(fields.fval.fval)
    return of(/^\d+$/.test(text) && BigInt(text) < 2n ** 63n ? 'int8' : 'numeric', text)
  }
  return isNode(fields.sval) ? of('text', String(fields.sval.sval ?? '')) : undefined
}

/** The kind after a cast, and for a constant how its text is read; undefined where that is left to PostgreSQL. */
export interface Cast {
  readonly kind: ValueKind
  readonly read?: (text: string) => string | undefined
}

/** A cast of a value of this kind to the type of these names, without a length or precision. */
export function castTo(from: ValueKind, names: readonly string[]): Cast | undefined {
  const [schema] = names
  const base = names.at(-1) ?? ''
  const isBuiltIn = names.length === 1 || schema === 'pg_catalog'
  const kind = isBuiltIn ? kindOfBase(base, from.isLiteral) : undefined
  if (from.name === 'text') {
    if (kind?.name === 'text') return { kind }
    if (!from.isLiteral) return undefined
    const form = isBuiltIn ? forms.get(base) : undefined
    if (kind) return form && { kind, read: (text) => form(text) }
    return isBuiltIn && builtIn.has(base)
      ? undefined
      : { kind: { name: `enum ${base}`, isLiteral: true }, read: (text) => text }
  }
  if (from.name === 'integer') {
    if (base === 'int8' || base === 'numeric') return kind && { kind }
    return from.isLiteral && kind && base === 'float8' ? { kind, read: float } : undefined
  }
  return from.name === 'numeric' && from.isLiteral && kind && base === 'float8'
    ? { kind, read: float }
    : undefined
}

/** Types of the system that a string constant is cast to: no enum is called so. */
const builtIn: ReadonlySet<string> = new Set([
  'bool',
  'bpchar',
  'name',
  'json',
  'jsonb',
  'bytea',
  'interval',
  'timetz',
])

const matching =
  (pattern: RegExp) =>
  (text: string): string | undefined =>
    pattern.test(text) ? text : undefined

const integer = matching(/^(0|-?[1-9]\d{0,18})$/)
const special: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity'])
const decimal = (text: string): string | undefined =>
  special.has(text) || parseDecimal(text) !== undefined ? text : undefined

function float(text: string): string | undefined {
  return decimal(text) === undefined
    ? undefined
    : floatText(text, { base: 'float8', name: 'double precision' })
}

/** How the text of a constant must stand to mean the same here as on the server, whatever its settings. */
const forms: ReadonlyMap<string, (text: string) => string | undefined> = new Map([
  ['int2', integer],
  ['int4', integer],
  ['int8', integer],
  ['numeric', decimal],
  ['float8', float],
  ['uuid', matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)],
  ['date', matching(/^\d{4}-\d\d-\d\d$/)],
  ['timestamp', matching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?$/)],
  ['timestamptz', matching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?\+00$/)],
  ['time', matching(/^\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?$/)],
])
