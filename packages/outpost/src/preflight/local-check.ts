import { type AstNode, columnRefOf, isNode, listOf, namesOf, nodeOf } from '../overlay/sql/ast.ts'
import { parseSelect } from '../overlay/sql/parse-cache.ts'
import type { Table } from '../postgres/catalog.ts'
import type { TextRow } from '../transaction/operation.ts'
import { compareValues } from '../transaction/value/range-order.ts'
import { castTo, constantOf, integerKind, kindOfColumn, type ValueKind } from './value-kind.ts'

/** SQL's three values. A CHECK refuses a row only where it says false. */
export type Truth = boolean | null

/** What a CHECK says of a row in the journal's texts, of which every column that it reads is there. */
export type LocalCheck = (row: TextRow) => Truth

type Compiled =
  | { readonly is: 'truth'; readonly of: (row: TextRow) => Truth }
  | { readonly is: 'value'; readonly kind: ValueKind; readonly of: (row: TextRow) => string | null }

/**
 * A CHECK's condition (as `pg_get_expr` writes it) to be judged here, or undefined where it uses more than comparisons
 * whose outcome is certain without a database: equality of texts of a deterministic collation, order of numbers and
 * dates of one type. The grammar has to be loaded.
 */
export function localCheck(table: Table, sql: string): LocalCheck | undefined {
  const target = nodeOf(listOf(parseSelect(`SELECT ${sql}`).targetList)[0], 'ResTarget')
  const compiled = new CheckCompiler(table).truth(target?.val)
  return compiled
}

type Judge = (row: TextRow) => Truth

class CheckCompiler {
  readonly #table: Table

  constructor(table: Table) {
    this.#table = table
  }

  truth(node: unknown): Judge | undefined {
    const compiled = this.#compile(node)
    return compiled?.is === 'truth' ? compiled.of : undefined
  }

  #compile(node: unknown): Compiled | undefined {
    if (!isNode(node)) return undefined
    const kind = Object.keys(node)[0] ?? ''
    const fields = nodeOf(node, kind)
    if (!fields) return undefined
    switch (kind) {
      case 'ColumnRef':
        return this.#column(node)
      case 'A_Const':
        return constant(fields)
      case 'TypeCast':
        return this.#cast(fields)
      case 'FuncCall':
        return this.#call(fields)
      case 'BoolExpr':
        return asTruth(this.#logic(fields))
      case 'NullTest':
        return asTruth(this.#nullTest(fields))
      case 'BooleanTest':
        return asTruth(this.#booleanTest(fields))
      case 'A_Expr':
        return asTruth(this.#expression(fields))
      default:
        return undefined
    }
  }

  #column(node: AstNode): Compiled | undefined {
    const names = columnRefOf(node)
    const column = names?.length === 1 ? this.#table.columns.find(({ name }) => name === names[0]) : undefined
    if (!column) return undefined
    const { name, type } = column
    if (type.kind === 'base' && type.base === 'bool') {
      return asTruth((row) => (row[name] === null ? null : row[name] === 't'))
    }
    const kind = kindOfColumn(type)
    return kind && { is: 'value', kind, of: (row) => row[name] ?? null }
  }

  #cast({ arg, typeName }: AstNode): Compiled | undefined {
    const inner = this.#compile(arg)
    if (inner?.is !== 'value' || !isNode(typeName)) return undefined
    if (listOf(typeName.typmods).length > 0 || listOf(typeName.arrayBounds).length > 0) return undefined
    const cast = castTo(inner.kind, namesOf(typeName.names))
    if (!cast) return undefined
    const { read } = cast
    if (!read) return { ...inner, kind: cast.kind }
    // A constant is read once; one that PostgreSQL would read otherwise is left to it.
    const text = inner.of({})
    const value = text === null ? null : read(text)
    return value === undefined ? undefined : { is: 'value', kind: cast.kind, of: () => value }
  }

  #call({ funcname, args, ...others }: AstNode): Compiled | undefined {
    const [only, ...more] = listOf(args)
    const inner = this.#compile(only)
    const isPlain = more.length === 0 && !('agg_filter' in others) && !('over' in others)
    if (!isPlain || inner?.is !== 'value' || inner.kind.name !== 'text' || inner.kind.isLiteral)
      return undefined
    const change = textFunctions.get(namesOf(funcname).at(-1) ?? '')
    if (!change) return undefined
    const of = (row: TextRow): string | null => {
      const text = inner.of(row)
      return text === null ? null : change.of(text)
    }
    return { is: 'value', kind: change.kind, of }
  }

