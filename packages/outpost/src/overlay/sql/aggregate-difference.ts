import type { Column } from '../../postgres/catalog.ts'
import { quoteIdent } from '../../postgres/quote.ts'
import { type AggregateCall, aggregateCalls, impliedName, isStable } from './aggregate-calls.ts'
import { type AstNode, columnRefOf, isNode, listOf, locationOf, nodeOf, walk } from './ast.ts'
import { applySplices, type Splice } from './splice.ts'
import type { Statement, TableUse } from './statement.ts'
import { type ByteRange, type TopLeaf, topLeaves } from './top-leaves.ts'

/**
 * An aggregate over a whole table, computed as main's own answer, minus what the pending rows' old versions gave,
 * plus what the new ones give. Main's part is the caller's query unchanged, with its indexes and parallel workers;
 * to filter every row of a large table by its key would cost several times as much.
 */
export interface AggregateDifference {
  readonly use: TableUse
  readonly leaf: TopLeaf
  readonly groups: readonly GroupColumn[]
  readonly calls: readonly AggregateCall[]
  /** Changes to the select list, HAVING and the rest, that make them read the combined groups. */
  readonly outer: readonly Splice[]
}

interface GroupColumn {
  readonly fields: readonly string[]
  readonly text: string
}

export const inexactColumn = '_op_inexact'

/** Undefined where the difference would not be exact, or is not followed here. Pure. */
export function planDifference(statement: Statement, use: TableUse): AggregateDifference | undefined {
  return new DifferencePlanner(statement, use).plan()
}

class DifferencePlanner {
  readonly #statement: Statement
  readonly #use: TableUse
  readonly #select: AstNode
  readonly #bytes: Buffer

  constructor(statement: Statement, use: TableUse) {
    this.#statement = statement
    this.#use = use
    this.#select = statement.select
    this.#bytes = Buffer.from(statement.sql, 'utf8')
  }

