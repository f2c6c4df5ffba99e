import type { TextRow } from '../transaction/operation.ts'
import { parseArrayText } from './encode/array-text.ts'
import type { ColumnShape, TableShape } from './encode/table-shape.ts'
import { canonicalValue } from './exact-value.ts'
import { firstRows, type RowOrder, rowOrder } from './row-order.ts'
import { type AstNode, columnRefOf, columnRefsIn, isNode, listOf, namesOf, nodeOf, walk } from './sql/ast.ts'
import { isRowByRow } from './sql/row-by-row.ts'
import type { Statement, TableUse } from './sql/statement.ts'

/** Which pending rows of a table a statement has to carry (N18). */
export type Pruning =
  /** All of them, and all their keys are excluded from main's rows. */
  | { readonly kind: 'all' }
  /** Only the rows with these keys can matter. */
  | { readonly kind: 'keys'; readonly keys: readonly TextRow[] }
  /** Only images that fulfil every condition can matter. */
  | {
      readonly kind: 'matching'
      readonly conditions: readonly Condition[]
      /** Columns that decide which rows come and in what order; undefined for all columns. */
      readonly deciding: ReadonlySet<string> | undefined
      /** Each result row is one row of the table and can show its key: excluded keys need not be sent ahead. */
      readonly isOptimistic: boolean
      /** Only so many of the first new rows in this order can be among the result's. */
      readonly first: FirstRows | undefined
    }

/** ORDER BY a column of which the order is known here, and LIMIT. */
export interface FirstRows {
  readonly column: ColumnShape
  readonly isDescending: boolean
  readonly nullsFirst: boolean
  readonly count: number
}

/** The column equals one of these values (canonical texts). */
export interface Condition {
  readonly column: ColumnShape
  readonly values: readonly string[]
}

type Operand =
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'parameter'; readonly number: number }
  /** A parameter that is an array: `= ANY($1)`. */
  | { readonly kind: 'array'; readonly number: number }

interface StaticCondition {
  readonly column: ColumnShape
  readonly operands: readonly Operand[]
}

/** What can be known of a use's pruning before the values are. */
export interface PruningPlan {
  readonly conditions: readonly StaticCondition[]
  readonly deciding: ReadonlySet<string> | undefined
  readonly isOptimistic: boolean
  /** Every condition of the WHERE clause is among `conditions`. */
  readonly isComplete: boolean
  readonly order: RowOrder | undefined
}

/** More key combinations than this are not looked up one by one. */
const maximumKeys = 1000

/** Finds the conditions on a table that is named once in the statement. Pure; cached with the statement. */
export function planPruning(statement: Statement, use: TableUse, shape: TableShape): PruningPlan {
  if (use.hasColumnAliases) {
    return { conditions: [], deciding: undefined, isOptimistic: false, isComplete: false, order: undefined }
  }
  const finder = new ConditionFinder(statement, use, shape)
  const entries = conjuncts(use.scope.select.whereClause)
  const conditions = entries.flatMap((entry) => finder.condition(entry) ?? [])
  const canShowKey = shape.keys.length > 0 && shape.keys.every((key) => key.hasExactText)
  return {
    conditions,
    deciding: decidingColumns(use, shape),
    isOptimistic: canShowKey && isRowByRow(statement, use),
    isComplete: conditions.length === entries.length,
    order: rowOrder(use, shape),
  }
}

/** The pruning for these parameter values. Pure. */
export function prune(plan: PruningPlan, shape: TableShape, values: readonly unknown[]): Pruning {
  const conditions: Condition[] = []
  for (const { column, operands } of plan.conditions) {
    const texts = operandTexts(column, operands, values)
    if (texts) conditions.push({ column, values: texts })
  }
  const keys = keysOf(shape, conditions)
  if (keys) return { kind: 'keys', keys }
  const usable = conditions.filter(({ column }) => !column.isGenerated)
  const isWhole = plan.isComplete && usable.length === plan.conditions.length
  const first = plan.isOptimistic && isWhole ? firstRows(plan.order, values) : undefined
  if (usable.length === 0 && !first) return { kind: 'all' }
  const { deciding, isOptimistic } = plan
  return { kind: 'matching', conditions: usable, deciding, isOptimistic, first }
}

