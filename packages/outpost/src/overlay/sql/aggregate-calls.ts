import type { Column } from '../../postgres/catalog.ts'
import { type AstNode, columnRefOf, isNode, listOf, locationOf, namesOf, walk } from './ast.ts'
import { rowFunctions } from './row-by-row.ts'
import type { Statement } from './statement.ts'
import type { ByteRange } from './top-leaves.ts'

/** An aggregate of which the change by some rows is the change of its parts. */
export interface AggregateCall {
  readonly kind: 'count' | 'sum' | 'avg' | 'min' | 'max'
  /** The whole call with its FILTER. */
  readonly range: ByteRange
  /** What stands after the function's name: arguments and FILTER. */
  readonly rest: string
  /** The sum's type: of integers it is exact whatever the order; of numerics unless one is NaN. */
  readonly sumType: 'bigint' | 'numeric' | undefined
  readonly mayBeNaN: boolean
}

const kinds: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max'])
/** Functions that answer differently when they are called again. */
const volatileFunctions: ReadonlySet<string> = new Set(['clock_timestamp', 'gen_random_uuid'])

/** True when every function call below is of one row and answers the same each time. */
export function isStable(value: unknown): boolean {
  let stable = true
  walk(value, (kind, fields) => {
    if (kind === 'FuncCall' && !isRowCall(fields)) stable = false
    return stable
  })
  return stable
}

function isRowCall(call: AstNode): boolean {
  const names = namesOf(call.funcname)
  const name = (names.at(-1) ?? '').toLowerCase()
  const isBuiltIn = names.length === 1 || names[0] === 'pg_catalog'
  return isBuiltIn && call.over === undefined && rowFunctions.has(name) && !volatileFunctions.has(name)
}

/** The aggregates called below, or undefined where there is another call that is not of one row. */
export function aggregateCalls(
  statement: Statement,
  value: unknown,
  columnOf: (fields: readonly string[]) => Column | undefined,
): readonly AggregateCall[] | undefined {
  const calls: AggregateCall[] = []
  let isKnown = true
  walk(value, (kind, fields) => {
    if (kind !== 'FuncCall' || !isKnown) return isKnown
    if (isRowCall(fields)) return true
    const call = aggregateCall(statement, fields, columnOf)
    if (call) calls.push(call)
    else isKnown = false
    return false
  })
  return isKnown ? calls : undefined
}

function aggregateCall(
  statement: Statement,
  fields: AstNode,
  columnOf: (fields: readonly string[]) => Column | undefined,
): AggregateCall | undefined {
  const names = namesOf(fields.funcname)
  const kind = names.length === 1 ? names[0]! : ''
  const args = listOf(fields.args)
  const isPlain = [fields.agg_distinct, fields.agg_order, fields.over, fields.agg_within_group].every(
    (part) => part === undefined,
  )
  if (!kinds.has(kind) || !isPlain || !isStable([args, fields.agg_filter])) return undefined
  const place = callRange(statement, locationOf(fields))
  const common = { ...place, kind: kind as AggregateCall['kind'], sumType: undefined, mayBeNaN: false }
  if (kind === 'count') return common
  const reference = columnRefOf(args[0])
  const column = args.length === 1 && reference ? columnOf(reference) : undefined
  if (!column) return undefined
  if (kind === 'min' || kind === 'max') return common
  const sum = sumOf(column)
  return sum && { ...common, ...sum }
}

/** A float's sum depends on the order of adding; a numeric's digits on the scale of all that was ever added. */
function sumOf({ type }: Column): Pick<AggregateCall, 'sumType' | 'mayBeNaN'> | undefined {
  if (type.kind !== 'base') return undefined
  if (type.base === 'int2' || type.base === 'int4') return { sumType: 'bigint', mayBeNaN: false }
  if (type.base === 'int8') return { sumType: 'numeric', mayBeNaN: false }
  return type.base === 'numeric' && type.modifier !== -1 ? { sumType: 'numeric', mayBeNaN: true } : undefined
}

function callRange(statement: Statement, start: number): { range: ByteRange; rest: string } {
  const { tokens } = statement.tokens
  let index = statement.tokens.indexAt(start)
  while (tokens[index]!.text !== '(') index++
  const open = index
  index = closing(statement, open)
  const isFiltered = tokens[index + 1]?.text === 'FILTER' && tokens[index + 2]?.text === '('
  if (isFiltered) index = closing(statement, index + 2)
  const end = tokens[index]!.end
  const bytes = Buffer.from(statement.sql, 'utf8')
  return { range: { start, end }, rest: bytes.toString('utf8', tokens[open]!.start, end) }
}

function closing(statement: Statement, open: number): number {
  const { tokens } = statement.tokens
  let index = open + 1
  while (!(tokens[index]!.text === ')' && tokens[index]!.depth === tokens[open]!.depth)) index++
  return index
}

/** The name that PostgreSQL gives an output column, where that is an aggregate or a column; undefined for others. */
export function impliedName(value: unknown): string | undefined {
  if (!isNode(value)) return undefined
  const cast = value.TypeCast
  if (isNode(cast)) return impliedName(cast.arg)
  const call = value.FuncCall
  if (isNode(call)) return namesOf(call.funcname).at(-1)
  return columnRefOf(value)?.at(-1)
}