  plan(): AggregateDifference | undefined {
    const leaf = this.#leaf()
    const groups = this.#groups()
    if (!leaf || !groups) return undefined
    const { targetList, havingClause, sortClause } = this.#select
    const calls = aggregateCalls(this.#statement, [targetList, havingClause, sortClause], (fields) =>
      this.#column(fields),
    )
    if (!calls || (calls.length === 0 && groups.length === 0)) return undefined
    const outer = this.#outer(groups, calls)
    return outer && { use: this.#use, leaf, groups, calls, outer }
  }

  #leaf(): TopLeaf | undefined {
    const { select } = this.#statement
    const others = ['distinctClause', 'windowClause', 'withClause', 'valuesLists']
    if (this.#statement.scopes.length !== 1 || select.op !== 'SETOP_NONE') return undefined
    if (others.some((name) => select[name] !== undefined) || !this.#use.includesChildren) return undefined
    if (this.#statement.columns.some(({ fields }) => fields.length > 2)) return undefined
    if (!this.#statement.uses.every((use) => use.target?.kind === 'table' && !use.hasColumnAliases))
      return undefined
    if (!listOf(select.fromClause).every((item) => this.#isLinear(item))) return undefined
    if (!isStable([select.fromClause, select.whereClause, select.groupClause])) return undefined
    const leaves = topLeaves(this.#statement.tokens)
    return leaves?.length === 1 && leaves[0]!.from ? leaves[0] : undefined
  }

  /** Each row of the pending table gives its own rows: it never stands where an outer join fills in nulls. */
  #isLinear(item: unknown): boolean {
    if (nodeOf(item, 'RangeVar')) return true
    const join = nodeOf(item, 'JoinExpr')
    if (!join || !this.#isLinear(join.larg) || !this.#isLinear(join.rarg)) return false
    if (join.jointype === 'JOIN_INNER') return true
    if (join.jointype === 'JOIN_LEFT') return !this.#holdsUse(join.rarg)
    return join.jointype === 'JOIN_RIGHT' && !this.#holdsUse(join.larg)
  }

  #holdsUse(item: unknown): boolean {
    let holds = false
    walk(item, (kind, fields) => {
      if (kind === 'RangeVar' && locationOf(fields) === this.#use.start) holds = true
      return !holds
    })
    return holds
  }

  #groups(): readonly GroupColumn[] | undefined {
    const groups: GroupColumn[] = []
    for (const item of listOf(this.#select.groupClause)) {
      const node = this.#groupItem(item)
      const fields = columnRefOf(node)
      if (!fields || fields.at(-1) === '*' || !this.#column(fields)) return undefined
      groups.push({
        fields,
        text: this.#referenceText(locationOf(nodeOf(node, 'ColumnRef')!), fields.length),
      })
    }
    return groups
  }

  #groupItem(item: unknown): unknown {
    const ordinal = nodeOf(item, 'A_Const')?.ival
    if (!isNode(ordinal)) return item
    return nodeOf(listOf(this.#select.targetList)[Number(ordinal.ival ?? 0) - 1], 'ResTarget')?.val
  }

  /** The column that a reference means, where exactly one of the tables has it. */
  #column(fields: readonly string[]): Column | undefined {
    const owners = this.#statement.uses.filter(
      (use) => fields.length === 1 || (use.alias ?? use.relation) === fields.at(-2),
    )
    const found = owners.flatMap((use) =>
      use.target?.kind === 'table'
        ? use.target.table.columns.filter((column) => column.name === fields.at(-1))
        : [],
    )
    return found.length === 1 ? found[0] : undefined
  }

  #outer(groups: readonly GroupColumn[], calls: readonly AggregateCall[]): readonly Splice[] | undefined {
    const splices: Splice[] = calls.map(({ range }, index) => ({ ...range, text: `_op_d.a${index}` }))
    const isInCall = (at: number): boolean => calls.some(({ range }) => at >= range.start && at < range.end)
    const outputs = new Set<string>()
    for (const entry of listOf(this.#select.targetList)) {
      const target = nodeOf(entry, 'ResTarget')
      const name = typeof target?.name === 'string' ? target.name : impliedName(target?.val)
      if (name !== undefined) outputs.add(name)
    }
    const sorted = new Set(listOf(this.#select.sortClause).map((entry) => nodeOf(entry, 'SortBy')?.node))
    const { targetList, havingClause, sortClause } = this.#select
    let isKnown = true
    walk([targetList, havingClause, sortClause], (kind, node) => {
      if (kind !== 'ColumnRef' || isInCall(locationOf(node))) return isKnown
      const fields = columnRefOf({ ColumnRef: node })!
      const isOutput =
        fields.length === 1 &&
        outputs.has(fields[0]!) &&
        [...sorted].some((entry) => nodeOf(entry, 'ColumnRef') === node)
      if (isOutput) return true
      const group = groupOf(groups, fields)
      if (group === -1) isKnown = false
      else splices.push({ ...this.#reference(locationOf(node), fields.length), text: `_op_d.g${group}` })
      return isKnown
    })
    return isKnown ? [...splices, ...this.#nameSplices()] : undefined
  }

  /** Replaced columns keep the name that PostgreSQL had given them. */
  #nameSplices(): readonly Splice[] {
    const targets = listOf(this.#select.targetList).map((entry) => nodeOf(entry, 'ResTarget')!)
    const { tokens } = this.#statement.tokens
    const leaf = topLeaves(this.#statement.tokens)![0]!
    return targets.flatMap((target, index) => {
      const name = target.name === undefined ? impliedName(target.val) : undefined
      if (name === undefined) return []
      const next = targets[index + 1]
      if (!next) return [{ start: leaf.list.end, end: leaf.list.end, text: ` AS ${quoteIdent(name)}` }]
      // The comma before the next target ends this one.
      let comma = this.#statement.tokens.indexBefore(firstByte(next))
      const depth = this.#statement.tokens.tokens[this.#statement.tokens.indexBefore(leaf.list.start)]!.depth
      while (!(tokens[comma]!.text === ',' && tokens[comma]!.depth === depth)) comma--
      const at = tokens[comma - 1]!.end
      return [{ start: at, end: at, text: ` AS ${quoteIdent(name)}` }]
    })
  }

  #reference(start: number, parts: number): ByteRange {
    const first = this.#statement.tokens.indexAt(start)
    return { start, end: this.#statement.tokens.tokens[first + 2 * parts - 2]!.end }
  }

  #referenceText(start: number, parts: number): string {
    const range = this.#reference(start, parts)
    return this.#bytes.toString('utf8', range.start, range.end)
  }
}

/** Leftmost byte of a target: its own location may be that of an operator. */
function firstByte(target: AstNode): number {
  let first = locationOf(target)
  walk(target, (_kind, fields) => {
    if (typeof fields.location === 'number' && fields.location >= 0) first = Math.min(first, fields.location)
    return undefined
  })
  return first
}

/** Index of the group that a reference means; -1 for none or more than one. */
function groupOf(groups: readonly GroupColumn[], fields: readonly string[]): number {
  const found = groups.flatMap((group, index) => {
    const isSame =
      group.fields.at(-1) === fields.at(-1) &&
      (fields.length === 1 || group.fields.length === 1 || group.fields.at(-2) === fields.at(-2))
    return isSame ? [index] : []
  })
  return found.length >= 1 && new Set(found.map((index) => groups[index]!.text)).size === 1 ? found[0]! : -1
}

export interface DifferenceQueries {
  /** Query name that stands for the old versions of the pending rows, and for the new ones. */
  readonly oldRows: string
  readonly newRows: string
  /** Condition that proves coverage, for the statement as a whole. */
  readonly proof: string | undefined
}

/** The WITH query of the combined groups, and the statement that reads it. */
export function differenceText(
  statement: Statement,
  { use, leaf, groups, calls, outer }: AggregateDifference,
  { oldRows, newRows, proof }: DifferenceQueries,
): { readonly groupsQuery: string; readonly select: string } {
  const bytes = Buffer.from(statement.sql, 'utf8')
  const from = leaf.from!
  const shifted = { start: use.start - from.start, end: use.end - from.start }
  const alias = use.alias === undefined ? ` AS ${quoteIdent(use.relation)}` : ''
  const fromText = bytes.toString('utf8', from.start, from.end)
  const fromOf = (name: string) => applySplices(fromText, [{ ...shifted, text: name + alias }])
  const where = 'at' in leaf.where ? undefined : bytes.toString('utf8', leaf.where.start, leaf.where.end)
  const part = (source: 0 | 1 | 2, fromPart: string): string => {
    const list = [
      ...groups.map((group) => group.text),
      String(source),
      ...calls.flatMap((call) => partsOf(call, source)),
    ]
    const sign = source === 1 ? '-' : ''
    const condition = where === undefined ? '' : ` WHERE ${where}\n`
    const grouped = groups.length > 0 ? ` GROUP BY ${groups.map((group) => group.text).join(', ')}` : ''
    return `SELECT ${[...list, `${sign}count(*)`].join(', ')} FROM${fromPart}\n${condition}${grouped}`
  }
  const groupNames = groups.map((_, index) => `g${index}`)
  const partNames = calls.flatMap((call, index) => partsOf(call, 0).map((_, at) => `p${index}_${at}`))
  const parts = [part(0, fromText), part(1, fromOf(oldRows)), part(2, fromOf(newRows))]
  const columns = [...groupNames, 'source', ...partNames, 'row_count'].join(', ')
  const combined = [
    ...groupNames,
    ...calls.map((call, index) => `${combinedOf(call, index)} AS a${index}`),
    `${inexactOf(calls)} AS inexact`,
  ]
  const grouped = groups.length > 0 ? ` GROUP BY ${groupNames.join(', ')} HAVING sum(row_count) > 0` : ''
  const groupsQuery = `SELECT ${combined.join(', ')} FROM (${parts.join(' UNION ALL ')}) AS p(${columns})${grouped}`
  return { groupsQuery, select: outerSelect(statement, leaf, outer, proof) }
}

function outerSelect(
  statement: Statement,
  leaf: TopLeaf,
  outer: readonly Splice[],
  proof: string | undefined,
): string {
  const bytes = Buffer.from(statement.sql, 'utf8')
  const textOf = (range: ByteRange): string => {
    const inside = outer.filter((splice) => splice.start >= range.start && splice.end <= range.end)
    const shifted = inside.map((splice) => ({
      ...splice,
      start: splice.start - range.start,
      end: splice.end - range.start,
    }))
    return applySplices(bytes.toString('utf8', range.start, range.end), shifted)
  }
  const conditions = [proof, leaf.having && `(${textOf(leaf.having)}\n)`].filter((text) => text !== undefined)
  const having = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''
  const flag = `(SELECT bool_or(inexact) FROM _op_d) AS ${inexactColumn}`
  return `SELECT${textOf(leaf.list)}, ${flag} FROM _op_d${having}${textOf(leaf.tail)}`
}

/** What of an aggregate is computed per source: 0 main's rows, 1 their old versions, 2 the new ones. */
function partsOf(call: AggregateCall, source: 0 | 1 | 2): readonly string[] {
  const sign = source === 1 ? '-' : ''
  switch (call.kind) {
    case 'count':
      return [`${sign}count${call.rest}`]
    case 'sum':
    case 'avg':
      return [`${sign}sum${call.rest}`, `${sign}count${call.rest}`]
    case 'min':
    case 'max':
      return source === 1 ? ['NULL', `${call.kind}${call.rest}`] : [`${call.kind}${call.rest}`, 'NULL']
  }
}

function combinedOf(call: AggregateCall, index: number): string {
  const first = `p${index}_0`
  const hasValues = `sum(p${index}_1) > 0`
  switch (call.kind) {
    case 'count':
      return `coalesce(sum(${first}), 0)::bigint`
    case 'sum':
      return `CASE WHEN ${hasValues} THEN sum(${first})::${call.sumType} END`
    case 'avg':
      return `CASE WHEN ${hasValues} THEN sum(${first}) / sum(p${index}_1) END`
    case 'min':
    case 'max':
      return `${call.kind}(${first})`
  }
}

/** A maximum that a replaced row held may be another one now, and NaN cannot be taken away again. */
function inexactOf(calls: readonly AggregateCall[]): string {
  const checks = calls.flatMap((call, index) => {
    const first = `p${index}_0`
    if (call.kind === 'min' || call.kind === 'max') {
      return [`coalesce(${call.kind}(p${index}_1) = ${call.kind}(${first}) FILTER (WHERE source = 0), false)`]
    }
    return call.mayBeNaN ? [`coalesce(bool_or(${first} = 'NaN'), false)`] : []
  })
  return checks.length > 0 ? checks.join(' OR ') : 'false'
}