function keysOf(shape: TableShape, conditions: readonly Condition[]): readonly TextRow[] | undefined {
  if (shape.keys.length === 0) return undefined
  let rows: TextRow[] = [{}]
  for (const key of shape.keys) {
    const condition = conditions.find(({ column }) => column === key)
    if (!condition || rows.length * condition.values.length > maximumKeys) return undefined
    rows = rows.flatMap((row) => condition.values.map((value) => ({ ...row, [key.column.name]: value })))
  }
  return rows
}

/** Undefined where a value's equality is not exact here; null equals nothing. */
function operandTexts(
  column: ColumnShape,
  operands: readonly Operand[],
  values: readonly unknown[],
): readonly string[] | undefined {
  const texts = new Set<string>()
  for (const value of operands.flatMap((operand) => operandValues(operand, values))) {
    if (value === null || value === undefined) continue
    const text = canonicalValue(column, value)
    if (text === undefined) return undefined
    texts.add(text)
  }
  return [...texts]
}

/** A value that cannot be read answers a symbol, which equals nothing that is known. */
function operandValues(operand: Operand, values: readonly unknown[]): readonly unknown[] {
  if (operand.kind === 'constant') return [operand.value]
  const value = values[operand.number - 1]
  if (operand.kind === 'parameter') return [value]
  if (Array.isArray(value)) return value
  if (value === null || value === undefined) return []
  const parsed = typeof value === 'string' ? parseArrayText(value) : undefined
  return parsed ?? [Symbol('unreadable')]
}

function conjuncts(where: unknown): readonly unknown[] {
  const both = nodeOf(where, 'BoolExpr')
  if (both?.boolop === 'AND_EXPR') return listOf(both.args).flatMap(conjuncts)
  return where === undefined ? [] : [where]
}

const castNames: ReadonlyMap<string, readonly string[]> = new Map([
  ['uuid', ['uuid']],
  ['text', ['text', 'varchar']],
  ['varchar', ['text', 'varchar']],
  ['bool', ['bool']],
  ['int2', ['int2', 'int4', 'int8']],
  ['int4', ['int2', 'int4', 'int8']],
  ['int8', ['int2', 'int4', 'int8']],
])

class ConditionFinder {
  readonly #use: TableUse
  readonly #shape: TableShape
  readonly #isAlone: boolean
  /** Types that parameters are cast to anywhere: these decide how the value is read everywhere. */
  readonly #casts = new Map<number, Set<string>>()

  constructor(statement: Statement, use: TableUse, shape: TableShape) {
    this.#use = use
    this.#shape = shape
    this.#isAlone =
      listOf(use.scope.select.fromClause).length === 1 &&
      isNode(nodeOf(listOf(use.scope.select.fromClause)[0], 'RangeVar'))
    walk(statement.select, (kind, fields) => {
      const number = kind === 'TypeCast' ? nodeOf(fields.arg, 'ParamRef')?.number : undefined
      if (typeof number === 'number') {
        this.#casts.set(number, (this.#casts.get(number) ?? new Set()).add(typeName(fields)))
      }
      return undefined
    })
  }

  condition(node: unknown): StaticCondition | undefined {
    const expression = nodeOf(node, 'A_Expr')
    if (!expression || namesOf(expression.name).join('.') !== '=') return undefined
    switch (expression.kind) {
      case 'AEXPR_OP':
        return (
          this.#build(expression.lexpr, [expression.rexpr]) ??
          this.#build(expression.rexpr, [expression.lexpr])
        )
      case 'AEXPR_IN':
        return this.#build(expression.lexpr, listOf(nodeOf(expression.rexpr, 'List')?.items))
      case 'AEXPR_OP_ANY':
        return this.#any(expression)
      default:
        return undefined
    }
  }