  #logic({ boolop, args }: AstNode): Judge | undefined {
    const judges = listOf(args).map((arg) => this.truth(arg))
    if (!judges.every((judge) => judge !== undefined)) return undefined
    switch (boolop) {
      case 'AND_EXPR':
        return (row) => all(judges.map((judge) => judge(row)))
      case 'OR_EXPR':
        return (row) => any(judges.map((judge) => judge(row)))
      case 'NOT_EXPR': {
        const [judge] = judges
        return judge && ((row) => not(judge(row)))
      }
      default:
        return undefined
    }
  }

  #nullTest({ arg, nulltesttype }: AstNode): Judge | undefined {
    const inner = this.#compile(arg)
    if (!inner) return undefined
    const isNullWanted = nulltesttype === 'IS_NULL'
    return (row) => (inner.of(row) === null) === isNullWanted
  }

  #booleanTest({ arg, booltesttype }: AstNode): Judge | undefined {
    const judge = this.truth(arg)
    const test = booleanTests.get(String(booltesttype))
    return judge && test && ((row) => test(judge(row)))
  }

  #expression({ kind, name, lexpr, rexpr }: AstNode): Judge | undefined {
    const operator = namesOf(name)
    const [symbol] = operator
    if (operator.length !== 1 || symbol === undefined) return undefined
    switch (kind) {
      case 'AEXPR_OP':
        return this.#comparison(symbol, this.#compile(lexpr), this.#compile(rexpr))
      case 'AEXPR_DISTINCT':
      case 'AEXPR_NOT_DISTINCT':
        return this.#distinct(kind === 'AEXPR_DISTINCT', this.#compile(lexpr), this.#compile(rexpr))
      case 'AEXPR_OP_ANY':
        return this.#each(symbol, lexpr, rexpr, any)
      case 'AEXPR_OP_ALL':
        return this.#each(symbol, lexpr, rexpr, all)
      default:
        return undefined
    }
  }

  #comparison(symbol: string, left: Compiled | undefined, right: Compiled | undefined): Judge | undefined {
    const test = comparisons.get(symbol)
    const order = test && orderOf(left, right, symbol === '=' || symbol === '<>')
    if (!test || !order) return undefined
    return (row) => {
      const found = order(row)
      return found === null ? null : test(found)
    }
  }

  #distinct(isWanted: boolean, left: Compiled | undefined, right: Compiled | undefined): Judge | undefined {
    const order = orderOf(left, right, true)
    if (!left || !right || !order) return undefined
    return (row) => {
      const found = order(row)
      const isDistinct = found === null ? (left.of(row) === null) !== (right.of(row) === null) : found !== 0
      return isDistinct === isWanted
    }
  }

  /** `value = ANY (ARRAY[…])`, also with the array cast as a whole. */
  #each(
    symbol: string,
    left: unknown,
    right: unknown,
    combine: (truths: readonly Truth[]) => Truth,
  ): Judge | undefined {
    const cast = nodeOf(right, 'TypeCast')
    const array = nodeOf(cast ? cast.arg : right, 'A_ArrayExpr')
    const typeName = isNode(cast?.typeName) ? cast.typeName : undefined
    if (!array || (cast && !typeName)) return undefined
    const value = this.#compile(left)
    const judges = listOf(array.elements).map((element) => {
      const asked = typeName
        ? { TypeCast: { arg: element, typeName: { ...typeName, arrayBounds: [] } } }
        : element
      return this.#comparison(symbol, value, this.#compile(asked))
    })
    if (!judges.every((judge) => judge !== undefined)) return undefined
    return (row) => combine(judges.map((judge) => judge(row)))
  }
}

/** Functions of one text that give the same everywhere. */
const textFunctions: ReadonlyMap<
  string,
  { readonly kind: ValueKind; readonly of: (text: string) => string }
> = new Map(
  ['length', 'char_length', 'character_length'].map((name) => [
    name,
    { kind: integerKind, of: (text: string) => String([...text].length) },
  ]),
)

const asTruth = (of: Judge | undefined): Compiled | undefined => of && { is: 'truth', of }

function constant(fields: AstNode): Compiled | undefined {
  if (isNode(fields.boolval)) {
    const truth = fields.boolval.boolval === true
    return asTruth(() => truth)
  }
  const found = constantOf(fields)
  return found && { is: 'value', kind: found.kind, of: () => found.text }
}

/** Negative, zero or positive; null where a side is null; undefined where the two cannot be compared here. */
function orderOf(
  left: Compiled | undefined,
  right: Compiled | undefined,
  isEquality: boolean,
): ((row: TextRow) => number | null) | undefined {
  if (left?.is === 'truth' && right?.is === 'truth') {
    return (row) => {
      const [a, b] = [left.of(row), right.of(row)]
      return a === null || b === null ? null : Number(a) - Number(b)
    }
  }
  if (left?.is !== 'value' || right?.is !== 'value' || left.kind.name !== right.kind.name) return undefined
  const { ordered } = left.kind
  if (!ordered && !isEquality) return undefined
  return (row) => {
    const [a, b] = [left.of(row), right.of(row)]
    if (a === null || b === null) return null
    return ordered ? compareValues(a, b, ordered) : Number(a !== b)
  }
}

const comparisons: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['=', (order) => order === 0],
  ['<>', (order) => order !== 0],
  ['<', (order) => order < 0],
  ['<=', (order) => order <= 0],
  ['>', (order) => order > 0],
  ['>=', (order) => order >= 0],
])

const booleanTests = new Map<string, (truth: Truth) => boolean>([
  ['IS_TRUE', (truth) => truth === true],
  ['IS_NOT_TRUE', (truth) => truth !== true],
  ['IS_FALSE', (truth) => truth === false],
  ['IS_NOT_FALSE', (truth) => truth !== false],
  ['IS_UNKNOWN', (truth) => truth === null],
  ['IS_NOT_UNKNOWN', (truth) => truth !== null],
])

const all = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true
const any = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false
const not = (truth: Truth): Truth => (truth === null ? null : !truth)