  #any(expression: AstNode): StaticCondition | undefined {
    const elements = nodeOf(expression.rexpr, 'A_ArrayExpr')?.elements
    if (elements !== undefined) return this.#build(expression.lexpr, listOf(elements))
    const column = this.#column(expression.lexpr)
    const { rexpr } = expression
    const cast = nodeOf(rexpr, 'TypeCast')
    const number = nodeOf(cast ? cast.arg : rexpr, 'ParamRef')?.number
    if (!column || typeof number !== 'number' || !this.#isReadAs(column, number)) return undefined
    return { column, operands: [{ kind: 'array', number }] }
  }

  #build(left: unknown, right: readonly unknown[]): StaticCondition | undefined {
    const column = this.#column(left)
    if (!column || right.length === 0) return undefined
    const operands = right.map((node) => this.#operand(column, node))
    if (operands.some((operand) => operand === undefined)) return undefined
    return { column, operands: operands.filter((operand) => operand !== undefined) }
  }

  #column(node: unknown): ColumnShape | undefined {
    const fields = columnRefOf(node)
    if (!fields) return undefined
    const isOurs =
      fields.length === 1 ? this.#isAlone : fields.at(-2) === (this.#use.alias ?? this.#use.relation)
    const column = isOurs ? this.#shape.byName.get(fields.at(-1)!) : undefined
    return column?.hasExactText ? column : undefined
  }

  #operand(column: ColumnShape, node: unknown): Operand | undefined {
    const cast = nodeOf(node, 'TypeCast')
    if (cast && !isCastTo(column, typeName(cast))) return undefined
    const inner = cast ? cast.arg : node
    const number = nodeOf(inner, 'ParamRef')?.number
    if (typeof number === 'number') {
      return this.#isReadAs(column, number) ? { kind: 'parameter', number } : undefined
    }
    const constant = nodeOf(inner, 'A_Const')
    return constant && constantOperand(constant)
  }

  #isReadAs(column: ColumnShape, number: number): boolean {
    return [...(this.#casts.get(number) ?? [])].every((name) => isCastTo(column, name.replace('[]', '')))
  }
}

function isCastTo(column: ColumnShape, name: string): boolean {
  return castNames.get(column.column.type.base)?.includes(name) ?? false
}

function typeName(cast: AstNode): string {
  const type = isNode(cast.typeName) ? cast.typeName : {}
  const hasModifier = listOf(type.typmods).length > 0
  const suffix = listOf(type.arrayBounds).length > 0 ? '[]' : ''
  return hasModifier ? '' : (namesOf(type.names).at(-1) ?? '') + suffix
}

/** A number with a point or beyond an integer compares as numeric: not exact here. */
function constantOperand(constant: AstNode): Operand | undefined {
  if (constant.isnull === true) return { kind: 'constant', value: null }
  if (isNode(constant.ival)) return { kind: 'constant', value: Number(constant.ival.ival ?? 0) }
  if (isNode(constant.boolval)) return { kind: 'constant', value: constant.boolval.boolval === true }
  if (isNode(constant.sval)) return { kind: 'constant', value: String(constant.sval.sval ?? '') }
  return undefined
}

/** Columns read by WHERE and ORDER BY; all where that cannot be told by name. */
function decidingColumns(use: TableUse, shape: TableShape): ReadonlySet<string> | undefined {
  const { whereClause, sortClause, targetList } = use.scope.select
  const outputs = new Set(listOf(targetList).map((entry) => nodeOf(entry, 'ResTarget')?.name))
  const sortsByOutput = listOf(sortClause).some((entry) => {
    const node = nodeOf(entry, 'SortBy')?.node
    const fields = columnRefOf(node)
    return nodeOf(node, 'A_Const') !== undefined || (fields?.length === 1 && outputs.has(fields[0]))
  })
  const names = new Set<string>()
  for (const fields of columnRefsIn(whereClause, sortClause, sortsByOutput ? targetList : [])) {
    const last = fields.at(-1)!
    const column = shape.byName.get(last)
    if (last === '*' || last === (use.alias ?? use.relation) || column?.isGenerated) return undefined
    names.add(last)
  }
  return names
}
